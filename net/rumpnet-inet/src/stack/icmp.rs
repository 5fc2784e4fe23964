//! Messages about packets: what came, and what is sent (RFC 1122, section 3.2.2; RFC 1812, section 4.3).

use super::input::Arrived;
use super::output::Options;
use super::told::{Quoted, Told};
use super::{Dropped, Stack};
use crate::reassembly::Expired;
use crate::time::Instant;
use crate::wire::icmpv4::{Message, Unreachable};
use crate::wire::ipv4::{Ipv4, Protocol};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::Packet;

/// Bytes of a complaint, headers included (RFC 1812, section 4.3.2.3).
const COMPLAINT_BYTES: usize = 576;
const HEADERS: usize = 28;

/// How many complaints may still be sent: as many as fit into a second gather, and no more.
#[derive(Debug, Default)]
pub struct Limit {
    sent: u32,
    since: Option<Instant>,
}

impl Limit {
    fn take(&mut self, now: Instant, per_second: u32) -> bool {
        if self.since.is_none_or(|since| now.saturating_sub(since) >= Duration::from_secs(1)) {
            *self = Self { sent: 0, since: Some(now) };
        }
        self.sent += 1;
        self.sent <= per_second
    }
}

/// Longest packets of common links (RFC 1191, section 7).
const PLATEAUS: [u32; 9] = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 576, 552];
/// No way is taken for narrower: who tells of less wants to make many small packets of few.
const LEAST_PATH_MTU: u32 = 552;

/// What a packet that was too long for may be cut to, if the router does not say (RFC 1191, section 5).
fn plateau_below(total: u32) -> u32 {
    PLATEAUS.into_iter().find(|plateau| *plateau < total).unwrap_or(LEAST_PATH_MTU)
}

/// The header of a packet that is quoted, and cut.
struct QuotedV4 {
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: Protocol,
    total: u32,
}

impl QuotedV4 {
    /// Takes it off; what is left begins with the header of the transport.
    fn take(packet: &mut Packet) -> Option<Self> {
        let bytes = packet.first(20)?;
        let length = usize::from(bytes[0] & 0xf) * 4;
        let is_first = u16::from_be_bytes([bytes[6], bytes[7]]) & 0x1fff == 0;
        if bytes[0] >> 4 != 4 || length < 20 || !is_first {
            return None;
        }
        let quoted = Self {
            source: Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]),
            destination: Ipv4Addr::new(bytes[16], bytes[17], bytes[18], bytes[19]),
            protocol: Protocol(bytes[9]),
            total: u16::from_be_bytes([bytes[2], bytes[3]]).into(),
        };
        packet.advance(length);
        Some(quoted)
    }
}

impl Stack {
    pub(super) fn input_icmp(&mut self, now: Instant, arrived: &Arrived, header: &Ipv4, mut packet: Packet) {
        let kind = packet.first(1).map(|bytes| bytes[0]);
        let message = match Message::take(&mut packet) {
            Ok(message) => message,
            Err(why) => return self.drop_of(Counted::Icmp, Dropped::Malformed(why)),
        };
        kind.into_iter().for_each(|kind| self.counters.count_icmp(ICMP_STAT_INHIST, kind));
        match message {
            Message::EchoRequest { identifier, sequence } => {
                if arrived.is_for_many && !self.settings.answers_broadcast_echo {
                    self.counters.count(Counted::Icmp, ICMP_STAT_BMCASTECHO);
                    return self.drop_packet(Dropped::NotForUs);
                }
                let source = if arrived.is_for_many { None } else { Some(header.destination.into()) };
                let options = Options {
                    source,
                    traffic_class: header.traffic_class,
                    may_broadcast: false,
                    ..Options::default()
                };
                self.counters.count(Counted::Icmp, ICMP_STAT_REFLECT);
                self.send_icmp(
                    now,
                    header.source,
                    &options,
                    &Message::EchoReply { identifier, sequence },
                    packet,
                );
            }
            Message::Redirect { router } => self.input_redirect_v4(now, arrived, header, router, packet),
            message if message.is_error() => self.told_of(now, arrived.interface, &message, packet),
            // Replies are for raw sockets, which have got them.
            _ => {}
        }
    }

    /// A router knows a better one (RFC 1122, section 3.2.2.2).
    fn input_redirect_v4(
        &mut self,
        now: Instant,
        arrived: &Arrived,
        header: &Ipv4,
        router: Ipv4Addr,
        mut packet: Packet,
    ) {
        let id = arrived.interface;
        let Some(quoted) = QuotedV4::take(&mut packet) else { return };
        let way = self.path(quoted.destination.into(), &Options::default());
        let is_router = way.is_ok_and(|path| {
            (path.interface, path.next_hop) == (id, IpAddr::V4(header.source)) && !path.comes_back
        });
        let is_near = self
            .routes
            .lookup(router)
            .is_some_and(|route| (route.via, route.interface) == (crate::route::Via::Link, id));
        let is_followed = self.settings.accepts_redirects && !self.settings.forwarding;
        if !is_followed || !is_router || !is_near || self.is_local(router.into()) {
            return self.drop_packet(Dropped::NotForUs);
        }
        self.destinations.redirect(now, quoted.destination.into(), router.into(), id);
        if let Some(deadline) = self.destinations.next_deadline() {
            self.wake_at(deadline);
        }
    }

