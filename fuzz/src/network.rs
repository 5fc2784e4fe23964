//! Bytes as a script for a stack of TCP/IP: what comes from the network, what programs do, and how time passes.

mod v6;

use bytes::Bytes;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use rump_kpi::device::{DeviceInfo, Medium, Offloads};
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, Shutdown};
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::sockets::SocketId;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::tcp::{SeqNumber, TcpId};
use rumpnet_inet::wire::checksum::{pseudo_v4, pseudo_v6};
use rumpnet_inet::wire::ethernet::{EtherType, Frame, MacAddress};
use rumpnet_inet::wire::ipv4::{Fragment, Ipv4, Protocol};
use rumpnet_inet::wire::tcp::{Flags, Options, Segment};
use rumpnet_inet::wire::udp::Udp;
use rumpnet_inet::wire::{self, icmpv4};

const US: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const THEM: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const OUR_HARDWARE: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
const THEIR_HARDWARE: MacAddress = MacAddress([2, 0, 0, 0, 0, 2]);
const PORT: u16 = 80;
/// Steps of one script.
const MOST_STEPS: usize = 300;
/// Frames that one step may bring about.
const MOST_FRAMES: usize = 20_000;

/// See the module.
pub struct Script<'a> {
    bytes: &'a [u8],
    stack: Stack,
    now: Duration,
    interface: InterfaceId,
    streams: Vec<TcpId>,
    datagrams: Vec<SocketId>,
}

