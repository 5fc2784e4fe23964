//! Receiving packets of IPv6: extension headers (RFC 8200, sections 4.1 to 4.7), fragments, and the protocol above.

use super::input::{Arrived, Reception};
use super::output::Path;
use super::{Dropped, Stack};
use crate::address::Version;
use crate::interface::InterfaceId;
use crate::reassembly::FragmentV6;
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::checksum::pseudo_v6;
use crate::wire::extension::{self, FragmentHeader, MOST_HEADERS, OptionError, Unknown};
use crate::wire::icmpv6::{self, Message, Problem};
use crate::wire::ipv4::{Fragment, Protocol};
use crate::wire::ipv6::{HEADER_BYTES, Ipv6, MOST_CONTENT};
use crate::wire::udp;
use core::net::Ipv6Addr;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::{Checksum, Packet};

/// Where the base header says what follows.
const NEXT_HEADER_AT: usize = 6;

/// A place in a chain of headers.
struct Place {
    /// What begins here.
    kind: Protocol,
    /// Where, from the beginning of the packet.
    at: usize,
    /// Where that was said.
    said_at: usize,
}

/// What becomes of a packet after one header.
enum Next {
    /// There may be another.
    Header,
    /// The transport begins.
    Transport,
    /// It waits for its other fragments, or was dropped.
    Done,
}

impl Stack {
    pub(super) fn input_v6(&mut self, now: Instant, reception: Reception, mut packet: Packet) {
        let id = reception.interface;
        self.counters.count(Counted::Ip6, IP6_STAT_TOTAL);
        let original = packet.clone();
        let header = match Ipv6::take(&mut packet) {
            Ok(header) => header,
            Err(why) => return self.drop_malformed(id, Counted::Ip6, why),
        };
        if !may_arrive(&header, reception.is_own) {
            return self.drop_malformed(id, Counted::Ip6, Malformed::Address);
        }
        let is_group = header.destination.is_multicast();
        let is_for_many = reception.is_group_frame || is_group;
        let arrived = Arrived { interface: id, is_for_many, original };
        if self.is_for_us(&reception, header.destination) {
            self.input_chain(now, arrived, header, packet, Reassembled::No);
        } else {
            self.forward_v6(now, arrived, header, packet);
        }
    }

    fn is_for_us(&self, reception: &Reception, destination: Ipv6Addr) -> bool {
        let Some(interface) = self.interfaces.get(&reception.interface) else { return false };
        if destination.is_multicast() {
            let comes_back = reception.is_own && interface.is_loopback();
            return comes_back || interface.groups_v6.is_member(destination.into());
        }
        if destination.is_unicast_link_local() {
            return interface.has_v6(destination);
        }
        self.is_local(destination.into())
    }

    fn input_chain(
        &mut self,
        now: Instant,
        arrived: Arrived,
        header: Ipv6,
        mut packet: Packet,
        reassembled: Reassembled,
    ) {
        let mut place = Place { kind: header.next_header, at: HEADER_BYTES, said_at: NEXT_HEADER_AT };
        for _ in 0..MOST_HEADERS {
            match self.input_extension(now, &arrived, &header, &mut place, &mut packet, reassembled) {
                Next::Header => {}
                Next::Transport => return self.deliver_v6(now, arrived, header, &place, packet),
                Next::Done => return,
            }
        }
        self.drop_malformed(arrived.interface, Counted::Ip6, Malformed::Header);
    }

    fn input_extension(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        header: &Ipv6,
        place: &mut Place,
        packet: &mut Packet,
        reassembled: Reassembled,
    ) -> Next {
        let Place { kind, at, said_at } = *place;
        if !kind.is_extension() {
            return Next::Transport;
        }
        // These options come first, or not at all.
        if kind == Protocol::HOP_BY_HOP && at != HEADER_BYTES {
            return self.refuse_header(now, arrived, Problem::NextHeader, said_at);
        }
        if kind == Protocol::FRAGMENT {
            return self.input_fragment(now, arrived, header, place, packet, reassembled);
        }
        let length = extension::length(kind, packet);
        let Some(bytes) = length.and_then(|length| packet.first(length)) else {
            self.drop_malformed(arrived.interface, Counted::Ip6, Malformed::Short);
            return Next::Done;
        };
        let next = Protocol(bytes[0]);
        let length = bytes.len();
        if kind == Protocol::ROUTING {
            // Nobody lets senders choose the way (RFC 5095), and no other type is known (section 4.4).
            if bytes[3] != 0 {
                return self.refuse_header(now, arrived, Problem::Field, at + 2);
            }
        } else if let Err(error) = extension::check_options(bytes) {
            return self.refuse_option(now, arrived, at, error, header.destination);
        }
        packet.advance(length);
        *place = Place { kind: next, at: at + length, said_at: at };
        Next::Header
    }

