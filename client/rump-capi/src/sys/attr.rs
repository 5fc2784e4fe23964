//! chmod(2), chown(2), utimes(2), utimensat(2), umask(2).

use super::call;
use crate::layout::{at, file_time, mode};
use crate::pointer::{Text, Value};
use libc::{c_int, gid_t, mode_t, timespec, timeval, uid_t};
use rump_abi::AtFlags;
use rump_kern::AT_FDCWD;

/// -1 leaves an owner as it is.
fn id(id: u32) -> Option<u32> {
    Some(id).filter(|id| *id != u32::MAX)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_chmod(path: Text, mode: mode_t) -> c_int {
    call(|process| process.chmod(path.bytes()?, mode::permissions(mode)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lchmod(path: Text, mode: mode_t) -> c_int {
    let (flags, mode) = (AtFlags::SYMLINK_NOFOLLOW, mode::permissions(mode));
    call(|process| process.fchmodat(AT_FDCWD, path.bytes()?, mode, flags))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchmod(fd: c_int, mode: mode_t) -> c_int {
    call(|process| process.fchmod(super::fd(fd)?, mode::permissions(mode)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchmodat(dir: c_int, path: Text, mode: mode_t, flags: c_int) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::SYMLINK_NOFOLLOW)?;
        process.fchmodat(at::dir(dir), path.bytes()?, mode::permissions(mode), flags)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_chown(path: Text, owner: uid_t, group: gid_t) -> c_int {
    call(|process| process.chown(path.bytes()?, id(owner), id(group)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lchown(path: Text, owner: uid_t, group: gid_t) -> c_int {
    call(|process| process.lchown(path.bytes()?, id(owner), id(group)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchown(fd: c_int, owner: uid_t, group: gid_t) -> c_int {
    call(|process| process.fchown(super::fd(fd)?, id(owner), id(group)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchownat(
    dir: c_int,
    path: Text,
    owner: uid_t,
    group: gid_t,
    flags: c_int,
) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::SYMLINK_NOFOLLOW)?;
        process.fchownat(at::dir(dir), path.bytes()?, id(owner), id(group), flags)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_utimes(path: Text, times: Value<[timeval; 2]>) -> c_int {
    call(|process| {
        let times = file_time::of_timevals(&times)?;
        process.utimensat(AT_FDCWD, path.bytes()?, times, AtFlags::empty())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lutimes(path: Text, times: Value<[timeval; 2]>) -> c_int {
    call(|process| {
        let times = file_time::of_timevals(&times)?;
        process.utimensat(AT_FDCWD, path.bytes()?, times, AtFlags::SYMLINK_NOFOLLOW)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_futimes(fd: c_int, times: Value<[timeval; 2]>) -> c_int {
    call(|process| process.futimens(super::fd(fd)?, file_time::of_timevals(&times)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_utimensat(
    dir: c_int,
    path: Text,
    times: Value<[timespec; 2]>,
    flags: c_int,
) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::SYMLINK_NOFOLLOW)?;
        process.utimensat(at::dir(dir), path.bytes()?, file_time::of_timespecs(&times)?, flags)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_futimens(fd: c_int, times: Value<[timespec; 2]>) -> c_int {
    call(|process| process.futimens(super::fd(fd)?, file_time::of_timespecs(&times)?))
}

/// Answers the previous mask, or -1.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_umask(mask: mode_t) -> mode_t {
    let previous: c_int = call(|process| Ok(process.umask(mode::permissions(mask))?.bits() as c_int));
    previous as mode_t
}
