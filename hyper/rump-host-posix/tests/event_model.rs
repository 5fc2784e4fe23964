//! Every interleaving of who waits for an event and who sets it, by loom.
//!
//! A model that sleeps for ever is a failure.

#![allow(missing_docs)]

/// The types that the file under test uses, as loom has them.
mod sync {
    pub use loom::sync::Condvar as Inner;
    pub use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use loom::sync::{LockResult, MutexGuard};
    use std::ops::Deref;

    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self(loom::sync::Mutex::new(T::default()))
        }
    }

    impl<T> Deref for Mutex<T> {
        type Target = loom::sync::Mutex<T>;
        fn deref(&self) -> &Self::Target {
            &self.0
        }
    }

    pub struct Condvar(Inner);

    impl Default for Condvar {
        fn default() -> Self {
            Self(Inner::new())
        }
    }

    impl Condvar {
        pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
            self.0.wait(guard)
        }

        pub fn wait_timeout<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _left: std::time::Duration,
        ) -> LockResult<(MutexGuard<'a, T>, ())> {
            self.0.wait(guard).map(|guard| (guard, ())).map_err(|_| unreachable!("nobody panics"))
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

/// Looking is looking once more.
mod spin {
    use std::time::Duration;

    pub fn wait(
        timeout: Option<Duration>,
        is_over: impl Fn() -> bool,
        sleep: impl FnOnce(Option<Duration>) -> bool,
    ) -> bool {
        is_over() || sleep(timeout)
    }
}

#[path = "../src/event.rs"]
mod event;

use event::Flag;
use rump_hyper::Event;
use std::sync::Arc;

#[test]
fn who_waits_is_woken() {
    loom::model(|| {
        let flag = Arc::new(Flag::default());
        let other = flag.clone();
        let sets = loom::thread::spawn(move || other.set());
        assert!(flag.wait(None));
        sets.join().unwrap();
    });
}

#[test]
fn each_of_two_who_answer_each_other_is_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let flags = [Arc::new(Flag::default()), Arc::new(Flag::default())];
        let [asked, answered] = flags.clone();
        let answers = loom::thread::spawn(move || {
            for _ in 0..2 {
                assert!(asked.wait(None));
                answered.set();
            }
        });
        for _ in 0..2 {
            flags[0].set();
            assert!(flags[1].wait(None));
        }
        answers.join().unwrap();
    });
}

#[test]
fn many_may_set_it() {
    loom::model(|| {
        let flag = Arc::new(Flag::default());
        let sets = [flag.clone(), flag.clone()].map(|flag| loom::thread::spawn(move || flag.set()));
        assert!(flag.wait(None));
        sets.into_iter().for_each(|sets| sets.join().unwrap());
    });
}
