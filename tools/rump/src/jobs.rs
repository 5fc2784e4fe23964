//! Work for several threads, whose results come in the order in which the work was given.
//!
//! One thread gives work and takes results; the others do what was given, first come, first done. It never waits while there
//! is work that it could do itself: a result whose turn it is and that nobody has begun, or, while another is at that one,
//! the next piece that is small. Without other threads everything is done when its result is asked for. Memory: as
//! long as no more than [`window`] pieces are given before a result is taken, that of so many.
//!
//! One lock, which no work is done under; nothing else is locked with it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most pieces of work and results under way.
const WINDOW: usize = 256;
/// So many small pieces are worth waking a thread for.
const BATCH: usize = 32;
/// How long a wait for a result lasts before progress is shown.
const WAIT: Duration = Duration::from_millis(100);
/// More threads than these are not begun unasked: the directories of the host are the limit.
const USUAL_MOST: usize = 4;

/// Most pieces of work and results to be under way, each of which may have one of the host's descriptors.
pub fn window() -> usize {
    WINDOW.min(crate::cp::host_descriptors() / 4).max(2)
}

/// As many as there are processors, up to four.
pub fn usual() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(USUAL_MOST))
}

/// What is done by the threads.
pub trait Job: Send {
    /// What it comes to.
    type Result: Send;

    /// Does it. `buffer` is of the thread.
    fn run(self, buffer: &mut Vec<u8>) -> Self::Result;

    /// Whether it is done so soon that the one who waits for another may do it meanwhile.
    fn is_small(&self) -> bool;
}

enum Slot<J: Job> {
    Given(J),
    Begun,
    Done(J::Result),
}

struct State<J: Job> {
    /// In the order in which they were given.
    slots: VecDeque<Slot<J>>,
    /// Number of the first slot, counted from the beginning.
    first: usize,
    /// Number of the first slot that nobody has begun.
    next: usize,
    idle: usize,
    /// The one that takes results waits for the first.
    is_awaited: bool,
    has_ended: bool,
}

impl<J: Job> State<J> {
    /// How many pieces may be left that nobody has begun.
    fn left(&self) -> usize {
        self.slots.len() - (self.next - self.first)
    }

    /// The next piece of work, which is begun by that, and its number.
    fn begin(&mut self, is_wanted: impl Fn(&J) -> bool) -> Option<(usize, J)> {
        while let Some(slot) = self.slots.get_mut(self.next - self.first) {
            match slot {
                Slot::Given(job) if !is_wanted(job) => return None,
                Slot::Given(_) => {
                    let Slot::Given(job) = std::mem::replace(slot, Slot::Begun) else { return None };
                    self.next += 1;
                    return Some((self.next - 1, job));
                }
                Slot::Begun | Slot::Done(_) => self.next += 1,
            }
        }
        None
    }
}

struct Shared<J: Job> {
    state: Mutex<State<J>>,
    given: Condvar,
    done: Condvar,
}

impl<J: Job> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // A panic of a job ends the program; the state is whole at any time.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut buffer = Vec::new();
        let mut state = self.lock();
        while !state.has_ended {
            let Some((number, job)) = state.begin(|_| true) else {
                state.idle += 1;
                state = self.given.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            let result = job.run(&mut buffer);
            state = self.lock();
            self.put(&mut state, number, result);
        }
    }

    fn put(&self, state: &mut State<J>, number: usize, result: J::Result) {
        let index = number - state.first;
        state.slots[index] = Slot::Done(result);
        if index == 0 && state.is_awaited {
            self.done.notify_one();
        }
    }
}

/// Work under way, for the thread that gives it.
pub struct Window<'s, J: Job> {
    shared: &'s Shared<J>,
    buffer: Vec<u8>,
}

/// Ends the threads, on every way out.
struct End<'s, J: Job>(&'s Shared<J>);

impl<J: Job> Drop for End<'_, J> {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.given.notify_all();
    }
}

