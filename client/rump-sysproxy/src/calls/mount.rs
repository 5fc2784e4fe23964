//! mount(2), unmount(2), reboot(2), quotactl(2).

use super::call::{Answer, Call, answer};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::mount::*;
use rump_abi::{Errno, MountFlags};
use rump_kern::{MountArgs, Unmount};
use rump_kpi::KResult;

/// Bytes of the name of a type, with the NUL that ends it.
const TYPE_MAX: usize = 32;

/// What the arguments of a mount say.
#[derive(Default)]
struct Said {
    /// The path of the device.
    source: Option<Vec<u8>>,
    /// Options as the driver reads them.
    options: String,
    /// Whom the root is to belong to.
    owner: Option<(u32, u32)>,
}

/// The length of the arguments is told; a structure that begins with `fspec` alone will do for every type on disks, and
/// nothing at all for those without.
pub(super) fn mount50(call: &mut Call<'_>) -> Answer {
    let length = call.slot(4)?;
    mount(call, Some(length))
}

/// The length of the arguments is that of their type.
pub(super) fn mount40(call: &mut Call<'_>) -> Answer {
    mount(call, None)
}

fn mount(call: &mut Call<'_>, length: Option<u64>) -> Answer {
    let (fs_type, dir) = (call.text(0, TYPE_MAX)?, call.path(1)?);
    let flags = flags(call.uint(2)?)?;
    let fs_type = String::from_utf8(fs_type).map_err(|_| Errno::ENODEV)?;
    let said = read(call, &fs_type, length)?;
    let args = MountArgs { source: said.source, flags, options: said.options };
    call.process.mount(&fs_type, &dir, args)?;
    answer(match said.owner {
        Some((uid, gid)) if !flags.contains(MountFlags::RDONLY) => {
            call.process.chown(&dir, Some(uid), Some(gid))
        }
        _ => Ok(()),
    })
}

/// Errors: EINVAL (too short, or a version that is not known), EFAULT, EOPNOTSUPP (a flag).
fn read(call: &mut Call<'_>, fs_type: &str, length: Option<u64>) -> KResult<Said> {
    match Arguments::of(fs_type.as_bytes(), length) {
        Arguments::Nothing => Ok(Said::default()),
        Arguments::Tmpfs => {
            let args: TmpfsArgs = structure(call, length)?;
            let owner = Some((args.root_uid, args.root_gid));
            Ok(Said { source: None, options: args.options()?, owner })
        }
        Arguments::Msdosfs => {
            let args: MsdosfsArgs = structure(call, length)?;
            on_disk(call, args.fspec, args.options())
        }
        Arguments::Iso => {
            let args: IsoArgs = structure(call, length)?;
            on_disk(call, args.fspec, args.options()?)
        }
        Arguments::Disk => {
            let args: UfsArgs = structure(call, length)?;
            on_disk(call, args.fspec, String::new())
        }
    }
}

/// Errors: EINVAL (too short), EFAULT.
fn structure<T: Layout>(call: &mut Call<'_>, length: Option<u64>) -> KResult<T> {
    if length.is_some_and(|length| length < T::SIZE as u64) {
        return Err(Errno::EINVAL.into());
    }
    call.read(3)
}

/// Errors: EFAULT, ENAMETOOLONG.
fn on_disk(call: &mut Call<'_>, path: u64, options: String) -> KResult<Said> {
    Ok(Said { source: Some(call.path_at(path)?), options, owner: None })
}

pub(super) fn unmount(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    let how = match call.uint(1)? {
        0 => Unmount::Normal,
        MNT_FORCE => Unmount::Force,
        _ => return Err(Errno::EINVAL.into()),
    };
    answer(call.process.unmount(path, how))
}

/// Halts the kernel, whatever the arguments say: there is no machine to start again.
pub(super) fn reboot(call: &mut Call<'_>) -> Answer {
    answer(call.process.reboot())
}

pub(super) fn quotactl(call: &mut Call<'_>) -> Answer {
    let path = call.path(0)?;
    match call.process.quotactl(path)? {}
}
