//! Times of files: `struct timeval` and `struct timespec` of utimes(2) and utimensat(2).

use crate::pointer::Value;
use libc::{timespec, timeval};
use rump_abi::{Errno, TimeSpec};
use rump_kpi::{KResult, SetTime};

const MICROS: i64 = 1_000_000;
const NANOS: i64 = 1_000_000_000;

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

#[allow(clippy::unnecessary_cast, reason = "some hosts have 32 bits")]
fn of_timeval(time: timeval) -> KResult<Option<SetTime>> {
    let micros = time.tv_usec as i64;
    if !(0..MICROS).contains(&micros) {
        return Err(Errno::EINVAL.into());
    }
    let nsec = (micros * (NANOS / MICROS)) as u32;
    Ok(Some(SetTime::To(TimeSpec { sec: time.tv_sec as i64, nsec })))
}

#[allow(clippy::unnecessary_cast, reason = "some hosts have 32 bits")]
fn of_timespec(time: timespec) -> KResult<Option<SetTime>> {
    match time.tv_nsec as i64 {
        nsec if nsec == libc::UTIME_NOW as i64 => Ok(Some(SetTime::Now)),
        nsec if nsec == libc::UTIME_OMIT as i64 => Ok(None),
        nsec if (0..NANOS).contains(&nsec) => {
            Ok(Some(SetTime::To(TimeSpec { sec: time.tv_sec as i64, nsec: nsec as u32 })))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}
