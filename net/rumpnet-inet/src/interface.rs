//! Interfaces: where packets come from and go to.

use crate::address::{Prefix, Version};
use crate::multicast::Groups;
use crate::neighbour::Neighbours;
use crate::own_address::OwnAddress;
use crate::resolver::Resolver;
use crate::time::Instant;
use crate::wire::ethernet::MacAddress;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use rump_kpi::device::{DeviceInfo, Medium, Offloads, Statistics};

/// Number of an interface; it is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub u32);

/// What is below IP.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there are few interfaces, and most of them are the large one")]
pub enum Link {
    /// Ethernet, with the interface's own address.
    Ethernet {
        /// That address.
        address: MacAddress,
        /// Who is there, by IPv4.
        neighbours: Neighbours<Ipv4Addr>,
        /// Who is there, by IPv6.
        neighbours_v6: Neighbours<Ipv6Addr>,
    },
    /// A tunnel: whatever is sent arrives at its other end.
    PointToPoint,
    /// What is sent comes back.
    Loopback,
}

/// An address of IPv4 that is not ours yet, or is announced (RFC 5227, sections 2.1 and 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimV4 {
    /// Which.
    pub address: Ipv4Addr,
    /// Length of its network's prefix.
    pub length: u8,
    /// Questions that are still to be sent; then it is ours.
    pub probes_left: u8,
    /// Announcements that are still to be sent.
    pub announcements_left: u8,
    /// When the next one is.
    pub due: Instant,
}

/// What an interface has of IPv6.
#[derive(Debug, Default)]
pub struct V6 {
    /// Its addresses, in the order in which they were made.
    pub addresses: Vec<OwnAddress>,
    /// How many routers may pass on what is sent, if a router says so.
    pub hop_limit: Option<u8>,
    /// Most bytes of a packet, if a router says so.
    pub mtu: Option<u32>,
    /// What routers tell is not followed here.
    pub is_deaf: bool,
    /// Routers are asked to show themselves: how often they were, and when they are again.
    pub solicits: Option<(u8, Instant)>,
}

/// An interface.
#[derive(Debug)]
pub struct Interface {
    /// Its name, such as `virt0`.
    pub name: String,
    /// What is below.
    pub link: Link,
    /// Most bytes of IP in a packet.
    pub mtu: u32,
    /// What its device takes.
    pub most_mtu: u32,
    /// What the device does.
    pub offloads: Offloads,
    /// Its addresses of IPv4, the first one preferred.
    pub addresses: Vec<(Ipv4Addr, Prefix<Ipv4Addr>)>,
    /// Those that it might get.
    pub claims: Vec<ClaimV4>,
    /// When an address was last defended.
    pub defended: Option<Instant>,
    /// What it has of IPv6.
    pub v6: V6,
    /// Groups of IPv4 that it belongs to.
    pub groups: Groups,
    /// And those of IPv6.
    pub groups_v6: Groups,
    /// Who resolves names.
    pub resolver: Resolver,
    /// There is somebody at the other side of its cable, as far as its device can tell.
    pub has_carrier: bool,
    /// How often there was.
    pub connections: u64,
    /// Packets pass.
    pub is_up: bool,
    /// What went through.
    pub statistics: Statistics,
}

impl Interface {
    /// An interface that is down, without addresses.
    pub fn new(name: String, link: Link, mtu: u32, offloads: Offloads) -> Self {
        Self {
            name,
            link,
            mtu,
            most_mtu: mtu,
            offloads,
            addresses: Vec::new(),
            claims: Vec::new(),
            defended: None,
            v6: V6::default(),
            groups: Groups::new(Version::V4),
            groups_v6: Groups::new(Version::V6),
            resolver: Resolver::default(),
            has_carrier: true,
            connections: 0,
            is_up: false,
            statistics: Statistics::default(),
        }
    }

    /// What its device is.
    pub fn device(&self) -> DeviceInfo {
        let medium = match &self.link {
            Link::Ethernet { address, .. } => Medium::Ethernet { address: address.0 },
            Link::PointToPoint => Medium::Ip,
            Link::Loopback => Medium::Loopback,
        };
        DeviceInfo { medium, mtu: self.mtu, offloads: self.offloads }
    }

