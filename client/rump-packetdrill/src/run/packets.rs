//! Packets that come, and packets that are expected.

use super::{BEGIN, Captured, PATIENCE, Runner, Step, Stop};
use crate::conversation::{Conversation, Transport};
use crate::dialogue::difference;
use crate::icmp;
use crate::report::Failure;
use crate::script::{Body, Class, Direction, Icmp, IpInfo, Packet, Quoted, Segment, TcpOption, When, flag};
use crate::wire::{Content, Datagram, WireSegment};
use std::time::Duration;

/// The time to live of packets that come, unless the script says another.
const TTL: u8 = 255;

impl Runner<'_> {
    /// A packet comes.
    pub(super) fn inject(&mut self, packet: &Packet) -> Step {
        let content = match &packet.body {
            Body::Tcp(segment) => {
                let index = self.receiver_of(segment);
                Content::Tcp(self.conversations[index].incoming(segment))
            }
            Body::Udp { ports, length } => {
                let (remote, local) = ports.unwrap_or_else(|| self.datagram_ports());
                self.talk(Transport::Udp, local, remote);
                Content::Udp { ports: (remote, local), payload: crate::wire::content(0, (*length).into()) }
            }
            Body::Icmp(icmp) => self.message(icmp)?,
        };
        let class = match packet.ip.class {
            Some(Class::Ecn(bits)) => bits,
            Some(Class::All(class)) => class,
            _ => 0,
        };
        let datagram = Datagram {
            source: self.settings.remote(),
            destination: self.settings.local(),
            class,
            ttl: packet.ip.ttl.unwrap_or(TTL),
            flow_label: packet.ip.flow_label.unwrap_or(0),
            content,
        };
        let bytes = datagram.emit();
        if bytes.len() > usize::from(u16::MAX) {
            return Err(self.fail("the packet is longer than one of IP may be"));
        }
        self.say(packet.to_string());
        self.tunnel.inject(bytes);
        self.settle()
    }

    /// Whom a segment is for.
    fn receiver_of(&mut self, segment: &Segment) -> usize {
        if let Some((remote, local)) = segment.ports {
            let index = self.talk(Transport::Tcp, local, remote);
            self.conversations[index].is_passive |= segment.flags & (flag::SYN | flag::ACK) == flag::SYN;
            return index;
        }
        let current = self.current.filter(|index| self.conversations[*index].transport == Transport::Tcp);
        let is_syn = segment.flags & (flag::SYN | flag::ACK | flag::RST) == flag::SYN;
        let is_again = |conversation: &Conversation| {
            conversation.is_passive
                && !conversation.is_made
                && conversation.remote_initial == Some(segment.start)
        };
        let listening = self.open.values().find(|open| open.listens).map(|open| open.fd);
        let port = listening.and_then(|fd| self.port_of(fd));
        match (current, port.filter(|_| is_syn)) {
            (Some(index), Some(_)) if is_again(&self.conversations[index]) => index,
            (Some(index), None) => index,
            (_, port) => {
                let remote_port = self.next_port;
                self.next_port = self.next_port.wrapping_add(1);
                let index = self.talk(Transport::Tcp, port.unwrap_or(self.settings.bind_port), remote_port);
                self.conversations[index].is_passive = true;
                index
            }
        }
    }

    /// From and to which port datagrams come: those of the pair that was talked with last.
    fn datagram_ports(&self) -> (u16, u16) {
        let last = self.conversations.iter().rev().find(|pair| pair.transport == Transport::Udp);
        last.map_or((self.settings.connect_port, self.settings.bind_port), |pair| {
            (pair.remote_port, pair.local_port)
        })
    }

    /// A message of ICMP for the wire. Errors: names that are not known.
    fn message(&self, icmp: &Icmp) -> Step<Content> {
        let is_v4 = self.settings.local().is_ipv4();
        let kind = icmp::numbers(is_v4, &icmp.kind, icmp.code.as_deref()).map_err(Stop::Skipped)?;
        let mut word = [0; 4];
        if let Some(mtu) = icmp.mtu {
            word = mtu.to_be_bytes();
        }
        if let Some(identifier) = icmp.identifier {
            word[..2].copy_from_slice(&identifier.to_be_bytes());
        }
        if icmp.kind.starts_with("echo") {
            return Ok(Content::Icmp { kind, word, payload: Vec::new() });
        }
        let quoted = icmp.quoted.unwrap_or(Quoted::Tcp { start: 0, length: 0 });
        let content = self.quoted(quoted);
        let datagram = Datagram {
            source: self.settings.local(),
            destination: self.settings.remote(),
            class: 0,
            ttl: TTL,
            flow_label: 0,
            content,
        };
        // As much as routers must quote: eight bytes behind the header of IP.
        let mut payload = datagram.emit();
        payload.truncate(if is_v4 { 28 } else { 48 });
        Ok(Content::Icmp { kind, word, payload })
    }

    /// What the kernel sent that a message is about.
    fn quoted(&self, quoted: Quoted) -> Content {
        match quoted {
            Quoted::Udp { length } => {
                let (remote, local) = self.datagram_ports();
                Content::Udp { ports: (local, remote), payload: crate::wire::content(0, length.into()) }
            }
            Quoted::Tcp { start, length } => {
                let is_tcp = |conversation: &&Conversation| conversation.transport == Transport::Tcp;
                let current = self.current.map(|index| &self.conversations[index]).filter(is_tcp);
                let (ports, sequence) = current.map_or(((0, 0), start), |conversation| {
                    ((conversation.local_port, conversation.remote_port), conversation.to_wire(start))
                });
                let payload = vec![0; length.into()];
                Content::Tcp(WireSegment { ports, sequence, payload, ..WireSegment::default() })
            }
        }
    }

    /// A packet of the kernel's in the language of scripts, and the connection that it belongs to.
    pub(super) fn translated(
        &self,
        datagram: &Datagram,
        expected: Option<&Packet>,
    ) -> (Packet, Option<usize>) {
        let ip = IpInfo {
            class: Some(Class::All(datagram.class))
                .filter(|class| *class != Class::All(0) || expected.is_some()),
            ttl: Some(datagram.ttl).filter(|_| expected.is_some()),
            flow_label: Some(datagram.flow_label).filter(|_| expected.is_some() && datagram.source.is_ipv6()),
        };
        let (body, index) = match &datagram.content {
            Content::Tcp(segment) => {
                let index = self.find(Transport::Tcp, segment.ports);
                let mut shown = match index {
                    Some(index) => self.conversations[index].outgoing(segment),
                    None => Conversation::new(Transport::Tcp, 0, 0).outgoing(segment),
                };
                let mentions = matches!(expected.map(|packet| &packet.body), Some(Body::Tcp(known)) if known.ports.is_some());
                if index.is_some() && !mentions {
                    shown.ports = None;
                }
                (Body::Tcp(shown), index)
            }
            Content::Udp { ports, payload } => {
                let body = Body::Udp { ports: Some(*ports), length: payload.len() as u16 };
                (body, self.find(Transport::Udp, *ports))
            }
            Content::Icmp { kind, word, payload } => {
                let (index, icmp) = self.told(*kind, *word, payload, datagram.source.is_ipv4());
                (Body::Icmp(icmp), index)
            }
        };
        (Packet { direction: Direction::Out, ip, body }, index)
    }

    fn find(&self, transport: Transport, (local, remote): (u16, u16)) -> Option<usize> {
        self.conversations.iter().rposition(|conversation| {
            conversation.transport == transport
                && (conversation.local_port, conversation.remote_port) == (local, remote)
        })
    }

    /// What a message of the kernel's says.
    fn told(&self, kind: (u8, u8), word: [u8; 4], payload: &[u8], is_v4: bool) -> (Option<usize>, Icmp) {
        let (name, code) = icmp::names(is_v4, kind);
        let is_echo = name.starts_with("echo");
        let number = u32::from_be_bytes(word);
        let header = if is_v4 { payload.first().map_or(0, |first| usize::from(first & 0xf) * 4) } else { 40 };
        let inner = payload.get(header..).unwrap_or_default();
        let half = |at: usize| inner.get(at..at + 2).map_or(0, |half| u16::from_be_bytes([half[0], half[1]]));
        let protocol = payload.get(if is_v4 { 9 } else { 6 }).copied();
        // What came is quoted: the first port is the other side's.
        let ports = (half(2), half(0));
        let (quoted, index) = match protocol.filter(|_| !is_echo) {
            Some(17) => {
                let quoted = Quoted::Udp { length: half(4).saturating_sub(8) };
                (Some(quoted), self.find(Transport::Udp, ports))
            }
            Some(6) => {
                let start = u32::from(half(4)) << 16 | u32::from(half(6));
                (Some(Quoted::Tcp { start, length: 0 }), self.find(Transport::Tcp, ports))
            }
            _ => (None, None),
        };
        let icmp = Icmp {
            kind: name,
            code,
            mtu: (number != 0 && !is_echo).then_some(number),
            identifier: is_echo.then_some((number >> 16) as u16),
            quoted,
        };
        (index, icmp)
    }

    /// A packet is expected.
    pub(super) fn expect(&mut self, packet: &Packet, time: When) -> Step {
        let (earliest, latest, since) = match time {
            When::At(at) => (BEGIN + at, BEGIN + at, (BEGIN + at).saturating_sub(self.last)),
            When::After(after) => (self.last + after, self.last + after, after),
            When::Between(from, to) => (BEGIN + from, BEGIN + to, Duration::ZERO),
            When::AfterBetween(from, to) => (self.last + from, self.last + to, Duration::ZERO),
            When::Whenever => (Duration::ZERO, self.last + PATIENCE, Duration::ZERO),
        };
        let tolerance = self.settings.tolerance_of(since);
        let limit = latest + tolerance;
        let captured = loop {
            self.settle()?;
            if let Some(captured) = self.take_expected(packet) {
                break captured;
            }
            let next = self.kernel.poll_network();
            self.settle()?;
            let now = self.now();
            if self.captured.iter().any(|captured| self.is_candidate(&captured.datagram, packet)) {
                continue;
            }
            match next.filter(|next| *next <= limit) {
                Some(next) => self.host.advance(next.saturating_sub(now).max(Duration::from_nanos(1))),
                None => return Err(self.missing(packet)),
            }
        };
        let (at, datagram) = (captured.at, captured.datagram);
        self.compare(packet, &datagram)?;
        if at + tolerance < earliest || at > limit {
            let when = |at: Duration| at.as_secs_f64() - BEGIN.as_secs_f64();
            let what = if earliest == latest {
                format!("timing: expected at {:.6}, happened at {:.6}", when(earliest), when(at))
            } else {
                format!(
                    "timing: expected between {:.6} and {:.6}, happened at {:.6}",
                    when(earliest),
                    when(latest),
                    when(at)
                )
            };
            return Err(self.unlike(what, packet, &datagram));
        }
        self.last = if earliest == latest { earliest } else { at };
        // What follows is not before what was seen.
        self.advance_to(self.last.max(self.now()))
    }

    fn missing(&self, packet: &Packet) -> Stop {
        let what = "the packet was not sent".to_string();
        let actual =
            self.captured.front().map(|captured| self.translated(&captured.datagram, None).0.to_string());
        Stop::Failed(Failure { line: self.line, what, expected: Some(packet.to_string()), actual })
    }

    fn unlike(&self, what: String, expected: &Packet, actual: &Datagram) -> Stop {
        let (actual, _) = self.translated(actual, Some(expected));
        let actual = Packet { ip: IpInfo { ttl: expected.ip.ttl.and(actual.ip.ttl), ..actual.ip }, ..actual };
        let (expected, actual) = (Some(expected.to_string()), Some(actual.to_string()));
        Stop::Failed(Failure { line: self.line, what, expected, actual })
    }

    /// Whether a packet may be the one that is expected, right or wrong: of the same connection.
    fn is_candidate(&self, datagram: &Datagram, expected: &Packet) -> bool {
        match (&datagram.content, &expected.body) {
            (Content::Tcp(actual), Body::Tcp(segment)) => match (segment.ports, self.current) {
                (Some(ports), _) => ports == actual.ports,
                (None, Some(index)) if self.conversations[index].transport == Transport::Tcp => {
                    let conversation = &self.conversations[index];
                    (conversation.local_port, conversation.remote_port) == actual.ports
                }
                _ => true,
            },
            (Content::Udp { .. }, Body::Udp { .. }) | (Content::Icmp { .. }, Body::Icmp(_)) => true,
            _ => false,
        }
    }

    /// The next packet of the connection; segments that follow each other are one, if so much is expected.
    fn take_expected(&mut self, expected: &Packet) -> Option<Captured> {
        let position =
            self.captured.iter().position(|captured| self.is_candidate(&captured.datagram, expected));
        let mut first = self.captured.remove(position?)?;
        let wanted = match &expected.body {
            Body::Tcp(segment) if !self.settings.strict => usize::from(segment.length),
            _ => 0,
        };
        while let Content::Tcp(segment) = &mut first.datagram.content {
            let end = segment.sequence.wrapping_add(segment.payload.len() as u32);
            let missing = wanted.saturating_sub(segment.payload.len());
            let is_next = |captured: &Captured| match &captured.datagram.content {
                Content::Tcp(next) => {
                    next.ports == segment.ports
                        && next.sequence == end
                        && next.ack == segment.ack
                        && (1..=missing).contains(&next.payload.len())
                }
                _ => false,
            };
            let Some(at) = self.captured.iter().position(is_next).filter(|_| !segment.payload.is_empty())
            else {
                break;
            };
            if let Some(Captured { datagram: Datagram { content: Content::Tcp(next), .. }, .. }) =
                self.captured.remove(at)
            {
                segment.flags |= next.flags;
                segment.payload.extend(next.payload);
            }
        }
        Some(first)
    }

    fn compare(&mut self, expected: &Packet, datagram: &Datagram) -> Step {
        if let (Content::Tcp(actual), Body::Tcp(segment)) = (&datagram.content, &expected.body) {
            if actual.flags & segment.flags & flag::SYN != 0 {
                if let Some(index) = self.find(Transport::Tcp, actual.ports) {
                    self.conversations[index].note_syn(actual.sequence, segment.start);
                }
            }
        }
        if datagram.source != self.settings.local() || datagram.destination != self.settings.remote() {
            return Err(self.unlike("the addresses are others".into(), expected, datagram));
        }
        let (packet, index) = self.translated(datagram, Some(expected));
        if let Some(field) = difference(expected, &packet, self.settings.ignored) {
            return Err(self.unlike(format!("another {field}"), expected, datagram));
        }
        let (Content::Tcp(actual), Body::Tcp(segment), Some(index)) =
            (&datagram.content, &expected.body, index)
        else {
            return Ok(());
        };
        self.current = Some(index);
        if !self.conversations[index].has_good_content(actual) {
            return Err(self.unlike("other bytes than were written".into(), expected, datagram));
        }
        self.compare_timestamps(index, segment, actual).map_err(|what| self.unlike(what, expected, datagram))
    }

    fn compare_timestamps(
        &mut self,
        index: usize,
        expected: &Segment,
        actual: &WireSegment,
    ) -> Result<(), String> {
        let value = |options: &[TcpOption]| {
            options.iter().find_map(|option| match option {
                TcpOption::Timestamps(value, _) => Some(*value),
                _ => None,
            })
        };
        let script = expected.options.as_deref().and_then(value).filter(|value| *value != 0);
        let Some(script) = script else { return Ok(()) };
        let Some(wire) = value(&actual.options) else { return Ok(()) };
        let conversation = &mut self.conversations[index];
        let tick = self.settings.timestamp_tick;
        if let Some(counted) = conversation.timestamp_to_script(wire).filter(|_| !tick.is_zero()) {
            let tolerance = self.settings.tolerance.div_duration_f64(tick).ceil() as u32;
            if counted.abs_diff(script) > tolerance {
                return Err(format!("another timestamp: the clock says {counted}"));
            }
        }
        conversation.note_timestamp(script, wire);
        Ok(())
    }
}
