//! Our own format: a lane for each peer, in which it alone writes, and which all others read.
//!
//! ```text
//!    0  u32 magic, u32 version, u32 number of lanes, u32 bytes of a lane
//!   24  u32 lock       of making the file, as in the compatible format
//! 4096  for each lane 128 bytes:
//!         0  u32 sleep      odd while its owner sleeps; changes each time
//!        64  u64 reserved   position up to which bytes are being written
//!        72  u64 published  position up to which records are there
//!  64K  for each lane a ring of records
//! ```
//!
//! Positions count all bytes that ever went through a lane, modulo 2^64; the offset is the position modulo the bytes of
//! a lane. A record is a header (`record`), which has what a device may leave to the receiver as well, and a frame; it
//! begins at a multiple of 8.
//!
//! # Why it needs no lock, and minds no death
//! A writer first says up to where it writes (`reserved`), then writes, then says that it is there (`published`). A reader
//! copies a record, and then looks at `reserved`: if that is more than a ring ahead of the record, the copy may be torn, and
//! the reader goes on with what is newest. Readers leave no trace, so it is nobody's business whether they live; a writer
//! that dies leaves bytes that were never published. Its lane is free when its claim is (see
//! [`rump_hyper::SharedMemory::claim`]), and whoever has it next goes on from `published`.
//!
//! # Who sleeps
//! Whoever finds nothing makes its `sleep` odd, looks once more, and waits for that word. A writer that has published
//! looks at the words of all others; it wakes those whose word is odd, and makes it even only then, if it is still the
//! same: should the writer die in between, the next one wakes again, and a sleeper that slept, woke and sleeps again is not
//! taken for awake. So nobody makes a system call while all are busy.

mod read;
mod record;
mod write;

use crate::bus::Wire;
use crate::host_error;
use crate::ring::Ring;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering, fence};
use rump_hyper::{Claim, SharedMemory};
use rump_kpi::device::Offloads;
use rump_kpi::packet::Packet;
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, KError, KResult};

/// First word of the file.
pub const MAGIC: u32 = u32::from_ne_bytes(*b"rump");
const VERSION: u32 = 1;
/// How many peers there may be.
pub const LANES: u32 = 16;
/// Bytes of a lane, a power of two: more than is on its way in a few connections.
const LANE_BYTES: u32 = 2 << 20;
/// Length of a new file.
pub const FILE_BYTES: u64 = RINGS + LANES as u64 * LANE_BYTES as u64;

const HEADER: [(u64, u32); 4] = [(0, MAGIC), (4, VERSION), (8, LANES), (12, LANE_BYTES)];
const CONTROLS: u64 = 4096;
const CONTROL_BYTES: u64 = 128;
const SLEEP: u64 = 0;
const RESERVED: u64 = 64;
const PUBLISHED: u64 = 72;
const RINGS: u64 = 64 << 10;

/// The claim on lane 0; the lock's claims are below.
const FIRST_CLAIM: u32 = 1 << 25;

/// Makes a fresh bus of a file of zeros; the lock is held. Errors: EINVAL (of another length).
pub(crate) fn format(memory: &dyn SharedMemory) -> KResult<()> {
    check_size(memory)?;
    // The magic comes last: it says that the rest is there.
    HEADER.iter().rev().for_each(|(offset, word)| memory.store_u32(*offset, *word));
    Ok(())
}

fn check_size(memory: &dyn SharedMemory) -> KResult<()> {
    match memory.size_bytes() {
        FILE_BYTES => Ok(()),
        _ => Err(KError::new(Errno::EINVAL, "no length of a bus with lanes")),
    }
}

fn control(lane: usize) -> u64 {
    CONTROLS + lane as u64 * CONTROL_BYTES
}

/// A bus in this format, as one device uses it.
pub(crate) struct Lanes {
    memory: Arc<dyn SharedMemory>,
    rings: Vec<Ring>,
    own: usize,
    _claim: Box<dyn Claim>,
    written: Mutex<Written>,
    /// Up to where each lane was read.
    positions: Mutex<Vec<u64>>,
}

/// How far one's own lane is written: what the file says is not relied on.
struct Written {
    published: u64,
    /// Bytes up to here may have been overwritten, by the one who had the lane before as well.
    reserved: u64,
}

impl Lanes {
    /// Errors: EINVAL (its version or length is another), EBUSY (all lanes are taken), ENOTSUP (the host has no claims),
    /// those of the host.
    pub(crate) fn attach(memory: Arc<dyn SharedMemory>) -> KResult<Self> {
        check_size(&*memory)?;
        if HEADER.iter().any(|(offset, word)| memory.load_u32(*offset) != *word) {
            return Err(KError::new(Errno::EINVAL, "a bus with lanes of another version"));
        }
        let (own, claim) = claim_lane(&*memory)?;
        let ring = |lane: u32| Ring {
            memory: memory.clone(),
            start: RINGS + u64::from(lane) * u64::from(LANE_BYTES),
            size: LANE_BYTES.into(),
        };
        let rings = (0..LANES).map(ring).collect();
        memory.store_u32(control(own) + SLEEP, 0);
        let (written, positions) = (Mutex::new(Written::load(&*memory, own)), Mutex::new(Vec::new()));
        let lanes = Self { memory, rings, own, _claim: claim, written, positions };
        lanes.begin();
        Ok(lanes)
    }

    /// Up to where a lane is written.
    fn published(&self, lane: usize) -> u64 {
        self.memory.load_u64(control(lane) + PUBLISHED)
    }

    fn others(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rings.len()).filter(|lane| *lane != self.own)
    }

    /// Wakes whoever sleeps in a lane.
    fn wake(&self, lane: usize) {
        let at = control(lane) + SLEEP;
        let word = self.memory.load_u32(at);
        if word & 1 != 0 {
            self.memory.wake(at);
            self.memory.replace_u32(at, word, word & !1);
        }
    }
}

impl Written {
    /// What the one who had the lane before left.
    fn load(memory: &dyn SharedMemory, lane: usize) -> Self {
        // Records begin at multiples of 8.
        let published = memory.load_u64(control(lane) + PUBLISHED).wrapping_add(7) & !7;
        let reserved = memory.load_u64(control(lane) + RESERVED);
        let ahead = reserved.wrapping_sub(published);
        Self { published, reserved: if ahead <= LANE_BYTES.into() { reserved } else { published } }
    }
}

/// A lane that nobody alive has. Errors: EBUSY, ENOTSUP, those of the host.
fn claim_lane(memory: &dyn SharedMemory) -> KResult<(usize, Box<dyn Claim>)> {
    for lane in 0..LANES {
        match memory.claim(FIRST_CLAIM + lane) {
            Ok(claim) => return Ok((lane as usize, claim)),
            Err(error) if error.errno == Errno::EBUSY => {}
            Err(error) => return Err(host_error(error)),
        }
    }
    Err(KError::new(Errno::EBUSY, "all of its lanes are taken"))
}

impl Wire for Lanes {
    fn offloads(&self) -> Offloads {
        Offloads::all()
    }

    fn begin(&self) {
        let ends = (0..self.rings.len()).map(|lane| self.published(lane)).collect();
        *self.positions.lock() = ends;
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.write_all(packets);
        Ok(())
    }

    fn receive(&self) -> Vec<Packet> {
        self.receive_some()
    }

    fn wait(&self, stopped: &AtomicBool) {
        self.sleep(stopped);
    }

    fn interrupt(&self) {
        // What ends the wait is stored already; the sleeper looks at it after it has said that it sleeps.
        fence(Ordering::SeqCst);
        self.wake(self.own);
    }
}
