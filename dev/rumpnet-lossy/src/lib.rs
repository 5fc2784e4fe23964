//! A bad wire before any network device: what goes out and what comes in is lost, doubled, damaged, overtaken, delayed and
//! held to a rate, each way by its own [`Impairment`].
//!
//! Everything follows from the seed, the packets and the times at which they come ([`wire`]): in simulated time, the same
//! run is the same again. In front of a tap, packets are impaired as they are on the wire: the device leaves nothing to the
//! stack and takes nothing off it, so that what is damaged has a checksum which is wrong.
//!
//! A thread of its own does what is due later, from [`NetworkDevice::start`] on; with `RUMP_THREADS=0`, whoever drives the
//! simulation calls [`Lossy::poll`].
//!
//! # Locks
//! That of each way, `receiver` and `thread`, all leaves: packets are handed on under none of them, by one thread at a time
//! for each way, which keeps their order.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod impairment;
pub mod wire;

pub use impairment::{Chance, Impairment, Rate};
pub use wire::Statistics;

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_hyper::{Event, Hypervisor};
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::{Packet, offload};
use rump_kpi::sync::Mutex;
use rump_kpi::{KError, KResult};
use wire::Wire;

/// The parameter that says whether there are threads.
const PARAMETER: &str = "RUMP_THREADS";
/// Bytes of a header of Ethernet.
const ETHERNET_BYTES: usize = 14;

/// See the crate.
pub struct Lossy {
    shared: Arc<Shared>,
    /// Set once the thread has ended.
    thread: Mutex<Option<Arc<dyn Event>>>,
}

struct Shared {
    host: Arc<dyn Hypervisor>,
    device: Arc<dyn NetworkDevice>,
    link: usize,
    /// When the wire began, by the host's clock.
    began: Duration,
    outgoing: Mutex<Way>,
    incoming: Mutex<Way>,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
    /// A deadline came nearer, or the thread is to end.
    changed: Arc<dyn Event>,
    is_ending: AtomicBool,
}

struct Way {
    wire: Wire,
    /// Somebody hands packets on.
    is_busy: bool,
}

/// Both ways of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both<T> {
    /// From the stack to the device.
    pub outgoing: T,
    /// From the device to the stack.
    pub incoming: T,
}

impl Lossy {
    /// A wire before a device. Times of impairments count from now on.
    pub fn new(
        host: Arc<dyn Hypervisor>,
        device: Arc<dyn NetworkDevice>,
        seed: u64,
        impairments: Both<Impairment>,
    ) -> Arc<Self> {
        let link = if matches!(device.info().medium, Medium::Ethernet { .. }) { ETHERNET_BYTES } else { 0 };
        let way =
            |impairment, seed| Mutex::new(Way { wire: Wire::new(impairment, seed, link), is_busy: false });
        let shared = Arc::new(Shared {
            link,
            began: host.monotonic(),
            outgoing: way(impairments.outgoing, seed),
            incoming: way(impairments.incoming, !seed),
            receiver: Mutex::new(None),
            changed: host.event(),
            is_ending: AtomicBool::new(false),
            host,
            device,
        });
        Arc::new(Self { shared, thread: Mutex::new(None) })
    }

    /// Does what is due; answers when there is more to do, by the host's monotonic clock.
    pub fn poll(&self) -> Option<Duration> {
        self.shared.poll()
    }

    /// What became of packets.
    pub fn statistics(&self) -> Both<Statistics> {
        let of = |way: &Mutex<Way>| way.lock().wire.statistics();
        Both { outgoing: of(&self.shared.outgoing), incoming: of(&self.shared.incoming) }
    }

    fn end(&self) -> Option<Arc<dyn Event>> {
        let has_ended = self.thread.lock().take();
        self.shared.is_ending.store(true, Ordering::Release);
        self.shared.changed.set();
        has_ended
    }
}

impl Drop for Lossy {
    fn drop(&mut self) {
        // Not waited for: it may be that thread which drops the device.
        let _ = self.end();
    }
}

