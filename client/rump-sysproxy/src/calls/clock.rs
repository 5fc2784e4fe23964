//! clock_gettime(2), gettimeofday(2), nanosleep(2) and their like.

use super::call::{Answer, Call, Time, answer, error_as_value};
use rump_abi::netbsd::time::{TIMER_ABSTIME, Timespec};
use rump_abi::{ClockId, Errno};
use rump_kern::{SleepError, SleepTime};
use rump_kpi::KResult;

/// The clock that an argument names. Errors: EINVAL.
pub(super) fn clock(call: &Call<'_>, at: usize) -> KResult<ClockId> {
    ClockId::from_number(call.uint(at)?).ok_or_else(|| Errno::EINVAL.into())
}

pub(super) fn clock_gettime<T: Time>(call: &mut Call<'_>) -> Answer {
    let now = call.process.clock_gettime(clock(call, 0)?)?;
    answer(call.put(1, &T::from(now)))
}

pub(super) fn clock_getres<T: Time>(call: &mut Call<'_>) -> Answer {
    let step = call.process.clock_getres(clock(call, 0)?)?;
    answer(call.put_if(1, &T::from(step)))
}

pub(super) fn clock_settime<T: Time>(call: &mut Call<'_>) -> Answer {
    let (clock, time) = (clock(call, 0)?, call.read::<T>(1)?.moment()?);
    answer(call.process.clock_settime(clock, time))
}

pub(super) fn gettimeofday<T: Time>(call: &mut Call<'_>) -> Answer {
    let now = call.process.gettimeofday()?;
    answer(call.put_if(0, &T::from(now)))
}

pub(super) fn settimeofday<T: Time>(call: &mut Call<'_>) -> Answer {
    match call.read_if::<T>(0)? {
        None => answer(Ok(())),
        Some(time) => answer(call.process.settimeofday(time.moment()?)),
    }
}

/// What was left is told after EINTR.
fn slept<T: Time>(call: &mut Call<'_>, done: Result<(), SleepError>, left: usize) -> KResult<()> {
    let Err(SleepError { error, left: time }) = done else { return Ok(()) };
    if error.errno == Errno::EINTR {
        call.put_if(left, &T::from(time))?;
    }
    Err(error)
}

pub(super) fn nanosleep<T: Time>(call: &mut Call<'_>) -> Answer {
    let time = call.read::<T>(0)?.moment()?;
    let done = call.process.nanosleep(time);
    answer(slept::<T>(call, done, 1))
}

pub(super) fn clock_nanosleep(call: &mut Call<'_>) -> Answer {
    let result = sleep_by_clock(call);
    error_as_value(result)
}

fn sleep_by_clock(call: &mut Call<'_>) -> KResult<()> {
    let (clock, flags) = (clock(call, 0)?, u64::from(call.uint(1)?));
    let time = call.read::<Timespec>(2)?.moment()?;
    let time = if flags & TIMER_ABSTIME != 0 { SleepTime::Until(time) } else { SleepTime::For(time) };
    let done = call.process.clock_nanosleep(clock, time);
    slept::<Timespec>(call, done, 3)
}
