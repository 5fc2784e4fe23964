//! Counters of what is in use, against the limits of the mount.
//!
//! Invariant: a counter never passes its limit, and each charge is released exactly once.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use rump_kpi::{Errno, KResult, Memory};

/// A count with a limit.
pub(crate) struct Quota {
    used: AtomicU64,
    limit: u64,
    /// Of the kernel, for content, with the bytes of one.
    memory: Option<(Arc<Memory>, u64)>,
}

impl Drop for Quota {
    fn drop(&mut self) {
        let used = *self.used.get_mut();
        self.release_memory(used);
    }
}

impl Quota {
    /// A count of zero; without a limit if `limit` is `None`.
    pub fn new(limit: Option<u64>) -> Self {
        Self { used: AtomicU64::new(0), limit: limit.unwrap_or(u64::MAX), memory: None }
    }

    /// The same for what takes `bytes` of the kernel's memory each.
    pub fn of_memory(limit: Option<u64>, memory: &Arc<Memory>, bytes: u64) -> Self {
        let mut quota = Self::new(limit);
        quota.memory = Some((memory.clone(), bytes));
        quota
    }

    /// Takes `count`, all or nothing. Errors: ENOSPC.
    pub fn charge(&self, count: u64) -> KResult<()> {
        if let Some((memory, bytes)) = &self.memory {
            memory.charge(count.checked_mul(*bytes).ok_or(Errno::ENOSPC)?)?;
        }
        self.charge_own(count).inspect_err(|_| self.release_memory(count))
    }

    fn charge_own(&self, count: u64) -> KResult<()> {
        let fits = |used: u64| used.checked_add(count).filter(|&sum| sum <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, fits).map(drop).map_err(|_| Errno::ENOSPC.into())
    }

    /// Gives `count` back.
    pub fn release(&self, count: u64) {
        self.used.fetch_sub(count, Relaxed);
        self.release_memory(count);
    }

    fn release_memory(&self, count: u64) {
        if let Some((memory, bytes)) = &self.memory {
            memory.release(count * bytes);
        }
    }

    /// The limit, if there is one: its own, or what is used and left of the kernel's memory.
    pub fn limit(&self) -> Option<u64> {
        let own = (self.limit != u64::MAX).then_some(self.limit);
        let left = self.memory.as_ref().and_then(|(memory, bytes)| Some(memory.left()? / bytes));
        let of_memory = left.map(|left| left.saturating_add(self.used()));
        own.into_iter().chain(of_memory).min()
    }

    /// How many are in use.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}
