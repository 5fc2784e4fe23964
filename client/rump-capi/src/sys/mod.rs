//! System calls, `rump_sys_X` for what X(2) is on the host.

mod file;
mod mount;

use crate::errno::{Answer, answer};
use crate::lwp;
use rump_kern::Process;
use rump_kpi::KResult;

/// Makes a call as whoever the thread is.
fn call<T: Answer>(run: impl FnOnce(&Process) -> KResult<T>) -> T::C {
    answer(lwp::process().and_then(|process| run(&process)))
}
