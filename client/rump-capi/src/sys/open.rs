//! open(2), close(2), dup(2), pipe(2).

use super::call;
use crate::layout::{at, mode, open_flags};
use crate::pointer::{Place, Text};
use libc::{c_int, mode_t};
use rump_abi::{Errno, OpenFlags};

/// The open(2) and openat(2) of `variadic.c`.
#[unsafe(no_mangle)]
pub extern "C" fn rump_i_openat(dir: c_int, path: Text, flags: c_int, mode: mode_t) -> c_int {
    call(|process| {
        let flags = open_flags::from_host(flags)?;
        let fd = process.openat(at::dir(dir), path.bytes()?, flags, mode::permissions(mode))?;
        Ok(fd.0 as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_close(fd: c_int) -> c_int {
    call(|process| process.close(super::fd(fd)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_dup(fd: c_int) -> c_int {
    call(|process| Ok(process.dup(super::fd(fd)?)?.0 as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_dup2(fd: c_int, to: c_int) -> c_int {
    call(|process| Ok(process.dup2(super::fd(fd)?, super::fd(to)?)?.0 as c_int))
}

/// EINVAL where both are one, as POSIX has it.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
    call(|process| {
        if fd == to || flags & !open_flags::to_host(OpenFlags::CLOEXEC | OpenFlags::NONBLOCK) != 0 {
            return Err(Errno::EINVAL.into());
        }
        let flags = open_flags::from_host(flags)?;
        Ok(process.dup3(super::fd(fd)?, super::fd(to)?, flags)?.0 as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pipe(ends: Place<[c_int; 2]>) -> c_int {
    rump_sys_pipe2(ends, 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pipe2(ends: Place<[c_int; 2]>, flags: c_int) -> c_int {
    call(|process| {
        let known = OpenFlags::NONBLOCK | OpenFlags::CLOEXEC;
        if flags & !open_flags::to_host(known) != 0 {
            return Err(Errno::EINVAL.into());
        }
        if ends.is_null() {
            return Err(Errno::EFAULT.into());
        }
        let [read, write] = process.pipe2(open_flags::from_host(flags)?)?;
        ends.store([read.0 as c_int, write.0 as c_int])
    })
}
