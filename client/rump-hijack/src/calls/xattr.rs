//! getxattr(2), listxattr(2), setxattr(2), removexattr(2).

use super::{of, on};
use crate::sys::*;
use libc::{c_char, c_int, c_void, size_t, ssize_t};

interpose! {
    [getxattr](path: *const c_char, name: *const c_char, to: *mut c_void, size: size_t) -> ssize_t, |host| {
        of(path, |path| host(path, name, to, size), |path| rump_sys_getxattr(path, name, to, size))
    }

    [lgetxattr](path: *const c_char, name: *const c_char, to: *mut c_void, size: size_t) -> ssize_t, |host| {
        of(path, |path| host(path, name, to, size), |path| rump_sys_lgetxattr(path, name, to, size))
    }

    [fgetxattr](fd: c_int, name: *const c_char, to: *mut c_void, size: size_t) -> ssize_t, |host| {
        on(fd, || host(fd, name, to, size), |fd| rump_sys_fgetxattr(fd, name, to, size))
    }

    [listxattr](path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t, |host| {
        of(path, |path| host(path, to, size), |path| rump_sys_listxattr(path, to, size))
    }

    [llistxattr](path: *const c_char, to: *mut c_char, size: size_t) -> ssize_t, |host| {
        of(path, |path| host(path, to, size), |path| rump_sys_llistxattr(path, to, size))
    }

    [flistxattr](fd: c_int, to: *mut c_char, size: size_t) -> ssize_t, |host| {
        on(fd, || host(fd, to, size), |fd| rump_sys_flistxattr(fd, to, size))
    }

    [setxattr](
        path: *const c_char,
        name: *const c_char,
        from: *const c_void,
        size: size_t,
        flags: c_int,
    ) -> c_int, |host| {
        of(path, |path| host(path, name, from, size, flags), |path| rump_sys_setxattr(path, name, from, size, flags))
    }

    [lsetxattr](
        path: *const c_char,
        name: *const c_char,
        from: *const c_void,
        size: size_t,
        flags: c_int,
    ) -> c_int, |host| {
        of(path, |path| host(path, name, from, size, flags), |path| rump_sys_lsetxattr(path, name, from, size, flags))
    }

    [fsetxattr](
        fd: c_int,
        name: *const c_char,
        from: *const c_void,
        size: size_t,
        flags: c_int,
    ) -> c_int, |host| {
        on(fd, || host(fd, name, from, size, flags), |fd| rump_sys_fsetxattr(fd, name, from, size, flags))
    }

    [removexattr](path: *const c_char, name: *const c_char) -> c_int, |host| {
        of(path, |path| host(path, name), |path| rump_sys_removexattr(path, name))
    }

    [lremovexattr](path: *const c_char, name: *const c_char) -> c_int, |host| {
        of(path, |path| host(path, name), |path| rump_sys_lremovexattr(path, name))
    }

    [fremovexattr](fd: c_int, name: *const c_char) -> c_int, |host| {
        on(fd, || host(fd, name), |fd| rump_sys_fremovexattr(fd, name))
    }
}
