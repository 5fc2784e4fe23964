//! Values of options.

use crate::session::Failure;
use rumpkit::TimeSpec;
use std::str::FromStr;

/// A count of bytes: `4096`, `500M`, `2G`, with powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no size: digits, and k, M, G or T for powers of 1024");
        let plain = text.strip_suffix("iB").or_else(|| text.strip_suffix('B')).unwrap_or(text);
        let digits = plain.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let shift = match &plain[digits.len()..] {
            "" => 0,
            "k" | "K" => 10,
            "m" | "M" => 20,
            "g" | "G" => 30,
            "t" | "T" => 40,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(wrong)
    }
}

/// Free space to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slack {
    /// Of what is needed.
    Percent(u32),
    /// Bytes.
    Bytes(u64),
}

impl FromStr for Slack {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent @ 0..=10_000) => Ok(Self::Percent(percent)),
                _ => Err(format!("{text:?} is no percentage")),
            },
            None => text.parse().map(|Size(bytes)| Self::Bytes(bytes)),
        }
    }
}

impl Slack {
    /// What to add to `need` blocks of `block_size` bytes.
    pub fn blocks(self, need: u64, block_size: u64) -> u64 {
        match self {
            Self::Percent(percent) => (u128::from(need) * u128::from(percent)).div_ceil(100) as u64,
            Self::Bytes(bytes) => bytes.div_ceil(block_size),
        }
    }
}

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl FromStr for Owner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
        let (uid, gid) = pair.ok_or("two numbers, as in 1000:1000")?;
        Ok(Self { uid, gid })
    }
}

/// Where an identifier comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifier {
    /// It is this UUID.
    Uuid([u8; 16]),
    /// It is this serial number.
    Serial(u32),
    /// From the host's source of chance.
    Random,
    /// From the content.
    Derived,
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "random" => Ok(Self::Random),
            "derived" => Ok(Self::Derived),
            text => {
                parse_uuid(text).map(Self::Uuid).or_else(|| parse_serial(text).map(Self::Serial)).ok_or_else(
                    || format!("{text:?} is no UUID, no serial number (1234-ABCD), random or derived"),
                )
            }
        }
    }
}

fn parse_serial(text: &str) -> Option<u32> {
    let (high, low) = text.split_once('-')?;
    let half = |text: &str| {
        let is_plain = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(text, 16).ok().filter(|_| is_plain)
    };
    Some(half(high)? << 16 | half(low)?)
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    if groups != [8, 4, 4, 4, 12] {
        return None;
    }
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |letter: u8| char::from(letter).to_digit(16);
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(uuid)
}

/// Marks sixteen bytes as a UUID of this version (RFC 9562).
pub fn as_uuid(mut bytes: [u8; 16], version: u8) -> [u8; 16] {
    bytes[6] = bytes[6] & 0x0f | version << 4;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// The time that nothing shall be later than, where the user set one.
pub fn source_date_epoch() -> Result<Option<TimeSpec>, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    match text.to_str().and_then(|text| text.parse::<u32>().ok().map(i64::from).or_else(|| text.parse().ok()))
    {
        Some(sec) if sec >= 0 => Ok(Some(TimeSpec { sec, nsec: 0 })),
        _ => Err(Failure::Usage(format!("SOURCE_DATE_EPOCH {text:?} is no count of seconds"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in
            [("0", 0), ("512", 512), ("4k", 4096), ("2G", 2 << 30), ("1MiB", 1 << 20), ("3T", 3 << 40)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        for text in ["", "k", "1.5G", "-1", "1X", "99999999999T", "1 G"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn slack_is_a_share_or_a_size() {
        assert_eq!("10%".parse(), Ok(Slack::Percent(10)));
        assert_eq!("1M".parse(), Ok(Slack::Bytes(1 << 20)));
        assert!("x%".parse::<Slack>().is_err());
        assert_eq!(Slack::Percent(10).blocks(101, 4096), 11);
        assert_eq!(Slack::Bytes(4097).blocks(101, 4096), 2);
    }

    #[test]
    fn identifiers_are_read_and_written() {
        let text = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        let uuid = 0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2_e1f0_u128.to_be_bytes();
        assert_eq!(text.parse(), Ok(Identifier::Uuid(uuid)));
        assert_eq!("1234-abCD".parse(), Ok(Identifier::Serial(0x1234_abcd)));
        for wrong in
            ["", "0f1e2d3c", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1fg", "Random", "1234-56", "+123-4567"]
        {
            assert!(wrong.parse::<Identifier>().is_err());
        }
        assert_eq!("derived".parse(), Ok(Identifier::Derived));
    }

    #[test]
    fn owners_are_two_numbers() {
        assert_eq!("7:8".parse(), Ok(Owner { uid: 7, gid: 8 }));
        assert!("root:root".parse::<Owner>().is_err() && "7".parse::<Owner>().is_err());
    }
}
