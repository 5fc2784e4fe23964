//! Sending: finding the way, cutting what is too long, and handing it to the link.

use super::{Dropped, LOOPBACK, Stack};
use crate::address::{Version, endpoint};
use crate::interface::{Interface, InterfaceId, Link};
use crate::neighbour::Resolved;
use crate::reassembly;
use crate::route::Via;
use crate::time::Instant;
use crate::wire::ethernet::{self, EtherType, Frame, MacAddress};
use crate::wire::ipv4::{Ipv4, MOST_BYTES, Protocol};
use crate::wire::{self, arp, udp};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use rump_kpi::Errno;
use rump_kpi::device::Offloads;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments, offload};

/// What a sender may ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The address to send from.
    pub source: Option<IpAddr>,
    /// The interface to send through, whatever the routes say: for groups, for all, and for addresses of a link.
    pub interface: Option<InterfaceId>,
    /// How many routers may pass it on.
    pub hop_limit: Option<u8>,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// No router may cut it.
    pub dont_fragment: bool,
    /// It may go to all.
    pub may_broadcast: bool,
    /// It may only go to who is on a link (`SO_DONTROUTE`).
    pub dont_route: bool,
}

/// The way to a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Through which interface.
    pub interface: InterfaceId,
    /// To whom on its link.
    pub next_hop: IpAddr,
    /// From which address.
    pub source: IpAddr,
    /// To whom in the end.
    pub destination: IpAddr,
    /// Most bytes of a packet.
    pub mtu: u32,
    /// It goes to all on the link.
    pub is_broadcast: bool,
    /// It goes to ourselves, and comes in by `interface` again.
    pub comes_back: bool,
}

impl Path {
    /// Our end of a conversation on this way.
    pub fn source_endpoint(&self, port: u16) -> SocketAddr {
        endpoint(self.source, port, self.interface)
    }
}

impl Stack {
    /// Finds the way. Errors: EACCES (to all, and that was not asked for), EADDRNOTAVAIL (the source is not ours,
    /// or not of that version), ENETUNREACH, EHOSTUNREACH (the route rejects), ENETDOWN.
    pub fn path(&self, destination: IpAddr, options: &Options) -> Result<Path, Errno> {
        let own = options.source.filter(|source| !source.is_unspecified());
        if own.is_some_and(|own| !self.is_local(own)) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        match (destination, own) {
            (IpAddr::V4(destination), None) => self.path_v4(destination, None, options),
            (IpAddr::V4(destination), Some(IpAddr::V4(own))) => self.path_v4(destination, Some(own), options),
            (IpAddr::V4(_), Some(IpAddr::V6(_))) => Err(Errno::EADDRNOTAVAIL),
            (IpAddr::V6(destination), None) => self.path_v6(destination, None, options),
            (IpAddr::V6(destination), Some(IpAddr::V6(own))) => self.path_v6(destination, Some(own), options),
            (IpAddr::V6(_), Some(IpAddr::V4(_))) => Err(Errno::EADDRNOTAVAIL),
        }
    }

    /// As [`Stack::path`], for what a program wants to send: counts what has no route.
    pub(crate) fn path_of_program(&mut self, destination: IpAddr, options: &Options) -> Result<Path, Errno> {
        let path = self.path(destination, options);
        if matches!(path, Err(Errno::ENETUNREACH | Errno::EHOSTUNREACH)) {
            self.counters.count_ip(Version::of(destination), (IP_STAT_NOROUTE, IP6_STAT_NOROUTE));
        }
        path
    }

    fn path_v4(
        &self,
        destination: Ipv4Addr,
        own: Option<Ipv4Addr>,
        options: &Options,
    ) -> Result<Path, Errno> {
        if self.is_local(destination.into()) {
            let source = own.unwrap_or(destination);
            return self.complete(LOOPBACK, destination, destination, Some(source));
        }
        let (id, next_hop) = if destination.is_multicast() || destination.is_broadcast() {
            (options.interface.or_else(|| self.default_link(own)).ok_or(Errno::ENETUNREACH)?, destination)
        } else if let Some((IpAddr::V4(router), on)) = self.destinations.find(destination.into()).redirect {
            (on, router)
        } else {
            let route = self.routes.lookup(destination).ok_or(Errno::ENETUNREACH)?;
            match route.via {
                Via::Link => (route.interface, destination),
                Via::Router(_) if options.dont_route => return Err(Errno::ENETUNREACH),
                Via::Router(router) => (route.interface, router),
                Via::Reject => return Err(Errno::EHOSTUNREACH),
                // A blackhole takes all, and says nothing.
                Via::Blackhole => return Err(Errno::ENETUNREACH),
            }
        };
        let path = self.complete(id, next_hop, destination, own)?;
        if path.is_broadcast && !options.may_broadcast {
            return Err(Errno::EACCES);
        }
        Ok(path)
    }

