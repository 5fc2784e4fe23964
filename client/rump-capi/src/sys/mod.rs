//! System calls, `rump_sys_X` for what X(2) is on the host.

mod attr;
mod cwd;
mod dirents;
mod extattr;
mod fcntl;
mod file;
mod mount;
mod names;
mod open;
mod rw;
mod stat;
mod sync;
mod xattr;

use crate::errno::{Answer, answer};
use crate::lwp;
use rump_kern::Process;
use rump_kpi::KResult;

/// Makes a call as whoever the thread is.
fn call<T: Answer>(run: impl FnOnce(&Process) -> KResult<T>) -> T::C {
    answer(lwp::process().and_then(|process| run(&process)))
}
