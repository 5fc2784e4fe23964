//! A network of Ethernet: wires that everybody on them hears, in virtual time, with what goes wrong on wires. Every
//! frame that a stack sends is read by etherparse before anything happens to it.

use bytes::Bytes;
use core::net::Ipv4Addr;
use core::time::Duration;
use etherparse::{
    Ipv4Slice, Ipv6Slice, LaxNetSlice, LaxSlicedPacket, NetSlice, SlicedPacket, TransportSlice,
};
use rump_kpi::device::{DeviceInfo, Medium, Offloads};
use rump_kpi::packet::{Checksum, Packet};
use rump_random::Random;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::{Settings, Stack};
use rumpnet_inet::time::Instant;
use rumpnet_inet::wire::ethernet::MacAddress;
use std::collections::BTreeMap;

/// What goes wrong. Chances are in percent.
#[derive(Clone, Copy, Default)]
pub struct Impairment {
    pub seed: u64,
    pub loss: u64,
    pub duplicate: u64,
    pub corrupt: u64,
    pub jitter: Duration,
    /// How long every frame takes besides.
    pub delay: Duration,
}

/// Looks at a frame of a host before it flies, may change it, and says whether it does.
pub type Filter = Box<dyn FnMut(usize, &mut Vec<u8>) -> bool>;

struct Host {
    stack: Stack,
    /// Which wire each interface is on.
    wires: BTreeMap<InterfaceId, usize>,
}

/// See the module.
pub struct Lan {
    hosts: Vec<Host>,
    now: Instant,
    /// Frames on their way: when they arrive, where.
    flying: BTreeMap<(Instant, u64), (usize, InterfaceId, Bytes)>,
    frames: u64,
    /// Frames that were put on wires: those that arrive at one time keep their order.
    put_count: u64,
    pub impairment: Impairment,
    pub filter: Option<Filter>,
    /// Frames that were sent, by whom and when, if somebody watches.
    watched: Option<Vec<Sent>>,
    random: Random,
}

/// A frame that a host sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub host: usize,
    pub at: Instant,
    pub frame: Vec<u8>,
}

impl Lan {
    pub fn new(impairment: Impairment) -> Self {
        Self {
            hosts: Vec::new(),
            now: Duration::from_secs(1000),
            flying: BTreeMap::new(),
            frames: 0,
            put_count: 0,
            watched: None,
            impairment,
            filter: None,
            random: Random::new(impairment.seed),
        }
    }

    /// A host with an interface on each of these wires. Its first one is number two.
    pub fn add_host(&mut self, interfaces: &[(usize, Ipv4Addr, u8)]) {
        let number = self.hosts.len() as u8;
        let mut stack = Stack::new(u64::from(number) + 1);
        // Who wants IPv6 says so.
        stack.settings.makes_link_local = false;
        let mut wires = BTreeMap::new();
        for (index, &(wire, address, length)) in interfaces.iter().enumerate() {
            let medium = Medium::Ethernet { address: [2, 0, 0, 0, index as u8, number] };
            let info = DeviceInfo { medium, mtu: 1500, offloads: Offloads::empty() };
            let id = stack.add_interface(&format!("sim{index}"), &info).unwrap();
            stack.set_up(id, true).unwrap();
            stack.add_address(id, address, length).unwrap();
            wires.insert(id, wire);
        }
        self.hosts.push(Host { stack, wires });
    }

    /// A host with an interface on each of these wires, which comes up as `choose` wants it. Answers its number.
    pub fn add_host_v6(&mut self, on: &[usize], choose: impl FnOnce(&mut Settings)) -> usize {
        let number = self.hosts.len();
        let mut stack = Stack::new(number as u64 + 1);
        choose(&mut stack.settings);
        let mut wires = BTreeMap::new();
        for (index, wire) in on.iter().enumerate() {
            let medium = Medium::Ethernet { address: hardware(number, index).0 };
            let info = DeviceInfo { medium, mtu: 1500, offloads: Offloads::empty() };
            let id = stack.add_interface(&format!("sim{index}"), &info).unwrap();
            stack.set_up(id, true).unwrap();
            wires.insert(id, *wire);
        }
        self.hosts.push(Host { stack, wires });
        number
    }

    /// From now on, wires are like this.
    pub fn impair(&mut self, impairment: Impairment) {
        self.impairment = impairment;
        self.random = Random::new(impairment.seed);
    }