    fn refuse_header(&mut self, now: Instant, arrived: &Arrived, problem: Problem, at: usize) -> Next {
        self.drop_of(Counted::Ip6, Dropped::Malformed(Malformed::Header));
        self.complain_v6(now, arrived, &Message::ParameterProblem { problem, pointer: at as u32 });
        Next::Done
    }

    /// RFC 8200, section 4.2.
    fn refuse_option(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        at: usize,
        error: OptionError,
        destination: Ipv6Addr,
    ) -> Next {
        self.counters.count(Counted::Ip6, IP6_STAT_BADOPTIONS);
        self.drop_malformed(arrived.interface, None, Malformed::Header);
        let OptionError::Unknown(within, action) = error else { return Next::Done };
        let message = Message::ParameterProblem { problem: Problem::Option, pointer: (at + within) as u32 };
        match action {
            Unknown::Complain => self.complain_of_many_v6(now, arrived, &message),
            Unknown::ComplainOfSingle if !destination.is_multicast() => {
                self.complain_v6(now, arrived, &message);
            }
            Unknown::ComplainOfSingle | Unknown::Drop => {}
        }
        Next::Done
    }

    /// RFC 8200, section 4.5; RFC 6946; RFC 7112.
    fn input_fragment(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        header: &Ipv6,
        place: &mut Place,
        packet: &mut Packet,
        reassembled: Reassembled,
    ) -> Next {
        let at = place.at;
        let part = match FragmentHeader::take(packet) {
            Ok(part) => part,
            Err(why) => {
                self.drop_malformed(arrived.interface, Counted::Ip6, why);
                return Next::Done;
            }
        };
        if part.fragment == Fragment::default() {
            // All of a packet: it has nothing to do with others of the same number.
            *place = Place { kind: part.next_header, at: at + extension::FRAGMENT_BYTES, said_at: at };
            return Next::Header;
        }
        if reassembled == Reassembled::Yes {
            self.drop_malformed(arrived.interface, Counted::Ip6, Malformed::Header);
            return Next::Done;
        }
        if part.fragment.has_more && packet.len() % 8 != 0 {
            return self.refuse_header(now, arrived, Problem::Field, 4);
        }
        if usize::from(part.fragment.offset) + packet.len() > MOST_CONTENT {
            return self.refuse_header(now, arrived, Problem::Field, at + 2);
        }
        if part.fragment.offset == 0 && !has_all_headers(part.next_header, packet.clone()) {
            return self.refuse_header(now, arrived, Problem::HeaderChain, 0);
        }
        let fragment = FragmentV6 { header: *header, part, interface: arrived.interface };
        let content = core::mem::take(packet);
        self.counters.count(Counted::Ip6, IP6_STAT_FRAGMENTS);
        if let Some((first, content)) = self.reassembly_v6.take(now, fragment, content) {
            self.counters.count(Counted::Ip6, IP6_STAT_REASSEMBLED);
            let header = Ipv6 { next_header: first.part.next_header, ..first.header };
            let mut original = content.clone();
            header.emit(&mut original);
            let whole = Arrived { original, ..*arrived };
            self.input_chain(now, whole, header, content, Reassembled::Yes);
        }
        Next::Done
    }

