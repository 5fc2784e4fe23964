//! Connections that others begin (RFC 9293, section 3.10.7.2), and segments that nobody waits for.

use super::cookies::{self, Beginning};
use super::ecn::{Mark, Use};
use super::header::scale_for;
use super::input::{Arriving, Effect};
use super::pcb::{DEFAULT_SEGMENT, Listener, Pcb, State};
use super::seq::SeqNumber;
use super::table::TcpId;
use crate::address;
use crate::stack::{Options, Stack};
use crate::time::Instant;
use crate::wire::tcp::{self, Flags, Segment};
use core::net::SocketAddr;
use core::time::Duration;
use rump_kpi::netbsd::statistics::*;
use rump_kpi::packet::Packet;

/// Connections that are begun and not made, for each that a listener lets wait.
const BEGUN_FACTOR: usize = 4;
/// How long cookies are believed after the last was given.
const COOKIES_LIVE: Duration = Duration::from_secs(128);

/// Between whom.
type Ends = (SocketAddr, SocketAddr);

fn options_to(local: SocketAddr, remote: SocketAddr) -> Options {
    Options { source: Some(local.ip()), interface: address::zone(remote), ..Options::default() }
}

impl Listener {
    /// One that lets so many wait.
    pub(super) fn new(backlog: usize) -> Self {
        Self { backlog: backlog.clamp(1, 65_535), ..Self::default() }
    }

    /// No more can wait: who asks is not answered, and asks again.
    fn is_full(&self) -> bool {
        self.made.len() > self.backlog
    }

    fn is_flooded(&self) -> bool {
        self.begun.len() >= self.backlog.saturating_mul(BEGUN_FACTOR)
    }
}

impl Stack {
    /// A segment for one that listens.
    pub(super) fn input_listen(&mut self, now: Instant, id: TcpId, ends: Ends, arriving: Arriving) {
        let segment = &arriving.segment;
        if segment.flags.contains(Flags::RST) {
            return;
        }
        let (cookies_on, ecn) = (self.settings.tcp.cookies, self.settings.tcp.ecn);
        let Some(listener) = self.tcp.find_mut(id).ok().and_then(|pcb| pcb.listener.as_mut()) else { return };
        if segment.flags.contains(Flags::ACK) {
            let is_fresh =
                listener.cookie_given.is_some_and(|given| now.saturating_sub(given) < COOKIES_LIVE);
            let is_full = listener.is_full();
            if !is_fresh || segment.flags.contains(Flags::SYN) {
                return self.refuse(now, ends, segment, arriving.content.len());
            }
            if !is_full {
                self.input_cookie(now, id, ends, arriving);
            }
            return;
        }
        if !segment.flags.contains(Flags::SYN) || listener.is_full() {
            return;
        }
        if listener.is_flooded() {
            if cookies_on {
                listener.cookie_given = Some(now);
                return self.give_cookie(now, id, ends, segment, ecn);
            }
            if let Some(oldest) = listener.begun.pop_first() {
                self.tcp.remove(oldest);
            }
        }
        let Some(child) = self.begin_child(id, ends) else { return };
        let initial = self.tcp.initial_number(now, ends.0, ends.1);
        if !self.number_child(child, ends, initial) {
            return;
        }
        if let Ok(pcb) = self.tcp.find_mut(child) {
            pcb.take_syn(now, segment);
        }
        if let Some(listener) = self.tcp.find_mut(id).ok().and_then(|pcb| pcb.listener.as_mut()) {
            listener.begun.insert(child);
        }
        self.run(now, child, |_| (None, Effect::default()));
    }

    /// A connection of one that listens, with all that was chosen for that.
    fn begin_child(&mut self, id: TcpId, (local, remote): Ends) -> Option<TcpId> {
        let listening = self.tcp.find(id).ok()?;
        let mut pcb = Pcb::new(listening.version);
        pcb.choices = listening.choices;
        pcb.limits = listening.limits;
        pcb.ecn.wanted = self.settings.tcp.ecn;
        (pcb.state, pcb.parent, pcb.is_held) = (State::SynReceived, Some(id), false);
        let child = self.tcp.add(pcb);
        if self.tcp.connect(child, local, remote).is_err() {
            self.tcp.remove(child);
            return None;
        }
        Some(child)
    }

