//! socket(2) and what names and connects sockets.

use super::{on, on_arrival};
use crate::policy::policy;
use crate::sys::*;
use crate::{carrier, descriptors};
use libc::{SOCK_CLOEXEC, c_int, c_void, sockaddr, socklen_t};

fn accept_rump(fd: c_int, to: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int {
    let accepted = rump_sys_accept4(fd, to, length, flags & !SOCK_CLOEXEC);
    descriptors::enter_socket(accepted, flags & SOCK_CLOEXEC != 0)
}

interpose! {
    [socket](domain: c_int, kind: c_int, protocol: c_int) -> c_int, |host| {
        if !policy().domains.contains(&domain) {
            return host(domain, kind, protocol);
        }
        let socket = carrier::call(|| rump_sys_socket(domain, kind & !SOCK_CLOEXEC, protocol));
        descriptors::enter_socket(socket, kind & SOCK_CLOEXEC != 0)
    }

    [socketpair](domain: c_int, kind: c_int, protocol: c_int, to: *mut c_int) -> c_int, |host| {
        if !policy().domains.contains(&domain) || to.is_null() {
            return host(domain, kind, protocol, to);
        }
        let mut pair = [-1; 2];
        let plain = kind & !SOCK_CLOEXEC;
        if carrier::call(|| rump_sys_socketpair(domain, plain, protocol, pair.as_mut_ptr())) != 0 {
            return -1;
        }
        let [one, other] = pair.map(|socket| descriptors::enter_socket(socket, kind & SOCK_CLOEXEC != 0));
        if one < 0 || other < 0 {
            // SAFETY: numbers, of which one may be none.
            [one, other].iter().for_each(|fd| unsafe {
                libc::close(*fd);
            });
            return crate::errno::fail(libc::EMFILE);
        }
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[c_int; 2]>().write([one, other]) };
        0
    }

    [bind](fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int, |host| {
        on(fd, || host(fd, address, length), |fd| rump_sys_bind(fd, address, length))
    }

    [connect](fd: c_int, address: *const sockaddr, length: socklen_t) -> c_int, |host| {
        on(fd, || host(fd, address, length), |fd| rump_sys_connect(fd, address, length))
    }

    [listen](fd: c_int, backlog: c_int) -> c_int, |host| {
        on(fd, || host(fd, backlog), |fd| rump_sys_listen(fd, backlog))
    }

    [accept](fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int, |host| {
        on_arrival(fd, || host(fd, to, length), |fd| accept_rump(fd, to, length, 0))
    }

    [accept4](fd: c_int, to: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int, |host| {
        on_arrival(fd, || host(fd, to, length, flags), |fd| accept_rump(fd, to, length, flags))
    }

    [shutdown](fd: c_int, how: c_int) -> c_int, |host| {
        on(fd, || host(fd, how), |fd| rump_sys_shutdown(fd, how))
    }

    [getsockname](fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int, |host| {
        on(fd, || host(fd, to, length), |fd| rump_sys_getsockname(fd, to, length))
    }

    [getpeername](fd: c_int, to: *mut sockaddr, length: *mut socklen_t) -> c_int, |host| {
        on(fd, || host(fd, to, length), |fd| rump_sys_getpeername(fd, to, length))
    }

    [setsockopt](
        fd: c_int,
        level: c_int,
        name: c_int,
        value: *const c_void,
        length: socklen_t,
    ) -> c_int, |host| {
        on(fd, || host(fd, level, name, value, length), |fd| rump_sys_setsockopt(fd, level, name, value, length))
    }

    [getsockopt](
        fd: c_int,
        level: c_int,
        name: c_int,
        to: *mut c_void,
        length: *mut socklen_t,
    ) -> c_int, |host| {
        on(fd, || host(fd, level, name, to, length), |fd| rump_sys_getsockopt(fd, level, name, to, length))
    }
}