impl<'a> Script<'a> {
    /// A stack with an interface, a listener, and a socket of datagrams.
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut stack = Stack::new(1);
        let medium = Medium::Ethernet { address: OUR_HARDWARE.0 };
        let device = DeviceInfo { medium, mtu: 1500, offloads: Offloads::empty() };
        let interface = stack.add_interface("fuzz0", &device).unwrap_or(InterfaceId(0));
        let _ = stack.set_up(interface, true);
        let _ = stack.add_address(interface, US, 24);
        let _ = stack.add_address_v6(interface, v6::US, 64);
        // Of both versions.
        let listener = stack.tcp_socket(Version::V6);
        let _ = stack.tcp_bind(listener, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), PORT));
        let _ = stack.tcp_listen(listener, 4);
        let datagram = stack.udp_socket(Version::V6);
        let _ = stack.bind(datagram, SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), PORT));
        let now = Duration::from_secs(1000);
        Self { bytes, stack, now, interface, streams: vec![listener], datagrams: vec![datagram] }
    }

    fn byte(&mut self) -> u8 {
        let (first, rest) = self.bytes.split_first().unwrap_or((&0, &[]));
        self.bytes = rest;
        *first
    }

    fn word(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(most.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }

    fn stream(&mut self) -> TcpId {
        let which = usize::from(self.byte());
        self.streams[which % self.streams.len()]
    }

    fn datagram(&mut self) -> SocketId {
        let which = usize::from(self.byte());
        self.datagrams[which % self.datagrams.len()]
    }

    /// Runs it. It ends when the bytes do.
    pub fn run(mut self) {
        for _ in 0..MOST_STEPS {
            if self.bytes.is_empty() {
                break;
            }
            self.step();
            let sent = self.stack.take_sent();
            assert!(sent.len() <= MOST_FRAMES, "{} frames at once", sent.len());
            sent.into_iter().for_each(|(_, packet)| check(packet));
            self.stack.take_changed();
        }
    }

    fn step(&mut self) {
        match self.byte() % 32 {
            0 => self.receive_anything(),
            1 => self.receive_ip(),
            2..=7 => self.receive_segment(),
            8 => self.receive_datagram(),
            9 => self.pass_time(),
            10 | 11 => self.call_stream(),
            12 => self.call_datagram(),
            13 => self.receive_arp(),
            14 => self.receive_complaint(),
            15 => self.connect(),
            other => self.step_v6(other),
        }
    }

    fn receive(&mut self, mut packet: Packet, ether_type: EtherType) {
        let frame = Frame { destination: OUR_HARDWARE, source: THEIR_HARDWARE, ether_type };
        frame.emit(&mut packet);
        let frame = Packet::received(Bytes::from(packet.to_vec()));
        self.stack.input(self.now, self.interface, frame);
    }

    fn receive_anything(&mut self) {
        let length = usize::from(self.word() % 2000);
        let frame = Packet::received(Bytes::copy_from_slice(self.take(length)));
        self.stack.input(self.now, self.interface, frame);
    }

    /// A packet with a sound header: options, fragments, any protocol.
    fn receive_ip(&mut self) {
        let (protocol, bits, offset) = (self.byte(), self.byte(), self.word());
        let options = self.take(usize::from(bits & 7) * 4).to_vec();
        let options = options[..options.len() & !3].to_vec();
        let length = usize::from(self.word() % 1600);
        let content = Bytes::copy_from_slice(self.take(length));
        let source = if bits & 0x80 == 0 { THEM } else { Ipv4Addr::from(u32::from(self.word()) << 16) };
        let header = Ipv4 {
            identification: u16::from(bits >> 3),
            fragment: Fragment { offset: offset & 0xfff8, has_more: bits & 8 != 0 },
            options,
            ..Ipv4::new(source, US, Protocol(protocol % 20), 64)
        };
        let mut packet = Packet::with_content([content]);
        header.emit(&mut packet);
        self.receive(packet, EtherType::IPV4);
    }

    /// A segment for a connection, or for none: its numbers are near those that are expected.
    fn receive_segment(&mut self) {
        let id = self.stream();
        let (flags, near, window, bits) = (self.byte(), self.word(), self.word(), self.byte());
        let length = usize::from(self.word() % 1500);
        let content = Bytes::copy_from_slice(self.take(length));
        let Ok(pcb) = self.stack.tcp.find(id) else { return };
        let (next, una, highest) = (pcb.receive.next, pcb.send.unacknowledged, pcb.send.highest);
        let (is_connection, remote_ip) = (pcb.remote.port() != 0, pcb.remote.ip());
        let (local, remote) =
            (pcb.local.port(), if is_connection { pcb.remote.port() } else { 1000 + (near & 7) });
        let timestamps = (bits & 1 != 0).then(|| (pcb.timestamps.recent.wrapping_add((bits >> 4).into()), 1));
        let shift = (i32::from(near as i16) >> (bits >> 1 & 7)) as u32;
        let acknowledgment = match bits >> 5 & 3 {
            0 => highest,
            1 => una,
            2 => una + (highest - una) / 2,
            _ => highest + shift,
        };
        let segment = Segment {
            source: remote,
            destination: local,
            sequence: SeqNumber(next.0.wrapping_add(shift)),
            acknowledgment,
            flags: Flags::from_bits_retain(flags),
            window,
            urgent: near,
            options: Options {
                maximum_segment_size: (bits & 2 != 0).then_some(near),
                window_scale: (bits & 4 != 0).then_some(bits >> 4),
                sack_permitted: bits & 8 != 0,
                sack: if bits & 16 != 0 {
                    vec![(una + shift, una + shift + u32::from(window))]
                } else {
                    Vec::new()
                },
                timestamps,
            },
        };
        let mut packet = Packet::with_content([content]);
        let is_v4 = if is_connection { remote_ip.is_ipv4() } else { near & 8 == 0 };
        if is_v4 {
            segment.emit(&mut packet, |length| pseudo_v4(THEM, US, Protocol::TCP, length));
            self.receive_transport(packet, Protocol::TCP);
        } else {
            segment.emit(&mut packet, |length| pseudo_v6(v6::THEM, v6::US, Protocol::TCP, length));
            self.receive_transport_v6(packet, Protocol::TCP);
        }
    }

    fn receive_transport(&mut self, mut packet: Packet, protocol: Protocol) {
        wire::complete(&mut packet);
        Ipv4::new(THEM, US, protocol, 64).emit(&mut packet);
        self.receive(packet, EtherType::IPV4);
    }

    fn receive_datagram(&mut self) {
        let (source, length) = (self.word(), usize::from(self.word() % 1400));
        let mut packet = Packet::with_content([Bytes::copy_from_slice(self.take(length))]);
        let ports = Udp { source, destination: PORT };
        ports.emit(&mut packet, |length| pseudo_v4(THEM, US, Protocol::UDP, length));
        self.receive_transport(packet, Protocol::UDP);
    }

    fn receive_arp(&mut self) {
        use rumpnet_inet::wire::arp::{Message, Operation};
        let (bits, last) = (self.byte(), self.byte());
        let message = Message {
            operation: if bits & 1 == 0 { Operation::Request } else { Operation::Reply },
            sender: (THEIR_HARDWARE, Ipv4Addr::new(192, 0, 2, last)),
            target: (OUR_HARDWARE, if bits & 2 == 0 { US } else { THEM }),
        };
        self.receive(message.emit(), EtherType::ARP);
    }

    /// A complaint about something that was sent, or might have been.
    fn receive_complaint(&mut self) {
        let (kind, code, mtu) = (self.byte() % 16, self.byte(), self.word());
        let id = self.stream();
        let ports = self.stack.tcp.find(id).map_or((PORT, 1000), |pcb| (pcb.local.port(), pcb.remote.port()));
        let mut quoted = Packet::with_content([Bytes::copy_from_slice(self.take(20))]);
        Udp { source: ports.0, destination: ports.1 }.emit(&mut quoted, |_| Default::default());
        Ipv4::new(US, THEM, if mtu & 1 == 0 { Protocol::TCP } else { Protocol::UDP }, 64).emit(&mut quoted);
        let mut packet = Packet::with_content([Bytes::from(quoted.to_vec())]);
        let message = match kind {
            3 => icmpv4::Message::Unreachable(icmpv4::Unreachable::TooLong { mtu }),
            kind => icmpv4::Message::Other { kind, code },
        };
        message.emit(&mut packet);
        self.receive_transport(packet, Protocol::ICMP);
    }

    fn pass_time(&mut self) {
        let milliseconds = u64::from(self.word()) << (self.byte() % 8);
        self.now += Duration::from_millis(milliseconds);
        self.stack.poll(self.now);
        let next = self.stack.next_deadline();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that was not met");
    }

    fn connect(&mut self) {
        if self.streams.len() >= 16 {
            return;
        }
        let bits = self.byte();
        let to: [IpAddr; 4] = [THEM.into(), US.into(), v6::THEM.into(), v6::US.into()];
        let to = to[usize::from(bits) % 4];
        let stream = self.stack.tcp_socket(Version::of(to));
        // An address may be gone, or not be there yet.
        match self.stack.tcp_connect(self.now, stream, SocketAddr::new(to, PORT)) {
            Err(Errno::EINPROGRESS) => self.streams.push(stream),
            _ => drop(self.stack.tcp_close(self.now, stream)),
        }
    }

    fn call_stream(&mut self) {
        let (id, call, length) = (self.stream(), self.byte(), usize::from(self.word()));
        match call % 6 {
            0 => {
                if let Ok(accepted) = self.stack.tcp_accept(id) {
                    self.streams.push(accepted);
                }
            }
            1 if call & 128 != 0 => drop(self.stack.tcp_send_urgent(self.now, id, &[&vec![call; length]])),
            1 => drop(self.stack.tcp_send(self.now, id, &[&vec![call; length]])),
            2 => {
                let mut buffer = vec![0; length];
                let _ = self.stack.tcp_receive(self.now, id, &mut [&mut buffer], call & 64 != 0);
            }
            3 => {
                let how = [Shutdown::Read, Shutdown::Write, Shutdown::Both][usize::from(call / 6) % 3];
                let _ = self.stack.tcp_shutdown(self.now, id, how);
            }
            4 if self.streams.len() > 1 && id != self.streams[0] => {
                let _ = self.stack.tcp_close(self.now, id);
                self.streams.retain(|other| *other != id);
            }
            _ => {
                if let Ok(pcb) = self.stack.tcp.find_mut(id) {
                    pcb.choices.no_delay = length & 1 != 0;
                    pcb.choices.cork = length & 2 != 0;
                    pcb.choices.urgent_inline = length & 4 != 0;
                    pcb.choices.keep_alive = length & 8 != 0;
                    pcb.choices.user_timeout = (length & 16 != 0).then_some(Duration::from_secs(9));
                    pcb.choices.receive_bytes = length + 1;
                    if length & 32 != 0 {
                        pcb.told_path_mtu(self.now, u32::from(call) * 8);
                    }
                }
                let _ = self.stack.tcp_receive_urgent(id, call & 64 != 0);
                let _ = self.stack.tcp_push(self.now, id);
            }
        }
    }

    fn call_datagram(&mut self) {
        let (id, call, length) = (self.datagram(), self.byte(), usize::from(self.word()));
        let to: [IpAddr; 4] = [THEM.into(), US.into(), v6::THEM.into(), v6::US.into()];
        let to = SocketAddr::new(to[usize::from(call >> 4) % 4], PORT);
        let packet = Packet::with_content([Bytes::from(vec![call; length])]);
        match call % 5 {
            0 => drop(self.stack.send_datagram(self.now, id, Some(to), packet)),
            1 => drop(self.stack.receive_datagram(id, call & 32 != 0)),
            2 => drop(self.stack.connect(id, to)),
            3 => drop(self.stack.disconnect(id)),
            _ if self.datagrams.len() < 8 => {
                let version = if call & 64 == 0 { Version::V4 } else { Version::V6 };
                let raw = self.stack.raw_socket(version, Protocol(call / 5 % 20));
                self.datagrams.push(raw);
            }
            _ => {}
        }
    }
}

/// What was sent can be read.
fn check(mut packet: Packet) {
    let frame = Frame::take(&mut packet).expect("a frame");
    match frame.ether_type {
        EtherType::IPV4 => {}
        EtherType::IPV6 => return v6::check(packet),
        _ => return,
    }
    let header = Ipv4::take(&mut packet).expect("a packet");
    let pseudo = |length| pseudo_v4(header.source, header.destination, header.protocol, length);
    packet.checksum = rump_kpi::packet::Checksum::Unknown;
    match header.protocol {
        _ if header.is_fragment() => {}
        Protocol::TCP => drop(Segment::take(&mut packet, pseudo).expect("a segment")),
        Protocol::UDP => drop(Udp::take(&mut packet, pseudo).expect("a datagram")),
        _ => {}
    }
}
