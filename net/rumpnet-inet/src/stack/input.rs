//! Receiving: from the link to the protocol above, or on to the next router.

use super::counters::udp;
use super::output::{Options, Path};
use super::{Dropped, LOOPBACK, Stack};
use crate::address::Version;
use crate::interface::{InterfaceId, Link};
use crate::time::Instant;
use crate::wire::arp::{self, Operation};
use crate::wire::ethernet::{EtherType, Frame};
use crate::wire::icmpv4::{self, Unreachable};
use crate::wire::icmpv6;
use crate::wire::ip::IpHeader;
use crate::wire::ipv4::{Fragment, Ipv4, Protocol};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use rump_kpi::Errno;
use rump_kpi::device::Statistics;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::{Checksum, Packet};

/// How a packet of IP came.
#[derive(Clone, Copy)]
pub(super) struct Reception {
    /// Through which interface.
    pub interface: InterfaceId,
    /// Its frame went to more than one host.
    pub is_group_frame: bool,
    /// We sent it.
    pub is_own: bool,
}

/// A packet of IP that came.
pub(super) struct Arrived {
    /// Through which interface.
    pub interface: InterfaceId,
    /// It went to more than one host, on the link or by its address.
    pub is_for_many: bool,
    /// All of it, as it came: for whoever complains.
    pub original: Packet,
}

impl Stack {
    /// Takes packets that an interface received at once. What acknowledgements among them allow to be sent goes after all of
    /// them, in few long segments.
    pub fn input_all(&mut self, now: Instant, id: InterfaceId, packets: Vec<Packet>) {
        self.gathered = Some(BTreeSet::new());
        packets.into_iter().for_each(|packet| self.input(now, id, packet));
        self.send_gathered(now);
    }

    /// Takes a packet that an interface received.
    pub fn input(&mut self, now: Instant, id: InterfaceId, mut packet: Packet) {
        let Some(interface) = self.interfaces.get_mut(&id).filter(|interface| interface.is_up) else {
            return self.drop_input(id, Dropped::InterfaceDown);
        };
        interface.statistics.packets_in += 1;
        interface.statistics.bytes_in += packet.len() as u64;
        let Some(own) = interface.hardware() else {
            let is_own = interface.is_loopback();
            return self.input_packet(
                now,
                Reception { interface: id, is_group_frame: false, is_own },
                packet,
            );
        };
        let frame = match Frame::take(&mut packet) {
            Ok(frame) => frame,
            Err(why) => return self.drop_malformed(id, None, why),
        };
        if frame.destination.is_group() {
            self.count_group(id, |statistics| &mut statistics.groups_in);
        }
        if frame.destination != own && !frame.destination.is_group() {
            return self.drop_packet(Dropped::NotForUs);
        }
        let reception =
            Reception { interface: id, is_group_frame: frame.destination.is_group(), is_own: false };
        match frame.ether_type {
            EtherType::ARP => self.input_arp(now, id, packet),
            EtherType::IPV4 => self.input_ip(now, reception, packet),
            EtherType::IPV6 => self.input_v6(now, reception, packet),
            _ => self.drop_input(id, Dropped::Nobody),
        }
    }

