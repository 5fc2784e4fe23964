//! IPv6 (RFC 8200, section 3).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+---------------+---------------------------------------+
//! |version| traffic class | flow label                            |
//! +-------+---------------+-------+---------------+---------------+
//! | payload length                | next header   | hop limit     |
//! +-------------------------------+---------------+---------------+
//! | source, 16 bytes ...                                          |
//! +---------------------------------------------------------------+
//! | destination, 16 bytes ...                                     |
//! +---------------------------------------------------------------+
//! ```

use super::Malformed;
use super::ip::IpHeader;
use super::ipv4::Protocol;
use core::net::Ipv6Addr;
use rump_kpi::packet::Packet;
use zerocopy::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the header.
pub const HEADER_BYTES: usize = size_of::<Header>();
/// What every link takes (RFC 8200, section 5).
pub const LEAST_MTU: u32 = 1280;
/// The longest content that the length can tell.
pub const MOST_CONTENT: usize = 65_535;

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    version_class_label: U32,
    payload_length: U16,
    next_header: u8,
    hop_limit: u8,
    source: [u8; 16],
    destination: [u8; 16],
}

/// The header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6 {
    /// From whom.
    pub source: Ipv6Addr,
    /// To whom.
    pub destination: Ipv6Addr,
    /// What follows: a transport, or an extension header.
    pub next_header: Protocol,
    /// How many more routers may pass it on.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Tells flows apart (RFC 6437); 20 bits.
    pub flow_label: u32,
}

impl Ipv6 {
    /// A header with nothing special.
    pub fn new(source: Ipv6Addr, destination: Ipv6Addr, next_header: Protocol, hop_limit: u8) -> Self {
        Self { source, destination, next_header, hop_limit, traffic_class: 0, flow_label: 0 }
    }

    /// Takes the header off a packet, and what a link added behind its end.
    ///
    /// Errors: [`Malformed::Short`], [`Malformed::Header`] (version).
    pub fn take(packet: &mut Packet) -> Result<Self, Malformed> {
        let (parsed, content) = Self::parse(packet)?;
        if HEADER_BYTES + content > packet.len() {
            return Err(Malformed::Short);
        }
        packet.truncate(HEADER_BYTES + content);
        packet.advance(HEADER_BYTES);
        Ok(parsed)
    }

    /// The same of a packet that is quoted, and cut. Errors: as they are there.
    pub fn take_quoted(packet: &mut Packet) -> Result<Self, Malformed> {
        let (parsed, _) = Self::parse(packet)?;
        packet.advance(HEADER_BYTES);
        Ok(parsed)
    }

    /// The header, and the length of what follows.
    fn parse(packet: &mut Packet) -> Result<(Self, usize), Malformed> {
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let header = Header::ref_from_bytes(bytes).map_err(|_| Malformed::Short)?;
        let word = header.version_class_label.get();
        if word >> 28 != 6 {
            return Err(Malformed::Header);
        }
        let parsed = Self {
            source: header.source.into(),
            destination: header.destination.into(),
            next_header: Protocol(header.next_header),
            hop_limit: header.hop_limit,
            traffic_class: (word >> 20) as u8,
            flow_label: word & 0xf_ffff,
        };
        Ok((parsed, header.payload_length.get().into()))
    }

    /// Puts the header before a packet, which is not longer than [`MOST_CONTENT`], but for one that is to be cut.
    pub fn emit(&self, packet: &mut Packet) {
        let word = 6 << 28 | u32::from(self.traffic_class) << 20 | (self.flow_label & 0xf_ffff);
        let header = Header {
            version_class_label: U32::new(word),
            payload_length: U16::new(packet.len().min(MOST_CONTENT) as u16),
            next_header: self.next_header.0,
            hop_limit: self.hop_limit,
            source: self.source.octets(),
            destination: self.destination.octets(),
        };
        packet.prepend(HEADER_BYTES).copy_from_slice(header.as_bytes());
    }

    /// What a transport has to know of it; `protocol` is that behind all extension headers.
    pub fn header(&self, protocol: Protocol) -> IpHeader {
        IpHeader {
            source: self.source.into(),
            destination: self.destination.into(),
            protocol,
            hop_limit: self.hop_limit,
            traffic_class: self.traffic_class,
        }
    }
}
