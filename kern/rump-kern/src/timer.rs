//! Timers of processes: one thread of the kernel, begun with the first that is to signal, looks after all.
//!
//! A timer of the wall clock that is set to a moment follows the clock when it is set. Timers are kept by number of process
//! and go with it. The lock is a leaf: nothing is signalled while it is held.

use crate::clock::{WallClock, checked_length, length, time_of};
use crate::process::WeakProcess;
use crate::signal::Posted;
use crate::worker::{Work, Worker};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rump_abi::{ClockId, Errno, Signal, TimeSpec, TimerSpec};
use rump_hyper::Hypervisor;
use rump_kpi::KResult;
use rump_kpi::sync::Mutex;

/// Timers of `timer_create` that a process may have.
const TIMER_MAX: u32 = 32;

/// Timers signal no more often; what they miss counts as overrun.
const PERIOD_MIN: Duration = Duration::from_micros(100);

/// The number of the timer that `setitimer` sets.
pub(crate) const REAL: u32 = TIMER_MAX;

/// Process, and number within it.
pub(crate) type Key = (u32, u32);

/// How a process hears of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// It does not (`SIGEV_NONE`).
    #[default]
    None,
    /// By a signal (`SIGEV_SIGNAL`).
    Signal(Signal),
}

/// What the time that a timer is set to means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// A length from now.
    Relative,
    /// A moment by the timer's clock (`TIMER_ABSTIME`).
    Absolute,
}

/// The timers of a kernel. Dropping it ends the thread.
pub(crate) struct Timers(Arc<Driver>);

struct Driver {
    worker: Worker,
    clock: Arc<WallClock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_stopped: bool,
    timers: BTreeMap<Key, Timer>,
    /// When to look at which, by the monotonic and by the wall clock.
    queues: [BTreeSet<(i128, Key)>; 2],
}

struct Timer {
    process: WeakProcess,
    clock: ClockId,
    notify: Notify,
    armed: Option<Armed>,
    overruns: u32,
}

/// By which clock a timer goes off: a place in [`State::queues`].
#[derive(Clone, Copy)]
enum Base {
    Monotonic,
    Realtime,
}

/// Times in nanoseconds.
#[derive(Clone, Copy)]
struct Armed {
    base: Base,
    next: i128,
    interval: i128,
    /// Its place in the queue.
    look: i128,
}

/// A timer that went off.
struct Fired {
    key: Key,
    process: WeakProcess,
    signal: Signal,
    /// How often.
    times: u32,
    overruns_before: u32,
}

impl Timers {
    pub(crate) fn new(clock: &Arc<WallClock>, host: &Arc<dyn Hypervisor>) -> Self {
        let (worker, clock) = (Worker::new("timers", host), clock.clone());
        Self(Arc::new(Driver { worker, clock, state: Mutex::default() }))
    }

    /// Makes a timer with the lowest free number. Errors: EAGAIN ([`TIMER_MAX`]).
    pub(crate) fn create(
        &self,
        pid: u32,
        process: WeakProcess,
        clock: ClockId,
        notify: Notify,
    ) -> KResult<u32> {
        let timer = Timer { process, clock, notify, armed: None, overruns: 0 };
        let mut state = self.0.state.lock();
        let free = (0..TIMER_MAX).find(|&number| !state.timers.contains_key(&(pid, number)));
        let number = free.ok_or(Errno::EAGAIN)?;
        state.timers.insert((pid, number), timer);
        Ok(number)
    }

    /// Makes the timer of `setitimer`, if it is not there.
    pub(crate) fn create_real(&self, pid: u32, process: impl FnOnce() -> WeakProcess) {
        let (clock, notify) = (ClockId::Monotonic, Notify::Signal(Signal::SIGALRM));
        let mut state = self.0.state.lock();
        let new = || Timer { process: process(), clock, notify, armed: None, overruns: 0 };
        state.timers.entry((pid, REAL)).or_insert_with(new);
    }

    /// Sets a timer; answers how it was set. Errors: EINVAL (no such timer, or a time that makes no sense).
    pub(crate) fn set(&self, key: Key, spec: &TimerSpec, arm: Arm) -> KResult<TimerSpec> {
        let (value, interval) = (checked_length(spec.value)?, checked_length(spec.interval)?);
        let mut state = self.0.state.lock();
        let before = self.0.show(state.timer(key)?);
        state.disarm(key);
        let timer = state.timer(key)?;
        timer.overruns = 0;
        if value.is_zero() {
            return Ok(before);
        }
        let base = match arm {
            Arm::Absolute if timer.clock == ClockId::Realtime => Base::Realtime,
            _ => Base::Monotonic,
        };
        let begin = if arm == Arm::Relative { self.0.now(base) } else { 0 };
        let next = begin + value.as_nanos() as i128;
        timer.armed = Some(Armed { base, next, interval: interval.as_nanos() as i128, look: next });
        if timer.notify != Notify::None {
            state.queues[base as usize].insert((next, key));
            drop(state);
            self.0.ask();
        }
        Ok(before)
    }

    /// How a timer is set. Errors: EINVAL (no such timer).
    pub(crate) fn show(&self, key: Key) -> KResult<TimerSpec> {
        Ok(self.0.show(self.0.state.lock().timer(key)?))
    }

