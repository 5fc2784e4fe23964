//! Sending packets of IPv6: the way, the address to send from, and cutting what is too long (RFC 8200; RFC 6724).

use super::output::{Options, Path, longest_segment};
use super::{LOOPBACK, Stack};
use crate::address::{Prefix, is_of_link};
use crate::interface::{Interface, InterfaceId};
use crate::own_address::{Origin, OwnAddress};
use crate::reassembly;
use crate::route::Via;
use crate::selection::{self, Candidate};
use crate::time::Instant;
use crate::wire;
use crate::wire::extension::FRAGMENT_BYTES;
use crate::wire::ipv4::Protocol;
use crate::wire::ipv6::{HEADER_BYTES, Ipv6, LEAST_MTU, MOST_CONTENT};
use core::hash::Hasher;
use core::net::{IpAddr, Ipv6Addr};
use rump_kpi::Errno;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::Packet;
use siphasher::sip::SipHasher13;

impl Stack {
    /// Errors: EADDRNOTAVAIL (no address can be sent from), EHOSTUNREACH (an address of a link, and nobody says which;
    /// the route rejects), ENETUNREACH, ENETDOWN.
    pub(super) fn path_v6(
        &self,
        destination: Ipv6Addr,
        own: Option<Ipv6Addr>,
        options: &Options,
    ) -> Result<Path, Errno> {
        if let Some(interface) = self.own_interface(destination, options.interface) {
            return Ok(Path {
                interface,
                next_hop: destination.into(),
                source: own.unwrap_or(destination).into(),
                destination: destination.into(),
                mtu: super::LOOPBACK_MTU,
                is_broadcast: false,
                comes_back: true,
            });
        }
        let (id, next_hop) = self.way_v6(destination, own, options)?;
        let interface = self.usable_v6(id)?;
        let is_elsewhere = |own: Ipv6Addr| own.is_unicast_link_local() && !interface.has_v6(own);
        if own.is_some_and(is_elsewhere) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let source = own.or_else(|| self.source_v6(id, destination, next_hop)).ok_or(Errno::EADDRNOTAVAIL)?;
        Ok(Path {
            interface: id,
            next_hop: next_hop.into(),
            source: source.into(),
            destination: destination.into(),
            mtu: self.mtu_v6(interface, destination),
            is_broadcast: false,
            comes_back: interface.is_loopback(),
        })
    }

    /// An interface that carries IPv6. Errors: ENETUNREACH (it is not there, or its packets are too short: RFC 8200,
    /// section 5), ENETDOWN.
    pub(super) fn usable_v6(&self, id: InterfaceId) -> Result<&Interface, Errno> {
        let interface = self.interfaces.get(&id).ok_or(Errno::ENETUNREACH)?;
        if !interface.is_up {
            return Err(Errno::ENETDOWN);
        }
        if interface.mtu < LEAST_MTU { Err(Errno::ENETUNREACH) } else { Ok(interface) }
    }

    fn mtu_v6(&self, interface: &Interface, destination: Ipv6Addr) -> u32 {
        let mtu = interface.mtu_v6();
        self.destinations.find(destination.into()).mtu.map_or(mtu, |learned| learned.min(mtu))
    }

    /// The interface by which packets to an own address come in: one of a link by that, others by the loopback.
    fn own_interface(&self, address: Ipv6Addr, on: Option<InterfaceId>) -> Option<InterfaceId> {
        let has = |(id, interface): (&InterfaceId, &Interface)| interface.has_v6(address).then_some(*id);
        if !address.is_unicast_link_local() {
            return self.interfaces.iter().find_map(has).map(|_| LOOPBACK);
        }
        self.interfaces.iter().filter(|(id, _)| on.is_none_or(|on| on == **id)).find_map(has)
    }

