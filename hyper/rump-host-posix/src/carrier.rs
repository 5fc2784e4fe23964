//! Whether an interface of the host is up: noted here, since the kernel does not tell who waits for frames.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// How often to look whether one that is down is up again, or gone.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Default)]
pub struct Carrier {
    is_down: AtomicBool,
    /// How often it went down and up.
    changes: AtomicU64,
}

impl Carrier {
    /// What is so from the beginning is no change.
    pub fn new(is_down: bool) -> Self {
        Self { is_down: AtomicBool::new(is_down), changes: AtomicU64::new(0) }
    }

    pub fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    pub fn note(&self, is_down: bool) {
        if self.is_down.swap(is_down, Ordering::Relaxed) != is_down {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long to wait for frames.
    pub fn patience(&self, timeout: Option<Duration>) -> Option<Duration> {
        if self.is_down() {
            Some(timeout.map_or(LOOK_AGAIN, |timeout| timeout.min(LOOK_AGAIN)))
        } else {
            timeout
        }
    }
}
