//! Messages of ICMPv6 about packets: what came, and what is sent (RFC 4443).

use super::input::Arrived;
use super::output::Options;
use super::told::{Quoted, Told};
use super::{Dropped, Stack};
use crate::interface::InterfaceId;
use crate::reassembly::{Expired, FragmentV6};
use crate::time::Instant;
use crate::wire::checksum::pseudo;
use crate::wire::extension::skip_to_transport;
use crate::wire::icmpv6::{self, Message, Problem, Unreachable};
use crate::wire::ipv4::Protocol;
use crate::wire::ipv6::{HEADER_BYTES, Ipv6, LEAST_MTU};
use crate::wire::{group, ndp};
use core::net::Ipv6Addr;
use rump_kpi::Errno;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::Packet;

impl Stack {
    /// Takes a message whose checksum is right.
    pub(super) fn input_icmpv6(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        header: &Ipv6,
        mut packet: Packet,
    ) {
        let Some(&[kind, code]) = packet.first(2).and_then(|bytes| bytes.first_chunk()) else {
            return self.drop_malformed(arrived.interface, Counted::Icmp6, crate::wire::Malformed::Short);
        };
        self.counters.count_icmp6(ICMP6_STAT_INHIST, kind);
        match kind {
            group::mld::QUERY | group::mld::REPORT_1 => {
                return self.input_mld(now, arrived.interface, header, &packet.to_vec());
            }
            ndp::kind::ROUTER_SOLICITATION..=ndp::kind::REDIRECT => {
                // From the link, and not through a router (RFC 4861, section 3.1).
                if header.hop_limit != 255 || code != 0 {
                    return self.drop_malformed(
                        arrived.interface,
                        Counted::Icmp6,
                        crate::wire::Malformed::Header,
                    );
                }
                return self.input_discovery(now, arrived.interface, header, kind, &packet.to_vec());
            }
            _ => {}
        }
        let message = match Message::take(&mut packet) {
            Ok(message) => message,
            Err(why) => return self.drop_malformed(arrived.interface, Counted::Icmp6, why),
        };
        match message {
            Message::EchoRequest { identifier, sequence } => {
                if arrived.is_for_many && !self.settings.answers_broadcast_echo {
                    return self.drop_packet(Dropped::NotForUs);
                }
                let source = (!header.destination.is_multicast()).then_some(header.destination);
                let options = Options { traffic_class: header.traffic_class, ..Self::back(arrived, source) };
                let reply = Message::EchoReply { identifier, sequence };
                self.counters.count(Counted::Icmp6, ICMP6_STAT_REFLECT);
                self.send_icmpv6(now, header.source, &options, &reply, packet);
            }
            message => self.told_of_v6(now, arrived.interface, message, packet),
        }
    }

    /// A complaint about a packet that we sent.
    fn told_of_v6(&mut self, now: Instant, id: InterfaceId, message: Message, mut packet: Packet) {
        let what = match message {
            Message::Unreachable(why) => match why {
                Unreachable::Port | Unreachable::Forbidden => {
                    Told::Unreachable { errno: Errno::ECONNREFUSED, is_hard: true }
                }
                Unreachable::NoRoute => Told::Unreachable { errno: Errno::ENETUNREACH, is_hard: false },
                _ => Told::Unreachable { errno: Errno::EHOSTUNREACH, is_hard: false },
            },
            Message::ParameterProblem { problem: Problem::NextHeader, .. } => {
                Told::Unreachable { errno: Errno::ECONNREFUSED, is_hard: true }
            }
            // Less than every link takes is no news (RFC 8201, section 4).
            Message::PacketTooBig { mtu } if mtu >= LEAST_MTU => Told::PacketTooBig { mtu },
            _ => return,
        };
        let Ok(header) = Ipv6::take_quoted(&mut packet) else { return };
        let Some(protocol) = skip_to_transport(header.next_header, &mut packet) else { return };
        let quoted = Quoted::new(header.source.into(), header.destination.into(), protocol, id, &packet);
        self.told(now, &quoted, what);
    }

    /// Sends a message. It may get lost.
    pub(super) fn send_icmpv6(
        &mut self,
        now: Instant,
        to: Ipv6Addr,
        options: &Options,
        message: &Message,
        mut content: Packet,
    ) {
        let Ok(path) = self.path(to.into(), options) else {
            return self.drop_of(Counted::Ip6, Dropped::NoRoute);
        };
        message.emit(&mut content, |length| pseudo(path.source, path.destination, Protocol::ICMPV6, length));
        let _ = self.send(now, &path, Protocol::ICMPV6, options, content);
    }

    /// Complains of a packet to its sender, if that is allowed (section 2.4 (e)).
    pub(super) fn complain_v6(&mut self, now: Instant, arrived: &Arrived, message: &Message) {
        if !arrived.is_for_many {
            self.complain_of_many_v6(now, arrived, message);
        }
    }

    /// The same, also of what went to many.
    pub(super) fn complain_of_many_v6(&mut self, now: Instant, arrived: &Arrived, message: &Message) {
        let mut quoted = arrived.original.clone();
        let mut content = quoted.clone();
        let Ok(header) = Ipv6::take(&mut content) else { return };
        let transport = skip_to_transport(header.next_header, &mut content);
        let is_complaint = transport == Some(Protocol::ICMPV6)
            && content.first(1).is_none_or(|kind| icmpv6::is_error(kind[0]));
        self.counters.count(Counted::Icmp6, ICMP6_STAT_ERROR);
        if is_complaint || header.source.is_unspecified() || header.source.is_multicast() {
            self.counters.count(Counted::Icmp6, ICMP6_STAT_CANTERROR);
            return;
        }
        if !self.may_complain(now, Counted::Icmp6) {
            return;
        }
        quoted.truncate(LEAST_MTU as usize - HEADER_BYTES - icmpv6::HEADER_BYTES);
        let content = Packet::with_content(quoted.into_parts());
        // From the address that it was sent to, if that is ours.
        let source = Some(header.destination).filter(|own| self.is_local((*own).into()));
        let options = Self::back(arrived, source);
        self.send_icmpv6(now, header.source, &options, message, content);
    }

    pub(super) fn complain_of_reassembly_v6(&mut self, now: Instant, expired: Expired<FragmentV6>) {
        let FragmentV6 { header, part, interface } = expired.header;
        let mut original = expired.content;
        part.emit(&mut original);
        Ipv6 { next_header: Protocol::FRAGMENT, ..header }.emit(&mut original);
        let is_for_many = header.destination.is_multicast();
        let arrived = Arrived { interface, is_for_many, original };
        self.complain_v6(now, &arrived, &Message::ReassemblyTimeExceeded);
    }
}
