//! Dates: seven numbers (9.1.5), or sixteen digits and a number (8.4.26.1). Both end with the offset from UTC in
//! quarters of an hour.

use rump_kpi::TimeSpec;

/// The date of a directory record. One that is not set, or no date, is the beginning of 1970.
pub fn of_record(bytes: &[u8; 7]) -> TimeSpec {
    let [year, month, day, hour, minute, second, zone] = *bytes;
    seconds(1900 + i64::from(year), [month, day, hour, minute, second], zone)
        .map_or(TimeSpec::default(), |sec| TimeSpec { sec, nsec: 0 })
}

/// A date of digits; `None` where it is not set, or no date.
pub fn of_digits(bytes: &[u8; 17]) -> Option<TimeSpec> {
    let number = |from: usize, to: usize| {
        bytes[from..to]
            .iter()
            .try_fold(0_u16, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u16::from(digit - b'0')))
    };
    let mut fields = [0; 5];
    for (index, field) in fields.iter_mut().enumerate() {
        *field = number(4 + 2 * index, 6 + 2 * index)? as u8;
    }
    let sec = seconds(number(0, 4)?.into(), fields, bytes[16])?;
    Some(TimeSpec { sec, nsec: u32::from(number(14, 16)?) * 10_000_000 })
}

/// Seconds since 1970, if it is a date.
fn seconds(year: i64, [month, day, hour, minute, second]: [u8; 5], zone: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Beyond what 9.1.5 allows, it is no offset at all.
    let zone = Some(i64::from(zone as i8)).filter(|zone| (-48..=52).contains(zone)).unwrap_or(0);
    let of_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(days(year, month.into(), day.into()) * 86_400 + of_day - zone * 900)
}

/// Days since 1970 in the Gregorian calendar, with years that begin in March so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let before_month = (month * 153 + 2) / 5;
    before_year + before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_seconds_since_1970() {
        assert_eq!(of_record(&[70, 1, 1, 0, 0, 0, 0]).sec, 0);
        assert_eq!(of_record(&[100, 2, 29, 12, 30, 15, 0]).sec, 951_827_415);
        assert_eq!(of_record(&[69, 12, 31, 23, 59, 59, 0]).sec, -1);
        assert_eq!(of_record(&[255, 12, 31, 23, 59, 59, 0]).sec, 5_869_583_999);
    }

    #[test]
    fn the_zone_counts_in_quarters_of_an_hour() {
        assert_eq!(of_record(&[70, 1, 1, 2, 0, 0, 8]).sec, 0);
        assert_eq!(of_record(&[70, 1, 1, 0, 0, 0, (-20_i8) as u8]).sec, 18_000);
        assert_eq!(of_record(&[70, 1, 1, 0, 0, 0, 120]).sec, 0);
    }

    #[test]
    fn digits_have_hundredths() {
        let time = of_digits(b"2023111422132042\0").unwrap();
        assert_eq!((time.sec, time.nsec), (1_700_000_000, 420_000_000));
        assert_eq!(of_digits(b"0000000000000000\0"), None);
        assert_eq!(of_digits(b"2023 11422132042\0"), None);
    }

    #[test]
    fn what_is_no_date_is_1970() {
        assert_eq!(of_record(&[0; 7]), TimeSpec::default());
        assert_eq!(of_record(&[255; 7]), TimeSpec::default());
    }
}
