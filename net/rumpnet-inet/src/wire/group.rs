//! How hosts tell routers which groups they belong to: IGMPv3 (RFC 3376, section 4) with IGMPv1 and 2, and MLDv2
//! (RFC 3810, section 5) with MLDv1. Both say the same with addresses of different length.
//!
//! ```text
//! IGMP query   type 0x11 (1), max response (1), checksum (2), group (4), [S QRV (1), QQIC (1), count (2), sources]
//! MLD query    type 130 (1), code (1), checksum (2), max response (2), reserved (2), group (16), [the same]
//! v3/v2 report type 0x22 or 143 (1), 0 (1), checksum (2), reserved (2), number of records (2), records
//! record       type (1), 0 (1), count (2), group, sources
//! ```

use super::Malformed;
use crate::address::Version;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

/// Types of messages of IGMP.
#[allow(missing_docs)]
pub mod igmp {
    pub const QUERY: u8 = 0x11;
    pub const REPORT_1: u8 = 0x12;
    pub const REPORT_2: u8 = 0x16;
    pub const LEAVE: u8 = 0x17;
    pub const REPORT_3: u8 = 0x22;
}

/// Types of messages of MLD.
#[allow(missing_docs)]
pub mod mld {
    pub const QUERY: u8 = 130;
    pub const REPORT_1: u8 = 131;
    pub const DONE: u8 = 132;
    pub const REPORT_2: u8 = 143;
}

/// The version of the protocol that the router which asks speaks, by the age of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// IGMPv1: there is no message to leave.
    First,
    /// IGMPv2 and MLDv1: there are no sources.
    Second,
    /// IGMPv3 and MLDv2.
    Third,
}

/// A question of a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which version it is of.
    pub age: Age,
    /// How long an answer may take.
    pub response: Duration,
    /// For which group; unspecified: for all.
    pub group: IpAddr,
    /// For which sources; none: for all.
    pub sources: Vec<IpAddr>,
    /// How often a change is to be told, and one; zero: not said.
    pub robustness: u8,
}

/// What a record says of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum RecordKind {
    IsInclude = 1,
    IsExclude = 2,
    ToInclude = 3,
    ToExclude = 4,
    Allow = 5,
    Block = 6,
}

/// What a report says of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What.
    pub kind: RecordKind,
    /// Of which group.
    pub group: IpAddr,
    /// And which sources.
    pub sources: Vec<IpAddr>,
}

/// A number with an exponent (RFC 3376, section 4.1.1; RFC 3810, section 5.1.3), of `bits` bits in all.
fn floating(value: u32, bits: u32) -> u32 {
    let mantissa_bits = bits - 4;
    if value < 1 << (bits - 1) {
        return value;
    }
    let mantissa = value & ((1 << mantissa_bits) - 1) | 1 << mantissa_bits;
    mantissa << ((value >> mantissa_bits & 7) + 3)
}

fn address(version: Version, bytes: &[u8]) -> Option<IpAddr> {
    Some(match version {
        Version::V4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(..4)?).ok()?).into(),
        Version::V6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.get(..16)?).ok()?).into(),
    })
}

fn put(bytes: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => bytes.extend(address.octets()),
        IpAddr::V6(address) => bytes.extend(address.octets()),
    }
}

impl Query {
    /// Reads a question, of which `bytes` is all.
    ///
    /// Errors: [`Malformed::Short`], [`Malformed::Header`] (a length that no version has), [`Malformed::Address`].
    pub fn parse(version: Version, bytes: &[u8]) -> Result<Self, Malformed> {
        let (group_at, width) = match version {
            Version::V4 => (4, 4),
            Version::V6 => (8, 16),
        };
        let group =
            address(version, bytes.get(group_at..).ok_or(Malformed::Short)?).ok_or(Malformed::Short)?;
        let rest_at = group_at + width;
        let age = match (version, bytes.len()) {
            (Version::V4, 8) if bytes[1] == 0 => Age::First,
            (_, length) if length == rest_at => Age::Second,
            (_, length) if length >= rest_at + 4 => Age::Third,
            _ => return Err(Malformed::Header),
        };
        if !group.is_unspecified() && !group.is_multicast() {
            return Err(Malformed::Address);
        }
        let response = match (version, age) {
            (_, Age::First) => Duration::from_secs(10),
            (Version::V4, age) => {
                let tenths = if age == Age::Third { floating(bytes[1].into(), 8) } else { bytes[1].into() };
                Duration::from_millis(u64::from(tenths) * 100)
            }
            (Version::V6, age) => {
                let code = u32::from(u16::from_be_bytes([bytes[4], bytes[5]]));
                Duration::from_millis(if age == Age::Third { floating(code, 16) } else { code }.into())
            }
        };
        let mut query = Self { age, response, group, sources: Vec::new(), robustness: 0 };
        if age == Age::Third {
            query.robustness = bytes[rest_at] & 7;
            let count = usize::from(u16::from_be_bytes([bytes[rest_at + 2], bytes[rest_at + 3]]));
            let sources = &bytes[rest_at + 4..];
            if sources.len() < count * width {
                return Err(Malformed::Short);
            }
            query.sources =
                sources.chunks_exact(width).take(count).filter_map(|bytes| address(version, bytes)).collect();
        }
        Ok(query)
    }

