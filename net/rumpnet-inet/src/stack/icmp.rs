//! Messages about packets: what came, and what is sent (RFC 1122, section 3.2.2; RFC 1812, section 4.3).

use super::input::Arrived;
use super::output::Options;
use super::{Dropped, Stack};
use crate::reassembly::Expired;
use crate::time::Instant;
use crate::wire::icmpv4::{Message, Unreachable};
use crate::wire::ipv4::{Ipv4, Protocol};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use rump_kpi::Errno;
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

impl Stack {
    pub(super) fn input_icmp(&mut self, now: Instant, arrived: &Arrived, header: &Ipv4, mut packet: Packet) {
        let message = match Message::take(&mut packet) {
            Ok(message) => message,
            Err(why) => return self.drop_packet(Dropped::Malformed(why)),
        };
        match message {
            Message::EchoRequest { identifier, sequence } => {
                if arrived.is_for_many && !self.settings.answers_broadcast_echo {
                    return self.drop_packet(Dropped::NotForUs);
                }
                let source = if arrived.is_for_many { None } else { Some(header.destination.into()) };
                let options = Options {
                    source,
                    traffic_class: header.traffic_class,
                    may_broadcast: false,
                    ..Options::default()
                };
                self.send_icmp(
                    now,
                    header.source,
                    &options,
                    &Message::EchoReply { identifier, sequence },
                    packet,
                );
            }
            // A router knows a better one; nobody can tell a true one from a false one. It is not followed.
            Message::Redirect { .. } => self.drop_packet(Dropped::NotForUs),
            message if message.is_error() => self.told_of(&message, packet),
            // Replies are for raw sockets, which have got them.
            _ => {}
        }
    }

    /// A complaint about a packet that we sent.
    fn told_of(&mut self, message: &Message, mut packet: Packet) {
        // What is quoted is cut: only its beginning is looked at.
        let Some(quoted) = packet.first(28).map(<[u8]>::to_vec) else { return };
        let header_length = usize::from(quoted[0] & 0xf) * 4;
        let (Ok(source), Ok(destination)) =
            (<[u8; 4]>::try_from(&quoted[12..16]), <[u8; 4]>::try_from(&quoted[16..20]))
        else {
            return;
        };
        if quoted[0] >> 4 != 4 || header_length < 20 || quoted[9] != Protocol::UDP.0 {
            return;
        }
        let Some(bytes) = packet.first(header_length + 4) else { return };
        let port = |at: usize| u16::from_be_bytes([bytes[header_length + at], bytes[header_length + at + 1]]);
        let local = SocketAddr::new(Ipv4Addr::from(source).into(), port(0));
        let remote = SocketAddr::new(Ipv4Addr::from(destination).into(), port(2));
        let errno = match message {
            Message::Unreachable(Unreachable::Port | Unreachable::Protocol) => Errno::ECONNREFUSED,
            Message::Unreachable(Unreachable::TooLong { .. }) => Errno::EMSGSIZE,
            Message::Unreachable(Unreachable::Network) => Errno::ENETUNREACH,
            Message::Unreachable(_) => Errno::EHOSTUNREACH,
            _ => return,
        };
        self.sockets.tell_udp(local, remote, errno);
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
        let Ok(path) = self.path(to.into(), options) else { return self.drop_packet(Dropped::NoRoute) };
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
        if is_complaint || header.fragment.offset != 0 || !is_single {
            return;
        }
        if !self.limit.take(now, self.settings.icmp_per_second) {
            return self.drop_packet(Dropped::Limited);
        }
        quoted.truncate(COMPLAINT_BYTES - HEADERS);
        let content = Packet::with_content(quoted.into_parts());
        // From the address that it was sent to, if that is ours.
        let source = Some(IpAddr::V4(header.destination)).filter(|own| self.is_local(*own));
        let options = Options { source, traffic_class: 0xc0, ..Options::default() };
        self.send_icmp(now, header.source, &options, message, content);
    }

    pub(super) fn complain_of_reassembly(&mut self, now: Instant, expired: Expired) {
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
