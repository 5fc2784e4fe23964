//! mount(2), unmount(2), reboot(2), quotactl(2).

use super::call;
use crate::caller::Caller;
use crate::layout::mount_args;
use crate::pointer::{Source, Text};
use crate::{caller, errno, missing};
use libc::{c_char, c_int, c_void, size_t};
use rump_abi::{Errno, MountFlags};
use rump_kern::{MountArgs, Unmount};
use rump_kpi::{KError, KResult};

/// NetBSD's `MNT_FORCE`.
const MNT_FORCE: c_int = 0x8_0000;
/// The host's.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HOST_FORCE: c_int = libc::MNT_FORCE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const HOST_FORCE: c_int = MNT_FORCE;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_mount(
    fs_type: Text,
    dir: Text,
    flags: c_int,
    args: Source,
    length: size_t,
) -> c_int {
    call(|process| {
        let (fs_type, dir, flags) = (fs_type.bytes()?, dir.bytes()?, mount_args::flags(flags)?);
        let said = mount_args::read(fs_type, &args, length)?;
        let args = MountArgs { source: said.source, flags, options: said.options };
        mount(process, fs_type, dir, args)?;
        match said.owner {
            Some((uid, gid)) if !flags.contains(MountFlags::RDONLY) => {
                process.chown(dir, Some(uid), Some(gid))
            }
            _ => Ok(()),
        }
    })
}

/// As [`rump_sys_mount`], with the options of our drivers as text; answers the error number.
#[unsafe(no_mangle)]
pub extern "C" fn rump_pub_mount(
    fs_type: Text,
    source: Text,
    dir: Text,
    flags: c_int,
    options: Text,
) -> c_int {
    errno::status(caller::process().and_then(|process| {
        let (fs_type, dir, flags) = (fs_type.bytes()?, dir.bytes()?, mount_args::flags(flags)?);
        let options = std::str::from_utf8(options.optional().unwrap_or_default());
        let options = options.map_err(|_| Errno::EINVAL)?.to_owned();
        let source = source.optional().map(<[u8]>::to_vec);
        mount(&process, fs_type, dir, MountArgs { source, flags, options })
    }))
}

fn mount(process: &Caller, fs_type: &[u8], dir: &[u8], args: MountArgs) -> KResult<()> {
    let name = String::from_utf8_lossy(fs_type);
    missing::of_mount(process, &name, process.mount(&name, dir, args))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_unmount(dir: Text, flags: c_int) -> c_int {
    call(|process| {
        let how = match flags {
            0 => Unmount::Normal,
            _ if flags == MNT_FORCE || flags == HOST_FORCE => Unmount::Force,
            _ => return Err(Errno::EINVAL.into()),
        };
        process.unmount(dir.bytes()?, how)
    })
}

/// Halts the kernel, whatever `how` says: there is no machine to start again.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_reboot(_how: c_int, _boot: *const c_char) -> c_int {
    call(|process| process.reboot())
}

/// No file system has quotas.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_quotactl(path: Text, args: *const c_void) -> c_int {
    call(|process| -> KResult<()> {
        process.stat(path.bytes()?)?;
        let errno = if args.is_null() { Errno::EFAULT } else { Errno::EOPNOTSUPP };
        Err(KError::new(errno, "no file system has quotas"))
    })
}
