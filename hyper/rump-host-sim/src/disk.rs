//! A disk in memory that fails on demand and loses, or tears, unflushed writes at a power cut.
//!
//! Invariant: `bytes` is `durable` with every write of `unflushed` applied in order.

use crate::lock;
use rump_abi::Errno;
use rump_random::Random;
use std::ops::Range;
use std::sync::Mutex;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// Which I/O fails with EIO, without effect.
///
/// Reads, writes and flushes count together, from 1; what is refused for its range or access does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// This one fails.
    pub fail_at: Option<u64>,
    /// And every one after it.
    pub for_ever: bool,
    /// So many of 10000 fail besides, chosen by `seed` and the count.
    pub per_10000: u16,
    /// The same seed fails the same ones.
    pub seed: u64,
}

impl Faults {
    fn hit(&self, count: u64, random: &mut Random) -> bool {
        let planned = self.fail_at.is_some_and(|n| count == n || (self.for_ever && count > n));
        // Drawn every time, so that a planned fault does not move the others.
        let unlucky = random.number() % 10_000 < u64::from(self.per_10000);
        planned || unlucky
    }
}

struct State {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    unflushed: Vec<(usize, Vec<u8>)>,
    faults: Faults,
    /// Of the faults.
    random: Random,
    count: u64,
}

/// The disk.
pub struct SimDisk(Mutex<State>);

impl SimDisk {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(State {
            durable: bytes.clone(),
            bytes,
            unflushed: Vec::new(),
            faults: Faults::default(),
            random: Random::new(0),
            count: 0,
        }))
    }

    /// Plans faults and counts from the beginning again.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = lock(&self.0);
        state.faults = faults;
        state.random = Random::new(faults.seed);
        state.count = 0;
    }

    /// Loses every write since the last flush.
    pub fn power_cut(&self) {
        lock(&self.0).cut(|| false);
    }

    /// Tears every write since the last flush: each of its sectors of 512 bytes is kept or lost, as `seed` decides.
    pub fn power_cut_torn(&self, seed: u64) {
        let mut random = Random::new(seed);
        lock(&self.0).cut(|| random.number() & 1 == 1);
    }

    /// The content as a reader sees it now.
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.0).bytes.clone()
    }

    pub(crate) fn len(&self) -> u64 {
        lock(&self.0).bytes.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> Result<(), Errno> {
        let mut state = lock(&self.0);
        let range = state.check(offset, buf.len())?;
        buf.copy_from_slice(&state.bytes[range]);
        Ok(())
    }

    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> Result<(), Errno> {
        let mut state = lock(&self.0);
        let range = state.check(offset, buf.len())?;
        state.unflushed.push((range.start, buf.into()));
        state.bytes[range].copy_from_slice(buf);
        Ok(())
    }

    /// A length is durable at once.
    pub(crate) fn grow(&self, size_bytes: u64) -> Result<(), Errno> {
        let mut state = lock(&self.0);
        state.check(0, 0)?;
        let size = usize::try_from(size_bytes).map_err(|_| Errno::EFBIG)?;
        if size > state.bytes.len() {
            state.bytes.resize(size, 0);
            state.durable.resize(size, 0);
        }
        Ok(())
    }

    pub(crate) fn flush(&self) -> Result<(), Errno> {
        let mut state = lock(&self.0);
        state.check(0, 0)?;
        state.settle(|| true);
        Ok(())
    }
}

impl State {
    /// The range in memory, if it exists and this I/O is not one that fails.
    fn check(&mut self, offset: u64, length: usize) -> Result<Range<usize>, Errno> {
        let start = usize::try_from(offset).map_err(|_| Errno::EINVAL)?;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Errno::EINVAL)?;
        self.count += 1;
        if self.faults.hit(self.count, &mut self.random) { Err(Errno::EIO) } else { Ok(start..end) }
    }

    /// Asks `keep` for every sector of every unflushed write, in order, and makes durable what it keeps.
    fn settle(&mut self, mut keep: impl FnMut() -> bool) {
        for (mut at, data) in std::mem::take(&mut self.unflushed) {
            let mut rest = &data[..];
            while !rest.is_empty() {
                let (sector, after) = rest.split_at(rest.len().min(SECTOR - at % SECTOR));
                if keep() {
                    self.durable[at..at + sector.len()].copy_from_slice(sector);
                }
                at += sector.len();
                rest = after;
            }
        }
    }

    fn cut(&mut self, keep: impl FnMut() -> bool) {
        self.settle(keep);
        self.bytes.clone_from(&self.durable);
    }
}
