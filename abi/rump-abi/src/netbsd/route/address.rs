//! The addresses of a message: `struct sockaddr` behind each other, each at a multiple of eight bytes.
//!
//! An address of a link has the number of the link in its second 16 bits, as NetBSD's kernel has it (`fe80:2::1`); here it
//! stands beside the address. A mask may be cut short behind its last one, and of no family; one without bytes is all zeros.

use super::{Malformed, RTA_AUTHOR, RTA_BRD, RTA_DST, RTA_GATEWAY, RTA_IFA, RTA_IFP, RTA_NETMASK, RTAX_MAX};
use crate::AddressFamily;
use crate::netbsd::Layout;
use crate::netbsd::sockaddr::{AF_LINK, LENGTH_MAX, SockaddrDl, SockaddrIn, SockaddrIn6};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What addresses are aligned to, and what one without bytes takes.
const ALIGN: usize = 8;
/// Where the bits of a mask begin.
const MASK_IN: usize = 4;
const MASK_IN6: usize = 8;
/// Bytes of a [`SockaddrDl`] before name and address.
const LINK_DATA: usize = 8;

const INET: u8 = AddressFamily::Inet as u8;
const INET6: u8 = AddressFamily::Inet6 as u8;

/// An interface as an address (`struct sockaddr_dl`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkAddress {
    /// Its number, or zero.
    pub index: u16,
    /// `IFT_*`.
    pub kind: u8,
    /// Its name, or nothing.
    pub name: Vec<u8>,
    /// A hardware address, or nothing.
    pub hardware: Vec<u8>,
}

/// An address of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Of IPv4.
    Inet(Ipv4Addr),
    /// Of IPv6; if it is one of a link, with the number of the interface, or zero.
    Inet6(Ipv6Addr, u32),
    /// An interface, or a hardware address at one.
    Link(LinkAddress),
    /// Of another family.
    Other(u8),
}

impl Address {
    /// The address of IP that it is.
    pub fn ip(&self) -> Option<IpAddr> {
        match *self {
            Self::Inet(address) => Some(address.into()),
            Self::Inet6(address, _) => Some(address.into()),
            Self::Link(_) | Self::Other(_) => None,
        }
    }

    /// The address that one of IP is; `zone` is the number of the interface that one of a link is at.
    pub fn of_ip(ip: IpAddr, zone: u32) -> Self {
        match ip {
            IpAddr::V4(address) => Self::Inet(address),
            IpAddr::V6(address) => Self::Inet6(address, if is_of_link(address) { zone } else { 0 }),
        }
    }

    /// The interface that it is.
    pub fn link(&self) -> Option<&LinkAddress> {
        if let Self::Link(link) = self { Some(link) } else { None }
    }

    /// The number of its family.
    pub fn family(&self) -> u8 {
        match self {
            Self::Inet(_) => INET,
            Self::Inet6(..) => INET6,
            Self::Link(_) => AF_LINK,
            Self::Other(family) => *family,
        }
    }

    /// Its bytes, the padding behind them included.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.push(&mut bytes);
        bytes
    }

    /// `bytes` are those of its own length. What is missing of an address of IP is zero.
    fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut whole = [0; SockaddrIn6::SIZE];
        let count = bytes.len().min(whole.len());
        whole[..count].copy_from_slice(&bytes[..count]);
        match whole[1] {
            INET => {
                let inet = SockaddrIn::read(&whole).ok_or(Malformed::Address)?;
                Ok(Self::Inet(inet.address.into()))
            }
            INET6 => Ok(of_inet6(&SockaddrIn6::read(&whole).ok_or(Malformed::Address)?)),
            AF_LINK => parse_link(bytes),
            family => Ok(Self::Other(family)),
        }
    }

    fn push(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Inet(address) => push_inet(bytes, *address),
            Self::Inet6(address, zone) => push_inet6(bytes, embedded(*address, *zone)),
            Self::Link(link) => push_link(bytes, link),
            Self::Other(family) => bytes.extend([ALIGN as u8, *family, 0, 0, 0, 0, 0, 0]),
        }
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
    }
}

fn is_of_link(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.octets();
    address.is_unicast_link_local() || (first == 0xff && matches!(second & 0xf, 1 | 2))
}

fn of_inet6(inet: &SockaddrIn6) -> Address {
    let address = Ipv6Addr::from(inet.address);
    if !is_of_link(address) {
        return Address::Inet6(address, 0);
    }
    let mut octets = inet.address;
    let within = u16::from_be_bytes([octets[2], octets[3]]);
    (octets[2], octets[3]) = (0, 0);
    let zone = if inet.scope != 0 { inet.scope } else { within.into() };
    Address::Inet6(octets.into(), zone)
}

/// With the number of its link in it.
fn embedded(address: Ipv6Addr, zone: u32) -> Ipv6Addr {
    let mut octets = address.octets();
    if is_of_link(address) {
        [octets[2], octets[3]] = (zone as u16).to_be_bytes();
    }
    octets.into()
}

fn push_inet(bytes: &mut Vec<u8>, address: Ipv4Addr) {
    let length = SockaddrIn::SIZE as u8;
    let inet = SockaddrIn { length, family: INET, port: [0; 2], address: address.octets() };
    bytes.extend(inet.to_bytes());
}

fn push_inet6(bytes: &mut Vec<u8>, address: Ipv6Addr) {
    let inet = SockaddrIn6 {
        length: SockaddrIn6::SIZE as u8,
        family: INET6,
        port: [0; 2],
        flowinfo: 0,
        address: address.octets(),
        scope: 0,
    };
    bytes.extend(inet.to_bytes());
}

