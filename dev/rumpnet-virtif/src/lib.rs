//! A network device over an end of a host's network ([`PacketIo`]): a tap, a tunnel, a wire of a simulation.
//!
//! What a stack knows of a packet goes to the other side in the header of virtio-net and comes from there (`header`). The
//! device does what the host does not: it cuts, and makes checksums. What came together is handed on as it is.
//!
//! A thread of its own receives, from [`NetworkDevice::start`] to [`NetworkDevice::stop`] or until the device is dropped. On
//! hosts without threads of kernels (`RUMP_THREADS` is 0) [`NetworkDevice::poll`] does.
//!
//! # Locks
//! `running`, which is held neither while a packet is sent nor while one is handed on; `Running::polled`, which is held while
//! `poll` hands packets on: what takes them does not stop the device.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod header;

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::iter;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use rump_hyper::packet::{self as host, Outgoing, PacketIo, Received};
use rump_hyper::{Event, HostError, Hypervisor};
use rump_kpi::device::{DeviceInfo, Duplex, Media, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::offload::{self, Heads};
use rump_kpi::packet::{Checksum, Packet};
use rump_kpi::port;
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, KError, KResult};

/// The parameter that says, with 0, that kernels have no threads of their own.
const THREADS: &str = "RUMP_THREADS";

/// See the module.
pub struct VirtIf {
    host: Arc<dyn Hypervisor>,
    end: Arc<End>,
    running: Mutex<Option<Arc<Running>>>,
}

/// What the device and its thread share.
struct End {
    io: Arc<dyn PacketIo>,
    info: DeviceInfo,
    /// What the host does of it.
    offloads: Offloads,
    name: alloc::string::String,
    counters: Counters,
}

/// Who receives, until the end.
struct Running {
    is_ending: AtomicBool,
    /// Of the thread, if there is one.
    has_ended: Option<Arc<dyn Event>>,
    /// What `poll` does it with; none if there is a thread.
    polled: Mutex<Option<Intake>>,
}

/// What is received, and who is given it.
struct Intake {
    end: Arc<End>,
    receiver: Arc<dyn Receiver>,
    carrier_changes: u64,
    /// Empty, but while they are handed on.
    frames: Vec<Received>,
}

#[derive(Default)]
struct Counters {
    received: AtomicU64,
    malformed: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    overrun: AtomicU64,
}

/// What went through a device: frames as the host has them, long ones counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that came.
    pub received: u64,
    /// Those whose header contradicts itself or the frame: they were dropped.
    pub malformed: u64,
    /// Frames that the host took.
    pub sent: u64,
    /// Frames that the host refused, or that were not what they said.
    pub refused: u64,
    /// Frames that the host had no room for.
    pub overrun: u64,
}

impl VirtIf {
    /// A device over an end, which nobody else uses; `host` gives it its thread.
    pub fn new(host: Arc<dyn Hypervisor>, io: Arc<dyn PacketIo>) -> Arc<Self> {
        let info = io.info();
        let medium = match info.medium {
            host::Medium::Ethernet { address } => Medium::Ethernet { address },
            host::Medium::Ip => Medium::Ip,
        };
        let device = DeviceInfo { medium, mtu: info.mtu, offloads: Offloads::all() };
        let (offloads, counters) = (offloads(info.offloads), Counters::default());
        let end = End { io, info: device, offloads, name: info.name, counters };
        Arc::new(Self { host, end: Arc::new(end), running: Mutex::new(None) })
    }

    /// What went through.
    pub fn statistics(&self) -> Statistics {
        let counters = &self.end.counters;
        let [received, malformed, sent, refused, overrun] =
            [&counters.received, &counters.malformed, &counters.sent, &counters.refused, &counters.overrun]
                .map(|counter| counter.load(Ordering::Relaxed));
        Statistics { received, malformed, sent, refused, overrun }
    }

    fn has_threads(&self) -> bool {
        self.host.find(THREADS).is_none_or(|value| value.trim() != "0")
    }

