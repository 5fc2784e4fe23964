//! The format of NetBSD's rump kernels: one ring, behind a lock.
//!
//! ```text
//!  0  u32 magic         0xca11d054
//!  4  u32 version       3; written, with its own value, to wake who sleeps
//!  8  u64 generation    how often writers passed the end of the ring
//! 16  u32 first         the oldest packet
//! 20  u32 last          the newest packet
//! 24  u32 lock          0 free
//! 28  u32 spare
//! 32  the ring, up to the end of the file
//! ```
//!
//! All in host byte order; `first` and `last` count from the beginning of the ring. A packet is a header (`layout`) and a
//! frame, one behind the other without gaps. In a fresh file `first` is the length of the ring, which is as good as 0, and
//! `last` is 0, where zeros make a packet without a frame.
//!
//! Readers keep a position: generations times the length of the ring, plus an offset. What lies before `first` by then is
//! lost, and reading goes on there.
//!
//! # Invariants
//! - Only the holder of the lock writes. `first` moves before what it names is overwritten; `last` moves when all of the
//!   packets are there. So whoever dies while he writes leaves a sound ring, with fewer packets.
//! - Readers take no lock: they copy, and then look whether `first` has passed what they copied. (Genuine ones take it.)
//! - A frame never ends right at the end of the ring, where it is not said whether that passes it; a byte of padding takes
//!   it further.

pub mod dump;
mod layout;
mod read;
mod state;
mod write;

use crate::bus::{Begin, Wire};
use crate::lock::BusLock;
use crate::ring::Ring;
use crate::{MOST_FRAME, host_error};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use layout::{PACKET_HEADER, RING, VERSION, VERSION_AT};
use rump_hyper::{Hypervisor, SharedMemory, Watch};
use rump_kpi::device::Offloads;
use rump_kpi::packet::Packet;
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, KError, KResult};

pub use layout::MAGIC;

/// Length of a new file.
pub const FILE_BYTES: u64 = 1 << 20;
/// The shortest ring that holds some packets.
const LEAST_RING: u64 = 16 << 10;
/// How long one sleeps at most: whoever wrote last may have died before he woke anybody.
const SLEEP: Duration = Duration::from_secs(1);
/// The same, while the lock is held and might have to be taken away.
const DOZE: Duration = Duration::from_millis(1);

/// A bus in this format, as one device uses it.
pub(crate) struct Compatible {
    host: Arc<dyn Hypervisor>,
    ring: Ring,
    lock: BusLock,
    /// Most bytes of a frame.
    most: usize,
    /// What tells one's own packets.
    sender: u64,
    /// How far it is read.
    position: AtomicU64,
    /// What there is to receive could not be found out.
    unsure: AtomicBool,
    begin: Begin,
    watch: Box<dyn Watch>,
    /// One of the device's threads sends at a time.
    sending: Mutex<()>,
}

/// Makes a fresh bus of a file of zeros; the lock is held. Errors: EINVAL (too short or long).
pub(crate) fn format(memory: &dyn SharedMemory) -> KResult<()> {
    check_size(memory)?;
    state::write_fresh(memory, 0);
    Ok(())
}

fn check_size(memory: &dyn SharedMemory) -> KResult<u64> {
    let size = memory.size_bytes().saturating_sub(RING);
    if size < LEAST_RING || u32::try_from(size).is_err() {
        return Err(KError::new(Errno::EINVAL, "no length of a bus"));
    }
    Ok(size)
}

impl Compatible {
    /// Errors: EINVAL (its version or length is another), EBUSY (the lock is held), those of the host.
    pub(crate) fn attach(
        host: Arc<dyn Hypervisor>,
        memory: Arc<dyn SharedMemory>,
        lock: BusLock,
        begin: Begin,
    ) -> KResult<Self> {
        let size = check_size(&*memory)?;
        if memory.load_u32(VERSION_AT) != VERSION {
            return Err(KError::new(Errno::EINVAL, "a bus of another version"));
        }
        let mut sender = [0; 8];
        host.fill(&mut sender).map_err(host_error)?;
        let watch = memory.watch().map_err(host_error)?;
        let bus = Self {
            host,
            ring: Ring { memory, start: RING, size },
            lock,
            most: MOST_FRAME.min((size / 4) as usize),
            sender: u64::from_ne_bytes(sender),
            position: AtomicU64::new(0),
            unsure: AtomicBool::new(false),
            begin,
            watch,
            sending: Mutex::new(()),
        };
        if bus.state_if_free().is_none() {
            let held = bus.lock.acquire_patiently().ok_or(KError::new(Errno::EBUSY, "its lock is held"))?;
            bus.sound_state(&held);
        }
        bus.begin();
        Ok(bus)
    }
}

impl Wire for Compatible {
    fn offloads(&self) -> Offloads {
        Offloads::empty()
    }

    fn begin(&self) {
        // If it cannot be known now, reading goes on where it was.
        if let Some(state) = self.state_if_free() {
            let position = match self.begin {
                Begin::Now => state.end,
                Begin::Oldest => state.oldest(),
            };
            self.position.store(position, Ordering::Release);
        }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.send_all(packets)
    }

    fn receive(&self) -> Vec<Packet> {
        self.receive_some()
    }

    fn wait(&self, stopped: &AtomicBool) {
        if !stopped.load(Ordering::SeqCst) {
            let is_short = self.unsure.load(Ordering::Acquire) || self.lock.is_held();
            self.watch.wait(if is_short { DOZE } else { SLEEP });
        }
    }

    fn interrupt(&self) {
        // Who cannot be told wakes by himself after a while.
        let _ = self.ring.memory.notify(VERSION_AT, VERSION);
    }
}
