//! Passing on packets of IPv6 (RFC 8200, section 3; RFC 4443; redirects: RFC 4861, section 8.2).

use super::input::Arrived;
use super::output::{Options, Path, longest_segment};
use super::{Dropped, Stack};
use crate::interface::{Interface, InterfaceId};
use crate::route::Via;
use crate::time::Instant;
use crate::wire::icmpv6::{Message, Unreachable};
use crate::wire::ipv6::{HEADER_BYTES, Ipv6};
use crate::wire::ndp;
use core::net::Ipv6Addr;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::Packet;

impl Stack {
    pub(super) fn forward_v6(
        &mut self,
        now: Instant,
        arrived: Arrived,
        mut header: Ipv6,
        mut packet: Packet,
    ) {
        let (source, destination) = (header.source, header.destination);
        let is_forwardable = !arrived.is_for_many
            && !source.is_unspecified()
            && !source.is_loopback()
            && !destination.is_loopback()
            && !destination.is_unicast_link_local();
        if !self.settings.forwarding_v6 || !is_forwardable {
            return self.drop_of(Counted::Ip6, Dropped::NotForUs);
        }
        if header.hop_limit <= 1 {
            self.drop_of(Counted::Ip6, Dropped::TimeToLive);
            return self.complain_v6(now, &arrived, &Message::TimeExceeded);
        }
        let way = self.route_v6(destination);
        let Ok((id, next_hop)) = way else {
            self.drop_of(Counted::Ip6, Dropped::NoRoute);
            let via = self.routes_v6.lookup(destination).map(|route| route.via);
            let why = match via {
                // It takes all, and says nothing.
                Some(Via::Blackhole) => return,
                Some(Via::Reject) => Unreachable::RejectRoute,
                _ => Unreachable::NoRoute,
            };
            return self.complain_v6(now, &arrived, &Message::Unreachable(why));
        };
        if source.is_unicast_link_local() && id != arrived.interface {
            let message = Message::Unreachable(Unreachable::BeyondScope);
            return self.complain_v6(now, &arrived, &message);
        }
        let Ok(interface) = self.usable_v6(id) else {
            self.drop_of(Counted::Ip6, Dropped::NoRoute);
            return self.complain_v6(now, &arrived, &Message::Unreachable(Unreachable::NoRoute));
        };
        let (mtu, comes_back) = (interface.mtu_v6(), interface.is_loopback());
        if longest_segment(&mut packet) + HEADER_BYTES > mtu as usize {
            return self.complain_v6(now, &arrived, &Message::PacketTooBig { mtu });
        }
        if id == arrived.interface {
            self.redirect_sender(now, &arrived, source, (next_hop, destination));
        }
        header.hop_limit -= 1;
        header.emit(&mut packet);
        let path = Path {
            interface: id,
            next_hop: next_hop.into(),
            source: source.into(),
            destination: destination.into(),
            mtu,
            is_broadcast: false,
            comes_back,
        };
        self.counters.count(Counted::Ip6, IP6_STAT_FORWARD);
        self.hand_to_link(now, &path, packet);
    }

    /// A packet leaves by the link that it came by: its sender could have sent it there himself.
    fn redirect_sender(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        source: Ipv6Addr,
        (target, destination): (Ipv6Addr, Ipv6Addr),
    ) {
        let id = arrived.interface;
        let is_useful = target == destination || target.is_unicast_link_local();
        if !is_useful || !self.is_on_link(id, source) || !self.may_complain(now, Counted::Icmp6) {
            return;
        }
        let hardware = self.hardware_of(id, target);
        let options = ndp::Options { target: hardware, ..ndp::Options::default() };
        let Some(own) = self.interfaces.get(&id).and_then(Interface::link_local) else { return };
        self.counters.count(Counted::Ip6, IP6_STAT_REDIRECTSENT);
        self.send_discovery(
            now,
            id,
            (own, source),
            &ndp::Message::Redirect { target, destination },
            &options,
        );
    }

    fn hardware_of(&self, id: InterfaceId, address: Ipv6Addr) -> Option<crate::wire::ethernet::MacAddress> {
        let neighbours = self.interfaces.get(&id)?.neighbours_v6()?;
        neighbours.known().find(|(known, _)| *known == address).map(|(_, hardware)| hardware)
    }

    /// Options for an answer to whoever sent what arrived: an address of a link is one of that link.
    pub(super) fn back(arrived: &Arrived, source: Option<Ipv6Addr>) -> Options {
        Options { source: source.map(Into::into), interface: Some(arrived.interface), ..Options::default() }
    }
}
