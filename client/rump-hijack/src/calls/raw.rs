//! syscall(2), by which some libraries make calls that older versions of libc have no function for, such as libuv.

use super::{copy, directory, message, names, open, rw, stat};
use crate::confined;
use libc::{c_int, c_long, c_uint, c_void};

interpose! {
    [syscall](number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long, |host| {
        let fd = a as c_int;
        // SAFETY: the caller's promise is that of the function of this number.
        unsafe {
            match number {
                libc::SYS_read => rw::read(fd, b as *mut c_void, c) as c_long,
                libc::SYS_write => rw::write(fd, b as *const c_void, c) as c_long,
                libc::SYS_close => open::close(fd).into(),
                libc::SYS_openat => open::openat(fd, b as _, c as c_int, d as _).into(),
                libc::SYS_preadv2 => rw::preadv2(fd, b as _, c as c_int, d as i64, f as c_int) as c_long,
                libc::SYS_pwritev2 => rw::pwritev2(fd, b as _, c as c_int, d as i64, f as c_int) as c_long,
                libc::SYS_getdents64 => directory::getdents64(fd, b as *mut c_void, c) as c_long,
                libc::SYS_statx => stat::statx(fd, b as _, c as c_int, d as c_uint, e as _).into(),
                libc::SYS_renameat2 => names::renameat2(fd, b as _, c as c_int, d as _, e as c_uint).into(),
                libc::SYS_copy_file_range => {
                    copy::copy_file_range(fd, b as _, c as c_int, d as _, e, f as c_uint) as c_long
                }
                libc::SYS_sendmmsg => message::sendmmsg(fd, b as _, c as c_uint, d as c_int).into(),
                libc::SYS_recvmmsg => message::recvmmsg(fd, b as _, c as c_uint, d as c_int, e as _).into(),
                libc::SYS_close_range => open::close_range(a as c_uint, b as c_uint, c as c_int).into(),
                libc::SYS_seccomp => {
                    confined::begin();
                    host(number, a, b, c, d, e, f)
                }
                _ => host(number, a, b, c, d, e, f),
            }
        }
    }
}
