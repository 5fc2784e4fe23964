//! The clocks of a kernel. Its wall clock is the host's and an offset that the superuser chose; the monotonic clock is the
//! host's.
//!
//! There is no clock of processor time: a host cannot tell what part of its threads' time is a process of the kernel's.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicI64, Ordering};
use core::time::Duration;
use rump_abi::{Errno, TimeSpec};
use rump_hyper::Hypervisor;
use rump_kpi::{KError, KResult, WaitQueue};

/// See the module.
pub(crate) struct WallClock {
    host: Arc<dyn Hypervisor>,
    /// Nanoseconds that it is ahead of the host's.
    ahead: AtomicI64,
    /// Woken when it is set.
    changes: Arc<WaitQueue>,
    /// When the kernel began, by the monotonic clock.
    boot: Duration,
}

/// A moment by one of the clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Monotonic(Duration),
    Realtime(TimeSpec),
}

impl WallClock {
    pub(crate) fn new(host: &Arc<dyn Hypervisor>) -> Self {
        let boot = host.monotonic();
        Self { host: host.clone(), ahead: AtomicI64::new(0), changes: Arc::default(), boot }
    }

    pub(crate) fn now(&self) -> TimeSpec {
        let host = self.host.realtime();
        match self.ahead.load(Ordering::SeqCst) {
            0 => host,
            ahead => TimeSpec::from_nanoseconds(host.nanoseconds() + i128::from(ahead)),
        }
    }

    /// Sets it. Errors: EINVAL (292 years or more from the host's).
    pub(crate) fn set(&self, time: TimeSpec) -> KResult<()> {
        let ahead = time.nanoseconds() - self.host.realtime().nanoseconds();
        let too_far = |_| KError::new(Errno::EINVAL, "the time is too far from the host's");
        self.ahead.store(i64::try_from(ahead).map_err(too_far)?, Ordering::SeqCst);
        self.changes.wake();
        Ok(())
    }

    /// Those who wait for it to be set.
    pub(crate) fn changes(&self) -> &Arc<WaitQueue> {
        &self.changes
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.host.monotonic()
    }

    /// When the kernel began, by the wall clock as it is now.
    pub(crate) fn boot_time(&self) -> TimeSpec {
        TimeSpec::from_nanoseconds(self.now().nanoseconds() - self.uptime().as_nanos() as i128)
    }

    /// How long the kernel has been there.
    pub(crate) fn uptime(&self) -> Duration {
        self.monotonic().saturating_sub(self.boot)
    }

    /// When a moment comes, by the monotonic clock, as long as nobody sets the wall clock.
    pub(crate) fn due(&self, moment: Moment) -> Duration {
        match moment {
            Moment::Monotonic(due) => due,
            Moment::Realtime(due) => {
                let left = due.nanoseconds() - self.now().nanoseconds();
                self.monotonic().saturating_add(length(left))
            }
        }
    }
}

/// A length of so many nanoseconds, or the nearest that there is.
pub(crate) fn length(nanoseconds: i128) -> Duration {
    let nanoseconds = nanoseconds.max(0);
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32)
}

/// The length that a program gave. Errors: EINVAL (negative, or nanoseconds that are not of one second).
pub(crate) fn checked_length(time: TimeSpec) -> KResult<Duration> {
    let sec = u64::try_from(time.sec).map_err(|_| Errno::EINVAL)?;
    if time.is_valid() { Ok(Duration::new(sec, time.nsec)) } else { Err(Errno::EINVAL.into()) }
}

/// The length as a program gets it.
pub(crate) fn time_of(length: Duration) -> TimeSpec {
    TimeSpec { sec: i64::try_from(length.as_secs()).unwrap_or(i64::MAX), nsec: length.subsec_nanos() }
}
