//! Timers: setitimer(2), timer_create(2).

use super::call;
use super::clock::clock;
use crate::layout::signal;
use crate::layout::time::{of_timespec, of_timeval, to_timespec, to_timeval};
use crate::pointer::{Place, Value};
use libc::{c_int, clockid_t, itimerspec, itimerval, sigevent};
use rump_abi::{Errno, Signal, TimerSpec};
use rump_kern::{Arm, IntervalTimer, Notify, TimerId};
use rump_kpi::KResult;

/// Errors: EINVAL.
fn interval(which: c_int) -> KResult<IntervalTimer> {
    // libc has another type for each host.
    match which {
        0 => Ok(IntervalTimer::Real),
        1 => Ok(IntervalTimer::Virtual),
        2 => Ok(IntervalTimer::Prof),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn to_itimerval(spec: TimerSpec) -> itimerval {
    itimerval { it_interval: to_timeval(spec.interval), it_value: to_timeval(spec.value) }
}

fn to_itimerspec(spec: TimerSpec) -> itimerspec {
    itimerspec { it_interval: to_timespec(spec.interval), it_value: to_timespec(spec.value) }
}

/// A timer of C's. Errors: EINVAL (it is negative).
fn timer(number: c_int) -> KResult<TimerId> {
    u32::try_from(number).map(TimerId).map_err(|_| Errno::EINVAL.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getitimer(which: c_int, to: Place<itimerval>) -> c_int {
    call(|process| to.store(to_itimerval(process.getitimer(interval(which)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_setitimer(
    which: c_int,
    spec: Value<itimerval>,
    before: Place<itimerval>,
) -> c_int {
    call(|process| {
        let which = interval(which)?;
        let spec = spec.read()?;
        let spec = TimerSpec { value: of_timeval(spec.it_value)?, interval: of_timeval(spec.it_interval)? };
        let was = process.setitimer(which, &spec)?;
        if before.is_null() { Ok(()) } else { before.store(to_itimerval(was)) }
    })
}

/// Without an event it is SIGALRM.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_timer_create(
    number: clockid_t,
    event: Value<sigevent>,
    to: Place<c_int>,
) -> c_int {
    call(|process| {
        let clock = clock(number)?;
        let notify = match event.is_null() {
            true => Notify::Signal(Signal::SIGALRM),
            false => signal::notify(&event.read()?)?,
        };
        if to.is_null() {
            return Err(Errno::EFAULT.into());
        }
        to.store(process.timer_create(clock, notify)?.0 as c_int)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_timer_settime(
    number: c_int,
    flags: c_int,
    spec: Value<itimerspec>,
    before: Place<itimerspec>,
) -> c_int {
    call(|process| {
        let timer = timer(number)?;
        if flags & !libc::TIMER_ABSTIME != 0 {
            return Err(Errno::EINVAL.into());
        }
        let arm = if flags & libc::TIMER_ABSTIME != 0 { Arm::Absolute } else { Arm::Relative };
        let spec = spec.read()?;
        let spec = TimerSpec { value: of_timespec(spec.it_value)?, interval: of_timespec(spec.it_interval)? };
        let was = process.timer_settime(timer, &spec, arm)?;
        if before.is_null() { Ok(()) } else { before.store(to_itimerspec(was)) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_timer_gettime(number: c_int, to: Place<itimerspec>) -> c_int {
    call(|process| to.store(to_itimerspec(process.timer_gettime(timer(number)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_timer_getoverrun(number: c_int) -> c_int {
    call(|process| Ok(process.timer_getoverrun(timer(number)?)? as c_int))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_timer_delete(number: c_int) -> c_int {
    call(|process| process.timer_delete(timer(number)?))
}