    /// From now on, what is sent can be looked at.
    pub fn watch(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// What was sent since this was last asked.
    pub fn take_watched(&mut self) -> Vec<Sent> {
        self.watched.replace(Vec::new()).unwrap_or_default()
    }

    /// A frame comes to an interface from nowhere.
    pub fn inject(&mut self, host: usize, id: InterfaceId, frame: &[u8]) {
        let frame = Packet::received(Bytes::copy_from_slice(frame));
        self.hosts[host].stack.input(self.now, id, frame);
        self.collect();
    }

    pub fn stack(&mut self, host: usize) -> &mut Stack {
        &mut self.hosts[host].stack
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How many frames were sent.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// From now on so many packets of a hundred are lost; what is on its way arrives.
    pub fn set_loss(&mut self, percent: u64) {
        self.impairment.loss = percent;
    }

    /// Does something with a stack, and sends what comes of it.
    pub fn call<T>(&mut self, host: usize, call: impl FnOnce(&mut Stack, Instant) -> T) -> T {
        let answer = call(&mut self.hosts[host].stack, self.now);
        self.collect();
        answer
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.number() % 100 < percent
    }

    fn collect(&mut self) {
        for host in 0..self.hosts.len() {
            for (id, packet) in self.hosts[host].stack.take_sent() {
                assert!(
                    !matches!(packet.checksum, Checksum::Missing { .. }),
                    "the device makes no checksums"
                );
                let frame = packet.to_vec();
                check(&frame);
                self.frames += 1;
                if let Some(watched) = &mut self.watched {
                    watched.push(Sent { host, at: self.now, frame: frame.clone() });
                }
                let wire = self.hosts[host].wires[&id];
                self.put(host, wire, frame);
            }
        }
    }

    fn put(&mut self, from: usize, wire: usize, mut frame: Vec<u8>) {
        if let Some(filter) = &mut self.filter {
            if !filter(from, &mut frame) {
                return;
            }
        }
        let copies = if self.chance(self.impairment.duplicate) { 2 } else { 1 };
        for host in (0..self.hosts.len()).filter(|host| *host != from) {
            let on_wire: Vec<InterfaceId> = self.hosts[host]
                .wires
                .iter()
                .filter(|(_, other)| **other == wire)
                .map(|(id, _)| *id)
                .collect();
            for (id, _) in on_wire.into_iter().flat_map(|id| (0..copies).map(move |copy| (id, copy))) {
                if self.chance(self.impairment.loss) {
                    continue;
                }
                let mut frame = frame.clone();
                // ARP has no checksum: a damaged answer would be believed.
                if matches!(frame[12..14], [0x08, 0x00] | [0x86, 0xdd])
                    && self.chance(self.impairment.corrupt)
                {
                    // Behind the header: what an adapter sees damaged there, it drops by its own checksum.
                    let at = 14 + self.random.number() as usize % (frame.len() - 14);
                    frame[at] ^= 1 << (self.random.number() % 8);
                }
                let most = self.impairment.jitter.as_nanos() as u64 + 1;
                let delay = self.impairment.delay
                    + Duration::from_micros(50)
                    + Duration::from_nanos(self.random.number() % most);
                self.put_count += 1;
                let key = (self.now + delay, self.put_count);
                self.flying.insert(key, (host, id, frame.into()));
            }
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let arrival = self.flying.first_key_value().map(|((when, _), _)| *when);
        let deadlines = self.hosts.iter().filter_map(|host| host.stack.next_deadline());
        arrival.into_iter().chain(deadlines).min()
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.collect();
        while let Some(when) = self.next_event().filter(|when| *when <= end) {
            self.now = self.now.max(when);
            while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now) {
                let (host, id, frame) = entry.remove();
                self.hosts[host].stack.input(self.now, id, Packet::received(frame));
            }
            let now = self.now;
            self.hosts.iter_mut().for_each(|host| host.stack.poll(now));
            self.collect();
        }
        self.now = end;
    }

    /// Until all that is on its way has arrived.
    pub fn settle(&mut self) {
        self.run(Duration::from_millis(100));
        assert!(self.flying.is_empty());
    }
}

/// The hardware address of an interface of a host.
pub fn hardware(host: usize, index: usize) -> MacAddress {
    MacAddress([2, 0, 0, 0, index as u8, host as u8])
}

/// Errors of a frame end the test.
fn check(frame: &[u8]) {
    let sliced = SlicedPacket::from_ethernet(frame).expect("a frame that can be read");
    match &sliced.net {
        Some(NetSlice::Ipv4(ip)) => check_v4(ip, &sliced),
        Some(NetSlice::Ipv6(ip)) => check_v6(ip, &sliced),
        _ => {}
    }
}

fn check_v4(ip: &Ipv4Slice<'_>, sliced: &SlicedPacket<'_>) {
    let header = ip.header();
    assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum(), "of the header");
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => {
            let sum = udp.to_header().calc_checksum_ipv4(&header.to_header(), udp.payload()).unwrap();
            assert_eq!(udp.checksum(), sum, "of UDP");
        }
        Some(TransportSlice::Tcp(tcp)) => {
            let sum = tcp.to_header().calc_checksum_ipv4(&header.to_header(), tcp.payload()).unwrap();
            assert_eq!(tcp.checksum(), sum, "of TCP");
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            let sum = icmp.header().icmp_type.calc_checksum(icmp.payload());
            assert_eq!(icmp.checksum(), sum, "of ICMP");
            // A complaint quotes a packet that can be read as far as it goes.
            if icmp.type_u8() == 3 || icmp.type_u8() == 11 {
                let quoted = LaxSlicedPacket::from_ip(icmp.payload()).expect("a packet that is quoted");
                assert!(matches!(quoted.net, Some(LaxNetSlice::Ipv4(_))));
            }
        }
        _ => {}
    }
}

fn check_v6(ip: &Ipv6Slice<'_>, sliced: &SlicedPacket<'_>) {
    let header = ip.header();
    let (source, destination) = (header.source(), header.destination());
    assert!(source[0] != 0xff, "a group sends nothing");
    match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => {
            let sum = udp.to_header().calc_checksum_ipv6_raw(source, destination, udp.payload()).unwrap();
            assert_eq!(udp.checksum(), sum, "of UDP");
        }
        Some(TransportSlice::Tcp(tcp)) => {
            let sum = tcp.to_header().calc_checksum_ipv6_raw(source, destination, tcp.payload()).unwrap();
            assert_eq!(tcp.checksum(), sum, "of TCP");
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            assert!(icmp.is_checksum_valid(source, destination), "of ICMPv6");
            if icmp.type_u8() < 128 {
                let quoted = LaxSlicedPacket::from_ip(icmp.payload()).expect("a packet that is quoted");
                assert!(matches!(quoted.net, Some(LaxNetSlice::Ipv6(_))));
                assert!(usize::from(header.payload_length()) <= 1240, "a complaint that is too long");
            }
        }
        _ => {}
    }
}
