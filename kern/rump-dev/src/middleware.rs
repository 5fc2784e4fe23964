//! Layers that tests put between a file system and its device.

use crate::FailureRate;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Refuses every write with EROFS.
pub struct ReadOnly {
    device: Arc<dyn BlockDevice>,
}

impl ReadOnly {
    /// Wraps `device`.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(device: Arc<dyn BlockDevice>) -> Arc<dyn BlockDevice> {
        Arc::new(Self { device })
    }
}

impl BlockDevice for ReadOnly {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// Counts what passes.
pub struct Traced {
    device: Arc<dyn BlockDevice>,
    reads: AtomicU64,
    writes: AtomicU64,
    flushes: AtomicU64,
}

impl Traced {
    /// Wraps `device`.
    pub fn new(device: Arc<dyn BlockDevice>) -> Arc<Self> {
        Arc::new(Self {
            device,
            reads: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
        })
    }

    /// Reads so far.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Flushes so far.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }
}

impl BlockDevice for Traced {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.device.write_at(offset, buf)
    }

    fn flush(&self) -> KResult<()> {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        self.device.flush()
    }
}

/// Which operations fail, by their numbers.
enum Fails {
    Between(u64, u64),
    AtRate(FailureRate),
}

/// Fails one operation, all from one on, or some, with EIO.
pub struct Faulty {
    device: Arc<dyn BlockDevice>,
    count: AtomicU64,
    fails: Fails,
}

impl Faulty {
    /// Fails the `n`-th operation (from 0) alone.
    pub fn once(device: Arc<dyn BlockDevice>, n: u64) -> Arc<Self> {
        Self::new(device, Fails::Between(n, n))
    }

    /// Fails the `n`-th operation (from 0) and all that follow.
    pub fn from_then_on(device: Arc<dyn BlockDevice>, n: u64) -> Arc<Self> {
        Self::new(device, Fails::Between(n, u64::MAX))
    }

    /// Fails as many as the rate says; the seed and its number say whether one does.
    pub fn at_rate(device: Arc<dyn BlockDevice>, rate: FailureRate) -> Arc<Self> {
        Self::new(device, Fails::AtRate(rate))
    }

    fn new(device: Arc<dyn BlockDevice>, fails: Fails) -> Arc<Self> {
        Arc::new(Self { device, count: AtomicU64::new(0), fails })
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn step(&self) -> KResult<()> {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        match self.fails {
            Fails::Between(first, last) if (first..=last).contains(&n) => {
                Err(KError::new(Errno::EIO, "injected fault"))
            }
            Fails::AtRate(rate) if rate.fails(n) => {
                Err(KError::new(Errno::EIO, "injected fault (RUMP_BLKFAIL)"))
            }
            _ => Ok(()),
        }
    }
}

impl BlockDevice for Faulty {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.step()?;
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.step()?;
        self.device.write_at(offset, buf)
    }

    fn flush(&self) -> KResult<()> {
        self.step()?;
        self.device.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemDevice;
    use alloc::vec;

    #[test]
    fn read_only_lets_no_write_through() {
        let traced = Traced::new(MemDevice::new(vec![0; 8]));
        let device = ReadOnly::new(traced.clone());
        assert_eq!(device.write_at(0, &[1]).unwrap_err().errno, Errno::EROFS);
        device.read_at(0, &mut [0; 8]).unwrap();
        assert_eq!((traced.reads(), traced.writes()), (1, 0));
    }

    #[test]
    fn a_fault_strikes_the_operation_it_was_planned_for() {
        let device = Faulty::once(MemDevice::new(vec![0; 8]), 1);
        let results: vec::Vec<_> = (0..3).map(|_| device.read_at(0, &mut [0; 8]).is_ok()).collect();
        assert_eq!(results, [true, false, true]);
        let device = Faulty::from_then_on(MemDevice::new(vec![0; 8]), 1);
        let results: vec::Vec<_> = (0..3).map(|_| device.read_at(0, &mut [0; 8]).is_ok()).collect();
        assert_eq!(results, [true, false, false]);
    }
}