    /// Who is on its link by IPv4, where that has to be known.
    pub fn neighbours(&self) -> Option<&Neighbours<Ipv4Addr>> {
        match &self.link {
            Link::Ethernet { neighbours, .. } => Some(neighbours),
            Link::PointToPoint | Link::Loopback => None,
        }
    }

    /// The same, to be changed.
    pub fn neighbours_mut(&mut self) -> Option<&mut Neighbours<Ipv4Addr>> {
        match &mut self.link {
            Link::Ethernet { neighbours, .. } => Some(neighbours),
            Link::PointToPoint | Link::Loopback => None,
        }
    }

    /// Who is on its link by IPv6, where that has to be known.
    pub fn neighbours_v6(&self) -> Option<&Neighbours<Ipv6Addr>> {
        match &self.link {
            Link::Ethernet { neighbours_v6, .. } => Some(neighbours_v6),
            Link::PointToPoint | Link::Loopback => None,
        }
    }

    /// The same, to be changed.
    pub fn neighbours_v6_mut(&mut self) -> Option<&mut Neighbours<Ipv6Addr>> {
        match &mut self.link {
            Link::Ethernet { neighbours_v6, .. } => Some(neighbours_v6),
            Link::PointToPoint | Link::Loopback => None,
        }
    }

    /// Its hardware address, if it has one.
    pub fn hardware(&self) -> Option<MacAddress> {
        match &self.link {
            Link::Ethernet { address, .. } => Some(*address),
            Link::PointToPoint | Link::Loopback => None,
        }
    }

    /// Whether what it sends comes back.
    pub fn is_loopback(&self) -> bool {
        matches!(self.link, Link::Loopback)
    }

    /// Whether an address is its own.
    pub fn has_address(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// An own address of IPv6, whatever its state.
    pub fn find_v6(&self, address: Ipv6Addr) -> Option<&OwnAddress> {
        self.v6.addresses.iter().find(|own| own.address == address)
    }

    /// The same, to be changed.
    pub fn find_v6_mut(&mut self, address: Ipv6Addr) -> Option<&mut OwnAddress> {
        self.v6.addresses.iter_mut().find(|own| own.address == address)
    }

    /// Whether packets come to an address of IPv6 here.
    pub fn has_v6(&self, address: Ipv6Addr) -> bool {
        self.find_v6(address).is_some_and(OwnAddress::is_usable)
    }

    /// The address that it has for its link.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        let is_it = |own: &&OwnAddress| own.is_usable() && own.address.is_unicast_link_local();
        self.v6.addresses.iter().find(is_it).map(|own| own.address)
    }

    /// Most bytes of a packet of IPv6.
    pub fn mtu_v6(&self) -> u32 {
        self.v6.mtu.map_or(self.mtu, |mtu| mtu.min(self.mtu))
    }

    /// Whether an address is that of all hosts on its link.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        let is_of_net = |(_, net): &(Ipv4Addr, Prefix<Ipv4Addr>)| {
            net.broadcast() == Some(address) || (net.length() < 31 && net.address() == address)
        };
        address.is_broadcast() || self.addresses.iter().any(is_of_net)
    }

    /// Its groups of a version.
    pub fn groups_of(&self, version: Version) -> &Groups {
        match version {
            Version::V4 => &self.groups,
            Version::V6 => &self.groups_v6,
        }
    }

    /// The same, to be changed.
    pub fn groups_of_mut(&mut self, version: Version) -> &mut Groups {
        match version {
            Version::V4 => &mut self.groups,
            Version::V6 => &mut self.groups_v6,
        }
    }

    /// Whether it belongs to a group.
    pub fn is_member(&self, group: IpAddr) -> bool {
        self.groups_of(Version::of(group)).is_member(group)
    }

    /// The address to send from to a destination on this link, or behind a router on it.
    pub fn source_for(&self, next_hop: Ipv4Addr) -> Option<Ipv4Addr> {
        let on_link = self.addresses.iter().find(|(_, net)| net.contains(next_hop));
        on_link.or(self.addresses.first()).map(|(own, _)| *own)
    }
}
