//! fcntl(2), ioctl(2), isatty(3).

use super::on;
use crate::errno::fail;
use crate::sys::*;
use crate::{carrier, descriptors};
use libc::{c_int, c_ulong, c_void};

interpose! {
    [fcntl, fcntl64](fd: c_int, command: c_int, argument: *mut c_void) -> c_int, |host| {
        match command {
            libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => descriptors::duplicate(fd, || host(fd, command, argument)),
            // What exec does with it is the host's to know.
            libc::F_GETFD | libc::F_SETFD => host(fd, command, argument),
            libc::F_GETLK | libc::F_SETLK | libc::F_SETLKW => {
                on(fd, || host(fd, command, argument), |fd| rump_i_fcntl_lock(fd, command, argument.cast()))
            }
            _ => on(fd, || host(fd, command, argument), |fd| rump_i_fcntl(fd, command, argument.addr() as c_int)),
        }
    }

    [ioctl](fd: c_int, request: c_ulong, argument: *mut c_void) -> c_int, |host| {
        let Some(number) = descriptors::find(fd) else { return host(fd, request, argument) };
        match request {
            // SAFETY: numbers.
            libc::FIOCLEX => unsafe { fcntl(fd, libc::F_SETFD, std::ptr::without_provenance_mut(1)) },
            // SAFETY: numbers.
            libc::FIONCLEX => unsafe { fcntl(fd, libc::F_SETFD, std::ptr::null_mut()) },
            _ => carrier::call(|| rump_i_ioctl(number, request, argument)),
        }
    }

    [isatty](fd: c_int) -> c_int, |host| {
        match descriptors::find(fd) {
            Some(_) => {
                fail::<()>(libc::ENOTTY);
                0
            }
            None => host(fd),
        }
    }
}
