//! Numbers that the program sees, for descriptors of the kernel.
//!
//! Each number is one of the host's as well: a placeholder is open there (`O_PATH`, so that nothing can be read by
//! mistake). So no number is ever both kernels', dup2(2) onto any number works, exec closes what is to be closed, and
//! the host's limits hold. Numbers that are duplicates share a descriptor of the kernel, which is closed with the last.
//!
//! With a kernel at a server, a placeholder is of a file in memory whose name says the descriptor of the kernel. So whatever
//! the host does with it, in a shell's redirections or in what posix_spawn(3) does in a child, says a program that is
//! executed which descriptors it has. The kernel's own are never closed by exec: those that no number is left of are
//! closed then ([`adopt`]).

use crate::calls::{epoll, stdio};
use crate::errno::{fail, get, set};
use crate::guard::Inside;
use crate::policy::policy;
use crate::{carrier, sys, watcher};
use libc::c_int;
use rump_capi::remote;
use rump_kern::Fd;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicI32, Ordering};

/// Most numbers, and most descriptors of the kernel.
const MOST: usize = 1 << 16;

/// The kernel's descriptor and one, or zero; of a socket, with [`SOCKET`].
static NUMBERS: [AtomicI32; MOST] = [const { AtomicI32::new(0) }; MOST];

const SOCKET: c_int = 1 << 30;

/// How many numbers each descriptor of the kernel has.
static USERS: [AtomicI32; MOST] = [const { AtomicI32::new(0) }; MOST];

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

/// With what the names of placeholders begin.
const NAME: &str = "rump:";

impl Backing {
    /// What a placeholder is called.
    fn to_name(self) -> String {
        format!("{NAME}{}:{}", self.rump, if self.is_socket { "s" } else { "f" })
    }

    /// By what the host calls an open placeholder.
    fn of_link(link: &str) -> Option<Self> {
        let name = link.strip_prefix("/memfd:")?.strip_suffix(" (deleted)")?;
        let (rump, kind) = name.strip_prefix(NAME)?.split_once(':')?;
        let rump = rump.parse().ok().filter(|rump| (0..MOST as c_int).contains(rump))?;
        Some(Self { rump, is_socket: kind == "s" })
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

fn users(rump: c_int) -> Option<&'static AtomicI32> {
    USERS.get(usize::try_from(rump).ok()?)
}

/// There is one number more of a descriptor of the kernel; false: it has none any more.
fn keep(rump: c_int) -> bool {
    let more = |count: c_int| (count > 0).then_some(count + 1);
    users(rump).is_some_and(|users| users.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok())
}

/// There is one less.
fn let_go(rump: c_int) {
    if users(rump).is_some_and(|users| users.fetch_sub(1, Ordering::AcqRel) == 1) {
        close_rump(rump);
    }
}

/// Puts a descriptor of the kernel behind a number, or none; what was there is let go.
fn exchange(fd: c_int, next: Option<Backing>) {
    let Some(slot) = slot(fd) else { return };
    let before = Backing::of_entry(slot.swap(next.map_or(0, Backing::to_entry), Ordering::AcqRel));
    if let Some(before) = before {
        epoll::forget(fd);
        let_go(before.rump);
    }
    if before.is_some() || next.is_some() {
        stdio::follow(fd);
    }
}

fn close_rump(rump: c_int) {
    watcher::forget(rump);
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
            match placeholder(None) {
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
fn placeholder(of: Option<Backing>) -> c_int {
    let _inside = Inside::enter();
    let path = |path: &CStr| {
        // SAFETY: a string and numbers.
        unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) }
    };
    let Some(name) = of.filter(|_| carrier::is_remote()).and_then(|of| CString::new(of.to_name()).ok())
    else {
        return path(c"/");
    };
    // SAFETY: a string and a number.
    let file = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC) };
    if file < 0 {
        return file;
    }
    let place = CString::new(format!("/proc/self/fd/{file}")).map_or(-1, |name| path(&name));
    // SAFETY: a number that is ours.
    unsafe { libc::close(file) };
    place
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
    let path = placeholder(Some(backing));
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
    if let Some(users) = users(backing.rump) {
        users.store(1, Ordering::Release);
    }
    place(number, backing)
}

/// Puts it behind a placeholder that is there, or failed to be.
fn place(number: c_int, backing: Backing) -> c_int {
    if number >= 0 && slot(number).is_some() && users(backing.rump).is_some() {
        exchange(number, Some(backing));
        return number;
    }
    if number >= 0 {
        let _inside = Inside::enter();
        // SAFETY: a number that is ours.
        unsafe { libc::close(number) };
    }
    match users(backing.rump) {
        Some(_) => let_go(backing.rump),
        None => close_rump(backing.rump),
    }
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
    let Some(backing) = backing(fd) else {
        let to = host();
        // The host closed what was there.
        if to >= 0 && to != fd {
            keep_errno(|| exchange(to, None));
        }
        return to;
    };
    if !keep(backing.rump) {
        return fail(libc::EBADF);
    }
    let to = host();
    if to < 0 || to == fd {
        keep_errno(|| let_go(backing.rump));
        return to;
    }
    place(to, backing)
}

/// Numbers from 0 to 2 are the host's again, which put something else there.
pub fn leave_standard() {
    (0..3).for_each(|fd| exchange(fd, None));
}

/// Finds the numbers that this program was begun with. What the kernel has open for the process and no number is left of
/// is closed. Whoever calls is inside.
pub fn adopt() {
    let Some(process) = remote::process() else { return };
    let Ok(folder) = std::fs::read_dir("/proc/self/fd") else { return };
    let mut known = BTreeSet::new();
    for entry in folder.flatten() {
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let link = std::fs::read_link(entry.path()).ok();
        let found = link.as_ref().and_then(|link| Backing::of_link(link.to_str()?));
        if let (Some(number), Some(backing), Some(users)) =
            (number, found, found.and_then(|found| users(found.rump)))
        {
            users.fetch_add(1, Ordering::AcqRel);
            known.insert(backing.rump as u32);
            exchange(number, Some(backing));
        }
    }
    let end = known.last().map_or(0, |last| last + 1);
    // What is not there need not be closed; of a server that has gone, the next call tells.
    for fd in (0..end).filter(|fd| !known.contains(fd)) {
        let _ = process.close(Fd(fd));
    }
    let _ = process.closefrom(Fd(end));
}

fn keep_errno(run: impl FnOnce()) {
    let errno = get();
    run();
    set(errno);
}
