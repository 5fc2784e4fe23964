//! Addresses and prefixes, of either version.

use crate::interface::InterfaceId;
use core::fmt;
use core::hash::Hash;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use rump_kpi::AddressFamily;

/// A version of the Internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Version {
    /// That of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Its family of sockets.
    pub fn family(self) -> AddressFamily {
        match self {
            Self::V4 => AddressFamily::Inet,
            Self::V6 => AddressFamily::Inet6,
        }
    }

    /// The address of nobody, which stands for all own ones.
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// The address of a host for itself.
    pub fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

/// Whether an address means something else on each link (RFC 4007).
pub fn is_of_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => {
            let [first, second, ..] = address.octets();
            address.is_unicast_link_local() || (first == 0xff && matches!(second & 0xf, 1 | 2))
        }
    }
}

/// Whether an address is that of all hosts of IPv4.
pub fn is_all(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.is_broadcast())
}

/// One end of a conversation: what sockets are found by. An address of a link has the number of the interface with it.
pub fn endpoint(address: IpAddr, port: u16, interface: InterfaceId) -> SocketAddr {
    match address {
        IpAddr::V6(v6) if is_of_link(address) => SocketAddrV6::new(v6, port, 0, interface.0).into(),
        _ => SocketAddr::new(address, port),
    }
}

/// The interface that an end names, of an address of a link.
pub fn zone(end: SocketAddr) -> Option<InterfaceId> {
    match end {
        SocketAddr::V6(end) if end.scope_id() != 0 => Some(InterfaceId(end.scope_id())),
        _ => None,
    }
}

/// Whether who has an address receives at another one: at the same; with none of his own at all of his version; and with
/// none of IPv6 at those of IPv4 as well, unless `v6_only`.
pub fn covers(own: IpAddr, v6_only: bool, address: IpAddr) -> bool {
    let has_both = own.is_ipv6() && !v6_only;
    own == address || (own.is_unspecified() && (own.is_ipv4() == address.is_ipv4() || has_both))
}

/// The group that whoever has an address belongs to, so that he can be asked for it (RFC 4291, section 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let last = u128::from(u32::from_be_bytes([0, a, b, c]));
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | last)
}

/// The address of an interface with a prefix of 64 bits.
pub fn with_identifier(prefix: Ipv6Addr, identifier: u64) -> Ipv6Addr {
    Ipv6Addr::from_bits(prefix.masked(64).to_bits() | u128::from(identifier))
}

/// An address of IPv4 or IPv6.
pub trait Address: Copy + Eq + Hash + Ord + fmt::Display + fmt::Debug {
    /// How many bits it has.
    const BITS: u8;

    /// Its first `length` bits, all others zero.
    fn masked(self, length: u8) -> Self;
}

impl Address for Ipv4Addr {
    const BITS: u8 = 32;

    fn masked(self, length: u8) -> Self {
        let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
        (self.to_bits() & mask).into()
    }
}

impl Address for Ipv6Addr {
    const BITS: u8 = 128;

    fn masked(self, length: u8) -> Self {
        let mask = u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0);
        (self.to_bits() & mask).into()
    }
}

/// All addresses that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix<A> {
    address: A,
    length: u8,
}

impl<A: Address> Prefix<A> {
    /// Those that begin with the first `length` bits of `address`; all bits, if that is more than there are.
    pub fn new(address: A, length: u8) -> Self {
        let length = length.min(A::BITS);
        Self { address: address.masked(length), length }
    }

    /// The first of them.
    pub fn address(self) -> A {
        self.address
    }

    /// How many bits are alike.
    pub fn length(self) -> u8 {
        self.length
    }

    /// Whether an address is one of them.
    pub fn contains(self, address: A) -> bool {
        address.masked(self.length) == self.address
    }
}

impl Prefix<Ipv4Addr> {
    /// The address of all hosts of a network, if it has one (RFC 3021: networks of two have none).
    pub fn broadcast(self) -> Option<Ipv4Addr> {
        let hosts = u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
        (self.length < 31).then(|| (self.address.to_bits() | hosts).into())
    }
}

impl<A: Address> fmt::Display for Prefix<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_without_an_address_receives_at_those_of_its_version_or_of_both() {
        let [any4, any6] = [Version::V4, Version::V6].map(Version::unspecified);
        let [own4, own6] = [Version::V4, Version::V6].map(Version::loopback);
        assert!(covers(any4, false, own4) && !covers(any4, false, own6));
        assert!(covers(any6, false, own4) && !covers(any6, true, own4) && covers(any6, true, own6));
        assert!(covers(own4, false, own4) && !covers(own4, false, any4));
    }

    #[test]
    fn a_prefix_holds_what_begins_alike() {
        let net = Prefix::new(Ipv4Addr::new(10, 1, 2, 3), 9);
        assert_eq!(
            (net.address(), net.broadcast()),
            (Ipv4Addr::new(10, 0, 0, 0), Some(Ipv4Addr::new(10, 127, 255, 255)))
        );
        assert!(net.contains(Ipv4Addr::new(10, 127, 0, 1)) && !net.contains(Ipv4Addr::new(10, 128, 0, 1)));
        assert!(Prefix::new(Ipv4Addr::LOCALHOST, 0).contains(Ipv4Addr::BROADCAST));
        assert_eq!(Prefix::new(Ipv4Addr::LOCALHOST, 32).broadcast(), None);
        let six = Prefix::new("2001:db8::1".parse::<Ipv6Addr>().unwrap(), 64);
        assert!(
            six.contains("2001:db8::2".parse().unwrap()) && !six.contains("2001:db8:0:1::".parse().unwrap())
        );
    }

    #[test]
    fn the_group_of_who_is_asked_has_his_last_bits() {
        let address = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        assert_eq!(solicited_node(address("4037::1:800:200e:8c6c")), address("ff02::1:ff0e:8c6c"));
    }
}