    /// Answers whether there is a way to the other side; without, the connection is gone.
    fn number_child(&mut self, child: TcpId, (local, remote): Ends, initial: SeqNumber) -> bool {
        let path = self.path(remote.ip(), &options_to(local, remote));
        let mtu = path.map(|path| (path.mtu, self.link_mtu(&path)));
        match (mtu, self.tcp.find_mut(child)) {
            (Ok((mtu, link)), Ok(pcb)) => {
                pcb.begin(initial, mtu, link);
                true
            }
            _ => {
                self.tcp.remove(child);
                false
            }
        }
    }

    /// Answers a SYN without remembering it.
    fn give_cookie(&mut self, now: Instant, id: TcpId, (local, remote): Ends, segment: &Segment, ecn: Use) {
        let path_options = options_to(local, remote);
        let (Ok(path), Ok(pcb)) = (self.path(remote.ip(), &path_options), self.tcp.find(id)) else { return };
        let offered = &pcb.choices.agreed(&segment.options);
        let beginning = Beginning { local, remote, initial: segment.sequence };
        let size = offered.maximum_segment_size.unwrap_or(DEFAULT_SEGMENT as u16);
        let has_ecn = ecn != Use::Off
            && offered.timestamps.is_some()
            && segment.flags.contains(Flags::ECE | Flags::CWR);
        let own = pcb.longest_segment(remote, self.link_mtu(&path)).min(u16::MAX.into()) as u16;
        let has_clock = offered.timestamps.is_some();
        let answer = Segment {
            source: local.port(),
            destination: remote.port(),
            sequence: self.tcp.cookies().bake(now, &beginning, size),
            acknowledgment: segment.sequence + 1,
            flags: Flags::SYN | Flags::ACK | if has_ecn { Flags::ECE } else { Flags::empty() },
            window: pcb.choices.receive_bytes.min(u16::MAX.into()) as u16,
            urgent: 0,
            options: tcp::Options {
                maximum_segment_size: Some(own),
                window_scale: offered
                    .window_scale
                    .filter(|_| has_clock)
                    .map(|_| scale_for(pcb.largest_receive_buffer())),
                sack_permitted: has_clock && offered.sack_permitted,
                sack: alloc::vec::Vec::new(),
                timestamps: offered
                    .timestamps
                    .map(|(value, _)| (cookies::stamp(now, offered, has_ecn), value)),
            },
        };
        self.emit_segment(now, &path, &path_options, &answer, Packet::with_content([]), None);
    }

    /// Somebody acknowledges what may be a cookie.
    fn input_cookie(&mut self, now: Instant, id: TcpId, ends: Ends, arriving: Arriving) {
        let segment = &arriving.segment;
        let initial = SeqNumber(segment.sequence.0.wrapping_sub(1));
        let cookie = SeqNumber(segment.acknowledgment.0.wrapping_sub(1));
        let beginning = Beginning { local: ends.0, remote: ends.1, initial };
        let Some(size) = self.tcp.cookies().taste(now, &beginning, cookie) else {
            return self.refuse(now, ends, segment, arriving.content.len());
        };
        let offer = cookies::offered(size, segment.options.timestamps.map(|(_, echo)| echo));
        let Some(child) = self.begin_child(id, ends) else { return };
        if !self.number_child(child, ends, cookie) {
            return;
        }
        let Ok(pcb) = self.tcp.find_mut(child) else { return };
        let ecn = if offer.ecn { Flags::ECE | Flags::CWR } else { Flags::empty() };
        let syn = Segment {
            sequence: initial,
            flags: Flags::SYN | ecn,
            options: tcp::Options {
                maximum_segment_size: Some(offer.segment),
                window_scale: offer.scale,
                sack_permitted: offer.sack,
                ..segment.options.clone()
            },
            ..segment.clone()
        };
        pcb.take_syn(now, &syn);
        (pcb.send.next, pcb.send.highest) = (cookie + 1, cookie + 1);
        let told = (pcb.receive_window()).min(u16::MAX.into());
        pcb.receive.advertised = pcb.receive.next + told;
        self.run(now, child, |pcb| (None, pcb.input(now, arriving)));
    }

