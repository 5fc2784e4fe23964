//! Bytes as what happens to a bridge of three members with the spanning tree: frames and messages come, time passes, an
//! administrator changes his mind.
//!
//! A step is a byte that says what it is, a byte that says where, and what it needs of the bytes behind.

use bytes::Bytes;
use rump_host_sim::SimHost;
use rump_hyper::{Clock, Console, Entropy};
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::link::{Bridge, InterfaceKind, Role, Statics};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use rump_kpi::port::Port;
use rump_kpi::socket::NetEnvironment;
use rump_kpi::sync::Mutex;
use rump_kpi::{Component, KResult, TimeSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Members.
const COUNT: u8 = 3;
/// Addresses that are learned.
const MOST_ADDRESSES: usize = 16;
const MOST_STEPS: usize = 300;
const MTU: u32 = 1500;

/// Counts what is sent, and looks at it.
struct Device {
    number: u8,
    sent: AtomicUsize,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
}

impl NetworkDevice for Device {
    fn info(&self) -> DeviceInfo {
        // One device makes checksums and cuts, the others do not.
        let offloads = if self.number == 0 { Offloads::all() } else { Offloads::empty() };
        DeviceInfo { medium: Medium::Ethernet { address: [2, 0, 0, 0, 0, self.number] }, mtu: MTU, offloads }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        for packet in packets.drain(..) {
            self.sent.fetch_add(1, Ordering::Relaxed);
            let is_whole = packet.segmentation.is_none();
            assert!(!is_whole || packet.len() <= MTU as usize + 22, "a frame is too long");
            assert!(is_whole || self.number == 0, "a frame was not cut");
            assert!(self.number == 0 || !matches!(packet.checksum, Checksum::Missing { .. }));
        }
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.receiver.lock() = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        self.receiver.lock().take();
    }
}

/// A stack that only counts.
#[derive(Default)]
struct Stack(AtomicUsize);

impl Receiver for Stack {
    fn receive(&self, packets: Vec<Packet>) {
        self.0.fetch_add(packets.len(), Ordering::Relaxed);
    }
}

fn environment(host: &Arc<SimHost>) -> NetEnvironment {
    let [clock, source, console] = [(); 3].map(|()| host.clone());
    NetEnvironment {
        now: Arc::new(TimeSpec::default),
        monotonic: Arc::new(move || clock.monotonic()),
        random: Arc::new(move |bytes: &mut [u8]| source.fill(bytes).unwrap_or_default()),
        log: Arc::new(move |line: &str| console.write_line(line)),
        poll_soon: Arc::new(|| {}),
    }
}

struct Rig {
    host: Arc<SimHost>,
    devices: Vec<Arc<Device>>,
    ports: Vec<Arc<Port>>,
    own: Arc<Port>,
}

impl Rig {
    fn new() -> Option<Self> {
        let host = SimHost::new(1);
        let Component::Interfaces(kind) = rumpnet_bridge::component() else { return None };
        let kind: &dyn InterfaceKind = kind;
        let own = Port::new("bridge0", kind.create(&environment(&host), 0).ok()?);
        own.start(Arc::new(Stack::default())).ok()?;
        let device = |number| Device { number, sent: AtomicUsize::new(0), receiver: Mutex::default() };
        let devices: Vec<Arc<Device>> = (0..COUNT).map(|number| Arc::new(device(number))).collect();
        let port = |device: &Arc<Device>| Port::new(&format!("if{}", device.number), device.clone());
        let ports: Vec<Arc<Port>> = devices.iter().map(port).collect();
        for port in &ports {
            port.start(Arc::new(Stack::default())).ok()?;
        }
        let rig = Self { host, devices, ports, own };
        rig.change(|bridge| rig.ports.iter().for_each(|port| bridge.add(port).unwrap_or_default()));
        rig.change(|bridge| {
            let mut settings = bridge.settings();
            (settings.most_addresses, settings.spans) = (MOST_ADDRESSES, true);
            let _ = bridge.set_settings(&settings);
        });
        Some(rig)
    }

    fn change(&self, change: impl FnOnce(&dyn Bridge)) {
        if let Role::Bridge(bridge) = self.own.role() {
            change(bridge);
        }
    }

    fn sent(&self) -> usize {
        self.devices.iter().map(|device| device.sent.load(Ordering::Relaxed)).sum()
    }

    fn receive(&self, place: u8, packet: Packet) {
        let place = usize::from(place);
        if place == self.devices.len() {
            let _ = self.own.send(&mut vec![packet]);
            return;
        }
        let receiver = self.devices[place].receiver.lock().clone();
        if let Some(receiver) = receiver {
            receiver.receive(vec![packet]);
        }
    }

    fn pass(&self, time: Duration) {
        self.host.advance(time);
        let now = self.host.monotonic();
        let next = self.own.poll();
        assert!(next.is_none_or(|next| next > now), "it is never done");
    }
}

/// A frame to and from one of few, or of what the script says; or a message that is nearly one.
fn frame(kind: u8, place: u8, content: &[u8]) -> Packet {
    let mut bytes = content.to_vec();
    match kind % 4 {
        0 => {}
        1 => {
            let mut head = vec![0x01, 0x80, 0xc2, 0, 0, 0, 2, 9, 9, 9, 9, place];
            head.extend_from_slice(&[0, 38, 0x42, 0x42, 3, 0, 0, 0]);
            bytes.splice(0..0, head);
            bytes.resize(60, 0);
        }
        _ => {
            let at = |index: usize| content.get(index).copied().unwrap_or(0);
            let to = [at(0) & 0x41, 0, 0, 0, 0, at(1) & 0x1f];
            let from = [2, 0, 0, 0, 0, at(2) & 0x3f];
            bytes.splice(0..0, [&to[..], &from, &[8, 0]].concat());
        }
    }
    if kind & 0x10 != 0 {
        bytes.extend(std::iter::repeat_n(0x45, 1400));
    }
    let mut packet = Packet::received(Bytes::from(bytes));
    if kind & 0x20 != 0 && packet.len() > 60 {
        // As a device may hand it over: it has seen to it that the place of the sum is within.
        packet.checksum = Checksum::Missing { start: 34, offset: if kind & 0x40 != 0 { 16 } else { 6 } };
    }
    if kind & 0x80 != 0 {
        let kind = if kind & 0x40 != 0 { Segments::Tcp4 } else { Segments::Udp };
        packet.segmentation = Some(Segmentation { kind, size: 1 + u16::from(place) * 200 });
    }
    packet
}

/// Does what the bytes say. Whatever that is, no frame brings about more than a copy for each member and what is cut of it, and
/// the table stays within its bound.
pub fn run(data: &[u8]) {
    let Some(rig) = Rig::new() else { return };
    let mut rest = data;
    for _ in 0..MOST_STEPS {
        let [what, place, after @ ..] = rest else { break };
        let length = after.first().map_or(0, |length| usize::from(*length)).min(after.len());
        let (content, behind) = after.split_at(length);
        rest = behind;
        let (before, name) = (rig.sent(), format!("if{}", place % COUNT));
        match what % 16 {
            0..=9 => rig.receive(place % (COUNT + 1), frame(what.wrapping_mul(7) ^ *place, *place, content)),
            10 => rig.pass(Duration::from_millis(u64::from(*place) * 50)),
            11 => rig.change(|bridge| drop(bridge.remove(&name))),
            12 => rig.change(|bridge| drop(bridge.add(&rig.ports[usize::from(place % COUNT)]))),
            13 => rig.change(|bridge| drop(bridge.add_static([2, 0, 0, 0, 0, *place], &name))),
            14 => rig.change(|bridge| {
                let members = bridge.members();
                let Some(mut settings) = members.first().map(|member| member.settings) else { return };
                (settings.learns, settings.floods) = (place & 1 != 0, place & 2 != 0);
                (settings.is_isolated, settings.spans) = (place & 4 != 0, place & 8 != 0);
                settings.path_cost = u32::from(*place);
                let _ = bridge.set_member(&name, &settings);
            }),
            _ => rig
                .change(|bridge| bridge.flush(if place & 1 == 0 { Statics::Keep } else { Statics::Forget })),
        }
        // At most: 2048 segments for each member, and a message over each.
        assert!(rig.sent() - before <= 2050 * usize::from(COUNT));
        rig.change(|bridge| {
            let learned = bridge.addresses().iter().filter(|station| station.age.is_some()).count();
            assert!(learned <= MOST_ADDRESSES);
        });
    }
    rig.own.stop();
    assert!(rig.ports.iter().all(|port| port.join(Arc::new(Nobody)).is_ok()), "a member did not leave");
}

/// Bytes that make frames, messages and changes of all kinds.
pub fn seed(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    let mut bytes = Vec::new();
    for _ in 0..40 {
        let length = next() % 40 + 4;
        bytes.extend([next(), next(), length]);
        bytes.extend((1..length).map(|_| next()));
    }
    bytes
}

/// Takes nothing.
struct Nobody;

impl rump_kpi::port::Relay for Nobody {
    fn incoming(&self, _: &Arc<Port>, _: Vec<Packet>) {}
    fn outgoing(&self, _: &Arc<Port>, _: &mut Vec<Packet>) {}
    fn gone(&self, _: &Arc<Port>) {}
}
