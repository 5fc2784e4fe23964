//! Addresses and prefixes, of either version.

use core::fmt;
use core::hash::Hash;
use core::net::{Ipv4Addr, Ipv6Addr};

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
}
