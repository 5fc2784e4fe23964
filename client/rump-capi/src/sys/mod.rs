//! System calls, `rump_sys_X` for what X(2) is on the host.

mod aio;
mod attr;
mod clock;
mod cwd;
mod dirents;
mod extattr;
mod fcntl;
mod flags;
mod handle;
mod ids;
mod ioctl;
mod kqueue;
mod lock;
mod message;
mod mount;
mod names;
mod open;
mod poll;
mod rw;
mod semaphore;
mod signal;
mod socket;
mod stat;
mod statvfs;
mod sync;
mod sysctl;
mod timer;
mod xattr;

use crate::caller::{self, Caller};
use crate::errno::{Answer, answer};
use libc::c_int;
use rump_abi::Errno;
use rump_kern::Fd;
use rump_kpi::KResult;

/// Makes a call as whoever the thread is.
fn call<T: Answer>(run: impl FnOnce(&Caller) -> KResult<T>) -> T::C {
    answer(caller::process().and_then(|process| run(&process)))
}

/// A descriptor of C's. Errors: EBADF (it is negative).
fn fd(number: c_int) -> KResult<Fd> {
    u32::try_from(number).map(Fd).map_err(|_| Errno::EBADF.into())
}

/// What C has of a descriptor.
fn descriptor(fd: Fd) -> c_int {
    fd.0 as c_int
}