    /// Through which interface, and to whom on its link.
    fn way_v6(
        &self,
        destination: Ipv6Addr,
        own: Option<Ipv6Addr>,
        options: &Options,
    ) -> Result<(InterfaceId, Ipv6Addr), Errno> {
        if destination.is_multicast() {
            let on = options.interface.or_else(|| self.default_link_v6(own));
            let is_inside = destination.octets()[1] & 0xf == 1;
            let id = if is_inside { Some(LOOPBACK) } else { on };
            return Ok((id.ok_or(Errno::ENETUNREACH)?, destination));
        }
        if is_of_link(destination.into()) {
            return Ok((options.interface.ok_or(Errno::EHOSTUNREACH)?, destination));
        }
        let way = self.route_v6(destination)?;
        if options.dont_route && way.1 != destination {
            return Err(Errno::ENETUNREACH);
        }
        Ok(way)
    }

    /// The way to an address that means the same everywhere (RFC 4861, section 5.2). Errors: ENETUNREACH, EHOSTUNREACH.
    pub(super) fn route_v6(&self, destination: Ipv6Addr) -> Result<(InterfaceId, Ipv6Addr), Errno> {
        if let Some((IpAddr::V6(to), on)) = self.destinations.find(destination.into()).redirect {
            return Ok((on, to));
        }
        let Some(route) = self.routes_v6.lookup(destination) else {
            let answers = |router: &crate::routers::DefaultRouter| {
                let neighbours = self.interfaces.get(&router.interface).and_then(Interface::neighbours_v6);
                neighbours.is_none_or(|neighbours| neighbours.answers(router.address))
            };
            let router = self.routers.choose(None, answers).ok_or(Errno::ENETUNREACH)?;
            return Ok((router.interface, router.address));
        };
        match route.via {
            Via::Link => Ok((route.interface, destination)),
            Via::Router(router) => Ok((route.interface, router)),
            Via::Reject => Err(Errno::EHOSTUNREACH),
            // A blackhole takes all, and says nothing.
            Via::Blackhole => Err(Errno::ENETUNREACH),
        }
    }

