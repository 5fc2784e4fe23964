//! setitimer(2), timer_create(2) and their like. How a client hears of a signal is its connection's.

use super::call::{Answer, Call, Time, answer};
use super::clock::clock;
use rump_abi::netbsd::signal::{SIGEV_NONE, SIGEV_SIGNAL, Sigevent};
use rump_abi::netbsd::time::TIMER_ABSTIME;
use rump_abi::{Errno, Signal, TimerSpec};
use rump_kern::{Arm, IntervalTimer, Notify, TimerId};
use rump_kpi::KResult;

/// `struct itimerval` or `struct itimerspec`: the interval is in front. Errors: EINVAL (parts that are not of one second).
fn spec<T: Time>([interval, value]: [T; 2]) -> KResult<TimerSpec> {
    Ok(TimerSpec { value: value.moment()?, interval: interval.moment()? })
}

/// The structure.
fn structure<T: Time>(spec: TimerSpec) -> [T; 2] {
    [spec.interval, spec.value].map(T::from)
}

/// Errors: EINVAL.
fn interval(call: &Call<'_>) -> KResult<IntervalTimer> {
    match call.int(0)? {
        0 => Ok(IntervalTimer::Real),
        1 => Ok(IntervalTimer::Virtual),
        2 => Ok(IntervalTimer::Prof),
        _ => Err(Errno::EINVAL.into()),
    }
}

pub(super) fn getitimer<T: Time>(call: &mut Call<'_>) -> Answer {
    let spec = call.process.getitimer(interval(call)?)?;
    answer(call.put(1, &structure::<T>(spec)))
}

/// Without new times, it is [`getitimer`] with a place for the old ones.
pub(super) fn setitimer<T: Time>(call: &mut Call<'_>) -> Answer {
    let which = interval(call)?;
    let before = match call.read_if::<[T; 2]>(1)? {
        None => call.process.getitimer(which)?,
        Some(times) => call.process.setitimer(which, &spec(times)?)?,
    };
    answer(call.put_if(2, &structure::<T>(before)))
}

/// How the client hears of something. Errors: EINVAL (no signal, or no such way).
pub(super) fn notify(event: Option<Sigevent>) -> KResult<Notify> {
    match event {
        None => Ok(Notify::Signal(Signal::SIGALRM)),
        Some(Sigevent { notify: SIGEV_NONE, .. }) => Ok(Notify::None),
        Some(Sigevent { notify: SIGEV_SIGNAL, signo, .. }) => {
            let signal = u32::try_from(signo).ok().and_then(Signal::from_number);
            Ok(Notify::Signal(signal.ok_or(Errno::EINVAL)?))
        }
        Some(_) => Err(Errno::EINVAL.into()),
    }
}

pub(super) fn timer_create(call: &mut Call<'_>) -> Answer {
    let (clock, event) = (clock(call, 0)?, call.read_if(1)?);
    let timer = call.process.timer_create(clock, notify(event)?)?;
    let given = call.put(2, &timer.0);
    if given.is_err() {
        call.process.timer_delete(timer)?;
    }
    answer(given)
}

fn timer(call: &Call<'_>) -> KResult<TimerId> {
    call.uint(0).map(TimerId)
}

pub(super) fn timer_settime<T: Time>(call: &mut Call<'_>) -> Answer {
    let spec = spec(call.read::<[T; 2]>(2)?)?;
    let is_moment = u64::from(call.uint(1)?) & TIMER_ABSTIME != 0;
    let arm = if is_moment { Arm::Absolute } else { Arm::Relative };
    let before = call.process.timer_settime(timer(call)?, &spec, arm)?;
    answer(call.put_if(3, &structure::<T>(before)))
}

pub(super) fn timer_gettime<T: Time>(call: &mut Call<'_>) -> Answer {
    let spec = call.process.timer_gettime(timer(call)?)?;
    answer(call.put(1, &structure::<T>(spec)))
}

pub(super) fn timer_getoverrun(call: &mut Call<'_>) -> Answer {
    answer(call.process.timer_getoverrun(timer(call)?))
}

pub(super) fn timer_delete(call: &mut Call<'_>) -> Answer {
    answer(call.process.timer_delete(timer(call)?))
}
