//! Memory that the components of a kernel share for what they keep in it.
//!
//! Invariant: what is charged never passes the limit, and each charge is released exactly once.

use crate::{Errno, KError, KResult};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A cache has at most this part of it.
const PART_OF_CACHE: u64 = 8;

/// See the module.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    used: AtomicU64,
}

impl Memory {
    /// So many bytes, or any number.
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit: limit.unwrap_or(u64::MAX), used: AtomicU64::new(0) }
    }

    /// Takes `count` bytes, all or none. Errors: ENOSPC.
    pub fn charge(&self, count: u64) -> KResult<()> {
        let fits = |used: u64| used.checked_add(count).filter(|&sum| sum <= self.limit);
        let full = || KError::new(Errno::ENOSPC, "the memory of the kernel is full");
        self.used.fetch_update(Relaxed, Relaxed, fits).map(drop).map_err(|_| full())
    }

    /// Gives `count` bytes back.
    pub fn release(&self, count: u64) {
        self.used.fetch_sub(count, Relaxed);
    }

    /// Bytes that can still be charged, if there is a limit.
    pub fn left(&self) -> Option<u64> {
        (self.limit != u64::MAX).then(|| self.limit - self.used.load(Relaxed).min(self.limit))
    }

    /// How many bytes a cache may have whose usual size this is. They are not charged.
    pub fn of_cache(&self, usual: usize) -> usize {
        usize::try_from(self.limit / PART_OF_CACHE).map_or(usual, |most| most.min(usual))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let memory = Memory::new(Some(100));
        memory.charge(60).unwrap();
        assert_eq!(memory.charge(41).unwrap_err().errno, Errno::ENOSPC);
        assert_eq!((memory.left(), memory.of_cache(50), memory.of_cache(7)), (Some(40), 12, 7));
        memory.release(60);
        memory.charge(100).unwrap();
        let any = Memory::new(None);
        any.charge(u64::MAX / 2).unwrap();
        assert_eq!((any.left(), any.of_cache(50)), (None, 50));
    }
}
