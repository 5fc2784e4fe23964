//! Clocks and the times of timers (clock_gettime(2), timer_settime(2)), with NetBSD's values.

use crate::TimeSpec;

/// Nanoseconds of a second.
const SECOND: i128 = 1_000_000_000;

/// What a clock tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u32)]
pub enum ClockId {
    /// `CLOCK_REALTIME`: time since 1970, which can be set.
    Realtime = 0,
    /// `CLOCK_VIRTUAL`: time that the process computed.
    Virtual = 1,
    /// `CLOCK_PROF`: the same, and time that the kernel computed for it.
    Prof = 2,
    /// `CLOCK_MONOTONIC`: time since an arbitrary point, which never goes back.
    Monotonic = 3,
    /// `CLOCK_THREAD_CPUTIME_ID`: time that the thread took of a processor.
    ThreadCpuTime = 0x2000_0000,
    /// `CLOCK_PROCESS_CPUTIME_ID`: time that the process took of a processor.
    ProcessCpuTime = 0x4000_0000,
}

impl ClockId {
    /// Every clock.
    pub const ALL: [Self; 6] = [
        Self::Realtime,
        Self::Virtual,
        Self::Prof,
        Self::Monotonic,
        Self::ThreadCpuTime,
        Self::ProcessCpuTime,
    ];

    /// The clock of a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|clock| *clock as u32 == number)
    }
}

/// When a timer goes off (`struct itimerspec`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimerSpec {
    /// For the first time; zero if it does not.
    pub value: TimeSpec,
    /// How long after that again; zero if it does not.
    pub interval: TimeSpec,
}

impl TimeSpec {
    /// Whether the nanoseconds are of one second.
    pub fn is_valid(self) -> bool {
        i128::from(self.nsec) < SECOND
    }

    /// The time in nanoseconds since 1970, or the length in nanoseconds.
    pub fn nanoseconds(self) -> i128 {
        i128::from(self.sec) * SECOND + i128::from(self.nsec)
    }

    /// The time of so many nanoseconds since 1970, or the nearest that there is.
    pub fn from_nanoseconds(nanoseconds: i128) -> Self {
        let Ok(sec) = i64::try_from(nanoseconds.div_euclid(SECOND)) else {
            return match nanoseconds < 0 {
                true => Self { sec: i64::MIN, nsec: 0 },
                false => Self { sec: i64::MAX, nsec: 999_999_999 },
            };
        };
        Self { sec, nsec: nanoseconds.rem_euclid(SECOND) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_have_nanoseconds_that_count_up() {
        for (nanoseconds, sec, nsec) in [(-1, -1, 999_999_999), (0, 0, 0), (1_500_000_000, 1, 500_000_000)] {
            let time = TimeSpec { sec, nsec };
            assert_eq!(TimeSpec::from_nanoseconds(nanoseconds), time);
            assert_eq!(time.nanoseconds(), nanoseconds);
        }
        assert_eq!(TimeSpec::from_nanoseconds(i128::MAX).sec, i64::MAX);
        assert_eq!(TimeSpec::from_nanoseconds(i128::MIN).sec, i64::MIN);
    }

    #[test]
    fn clocks_are_known_by_their_numbers() {
        assert_eq!(ClockId::from_number(3), Some(ClockId::Monotonic));
        assert_eq!(ClockId::from_number(4), None);
    }
}
