//! The part of the script that is about IPv6, and about groups of both versions.

use super::{MacAddress, OUR_HARDWARE, PORT, Script, THEIR_HARDWARE};
use bytes::Bytes;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use rump_kpi::packet::{Checksum, Packet};
use rumpnet_inet::address::{Prefix, Version, solicited_node};
use rumpnet_inet::sockets::SourceChange;
use rumpnet_inet::wire;
use rumpnet_inet::wire::checksum::{self, pseudo_v6};
use rumpnet_inet::wire::ethernet::{EtherType, Frame};
use rumpnet_inet::wire::extension::{FragmentHeader, skip_to_transport};
use rumpnet_inet::wire::group::{Age, Query, plain};
use rumpnet_inet::wire::icmpv6;
use rumpnet_inet::wire::ipv4::{Fragment, Ipv4, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;
use rumpnet_inet::wire::ndp::{self, Message, Preference, PrefixInformation, RouterAdvertisement};
use rumpnet_inet::wire::tcp::Segment;
use rumpnet_inet::wire::udp::Udp;

pub const US: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
pub const THEM: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const OUR_LINK: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const GROUPS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(239, 1, 1, 1)),
    IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(ALL_NODES),
];

impl Script<'_> {
    pub(super) fn step_v6(&mut self, which: u8) {
        match which {
            16 | 17 => self.receive_chain(),
            18 => self.receive_fragment(),
            19 | 20 => self.receive_neighbour(),
            21 => self.receive_advertisement(),
            22 | 23 => self.receive_of_groups(),
            24 => self.receive_datagram_v6(),
            25 | 26 => self.receive_message(),
            27 => self.call_groups(),
            28 => self.configure(),
            29 => self.choose(),
            _ => self.pass_little_time(),
        }
    }

    /// One of the addresses that mean something, or nearly.
    fn address(&mut self) -> Ipv6Addr {
        let bits = self.byte();
        let pool = [US, THEM, OUR_LINK, ROUTER, ALL_NODES, Ipv6Addr::UNSPECIFIED, solicited_node(US)];
        let address = pool[usize::from(bits & 15) % pool.len()];
        let change = if bits & 0x80 == 0 { 0 } else { u128::from(self.word()) << (bits & 0x70) };
        Ipv6Addr::from_bits(address.to_bits() ^ change)
    }

    fn receive_v6(&mut self, header: &Ipv6, mut packet: Packet) {
        header.emit(&mut packet);
        let destination = if header.destination.is_multicast() {
            MacAddress::of_group_v6(header.destination)
        } else {
            OUR_HARDWARE
        };
        Frame { destination, source: THEIR_HARDWARE, ether_type: EtherType::IPV6 }.emit(&mut packet);
        let frame = Packet::received(Bytes::from(packet.to_vec()));
        self.stack.input(self.now, self.interface, frame);
    }

    pub(super) fn receive_transport_v6(&mut self, mut packet: Packet, protocol: Protocol) {
        wire::complete(&mut packet);
        self.receive_v6(&Ipv6::new(THEM, US, protocol, 64), packet);
    }

    /// A sound header, and others that are as sound as the bytes are.
    fn receive_chain(&mut self) {
        let (source, destination, count) = (self.address(), self.address(), self.byte() % 20);
        let mut bytes = Vec::new();
        let kinds = [0_u8, 43, 44, 60, 59, 17, 6, 58, 135];
        let first = kinds[usize::from(self.byte()) % kinds.len()];
        for _ in 0..count {
            let next = kinds[usize::from(self.byte()) % kinds.len()];
            let units = self.byte() % 4;
            let mut header = vec![next, units];
            header.extend_from_slice(self.take(usize::from(units) * 8 + 6));
            header.resize(usize::from(units) * 8 + 8, 0);
            bytes.extend(header);
        }
        let length = usize::from(self.word() % 200);
        bytes.extend_from_slice(self.take(length));
        let hop_limit = self.byte();
        let header = Ipv6::new(source, destination, Protocol(first), hop_limit);
        self.receive_v6(&header, Packet::with_content([Bytes::from(bytes)]));
    }

    fn receive_fragment(&mut self) {
        let (bits, offset, length) = (self.byte(), self.word(), usize::from(self.word() % 1400));
        let content = Bytes::copy_from_slice(self.take(length));
        let mut packet = Packet::with_content([content]);
        let fragment = Fragment { offset: offset & 0x1f8, has_more: bits & 1 != 0 };
        let next_header = Protocol([17, 58, 60, 44][usize::from(bits >> 1 & 3)]);
        let identification = u32::from(bits >> 3 & 7);
        FragmentHeader { next_header, fragment, identification }.emit(&mut packet);
        self.receive_v6(&Ipv6::new(THEM, US, Protocol::FRAGMENT, 64), packet);
    }

    /// A message of ICMPv6 with a right checksum.
    fn receive_icmp(
        &mut self,
        (source, destination): (Ipv6Addr, Ipv6Addr),
        hop_limit: u8,
        kind: u8,
        code: u8,
        rest: &[u8],
    ) {
        let mut packet = Packet::with_content([]);
        let pseudo = |length| pseudo_v6(source, destination, Protocol::ICMPV6, length);
        icmpv6::emit(&mut packet, kind, code, rest, pseudo);
        wire::complete(&mut packet);
        self.receive_v6(&Ipv6::new(source, destination, Protocol::ICMPV6, hop_limit), packet);
    }

    fn options(&mut self) -> ndp::Options {
        let bits = self.byte();
        let hardware = MacAddress([2, 0, 0, 0, 0, bits >> 4]);
        let lifetime = Duration::from_secs((bits & 7).into());
        let server = |last: u8| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into());
        ndp::Options {
            source: (bits & 1 != 0).then_some(hardware),
            target: (bits & 2 != 0).then_some(hardware),
            mtu: (bits & 4 != 0).then(|| self.word().into()),
            nonce: (bits & 8 != 0).then_some([bits; 6]),
            prefixes: Vec::new(),
            servers: (0..bits >> 6).map(|last| (server(last), Some(lifetime))).collect(),
            domains: (bits & 0x20 != 0).then(|| ("example.org".into(), Some(lifetime))).into_iter().collect(),
        }
    }

    fn receive_neighbour(&mut self) {
        let (source, destination, target, bits) =
            (self.address(), self.address(), self.address(), self.byte());
        let message = match bits % 4 {
            0 => Message::NeighbourSolicitation { target },
            1 => Message::RouterSolicitation,
            2 => Message::Redirect { target, destination: self.address() },
            _ => Message::NeighbourAdvertisement {
                target,
                is_router: bits & 4 != 0,
                is_solicited: bits & 8 != 0,
                overrides: bits & 16 != 0,
            },
        };
        let (kind, mut rest) = message.emit(&self.options());
        let length = usize::from(bits >> 5);
        rest.extend_from_slice(self.take(length));
        self.receive_icmp((source, destination), 255, kind, 0, &rest);
    }

    fn receive_advertisement(&mut self) {
        let (router, bits, lifetime) = (self.address(), self.byte(), self.word());
        let preference = [Preference::Low, Preference::Medium, Preference::High][usize::from(bits) % 3];
        let told = RouterAdvertisement {
            hop_limit: self.byte(),
            managed: false,
            other: false,
            preference,
            lifetime: Duration::from_secs(lifetime.into()),
            reachable: Duration::from_millis(self.word().into()),
            retransmit: Duration::from_millis(self.word().into()),
        };
        let mut options = self.options();
        for _ in 0..bits >> 5 {
            let (length, flags, valid, preferred) = (self.byte(), self.byte(), self.word(), self.word());
            let time = |seconds: u16| (seconds != 0xffff).then(|| Duration::from_secs(seconds.into()));
            let prefix = Prefix::new(self.address(), if flags & 4 == 0 { 64 } else { length });
            options.prefixes.push(PrefixInformation {
                prefix,
                on_link: flags & 1 != 0,
                autonomous: flags & 2 != 0,
                valid: time(valid),
                preferred: time(preferred),
            });
        }
        let (kind, rest) = Message::RouterAdvertisement(told).emit(&options);
        self.receive_icmp((router, ALL_NODES), 255, kind, 0, &rest);
    }

    fn receive_of_groups(&mut self) {
        let (bits, response, robustness) = (self.byte(), self.word(), self.byte());
        let group = GROUPS[usize::from(bits) % 4];
        let version = Version::of(group);
        let group = if bits & 4 == 0 { group } else { version.unspecified() };
        let sources = (0..bits >> 5).map(|last| source(version, last)).collect();
        let age = [Age::First, Age::Second, Age::Third][usize::from(bits >> 3) % 3];
        let query =
            Query { age, response: Duration::from_millis(response.into()), group, sources, robustness };
        let report = plain(if version == Version::V4 { 0x16 } else { 131 }, group);
        let mut bytes = if response & 1 == 0 { query.emit(version) } else { report };
        if version == Version::V6 {
            return self.receive_icmp((ROUTER, ALL_NODES), 1, bytes[0], bytes[1], &bytes[4..]);
        }
        let sum = checksum::of(&bytes).to_be_bytes();
        bytes[2..4].copy_from_slice(&sum);
        let mut packet = Packet::with_content([Bytes::from(bytes)]);
        Ipv4::new(super::THEM, Ipv4Addr::new(224, 0, 0, 1), Protocol::IGMP, 1).emit(&mut packet);
        self.receive(packet, EtherType::IPV4);
    }

    fn receive_datagram_v6(&mut self) {
        let (source, length) = (self.word(), usize::from(self.word() % 1400));
        let mut packet = Packet::with_content([Bytes::copy_from_slice(self.take(length))]);
        let ports = Udp { source, destination: PORT };
        ports.emit(&mut packet, |length| pseudo_v6(THEM, US, Protocol::UDP, length));
        self.receive_transport_v6(packet, Protocol::UDP);
    }

    /// An echo, or a complaint about something that was sent, or might have been.
    fn receive_message(&mut self) {
        let (kind, code, word) = (self.byte(), self.byte(), self.word());
        let id = self.stream();
        let ports =
            self.stack.tcp.find(id).map_or((PORT, PORT, 0), |pcb| {
                (pcb.local.port(), pcb.remote.port(), pcb.send.unacknowledged.0)
            });
        let mut quoted = Packet::with_content([Bytes::copy_from_slice(self.take(20))]);
        let head = quoted.prepend(8);
        head[..2].copy_from_slice(&ports.0.to_be_bytes());
        head[2..4].copy_from_slice(&ports.1.to_be_bytes());
        head[4..].copy_from_slice(&ports.2.to_be_bytes());
        let protocol = if code & 1 == 0 { Protocol::TCP } else { Protocol::UDP };
        Ipv6::new(US, THEM, protocol, 64).emit(&mut quoted);
        let kind = if kind & 1 == 0 { kind >> 1 & 7 } else { kind };
        let rest = [&[0, 0], &word.to_be_bytes()[..], &quoted.to_vec()].concat();
        let (from, to) = (self.address(), self.address());
        self.receive_icmp((from, to), 64, kind, code >> 4, &rest);
    }

    fn call_groups(&mut self) {
        let (id, bits) = (self.datagram(), self.byte());
        let group = GROUPS[usize::from(bits) % 4];
        let source = source(Version::of(group), self.byte());
        let on = (bits & 4 == 0).then_some(self.interface);
        let change = match bits >> 3 & 7 {
            0 => {
                let _ = self.stack.join(id, group, on);
                return;
            }
            1 => {
                let _ = self.stack.leave(id, group, on);
                return;
            }
            2 | 3 => SourceChange::Add(source),
            4 => SourceChange::Drop(source),
            5 => SourceChange::Unblock(source),
            _ => SourceChange::Block(source),
        };
        let _ = self.stack.change_source(id, group, on, change);
    }

    fn configure(&mut self) {
        let (bits, address, mtu) = (self.byte(), self.address(), self.word());
        let on = self.interface;
        let _ = match bits % 6 {
            0 => self.stack.set_up(on, bits & 8 != 0),
            1 => self.stack.add_address_v6(on, address, bits),
            2 => self.stack.remove_address_v6(on, address),
            3 => self.stack.set_mtu(on, u32::from(mtu) % 1501),
            4 => self.stack.add_address(on, Ipv4Addr::new(192, 0, 2, bits), 24),
            _ => self.stack.remove_address(on, Ipv4Addr::new(192, 0, 2, bits)),
        };
    }

    fn choose(&mut self) {
        let bits = self.word();
        let is = |bit: u16| bits & 1 << bit != 0;
        let settings = &mut self.stack.settings;
        (settings.forwarding, settings.forwarding_v6) = (is(0), is(1));
        (settings.accepts_redirects, settings.accepts_redirects_v6) = (is(2), !is(3));
        (settings.accepts_advertisements, settings.answers_broadcast_echo) = (!is(4), is(5));
        settings.identifiers = if is(6) {
            rumpnet_inet::stack::Identifiers::Opaque
        } else {
            rumpnet_inet::stack::Identifiers::Hardware
        };
        (settings.claims_v6, settings.claims_v4) = ((bits >> 8 & 3) as u8, (bits >> 10 & 3) as u8);
        let id = self.datagram();
        if let Ok(socket) = self.stack.sockets.find_mut(id) {
            (socket.options.has_header, socket.options.dont_fragment) = (is(12), is(13));
            socket.options.checksum_at = is(14).then_some(bits & 0xff & !1);
        }
    }

    fn pass_little_time(&mut self) {
        let milliseconds = self.byte();
        self.now += Duration::from_millis(milliseconds.into());
        self.stack.poll(self.now);
    }
}

fn source(version: Version, last: u8) -> IpAddr {
    match version {
        Version::V4 => Ipv4Addr::new(192, 0, 2, last).into(),
        Version::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 1, last.into()).into(),
    }
}

/// What was sent can be read; `packet` begins with the header of IPv6.
pub fn check(mut packet: Packet) {
    let header = Ipv6::take(&mut packet).expect("a packet");
    packet.checksum = Checksum::Unknown;
    let is_part = header.next_header == Protocol::FRAGMENT;
    let Some(transport) = skip_to_transport(header.next_header, &mut packet).filter(|_| !is_part) else {
        return;
    };
    let pseudo = |length| pseudo_v6(header.source, header.destination, transport, length);
    match transport {
        Protocol::TCP => drop(Segment::take(&mut packet, pseudo).expect("a segment")),
        Protocol::UDP => drop(Udp::take(&mut packet, pseudo).expect("a datagram")),
        Protocol::ICMPV6 => icmpv6::check(&packet, pseudo).expect("a message"),
        _ => {}
    }
}