    /// Begins the thread. Errors: EAGAIN.
    fn spawn(&self, mut intake: Intake) -> KResult<Arc<Running>> {
        let has_ended = self.host.event();
        let running = Arc::new(Running {
            is_ending: AtomicBool::new(false),
            has_ended: Some(has_ended.clone()),
            polled: Mutex::new(None),
        });
        let (of_thread, console) = (running.clone(), self.host.clone());
        let body = move || {
            if let Err(error) = intake.take_all(&of_thread.is_ending) {
                intake.end.tell(&*console, &error);
            }
            // The receiver is let go of first, so that stopping means that nothing of it is used.
            drop(intake);
            has_ended.set();
        };
        self.host.spawn(&format!("virtif {}", self.end.name), Box::new(body)).map_err(of_host)?;
        Ok(running)
    }

    /// Tells who receives to end.
    fn end(&self) -> Option<Arc<Running>> {
        let running = self.running.lock().take()?;
        running.is_ending.store(true, Ordering::Release);
        self.end.io.wake();
        Some(running)
    }
}

impl Drop for VirtIf {
    fn drop(&mut self) {
        // Not waited for: it may be that thread which drops the device.
        let _ = self.end();
    }
}

fn offloads(of_host: host::Offloads) -> Offloads {
    let pairs = [
        (host::Offloads::CHECKSUM, Offloads::CHECKSUM),
        (host::Offloads::TCP4, Offloads::TCP4),
        (host::Offloads::TCP6, Offloads::TCP6),
        (host::Offloads::UDP, Offloads::UDP),
    ];
    pairs.iter().filter(|(theirs, _)| of_host.contains(*theirs)).map(|(_, ours)| *ours).collect()
}

impl NetworkDevice for VirtIf {
    fn info(&self) -> DeviceInfo {
        self.end.info.clone()
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.end.send(packets)
    }

    /// Errors: EBUSY (it was started already), EAGAIN (no thread).
    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        let mut running = self.running.lock();
        if running.is_some() {
            return Err(Errno::EBUSY.into());
        }
        let (end, frames) = (self.end.clone(), Vec::new());
        let intake = Intake { end, receiver, carrier_changes: 0, frames };
        *running = Some(if self.has_threads() { self.spawn(intake)? } else { Running::polled(intake) });
        Ok(())
    }

    /// Not to be called by what the device hands packets to.
    fn stop(&self) {
        let Some(running) = self.end() else { return };
        // Whoever polls has ended once this is had.
        drop(running.polled.lock().take());
        if let Some(has_ended) = &running.has_ended {
            has_ended.wait(None);
        }
    }

    /// Takes what has come, a batch at most, where no thread does.
    fn poll(&self) -> Option<Duration> {
        let running = self.running.lock().clone()?;
        let mut polled = running.polled.lock();
        let intake = polled.as_mut()?;
        if let Err(error) = intake.take(Some(Duration::ZERO), &running.is_ending) {
            intake.end.tell(&*self.host, &error);
            *polled = None;
        }
        None
    }

    fn has_carrier(&self) -> bool {
        self.end.io.has_carrier()
    }

    fn media(&self) -> Option<Media> {
        let host::Media { speed, duplex, is_negotiated, is_twisted_pair } = self.end.io.media()?;
        let duplex = duplex.map(|duplex| match duplex {
            host::Duplex::Half => Duplex::Half,
            host::Duplex::Full => Duplex::Full,
        });
        Some(Media { speed, duplex, is_negotiated, is_twisted_pair })
    }
}

fn of_host(error: HostError) -> KError {
    KError::new(error.errno, error.what)
}

fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}

impl Running {
    fn polled(intake: Intake) -> Arc<Self> {
        let polled = Mutex::new(Some(intake));
        Arc::new(Self { is_ending: AtomicBool::new(false), has_ended: None, polled })
    }
}

impl Intake {
    /// Receives until told to end. Errors: those of the end.
    fn take_all(&mut self, is_ending: &AtomicBool) -> Result<(), HostError> {
        while !is_ending.load(Ordering::Acquire) {
            self.take(None, is_ending)?;
        }
        Ok(())
    }