    /// Where groups are, if nobody says.
    pub(super) fn default_link_v6(&self, own: Option<Ipv6Addr>) -> Option<InterfaceId> {
        let of_address = own.and_then(|own| {
            self.interfaces.iter().find(|(_, interface)| interface.has_v6(own)).map(|(id, _)| *id)
        });
        let group = Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0);
        let of_route = || self.route_v6(group).ok().map(|(id, _)| id);
        let first = || {
            let is_usable = |interface: &Interface| interface.is_up && !interface.is_loopback();
            self.interfaces.iter().find(|(_, interface)| is_usable(interface)).map(|(id, _)| *id)
        };
        of_address.filter(|id| *id != LOOPBACK).or_else(of_route).or_else(first)
    }

    /// The address to send from (RFC 6724, section 4): one of the interface; for destinations further away also of
    /// others, which is what routers on links without addresses need.
    pub(super) fn source_v6(
        &self,
        id: InterfaceId,
        destination: Ipv6Addr,
        next_hop: Ipv6Addr,
    ) -> Option<Ipv6Addr> {
        let is_near = destination.is_multicast() || is_of_link(destination.into());
        let all = self
            .interfaces
            .iter()
            .flat_map(|(on, interface)| interface.v6.addresses.iter().map(move |own| (*on == id, own)));
        let may_be = |(is_of_interface, own): &(bool, &OwnAddress)| {
            let reaches = !own.address.is_unicast_link_local() && !own.address.is_loopback();
            own.is_usable() && (*is_of_interface || (!is_near && reaches))
        };
        let candidate = |(is_of_interface, own): (bool, &OwnAddress)| Candidate {
            address: own.address,
            length: own.length,
            is_deprecated: own.is_deprecated,
            is_of_interface,
            is_of_next_hop: matches!(own.origin, Origin::Router { router, .. } if router == next_hop),
        };
        selection::choose(destination, all.filter(may_be).map(candidate))
    }

    /// Puts destinations of IPv6 in the order in which they are to be tried (RFC 6724, section 6).
    pub fn order_destinations(&self, destinations: &mut [Ipv6Addr]) {
        let source = |to: &Ipv6Addr| match self.path((*to).into(), &Options::default()).ok()?.source {
            IpAddr::V6(source) => Some(source),
            IpAddr::V4(_) => None,
        };
        let mut with_sources: alloc::vec::Vec<_> = destinations.iter().map(|to| (*to, source(to))).collect();
        selection::order(&mut with_sources);
        for (place, (to, _)) in destinations.iter_mut().zip(with_sources) {
            *place = to;
        }
    }

    /// Errors: EMSGSIZE.
    pub(super) fn send_v6(
        &mut self,
        now: Instant,
        path: &Path,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        protocol: Protocol,
        options: &Options,
        mut packet: Packet,
    ) -> Result<(), Errno> {
        let of_link = self.interfaces.get(&path.interface).and_then(|interface| interface.v6.hop_limit);
        let default = if destination.is_multicast() { 1 } else { of_link.unwrap_or(self.settings.hop_limit) };
        let hop_limit = options.hop_limit.unwrap_or(default);
        let header = Ipv6 {
            traffic_class: options.traffic_class,
            flow_label: self.flow_label(source, destination, protocol, &mut packet),
            ..Ipv6::new(source, destination, protocol, hop_limit)
        };
        self.send_with_header_v6(now, path, &header, options.dont_fragment, packet)
    }

    /// The same for all packets of a flow, and not to be foreseen (RFC 6437, section 3).
    fn flow_label(
        &self,
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: Protocol,
        packet: &mut Packet,
    ) -> u32 {
        if !matches!(protocol, Protocol::TCP | Protocol::UDP) {
            return 0;
        }
        let mut hasher = SipHasher13::new_with_keys(self.secret[0], self.secret[1]);
        hasher.write(&source.octets());
        hasher.write(&destination.octets());
        hasher.write(packet.first(4).unwrap_or_default());
        (hasher.finish() as u32 & 0xf_ffff).max(1)
    }

    fn send_with_header_v6(
        &mut self,
        now: Instant,
        path: &Path,
        header: &Ipv6,
        dont_fragment: bool,
        mut packet: Packet,
    ) -> Result<(), Errno> {
        let is_long = longest_segment(&mut packet) + HEADER_BYTES > path.mtu as usize;
        if packet.len() > MOST_CONTENT && packet.segmentation.is_none() {
            return Err(Errno::EMSGSIZE);
        }
        if !is_long {
            header.emit(&mut packet);
            self.hand_to_link(now, path, packet);
            return Ok(());
        }
        if dont_fragment || packet.segmentation.is_some() {
            self.counters.count(Counted::Ip6, IP6_STAT_CANTFRAG);
            return Err(Errno::EMSGSIZE);
        }
        wire::complete(&mut packet);
        self.counters.count(Counted::Ip6, IP6_STAT_FRAGMENTED);
        let identification = self.random.number() as u32;
        let protocol = header.next_header;
        let mtu = (path.mtu as usize).max(HEADER_BYTES + FRAGMENT_BYTES + 8);
        for (part, mut fragment) in reassembly::cut_v6(protocol, identification, &packet, mtu) {
            part.emit(&mut fragment);
            Ipv6 { next_header: Protocol::FRAGMENT, ..*header }.emit(&mut fragment);
            self.counters.count(Counted::Ip6, IP6_STAT_OFRAGMENTS);
            self.hand_to_link(now, path, fragment);
        }
        Ok(())
    }

    /// Whether an address of IPv6 is on the link of an interface, as far as the routes say.
    pub(super) fn is_on_link(&self, id: InterfaceId, address: Ipv6Addr) -> bool {
        let is_routed = || {
            self.routes_v6
                .lookup(address)
                .is_some_and(|route| (route.via, route.interface) == (Via::Link, id))
        };
        Prefix::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10).contains(address) || is_routed()
    }
}
