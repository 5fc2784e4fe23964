//! stat(2), access(2).

use super::call;
use crate::layout::{at, stat};
use crate::pointer::{Place, Text};
use libc::c_int;
use rump_abi::AtFlags;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_stat(path: Text, buf: Place<libc::stat>) -> c_int {
    call(|process| buf.store(stat::to_host(&process.stat(path.bytes()?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_lstat(path: Text, buf: Place<libc::stat>) -> c_int {
    call(|process| buf.store(stat::to_host(&process.lstat(path.bytes()?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fstat(fd: c_int, buf: Place<libc::stat>) -> c_int {
    call(|process| buf.store(stat::to_host(&process.fstat(super::fd(fd)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fstatat(dir: c_int, path: Text, buf: Place<libc::stat>, flags: c_int) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::SYMLINK_NOFOLLOW)?;
        buf.store(stat::to_host(&process.fstatat(at::dir(dir), path.bytes()?, flags)?))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_access(path: Text, mode: c_int) -> c_int {
    call(|process| process.access(path.bytes()?, mode as u32))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_faccessat(dir: c_int, path: Text, mode: c_int, flags: c_int) -> c_int {
    call(|process| {
        let flags = at::flags(flags, AtFlags::EACCESS | AtFlags::SYMLINK_NOFOLLOW)?;
        process.faccessat(at::dir(dir), path.bytes()?, mode as u32, flags)
    })
}
