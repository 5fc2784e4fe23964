//! mount(2), unmount(2), reboot(2), quotactl(2).

use super::call::{Answer, Call, answer};
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::mount::*;
use rump_abi::{Errno, MountFlags};
use rump_kern::{MountArgs, Unmount};
use rump_kpi::KResult;
use std::fmt::Write;

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
    let flags = flags(call.uint(2)?).map_err(|bad| match bad {
        BadFlags::Unsupported => Errno::EOPNOTSUPP,
        BadFlags::Unknown => Errno::EINVAL,
    })?;
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
    let is_disk_alone = length == Some(UfsArgs::SIZE as u64);
    match fs_type {
        "kernfs" => Ok(Said::default()),
        "tmpfs" if length == Some(0) => Ok(Said::default()),
        "tmpfs" => tmpfs(&structure(call, length)?),
        "msdos" if !is_disk_alone => {
            let args = structure(call, length)?;
            msdos(call, &args)
        }
        "cd9660" if !is_disk_alone => {
            let args = structure(call, length)?;
            iso(call, &args)
        }
        _ => {
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

fn msdos(call: &mut Call<'_>, args: &MsdosfsArgs) -> KResult<Said> {
    let version = if args.flags & MSDOSFSMNT_VERSIONED != 0 { args.version } else { 1 };
    // NetBSD's masks are what is granted, the options' what is not.
    let denied = |mask: u32| !mask & 0o777;
    let dirmask = if version >= 2 { args.dirmask } else { args.mask };
    let mut options = String::new();
    let _ = write!(options, "uid={},gid={}", args.uid, args.gid);
    let _ = write!(options, ",fmask={:o},dmask={:o}", denied(args.mask), denied(dirmask));
    if version >= 3 {
        let _ = write!(options, ",time_offset={}", args.gmtoff / 60);
    }
    on_disk(call, args.fspec, options)
}

fn iso(call: &mut Call<'_>, args: &IsoArgs) -> KResult<Said> {
    let all =
        [(ISOFSMNT_NORRIP, "norrip"), (ISOFSMNT_NOJOLIET, "nojoliet"), (ISOFSMNT_NOCASETRANS, "map=off")];
    if args.flags & !all.iter().fold(0, |known, (flag, _)| known | flag) != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let said: Vec<_> =
        all.iter().filter(|(flag, _)| args.flags & flag != 0).map(|(_, option)| *option).collect();
    on_disk(call, args.fspec, said.join(","))
}

fn tmpfs(args: &TmpfsArgs) -> KResult<Said> {
    if args.version != TMPFS_ARGS_VERSION {
        return Err(Errno::EINVAL.into());
    }
    let mut options = String::new();
    let _ = write!(options, "mode={:o}", args.root_mode & 0o7777);
    if args.nodes_max != 0 {
        let _ = write!(options, ",nr_inodes={}", args.nodes_max);
    }
    if args.size_max > 0 {
        let _ = write!(options, ",size={}", args.size_max);
    }
    Ok(Said { source: None, options, owner: Some((args.root_uid, args.root_gid)) })
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
