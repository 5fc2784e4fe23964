//! Ethernet II (IEEE 802.3, clause 3; RFC 894).
//!
//! ```text
//!  0                   6                   12    14
//! +-------------------+-------------------+-----+---
//! | destination       | source            | type| content
//! +-------------------+-------------------+-----+---
//! ```

use super::Malformed;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use rump_kpi::packet::Packet;
use zerocopy::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of the header.
pub const HEADER_BYTES: usize = size_of::<Header>();

/// Bytes of a tag behind its type, and what of them names the network.
const TAG_BYTES: usize = 4;
const NETWORK: u16 = 0x0fff;

/// An address.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// All of a network.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether it is that of a group, or of all.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether one device can have it.
    pub fn is_unicast(self) -> bool {
        !self.is_group() && self.0 != [0; 6]
    }

    /// That of a group of IPv4 (RFC 1112, section 6.4).
    pub fn of_group_v4(group: Ipv4Addr) -> Self {
        let [_, b, c, d] = group.octets();
        Self([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// That of a group of IPv6 (RFC 2464, section 7).
    pub fn of_group_v6(group: Ipv6Addr) -> Self {
        let octets = group.octets();
        Self([0x33, 0x33, octets[12], octets[13], octets[14], octets[15]])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EtherType(pub u16);

#[allow(missing_docs)]
impl EtherType {
    pub const IPV4: Self = Self(0x0800);
    pub const ARP: Self = Self(0x0806);
    pub const IPV6: Self = Self(0x86dd);
    pub const TAGGED: Self = Self(0x8100);
}

#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Header {
    destination: MacAddress,
    source: MacAddress,
    ether_type: U16,
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// To whom.
    pub destination: MacAddress,
    /// From whom.
    pub source: MacAddress,
    /// What it carries.
    pub ether_type: EtherType,
}

impl Frame {
    /// Takes the header off a packet. Errors: [`Malformed::Short`], [`Malformed::Address`] (a group sent it).
    pub fn take(packet: &mut Packet) -> Result<Self, Malformed> {
        let bytes = packet.first(HEADER_BYTES).ok_or(Malformed::Short)?;
        let header = Header::ref_from_bytes(bytes).map_err(|_| Malformed::Short)?;
        let mut frame = Self {
            destination: header.destination,
            source: header.source,
            ether_type: EtherType(header.ether_type.get()),
        };
        if frame.source.is_group() {
            return Err(Malformed::Address);
        }
        packet.advance(HEADER_BYTES);
        if frame.ether_type == EtherType::TAGGED {
            frame.pass_priority(packet);
        }
        Ok(frame)
    }

    /// Takes away a tag that names no network: it tells of a priority, and the frame is one of the link itself (IEEE 802.1Q,
    /// section 6.9).
    fn pass_priority(&mut self, packet: &mut Packet) {
        if let Some(&[high, low, kind_high, kind_low]) = packet.first(TAG_BYTES) {
            if u16::from_be_bytes([high, low]) & NETWORK == 0 {
                self.ether_type = EtherType(u16::from_be_bytes([kind_high, kind_low]));
                packet.advance(TAG_BYTES);
            }
        }
    }

    /// Puts the header before a packet.
    pub fn emit(&self, packet: &mut Packet) {
        let header = Header {
            destination: self.destination,
            source: self.source,
            ether_type: U16::new(self.ether_type.0),
        };
        packet.prepend(HEADER_BYTES).copy_from_slice(header.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_tag_of_no_network_is_none() {
        let take = |tag: &[u8; 2]| {
            let bytes = [&[2; 12][..], &[0x81, 0], tag, &[8, 0], b"content"].concat();
            let mut packet = Packet::received(Bytes::from(bytes));
            let frame = Frame::take(&mut packet).unwrap();
            (frame.ether_type, packet.len())
        };
        assert_eq!(take(&[0xe0, 0]), (EtherType::IPV4, 7));
        assert_eq!(take(&[0xe0, 1]), (EtherType::TAGGED, 11));
    }
}
