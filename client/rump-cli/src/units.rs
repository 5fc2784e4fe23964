//! Sizes and times as people read and write them. Times are UTC.

use rump_abi::TimeSpec;

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

impl Civil {
    fn month_name(&self) -> &'static str {
        MONTHS[self.month as usize - 1]
    }
}

/// Days from 1970 to a date; the counterpart of [`Civil::new`].
fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Reads `2026-11-24`, `2026-11-24 06:30[:05[.123]]` (or with a `T`), with `Z` or `+0100` behind, and `@SECONDS[.123]`.
pub fn parse_time(text: &str) -> Result<TimeSpec, String> {
    let wrong = || format!("{text:?} is no time: use 2026-11-24, '2026-11-24 06:30:05', @1795501805 ...");
    let time = match text.strip_prefix('@') {
        Some(seconds) => parse_seconds(seconds),
        None => parse_date(text),
    };
    time.ok_or_else(wrong)
}

fn parse_seconds(text: &str) -> Option<TimeSpec> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (sec, nsec) = (whole.parse::<i64>().ok()?, nanoseconds(fraction)?);
    if whole.starts_with('-') && nsec > 0 {
        return Some(TimeSpec { sec: sec.checked_sub(1)?, nsec: 1_000_000_000 - nsec });
    }
    Some(TimeSpec { sec, nsec })
}

/// Digits after the point of a second.
fn nanoseconds(digits: &str) -> Option<u32> {
    let is_fraction = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_fraction.then(|| format!("{digits:0<9}").parse().ok())?
}

fn parse_date(text: &str) -> Option<TimeSpec> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', &[4, 2, 2])?[..] else { return None };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = [31, 28 + i64::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if day < 1 || day > *last.get(usize::try_from(month - 1).ok()?)? {
        return None;
    }
    let midnight = days_to(year, month, day) * 86_400;
    if rest.is_empty() {
        return Some(TimeSpec { sec: midnight, nsec: 0 });
    }
    let (time, offset) = split_zone(rest.strip_prefix([' ', 'T'])?)?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let clock = if clock.len() == 5 { format!("{clock}:00") } else { clock.to_string() };
    let [hour, minute, second] = numbers(&clock, ':', &[2, 2, 2])?[..] else { return None };
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    Some(TimeSpec {
        sec: midnight + hour * 3600 + minute * 60 + second - offset,
        nsec: nanoseconds(fraction)?,
    })
}

/// A time, and the seconds that its zone is before UTC.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let digits = text[at + 1..].replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = digits.parse::<i64>().ok()?;
    let seconds = number / 100 * 3600 + number % 100 * 60;
    Some((text[..at].trim_end(), if text[at..].starts_with('-') { -seconds } else { seconds }))
}

/// Numbers of just so many digits.
fn numbers(text: &str, separator: char, digits: &[usize]) -> Option<Vec<i64>> {
    let parts: Vec<&str> = text.split(separator).collect();
    let fits =
        |(part, &digits): (&&str, &usize)| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() != digits.len() || !parts.iter().zip(digits).all(fits) {
        return None;
    }
    parts.iter().map(|part| part.parse().ok()).collect()
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

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Half a year, in seconds.
const SIX_MONTHS: i64 = 365 * 86_400 / 2;

/// As ls(1) of BSD has it: `Nov 24 06:30`, and of what is half a year away `Nov 24  2026`.
pub fn listed(time: TimeSpec, now: TimeSpec) -> String {
    let civil = Civil::new(time);
    let day = format!("{} {:2}", civil.month_name(), civil.day);
    if now.sec.abs_diff(time.sec) < SIX_MONTHS as u64 {
        format!("{day} {:02}:{:02}", civil.hour, civil.minute)
    } else {
        format!("{day}  {:4}", civil.year)
    }
}

/// As `ls -T` of BSD has it: `Nov 24 06:30:05 2026`.
pub fn listed_in_full(time: TimeSpec) -> String {
    let civil = Civil::new(time);
    let Civil { year, day, hour, minute, second, .. } = civil;
    format!("{} {day:2} {hour:02}:{minute:02}:{second:02} {year}", civil.month_name())
}

/// As strftime(3) has it, in the locale of C: `%Y %m %d %H %M %S %b %e %T %F %D %R %y %j %s %n %t %%`. Errors: another letter.
pub fn formatted(time: TimeSpec, format: &str) -> Result<String, String> {
    let civil = Civil::new(time);
    let Civil { year, month, day, hour, minute, second } = civil;
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        text.push_str(&match rest.next() {
            Some('Y') => year.to_string(),
            Some('y') => format!("{:02}", year.rem_euclid(100)),
            Some('m') => format!("{month:02}"),
            Some('d') => format!("{day:02}"),
            Some('e') => format!("{day:2}"),
            Some('H') => format!("{hour:02}"),
            Some('M') => format!("{minute:02}"),
            Some('S') => format!("{second:02}"),
            Some('b' | 'h') => civil.month_name().into(),
            Some('T') => format!("{hour:02}:{minute:02}:{second:02}"),
            Some('R') => format!("{hour:02}:{minute:02}"),
            Some('F') => format!("{year}-{month:02}-{day:02}"),
            Some('D') => format!("{month:02}/{day:02}/{:02}", year.rem_euclid(100)),
            Some('j') => format!("{:03}", time.sec.div_euclid(86_400) - days_to(year, 1, 1) + 1),
            Some('s') => time.sec.to_string(),
            Some('n') => "\n".into(),
            Some('t') => "\t".into(),
            Some('%') => "%".into(),
            Some(letter) => return Err(format!("%{letter} is nothing that a time has")),
            None => return Err("a format of times ends with %".into()),
        });
    }
    Ok(text)
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
    fn times_are_read_as_they_are_written() {
        for sec in [0, -1, 951_782_400, 1_795_501_805, -62_167_219_200, 253_402_300_799] {
            let time = TimeSpec { sec, nsec: 123_456_789 };
            assert_eq!(parse_time(&full(time)), Ok(time));
            assert_eq!(parse_time(&format!("@{sec}")), Ok(TimeSpec { sec, nsec: 0 }));
        }
        let at = |text: &str| parse_time(text).map(|time| (time.sec, time.nsec));
        assert_eq!(at("1970-01-02"), Ok((86_400, 0)));
        assert_eq!(at("1970-01-01T01:00+0100"), Ok((0, 0)));
        assert_eq!(at("1970-01-01 00:00:01.5Z"), Ok((1, 500_000_000)));
        assert_eq!(at("@-1.25"), Ok((-2, 750_000_000)));
        for text in
            ["", "now", "2026-02-29", "2026-13-01", "2026-01-01 24:00", "@", "@1.", "2026-1-1", "2026-01-01x"]
        {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_old_is_listed_with_its_year() {
        let [now, half, full] =
            [1_795_501_805, 1_795_501_805 - SIX_MONTHS, 0].map(|sec| TimeSpec { sec, nsec: 0 });
        assert_eq!(listed(now, now), "Nov 24 06:30");
        assert_eq!(listed(half, now), "May 25  2026");
        assert_eq!(listed(full, now), "Jan  1  1970");
        assert_eq!(listed_in_full(now), "Nov 24 06:30:05 2026");
    }

    #[test]
    fn the_ends_of_time_have_a_date() {
        assert!(at(i64::MAX).starts_with("292277026596-12-04"));
        assert!(at(i64::MIN).starts_with("-292277022657-01-27"));
    }
}
