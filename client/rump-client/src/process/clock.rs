//! clock_gettime(2), gettimeofday(2), nanosleep(2) and their like.

use super::RemoteProcess;
use super::request::{request, room, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::time::{TIMER_ABSTIME, Timespec, Timeval};
use rump_abi::{ClockId, Errno, TimeSpec};
use rump_kern::{SleepError, SleepTime};
use rump_kpi::{KError, KResult};

fn time(bytes: &[u8]) -> KResult<TimeSpec> {
    told::<Timespec>(bytes)?.time().ok_or_else(malformed)
}

impl RemoteProcess {
    /// As [`Process::clock_gettime`](rump_kern::Process::clock_gettime).
    pub fn clock_gettime(&self, clock: ClockId) -> KResult<TimeSpec> {
        let mut place = room::<Timespec>();
        self.run(request(__CLOCK_GETTIME50).with(clock as u32).write(&mut place))?;
        time(&place)
    }

    /// As [`Process::clock_getres`](rump_kern::Process::clock_getres).
    pub fn clock_getres(&self, clock: ClockId) -> KResult<TimeSpec> {
        let mut place = room::<Timespec>();
        self.run(request(__CLOCK_GETRES50).with(clock as u32).write(&mut place))?;
        time(&place)
    }

    /// As [`Process::clock_settime`](rump_kern::Process::clock_settime).
    pub fn clock_settime(&self, clock: ClockId, to: TimeSpec) -> KResult<()> {
        let to = Timespec::from(to).to_bytes();
        self.run(request(__CLOCK_SETTIME50).with(clock as u32).read(&to))
    }

    /// As [`Process::gettimeofday`](rump_kern::Process::gettimeofday).
    pub fn gettimeofday(&self) -> KResult<TimeSpec> {
        let mut place = room::<Timeval>();
        self.run(request(__GETTIMEOFDAY50).write(&mut place).null())?;
        told::<Timeval>(&place)?.time().ok_or_else(malformed)
    }

    /// As [`Process::settimeofday`](rump_kern::Process::settimeofday).
    pub fn settimeofday(&self, to: TimeSpec) -> KResult<()> {
        let to = Timeval::from(to).to_bytes();
        self.run(request(__SETTIMEOFDAY50).read(&to).null())
    }

    /// As [`Process::nanosleep`](rump_kern::Process::nanosleep).
    pub fn nanosleep(&self, length: TimeSpec) -> Result<(), SleepError> {
        let (length, mut left) = (Timespec::from(length).to_bytes(), room::<Timespec>());
        let slept = self.run(request(__NANOSLEEP50).read(&length).write(&mut left));
        slept.map_err(|error| ended(error, &left))
    }

    /// As [`Process::clock_nanosleep`](rump_kern::Process::clock_nanosleep).
    pub fn clock_nanosleep(&self, clock: ClockId, sleep: SleepTime) -> Result<(), SleepError> {
        let (flags, length) = match sleep {
            SleepTime::For(length) => (0, length),
            SleepTime::Until(moment) => (TIMER_ABSTIME, moment),
        };
        let (length, mut left) = (Timespec::from(length).to_bytes(), room::<Timespec>());
        let request = request(CLOCK_NANOSLEEP).with(clock as u32).with(flags);
        let slept = self.run_by_value(request.read(&length).write(&mut left));
        slept.map_err(|error| ended(error, &left))
    }
}

/// What was left is told after EINTR.
fn ended(error: KError, left: &[u8]) -> SleepError {
    let left = if error.errno == Errno::EINTR { time(left).ok() } else { None };
    SleepError { error, left: left.unwrap_or_default() }
}