    /// A complaint about a packet that we sent.
    fn told_of(
        &mut self,
        now: Instant,
        id: crate::interface::InterfaceId,
        message: &Message,
        mut packet: Packet,
    ) {
        let Some(quoted) = QuotedV4::take(&mut packet) else { return };
        let unreachable = |errno, is_hard| Told::Unreachable { errno, is_hard };
        let what = match message {
            Message::Unreachable(Unreachable::Port | Unreachable::Protocol | Unreachable::Forbidden) => {
                unreachable(Errno::ECONNREFUSED, true)
            }
            Message::Unreachable(Unreachable::TooLong { mtu }) => {
                let mtu = match u32::from(*mtu) {
                    0 => plateau_below(quoted.total),
                    mtu => mtu,
                };
                Told::PacketTooBig { mtu: mtu.max(LEAST_PATH_MTU) }
            }
            Message::Unreachable(Unreachable::Network) => unreachable(Errno::ENETUNREACH, false),
            Message::Unreachable(_) => unreachable(Errno::EHOSTUNREACH, false),
            _ => return,
        };
        let (source, destination) = (quoted.source.into(), quoted.destination.into());
        let quoted = Quoted::new(source, destination, quoted.protocol, id, &packet);
        self.told(now, &quoted, what);
    }

    /// Sends a message. It may get lost.
    pub(super) fn send_icmp(
        &mut self,
        now: Instant,
        to: Ipv4Addr,
        options: &Options,
        message: &Message,
        mut content: Packet,
    ) {
        let Ok(path) = self.path(to.into(), options) else {
            return self.drop_of(Counted::Ip, Dropped::NoRoute);
        };
        message.emit(&mut content);
        let _ = self.send(now, &path, Protocol::ICMP, options, content);
    }

    /// Complains of a packet to its sender, if that is allowed.
    pub(super) fn complain(&mut self, now: Instant, arrived: &Arrived, message: &Message) {
        if arrived.is_for_many {
            return;
        }
        let mut quoted = arrived.original.clone();
        let mut content = quoted.clone();
        let Ok(header) = Ipv4::take(&mut content) else { return };
        let is_complaint = header.protocol == Protocol::ICMP
            && content.first(1).is_none_or(|kind| !matches!(kind[0], 0 | 8));
        let is_single = !header.source.is_unspecified() && !header.source.is_multicast();
        self.counters.count(Counted::Icmp, ICMP_STAT_ERROR);
        if is_complaint {
            self.counters.count(Counted::Icmp, ICMP_STAT_OLDICMP);
        }
        if is_complaint || header.fragment.offset != 0 || !is_single {
            return;
        }
        if !self.may_complain(now, Counted::Icmp) {
            return;
        }
        quoted.truncate(COMPLAINT_BYTES - HEADERS);
        let content = Packet::with_content(quoted.into_parts());
        // From the address that it was sent to, if that is ours.
        let source = Some(IpAddr::V4(header.destination)).filter(|own| self.is_local(*own));
        let options = Options { source, traffic_class: 0xc0, ..Options::default() };
        self.send_icmp(now, header.source, &options, message, content);
    }

    /// Whether there were not too many complaints lately; this is one more.
    pub(super) fn may_complain(&mut self, now: Instant, of: Counted) -> bool {
        let may = self.limit.take(now, self.settings.icmp_per_second);
        if !may {
            self.drop_of(of, Dropped::Limited);
        }
        may
    }

    pub(super) fn complain_of_reassembly(&mut self, now: Instant, expired: Expired<Ipv4>) {
        let mut original = expired.content;
        expired.header.emit(&mut original);
        let arrived = Arrived { interface: super::LOOPBACK, is_for_many: false, original };
        self.complain(now, &arrived, &Message::ReassemblyTimeExceeded);
    }

    /// The next hop of a packet does not answer. Its sender is told; if that is ourselves, so is the socket.
    pub(super) fn complain_of_unresolved(&mut self, now: Instant, packet: Packet) {
        self.drop_packet(Dropped::Unresolved);
        let arrived = Arrived { interface: super::LOOPBACK, is_for_many: false, original: packet };
        self.complain(now, &arrived, &Message::Unreachable(Unreachable::Host));
    }
}
