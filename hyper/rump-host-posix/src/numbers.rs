//! Numbers of descriptors. A program may choose numbers for its own, as shells do from 0 to 9: where a kernel is in
//! such a process, its sockets, which come at any time, have to be elsewhere.

use rustix::io::fcntl_dupfd_cloexec;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// Of the whole process, as numbers are.
static LOWEST: AtomicI32 = AtomicI32::new(0);

/// Sockets of this process's kernels that are opened from now on have this number or a higher one, if there are any left.
pub fn keep_sockets_from(lowest: i32) {
    LOWEST.store(lowest, Ordering::Relaxed);
}

/// The same descriptor under a number that it may have.
pub(crate) fn moved(fd: OwnedFd) -> OwnedFd {
    match LOWEST.load(Ordering::Relaxed) {
        0 => fd,
        lowest => fcntl_dupfd_cloexec(&fd, lowest).unwrap_or(fd),
    }
}
