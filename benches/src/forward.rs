//! Packets of 64 bytes from one interface in memory to another, in one thread: over a bridge, and from router to neighbour.
//! `cargo run --release --bin forward [-- --json]`.
//!
//! What is measured is all that a kernel does between two devices: the port, the bridge or the stack with its lock, and the
//! port of the other interface. The devices hand over batches of 64, and drop what they are given.

use bytes::Bytes;
use rump_benches::Outcome;
use rump_benches::table::{Format, Table, Target};
use rumpkit::kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rumpkit::kpi::packet::{Packet, checksum};
use rumpkit::net::{Bridge, Interface};
use rumpkit::{AddressFamily, KResult, Kernel, PosixHost};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PACKETS: usize = 2_000_000;
const BATCH: usize = 64;
/// A frame without its check sequence, which has four bytes.
const FRAME: usize = 60;
/// Packets in a second, on one core.
const PROMISED: f64 = 1.5e6;

/// Counts what is sent.
struct Memory {
    number: u8,
    sent: AtomicU64,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
}

impl Memory {
    fn new(number: u8) -> Arc<Self> {
        Arc::new(Self { number, sent: AtomicU64::new(0), receiver: Mutex::default() })
    }

    fn receiver(&self) -> Outcome<Arc<dyn Receiver>> {
        Ok(self.receiver.lock().map_err(|_| "poisoned")?.clone().ok_or("it was not started")?)
    }
}

impl NetworkDevice for Memory {
    fn info(&self) -> DeviceInfo {
        let medium = Medium::Ethernet { address: own(self.number) };
        DeviceInfo { medium, mtu: 1500, offloads: Offloads::empty() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        // Others are what the stack says of itself.
        let sent = black_box(&packets).iter().filter(|packet| packet.len() == FRAME).count();
        self.sent.fetch_add(sent as u64, Ordering::Relaxed);
        packets.clear();
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.receiver.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        self.receiver.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    }
}

/// The address of an interface.
fn own(number: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, number]
}

/// The host behind an interface.
fn host(number: u8) -> [u8; 6] {
    [2, 0, 0, 0, 1, number]
}

/// A datagram from the host behind interface 0 to that behind interface 1, to a hardware address.
fn datagram(to: [u8; 6]) -> Bytes {
    let mut frame = vec![0; FRAME];
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&host(0));
    frame[12..14].copy_from_slice(&[8, 0]);
    let ip = &mut frame[14..34];
    (ip[0], ip[3], ip[8], ip[9]) = (0x45, (FRAME - 14) as u8, 64, 17);
    ip[12..20].copy_from_slice(&[10, 0, 0, 2, 10, 0, 1, 2]);
    let sum = checksum::of(ip);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    frame[34..42].copy_from_slice(&[0, 7, 0, 7, 0, 26, 0, 0]);
    Bytes::from(frame)
}

/// What the host behind an interface says of itself by ARP, to whom asks.
fn reply(number: u8) -> Packet {
    let mut frame = Vec::new();
    frame.extend_from_slice(&own(number));
    frame.extend_from_slice(&host(number));
    frame.extend_from_slice(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 2]);
    frame.extend_from_slice(&host(number));
    frame.extend_from_slice(&[10, 0, number, 2]);
    frame.extend_from_slice(&own(number));
    frame.extend_from_slice(&[10, 0, number, 1]);
    Packet::received(Bytes::from(frame))
}

struct Rig {
    _kernel: Kernel,
    devices: [Arc<Memory>; 2],
}

impl Rig {
    fn new() -> Outcome<Self> {
        let kernel = rumpkit::kernel(PosixHost::new())?;
        let devices = [0, 1].map(Memory::new);
        for (name, device) in ["if0", "if1"].into_iter().zip(&devices) {
            Interface::attach(&kernel, name, device.clone())?;
        }
        Ok(Self { _kernel: kernel, devices })
    }

    fn bridge() -> Outcome<Self> {
        let rig = Self::new()?;
        let bridge = Bridge::create(&rig._kernel, "bridge0")?;
        bridge.add("if0")?;
        bridge.add("if1")?;
        rig.devices[1].receiver()?.receive(vec![reply(1)]);
        Ok(rig)
    }

    fn router() -> Outcome<Self> {
        let rig = Self::new()?;
        for (number, name) in ["if0", "if1"].into_iter().enumerate() {
            let interface = Interface::find(&rig._kernel, name)?;
            interface.add_address(format!("10.0.{number}.1/24").parse()?)?;
            interface.up()?;
        }
        let domain = rig._kernel.protocols(AddressFamily::Inet)?;
        domain.network().ok_or("no interfaces")?.set_setting("net.inet.ip.forwarding", 1)?;
        // The first one asks for the way, and the answer tells it.
        rig.devices[0].receiver()?.receive(vec![Packet::received(datagram(own(0)))]);
        rig.devices[1].receiver()?.receive(vec![reply(1)]);
        Ok(rig)
    }

    fn run(&self, to: [u8; 6]) -> Outcome<Duration> {
        let (receiver, frame) = (self.devices[0].receiver()?, datagram(to));
        let before = self.devices[1].sent.load(Ordering::Relaxed);
        let begin = Instant::now();
        for _ in 0..PACKETS / BATCH {
            receiver.receive((0..BATCH).map(|_| Packet::received(frame.clone())).collect());
        }
        let took = begin.elapsed();
        let sent = self.devices[1].sent.load(Ordering::Relaxed) - before;
        if sent != (PACKETS / BATCH * BATCH) as u64 {
            return Err(format!("{sent} of {PACKETS} packets passed").into());
        }
        Ok(took)
    }
}

fn main() -> Outcome {
    let is_json = std::env::args().any(|argument| argument == "--json");
    let mut table = Table::new(if is_json { Format::Json } else { Format::Text });
    let target = Target::Rate { operations: (PACKETS / BATCH * BATCH) as u64, per_second: PROMISED };
    let (bridge, router) = (Rig::bridge()?, Rig::router()?);
    table.alone("2 million frames over a bridge", target, || bridge.run(host(1)))?;
    table.alone("2 million packets over a router", target, || router.run(own(0)))?;
    table.finish();
    Ok(())
}