    fn deliver_v6(&mut self, now: Instant, arrived: Arrived, header: Ipv6, place: &Place, packet: Packet) {
        let protocol = place.kind;
        self.counters.note_delivered(Version::V6, protocol);
        let ip = header.header(protocol);
        let pseudo = |length| pseudo_v6(header.source, header.destination, protocol, length);
        if protocol == Protocol::ICMPV6 {
            if let Err(why) = icmpv6::check(&packet, pseudo) {
                return self.drop_malformed(arrived.interface, Counted::Icmp6, why);
            }
        }
        // The stack answers those itself; programs get all other messages.
        let is_answered = protocol == Protocol::ICMPV6 && icmpv6::is_echo_request(&packet);
        let was_taken = self.sockets.deliver_raw(now, &ip, &packet, arrived.interface, is_answered);
        match protocol {
            Protocol::ICMPV6 => self.input_icmpv6(now, &arrived, &header, packet),
            // A checksum is not left out (RFC 8200, section 8.1).
            Protocol::UDP if lacks_checksum(&packet) => {
                self.counters.count(Counted::Udp6, UDP6_STAT_NOSUM);
                self.drop_malformed(arrived.interface, None, Malformed::Checksum);
            }
            Protocol::UDP => self.input_udp(now, &arrived, &ip, packet),
            Protocol::TCP if !arrived.is_for_many => {
                if let Err(why) = self.input_tcp(now, &ip, arrived.interface, packet) {
                    self.drop_malformed(arrived.interface, Counted::Tcp, why);
                }
            }
            Protocol::TCP => self.drop_of(Counted::Tcp, Dropped::NotForUs),
            Protocol::NO_NEXT_HEADER => {}
            _ if was_taken => {}
            _ => {
                self.drop_of(Counted::Ip6, Dropped::Nobody);
                let pointer = place.said_at as u32;
                let message = Message::ParameterProblem { problem: Problem::NextHeader, pointer };
                self.complain_v6(now, &arrived, &message);
            }
        }
    }

    /// A copy of what goes to a group, for those here.
    pub(super) fn receive_own_v6(
        &mut self,
        now: Instant,
        path: &Path,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        protocol: Protocol,
        mut packet: Packet,
    ) {
        let header = Ipv6::new(source, destination, protocol, 1);
        let mut original = packet.clone();
        header.emit(&mut original);
        packet.checksum = Checksum::Good;
        let arrived = Arrived { interface: path.interface, is_for_many: true, original };
        let place = Place { kind: protocol, at: HEADER_BYTES, said_at: NEXT_HEADER_AT };
        self.deliver_v6(now, arrived, header, &place, packet);
    }

    pub(super) fn complain_of_unresolved_v6(&mut self, now: Instant, id: InterfaceId, packet: Packet) {
        self.drop_packet(Dropped::Unresolved);
        let arrived = Arrived { interface: id, is_for_many: false, original: packet };
        self.complain_v6(now, &arrived, &Message::Unreachable(icmpv6::Unreachable::Address));
    }
}

/// Whether a packet was put together of fragments: another fragment header in it is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reassembled {
    No,
    Yes,
}

/// Whether addresses can be where they are (RFC 4291, sections 2.5 and 2.7; RFC 4942, section 2.2).
fn may_arrive(header: &Ipv6, is_own: bool) -> bool {
    let (source, destination) = (header.source, header.destination);
    let is_inside = |address: Ipv6Addr| {
        address.is_loopback() || (address.is_multicast() && address.octets()[1] & 0xf < 2)
    };
    let is_mapped = |address: Ipv6Addr| address.to_ipv4_mapped().is_some();
    !source.is_multicast()
        && !destination.is_unspecified()
        && (is_own || !(is_inside(source) || is_inside(destination)))
        && !is_mapped(source)
        && !is_mapped(destination)
}

/// Whether the first fragment of a packet has all headers, that of the transport too (RFC 7112).
fn has_all_headers(kind: Protocol, mut packet: Packet) -> bool {
    let Some(transport) = extension::skip_to_transport(kind, &mut packet) else { return false };
    let needed = match transport {
        Protocol::TCP => 20,
        Protocol::UDP | Protocol::ICMPV6 => 8,
        _ => 0,
    };
    packet.len() >= needed
}

fn lacks_checksum(packet: &Packet) -> bool {
    let mut packet = packet.clone();
    packet.checksum == Checksum::Unknown
        && packet.first(udp::HEADER_BYTES).is_some_and(|bytes| bytes[6..8] == [0, 0])
}