    /// Drops a sound packet that an interface received.
    fn drop_input(&mut self, id: InterfaceId, why: Dropped) {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.statistics.drops_in += 1;
        }
        self.drop_packet(why);
    }

    /// Takes a packet that we sent to ourselves, and that comes in by an interface again.
    pub(super) fn input_looped(&mut self, now: Instant, id: InterfaceId, mut packet: Packet) {
        if let Some(loopback) = self.interfaces.get_mut(&LOOPBACK) {
            loopback.statistics.packets_in += 1;
            loopback.statistics.bytes_in += packet.len() as u64;
        }
        // It cannot have been damaged.
        packet.checksum = Checksum::Good;
        self.input_packet(now, Reception { interface: id, is_group_frame: false, is_own: true }, packet);
    }

    /// Takes a packet that no frame says the version of.
    fn input_packet(&mut self, now: Instant, reception: Reception, mut packet: Packet) {
        match packet.first(1).map(|bytes| bytes[0] >> 4) {
            Some(6) => self.input_v6(now, reception, packet),
            _ => self.input_ip(now, reception, packet),
        }
    }

    /// Counts a frame to a group or to all.
    pub(super) fn count_group(&mut self, id: InterfaceId, which: impl FnOnce(&mut Statistics) -> &mut u64) {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            *which(&mut interface.statistics) += 1;
        }
    }

    /// Drops what an interface received, and what a protocol cannot read.
    pub(super) fn drop_malformed(
        &mut self,
        id: InterfaceId,
        of: impl Into<Option<Counted>>,
        why: crate::wire::Malformed,
    ) {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.statistics.errors_in += 1;
        }
        let why = Dropped::Malformed(why);
        if let Some(of) = of.into() {
            self.counters.note_dropped(of, why);
        }
        self.drop_packet(why);
    }

    /// RFC 826, "Packet Reception".
    fn input_arp(&mut self, now: Instant, id: InterfaceId, mut packet: Packet) {
        let message = match arp::Message::parse(&mut packet) {
            Ok(message) => message,
            Err(why) => return self.drop_malformed(id, None, why),
        };
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let is_ours = interface.has_address(message.target.1);
        let (sender_hardware, sender) = message.sender;
        if interface.hardware() == Some(sender_hardware) {
            return self.drop_packet(Dropped::NotForUs);
        }
        // Somebody else says that he has our address: he is not believed.
        if interface.has_address(sender) {
            self.drop_packet(Dropped::Malformed(crate::wire::Malformed::Address));
            return self.defend(now, id, sender);
        }
        self.note_conflict(id, &message);
        let Some(interface) = self.interfaces.get_mut(&id) else { return };
        let Link::Ethernet { address: own, neighbours, .. } = &mut interface.link else { return };
        let own = *own;
        let waiting = match message.operation {
            _ if sender.is_unspecified() => VecDeque::new(),
            Operation::Reply if is_ours => neighbours.answered(now, sender, sender_hardware),
            Operation::Request | Operation::Reply => neighbours.heard(sender, sender_hardware, is_ours),
        };
        for packet in waiting {
            self.send_frame(id, (own, sender_hardware), EtherType::IPV4, packet);
        }
        if is_ours && message.operation == Operation::Request {
            let reply = arp::Message {
                operation: Operation::Reply,
                sender: (own, message.target.1),
                target: message.sender,
            };
            self.send_arp(id, &reply, sender_hardware);
        }
    }

    fn input_ip(&mut self, now: Instant, reception: Reception, mut packet: Packet) {
        let Reception { interface: id, is_group_frame, is_own } = reception;
        self.counters.count(Counted::Ip, IP_STAT_TOTAL);
        let original = packet.clone();
        let header = match Ipv4::take(&mut packet) {
            Ok(header) => header,
            Err(why) => return self.drop_malformed(id, Counted::Ip, why),
        };
        let destination = header.destination;
        let Some(interface) = self.interfaces.get(&id) else { return };
        let is_broadcast = !is_own && interface.is_broadcast(destination);
        let is_member = destination.is_multicast() && (interface.is_member(destination.into()) || is_own);
        let is_offer = !is_own && interface.addresses.is_empty() && is_for_client(&header, &mut packet);
        let is_ours = self.is_local(destination.into()) || is_broadcast || is_member || is_offer;
        if !is_source(header.source) || (!is_own && !may_be_on_link(&header)) {
            return self.drop_malformed(id, Counted::Ip, crate::wire::Malformed::Address);
        }
        if has_source_route(&header.options) {
            return self.drop_of(Counted::Ip, Dropped::SourceRoute);
        }
        // Nobody complains of an offer, either.
        let is_for_many = is_group_frame || is_broadcast || destination.is_multicast() || is_offer;
        let arrived = Arrived { interface: id, is_for_many, original };
        if !is_ours {
            return self.forward(now, arrived, header, packet);
        }
        if !header.is_fragment() {
            return self.deliver(now, arrived, header, packet);
        }
        self.counters.count(Counted::Ip, IP_STAT_FRAGMENTS);
        if let Some((first, packet)) = self.reassembly.take(now, header, packet) {
            self.counters.count(Counted::Ip, IP_STAT_REASSEMBLED);
            let header = Ipv4 { fragment: Fragment::default(), ..first };
            let mut original = packet.clone();
            header.emit(&mut original);
            self.deliver(now, Arrived { original, ..arrived }, header, packet);
        }
    }

    fn deliver(&mut self, now: Instant, arrived: Arrived, header: Ipv4, packet: Packet) {
        self.counters.note_delivered(Version::V4, header.protocol);
        let ip = IpHeader::from(&header);
        // The stack answers those itself; programs get all other messages.
        let is_answered = header.protocol == Protocol::ICMP && icmpv4::is_echo_request(&packet);
        let was_taken = self.sockets.deliver_raw(now, &ip, &arrived.original, arrived.interface, is_answered);
        match header.protocol {
            Protocol::ICMP => self.input_icmp(now, &arrived, &header, packet),
            Protocol::IGMP => self.input_igmp(now, &arrived, &header, packet),
            Protocol::UDP => self.input_udp(now, &arrived, &ip, packet),
            Protocol::TCP if !arrived.is_for_many => {
                if let Err(why) = self.input_tcp(now, &ip, arrived.interface, packet) {
                    self.drop_malformed(arrived.interface, Counted::Tcp, why);
                }
            }
            // Nobody has a connection with many (RFC 1122, section 4.2.3.10).
            Protocol::TCP => self.drop_of(Counted::Tcp, Dropped::NotForUs),
            _ if was_taken => {}
            _ => {
                self.drop_of(Counted::Ip, Dropped::Nobody);
                self.complain(now, &arrived, &icmpv4::Message::Unreachable(Unreachable::Protocol));
            }
        }
    }

    /// A copy of what goes to a group or to all, for those here.
    pub(crate) fn receive_own(&mut self, now: Instant, path: &Path, protocol: Protocol, mut packet: Packet) {
        let (source, destination) = match (path.source, path.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => (source, destination),
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                return self.receive_own_v6(now, path, (source, destination), protocol, packet);
            }
            _ => return,
        };
        let header = Ipv4::new(source, destination, protocol, 1);
        let mut original = packet.clone();
        header.emit(&mut original);
        packet.checksum = Checksum::Good;
        self.deliver(now, Arrived { interface: path.interface, is_for_many: true, original }, header, packet);
    }

    pub(super) fn input_udp(&mut self, now: Instant, arrived: &Arrived, header: &IpHeader, packet: Packet) {
        use crate::sockets::Delivery;
        let of = udp(Version::of(header.source));
        match self.sockets.deliver_udp(now, header, packet, arrived.interface, arrived.is_for_many) {
            Ok(Delivery::Done) => {}
            Ok(Delivery::Full) => {
                self.counters.note_dropped(of, Dropped::Full);
                self.drop_input(arrived.interface, Dropped::Full);
            }
            Ok(Delivery::Nobody) => {
                self.drop_of(of, Dropped::Nobody);
                if arrived.is_for_many {
                    let place = if of == Counted::Udp { UDP_STAT_NOPORTBCAST } else { UDP6_STAT_NOPORTMCAST };
                    self.counters.count(of, place);
                }
                if header.source.is_ipv4() {
                    self.complain(now, arrived, &icmpv4::Message::Unreachable(Unreachable::Port));
                } else {
                    let message = icmpv6::Message::Unreachable(icmpv6::Unreachable::Port);
                    self.complain_v6(now, arrived, &message);
                }
            }
            Err(why) => self.drop_malformed(arrived.interface, of, why),
        }
    }

    /// Passes a packet on (RFC 1812, section 5.2.1).
    fn forward(&mut self, now: Instant, arrived: Arrived, mut header: Ipv4, packet: Packet) {
        let is_forwardable = !arrived.is_for_many && !header.source.is_unspecified();
        if !self.settings.forwarding || !is_forwardable {
            return self.drop_of(Counted::Ip, Dropped::NotForUs);
        }
        if header.time_to_live <= 1 {
            self.drop_of(Counted::Ip, Dropped::TimeToLive);
            return self.complain(now, &arrived, &icmpv4::Message::TimeExceeded);
        }
        let options = Options { may_broadcast: false, ..Options::default() };
        let path = match self.path(header.destination.into(), &options) {
            Ok(path) => path,
            Err(_) => {
                let is_silent = self
                    .routes
                    .lookup(header.destination)
                    .is_some_and(|route| route.via == crate::route::Via::Blackhole);
                self.drop_of(Counted::Ip, Dropped::NoRoute);
                if !is_silent {
                    self.complain(now, &arrived, &icmpv4::Message::Unreachable(Unreachable::Host));
                }
                return;
            }
        };
        header.time_to_live -= 1;
        let path = Path { source: header.source.into(), ..path };
        let mtu = path.mtu.min(u32::from(u16::MAX)) as u16;
        match self.send_with_header(now, &path, &header, packet) {
            Ok(()) => self.counters.count(Counted::Ip, IP_STAT_FORWARD),
            Err(Errno::EMSGSIZE) => {
                self.complain(now, &arrived, &icmpv4::Message::Unreachable(Unreachable::TooLong { mtu }));
            }
            Err(_) => self.drop_malformed(arrived.interface, Counted::Ip, crate::wire::Malformed::Header),
        }
    }
}

