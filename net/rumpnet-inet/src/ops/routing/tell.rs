//! What is said of routes, interfaces and addresses.

use super::family::Family;
use crate::address::Prefix;
use crate::interface::InterfaceId;
use crate::ops::network::{TOLD_METRIC, interface_info};
use crate::route::{Changed, Route, Via};
use crate::routers::DefaultRouter;
use crate::stack::{LOOPBACK, Stack};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use rump_kpi::device::{AddressInfo, InterfaceInfo};
use rump_kpi::netbsd::route::*;
use rump_kpi::netbsd::statvfs::name;

/// What is said of a route, or of who has which hardware address.
pub(super) type Said = (RtMsghdr, Addresses);

/// A route.
pub(super) fn route<A: Family>(stack: &Stack, kind: u8, route: &Route<A>) -> Said {
    let id = route.interface;
    let loopback = || {
        let own = if A::BITS == 32 { Ipv4Addr::LOCALHOST.into() } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        Address::of_ip(own, 0)
    };
    let (how, gateway) = match route.via {
        Via::Link => (0, link(stack, id)),
        Via::Router(router) => (RTF_GATEWAY, Address::of_ip(router.into(), id.0)),
        Via::Reject => (RTF_REJECT, loopback()),
        Via::Blackhole => (RTF_BLACKHOLE, loopback()),
    };
    let is_connected = route.via == Via::Link && is_own_network(stack, id, route.prefix);
    let is_host = route.prefix.length() == A::BITS;
    let origin = if is_connected { RTF_CONNECTED } else { RTF_STATIC };
    let mut header = RtMsghdr {
        index: id.0 as u16,
        flags: RTF_UP | how | origin | if is_host { RTF_HOST } else { 0 },
        ..RtMsghdr::new(kind)
    };
    header.metrics.hop_count = route.metric.into();
    let addresses = Addresses {
        destination: Some(Address::of_ip(route.prefix.address().into(), id.0)),
        gateway: Some(gateway),
        mask: (!is_host).then_some(route.prefix.length()),
        ..Addresses::default()
    };
    (header, addresses)
}

/// A route that a router told of by itself.
pub(super) fn default_router(stack: &Stack, kind: u8, router: &DefaultRouter) -> Said {
    let prefix = Prefix::new(Ipv6Addr::UNSPECIFIED, 0);
    let (via, interface) = (Via::Router(router.address), router.interface);
    let (mut header, addresses) = route(stack, kind, &Route { prefix, via, interface, metric: TOLD_METRIC });
    header.flags = header.flags & !RTF_STATIC | RTF_DYNAMIC;
    (header, addresses)
}

/// The way to an own address, which goes over the loopback.
pub(super) fn own<A: Family>(stack: &Stack, kind: u8, id: InterfaceId, own: A) -> Said {
    let flags = RTF_UP | RTF_HOST | RTF_LOCAL;
    let addresses = Addresses {
        destination: Some(Address::of_ip(own.into(), id.0)),
        gateway: Some(link(stack, id)),
        ..Addresses::default()
    };
    (RtMsghdr { index: LOOPBACK.0 as u16, flags, ..RtMsghdr::new(kind) }, addresses)
}

fn is_own_network<A: Family>(stack: &Stack, id: InterfaceId, prefix: Prefix<A>) -> bool {
    let own = stack.interfaces.get(&id).map(A::own).unwrap_or_default();
    own.into_iter().any(|(address, length)| Prefix::new(address, length) == prefix)
}

/// An interface as a gateway: its number alone.
fn link(stack: &Stack, id: InterfaceId) -> Address {
    let kind = stack.interfaces.get(&id).map_or(0, |on| interface_info(id, on).link_address().kind);
    Address::Link(LinkAddress { index: id.0 as u16, kind, ..LinkAddress::default() })
}

/// Adds the interface that something goes by, and the address that packets come from there.
pub(super) fn with_interface<A: Family>(stack: &Stack, (header, mut addresses): Said, to: A) -> Said {
    let id = InterfaceId(header.index.into());
    if let Some(interface) = stack.interfaces.get(&id) {
        let info = interface_info(id, interface);
        addresses.interface = Some(Address::Link(info.link_address()));
        let own = A::own(interface);
        let same_network = own.iter().find(|(own, length)| Prefix::new(*own, *length).contains(to));
        let own = same_network.or(own.first());
        addresses.own = own.map(|(own, _)| Address::of_ip((*own).into(), id.0));
    }
    (header, addresses)
}

/// What became of a route, with its interface.
pub(super) fn changed<A: Family>(stack: &Stack, change: &Changed<A>) -> Message {
    let (kind, of) = match change {
        Changed::Added(of) => (RTM_ADD, of),
        Changed::Removed(of) => (RTM_DELETE, of),
    };
    let (header, addresses) = with_interface(stack, route(stack, kind, of), of.prefix.address());
    Message::Route(RtMsghdr { flags: header.flags | RTF_DONE, ..header }, addresses)
}

/// An interface.
pub(super) fn interface(info: &InterfaceInfo) -> Message {
    let header = IfMsghdr {
        length: 0,
        version: RTM_VERSION,
        kind: RTM_IFINFO,
        addresses: 0,
        flags: info.flags().into(),
        index: info.number as u16,
        data: info.data(),
    };
    let interface = Some(Address::Link(info.link_address()));
    Message::Interface(header, Addresses { interface, ..Addresses::default() })
}

/// An interface that comes or goes.
pub(super) fn announcement(info: &InterfaceInfo, what: u16) -> Message {
    Message::Announcement(IfAnnouncemsghdr {
        length: 0,
        version: RTM_VERSION,
        kind: RTM_IFANNOUNCE,
        index: info.number as u16,
        name: name(info.name.as_bytes()),
        what,
    })
}

/// An address of an interface.
pub(super) fn address(kind: u8, info: &InterfaceInfo, own: &AddressInfo) -> Message {
    let header = IfaMsghdr {
        length: 0,
        version: RTM_VERSION,
        kind,
        index: info.number as u16,
        flags: RTF_UP,
        addresses: 0,
        pid: 0,
        address_flags: own.flags(),
        metric: 0,
    };
    let broadcast = match own.address {
        IpAddr::V4(address) => Prefix::new(address, own.length).broadcast().map(Address::Inet),
        IpAddr::V6(_) => None,
    };
    let addresses = Addresses {
        mask: Some(own.length),
        interface: Some(Address::Link(info.link_address())),
        own: Some(Address::of_ip(own.address, info.number)),
        broadcast,
        ..Addresses::default()
    };
    Message::Address(header, addresses)
}
