//! Waiting for something to become ready: the one mechanism of blocking calls, `poll`, `kqueue` and futures.
//!
//! Whoever waits registers first, looks second, and sleeps third, so that no change between the two is missed. What
//! changes first changes and then wakes. What is looked at is under a lock, or its accesses are all `SeqCst`. Who looked
//! before he registered need not look again while [`WaitQueue::changes`] is what it was before that.
//!
//! `tests/wait_model.rs` tries every interleaving of these; it compiles this file with the types of a model checker.

use crate::sync::{AtomicU64, Mutex, Ordering};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::task::Waker;

/// A change, in [`WaitQueue::state`].
const CHANGE: u64 = 1 << 32;

/// Those who wait for one thing.
#[derive(Default)]
pub struct WaitQueue {
    /// How many there are, so that waking nobody takes no lock, and above them how often something changed: one word, so
    /// that who registers is woken by a change or sees it.
    state: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl WaitQueue {
    /// Registers `waker` until the answer is dropped: it is woken at every change.
    pub fn register(self: &Arc<Self>, waker: &Waker) -> Registration {
        let mut waiting = self.waiting.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.wakers.insert(number, waker.clone());
        self.state.fetch_add(1, Ordering::SeqCst);
        Registration { queue: self.clone(), number }
    }

    /// How often something changed.
    pub fn changes(&self) -> u64 {
        self.state.load(Ordering::SeqCst) / CHANGE
    }

    /// Wakes all. To be called once the change can be seen, without a lock that those who wake may want.
    pub fn wake(&self) {
        if self.state.fetch_add(CHANGE, Ordering::SeqCst) % CHANGE == 0 {
            return;
        }
        let wakers: alloc::vec::Vec<Waker> = self.waiting.lock().wakers.values().cloned().collect();
        wakers.iter().for_each(Waker::wake_by_ref);
    }
}

/// A place in a [`WaitQueue`].
pub struct Registration {
    queue: Arc<WaitQueue>,
    number: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock();
        let waker = waiting.wakers.remove(&self.number);
        self.queue.state.fetch_sub(1, Ordering::SeqCst);
        drop(waiting);
        // A waker may do anything when it is dropped.
        drop(waker);
    }
}
