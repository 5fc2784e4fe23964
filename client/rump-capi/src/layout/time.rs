//! `struct timeval` and `struct timespec`.

use libc::{timespec, timeval};
use rump_abi::Errno;
use rump_kpi::KResult;
use std::time::Duration;

const MICROS: i64 = 1_000_000;
const NANOS: i64 = 1_000_000_000;

/// A length of time. Errors: EINVAL (negative, or a second or more of parts).
pub(crate) fn of_timespec(time: &timespec) -> KResult<Duration> {
    duration(time.tv_sec as i64, time.tv_nsec as i64, NANOS)
}

/// A length of time. Errors: EINVAL, as [`of_timespec`].
pub(crate) fn of_timeval(time: &timeval) -> KResult<Duration> {
    duration(time.tv_sec as i64, time.tv_usec as i64, MICROS)
}

fn duration(sec: i64, parts: i64, in_a_second: i64) -> KResult<Duration> {
    if sec < 0 || !(0..in_a_second).contains(&parts) {
        return Err(Errno::EINVAL.into());
    }
    Ok(Duration::new(sec as u64, (parts * (NANOS / in_a_second)) as u32))
}

/// The structure; what it has no room for is the longest that it can say.
pub(crate) fn timeval_of(time: Duration) -> timeval {
    // SAFETY: all zeros is a time.
    let mut value: timeval = unsafe { std::mem::zeroed() };
    value.tv_sec = time.as_secs().try_into().unwrap_or(libc::time_t::MAX);
    value.tv_usec = time.subsec_micros() as _;
    value
}