    fn complete(
        &self,
        id: InterfaceId,
        next_hop: Ipv4Addr,
        destination: Ipv4Addr,
        source: Option<Ipv4Addr>,
    ) -> Result<Path, Errno> {
        let interface = self.interfaces.get(&id).ok_or(Errno::ENETUNREACH)?;
        if !interface.is_up {
            return Err(Errno::ENETDOWN);
        }
        // Before an interface has an address, its host speaks as nobody (RFC 1122, section 3.2.1.3).
        let source = source.or_else(|| interface.source_for(next_hop)).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let is_broadcast = !interface.is_loopback() && interface.is_broadcast(destination);
        let learned = self.destinations.find(destination.into()).mtu;
        Ok(Path {
            interface: id,
            next_hop: next_hop.into(),
            source: source.into(),
            destination: destination.into(),
            mtu: learned.map_or(interface.mtu, |mtu| mtu.min(interface.mtu)),
            is_broadcast,
            comes_back: interface.is_loopback(),
        })
    }

    /// Where groups are, if nobody says: on the link of an own address, of the default route, or the first one.
    pub(super) fn default_link(&self, own: Option<Ipv4Addr>) -> Option<InterfaceId> {
        let of_address = own.and_then(|own| {
            self.interfaces.iter().find(|(_, interface)| interface.has_address(own)).map(|(id, _)| *id)
        });
        let of_route = || self.routes.lookup(Ipv4Addr::new(224, 0, 0, 0)).map(|route| route.interface);
        let first = || {
            let is_usable =
                |interface: &Interface| interface.is_up && !matches!(interface.link, Link::Loopback);
            self.interfaces.iter().find(|(_, interface)| is_usable(interface)).map(|(id, _)| *id)
        };
        of_address.or_else(of_route).or_else(first)
    }