impl NetworkDevice for Lossy {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { offloads: Offloads::empty(), ..self.shared.device.info() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.shared.offer(&self.shared.outgoing, packets.drain(..));
        self.shared.send_due()
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        let shared = &self.shared;
        *shared.receiver.lock() = Some(receiver);
        shared.is_ending.store(false, Ordering::Release);
        shared.device.start(Arc::new(Incoming(Arc::downgrade(shared))))?;
        let has_threads = shared.host.find(PARAMETER).is_none_or(|value| value.trim() != "0");
        if has_threads {
            let has_ended = shared.host.event();
            let (of_thread, ended) = (Arc::downgrade(shared), has_ended.clone());
            let body = move || {
                run(&of_thread);
                ended.set();
            };
            shared
                .host
                .spawn("lossy", Box::new(body))
                .map_err(|error| KError::new(error.errno, error.what))?;
            *self.thread.lock() = Some(has_ended);
        }
        Ok(())
    }

    /// Not to be called by what the device hands packets to.
    fn stop(&self) {
        self.shared.device.stop();
        if let Some(has_ended) = self.end() {
            has_ended.wait(None);
        }
        let receiver = self.shared.receiver.lock().take();
        drop(receiver);
    }
}

/// What a device receives goes onto the wire.
struct Incoming(Weak<Shared>);

impl Receiver for Incoming {
    fn receive(&self, packets: Vec<Packet>) {
        if let Some(shared) = self.0.upgrade() {
            shared.offer(&shared.incoming, packets.into_iter());
            shared.receive_due();
        }
    }
}

/// Does what is due until told to end, or until the wire is gone.
fn run(shared: &Weak<Shared>) {
    while let Some(alive) = shared.upgrade() {
        if alive.is_ending.load(Ordering::Acquire) {
            return;
        }
        let left = alive.poll().map(|due| due.saturating_sub(alive.host.monotonic()));
        let changed = alive.changed.clone();
        // The wire may be dropped while it is waited for: it says so.
        drop(alive);
        changed.wait(left);
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.host.monotonic().saturating_sub(self.began)
    }

    fn poll(&self) -> Option<Duration> {
        if let Err(error) = self.send_due() {
            self.host.write_line(&alloc::format!("lossy: {error}"));
        }
        self.receive_due();
        let due = |way: &Mutex<Way>| way.lock().wire.next_deadline();
        let first = due(&self.outgoing).into_iter().chain(due(&self.incoming)).min()?;
        Some(first.saturating_add(self.began))
    }

    /// Puts packets onto a wire, as they would be there: cut, and with their checksums.
    fn offer(&self, way: &Mutex<Way>, packets: impl Iterator<Item = Packet>) {
        let mut whole = Vec::new();
        for packet in packets {
            // What is not what it says cannot be on a wire.
            whole.append(&mut offload::cut(packet, self.link).unwrap_or_default());
        }
        whole.iter_mut().for_each(offload::complete);
        let now = self.now();
        let mut way = way.lock();
        let before = way.wire.next_deadline();
        whole.into_iter().for_each(|packet| way.wire.offer(now, packet));
        let is_nearer = way.wire.next_deadline().is_some_and(|due| before.is_none_or(|before| due < before));
        drop(way);
        if is_nearer {
            self.changed.set();
        }
    }

    fn send_due(&self) -> KResult<()> {
        let mut result = Ok(());
        self.hand_on(&self.outgoing, |mut packets| {
            if let Err(error) = self.device.send(&mut packets) {
                result = Err(error);
            }
        });
        result
    }

    fn receive_due(&self) {
        self.hand_on(&self.incoming, |packets| {
            let receiver = self.receiver.lock().clone();
            if let Some(receiver) = receiver {
                receiver.receive(packets);
            }
        });
    }

    /// Hands on what is due, unless somebody does: then what is due now is seen there.
    fn hand_on(&self, way: &Mutex<Way>, mut hand: impl FnMut(Vec<Packet>)) {
        let mut is_mine = false;
        loop {
            let now = self.now();
            let mut state = way.lock();
            if state.is_busy && !is_mine {
                return;
            }
            let mut due = Vec::new();
            while let Some(packet) = state.wire.take(now) {
                due.push(packet);
            }
            is_mine = !due.is_empty();
            state.is_busy = is_mine;
            drop(state);
            if !is_mine {
                return;
            }
            hand(due);
        }
    }
}
