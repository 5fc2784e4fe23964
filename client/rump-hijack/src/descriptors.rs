//! Numbers that the program sees, for descriptors of the kernel.
//!
//! Each number is one of the host's as well: a placeholder is open there (`O_PATH`, so that nothing can be read by
//! mistake). So no number is ever both kernels', dup2(2) onto any number works, exec closes what is to be closed, and
//! the host's limits hold. Each number has a descriptor of the kernel of its own.

use crate::calls::{epoll, stdio};
use crate::errno::{fail, get, set};
use crate::guard::Inside;
use crate::policy::policy;
use crate::{carrier, sys};
use libc::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

/// Most numbers.
const MOST: usize = 1 << 16;

/// The kernel's descriptor and one, or zero; of a socket, with [`SOCKET`].
static NUMBERS: [AtomicI32; MOST] = [const { AtomicI32::new(0) }; MOST];

const SOCKET: c_int = 1 << 30;

/// What is behind a number: a descriptor of the kernel, and whether it is a socket.
#[derive(Clone, Copy)]
struct Backing {
    rump: c_int,
    is_socket: bool,
}

impl Backing {
    fn to_entry(self) -> c_int {
        (self.rump + 1) | if self.is_socket { SOCKET } else { 0 }
    }

    fn of_entry(entry: c_int) -> Option<Self> {
        (entry > 0).then(|| Self { rump: (entry & !SOCKET) - 1, is_socket: entry & SOCKET != 0 })
    }
}

fn slot(fd: c_int) -> Option<&'static AtomicI32> {
    NUMBERS.get(usize::try_from(fd).ok()?)
}

fn backing(fd: c_int) -> Option<Backing> {
    Backing::of_entry(slot(fd)?.load(Ordering::Acquire))
}

/// The kernel's descriptor behind a number.
pub fn find(fd: c_int) -> Option<c_int> {
    backing(fd).map(|backing| backing.rump)
}

/// Whether a number is a socket of the kernel's.
pub fn is_socket(fd: c_int) -> bool {
    backing(fd).is_some_and(|backing| backing.is_socket)
}

/// Whether any number of a range is the kernel's.
pub fn numbers(range: std::ops::RangeInclusive<usize>) -> impl Iterator<Item = c_int> {
    range.take_while(|fd| *fd < MOST).map(|fd| fd as c_int).filter(|fd| find(*fd).is_some())
}

/// Puts a descriptor of the kernel behind a number, or none; what was there is closed.
fn exchange(fd: c_int, next: Option<Backing>) {
    let Some(slot) = slot(fd) else { return };
    let before = Backing::of_entry(slot.swap(next.map_or(0, Backing::to_entry), Ordering::AcqRel));
    if let Some(before) = before {
        epoll::forget(fd);
        close_rump(before.rump);
    }
    if before.is_some() || next.is_some() {
        stdio::follow(fd);
    }
}

fn close_rump(rump: c_int) {
    carrier::call(|| sys::rump_sys_close(rump));
}

/// The host's descriptors that the kernel and this library need have this number or a higher one, as far as there are
/// any: programs choose low numbers for their own.
pub const OURS: c_int = 256;

/// All free numbers below [`OURS`], as long as it is there.
pub struct Occupied(Vec<c_int>);

impl Occupied {
    pub fn take() -> Self {
        let mut taken = Self(Vec::new());
        loop {
            match placeholder() {
                // The limit of this process is lower: the kernel needs some of them.
                -1 => {
                    let half = taken.0.len() / 2;
                    drop(Self(taken.0.split_off(half)));
                    return taken;
                }
                fd => taken.0.push(fd),
            }
            if taken.0.last() >= Some(&OURS) {
                return taken;
            }
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let _inside = Inside::enter();
        self.0.iter().for_each(|fd| {
            // SAFETY: a number that is ours.
            unsafe { libc::close(*fd) };
        });
    }
}

/// A descriptor of the host's by which nothing can be done.
fn placeholder() -> c_int {
    let _inside = Inside::enter();
    // SAFETY: a string and numbers.
    unsafe { libc::open(c"/".as_ptr(), libc::O_PATH | libc::O_CLOEXEC) }
}

/// Gives a descriptor of the kernel a number, from the lowest on that the policy has. Errors: EMFILE, and the
/// descriptor is closed.
pub fn enter(rump: c_int, is_cloexec: bool) -> c_int {
    enter_as(Backing { rump, is_socket: false }, is_cloexec)
}

/// The same for a socket.
pub fn enter_socket(rump: c_int, is_cloexec: bool) -> c_int {
    enter_as(Backing { rump, is_socket: true }, is_cloexec)
}

fn enter_as(backing: Backing, is_cloexec: bool) -> c_int {
    if backing.rump < 0 {
        return -1;
    }
    let inside = Inside::enter();
    let path = placeholder();
    let command = if is_cloexec { libc::F_DUPFD_CLOEXEC } else { libc::F_DUPFD };
    // SAFETY: numbers.
    let mut number = unsafe { libc::fcntl(path, command, policy().lowest) };
    if number < 0 && get() == libc::EINVAL {
        // The limit of this process is lower.
        // SAFETY: as above.
        number = unsafe { libc::fcntl(path, command, 3) };
    }
    if path >= 0 {
        // SAFETY: as above.
        unsafe { libc::close(path) };
    }
    drop(inside);
    place(number, backing)
}

/// Puts it behind a placeholder that is there, or failed to be.
fn place(number: c_int, backing: Backing) -> c_int {
    if number >= 0 && slot(number).is_some() {
        exchange(number, Some(backing));
        return number;
    }
    if number >= 0 {
        let _inside = Inside::enter();
        // SAFETY: a number that is ours.
        unsafe { libc::close(number) };
    }
    close_rump(backing.rump);
    fail(libc::EMFILE)
}

/// Closes a number of either kernel by `host`.
pub fn close(fd: c_int, host: impl FnOnce() -> c_int) -> c_int {
    if find(fd).is_none() {
        return host();
    }
    // Not known any more before somebody else may get it.
    exchange(fd, None);
    host()
}

/// Duplicates a number by what makes the host duplicate its descriptor of it, which it is told the number of.
pub fn duplicate(fd: c_int, host: impl FnOnce() -> c_int) -> c_int {
    let Some(Backing { rump, is_socket }) = backing(fd) else {
        let to = host();
        // The host closed what was there.
        if to >= 0 && to != fd {
            keep_errno(|| exchange(to, None));
        }
        return to;
    };
    let copy = carrier::call(|| sys::rump_sys_dup(rump));
    if copy < 0 {
        return copy;
    }
    let to = host();
    match to {
        _ if to == fd => close_rump(copy),
        _ if to < 0 => keep_errno(|| close_rump(copy)),
        _ => return place(to, Backing { rump: copy, is_socket }),
    }
    to
}

fn keep_errno(run: impl FnOnce()) {
    let errno = get();
    run();
    set(errno);
}
