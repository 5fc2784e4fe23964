//! send(2), recv(2) and their like.

use super::{on, on_arrival, on_input};
use crate::sys::*;
use libc::{c_int, c_uint, c_void, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t, timespec};

interpose! {
    [send](fd: c_int, from: *const c_void, length: size_t, flags: c_int) -> ssize_t, |host| {
        on(fd, || host(fd, from, length, flags), |fd| rump_sys_send(fd, from, length, flags))
    }

    [sendto](
        fd: c_int,
        from: *const c_void,
        length: size_t,
        flags: c_int,
        address: *const sockaddr,
        address_length: socklen_t,
    ) -> ssize_t, |host| {
        on(
            fd,
            || host(fd, from, length, flags, address, address_length),
            |fd| match address.is_null() {
                true => rump_sys_send(fd, from, length, flags),
                false => rump_sys_sendto(fd, from, length, flags, address, address_length),
            },
        )
    }

    [sendmsg](fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t, |host| {
        on(fd, || host(fd, message, flags), |fd| rump_sys_sendmsg(fd, message, flags))
    }

    [sendmmsg](fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int, |host| {
        on(fd, || host(fd, messages, count, flags), |fd| rump_sys_sendmmsg(fd, messages, count, flags))
    }

    [recv](fd: c_int, to: *mut c_void, length: size_t, flags: c_int) -> ssize_t, |host| {
        on_input(fd, flags, || host(fd, to, length, flags), |fd, flags| rump_sys_recv(fd, to, length, flags))
    }

    [__recv_chk](fd: c_int, to: *mut c_void, length: size_t, room: size_t, flags: c_int) -> ssize_t, |host| {
        on_input(fd, flags, || host(fd, to, length, room, flags), |fd, flags| rump_sys_recv(fd, to, length.min(room), flags))
    }

    [recvfrom](
        fd: c_int,
        to: *mut c_void,
        length: size_t,
        flags: c_int,
        address: *mut sockaddr,
        address_length: *mut socklen_t,
    ) -> ssize_t, |host| {
        on_input(
            fd,
            flags,
            || host(fd, to, length, flags, address, address_length),
            |fd, flags| rump_sys_recvfrom(fd, to, length, flags, address, address_length),
        )
    }

    [__recvfrom_chk](
        fd: c_int,
        to: *mut c_void,
        length: size_t,
        room: size_t,
        flags: c_int,
        address: *mut sockaddr,
        address_length: *mut socklen_t,
    ) -> ssize_t, |host| {
        on_input(
            fd,
            flags,
            || host(fd, to, length, room, flags, address, address_length),
            |fd, flags| rump_sys_recvfrom(fd, to, length.min(room), flags, address, address_length),
        )
    }

    [recvmsg](fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t, |host| {
        on_input(fd, flags, || host(fd, message, flags), |fd, flags| rump_sys_recvmsg(fd, message, flags))
    }

    [recvmmsg](
        fd: c_int,
        messages: *mut mmsghdr,
        count: c_uint,
        flags: c_int,
        timeout: *mut timespec,
    ) -> c_int, |host| {
        let host = || host(fd, messages, count, flags, timeout);
        let rump = |fd| rump_sys_recvmmsg(fd, messages, count, flags, timeout);
        if flags & libc::MSG_DONTWAIT == 0 { on_arrival(fd, host, rump) } else { on(fd, host, rump) }
    }
}
