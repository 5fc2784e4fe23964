//! Locks that are nothing but themselves, as the standard library has them. Those of `parking_lot` share a table, and in a child
//! of a program with threads the locks of that table may be those of a thread that the child has not.
//!
//! What panicked with a lock is no reason to go without what it guards.

use rump_sysproxy::transport::Restart;
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::thread::{Timespec, futex};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{MutexGuard, PoisonError, RwLockReadGuard, RwLockWriteGuard};

#[derive(Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct RwLock<T>(std::sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A count of changes. Whoever sleeps until there is another has no lock.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Default)]
pub(crate) struct Changes {
    count: AtomicU32,
    /// How many sleep, or are about to.
    sleeping: AtomicU32,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Changes {
    /// How many there were.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::SeqCst)
    }

    /// Sleeps until there is one after `seen`, or for no reason; true: a handler ended it that ends calls.
    pub(crate) fn sleep(&self, seen: u32, restart: Restart) -> bool {
        // After any handler, the host does not begin a sleep again that has a limit.
        let limit = Timespec { tv_sec: u32::MAX.into(), tv_nsec: 0 };
        let limit = (restart == Restart::Never).then_some(&limit);
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        let slept = futex::wait(&self.count, futex::Flags::PRIVATE, seen, limit);
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
        slept == Err(rustix::io::Errno::INTR)
    }

    /// There is one.
    pub(crate) fn tell(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        if self.sleeping.load(Ordering::SeqCst) > 0 {
            // Whom it finds asleep is awake then.
            let _ = futex::wake(&self.count, futex::Flags::PRIVATE, i32::MAX as u32);
        }
    }
}

/// A count of changes. Whoever sleeps until there is another has no lock; no handler ends that.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[derive(Default)]
pub(crate) struct Changes {
    count: Mutex<u32>,
    changed: std::sync::Condvar,
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Changes {
    pub(crate) fn count(&self) -> u32 {
        *self.count.lock()
    }

    pub(crate) fn sleep(&self, seen: u32, _: Restart) -> bool {
        let count = self.count.lock();
        drop(self.changed.wait_while(count, |count| *count == seen));
        false
    }

    pub(crate) fn tell(&self) {
        let mut count = self.count.lock();
        *count = count.wrapping_add(1);
        self.changed.notify_all();
    }
}
