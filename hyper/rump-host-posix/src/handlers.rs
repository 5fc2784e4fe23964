//! Waiting of calls that handlers of signals end, as they end the calls of Linux: in the thread that waits, by its mask, and
//! unless they are of `SA_RESTART`.
//!
//! The thread sleeps in futex(2), by no lock, so that the host decides which handlers end that, and a handler may make calls of
//! the same kernel. futex(2) goes on after a handler of `SA_RESTART` where it has no limit, and never where it has one.

use crate::spin;
use rump_hyper::{Event, Restart, Woken};
use rustix::thread::{Timespec, futex};
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// What is done around the sleep of a call.
type Around = fn(&mut dyn FnMut());

static AROUND: OnceLock<Around> = OnceLock::new();

/// From now on, handlers of this program's signals end the calls of its threads that wait in a kernel. `around` is to do what
/// they sleep by, and so what handlers do that run meanwhile. The first one stays.
pub fn end_calls_by(around: Around) {
    AROUND.get_or_init(|| around);
}

/// An event that handlers matter to, if they do.
pub fn event() -> Option<Arc<dyn Event>> {
    AROUND
        .get()
        .map(|around| Arc::new(Flag { state: AtomicU32::new(CLEAR), around: *around }) as Arc<dyn Event>)
}

const CLEAR: u32 = 0;
const SET: u32 = 1;
/// Clear, and somebody sleeps or is about to.
const AWAITED: u32 = 2;

struct Flag {
    state: AtomicU32,
    around: Around,
}

/// What came of waiting: both may be so, or, for no reason or as the time is over, neither.
#[derive(Clone, Copy, Default)]
struct Waited {
    until_set: bool,
    until_handler: bool,
}

impl Flag {
    fn take(&self) -> bool {
        self.state.compare_exchange(SET, CLEAR, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn sleep(&self, timeout: Option<Duration>, around: Around) -> Waited {
        // What is longer than the host can tell ends for no reason.
        let limit = timeout.map(|left| left.min(Duration::from_secs(u32::MAX.into())));
        let limit =
            limit.map(|left| Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos() as _ });
        let mut slept = Ok(());
        if self.state.compare_exchange(CLEAR, AWAITED, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            around(&mut || slept = futex::wait(&self.state, futex::Flags::PRIVATE, AWAITED, limit.as_ref()));
        }
        let until_set = self.state.swap(CLEAR, Ordering::AcqRel) == SET;
        Waited { until_set, until_handler: slept == Err(rustix::io::Errno::INTR) }
    }

    /// Looks for a while, if that is likely to do, and sleeps then.
    fn look_and_sleep(
        &self,
        timeout: Option<Duration>,
        sleep: impl Fn(Option<Duration>) -> Waited,
    ) -> Waited {
        if self.take() {
            return Waited { until_set: true, until_handler: false };
        }
        let slept = Cell::new(Waited::default());
        let until_set = spin::wait(
            timeout,
            || self.state.load(Ordering::Relaxed) == SET && self.take(),
            |left| {
                slept.set(sleep(left));
                slept.get().until_set
            },
        );
        Waited { until_set, ..slept.get() }
    }
}

impl Event for Flag {
    fn set(&self) {
        if self.state.swap(SET, Ordering::AcqRel) == AWAITED {
            // Who looked already does not sleep.
            let _ = futex::wake(&self.state, futex::Flags::PRIVATE, 1);
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        let begin = Instant::now();
        loop {
            let left = timeout.map(|timeout| timeout.saturating_sub(begin.elapsed()));
            if left == Some(Duration::ZERO) {
                return self.take();
            }
            if self.look_and_sleep(left, |left| self.sleep(left, |sleep| sleep())).until_set {
                return true;
            }
        }
    }

    fn wait_in_call(&self, timeout: Option<Duration>, restart: Restart) -> Woken {
        let longest = (restart == Restart::Never).then_some(Duration::MAX);
        let waited = self.look_and_sleep(timeout, |left| self.sleep(left.or(longest), self.around));
        if waited.until_handler { Woken::ByHandler } else { Woken::AsAsked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag() -> Arc<Flag> {
        Arc::new(Flag { state: AtomicU32::new(CLEAR), around: |sleep| sleep() })
    }

    #[test]
    fn it_is_set_once_for_all_times_and_waits_no_longer_than_it_may() {
        let flag = flag();
        flag.set();
        flag.set();
        assert!(flag.wait(None));
        assert!(!flag.wait(Some(Duration::ZERO)));
        let begin = Instant::now();
        assert!(!flag.wait(Some(Duration::from_millis(20))));
        assert_eq!(flag.wait_in_call(Some(Duration::from_millis(20)), Restart::Often), Woken::AsAsked);
        assert!(begin.elapsed() >= Duration::from_millis(40));
    }

    #[test]
    fn each_of_two_who_answer_each_other_is_woken() {
        let flags = [flag(), flag()];
        let [asked, answered] = flags.clone();
        let answers = std::thread::spawn(move || {
            for _ in 0..10_000 {
                assert!(asked.wait(None));
                answered.set();
            }
        });
        for _ in 0..10_000 {
            flags[0].set();
            assert!(flags[1].wait(Some(Duration::from_secs(60))));
        }
        answers.join().unwrap();
    }
}
