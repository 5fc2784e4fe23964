//! Whom a tool means: an address, a prefix, a hardware address. Names are not resolved.

use rump_client::kpi::device::InterfaceInfo;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

/// An address, with the interface on whose link it is if it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    zone: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address (names are not resolved)");
        let (address, zone) = match text.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        match (address, &zone) {
            (_, None) => {}
            (IpAddr::V6(address), Some(zone)) if is_of_link(address) && !zone.is_empty() => {}
            _ => return Err(wrong()),
        }
        Ok(Self { address, zone })
    }
}

/// Whether an address means something on one link alone.
pub fn is_of_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || (address.is_multicast() && address.segments()[0] & 0xf == 2)
}

impl Target {
    /// The number of the interface on whose link it is; zero if it means the same everywhere. Errors: in words, that there
    /// is no such interface, or that none is named.
    pub fn zone(&self, links: &[InterfaceInfo]) -> Result<u32, String> {
        let IpAddr::V6(address) = self.address else { return Ok(0) };
        if !is_of_link(address) {
            return Ok(0);
        }
        let Some(zone) = &self.zone else {
            return Err(format!("{address} is on a link: {address}%INTERFACE says on which"));
        };
        let is_it = |info: &&InterfaceInfo| info.name == *zone || zone.parse() == Ok(info.number);
        let found = links.iter().find(is_it).map(|info| info.number);
        found.ok_or_else(|| format!("there is no interface {zone}"))
    }

    /// The address that packets go to. Errors: as of [`Target::zone`].
    pub fn resolve(&self, links: &[InterfaceInfo]) -> Result<SocketAddr, String> {
        Ok(match self.address {
            IpAddr::V6(address) => SocketAddrV6::new(address, 0, 0, self.zone(links)?).into(),
            IpAddr::V4(address) => (address, 0).into(),
        })
    }
}

/// How an address is written, with the name of the interface that it is on the link of.
pub fn written(address: SocketAddr, links: &[InterfaceInfo]) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 && is_of_link(*v6.ip()) => {
            format!("{}%{}", v6.ip(), super::name_of(links, v6.scope_id()))
        }
        address => address.ip().to_string(),
    }
}

/// A length of a prefix: a number, or a mask. Errors: in words.
pub fn length_of_mask(text: &str) -> Result<u8, String> {
    let wrong = || format!("{text:?} is no mask");
    let bits = match (text.strip_prefix("0x"), text.parse::<IpAddr>()) {
        (Some(digits), _) => u128::from(u32::from_str_radix(digits, 16).map_err(|_| wrong())?) << 96,
        (_, Ok(IpAddr::V4(mask))) => u128::from(mask.to_bits()) << 96,
        (_, Ok(IpAddr::V6(mask))) => mask.to_bits(),
        _ => return Err(wrong()),
    };
    if bits.leading_ones() == bits.count_ones() { Ok(bits.leading_ones() as u8) } else { Err(wrong()) }
}

/// The bits of an address.
pub fn whole(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The length of a prefix behind a slash. Errors: in words.
pub fn length_of(text: &str, address: IpAddr) -> Result<u8, String> {
    let length = text.parse().ok().filter(|length| *length <= whole(address));
    length.ok_or_else(|| format!("{text:?} is no length of a prefix of {address}"))
}

/// A hardware address, as in 2:0:0:0:0:1. Errors: in words.
pub fn hardware(text: &str) -> Result<[u8; 6], String> {
    let byte = |part: &str| u8::from_str_radix(part, 16).ok().filter(|_| part.len() <= 2);
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    let bytes = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    bytes.ok_or_else(|| format!("{text:?} is no hardware address"))
}

/// Whether an address is in the network of another.
pub fn is_in(address: IpAddr, (net, length): (IpAddr, u8)) -> bool {
    let differing = match (net, address) {
        (IpAddr::V4(net), IpAddr::V4(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros(),
        (IpAddr::V6(net), IpAddr::V6(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= length.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_addresses_with_or_without_a_link() {
        for text in ["10.0.0.1", "fd00::1", "fe80::1", "fe80::1%if0", "ff02::1%2"] {
            assert!(text.parse::<Target>().is_ok(), "{text}");
        }
        for text in ["", "host", "fe80::1%", "fd00::1%if0", "10.0.0.1%if0", "10.0.0.256"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn masks_have_their_ones_in_front() {
        let lengths = ["255.255.255.0", "0xffffff00", "0.0.0.0", "ffff:ffff::"].map(length_of_mask);
        assert_eq!(lengths, [Ok(24), Ok(24), Ok(0), Ok(32)]);
        for text in ["255.0.255.0", "0x1", "24", "", "0xfffffffff"] {
            assert!(length_of_mask(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hardware_addresses_have_six_parts() {
        assert_eq!(hardware("2:0:0:0:0:fE"), Ok([2, 0, 0, 0, 0, 0xfe]));
        for text in ["", "2:0:0:0:0", "2:0:0:0:0:0:0", "2:0:0:0:0:100", "2:0:0:0:0:"] {
            assert!(hardware(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_have_their_prefix_in_common() {
        let net = ("10.1.2.0".parse().unwrap(), 23);
        assert!(is_in("10.1.3.9".parse().unwrap(), net));
        assert!(!is_in("10.1.4.0".parse().unwrap(), net));
        assert!(!is_in("fd00::1".parse().unwrap(), ("0.0.0.0".parse().unwrap(), 0)));
    }
}
