//! Clocks and sleeping: clock_gettime(2), gettimeofday(2), nanosleep(2).

use crate::Process;
use crate::clock::{Moment, checked_length, time_of};
use crate::waiting::Sleeper;
use alloc::sync::Arc;
use core::time::Duration;
use rump_abi::{ClockId, Errno, TimeSpec};
use rump_kpi::{KError, KResult, WaitQueue};

/// How long `clock_nanosleep` sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SleepTime {
    /// So long, whatever becomes of the clock.
    For(TimeSpec),
    /// Until the clock says so (`TIMER_ABSTIME`).
    Until(TimeSpec),
}

/// Why a sleep ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SleepError {
    /// The error that the call answers.
    pub error: KError,
    /// What was left of the time, after EINTR; of a sleep until a moment, nothing.
    pub left: TimeSpec,
}

impl From<KError> for SleepError {
    fn from(error: KError) -> Self {
        Self { error, left: TimeSpec::default() }
    }
}

impl Process {
    /// What a clock says. Errors: ENXIO (halted), EINVAL (a clock of processor time: there is none).
    pub fn clock_gettime(&self, clock: ClockId) -> KResult<TimeSpec> {
        self.shared().check_running()?;
        match clock {
            ClockId::Realtime => Ok(self.shared().clock.now()),
            ClockId::Monotonic => Ok(time_of(self.shared().clock.monotonic())),
            _ => Err(no_such_clock()),
        }
    }

    /// What a clock's steps are. Errors: as [`Process::clock_gettime`].
    pub fn clock_getres(&self, clock: ClockId) -> KResult<TimeSpec> {
        self.clock_gettime(clock)?;
        Ok(TimeSpec { sec: 0, nsec: 1 })
    }

    /// Sets the clock of real time: the kernel's, not the host's. Errors: ENXIO (halted), EINVAL (another clock), EINVAL
    /// (nanoseconds that are not of one second), EPERM (not the superuser), EINVAL (292 years or more from the host's).
    pub fn clock_settime(&self, clock: ClockId, time: TimeSpec) -> KResult<()> {
        self.clock_gettime(clock)?;
        if clock != ClockId::Realtime || !time.is_valid() {
            return Err(Errno::EINVAL.into());
        }
        if !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        self.shared().clock.set(time)?;
        self.shared().timers.look_again();
        Ok(())
    }

    /// The time since 1970 in whole microseconds. Errors: ENXIO (halted).
    pub fn gettimeofday(&self) -> KResult<TimeSpec> {
        let TimeSpec { sec, nsec } = self.clock_gettime(ClockId::Realtime)?;
        Ok(TimeSpec { sec, nsec: nsec - nsec % 1000 })
    }

    /// Sets the clock of real time. Errors: as [`Process::clock_settime`].
    pub fn settimeofday(&self, time: TimeSpec) -> KResult<()> {
        self.clock_settime(ClockId::Realtime, time)
    }

    /// Sleeps. Errors: ENXIO (halted), EINVAL (negative, or nanoseconds that are not of one second), EINTR.
    pub fn nanosleep(&self, time: TimeSpec) -> Result<(), SleepError> {
        self.clock_nanosleep(ClockId::Monotonic, SleepTime::For(time))
    }

    /// Sleeps by a clock. Errors: ENXIO (halted), EINVAL (a clock of processor time), EINVAL (the time), EINTR.
    pub fn clock_nanosleep(&self, clock: ClockId, time: SleepTime) -> Result<(), SleepError> {
        self.clock_gettime(clock)?;
        let now = || self.shared().clock.monotonic();
        match time {
            SleepTime::For(time) => {
                let end = now().saturating_add(checked_length(time)?);
                self.sleep_until(Moment::Monotonic(end)).map_err(|error| {
                    let is_early = error.errno == Errno::EINTR;
                    let left = if is_early { end.saturating_sub(now()) } else { Duration::ZERO };
                    SleepError { error, left: time_of(left) }
                })
            }
            SleepTime::Until(time) => Ok(self.sleep_until(moment(clock, time)?)?),
        }
    }

    /// Errors: ENXIO (halted), EINTR.
    fn sleep_until(&self, moment: Moment) -> KResult<()> {
        self.wait_until(Some(moment), None, || None::<()>).map(drop)
    }

    /// Does `attempt`, again whenever `queue` is woken, until it answers something; nothing once the moment came.
    /// Errors: ENXIO (halted), EINTR.
    pub(crate) fn wait_until<T>(
        &self,
        until: Option<Moment>,
        queue: Option<&Arc<WaitQueue>>,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> KResult<Option<T>> {
        let clock = &self.shared().clock;
        let mut sleeper = Sleeper::new(self, None);
        if let Some(Moment::Realtime(_)) = until {
            sleeper.watch(clock.changes());
        }
        if let Some(queue) = queue {
            sleeper.watch(queue);
        }
        loop {
            sleeper.check()?;
            if let Some(answer) = attempt() {
                return Ok(Some(answer));
            }
            let due = until.map(|moment| clock.due(moment));
            if due.is_some_and(|due| due <= clock.monotonic()) {
                return Ok(None);
            }
            sleeper.sleep(due)?;
        }
    }
}

/// A moment by a clock. Errors: EINVAL (nanoseconds that are not of one second).
pub(crate) fn moment(clock: ClockId, time: TimeSpec) -> KResult<Moment> {
    if !time.is_valid() {
        return Err(Errno::EINVAL.into());
    }
    if clock == ClockId::Realtime {
        return Ok(Moment::Realtime(time));
    }
    // What was before the monotonic clock began is over.
    Ok(Moment::Monotonic(checked_length(TimeSpec { sec: time.sec.max(0), ..time })?))
}

pub(crate) fn no_such_clock() -> KError {
    KError::new(Errno::EINVAL, "the host cannot tell the processor time of a process")
}
