//! chdir(2), getcwd(3). The working directory of the host stays where it was while the program is in the kernel.

use super::on;
use crate::errno::fail;
use crate::paths::{self, Which};
use crate::sys::*;
use crate::{carrier, descriptors};
use libc::{c_char, c_int, size_t};
use std::ptr;

/// Notes where the program is after a call that went well.
fn moved(kernel: Which, answer: c_int) -> c_int {
    if answer == 0 {
        paths::set_cwd(kernel);
    }
    answer
}

/// The working directory in the kernel, where there is room, or in memory of its own for null. Errors: ENOENT, ERANGE,
/// EINVAL, ENOMEM.
fn give(to: *mut c_char, size: size_t) -> *mut c_char {
    let Some(path) = paths::cwd() else { return fail(libc::ENOENT) };
    let needed = path.len() + 1;
    let room = match (to.is_null(), size) {
        (true, 0) => needed,
        (false, 0) => return fail(libc::EINVAL),
        _ => size,
    };
    if room < needed {
        return fail(libc::ERANGE);
    }
    // SAFETY: a number.
    let to = if to.is_null() { unsafe { libc::malloc(room) }.cast() } else { to };
    if !to.is_null() {
        // SAFETY: there is room for so much and the zero.
        unsafe { ptr::copy_nonoverlapping(path.as_ptr().cast(), to, path.len()) };
        // SAFETY: as above.
        unsafe { *to.add(path.len()) = 0 };
    }
    to
}

interpose! {
    [chdir](path: *const c_char) -> c_int, |host| {
        let name = paths::of(path);
        match name.kernel {
            Which::Rump => moved(Which::Rump, carrier::call(|| rump_sys_chdir(name.path))),
            Which::Host => moved(Which::Host, host(name.path)),
        }
    }

    [fchdir](fd: c_int) -> c_int, |host| {
        let kernel = if descriptors::find(fd).is_some() { Which::Rump } else { Which::Host };
        moved(kernel, on(fd, || host(fd), |fd| rump_sys_fchdir(fd)))
    }

    [getcwd](to: *mut c_char, size: size_t) -> *mut c_char, |host| {
        if paths::is_cwd_rump() { give(to, size) } else { host(to, size) }
    }

    [__getcwd_chk](to: *mut c_char, size: size_t, room: size_t) -> *mut c_char, |host| {
        if paths::is_cwd_rump() { give(to, size.min(room)) } else { host(to, size, room) }
    }

    [get_current_dir_name]() -> *mut c_char, |host| {
        if paths::is_cwd_rump() { give(ptr::null_mut(), 0) } else { host() }
    }

    [getwd](to: *mut c_char) -> *mut c_char, |host| {
        if paths::is_cwd_rump() { give(to, libc::PATH_MAX as size_t) } else { host(to) }
    }
}