/// Calls `body` with a window whose work `threads` threads do, the calling one among them. What nobody has begun when `body`
/// returns is dropped; what is begun is awaited.
pub fn with_threads<J: Job, T>(threads: usize, body: impl FnOnce(&mut Window<'_, J>) -> T) -> T {
    let state =
        State { slots: VecDeque::new(), first: 0, next: 0, idle: 0, is_awaited: false, has_ended: false };
    let shared = Shared { state: Mutex::new(state), given: Condvar::new(), done: Condvar::new() };
    std::thread::scope(|scope| {
        // More than there are pieces would have nothing to do.
        for _ in 1..threads.min(window()) {
            // With fewer threads the same is done, only later.
            let _ = std::thread::Builder::new().spawn_scoped(scope, || shared.work());
        }
        let _end = End(&shared);
        body(&mut Window { shared: &shared, buffer: Vec::new() })
    })
}

impl<J: Job> Window<'_, J> {
    /// Gives work.
    pub fn give(&mut self, job: J) {
        let mut state = self.shared.lock();
        let is_small = job.is_small();
        state.slots.push_back(Slot::Given(job));
        // Small ones that nobody is woken for are done by who asks for their results.
        if state.idle > 0 && (!is_small || state.left() >= BATCH) {
            self.shared.given.notify_one();
        }
    }

    /// Gives what is done already, to be taken when it is its turn.
    pub fn give_done(&mut self, result: J::Result) {
        self.shared.lock().slots.push_back(Slot::Done(result));
    }

    /// How many results were not taken yet.
    pub fn len(&self) -> usize {
        self.shared.lock().slots.len()
    }

    /// The next result in order; `None` if all were taken. `wait` is called now and then while nothing else can be done.
    pub fn take(&mut self, mut wait: impl FnMut()) -> Option<J::Result> {
        let mut state = self.shared.lock();
        loop {
            match state.slots.front() {
                None => return None,
                Some(Slot::Done(_)) => {
                    let Some(Slot::Done(result)) = state.slots.pop_front() else { return None };
                    state.first += 1;
                    state.next = state.next.max(state.first);
                    return Some(result);
                }
                Some(Slot::Given(_) | Slot::Begun) => {}
            }
            let is_first = state.next == state.first;
            if let Some((number, job)) = state.begin(|job| is_first || job.is_small()) {
                drop(state);
                let result = job.run(&mut self.buffer);
                state = self.shared.lock();
                self.shared.put(&mut state, number, result);
                continue;
            }
            state.is_awaited = true;
            let done = &self.shared.done;
            let (after, timeout) = done.wait_timeout(state, WAIT).unwrap_or_else(PoisonError::into_inner);
            state = after;
            state.is_awaited = false;
            if timeout.timed_out() {
                drop(state);
                wait();
                state = self.shared.lock();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Number<'a> {
        value: usize,
        is_small: bool,
        done: &'a AtomicUsize,
    }

    impl Job for Number<'_> {
        type Result = usize;

        fn run(self, _: &mut Vec<u8>) -> usize {
            if self.value % 7 == 0 {
                std::thread::yield_now();
            }
            self.done.fetch_add(1, Ordering::Relaxed);
            self.value
        }

        fn is_small(&self) -> bool {
            self.is_small
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_work_whoever_does_it() {
        for threads in [1, 2, 7] {
            let done = AtomicUsize::new(0);
            let mut taken = Vec::new();
            with_threads(threads, |window| {
                for value in 0..5000 {
                    match value % 5 {
                        0 => window.give_done(value),
                        _ => window.give(Number { value, is_small: value % 3 == 0, done: &done }),
                    }
                    while window.len() > WINDOW {
                        taken.extend(window.take(|| ()));
                    }
                }
                while let Some(value) = window.take(|| ()) {
                    taken.push(value);
                }
            });
            assert!(taken.iter().copied().eq(0..5000), "{threads} threads");
            assert_eq!(done.into_inner(), 4000);
        }
    }

    #[test]
    fn what_nobody_has_begun_at_the_end_is_not_done() {
        let done = AtomicUsize::new(0);
        with_threads(1, |window| {
            for value in 0..10 {
                window.give(Number { value, is_small: true, done: &done });
            }
            assert_eq!(window.take(|| ()), Some(0));
        });
        assert_eq!(done.into_inner(), 1);
    }
}
