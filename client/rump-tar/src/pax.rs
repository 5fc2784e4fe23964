//! Records of extended headers (POSIX.1-2001 "pax"): `LENGTH KEY=VALUE\n`, the length in decimal and of all of it.

use rump_abi::TimeSpec;

/// A record; keys may come twice, and the order counts.
pub type Record = (Vec<u8>, Vec<u8>);

/// Reads the records of a header. Errors: what is wrong.
pub fn parse(mut bytes: &[u8]) -> Result<Vec<Record>, &'static str> {
    let mut records = Vec::new();
    // Some programs fill the last block up with zeros and count them.
    while bytes.first().is_some_and(|&byte| byte != 0) {
        let blank =
            bytes.iter().position(|&byte| byte == b' ').ok_or("an extended header without a length")?;
        let length = decimal(&bytes[..blank]).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|&length| length > blank + 1 && length <= bytes.len());
        let length = length.ok_or("an extended header with a wrong length")?;
        let (record, rest) = bytes.split_at(length);
        let record = record[blank + 1..].strip_suffix(b"\n").ok_or("an extended header without its end")?;
        let equals =
            record.iter().position(|&byte| byte == b'=').ok_or("an extended header without a value")?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = rest;
    }
    Ok(records)
}

/// Appends a record.
pub fn emit(to: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    // The length counts its own digits.
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    to.extend_from_slice(length.to_string().as_bytes());
    to.push(b' ');
    to.extend_from_slice(key);
    to.push(b'=');
    to.extend_from_slice(value);
    to.push(b'\n');
}

/// A number without sign.
pub fn decimal(text: &[u8]) -> Option<u64> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A time: seconds, perhaps negative, perhaps with a fraction.
pub fn time(text: &[u8]) -> Option<TimeSpec> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let nsec: u32 = digits.parse().ok()?;
    let sec: i64 = whole.parse().ok()?;
    if whole.starts_with('-') && nsec > 0 {
        return Some(TimeSpec { sec: sec.checked_sub(1)?, nsec: 1_000_000_000 - nsec });
    }
    Some(TimeSpec { sec, nsec })
}

/// A time as text.
pub fn time_text(time: TimeSpec) -> String {
    if time.sec < 0 && time.nsec > 0 {
        let whole = time.sec + 1;
        let sign = if whole == 0 { "-" } else { "" };
        return format!("{sign}{whole}.{:09}", 1_000_000_000 - time.nsec);
    }
    match time.nsec {
        0 => time.sec.to_string(),
        nsec => format!("{}.{nsec:09}", time.sec),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_keep_any_bytes() {
        for length in [0, 1, 84, 85, 86, 87, 88, 980, 990, 995, 70_000] {
            let value: Vec<u8> = (0..length).map(|index| index as u8).collect();
            let mut bytes = Vec::new();
            emit(&mut bytes, b"SCHILY.xattr.user.a", &value);
            emit(&mut bytes, b"path", b"x");
            let records = parse(&bytes).unwrap();
            assert_eq!(
                records,
                [(b"SCHILY.xattr.user.a".to_vec(), value), (b"path".to_vec(), b"x".to_vec())]
            );
        }
    }

    #[test]
    fn broken_records_are_refused() {
        for bytes in [
            &b"x"[..],
            b"9 a=b\n",
            b"5 a=bc",
            b"0 a=b\n",
            b"6 abc\n",
            b"-6 a=b\n",
            b"99999999999999999999 a=b\n",
        ] {
            assert!(parse(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(parse(b"\0\0").unwrap().is_empty());
    }

    #[test]
    fn times_before_1970_and_with_fractions_go_both_ways() {
        let cases = [
            (0, 0, "0"),
            (5, 7, "5.000000007"),
            (-1, 0, "-1"),
            (-1, 500_000_000, "-0.500000000"),
            (-3, 999_999_999, "-2.000000001"),
        ];
        for (sec, nsec, text) in cases {
            assert_eq!(time_text(TimeSpec { sec, nsec }), text);
            assert_eq!(time(text.as_bytes()), Some(TimeSpec { sec, nsec }), "{text}");
        }
        assert_eq!(time(b"1.2345678901234"), Some(TimeSpec { sec: 1, nsec: 234_567_890 }));
        assert_eq!(time(b"1.x"), None);
        assert_eq!(time(b""), None);
    }
}
