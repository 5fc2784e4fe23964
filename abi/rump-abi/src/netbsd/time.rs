//! `struct timespec` and its like; with `50` those of calls before 6.0.

use crate::{TimeSpec, TimerSpec};

/// Nanoseconds of a microsecond, microseconds of a second.
const MICRO: u32 = 1000;
const MICROS: i64 = 1_000_000;

/// In the place of nanoseconds: the present (`UTIME_NOW`).
pub const UTIME_NOW: i64 = (1 << 30) - 1;
/// In the place of nanoseconds: that time stays (`UTIME_OMIT`).
pub const UTIME_OMIT: i64 = (1 << 30) - 2;
/// The time is a moment, not a length (`TIMER_ABSTIME`).
pub const TIMER_ABSTIME: u64 = 1;

layout! {
    /// `struct timespec`.
    struct Timespec[16] {
        /// Seconds.
        sec: i64 = 0,
        /// Nanoseconds.
        nsec: i64 = 8,
    }

    /// `struct timeval`.
    struct Timeval[16] {
        /// Seconds.
        sec: i64 = 0,
        /// Microseconds.
        usec: i32 = 8,
    }

    /// `struct itimerspec`.
    struct Itimerspec[32] {
        /// How long after each time again.
        interval: Timespec = 0,
        /// For the first time.
        value: Timespec = 16,
    }

    /// `struct itimerval`.
    struct Itimerval[32] {
        /// How long after each time again.
        interval: Timeval = 0,
        /// For the first time.
        value: Timeval = 16,
    }

    /// `struct timespec` before 6.0.
    struct Timespec50[16] {
        /// Seconds.
        sec: i32 = 0,
        /// Nanoseconds.
        nsec: i64 = 8,
    }

    /// `struct timeval` before 6.0.
    struct Timeval50[16] {
        /// Seconds.
        sec: i64 = 0,
        /// Microseconds.
        usec: i64 = 8,
    }
}

impl Timespec {
    /// The time; `None`: nanoseconds that are not of one second.
    pub fn time(&self) -> Option<TimeSpec> {
        let time = TimeSpec { sec: self.sec, nsec: u32::try_from(self.nsec).ok()? };
        time.is_valid().then_some(time)
    }
}

impl From<TimeSpec> for Timespec {
    fn from(time: TimeSpec) -> Self {
        Self { sec: time.sec, nsec: time.nsec.into() }
    }
}

impl Timeval {
    /// The time; `None`: microseconds that are not of one second.
    pub fn time(&self) -> Option<TimeSpec> {
        let is_valid = (0..MICROS).contains(&i64::from(self.usec));
        is_valid.then(|| TimeSpec { sec: self.sec, nsec: self.usec as u32 * MICRO })
    }
}

impl From<TimeSpec> for Timeval {
    fn from(time: TimeSpec) -> Self {
        Self { sec: time.sec, usec: (time.nsec / MICRO) as i32 }
    }
}

impl Itimerspec {
    /// The times; `None`: as [`Timespec::time`].
    pub fn times(&self) -> Option<TimerSpec> {
        Some(TimerSpec { value: self.value.time()?, interval: self.interval.time()? })
    }
}

impl From<TimerSpec> for Itimerspec {
    fn from(spec: TimerSpec) -> Self {
        Self { interval: spec.interval.into(), value: spec.value.into() }
    }
}

impl Itimerval {
    /// The times; `None`: as [`Timeval::time`].
    pub fn times(&self) -> Option<TimerSpec> {
        Some(TimerSpec { value: self.value.time()?, interval: self.interval.time()? })
    }
}

impl From<TimerSpec> for Itimerval {
    fn from(spec: TimerSpec) -> Self {
        Self { interval: spec.interval.into(), value: spec.value.into() }
    }
}

impl Timespec50 {
    /// The time; `None`: as [`Timespec::time`].
    pub fn time(&self) -> Option<TimeSpec> {
        Timespec { sec: self.sec.into(), nsec: self.nsec }.time()
    }
}

impl From<TimeSpec> for Timespec50 {
    /// Seconds for which there is no room are cut.
    fn from(time: TimeSpec) -> Self {
        Self { sec: time.sec as i32, nsec: time.nsec.into() }
    }
}

impl Timeval50 {
    /// The time; `None`: as [`Timeval::time`].
    pub fn time(&self) -> Option<TimeSpec> {
        Timeval { sec: self.sec, usec: i32::try_from(self.usec).ok()? }.time()
    }
}

impl From<TimeSpec> for Timeval50 {
    fn from(time: TimeSpec) -> Self {
        Self { sec: time.sec, usec: (time.nsec / MICRO).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbsd::Layout;

    const TIME: TimeSpec = TimeSpec { sec: -2, nsec: 3000 };

    #[test]
    fn seconds_are_64_bits_and_microseconds_32() {
        let seconds = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let spec = [seconds, [0xb8, 0x0b, 0, 0, 0, 0, 0, 0]].concat();
        let value = [seconds, [3, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(Timespec::from(TIME).to_bytes(), spec);
        assert_eq!(Timeval::from(TIME).to_bytes(), value);
        assert_eq!(Timespec::read(&spec).unwrap().time(), Some(TIME));
        assert_eq!(Timeval::read(&value).unwrap().time(), Some(TIME));
    }

    #[test]
    fn old_times_have_other_widths() {
        let mut spec = [0; 16];
        spec[..4].copy_from_slice(&[0xfe, 0xff, 0xff, 0xff]);
        (spec[8], spec[9]) = (0xb8, 0x0b);
        assert_eq!(Timespec50::from(TIME).to_bytes(), spec);
        assert_eq!(Timespec50::read(&spec).unwrap().time(), Some(TIME));
        assert_eq!(Timeval50::from(TIME).time(), Some(TIME));
        assert_eq!(Timeval50::from(TIME).to_bytes()[8], 3);
    }

    #[test]
    fn a_timer_begins_with_its_interval() {
        let spec = TimerSpec { value: TimeSpec { sec: 1, nsec: 0 }, interval: TimeSpec { sec: 2, nsec: 0 } };
        let bytes = Itimerspec::from(spec).to_bytes();
        assert_eq!((bytes.len(), bytes[0], bytes[16]), (32, 2, 1));
        assert_eq!(Itimerspec::read(&bytes).unwrap().times(), Some(spec));
        let bytes = Itimerval::from(spec).to_bytes();
        assert_eq!((bytes.len(), bytes[0], bytes[16]), (32, 2, 1));
        assert_eq!(Itimerval::read(&bytes).unwrap().times(), Some(spec));
    }

    #[test]
    fn parts_of_more_than_a_second_are_refused() {
        for nsec in [-1, 1_000_000_000, UTIME_NOW] {
            assert_eq!(Timespec { sec: 0, nsec }.time(), None);
        }
        for usec in [-1, 1_000_000] {
            assert_eq!(Timeval { sec: 0, usec }.time(), None);
        }
    }
}