    /// All of it, without a checksum.
    pub fn emit(&self, version: Version) -> Vec<u8> {
        let millis = self.response.as_millis();
        let mut bytes = match version {
            Version::V4 if self.age == Age::First => alloc::vec![igmp::QUERY, 0, 0, 0],
            Version::V4 => alloc::vec![igmp::QUERY, (millis / 100).min(127) as u8, 0, 0],
            Version::V6 => {
                let [high, low] = (millis.min(0x7fff) as u16).to_be_bytes();
                alloc::vec![mld::QUERY, 0, 0, 0, high, low, 0, 0]
            }
        };
        put(&mut bytes, self.group);
        if self.age == Age::Third {
            bytes.extend([self.robustness, 125]);
            bytes.extend((self.sources.len() as u16).to_be_bytes());
            self.sources.iter().for_each(|source| put(&mut bytes, *source));
        }
        bytes
    }
}

/// A report of the third age with these records, without a checksum.
pub fn report(version: Version, records: &[Record]) -> Vec<u8> {
    let kind = if version == Version::V4 { igmp::REPORT_3 } else { mld::REPORT_2 };
    let mut bytes = alloc::vec![kind, 0, 0, 0, 0, 0];
    bytes.extend((records.len() as u16).to_be_bytes());
    for record in records {
        bytes.extend([record.kind as u8, 0]);
        bytes.extend((record.sources.len() as u16).to_be_bytes());
        put(&mut bytes, record.group);
        record.sources.iter().for_each(|source| put(&mut bytes, *source));
    }
    bytes
}

/// Bytes of a record.
pub fn record_bytes(record: &Record) -> usize {
    let width = if record.group.is_ipv4() { 4 } else { 16 };
    4 + width * (1 + record.sources.len())
}

/// A message of an older version: that a host belongs to a group, or no longer does. Without a checksum.
pub fn plain(kind: u8, group: IpAddr) -> Vec<u8> {
    let mut bytes = alloc::vec![kind, 0, 0, 0];
    if group.is_ipv6() {
        bytes.extend([0; 4]);
    }
    put(&mut bytes, group);
    bytes
}

/// The records of a report. For tests of what is sent, and for who looks on. Errors: [`Malformed::Short`],
/// [`Malformed::Header`].
pub fn parse_report(version: Version, bytes: &[u8]) -> Result<Vec<Record>, Malformed> {
    let width = if version == Version::V4 { 4 } else { 16 };
    let count =
        bytes.get(6..8).map(|count| u16::from_be_bytes([count[0], count[1]])).ok_or(Malformed::Short)?;
    let (mut rest, mut records) = (&bytes[8..], Vec::new());
    for _ in 0..count {
        let header = rest.get(..4 + width).ok_or(Malformed::Short)?;
        let kind = match header[0] {
            1 => RecordKind::IsInclude,
            2 => RecordKind::IsExclude,
            3 => RecordKind::ToInclude,
            4 => RecordKind::ToExclude,
            5 => RecordKind::Allow,
            6 => RecordKind::Block,
            _ => return Err(Malformed::Header),
        };
        let sources = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let group = address(version, &header[4..]).ok_or(Malformed::Short)?;
        let end = 4 + width * (1 + sources);
        let listed = rest.get(4 + width..end).ok_or(Malformed::Short)?;
        let sources = listed.chunks_exact(width).filter_map(|bytes| address(version, bytes)).collect();
        records.push(Record { kind, group, sources });
        rest = &rest[end..];
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_have_an_exponent() {
        assert_eq!((floating(127, 8), floating(128, 8), floating(255, 8)), (127, 128, 31 << 10));
        assert_eq!((floating(0x7fff, 16), floating(0x8000, 16)), (0x7fff, 0x8000));
    }

    #[test]
    fn questions_and_reports_come_back_from_their_bytes() {
        for (version, group, source) in
            [(Version::V4, "239.1.2.3", "192.0.2.1"), (Version::V6, "ff15::1:2", "2001:db8::1")]
        {
            let [group, source]: [IpAddr; 2] = [group, source].map(|text| text.parse().unwrap());
            let query = Query {
                age: Age::Third,
                response: Duration::from_secs(1),
                group,
                sources: alloc::vec![source],
                robustness: 2,
            };
            let bytes = query.emit(version);
            assert_eq!(Query::parse(version, &bytes), Ok(query));
            assert!((0..bytes.len()).all(|length| {
                Query::parse(version, &bytes[..length]).map_or(true, |query| query.age < Age::Third)
            }));
            let records = [Record { kind: RecordKind::Block, group, sources: alloc::vec![source] }];
            assert_eq!(parse_report(version, &report(version, &records)), Ok(records.to_vec()));
        }
    }
}