    /// How often it went off since the signal that is or was last on its way. Errors: EINVAL (no such timer).
    pub(crate) fn overruns(&self, key: Key) -> KResult<u32> {
        Ok(self.0.state.lock().timer(key)?.overruns)
    }

    /// Errors: EINVAL (no such timer).
    pub(crate) fn delete(&self, key: Key) -> KResult<()> {
        let mut state = self.0.state.lock();
        state.timer(key)?;
        state.disarm(key);
        state.timers.remove(&key);
        Ok(())
    }

    /// Deletes the timers of a process.
    pub(crate) fn forget(&self, pid: u32) {
        let mut state = self.0.state.lock();
        let keys: Vec<Key> = state.timers.range((pid, 0)..=(pid, REAL)).map(|(key, _)| *key).collect();
        for key in keys {
            state.disarm(key);
            state.timers.remove(&key);
        }
    }

    /// The wall clock was set.
    pub(crate) fn look_again(&self) {
        self.0.worker.wake();
    }

    /// Signals what is due; answers when to come again, by the monotonic clock.
    pub(crate) fn poll(&self) -> Option<Duration> {
        self.0.poll()
    }

    pub(crate) fn stop(&self) {
        self.0.state.lock().is_stopped = true;
        self.0.worker.wake();
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    /// Errors: EINVAL.
    fn timer(&mut self, key: Key) -> KResult<&mut Timer> {
        self.timers.get_mut(&key).ok_or_else(|| Errno::EINVAL.into())
    }

    fn disarm(&mut self, key: Key) {
        if let Some(armed) = self.timers.get_mut(&key).and_then(|timer| timer.armed.take()) {
            self.queues[armed.base as usize].remove(&(armed.look, key));
        }
    }

    /// The timer that went off, which is queued for the next time.
    fn fire(&mut self, key: Key, base: Base, now: i128) -> Option<Fired> {
        let timer = self.timers.get_mut(&key)?;
        let Notify::Signal(signal) = timer.notify else { return None };
        let mut armed = timer.armed?;
        let mut times = 1;
        if armed.interval == 0 {
            timer.armed = None;
        } else {
            times += (now - armed.next) / armed.interval;
            armed.next += times * armed.interval;
            armed.look = armed.next.max(now + PERIOD_MIN.as_nanos() as i128);
            timer.armed = Some(armed);
            self.queues[base as usize].insert((armed.look, key));
        }
        let times = times.min(i32::MAX as i128) as u32;
        let overruns_before = core::mem::replace(&mut timer.overruns, times - 1);
        Some(Fired { key, process: timer.process.clone(), signal, times, overruns_before })
    }
}

impl Driver {
    fn now(&self, base: Base) -> i128 {
        match base {
            Base::Monotonic => self.clock.monotonic().as_nanos() as i128,
            Base::Realtime => self.clock.now().nanoseconds(),
        }
    }

    fn show(&self, timer: &Timer) -> TimerSpec {
        let Some(armed) = timer.armed else { return TimerSpec::default() };
        let interval = time_of(length(armed.interval));
        let left = armed.next - self.now(armed.base);
        let left =
            if left <= 0 && armed.interval != 0 { armed.interval - -left % armed.interval } else { left };
        TimerSpec { value: time_of(length(left)), interval }
    }

    fn take_due(&self) -> Vec<Fired> {
        let mut fired = Vec::new();
        let mut state = self.state.lock();
        if state.is_stopped {
            return fired;
        }
        for base in [Base::Monotonic, Base::Realtime] {
            if state.queues[base as usize].is_empty() {
                continue;
            }
            let now = self.now(base);
            while let Some(&(look, key)) = state.queues[base as usize].first() {
                if look > now {
                    break;
                }
                state.queues[base as usize].pop_first();
                fired.extend(state.fire(key, base, now));
            }
        }
        fired
    }
}

impl Work for Driver {
    fn worker(&self) -> &Worker {
        &self.worker
    }

    fn is_over(&self) -> bool {
        self.state.lock().is_stopped
    }

    fn poll(&self) -> Option<Duration> {
        for fired in self.take_due() {
            let Ok(process) = fired.process.upgrade() else { continue };
            if process.post(fired.signal) == Posted::Again {
                if let Some(timer) = self.state.lock().timers.get_mut(&fired.key) {
                    timer.overruns = fired.overruns_before.saturating_add(fired.times).min(i32::MAX as u32);
                }
            }
        }
        let state = self.state.lock();
        let first = |base: Base| state.queues[base as usize].first().map(|(look, _)| *look);
        let monotonic = first(Base::Monotonic).map(length);
        let realtime = first(Base::Realtime).map(|look| {
            let left = look - self.now(Base::Realtime);
            self.clock.monotonic().saturating_add(length(left))
        });
        [monotonic, realtime].into_iter().flatten().min()
    }
}

/// How a timer is set as `setitimer` tells it: in whole microseconds, and not as off while it is on.
pub(crate) fn in_microseconds(spec: TimerSpec) -> TimerSpec {
    let up = |time: TimeSpec| TimeSpec::from_nanoseconds((time.nanoseconds() + 999) / 1000 * 1000);
    TimerSpec { value: up(spec.value), interval: up(spec.interval) }
}
