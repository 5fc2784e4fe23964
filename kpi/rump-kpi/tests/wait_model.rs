//! Every interleaving of those who wait and those who wake, by loom.
//!
//! A model that sleeps for ever is a failure. One behaviour shows that the model finds a wake-up that is lost.

#![allow(missing_docs)]

extern crate alloc;

/// The types that the file under test uses, as loom has them.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }
}

#[path = "../src/wait.rs"]
mod wait;

use std::sync::Arc;
use std::task::{Wake, Waker};
use sync::Mutex;
use wait::{Registration, WaitQueue};

/// An event of the host.
struct Event {
    is_set: loom::sync::Mutex<bool>,
    changed: loom::sync::Condvar,
}

impl Event {
    fn new() -> Arc<Self> {
        Arc::new(Self { is_set: loom::sync::Mutex::new(false), changed: loom::sync::Condvar::new() })
    }

    fn wait(&self) {
        let mut is_set = self.is_set.lock().unwrap();
        while !*is_set {
            is_set = self.changed.wait(is_set).unwrap();
        }
        *is_set = false;
    }
}

impl Wake for Event {
    fn wake(self: Arc<Self>) {
        *self.is_set.lock().unwrap() = true;
        self.changed.notify_all();
    }
}

/// Something that is waited for.
#[derive(Default)]
struct Thing {
    amount: Mutex<u32>,
    queue: Arc<WaitQueue>,
}

impl Thing {
    fn add(&self) {
        *self.amount.lock() += 1;
        self.queue.wake();
    }

    fn take(&self) -> bool {
        let mut amount = self.amount.lock();
        let has_one = *amount != 0;
        *amount -= u32::from(has_one);
        has_one
    }

    fn register(&self, event: &Arc<Event>) -> Registration {
        self.queue.register(&Waker::from(event.clone()))
    }

    /// Looks, registers, and looks again if something has changed.
    fn look_and_wait(&self) {
        let mut seen = self.queue.changes();
        if self.take() {
            return;
        }
        let event = Event::new();
        let _registration = self.register(&event);
        loop {
            let changes = self.queue.changes();
            if core::mem::replace(&mut seen, changes) != changes && self.take() {
                return;
            }
            event.wait();
        }
    }

    /// Registers, looks, sleeps.
    fn wait(&self) {
        let event = Event::new();
        let _registration = self.register(&event);
        while !self.take() {
            event.wait();
        }
    }
}

#[test]
fn who_waits_is_woken() {
    loom::model(|| {
        let thing = Arc::new(Thing::default());
        let other = thing.clone();
        let adds = loom::thread::spawn(move || other.add());
        thing.wait();
        adds.join().unwrap();
    });
}

#[test]
fn who_looked_before_is_woken() {
    loom::model(|| {
        let thing = Arc::new(Thing::default());
        let other = thing.clone();
        let adds = loom::thread::spawn(move || other.add());
        thing.look_and_wait();
        adds.join().unwrap();
    });
}

#[test]
fn two_who_wait_are_both_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let thing = Arc::new(Thing::default());
        let waits = [thing.clone(), thing.clone()].map(|thing| loom::thread::spawn(move || thing.wait()));
        thing.add();
        thing.add();
        waits.into_iter().for_each(|waits| waits.join().unwrap());
    });
}

#[test]
fn leaving_while_another_wakes_is_safe() {
    loom::model(|| {
        let thing = Arc::new(Thing::default());
        let other = thing.clone();
        let adds = loom::thread::spawn(move || other.add());
        drop(thing.register(&Event::new()));
        thing.wait();
        adds.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "deadlock")]
fn who_looks_before_registering_may_sleep_for_ever() {
    loom::model(|| {
        let thing = Arc::new(Thing::default());
        let other = thing.clone();
        let adds = loom::thread::spawn(move || other.add());
        let event = Event::new();
        if !thing.take() {
            // Loom cannot drop it once it has panicked.
            let _registration = core::mem::ManuallyDrop::new(thing.register(&event));
            event.wait();
        }
        adds.join().unwrap();
    });
}