    /// Hands on what comes, unless it is to end. Errors: those of the end.
    fn take(&mut self, timeout: Option<Duration>, is_ending: &AtomicBool) -> Result<(), HostError> {
        let received = self.end.io.receive(&mut self.frames, timeout);
        if is_ending.load(Ordering::Acquire) {
            return Ok(());
        }
        let before = core::mem::replace(&mut self.carrier_changes, self.end.io.carrier_changes());
        if self.carrier_changes != before {
            self.receiver.changed();
        }
        received?;
        count(&self.end.counters.received, self.frames.len());
        let mut packets = Vec::with_capacity(self.frames.len());
        self.frames.drain(..).for_each(|frame| self.end.take_in(frame, &mut packets));
        if !packets.is_empty() {
            self.receiver.receive(packets);
        }
        Ok(())
    }
}

impl End {
    /// Says on the console why nothing is received any more.
    fn tell(&self, host: &dyn Hypervisor, error: &HostError) {
        host.write_line(&format!("network device {}: {error}", self.name));
    }

    /// Bytes before IP.
    fn link_bytes(&self, packet: &mut Packet) -> usize {
        if matches!(self.info.medium, Medium::Ethernet { .. }) { port::link_bytes(packet) } else { 0 }
    }

    /// Makes a packet of a frame. What the other side left together stays so.
    fn take_in(&self, frame: Received, packets: &mut Vec<Packet>) {
        let mut packet = Packet::received(frame.bytes);
        let link = self.link_bytes(&mut packet);
        match header::apply(&frame.header, &mut packet, link) {
            Ok(()) => packets.push(packet),
            Err(header::Malformed) => count(&self.counters.malformed, 1),
        }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        let mut ready = Vec::with_capacity(packets.len());
        for packet in packets.drain(..) {
            match self.prepare(packet) {
                Ok(prepared) => ready.push(prepared),
                Err(header::Malformed) => count(&self.counters.refused, 1),
            }
        }
        let mut frames = Vec::with_capacity(ready.iter().map(Ready::frames).sum());
        ready.iter().for_each(|ready| ready.add_to(&mut frames));
        let sent = self.io.send(&frames).map_err(of_host)?;
        count(&self.counters.sent, sent.taken - sent.refused);
        count(&self.counters.refused, sent.refused);
        // They are lost, as on a wire that is busy: whoever sends too fast learns of it by that.
        count(&self.counters.overrun, frames.len() - sent.taken);
        Ok(())
    }

    /// Does what the host does not. Errors: a packet that is not what it says.
    fn prepare(&self, mut packet: Packet) -> Result<Ready, header::Malformed> {
        let link = self.link_bytes(&mut packet);
        if packet.segmentation.is_some_and(|it| !self.offloads.contains(it.kind.offload())) {
            let mut heads = Heads::take(&mut packet, link).map_err(|_| header::Malformed)?;
            heads.complete(&packet);
            return Ok(Ready { header: header::NOTHING, packet, heads: Some(heads) });
        }
        if packet.checksum != Checksum::Unknown && !self.offloads.contains(Offloads::CHECKSUM) {
            offload::complete(&mut packet);
            packet.checksum = Checksum::Unknown;
        }
        Ok(Ready { header: header::of(&mut packet, link)?, packet, heads: None })
    }
}

/// What a packet becomes for the host.
struct Ready {
    header: [u8; host::HEADER_BYTES],
    packet: Packet,
    /// The packet is the content of what has these headers.
    heads: Option<Heads>,
}

impl Ready {
    fn frames(&self) -> usize {
        self.heads.as_ref().map_or(1, |heads| heads.segments(&self.packet).len())
    }

    fn add_to<'a>(&'a self, frames: &mut Vec<Outgoing<'a>>) {
        let header = self.header;
        match &self.heads {
            None => frames.push(Outgoing { header, parts: self.packet.chunks().collect() }),
            Some(heads) => frames.extend(heads.segments(&self.packet).map(|(head, at, length)| {
                let parts = iter::once(head).chain(self.packet.range(at, length)).collect();
                Outgoing { header, parts }
            })),
        }
    }
}
