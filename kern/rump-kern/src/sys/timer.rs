//! Timers: setitimer(2), timer_create(2). Those of processor time are missing with its clocks.

use super::clock::no_such_clock;
use crate::Process;
pub use crate::timer::{Arm, Notify};
use crate::timer::{Key, REAL, in_microseconds};
use rump_abi::{ClockId, TimerSpec};
use rump_kpi::KResult;

/// A timer of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u32);

/// The three timers that `setitimer` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalTimer {
    /// `ITIMER_REAL`, which raises SIGALRM.
    Real,
    /// `ITIMER_VIRTUAL`.
    Virtual,
    /// `ITIMER_PROF`.
    Prof,
}

impl Process {
    /// How an interval timer is set. Errors: ENXIO (halted), EINVAL (one of processor time).
    pub fn getitimer(&self, which: IntervalTimer) -> KResult<TimerSpec> {
        let key = self.interval_timer(which)?;
        Ok(in_microseconds(self.shared().timers.show(key)?))
    }

    /// Sets an interval timer, which raises SIGALRM; answers how it was set. Errors: ENXIO (halted), EINVAL (one of processor
    /// time, or a time that makes no sense), ESRCH (the process ended).
    pub fn setitimer(&self, which: IntervalTimer, spec: &TimerSpec) -> KResult<TimerSpec> {
        let key = self.interval_timer(which)?;
        self.check_alive()?;
        Ok(in_microseconds(self.shared().timers.set(key, spec, Arm::Relative)?))
    }

    /// Errors: ENXIO (halted), EINVAL.
    fn interval_timer(&self, which: IntervalTimer) -> KResult<Key> {
        self.shared().check_running()?;
        if which != IntervalTimer::Real {
            return Err(no_such_clock());
        }
        self.shared().timers.create_real(self.pid(), || self.downgrade());
        Ok((self.pid(), REAL))
    }

    /// Makes a timer, which is off. Errors: ENXIO (halted), ESRCH (the process ended), EINVAL (a clock of processor time),
    /// EAGAIN (32 timers).
    pub fn timer_create(&self, clock: ClockId, notify: Notify) -> KResult<TimerId> {
        self.check_alive()?;
        self.clock_gettime(clock)?;
        self.shared().timers.create(self.pid(), self.downgrade(), clock, notify).map(TimerId)
    }

    /// Sets a timer; answers how it was set. Errors: ENXIO (halted), EINVAL (a time that makes no sense, or no such timer).
    pub fn timer_settime(&self, timer: TimerId, spec: &TimerSpec, arm: Arm) -> KResult<TimerSpec> {
        let key = self.timer(timer)?;
        self.shared().timers.set(key, spec, arm)
    }

    /// How a timer is set. Errors: ENXIO (halted), EINVAL (no such timer).
    pub fn timer_gettime(&self, timer: TimerId) -> KResult<TimerSpec> {
        let key = self.timer(timer)?;
        self.shared().timers.show(key)
    }

    /// How often a timer went off without a signal of its own since the signal that it last raised. Errors: ENXIO (halted),
    /// EINVAL (no such timer).
    pub fn timer_getoverrun(&self, timer: TimerId) -> KResult<u32> {
        let key = self.timer(timer)?;
        self.shared().timers.overruns(key)
    }

    /// Deletes a timer. Errors: ENXIO (halted), EINVAL (no such timer).
    pub fn timer_delete(&self, timer: TimerId) -> KResult<()> {
        let key = self.timer(timer)?;
        self.shared().timers.delete(key)
    }

    /// Errors: ENXIO (halted), EINVAL.
    fn timer(&self, timer: TimerId) -> KResult<Key> {
        self.shared().check_running()?;
        if timer.0 >= REAL { Err(rump_abi::Errno::EINVAL.into()) } else { Ok((self.pid(), timer.0)) }
    }
}
