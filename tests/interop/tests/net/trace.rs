//! What passed a device, as a file of pcap, read by tshark.
//!
//! Reference: the format of libpcap's files (pcap-savefile(5)).

use crate::site::{Site, Wiring};
use interop::image::Scratch;
use interop::program::run_ok;
use interop::{Check, context};
use rumpkit::KResult;
use rumpkit::kpi::device::{DeviceInfo, NetworkDevice, Receiver};
use rumpkit::kpi::packet::{Packet, offload};
use rumpkit::tun;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

const MOST_BYTES: u32 = 262_144;
/// What nothing that passes may be. What complaints quote is cut, and with it what its checksum is of. Linux makes 0xffff of
/// a checksum of zero, for TCP too, which tshark finds wrong: of one segment in 65,536 of whoever is not us.
const WRONG: &str = "_ws.malformed || ip.checksum.status == \"Bad\" || icmp.checksum.status == \"Bad\" || \
                     icmpv6.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\" || \
                     tcp.checksum.status == \"Bad\" && !icmp && !icmpv6 && \
                     !(tcp.checksum == 0xffff && !(ip.src == 192.0.2.2))";

const PLAIN: [&str; 2] = ["tcp.port==1-65535,data", "udp.port==1-65535,data"];

/// A file that grows.
struct Log {
    /// Bytes before IP.
    link_bytes: usize,
    began: Instant,
    file: BufWriter<File>,
    frames: u64,
}

impl Log {
    /// Writes a packet as it is on the wire: what the device does to it last is not done yet.
    fn note(&mut self, packet: &Packet) {
        offload::on_wire(packet, self.link_bytes, |packet| self.write(packet).unwrap());
    }

    fn write(&mut self, packet: &Packet) -> std::io::Result<()> {
        let (bytes, time) = (packet.to_vec(), self.began.elapsed());
        let length = bytes.len() as u32;
        for word in [time.as_secs() as u32, time.subsec_micros(), length, length] {
            self.file.write_all(&word.to_le_bytes())?;
        }
        self.frames += 1;
        self.file.write_all(&bytes)
    }
}

/// A device that writes down what passes it.
pub struct Capture {
    device: Arc<dyn NetworkDevice>,
    log: Arc<Mutex<Log>>,
    scratch: Arc<Scratch>,
}

impl Capture {
    pub fn new(device: Arc<dyn NetworkDevice>, options: &tun::Options) -> Check<Arc<Self>> {
        let scratch = Scratch::in_memory("trace")?;
        let mut file = BufWriter::new(context(File::create(scratch.path("trace.pcap")), "the trace")?);
        // Packets of IP, or frames of Ethernet.
        let (link, link_bytes) = if options.kind == tun::Kind::Tun { (101, 0) } else { (1, 14) };
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, MOST_BYTES, link] {
            context(file.write_all(&word.to_le_bytes()), "the trace")?;
        }
        let log = Log { link_bytes, began: Instant::now(), file, frames: 0 };
        Ok(Arc::new(Self { device, log: Arc::new(Mutex::new(log)), scratch: Arc::new(scratch) }))
    }

    pub fn trace(&self) -> Trace {
        Trace { log: self.log.clone(), scratch: self.scratch.clone() }
    }
}

fn note(log: &Mutex<Log>, packets: &[Packet]) {
    let mut log = log.lock().unwrap();
    packets.iter().for_each(|packet| log.note(packet));
}

impl NetworkDevice for Capture {
    fn info(&self) -> DeviceInfo {
        self.device.info()
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        note(&self.log, packets);
        self.device.send(packets)
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        self.device.start(Arc::new(Incoming { receiver, log: self.log.clone() }))
    }

    fn stop(&self) {
        self.device.stop();
    }
}

struct Incoming {
    receiver: Arc<dyn Receiver>,
    log: Arc<Mutex<Log>>,
}

impl Receiver for Incoming {
    fn receive(&self, packets: Vec<Packet>) {
        note(&self.log, &packets);
        self.receiver.receive(packets);
    }
}

/// What was written down.
pub struct Trace {
    log: Arc<Mutex<Log>>,
    scratch: Arc<Scratch>,
}

impl Trace {
    /// Errors: what is wrong with any frame. Answers how many there are.
    pub fn check(&self) -> Check<u64> {
        // Held until the end: what still passes waits, so that the file ends with a whole frame.
        let mut log = self.log.lock().unwrap();
        context(log.file.flush(), "the trace")?;
        let frames = log.frames;
        let path = self.scratch.path("trace.pcap");
        let path = path.to_string_lossy();
        let checks = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];
        let mut arguments = vec!["-n", "-r", &*path];
        checks.iter().for_each(|check| arguments.extend(["-o", check]));
        // Whatever the port, the content is none that tshark knows.
        PLAIN.iter().for_each(|plain| arguments.extend(["-d", plain]));
        let wrong = run_ok("tshark", &[&arguments[..], &["-Y", WRONG]].concat())?;
        if !wrong.is_empty() {
            let first: Vec<&str> = wrong.lines().take(10).collect();
            return Err(format!("tshark finds wrong:\n{}", first.join("\n")));
        }
        let read = run_ok("tshark", &[&arguments[..], &["-T", "fields", "-e", "frame.number"]].concat())?;
        let read = read.lines().count() as u64;
        if read != frames || frames == 0 {
            return Err(format!("tshark reads {read} of {frames} frames"));
        }
        Ok(frames)
    }
}

impl Trace {
    /// The frames that a filter of tshark finds, a line for each.
    pub fn find(&self, filter: &str) -> Check<String> {
        let mut log = self.log.lock().unwrap();
        context(log.file.flush(), "the trace")?;
        let path = self.scratch.path("trace.pcap");
        run_ok("tshark", &["-n", "-r", &path.to_string_lossy(), "-Y", filter])
    }
}

/// One bit is turned in each place of a frame whose checksum is right.
pub fn damaged() -> Check {
    let site = Site::new(Wiring::plain())?;
    site.linux.run_ok("ping", &["-c", "1", "-s", "100", "192.0.2.2"])?;
    site.finish()?;
    let mut bytes = vec![0_u8; 14];
    bytes[12] = 8;
    // A packet of UDP with ten bytes of content, and the checksums that belong to it.
    bytes.extend([0x45, 0, 0, 38, 0, 1, 0, 0, 64, 17, 0xf6, 0xc2, 192, 0, 2, 1, 192, 0, 2, 2]);
    bytes.extend([0, 7, 0, 9, 0, 18, 0x26, 0x61]);
    bytes.extend([0x11; 10]);
    for (at, is_right) in [(usize::MAX, true), (22, false), (36, false), (45, false)] {
        let mut changed = bytes.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 4;
        }
        let capture = Capture::new(Arc::new(Nowhere), &tun::Options::tap("tap0"))?;
        note(&capture.log, &[Packet::received(changed.into())]);
        let found = capture.trace().check();
        if found.is_ok() != is_right {
            return Err(format!("a bit of byte {at} is turned: {found:?}"));
        }
    }
    Ok(())
}

/// No device.
struct Nowhere;

impl NetworkDevice for Nowhere {
    fn info(&self) -> DeviceInfo {
        let medium = rumpkit::kpi::device::Medium::Ip;
        DeviceInfo { medium, mtu: 1500, offloads: rumpkit::kpi::device::Offloads::empty() }
    }

    fn send(&self, _packets: &mut Vec<Packet>) -> KResult<()> {
        Ok(())
    }

    fn start(&self, _receiver: Arc<dyn Receiver>) -> KResult<()> {
        Ok(())
    }

    fn stop(&self) {}
}
