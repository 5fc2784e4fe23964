//! The checksum of the Internet protocols: the complement of the sum of all 16-bit words in ones' complement (RFC 1071), and
//! what stands before a transport in it.

use crate::wire::ipv4::Protocol;
use core::net::{Ipv4Addr, Ipv6Addr};
pub use rump_kpi::packet::checksum::{Sum, of, updated};

/// The sum of the header that stands before a transport's in its checksum (RFC 9293, section 3.1).
pub fn pseudo_v4(from: Ipv4Addr, to: Ipv4Addr, protocol: Protocol, length: usize) -> Sum {
    let mut sum = Sum::default();
    sum.add(&from.octets());
    sum.add(&to.octets());
    sum.add_word(protocol.0.into());
    sum.add_word(length as u16);
    sum
}

/// The same for IPv6 (RFC 8200, section 8.1).
pub fn pseudo_v6(from: Ipv6Addr, to: Ipv6Addr, protocol: Protocol, length: usize) -> Sum {
    let mut sum = Sum::default();
    sum.add(&from.octets());
    sum.add(&to.octets());
    sum.add(&(length as u32).to_be_bytes());
    sum.add_word(protocol.0.into());
    sum
}
