//! What is the same for both versions of IP but for where it is.

use crate::address::Address;
use crate::interface::Interface;
use crate::neighbour::Neighbours;
use crate::route::RoutingTable;
use crate::stack::Stack;
use crate::wire::ethernet::EtherType;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A version of IP.
pub(super) trait Family: Address + Into<IpAddr> {
    /// What frames with its packets say.
    const ETHER_TYPE: EtherType;

    /// An address, if it is of this version.
    fn of(ip: IpAddr) -> Option<Self>;

    /// The routes of a stack.
    fn routes(stack: &Stack) -> &RoutingTable<Self>;

    /// The same, to be changed.
    fn routes_mut(stack: &mut Stack) -> &mut RoutingTable<Self>;

    /// Who is on the link of an interface, where that has to be known.
    fn neighbours(interface: &Interface) -> Option<&Neighbours<Self>>;

    /// The same, to be changed.
    fn neighbours_mut(interface: &mut Interface) -> Option<&mut Neighbours<Self>>;

    /// Addresses of an interface, each with the length of its network's prefix.
    fn own(interface: &Interface) -> Vec<(Self, u8)>;
}

impl Family for Ipv4Addr {
    const ETHER_TYPE: EtherType = EtherType::IPV4;

    fn of(ip: IpAddr) -> Option<Self> {
        if let IpAddr::V4(address) = ip { Some(address) } else { None }
    }

    fn routes(stack: &Stack) -> &RoutingTable<Self> {
        &stack.routes
    }

    fn routes_mut(stack: &mut Stack) -> &mut RoutingTable<Self> {
        &mut stack.routes
    }

    fn neighbours(interface: &Interface) -> Option<&Neighbours<Self>> {
        interface.neighbours()
    }

    fn neighbours_mut(interface: &mut Interface) -> Option<&mut Neighbours<Self>> {
        interface.neighbours_mut()
    }

    fn own(interface: &Interface) -> Vec<(Self, u8)> {
        interface.addresses.iter().map(|(own, net)| (*own, net.length())).collect()
    }
}

impl Family for Ipv6Addr {
    const ETHER_TYPE: EtherType = EtherType::IPV6;

    fn of(ip: IpAddr) -> Option<Self> {
        if let IpAddr::V6(address) = ip { Some(address) } else { None }
    }

    fn routes(stack: &Stack) -> &RoutingTable<Self> {
        &stack.routes_v6
    }

    fn routes_mut(stack: &mut Stack) -> &mut RoutingTable<Self> {
        &mut stack.routes_v6
    }

    fn neighbours(interface: &Interface) -> Option<&Neighbours<Self>> {
        interface.neighbours_v6()
    }

    fn neighbours_mut(interface: &mut Interface) -> Option<&mut Neighbours<Self>> {
        interface.neighbours_v6_mut()
    }

    fn own(interface: &Interface) -> Vec<(Self, u8)> {
        interface.v6.addresses.iter().map(|own| (own.address, own.length)).collect()
    }
}
