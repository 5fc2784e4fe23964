//! The functions that take the place of libc's, a module for each group.

mod attr;
mod copy;
mod cwd;
mod directory;
pub mod epoll;
mod fcntl;
mod map;
mod message;
mod names;
mod open;
mod poll;
mod process;
mod raw;
mod resolved;
mod rw;
mod socket;
mod stat;
mod statfs;
pub mod stdio;
mod temporary;
mod words;
mod xattr;

use crate::errno::{Failing, fail};
use crate::paths::Which;
use crate::{carrier, descriptors, paths, wake};
use libc::{c_char, c_int};

/// Makes a call of whichever kernel a descriptor is of; the rump kernel is told its own number.
fn on<T: Failing>(fd: c_int, host: impl FnOnce() -> T, rump: impl FnOnce(c_int) -> T) -> T {
    match descriptors::find(fd) {
        Some(number) => carrier::call(|| rump(number)),
        None => host(),
    }
}

/// The same for a call that waits for what comes in at a socket. Where a signal's handler ends the waiting: EINTR.
fn on_input<T: Failing>(
    fd: c_int,
    flags: c_int,
    host: impl FnOnce() -> T,
    rump: impl FnOnce(c_int) -> T,
) -> T {
    let Some(number) = descriptors::find(fd) else { return host() };
    if flags & libc::MSG_DONTWAIT == 0 && !wake::wait_for_input(number) {
        return fail(libc::EINTR);
    }
    carrier::call(|| rump(number))
}

/// Makes a call of whichever kernel a name is of.
fn at<T: Failing>(
    dir: c_int,
    path: *const c_char,
    host: impl FnOnce(c_int, *const c_char) -> T,
    rump: impl FnOnce(c_int, *const c_char) -> T,
) -> T {
    let name = paths::at(dir, path);
    match name.kernel {
        Which::Rump => carrier::call(|| rump(name.dir, name.path)),
        Which::Host => host(name.dir, name.path),
    }
}

/// The same for a name that begins at the working directory.
fn of<T: Failing>(
    path: *const c_char,
    host: impl FnOnce(*const c_char) -> T,
    rump: impl FnOnce(*const c_char) -> T,
) -> T {
    at(libc::AT_FDCWD, path, |_, path| host(path), |_, path| rump(path))
}
