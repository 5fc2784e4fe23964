//! Simulated time, and waiting in it.

use crate::lock;
use rump_hyper::Event;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The time since the host began, which passes when someone says so.
#[derive(Default)]
pub struct Time {
    now: Mutex<Duration>,
    /// Time has passed, or an event was set.
    changed: Condvar,
}

impl Time {
    /// Lets time pass; answers the time then.
    pub fn pass(&self, duration: Duration) -> Duration {
        let mut now = lock(&self.now);
        *now = now.saturating_add(duration);
        if !duration.is_zero() {
            self.changed.notify_all();
        }
        *now
    }
}

/// An event whose timeouts end when the simulated time has passed.
pub struct SimEvent {
    time: Arc<Time>,
    is_set: AtomicBool,
}

impl SimEvent {
    /// An event of a host with this time.
    pub fn new(time: Arc<Time>) -> Self {
        Self { time, is_set: AtomicBool::new(false) }
    }
}

impl Event for SimEvent {
    fn set(&self) {
        // The lock is held, so that nobody is between looking at the flag and waiting.
        let _now = lock(&self.time.now);
        self.is_set.store(true, Ordering::Release);
        self.time.changed.notify_all();
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut now = lock(&self.time.now);
        let end = timeout.map(|timeout| now.saturating_add(timeout));
        loop {
            if self.is_set.swap(false, Ordering::AcqRel) {
                return true;
            }
            if end.is_some_and(|end| *now >= end) {
                return false;
            }
            now = self.time.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
