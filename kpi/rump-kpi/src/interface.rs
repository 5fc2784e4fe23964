//! What programs are told of an interface, in NetBSD's structures: by requests of `ioctl`, and by messages of routing sockets.

use crate::device::{AddressInfo, AddressState, InterfaceInfo, Medium};
use alloc::vec::Vec;
use core::net::IpAddr;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::route::{
    IN_IFF_DUPLICATED, IN_IFF_TENTATIVE, IN6_IFF_DEPRECATED, IN6_IFF_DUPLICATED, IN6_IFF_TENTATIVE,
    LinkAddress,
};

/// Bytes before a packet of Ethernet.
const ETHERNET_HEADER: u8 = 14;

impl InterfaceInfo {
    /// `IFF_*`.
    pub fn flags(&self) -> u16 {
        let kind = match self.device.medium {
            Medium::Ethernet { .. } => IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST,
            Medium::Loopback => IFF_LOOPBACK | IFF_MULTICAST,
            Medium::Ip => IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST,
        };
        let up = if self.is_up { IFF_UP | IFF_RUNNING } else { 0 };
        kind | up
    }

    /// As an address of its own, with its name and its hardware address.
    pub fn link_address(&self) -> LinkAddress {
        let (kind, hardware) = match self.device.medium {
            Medium::Ethernet { address } => (IFT_ETHER, address.to_vec()),
            Medium::Loopback => (IFT_LOOP, Vec::new()),
            Medium::Ip => (IFT_TUNNEL, Vec::new()),
        };
        let name = &self.name.as_bytes()[..self.name.len().min(IFNAMSIZ - 1)];
        LinkAddress { index: self.number as u16, kind, name: name.to_vec(), hardware }
    }

    /// What is known of it, and what went through.
    pub fn data(&self) -> IfData {
        let (statistics, link) = (&self.statistics, self.link_address());
        let is_ethernet = link.kind == IFT_ETHER;
        IfData {
            kind: link.kind,
            address_length: link.hardware.len() as u8,
            header_length: if is_ethernet { ETHERNET_HEADER } else { 0 },
            link_state: match (is_ethernet, self.has_carrier) {
                (true, true) => LINK_STATE_UP,
                (true, false) => LINK_STATE_DOWN,
                _ => LINK_STATE_UNKNOWN,
            },
            mtu: self.device.mtu.into(),
            metric: 0,
            baudrate: 0,
            packets: [
                statistics.packets_in,
                statistics.errors_in,
                statistics.packets_out,
                statistics.drops_out,
            ],
            collisions: 0,
            bytes: [statistics.bytes_in, statistics.bytes_out],
            groups: [statistics.groups_in, statistics.groups_out],
            dropped: [statistics.drops_in, 0],
            changed: [0; 2],
        }
    }
}

impl AddressInfo {
    /// `IN_IFF_*`, or of IPv6 `IN6_IFF_*`.
    pub fn flags(&self) -> u32 {
        match (self.state, self.address) {
            (AddressState::Tentative, IpAddr::V4(_)) => IN_IFF_TENTATIVE,
            (AddressState::Tentative, IpAddr::V6(_)) => IN6_IFF_TENTATIVE,
            (AddressState::Duplicate, IpAddr::V4(_)) => IN_IFF_DUPLICATED,
            (AddressState::Duplicate, IpAddr::V6(_)) => IN6_IFF_DUPLICATED,
            (AddressState::Deprecated, _) => IN6_IFF_DEPRECATED,
            (AddressState::Preferred, _) => 0,
        }
    }
}
