//! IPv4 (RFC 791, section 3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+-------------------------------+
//! |version| length| traffic class | total length                  |
//! +-------+-------+---------------+-----+-------------------------+
//! | identification                |flags| fragment offset         |
//! +---------------+---------------+-----+-------------------------+
//! | time to live  | protocol      | checksum                      |
//! +---------------+---------------+-------------------------------+
//! | source                                                        |
//! +---------------------------------------------------------------+
//! | destination                                                   |
//! +---------------------------------------------------------------+
//! | options ...                                                   |
//! ```

use super::{Malformed, checksum};
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use rump_kpi::packet::Packet;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the header without options.
pub const HEADER_BYTES: usize = size_of::<Header>();
/// The longest packet.
pub const MOST_BYTES: usize = 65_535;
/// Every host takes packets of so many bytes (RFC 791, section 3.2).
pub const LEAST_MTU: u32 = 68;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(pub u8);

#[allow(missing_docs)]
impl Protocol {
    pub const ICMP: Self = Self(1);
    pub const IGMP: Self = Self(2);
    pub const TCP: Self = Self(6);
    pub const UDP: Self = Self(17);
    pub const ICMPV6: Self = Self(58);
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version_and_length: u8,
    traffic_class: u8,
    total_length: U16,
    identification: U16,
    flags_and_offset: U16,
    time_to_live: u8,
    protocol: u8,
    checksum: U16,
    source: [u8; 4],
    destination: [u8; 4],
}

/// Where a fragment belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Its first byte's place, a multiple of eight.
    pub offset: u16,
    /// Others follow.
    pub has_more: bool,
}

/// The header of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// From whom.
    pub source: Ipv4Addr,
    /// To whom.
    pub destination: Ipv4Addr,
    /// What it carries.
    pub protocol: Protocol,
    /// How many more routers may pass it on.
    pub time_to_live: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Tells the fragments of a packet from those of others.
    pub identification: u16,
    /// No router may cut it.
    pub dont_fragment: bool,
    /// Which part it is.
    pub fragment: Fragment,
    /// The options as they are, padded to a multiple of four.
    pub options: Vec<u8>,
}

impl Ipv4 {
    /// A header with nothing special.
    pub fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: Protocol, time_to_live: u8) -> Self {
        Self {
            source,
            destination,
            protocol,
            time_to_live,
            traffic_class: 0,
            identification: 0,
            dont_fragment: false,
            fragment: Fragment::default(),
            options: Vec::new(),
        }
    }

    /// Takes the header off a packet, and what a link added behind its end.
    ///
    /// Errors: [`Malformed::Short`], [`Malformed::Header`] (version, lengths), [`Malformed::Checksum`].
    pub fn take(packet: &mut Packet) -> Result<Self, Malformed> {
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let (version, length) = (bytes[0] >> 4, usize::from(bytes[0] & 0xf) * 4);
        if version != 4 || length < HEADER_BYTES {
            return Err(Malformed::Header);
        }
        let bytes = packet.first(length).ok_or(Malformed::Short)?;
        let (header, options) = Header::ref_from_prefix(bytes).map_err(|_| Malformed::Short)?;
        if checksum::of(bytes) != 0 {
            return Err(Malformed::Checksum);
        }
        let total = usize::from(header.total_length.get());
        let flags = header.flags_and_offset.get();
        let parsed = Self {
            source: header.source.into(),
            destination: header.destination.into(),
            protocol: Protocol(header.protocol),
            time_to_live: header.time_to_live,
            traffic_class: header.traffic_class,
            identification: header.identification.get(),
            dont_fragment: flags & DONT_FRAGMENT != 0,
            fragment: Fragment { offset: (flags & OFFSET) * 8, has_more: flags & MORE_FRAGMENTS != 0 },
            options: options.to_vec(),
        };
        if total < length {
            return Err(Malformed::Header);
        }
        if total > packet.len() {
            return Err(Malformed::Short);
        }
        packet.truncate(total);
        packet.advance(length);
        Ok(parsed)
    }

    /// Length of the header.
    pub fn header_bytes(&self) -> usize {
        HEADER_BYTES + self.options.len()
    }

    /// Whether it is a part of a packet.
    pub fn is_fragment(&self) -> bool {
        self.fragment != Fragment::default()
    }

    /// Puts the header before a packet, which is not longer than [`MOST_BYTES`] with it, but for one that is to be cut.
    pub fn emit(&self, packet: &mut Packet) {
        let length = self.header_bytes();
        let total = packet.len() + length;
        let flags = if self.dont_fragment { DONT_FRAGMENT } else { 0 }
            | if self.fragment.has_more { MORE_FRAGMENTS } else { 0 };
        let mut header = Header {
            version_and_length: 0x40 | (length / 4) as u8,
            traffic_class: self.traffic_class,
            total_length: U16::new(total.min(MOST_BYTES) as u16),
            identification: U16::new(self.identification),
            flags_and_offset: U16::new(flags | (self.fragment.offset / 8)),
            time_to_live: self.time_to_live,
            protocol: self.protocol.0,
            checksum: U16::ZERO,
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        let mut sum = checksum::Sum::default();
        sum.add(header.as_bytes());
        sum.add(&self.options);
        header.checksum = U16::new(sum.finish());
        let bytes = packet.prepend(length);
        bytes[..HEADER_BYTES].copy_from_slice(header.as_bytes());
        bytes[HEADER_BYTES..].copy_from_slice(&self.options);
    }
}
