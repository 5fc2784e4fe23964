//! Sizes and times as people read them. Times are UTC.

use rumpkit::TimeSpec;

/// `1.5K`, `12M`: rounded up, as `ls -h` does.
pub fn human(bytes: u64) -> String {
    const UNITS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];
    if bytes < 1024 {
        return bytes.to_string();
    }
    let mut unit = 0;
    let mut scale = 1024_u128;
    let bytes = u128::from(bytes);
    // Rounding up may reach 1024 of a unit, which is one of the next.
    while bytes.div_ceil(scale) >= 1024 && unit + 1 < UNITS.len() {
        unit += 1;
        scale *= 1024;
    }
    let tenths = (bytes * 10).div_ceil(scale);
    if tenths < 100 {
        format!("{}.{}{}", tenths / 10, tenths % 10, UNITS[unit])
    } else {
        format!("{}{}", bytes.div_ceil(scale), UNITS[unit])
    }
}

/// A point in time taken apart.
struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Civil {
    /// Gregorian calendar, extended to all times. Days are counted from 1 March of the year 0, so that the leap
    /// day is the last of its year and every 400 years are alike.
    fn new(time: TimeSpec) -> Self {
        let days = time.sec.div_euclid(86_400) + 719_468;
        let second = time.sec.rem_euclid(86_400) as u32;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32,
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }
}

/// `2026-11-24`.
pub fn day(time: TimeSpec) -> String {
    let civil = Civil::new(time);
    format!("{:04}-{:02}-{:02}", civil.year, civil.month, civil.day)
}

/// `2026-11-24 06:30`.
pub fn minute(time: TimeSpec) -> String {
    let civil = Civil::new(time);
    format!("{:04}-{:02}-{:02} {:02}:{:02}", civil.year, civil.month, civil.day, civil.hour, civil.minute)
}

/// `2026-11-24 06:30:05.000000000 +0000`.
pub fn full(time: TimeSpec) -> String {
    format!("{}:{:02}.{:09} +0000", minute(time), Civil::new(time).second, time.nsec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(sec: i64) -> String {
        full(TimeSpec { sec, nsec: 7 })
    }

    #[test]
    fn human_sizes_round_up() {
        let cases =
            [(0, "0"), (1023, "1023"), (1024, "1.0K"), (1025, "1.1K"), (10_240, "10K"), (10_241, "11K")];
        for (bytes, text) in cases {
            assert_eq!(human(bytes), text);
        }
        assert_eq!(human(1_048_575), "1.0M");
        assert_eq!(human(u64::MAX), "16E");
    }

    #[test]
    fn dates_are_right_around_leap_days_and_before_1970() {
        assert_eq!(at(0), "1970-01-01 00:00:00.000000007 +0000");
        assert_eq!(at(-1), "1969-12-31 23:59:59.000000007 +0000");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00.000000007 +0000");
        assert_eq!(at(1_795_501_805), "2026-11-24 06:30:05.000000007 +0000");
    }

    #[test]
    fn the_ends_of_time_have_a_date() {
        assert!(at(i64::MAX).starts_with("292277026596-12-04"));
        assert!(at(i64::MIN).starts_with("-292277022657-01-27"));
    }
}
