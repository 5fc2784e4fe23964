//! chdir(2), chroot(2), getcwd(3).

use super::call;
use crate::pointer::{Room, Text};
use libc::{c_int, size_t};
use rump_abi::Errno;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_chdir(path: Text) -> c_int {
    call(|process| process.chdir(path.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchdir(fd: c_int) -> c_int {
    call(|process| process.fchdir(super::fd(fd)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_chroot(path: Text) -> c_int {
    call(|process| process.chroot(path.bytes()?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fchroot(fd: c_int) -> c_int {
    call(|process| process.fchroot(super::fd(fd)?))
}

/// Answers the length with the zero.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getcwd(mut buf: Room, size: size_t) -> c_int {
    call(|process| {
        let mut path = process.getcwd()?;
        path.push(0);
        if path.len() > size {
            return Err(Errno::ERANGE.into());
        }
        buf.bytes(path.len())?.copy_from_slice(&path);
        Ok(path.len() as c_int)
    })
}
