//! Clocks and sleeping: clock_gettime(2), gettimeofday(2), nanosleep(2).

use super::call;
use crate::caller;
use crate::errno;
use crate::layout::time::{of_timespec, of_timeval, to_timespec, to_timeval};
use crate::pointer::{Place, Value};
use libc::{c_int, c_void, clockid_t, timespec, timeval};
use rump_abi::{ClockId, Errno};
use rump_kern::{SleepError, SleepTime};
use rump_kpi::KResult;

/// Clocks by their numbers at the host.
const CLOCKS: &[(clockid_t, ClockId)] = &[
    (libc::CLOCK_REALTIME, ClockId::Realtime),
    (libc::CLOCK_MONOTONIC, ClockId::Monotonic),
    (libc::CLOCK_PROCESS_CPUTIME_ID, ClockId::ProcessCpuTime),
    (libc::CLOCK_THREAD_CPUTIME_ID, ClockId::ThreadCpuTime),
];

/// Errors: EINVAL (no such clock).
pub(super) fn clock(number: clockid_t) -> KResult<ClockId> {
    let found = CLOCKS.iter().find(|(host, _)| *host == number);
    found.map(|(_, clock)| *clock).ok_or_else(|| Errno::EINVAL.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_clock_gettime(number: clockid_t, time: Place<timespec>) -> c_int {
    call(|process| time.store(to_timespec(process.clock_gettime(clock(number)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_clock_getres(number: clockid_t, step: Place<timespec>) -> c_int {
    call(|process| {
        let known = process.clock_getres(clock(number)?)?;
        if step.is_null() { Ok(()) } else { step.store(to_timespec(known)) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_clock_settime(number: clockid_t, time: Value<timespec>) -> c_int {
    call(|process| process.clock_settime(clock(number)?, of_timespec(time.read()?)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_gettimeofday(time: Place<timeval>, _zone: *mut c_void) -> c_int {
    call(|process| {
        let now = process.gettimeofday()?;
        if time.is_null() { Ok(()) } else { time.store(to_timeval(now)) }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_settimeofday(time: Value<timeval>, _zone: *const c_void) -> c_int {
    call(|process| if time.is_null() { Ok(()) } else { process.settimeofday(of_timeval(time.read()?)?) })
}

/// How a sleep went; what was left is told after EINTR.
fn slept(done: Result<(), SleepError>, left: &Place<timespec>) -> KResult<()> {
    done.map_err(|failed| {
        if failed.error.errno == Errno::EINTR && !left.is_null() {
            // It is not null.
            let _ = left.store(to_timespec(failed.left));
        }
        failed.error
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_nanosleep(time: Value<timespec>, left: Place<timespec>) -> c_int {
    call(|process| slept(process.nanosleep(of_timespec(time.read()?)?), &left))
}

/// Answers the error number itself, as clock_nanosleep(2) does.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_clock_nanosleep(
    number: clockid_t,
    flags: c_int,
    time: Value<timespec>,
    left: Place<timespec>,
) -> c_int {
    let sleep = || {
        let process = caller::process()?;
        if flags & !libc::TIMER_ABSTIME != 0 {
            return Err(Errno::EINVAL.into());
        }
        let time = of_timespec(time.read()?)?;
        let is_moment = flags & libc::TIMER_ABSTIME != 0;
        let time = if is_moment { SleepTime::Until(time) } else { SleepTime::For(time) };
        slept(process.clock_nanosleep(clock(number)?, time), &left)
    };
    errno::status(sleep())
}
