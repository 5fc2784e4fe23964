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

    /// Does something while nobody is between looking and waiting; whoever waits looks again.
    pub fn change(&self, change: impl FnOnce()) {
        let _now = lock(&self.now);
        change();
        self.changed.notify_all();
    }

    /// Waits until `is_over`, or for `timeout`; answers whether it was.
    pub fn wait(&self, timeout: Option<Duration>, is_over: impl Fn() -> bool) -> bool {
        let mut now = lock(&self.now);
        let end = timeout.map(|timeout| now.saturating_add(timeout));
        loop {
            if is_over() {
                return true;
            }
            if end.is_some_and(|end| *now >= end) {
                return false;
            }
            now = self.changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
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
        self.time.change(|| self.is_set.store(true, Ordering::Release));
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        self.time.wait(timeout, || self.is_set.swap(false, Ordering::AcqRel))
    }
}