    /// A connection is made: its listener has one more.
    pub(super) fn made(&mut self, id: TcpId) {
        self.counters.count(Counted::Tcp, TCP_STAT_CONNECTS);
        let Some(parent) = self.tcp.find(id).ok().and_then(|pcb| pcb.parent) else { return };
        self.counters.count(Counted::Tcp, TCP_STAT_ACCEPTS);
        if let Some(listener) = self.tcp.find_mut(parent).ok().and_then(|pcb| pcb.listener.as_mut()) {
            listener.begun.remove(&id);
            listener.made.push_back(id);
            self.tcp.wake(parent);
        }
    }

    /// There is no such connection (RFC 9293, section 3.10.7.1).
    pub(super) fn refuse(&mut self, now: Instant, (local, remote): Ends, segment: &Segment, length: usize) {
        if segment.flags.contains(Flags::RST) {
            return;
        }
        let has_ack = segment.flags.contains(Flags::ACK);
        let length = length as u32
            + u32::from(segment.flags.contains(Flags::SYN))
            + u32::from(segment.flags.contains(Flags::FIN));
        let reset = Segment {
            source: local.port(),
            destination: remote.port(),
            sequence: if has_ack { segment.acknowledgment } else { SeqNumber(0) },
            acknowledgment: if has_ack { SeqNumber(0) } else { segment.sequence + length },
            flags: if has_ack { Flags::RST } else { Flags::RST | Flags::ACK },
            window: 0,
            urgent: 0,
            options: tcp::Options::default(),
        };
        let options = options_to(local, remote);
        let Ok(path) = self.path(remote.ip(), &options) else { return };
        self.emit_segment(now, &path, &options, &reset, Packet::with_content([]), None);
    }

    /// Takes a segment. Errors: it is malformed.
    pub(crate) fn input_tcp(
        &mut self,
        now: Instant,
        header: &crate::wire::ip::IpHeader,
        interface: crate::interface::InterfaceId,
        mut packet: Packet,
    ) -> Result<(), crate::wire::Malformed> {
        use crate::address::endpoint;
        use crate::wire::checksum::pseudo;
        use crate::wire::ipv4::Protocol;
        let (source, destination) = (header.source, header.destination);
        let segment =
            Segment::take(&mut packet, |length| pseudo(source, destination, Protocol::TCP, length))?;
        let remote = endpoint(source, segment.source, interface);
        let local = endpoint(destination, segment.destination, interface);
        let ends = (local, remote);
        self.reuse(&segment, local, remote);
        let receiver = self.tcp.receiver(local, remote);
        let found = receiver.and_then(|id| Some((id, self.tcp.find(id).ok()?)));
        let Some((id, pcb)) = found.filter(|(_, pcb)| pcb.state != State::Closed) else {
            self.counters.count(Counted::Tcp, TCP_STAT_NOPORT);
            self.refuse(now, ends, &segment, packet.len());
            return Ok(());
        };
        let state = pcb.state;
        let begun = matches!(state, State::SynSent | State::SynReceived);
        let has_ack = segment.flags.contains(Flags::ACK) && !segment.flags.contains(Flags::RST);
        let is_stray = begun && has_ack && segment.acknowledgment != pcb.send.initial + 1;
        let arriving = Arriving { segment, content: packet, mark: Mark::of(header.traffic_class) };
        if state == State::Listen {
            self.input_listen(now, id, ends, arriving);
            return Ok(());
        }
        if is_stray {
            self.refuse(now, ends, &arriving.segment, arriving.content.len());
            return Ok(());
        }
        self.run(now, id, |pcb| (None, pcb.input(now, arriving)));
        Ok(())
    }

    /// A new connection may take the place of one that has ended, if its numbers are higher (RFC 6191; RFC 9293,
    /// section 3.6.1).
    fn reuse(&mut self, segment: &Segment, local: SocketAddr, remote: SocketAddr) {
        let is_syn = segment.flags & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::SYN;
        if !is_syn {
            return;
        }
        let Some(id) = self.tcp.waiting(local, remote) else { return };
        let Ok(pcb) = self.tcp.find(id) else { return };
        let is_newer = match segment.options.timestamps.filter(|_| pcb.timestamps.on) {
            Some((value, _)) => (value.wrapping_sub(pcb.timestamps.recent) as i32) > 0,
            None => segment.sequence.is_after(pcb.receive.next),
        };
        if is_newer {
            match pcb.is_held {
                true => self.gone(id),
                false => drop(self.tcp.remove(id)),
            }
        }
    }
}
