//! Signals that the kernel keeps: sigpending(2), sigtimedwait(2).

use super::call;
use crate::layout::{signal, time};
use crate::pointer::{Place, Value};
use libc::{c_int, siginfo_t, sigset_t, timespec};

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sigpending(set: Place<sigset_t>) -> c_int {
    call(|process| set.store(signal::set_to_host(process.pending_signals()?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sigtimedwait(
    set: Value<sigset_t>,
    info: Place<siginfo_t>,
    timeout: Value<timespec>,
) -> c_int {
    call(|process| {
        let set = signal::set_of_host(&set.read()?);
        let timeout = timeout.optional().map(time::length_of_timespec).transpose()?;
        let number = signal::to_host(process.wait_for_signal(set, timeout)?).unwrap_or(0);
        // SAFETY: all zeros is a structure.
        let mut told: siginfo_t = unsafe { std::mem::zeroed() };
        told.si_signo = number;
        info.tell(told);
        Ok(number)
    })
}
