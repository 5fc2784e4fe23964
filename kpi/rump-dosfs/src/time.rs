//! Time stamps: a date, a time of day in steps of two seconds, and where the format has it hundredths on top; in the
//! local time of an unknown place, of which the mount is told the distance from UTC.
//!
//! They reach from 1980 to 2107. What is beyond becomes the first or the last moment.

use rump_kpi::TimeSpec;

const SECONDS_PER_DAY: i64 = 86_400;
/// Days from 1970 to 1980.
const FIRST_DAY: i64 = 3652;
/// 1980-01-01.
const FIRST_DATE: u16 = 1 << 5 | 1;
const NANOSECONDS_PER_HUNDREDTH: u32 = 10_000_000;

/// A moment as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Years since 1980, month and day.
    pub date: u16,
    /// Hours, minutes and pairs of seconds.
    pub time: u16,
    /// Hundredths of a second, to 199.
    pub hundredths: u8,
}

/// How much local time is ahead of UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// In minutes.
    pub minutes: i16,
}

impl Zone {
    /// The moment of a stamp. Fields that are out of range count on into the next unit; a month or day of zero
    /// counts as the first.
    pub fn moment(self, stamp: Stamp) -> TimeSpec {
        let field = |value: u16, shift: u32, bits: u32| i64::from(value >> shift & ((1 << bits) - 1));
        let (year, month) = (1980 + field(stamp.date, 9, 7), field(stamp.date, 5, 4).clamp(1, 12));
        let days = days_before(year, month) + field(stamp.date, 0, 5).max(1) - 1;
        let time =
            (field(stamp.time, 11, 5) * 60 + field(stamp.time, 5, 6)) * 60 + field(stamp.time, 0, 5) * 2;
        let hundredths = u32::from(stamp.hundredths.min(199));
        let local = days * SECONDS_PER_DAY + time + i64::from(hundredths / 100);
        TimeSpec {
            sec: local - i64::from(self.minutes) * 60,
            nsec: hundredths % 100 * NANOSECONDS_PER_HUNDREDTH,
        }
    }

    /// The latest stamp that is not after a moment.
    pub fn stamp(self, moment: TimeSpec) -> Stamp {
        let local = moment.sec.saturating_add(i64::from(self.minutes) * 60);
        let (days, second) = (local.div_euclid(SECONDS_PER_DAY), local.rem_euclid(SECONDS_PER_DAY));
        if days < FIRST_DAY {
            return Stamp { date: FIRST_DATE, time: 0, hundredths: 0 };
        }
        if days >= days_before(2108, 1) {
            return Stamp { date: 127 << 9 | 12 << 5 | 31, time: 23 << 11 | 59 << 5 | 29, hundredths: 199 };
        }
        let (year, month, day) = date_of(days);
        let date = (year - 1980) << 9 | month << 5 | day;
        let time = (second / 3600) << 11 | (second / 60 % 60) << 5 | (second % 60 / 2);
        let hundredths = second % 2 * 100 + i64::from(moment.nsec / NANOSECONDS_PER_HUNDREDTH).min(99);
        Stamp { date: date as u16, time: time as u16, hundredths: hundredths as u8 }
    }
}

/// Days from 1970-01-01 to the first of a month, in the calendar of Gregory: a year begins in March, so that the day
/// that some years have more comes last.
fn days_before(year: i64, month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 - 719_468
}

/// Year, month and day of a day from 1970 to 2107.
fn date_of(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let mut month = 12;
    while days_before(year, month) > days {
        month -= 1;
    }
    (year, month, days - days_before(year, month) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sec: i64) -> TimeSpec {
        TimeSpec { sec, nsec: 0 }
    }

    #[test]
    fn known_moments_have_their_stamps() {
        // 2024-02-29 23:59:58 UTC.
        let stamp = Zone::default().stamp(at(1_709_251_198));
        assert_eq!((stamp.date, stamp.time), (44 << 9 | 2 << 5 | 29, 23 << 11 | 59 << 5 | 29));
        assert_eq!(Zone::default().moment(stamp), at(1_709_251_198));
    }

    #[test]
    fn every_day_and_second_comes_back() {
        let zone = Zone { minutes: 330 };
        for day in 3653..50_403 {
            let moment =
                TimeSpec { sec: day * SECONDS_PER_DAY + day * 7 % SECONDS_PER_DAY, nsec: 250_000_000 };
            assert_eq!(zone.moment(zone.stamp(moment)), moment);
        }
    }

    #[test]
    fn what_is_beyond_becomes_the_first_or_last_moment() {
        let zone = Zone::default();
        assert_eq!(zone.moment(zone.stamp(at(5))), at(315_532_800));
        assert_eq!(zone.moment(zone.stamp(at(i64::MAX))).sec, 4_354_819_199);
        assert_eq!(zone.moment(zone.stamp(at(i64::MIN))), at(315_532_800));
    }

    #[test]
    fn damaged_stamps_are_some_moment() {
        let stamp = Stamp { date: 0, time: 0xffff, hundredths: 255 };
        assert!(Zone { minutes: -720 }.moment(stamp).sec > 315_532_800);
    }
}
