//! `struct timeval` and `struct timespec`.

use libc::{timespec, timeval};
use rump_abi::{Errno, TimeSpec};
use rump_kpi::KResult;
use std::time::Duration;

const MICROS: i64 = 1_000_000;
const NANOS: i64 = 1_000_000_000;

/// A time of the kernel's. Errors: EINVAL (parts that are not of one second).
pub(crate) fn of_timespec(time: timespec) -> KResult<TimeSpec> {
    moment(time.tv_sec as i64, time.tv_nsec as i64, NANOS)
}

/// Errors: as [`of_timespec`].
pub(crate) fn of_timeval(time: timeval) -> KResult<TimeSpec> {
    moment(time.tv_sec as i64, time.tv_usec as i64, MICROS)
}

fn moment(sec: i64, parts: i64, in_a_second: i64) -> KResult<TimeSpec> {
    if !(0..in_a_second).contains(&parts) {
        return Err(Errno::EINVAL.into());
    }
    Ok(TimeSpec { sec, nsec: (parts * (NANOS / in_a_second)) as u32 })
}

/// A length of time. Errors: EINVAL (negative, and as [`of_timespec`]).
pub(crate) fn length_of_timespec(time: timespec) -> KResult<Duration> {
    length(of_timespec(time)?)
}

/// Errors: as [`length_of_timespec`].
pub(crate) fn length_of_timeval(time: timeval) -> KResult<Duration> {
    length(of_timeval(time)?)
}

fn length(time: TimeSpec) -> KResult<Duration> {
    let seconds = u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?;
    Ok(Duration::new(seconds, time.nsec))
}

/// The structure. Seconds for which it has no room are cut.
pub(crate) fn to_timespec(time: TimeSpec) -> timespec {
    // SAFETY: all zeros is a time.
    let mut value: timespec = unsafe { std::mem::zeroed() };
    value.tv_sec = time.sec as libc::time_t;
    value.tv_nsec = time.nsec as _;
    value
}

/// As [`to_timespec`].
pub(crate) fn to_timeval(time: TimeSpec) -> timeval {
    // SAFETY: all zeros is a time.
    let mut value: timeval = unsafe { std::mem::zeroed() };
    value.tv_sec = time.sec as libc::time_t;
    value.tv_usec = (time.nsec / 1000) as _;
    value
}

/// The structure; what it has no room for is the longest that it can say.
pub(crate) fn timeval_of_length(time: Duration) -> timeval {
    let seconds = time.as_secs().try_into().unwrap_or(libc::time_t::MAX);
    to_timeval(TimeSpec { sec: seconds as i64, nsec: time.subsec_nanos() })
}
