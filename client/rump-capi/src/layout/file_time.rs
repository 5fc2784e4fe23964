//! Times of files: `struct timeval` and `struct timespec` of utimes(2) and utimensat(2).

use super::time;
use crate::pointer::Value;
use libc::{timespec, timeval};
use rump_kpi::{KResult, SetTime};

/// Access and modification time; null sets both to the present. Errors: EINVAL (microseconds).
pub(crate) fn of_timevals(times: &Value<[timeval; 2]>) -> KResult<[Option<SetTime>; 2]> {
    both(times, of_timeval)
}

/// Access and modification time, with `UTIME_NOW` and `UTIME_OMIT`; null sets both to the present. Errors: EINVAL
/// (nanoseconds).
pub(crate) fn of_timespecs(times: &Value<[timespec; 2]>) -> KResult<[Option<SetTime>; 2]> {
    both(times, of_timespec)
}

fn both<T: Copy>(
    times: &Value<[T; 2]>,
    one: fn(T) -> KResult<Option<SetTime>>,
) -> KResult<[Option<SetTime>; 2]> {
    if times.is_null() {
        return Ok([Some(SetTime::Now); 2]);
    }
    let [access, modification] = times.read()?;
    Ok([one(access)?, one(modification)?])
}

fn of_timeval(time: timeval) -> KResult<Option<SetTime>> {
    Ok(Some(SetTime::To(time::of_timeval(time)?)))
}

fn of_timespec(time: timespec) -> KResult<Option<SetTime>> {
    match time.tv_nsec {
        libc::UTIME_NOW => Ok(Some(SetTime::Now)),
        libc::UTIME_OMIT => Ok(None),
        _ => Ok(Some(SetTime::To(time::of_timespec(time)?))),
    }
}