/// Name and address stand behind each other, as far as its length goes.
fn parse_link(bytes: &[u8]) -> Result<Address, Malformed> {
    let Some(&[_, _, index_low, index_high, kind, name, hardware, _]) = bytes.first_chunk::<LINK_DATA>()
    else {
        return Err(Malformed::Address);
    };
    let data = &bytes[LINK_DATA..];
    let (name, hardware) = (usize::from(name), usize::from(hardware));
    Ok(Address::Link(LinkAddress {
        index: u16::from_le_bytes([index_low, index_high]),
        kind,
        name: data.get(..name).ok_or(Malformed::Address)?.to_vec(),
        hardware: data.get(name..name + hardware).ok_or(Malformed::Address)?.to_vec(),
    }))
}

fn push_link(bytes: &mut Vec<u8>, link: &LinkAddress) {
    let begin = bytes.len();
    let most = LENGTH_MAX - LINK_DATA;
    let name = &link.name[..link.name.len().min(most)];
    let hardware = &link.hardware[..link.hardware.len().min(most - name.len())];
    let length = (LINK_DATA + name.len() + hardware.len()).max(SockaddrDl::SIZE);
    let [low, high] = link.index.to_le_bytes();
    let (name_length, hardware_length) = (name.len() as u8, hardware.len() as u8);
    bytes.extend([length as u8, AF_LINK, low, high, link.kind, name_length, hardware_length, 0]);
    bytes.extend(name);
    bytes.extend(hardware);
    bytes.resize(begin + length, 0);
}

/// The addresses of a message. Others than these are passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Where it goes.
    pub destination: Option<Address>,
    /// By which router or interface, or which hardware address is there.
    pub gateway: Option<Address>,
    /// How many bits of the destination, or of the own address, count.
    pub mask: Option<u8>,
    /// The interface.
    pub interface: Option<Address>,
    /// The address that it has.
    pub own: Option<Address>,
    /// Who redirected.
    pub author: Option<Address>,
    /// The address of all, or of the other end.
    pub broadcast: Option<Address>,
}

impl Addresses {
    /// Those that a mask names. What stands behind them is passed over.
    pub(super) fn parse(present: u32, mut bytes: &[u8]) -> Result<Self, Malformed> {
        let mut all = Self::default();
        let mut mask = None;
        for bit in (0..RTAX_MAX).map(|index| 1 << index).filter(|bit| present & bit != 0) {
            let length = usize::from(*bytes.first().ok_or(Malformed::Address)?);
            let own = bytes.get(..length).ok_or(Malformed::Address)?;
            let place = match bit {
                RTA_NETMASK => {
                    mask = Some(own);
                    None
                }
                RTA_DST => Some(&mut all.destination),
                RTA_GATEWAY => Some(&mut all.gateway),
                RTA_IFP => Some(&mut all.interface),
                RTA_IFA => Some(&mut all.own),
                RTA_AUTHOR => Some(&mut all.author),
                RTA_BRD => Some(&mut all.broadcast),
                _ => None,
            };
            if let (Some(place), [_, _, ..]) = (place, own) {
                *place = Some(Address::parse(own)?);
            }
            // The padding behind the last may be missing.
            let taken = length.max(1).next_multiple_of(ALIGN);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        all.mask = mask.map(|mask| mask_length(mask, all.family())).transpose()?;
        Ok(all)
    }

    /// The family that its mask is of, and that decides who is told: that of its destination, or of its own address.
    pub fn family(&self) -> u8 {
        self.destination.as_ref().or(self.own.as_ref()).map_or(0, Address::family)
    }

    /// Appends them; answers which there are. A mask of neither version of IP is left out.
    pub(super) fn push(&self, bytes: &mut Vec<u8>) -> u32 {
        let mut present = 0;
        let mut push = |bit, address: Option<&Address>, bytes: &mut Vec<u8>| {
            if let Some(address) = address {
                address.push(bytes);
                present |= bit;
            }
        };
        push(RTA_DST, self.destination.as_ref(), bytes);
        push(RTA_GATEWAY, self.gateway.as_ref(), bytes);
        push(RTA_NETMASK, self.mask_address().as_ref(), bytes);
        push(RTA_IFP, self.interface.as_ref(), bytes);
        push(RTA_IFA, self.own.as_ref(), bytes);
        push(RTA_AUTHOR, self.author.as_ref(), bytes);
        push(RTA_BRD, self.broadcast.as_ref(), bytes);
        present
    }

    fn mask_address(&self) -> Option<Address> {
        let length = u32::from(self.mask?);
        match self.family() {
            INET => Some(Address::Inet(Ipv4Addr::from_bits(!u32::MAX.checked_shr(length).unwrap_or(0)))),
            INET6 => {
                let bits = !u128::MAX.checked_shr(length).unwrap_or(0);
                Some(Address::Inet6(Ipv6Addr::from_bits(bits), 0))
            }
            _ => None,
        }
    }
}

/// How many ones a mask has, which are all in front.
fn mask_length(bytes: &[u8], family: u8) -> Result<u8, Malformed> {
    let (begin, width) = match family {
        INET => (MASK_IN, 4),
        INET6 => (MASK_IN6, 16),
        _ => return Err(Malformed::Address),
    };
    let mut octets = [0; 16];
    let given = bytes.get(begin..).unwrap_or_default();
    let count = given.len().min(width);
    octets[..count].copy_from_slice(&given[..count]);
    let bits = u128::from_be_bytes(octets);
    if bits.leading_ones() == bits.count_ones() {
        Ok(bits.leading_ones() as u8)
    } else {
        Err(Malformed::Address)
    }
}
