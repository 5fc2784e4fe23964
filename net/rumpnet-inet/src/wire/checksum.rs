//! The checksum of the Internet protocols: the complement of the sum of all 16-bit words in ones' complement (RFC 1071), and
//! what stands before a transport in it.

use crate::wire::ipv4::Protocol;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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

/// The same for either version; `from` and `to` are of one.
pub fn pseudo(from: IpAddr, to: IpAddr, protocol: Protocol, length: usize) -> Sum {
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => pseudo_v4(from, to, protocol, length),
        (IpAddr::V6(from), IpAddr::V6(to)) => pseudo_v6(from, to, protocol, length),
        // No path leads from one version to the other.
        _ => Sum::default(),
    }
}
