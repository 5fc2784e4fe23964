//! Waiting for another thread.
//!
//! Who waits says so, takes the flag, and sleeps if it was not set, all under a lock; who sets the flag does that first
//! and looks for who waits second. Both change the flag: if the taker came first and found nothing, the setter sees what
//! the taker said before. `tests/event_model.rs` tries every interleaving of these; it compiles this file with the types of
//! a model checker.

use crate::spin;
use crate::sync::{AtomicBool, AtomicUsize, Condvar, Mutex, Ordering};
use rump_hyper::Event;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// A flag; its lock is a leaf.
#[derive(Default)]
pub struct Flag {
    is_set: AtomicBool,
    /// How many sleep, or are about to: waking nobody takes no system call.
    sleeping: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Flag {
    fn take(&self) -> bool {
        self.is_set.swap(false, Ordering::AcqRel)
    }

    fn sleep(&self, timeout: Option<Duration>) -> bool {
        let begin = Instant::now();
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleeping.fetch_add(1, Ordering::Relaxed);
        let was_set = loop {
            if self.take() {
                break true;
            }
            guard = match timeout.map(|timeout| timeout.saturating_sub(begin.elapsed())) {
                None => self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break false,
                Some(left) => {
                    self.changed.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        };
        self.sleeping.fetch_sub(1, Ordering::Relaxed);
        was_set
    }
}

impl Event for Flag {
    fn set(&self) {
        self.is_set.swap(true, Ordering::AcqRel);
        if self.sleeping.load(Ordering::Relaxed) > 0 {
            // Who looked already sleeps by now.
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.changed.notify_all();
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        if self.take() {
            return true;
        }
        if timeout == Some(Duration::ZERO) {
            return false;
        }
        let is_over = || self.is_set.load(Ordering::Relaxed) && self.take();
        spin::wait(timeout, is_over, |left| self.sleep(left))
    }
}
