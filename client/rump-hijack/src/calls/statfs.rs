//! statvfs(3), statfs(2), pathconf(3).

use super::{of, on};
use crate::errno::fail;
use crate::sys::*;
use libc::{c_char, c_int, c_long, statfs as StatFs, statvfs as StatVfs};

/// NetBSD's `ST_WAIT`, which the calls want said.
const WAIT: c_int = 1;
/// No number of the host's for a type: `RUMP`.
const TYPE: c_long = 0x5255_4d50;

/// Answers as statfs(2) what statvfs(3) said.
fn narrow(to: *mut StatFs, ask: impl FnOnce(&mut StatVfs) -> c_int) -> c_int {
    // SAFETY: all zeros is one.
    let mut from: StatVfs = unsafe { std::mem::zeroed() };
    let answer = ask(&mut from);
    if answer != 0 {
        return answer;
    }
    // SAFETY: the caller's promise.
    let Some(to) = (unsafe { to.as_mut() }) else { return fail(libc::EFAULT) };
    // SAFETY: all zeros is one.
    *to = unsafe { std::mem::zeroed() };
    to.f_type = TYPE as _;
    (to.f_bsize, to.f_frsize) = (from.f_bsize as _, from.f_frsize as _);
    (to.f_blocks, to.f_bfree, to.f_bavail) = (from.f_blocks, from.f_bfree, from.f_bavail);
    (to.f_files, to.f_ffree) = (from.f_files, from.f_ffree);
    to.f_namelen = from.f_namemax as _;
    0
}

interpose! {
    [statvfs, statvfs64](path: *const c_char, to: *mut StatVfs) -> c_int, |host| {
        of(path, |path| host(path, to), |path| rump_sys_statvfs1(path, to, WAIT))
    }

    [fstatvfs, fstatvfs64](fd: c_int, to: *mut StatVfs) -> c_int, |host| {
        on(fd, || host(fd, to), |fd| rump_sys_fstatvfs1(fd, to, WAIT))
    }

    [statfs, statfs64](path: *const c_char, to: *mut StatFs) -> c_int, |host| {
        of(path, |path| host(path, to), |path| narrow(to, |from| rump_sys_statvfs1(path, from, WAIT)))
    }

    [fstatfs, fstatfs64](fd: c_int, to: *mut StatFs) -> c_int, |host| {
        on(fd, || host(fd, to), |fd| narrow(to, |from| rump_sys_fstatvfs1(fd, from, WAIT)))
    }

    [pathconf](path: *const c_char, name: c_int) -> c_long, |host| {
        of(path, |path| host(path, name), |path| rump_sys_pathconf(path, name))
    }

    [fpathconf](fd: c_int, name: c_int) -> c_long, |host| {
        on(fd, || host(fd, name), |fd| rump_sys_fpathconf(fd, name))
    }
}
