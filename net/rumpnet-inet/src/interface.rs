//! Interfaces: where packets come from and go to.

use crate::address::Prefix;
use crate::neighbour::Neighbours;
use crate::wire::ethernet::MacAddress;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use rump_kpi::device::{DeviceInfo, Medium, Offloads, Statistics};

/// Number of an interface; it is given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceId(pub u32);

/// What is below IP.
#[derive(Debug)]
pub enum Link {
    /// Ethernet, with the interface's own address.
    Ethernet {
        /// That address.
        address: MacAddress,
        /// Who is there.
        neighbours: Neighbours<Ipv4Addr>,
    },
    /// A tunnel: whatever is sent arrives at its other end.
    PointToPoint,
    /// What is sent comes back.
    Loopback,
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
    /// What the device does.
    pub offloads: Offloads,
    /// Its addresses, the first one preferred.
    pub addresses: Vec<(Ipv4Addr, Prefix<Ipv4Addr>)>,
    /// Groups that it belongs to, and for how many.
    pub groups: Vec<(IpAddr, u32)>,
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
            offloads,
            addresses: Vec::new(),
            groups: Vec::new(),
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

    /// Who is on its link, where that has to be known.
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

    /// Whether an address is its own.
    pub fn has_address(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// Whether an address is that of all hosts on its link.
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        let is_of_net = |(_, net): &(Ipv4Addr, Prefix<Ipv4Addr>)| {
            net.broadcast() == Some(address) || (net.length() < 31 && net.address() == address)
        };
        address.is_broadcast() || self.addresses.iter().any(is_of_net)
    }

    /// Whether it belongs to a group. All hosts do to theirs (RFC 1112, section 4).
    pub fn is_member(&self, group: IpAddr) -> bool {
        group == IpAddr::V4(ALL_HOSTS) || self.groups.iter().any(|(member, _)| *member == group)
    }

    /// The address to send from to a destination on this link, or behind a router on it.
    pub fn source_for(&self, next_hop: Ipv4Addr) -> Option<Ipv4Addr> {
        let on_link = self.addresses.iter().find(|(_, net)| net.contains(next_hop));
        on_link.or(self.addresses.first()).map(|(own, _)| *own)
    }
}

/// The group of all hosts on a link.
pub const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
