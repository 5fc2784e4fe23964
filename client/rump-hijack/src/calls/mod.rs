//! The functions that take the place of libc's, a module for each group.

mod attr;
mod copy;
mod cwd;
mod directory;
pub mod epoll;
mod fcntl;
mod fts;
mod map;
mod message;
mod names;
mod open;
mod poll;
pub mod process;
mod raw;
mod resolved;
mod rw;
mod socket;
mod stat;
mod statfs;
pub mod stdio;
mod temporary;
mod walk;
mod words;
mod xattr;

use crate::errno::{Failing, fail, get};
use crate::paths::Which;
use crate::wake::Waited;
use crate::{carrier, descriptors, paths, wake};
use libc::{c_char, c_int};

/// Makes a call of whichever kernel a descriptor is of; the rump kernel is told its own number.
fn on<T: Failing>(fd: c_int, host: impl FnOnce() -> T, rump: impl FnOnce(c_int) -> T) -> T {
    match descriptors::find(fd) {
        Some(number) => carrier::call(|| rump(number)),
        None => host(),
    }
}

/// The same for a call that takes what came in at a socket, and is told its flags. It does not wait at a server, which makes so
/// many calls at once and no more, but where signals come in. Where a signal's handler ends the waiting: EINTR.
fn on_input<T: Failing + PartialEq>(
    fd: c_int,
    flags: c_int,
    host: impl FnOnce() -> T,
    rump: impl Fn(c_int, c_int) -> T,
) -> T {
    let Some(number) = descriptors::find(fd) else { return host() };
    let waits = carrier::is_remote() && flags & libc::MSG_DONTWAIT == 0;
    if waits && flags & libc::MSG_WAITALL == 0 {
        let answer = carrier::call(|| rump(number, flags | libc::MSG_DONTWAIT));
        if answer != T::FAILED || get() != libc::EAGAIN {
            return answer;
        }
    }
    match if waits { wake::wait_for_input(number) } else { Waited::Enough } {
        Waited::Enough => {}
        Waited::ForNothing => return fail(libc::EAGAIN),
        Waited::InVain => return fail(libc::EINTR),
    }
    carrier::call(|| rump(number, flags))
}

/// The same for a call that is made when something is there.
fn on_arrival<T: Failing>(fd: c_int, host: impl FnOnce() -> T, rump: impl FnOnce(c_int) -> T) -> T {
    match descriptors::find(fd) {
        None => host(),
        Some(number) if carrier::is_remote() && !wake::is_ready(number) => match wake::wait_for_input(number)
        {
            Waited::InVain => fail(libc::EINTR),
            Waited::Enough | Waited::ForNothing => carrier::call(|| rump(number)),
        },
        Some(number) => carrier::call(|| rump(number)),
    }
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