/// Whether a packet is for a client of DHCP: some servers send to the address that they offer, which nobody has yet (RFC 2131,
/// section 4.1).
fn is_for_client(header: &Ipv4, packet: &mut Packet) -> bool {
    const CLIENT_PORT: [u8; 2] = 68_u16.to_be_bytes();
    header.protocol == Protocol::UDP
        && !header.is_fragment()
        && packet.first(4).is_some_and(|ports| ports[2..4] == CLIENT_PORT)
}

/// Whether somebody can have sent from an address (RFC 1122, section 3.2.1.3).
fn is_source(address: Ipv4Addr) -> bool {
    !address.is_multicast() && !address.is_broadcast()
}

/// Addresses of a host's own have no business on a link.
fn may_be_on_link(header: &Ipv4) -> bool {
    !header.source.is_loopback() && !header.destination.is_loopback()
}

/// Whether a sender wants to choose the way: nobody lets him (RFC 7126, section 4.3).
fn has_source_route(options: &[u8]) -> bool {
    let mut rest = options;
    while let Some((&kind, after)) = rest.split_first() {
        match kind {
            0 => return false,
            1 => rest = after,
            131 | 137 => return true,
            _ => match after.first() {
                Some(&length) if length >= 2 && usize::from(length) <= rest.len() => {
                    rest = &rest[usize::from(length)..];
                }
                _ => return false,
            },
        }
    }
    false
}
