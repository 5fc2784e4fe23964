//! A disk in memory that fails on demand and loses unflushed writes at a power cut.

use crate::lock;
use rump_abi::Errno;
use rump_hyper::{HostError, HostResult};
use std::ops::Range;
use std::sync::Mutex;

/// Which I/O fails with EIO. Reads, writes and flushes count together, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// This one fails.
    pub fail_at: Option<u64>,
    /// And every one after it.
    pub for_ever: bool,
}

struct State {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    faults: Faults,
    count: u64,
}

/// The disk.
pub struct SimDisk(Mutex<State>);

impl SimDisk {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(State { durable: bytes.clone(), bytes, faults: Faults::default(), count: 0 }))
    }

    /// Plans faults and counts from the beginning again.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = lock(&self.0);
        state.faults = faults;
        state.count = 0;
    }

    /// Loses every write since the last flush.
    pub fn power_cut(&self) {
        let mut state = lock(&self.0);
        state.bytes = state.durable.clone();
    }

    /// The content as a reader sees it now.
    pub fn bytes(&self) -> Vec<u8> {
        lock(&self.0).bytes.clone()
    }

    pub(crate) fn len(&self) -> u64 {
        lock(&self.0).bytes.len() as u64
    }

    pub(crate) fn read(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
        let mut state = lock(&self.0);
        let range = state.check(offset, buf.len())?;
        buf.copy_from_slice(&state.bytes[range]);
        Ok(())
    }

    pub(crate) fn write(&self, offset: u64, buf: &[u8]) -> HostResult<()> {
        let mut state = lock(&self.0);
        let range = state.check(offset, buf.len())?;
        state.bytes[range].copy_from_slice(buf);
        Ok(())
    }

    pub(crate) fn flush(&self) -> HostResult<()> {
        let mut state = lock(&self.0);
        state.check(0, 0)?;
        state.durable = state.bytes.clone();
        Ok(())
    }
}

impl State {
    /// The range in memory, if it exists and this I/O is not one that fails.
    fn check(&mut self, offset: u64, length: usize) -> HostResult<Range<usize>> {
        let start = usize::try_from(offset).map_err(|_| HostError::from(Errno::EINVAL))?;
        let end = start.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(HostError::from(Errno::EINVAL))?;
        self.count += 1;
        match self.faults.fail_at {
            Some(n) if self.count == n || (self.faults.for_ever && self.count > n) => Err(Errno::EIO.into()),
            _ => Ok(start..end),
        }
    }
}
