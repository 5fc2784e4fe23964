//! Counters of what is in use, against the limits of the mount.
//!
//! Invariant: a counter never passes its limit, and each charge is released exactly once.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use rump_kpi::{Errno, KResult};

/// A count with a limit.
pub(crate) struct Quota {
    used: AtomicU64,
    limit: u64,
}

impl Quota {
    /// A count of zero; without a limit if `limit` is `None`.
    pub fn new(limit: Option<u64>) -> Self {
        Self { used: AtomicU64::new(0), limit: limit.unwrap_or(u64::MAX) }
    }

    /// Takes `count`, all or nothing. Errors: ENOSPC.
    pub fn charge(&self, count: u64) -> KResult<()> {
        let fits = |used: u64| used.checked_add(count).filter(|&sum| sum <= self.limit);
        self.used.fetch_update(Relaxed, Relaxed, fits).map(drop).map_err(|_| Errno::ENOSPC.into())
    }

    /// Gives `count` back.
    pub fn release(&self, count: u64) {
        self.used.fetch_sub(count, Relaxed);
    }

    /// The limit, if there is one.
    pub fn limit(&self) -> Option<u64> {
        (self.limit != u64::MAX).then_some(self.limit)
    }

    /// How many are in use.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}
