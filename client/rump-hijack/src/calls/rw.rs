//! read(2), write(2) and their like, lseek(2), truncate(2), fsync(2), locks.

use super::{of, on, on_input};
use crate::descriptors;
use crate::sys::*;
use libc::{c_char, c_int, c_void, iovec, msghdr, off_t, size_t, ssize_t};

fn read_by(fd: c_int, to: *mut c_void, length: size_t, host: impl FnOnce() -> ssize_t) -> ssize_t {
    if descriptors::is_socket(fd) {
        on_input(fd, 0, host, |fd, flags| rump_sys_recv(fd, to, length, flags))
    } else {
        on(fd, host, |fd| rump_sys_read(fd, to, length))
    }
}

fn receive_parts(fd: c_int, parts: *const iovec, count: c_int, flags: c_int) -> ssize_t {
    // SAFETY: all zeros is one.
    let mut message: msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (parts.cast_mut(), count as _);
    rump_sys_recvmsg(fd, &mut message, flags)
}

interpose! {
    [read](fd: c_int, to: *mut c_void, length: size_t) -> ssize_t, |host| {
        read_by(fd, to, length, || host(fd, to, length))
    }

    [__read_chk](fd: c_int, to: *mut c_void, length: size_t, room: size_t) -> ssize_t, |host| {
        read_by(fd, to, length.min(room), || host(fd, to, length, room))
    }

    [readv](fd: c_int, parts: *const iovec, count: c_int) -> ssize_t, |host| {
        if descriptors::is_socket(fd) && count >= 0 {
            let host = || host(fd, parts, count);
            return on_input(fd, 0, host, |fd, flags| receive_parts(fd, parts, count, flags));
        }
        on(fd, || host(fd, parts, count), |fd| rump_sys_readv(fd, parts, count))
    }

    [pread, pread64](fd: c_int, to: *mut c_void, length: size_t, at: off_t) -> ssize_t, |host| {
        on(fd, || host(fd, to, length, at), |fd| rump_sys_pread(fd, to, length, at))
    }

    [__pread_chk, __pread64_chk](
        fd: c_int,
        to: *mut c_void,
        length: size_t,
        at: off_t,
        room: size_t,
    ) -> ssize_t, |host| {
        on(fd, || host(fd, to, length, at, room), |fd| rump_sys_pread(fd, to, length.min(room), at))
    }

    [preadv, preadv64](fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t, |host| {
        on(fd, || host(fd, parts, count, at), |fd| rump_sys_preadv(fd, parts, count, at))
    }

    [preadv2, preadv64v2](
        fd: c_int,
        parts: *const iovec,
        count: c_int,
        at: off_t,
        flags: c_int,
    ) -> ssize_t, |host| {
        on(fd, || host(fd, parts, count, at, flags), |fd| match at {
            _ if flags != 0 => crate::errno::fail(libc::EOPNOTSUPP),
            -1 => rump_sys_readv(fd, parts, count),
            _ => rump_sys_preadv(fd, parts, count, at),
        })
    }

    [write](fd: c_int, from: *const c_void, length: size_t) -> ssize_t, |host| {
        on(fd, || host(fd, from, length), |fd| rump_sys_write(fd, from, length))
    }

    [writev](fd: c_int, parts: *const iovec, count: c_int) -> ssize_t, |host| {
        on(fd, || host(fd, parts, count), |fd| rump_sys_writev(fd, parts, count))
    }

    [pwrite, pwrite64](fd: c_int, from: *const c_void, length: size_t, at: off_t) -> ssize_t, |host| {
        on(fd, || host(fd, from, length, at), |fd| rump_sys_pwrite(fd, from, length, at))
    }

    [pwritev, pwritev64](fd: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t, |host| {
        on(fd, || host(fd, parts, count, at), |fd| rump_sys_pwritev(fd, parts, count, at))
    }

    [pwritev2, pwritev64v2](
        fd: c_int,
        parts: *const iovec,
        count: c_int,
        at: off_t,
        flags: c_int,
    ) -> ssize_t, |host| {
        on(fd, || host(fd, parts, count, at, flags), |fd| match at {
            _ if flags != 0 => crate::errno::fail(libc::EOPNOTSUPP),
            -1 => rump_sys_writev(fd, parts, count),
            _ => rump_sys_pwritev(fd, parts, count, at),
        })
    }

    [lseek, lseek64](fd: c_int, offset: off_t, whence: c_int) -> off_t, |host| {
        on(fd, || host(fd, offset, whence), |fd| rump_sys_lseek(fd, offset, whence))
    }

    [truncate, truncate64](path: *const c_char, size: off_t) -> c_int, |host| {
        of(path, |path| host(path, size), |path| rump_sys_truncate(path, size))
    }

    [ftruncate, ftruncate64](fd: c_int, size: off_t) -> c_int, |host| {
        on(fd, || host(fd, size), |fd| rump_sys_ftruncate(fd, size))
    }

    [fsync](fd: c_int) -> c_int, |host| {
        on(fd, || host(fd), |fd| rump_sys_fsync(fd))
    }

    [fdatasync](fd: c_int) -> c_int, |host| {
        on(fd, || host(fd), |fd| rump_sys_fdatasync(fd))
    }

    [syncfs](fd: c_int) -> c_int, |host| {
        on(fd, || host(fd), |_| { rump_sys_sync(); 0 })
    }

    [sync_file_range](fd: c_int, at: off_t, length: off_t, flags: std::ffi::c_uint) -> c_int, |host| {
        on(fd, || host(fd, at, length, flags), |fd| rump_sys_fdatasync(fd))
    }

    [sync]() -> (), |host| {
        crate::carrier::sync();
        host()
    }

    [flock](fd: c_int, operation: c_int) -> c_int, |host| {
        on(fd, || host(fd, operation), |fd| rump_sys_flock(fd, operation))
    }

    [posix_fadvise, posix_fadvise64](fd: c_int, at: off_t, length: off_t, advice: c_int) -> c_int, |host| {
        on(fd, || host(fd, at, length, advice), |fd| rump_sys_posix_fadvise(fd, at, length, advice))
    }

    [posix_fallocate, posix_fallocate64](fd: c_int, at: off_t, length: off_t) -> c_int, |host| {
        on(fd, || host(fd, at, length), |fd| rump_sys_posix_fallocate(fd, at, length))
    }

    [fallocate, fallocate64](fd: c_int, mode: c_int, at: off_t, length: off_t) -> c_int, |host| {
        on(fd, || host(fd, mode, at, length), |fd| {
            if mode != 0 {
                return crate::errno::fail(libc::EOPNOTSUPP);
            }
            match rump_sys_posix_fallocate(fd, at, length) {
                0 => 0,
                number => crate::errno::fail(number),
            }
        })
    }

    [lockf, lockf64](fd: c_int, command: c_int, length: off_t) -> c_int, |host| {
        on(fd, || host(fd, command, length), |fd| lock(fd, command, length))
    }
}

/// lockf(3): locks of fcntl(2) from where the file is.
fn lock(fd: c_int, command: c_int, length: off_t) -> c_int {
    // SAFETY: all zeros is one.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_whence = libc::SEEK_CUR as _;
    lock.l_len = length;
    lock.l_type = if command == libc::F_ULOCK { libc::F_UNLCK as _ } else { libc::F_WRLCK as _ };
    match command {
        libc::F_TEST => match rump_i_fcntl_lock(fd, libc::F_GETLK, &mut lock) {
            0 if c_int::from(lock.l_type) != libc::F_UNLCK => crate::errno::fail(libc::EACCES),
            answer => answer,
        },
        libc::F_LOCK => rump_i_fcntl_lock(fd, libc::F_SETLKW, &mut lock),
        _ => rump_i_fcntl_lock(fd, libc::F_SETLK, &mut lock),
    }
}