    /// Sends the content of a packet on its way; `packet` begins with the header of its transport.
    ///
    /// Errors: EMSGSIZE (too long for any packet, or for the link, and it must not be cut).
    pub fn send(
        &mut self,
        now: Instant,
        path: &Path,
        protocol: Protocol,
        options: &Options,
        mut packet: Packet,
    ) -> Result<(), Errno> {
        let kind = packet.first(1).map_or(0, |bytes| bytes[0]);
        match (path.source, path.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let default = if destination.is_multicast() { 1 } else { self.settings.hop_limit };
                let header = Ipv4 {
                    traffic_class: options.traffic_class,
                    identification: self.next_identification(),
                    dont_fragment: options.dont_fragment,
                    ..Ipv4::new(source, destination, protocol, options.hop_limit.unwrap_or(default))
                };
                self.send_with_header(now, path, &header, packet)?;
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.send_v6(now, path, (source, destination), protocol, options, packet)?;
            }
            _ => return Err(Errno::EAFNOSUPPORT),
        }
        self.counters.note_sent(Version::of(path.source), protocol, kind);
        self.loop_back(now);
        Ok(())
    }

    pub(crate) fn next_identification(&mut self) -> u16 {
        self.identification = self.identification.wrapping_add(1);
        self.identification
    }

    /// Errors: EMSGSIZE, EINVAL (it was left uncut, and is not what it says).
    pub(crate) fn send_with_header(
        &mut self,
        now: Instant,
        path: &Path,
        header: &Ipv4,
        mut packet: Packet,
    ) -> Result<(), Errno> {
        let total = packet.len() + header.header_bytes();
        if total > MOST_BYTES && packet.segmentation.is_none() {
            return Err(Errno::EMSGSIZE);
        }
        if longest_segment(&mut packet) + header.header_bytes() <= path.mtu as usize {
            header.emit(&mut packet);
            self.hand_to_link(now, path, packet);
            return Ok(());
        }
        if header.dont_fragment {
            self.counters.count(Counted::Ip, IP_STAT_CANTFRAG);
            return Err(Errno::EMSGSIZE);
        }
        if packet.segmentation.is_some() {
            return self.send_segments(now, path, header, packet);
        }
        wire::complete(&mut packet);
        self.counters.count(Counted::Ip, IP_STAT_FRAGMENTED);
        for (header, mut fragment) in reassembly::cut(header, &packet, path.mtu as usize) {
            header.emit(&mut fragment);
            self.counters.count(Counted::Ip, IP_STAT_OFRAGMENTS);
            self.hand_to_link(now, path, fragment);
        }
        Ok(())
    }

    /// Cuts a packet into segments each of which is too long for the link, and so is cut again. Errors: EINVAL (it is not
    /// what it says).
    fn send_segments(
        &mut self,
        now: Instant,
        path: &Path,
        header: &Ipv4,
        mut packet: Packet,
    ) -> Result<(), Errno> {
        header.emit(&mut packet);
        for mut segment in offload::cut(packet, 0).map_err(|_| Errno::EINVAL)? {
            let header = Ipv4::take(&mut segment).map_err(|_| Errno::EINVAL)?;
            self.send_with_header(now, path, &header, segment)?;
        }
        Ok(())
    }

    /// Hands a packet of IP to its link.
    pub(super) fn hand_to_link(&mut self, now: Instant, path: &Path, packet: Packet) {
        if path.comes_back {
            self.looped.push_back((path.interface, packet));
            return;
        }
        let Some(interface) = self.interfaces.get_mut(&path.interface) else { return };
        let Link::Ethernet { address, neighbours, neighbours_v6 } = &mut interface.link else {
            return self.transmit(path.interface, packet);
        };
        let own = *address;
        let (to, ether_type, packet) = match path.next_hop {
            _ if path.is_broadcast => (MacAddress::BROADCAST, EtherType::IPV4, packet),
            IpAddr::V4(group) if group.is_multicast() => {
                (MacAddress::of_group_v4(group), EtherType::IPV4, packet)
            }
            IpAddr::V6(group) if group.is_multicast() => {
                (MacAddress::of_group_v6(group), EtherType::IPV6, packet)
            }
            IpAddr::V4(neighbour) => match neighbours.resolve(now, neighbour, packet) {
                Resolved::To(to, packet) => (to, EtherType::IPV4, packet),
                Resolved::Waits(None) => return,
                Resolved::Waits(Some(action)) => return self.do_action(now, path.interface, action),
                Resolved::Unreachable(packet) => return self.complain_of_unresolved(now, packet),
            },
            IpAddr::V6(neighbour) => match neighbours_v6.resolve(now, neighbour, packet) {
                Resolved::To(to, packet) => (to, EtherType::IPV6, packet),
                Resolved::Waits(None) => return,
                Resolved::Waits(Some(action)) => return self.do_action_v6(now, path.interface, action),
                Resolved::Unreachable(packet) => {
                    return self.complain_of_unresolved_v6(now, path.interface, packet);
                }
            },
        };
        self.send_frame(path.interface, (own, to), ether_type, packet);
    }

    pub(crate) fn send_frame(
        &mut self,
        id: InterfaceId,
        (source, destination): (MacAddress, MacAddress),
        ether_type: EtherType,
        mut packet: Packet,
    ) {
        Frame { destination, source, ether_type }.emit(&mut packet);
        if destination.is_group() {
            self.count_group(id, |statistics| &mut statistics.groups_out);
        }
        self.transmit(id, packet);
    }

    fn transmit(&mut self, id: InterfaceId, mut packet: Packet) {
        let Some(interface) = self.interfaces.get_mut(&id).filter(|interface| interface.is_up) else {
            return self.drop_packet(Dropped::InterfaceDown);
        };
        if packet.segmentation.is_some_and(|it| !interface.offloads.contains(it.kind.offload())) {
            let link =
                if matches!(interface.link, Link::Ethernet { .. }) { ethernet::HEADER_BYTES } else { 0 };
            return self.transmit_cut(id, packet, link);
        }
        if packet.checksum != Checksum::Unknown && !interface.offloads.contains(Offloads::CHECKSUM) {
            wire::complete(&mut packet);
        }
        interface.statistics.packets_out += 1;
        interface.statistics.bytes_out += packet.len() as u64;
        self.sent.push((id, packet));
    }

    /// A router passes on what the device that it came from left uncut.
    fn transmit_cut(&mut self, id: InterfaceId, packet: Packet, link: usize) {
        match offload::cut(packet, link) {
            Ok(segments) => segments.into_iter().for_each(|segment| self.transmit(id, segment)),
            Err(_) => self.drop_packet(Dropped::Malformed(wire::Malformed::Header)),
        }
    }

    /// Asks who has an address: all, or one who is thought to.
    pub(super) fn ask(&mut self, id: InterfaceId, address: Ipv4Addr, at: Option<MacAddress>) {
        let Some(interface) = self.interfaces.get(&id) else { return };
        let Link::Ethernet { address: hardware, .. } = &interface.link else { return };
        let source = interface.source_for(address).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let message = arp::Message {
            operation: arp::Operation::Request,
            sender: (*hardware, source),
            target: (MacAddress([0; 6]), address),
        };
        self.send_arp(id, &message, at.unwrap_or(MacAddress::BROADCAST));
    }

    pub(super) fn send_arp(&mut self, id: InterfaceId, message: &arp::Message, to: MacAddress) {
        self.send_frame(id, (message.sender.0, to), EtherType::ARP, message.emit());
    }
}

/// Bytes of the longest packet that one becomes, behind the header of IP that it gets: those of the segment if it is to be
/// cut.
pub(super) fn longest_segment(packet: &mut Packet) -> usize {
    let Some(Segmentation { kind, size }) = packet.segmentation else { return packet.len() };
    // Before the transport there may be headers of IPv6.
    let start = match packet.checksum {
        Checksum::Missing { start, .. } => usize::from(start),
        Checksum::Good | Checksum::Unknown => 0,
    };
    let header = match kind {
        Segments::Udp => udp::HEADER_BYTES,
        Segments::Tcp4 | Segments::Tcp6 => {
            packet.first(start + 13).map_or(0, |bytes| usize::from(bytes[start + 12] >> 4) * 4)
        }
    };
    packet.len().min(start + header + usize::from(size))
}
