//! Waiting for both kernels: whatever changes at descriptors of the rump kernel rings a bell, which is a descriptor of
//! the host's.

use crate::guard::Inside;
use crate::{carrier, confined, descriptors, errno, sys, watcher};
use libc::{c_int, pollfd, socklen_t, timeval};
use rump_capi::netconfig;
use rump_kern::Fd;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::task::{Wake, Waker};

/// An eventfd(2).
pub struct Bell(c_int);

impl Bell {
    /// Errors: EMFILE and others of the host's, EPERM (the program may be forbidden to make one), in `errno`.
    pub fn new() -> Option<Arc<Self>> {
        Self::with(libc::EFD_NONBLOCK)
    }

    fn with(flags: c_int) -> Option<Arc<Self>> {
        if confined::is_confined() {
            errno::set(libc::EPERM);
            return None;
        }
        // SAFETY: numbers.
        let low = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | flags) };
        let low = (low >= 0).then(|| Arc::new(Self(low)))?;
        // SAFETY: as above.
        let fd = unsafe { libc::fcntl(low.fd(), libc::F_DUPFD_CLOEXEC, descriptors::OURS) };
        Some(if fd < 0 { low } else { Arc::new(Self(fd)) })
    }

    pub fn fd(&self) -> c_int {
        self.0
    }

    pub fn ring(&self) {
        let _inside = Inside::enter();
        let one = 1_u64.to_ne_bytes();
        // SAFETY: so many bytes. A bell that rings already is full of rings, which is as good.
        unsafe { libc::write(self.0, one.as_ptr().cast(), one.len()) };
    }

    /// It has not rung any more.
    pub fn still(&self) {
        let _inside = Inside::enter();
        let mut count = [0_u8; 8];
        // SAFETY: room for so many.
        unsafe { libc::read(self.0, count.as_mut_ptr().cast(), count.len()) };
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let _inside = Inside::enter();
        // SAFETY: a number that is ours.
        unsafe { libc::close(self.0) };
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}

/// As long as it is there, changes wake.
pub enum Watch {
    Here(ManuallyDrop<rump_kern::Watch>),
    AtServer { _watch: watcher::Watch },
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let (Self::Here(watch), false) = (self, carrier::is_left()) {
            // SAFETY: it is not used any more. In a child, a thread of its parent may have the kernel's locks for ever.
            unsafe { ManuallyDrop::drop(watch) };
        }
    }
}

/// Wakes whenever what can be done with a descriptor of the kernel changes, as long as the answer is kept. None where
/// it is closed.
pub fn watch(rump: c_int, waker: &Waker) -> Option<Watch> {
    let _inside = Inside::enter();
    if carrier::is_remote() {
        return watcher::watch(rump, waker).map(|_watch| Watch::AtServer { _watch });
    }
    let process = netconfig::instance().ok()?.kernel().init();
    process.watch(Fd(rump as u32), waker).ok().map(|watch| Watch::Here(ManuallyDrop::new(watch)))
}

/// What waiting at a socket came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is something to read; or it is the kernel that has to wait, for a time, or to say what is wrong.
    Enough,
    /// The socket does not block.
    ForNothing,
    /// A handler ended it.
    InVain,
}

/// Waits at the host, where signals come in, until a blocking socket of a server's kernel has something to read. What a handler
/// calls meanwhile is as at any other time.
pub fn wait_for_input(rump: c_int) -> Waited {
    match carrier::call(|| sys::rump_i_fcntl(rump, libc::F_GETFL, 0)) {
        flags @ 0.. if flags & libc::O_NONBLOCK != 0 => return Waited::ForNothing,
        0.. if !has_limit(rump) => {}
        _ => return Waited::Enough,
    }
    let Some(bell) = Bell::with(0) else { return Waited::Enough };
    let Some(_watch) = watch(rump, &Waker::from(bell.clone())) else { return Waited::Enough };
    let mut count = 0_u64;
    while !is_ready(rump) {
        // Read by its number, it begins again after handlers that want so (SA_RESTART).
        // SAFETY: there is room for the count.
        let read = unsafe { libc::syscall(libc::SYS_read, bell.fd(), &raw mut count, size_of::<u64>()) };
        if read < 0 {
            return Waited::InVain;
        }
    }
    Waited::Enough
}

/// Whether a read would not wait, also because it would fail.
pub fn is_ready(rump: c_int) -> bool {
    let mut entry = pollfd { fd: rump, events: libc::POLLIN, revents: 0 };
    carrier::call(|| sys::rump_sys_poll(&mut entry, 1, 0)) != 0
}

/// Whether reading waits no longer than a time.
fn has_limit(rump: c_int) -> bool {
    let mut limit = timeval { tv_sec: 0, tv_usec: 0 };
    let mut length = size_of::<timeval>() as socklen_t;
    let (name, place) = (libc::SO_RCVTIMEO, (&raw mut limit).cast());
    let asked = carrier::call(|| sys::rump_sys_getsockopt(rump, libc::SOL_SOCKET, name, place, &mut length));
    asked != 0 || (limit.tv_sec, limit.tv_usec) != (0, 0)
}
