//! Which of several own addresses of IPv6 a packet is sent from (RFC 6724, section 5), and in which order destinations
//! are tried (section 6).

use crate::address::Prefix;
use core::cmp::Ordering;
use core::net::Ipv6Addr;

/// How far an address means something: the numbers of scopes of groups (RFC 4291, section 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope(pub u8);

impl Scope {
    /// On one link.
    pub const LINK: Self = Self(2);
    /// Everywhere.
    pub const GLOBAL: Self = Self(14);

    /// That of an address (RFC 6724, section 3.1).
    pub fn of(address: Ipv6Addr) -> Self {
        let octets = address.octets();
        if address.is_multicast() {
            Self(octets[1] & 0xf)
        } else if address.is_unicast_link_local() || address.is_loopback() {
            Self::LINK
        } else if octets[0] == 0xfe && octets[1] & 0xc0 == 0xc0 {
            Self(5)
        } else {
            Self::GLOBAL
        }
    }
}

/// The default policy table (RFC 6724, section 2.1): prefix, its length, precedence, label.
const POLICIES: [(Ipv6Addr, u8, u8, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
    (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
];

/// Precedence and label of an address: those of the longest prefix.
fn policy(address: Ipv6Addr) -> (u8, u8) {
    let holding =
        POLICIES.iter().filter(|(prefix, length, ..)| Prefix::new(*prefix, *length).contains(address));
    holding
        .max_by_key(|(_, length, ..)| *length)
        .map_or((40, 1), |(.., precedence, label)| (*precedence, *label))
}

/// An own address that may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub address: Ipv6Addr,
    /// Length of its network's prefix.
    pub length: u8,
    /// What is begun should have another.
    pub is_deprecated: bool,
    /// It is on the interface that the packet leaves by.
    pub is_of_interface: bool,
    /// The router that told of its prefix gets the packet (rule 5.5).
    pub is_of_next_hop: bool,
}

fn common_bits(one: Ipv6Addr, other: Ipv6Addr) -> u8 {
    (one.to_bits() ^ other.to_bits()).leading_zeros() as u8
}

/// Which of two is better for a destination: the greater one.
fn compare(destination: Ipv6Addr, one: &Candidate, other: &Candidate) -> Ordering {
    let scope = Scope::of(destination);
    let label = policy(destination).1;
    let is_same = |candidate: &Candidate| candidate.address == destination;
    // Rule 2: of scopes that reach the destination the smallest, else the largest.
    let by_scope = |candidate: &Candidate| {
        let own = Scope::of(candidate.address);
        if own >= scope { (1, -i16::from(own.0)) } else { (0, i16::from(own.0)) }
    };
    let common = |candidate: &Candidate| common_bits(candidate.address, destination).min(candidate.length);
    is_same(one)
        .cmp(&is_same(other))
        .then_with(|| by_scope(one).cmp(&by_scope(other)))
        .then_with(|| other.is_deprecated.cmp(&one.is_deprecated))
        .then_with(|| one.is_of_interface.cmp(&other.is_of_interface))
        .then_with(|| one.is_of_next_hop.cmp(&other.is_of_next_hop))
        .then_with(|| (policy(one.address).1 == label).cmp(&(policy(other.address).1 == label)))
        .then_with(|| common(one).cmp(&common(other)))
}

/// The address to send from; of equal ones the first.
pub fn choose(destination: Ipv6Addr, candidates: impl Iterator<Item = Candidate>) -> Option<Ipv6Addr> {
    let best = candidates.reduce(|best, next| match compare(destination, &best, &next) {
        Ordering::Less => next,
        _ => best,
    });
    best.map(|candidate| candidate.address)
}

/// Puts destinations, each with the address that they would be reached from, if at all, in the order in which they are
/// to be tried (section 6, rules 1, 2, 5, 6, 8 and 9).
pub fn order(destinations: &mut [(Ipv6Addr, Option<Ipv6Addr>)]) {
    destinations.sort_by(|(one, from_one), (other, from_other)| {
        let (Some(source_one), Some(source_other)) = (from_one, from_other) else {
            return from_other.is_some().cmp(&from_one.is_some());
        };
        let fits = |to: &Ipv6Addr, from: &Ipv6Addr| Scope::of(*to) == Scope::of(*from);
        let has_label = |to: &Ipv6Addr, from: &Ipv6Addr| policy(*to).1 == policy(*from).1;
        fits(other, source_other)
            .cmp(&fits(one, source_one))
            .then_with(|| has_label(other, source_other).cmp(&has_label(one, source_one)))
            .then_with(|| policy(*other).0.cmp(&policy(*one).0))
            .then_with(|| Scope::of(*one).cmp(&Scope::of(*other)))
            .then_with(|| common_bits(*other, *source_other).cmp(&common_bits(*one, *source_one)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn address(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn chosen(destination: &str, own: &[(&str, bool)]) -> Ipv6Addr {
        let candidate = |(text, is_deprecated): &(&str, bool)| Candidate {
            address: address(text),
            length: 64,
            is_deprecated: *is_deprecated,
            is_of_interface: true,
            is_of_next_hop: false,
        };
        choose(address(destination), own.iter().map(candidate)).unwrap()
    }

    /// The examples of RFC 6724, section 10.1, of rules that are followed here.
    #[test]
    fn the_examples_of_the_rfc_choose_as_it_says() {
        for (destination, own, expected) in [
            ("2001:db8:1::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1"),
            ("ff05::1", ["2001:db8:3::1", "fe80::1"], "2001:db8:3::1"),
            ("fe80::1", ["fe80::2", "2001:db8:1::1"], "fe80::2"),
            ("2001:db8:1::1", ["2001:db8:1::2", "2001:db8:3::2"], "2001:db8:1::2"),
            (
                "2002:c633:6401::1",
                ["2002:c633:6401::d5e3:7953:13eb:22e8", "2001:db8:1::2"],
                "2002:c633:6401::d5e3:7953:13eb:22e8",
            ),
        ] {
            assert_eq!(
                chosen(destination, &own.map(|text| (text, false))),
                address(expected),
                "{destination}"
            );
        }
        let old = [("2001:db8:1::1", true), ("2001:db8:3::1", false)];
        assert_eq!(chosen("2001:db8:1::1", &old), address("2001:db8:1::1"));
        assert_eq!(chosen("2001:db8:1::2", &old), address("2001:db8:3::1"));
    }

    /// Those of section 10.2.
    #[test]
    fn destinations_are_tried_in_the_order_of_the_rfc() {
        for (all, expected) in [
            ([("2001:db8:1::1", Some("2001:db8:1::2")), ("2001:db8:3ffe::1", None)], "2001:db8:1::1"),
            ([("2001:db8:1::1", Some("2001:db8:1::2")), ("fe80::1", Some("fe80::2"))], "fe80::1"),
            (
                [("2002:c633:6401::1", Some("2002:c633:6401::2")), ("2001:db8:1::1", Some("2001:db8:1::2"))],
                "2001:db8:1::1",
            ),
            (
                [
                    ("2002:c633:6401::1", Some("2002:c633:6401::2")),
                    ("2001:db8:1::1", Some("2002:c633:6401::2")),
                ],
                "2002:c633:6401::1",
            ),
        ] {
            let mut all: Vec<_> = all.iter().map(|(to, from)| (address(to), from.map(address))).collect();
            order(&mut all);
            assert_eq!(all[0].0, address(expected));
        }
    }
}
