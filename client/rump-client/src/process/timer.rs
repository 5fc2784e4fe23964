//! setitimer(2), timer_create(2) and their like.

use super::RemoteProcess;
use super::request::{request, room, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::signal::{SIGEV_NONE, SIGEV_SIGNAL, Sigevent};
use rump_abi::netbsd::time::{Itimerspec, Itimerval, TIMER_ABSTIME};
use rump_abi::{ClockId, TimerSpec};
use rump_kern::{Arm, IntervalTimer, Notify, TimerId};
use rump_kpi::KResult;

fn number(which: IntervalTimer) -> u32 {
    match which {
        IntervalTimer::Real => 0,
        IntervalTimer::Virtual => 1,
        IntervalTimer::Prof => 2,
    }
}

fn interval(bytes: &[u8]) -> KResult<TimerSpec> {
    told::<Itimerval>(bytes)?.times().ok_or_else(malformed)
}

fn timer(bytes: &[u8]) -> KResult<TimerSpec> {
    told::<Itimerspec>(bytes)?.times().ok_or_else(malformed)
}

/// How the process hears of something.
pub(super) fn event(notify: Notify) -> Sigevent {
    let (notify, signo) = match notify {
        Notify::None => (SIGEV_NONE, 0),
        Notify::Signal(signal) => (SIGEV_SIGNAL, signal.number() as i32),
    };
    Sigevent { notify, signo, value: 0, function: 0, attributes: 0 }
}

impl RemoteProcess {
    /// As [`Process::getitimer`](rump_kern::Process::getitimer).
    pub fn getitimer(&self, which: IntervalTimer) -> KResult<TimerSpec> {
        let mut place = room::<Itimerval>();
        self.run(request(__GETITIMER50).with(number(which)).write(&mut place))?;
        interval(&place)
    }

    /// As [`Process::setitimer`](rump_kern::Process::setitimer).
    pub fn setitimer(&self, which: IntervalTimer, spec: &TimerSpec) -> KResult<TimerSpec> {
        let (spec, mut before) = (Itimerval::from(*spec).to_bytes(), room::<Itimerval>());
        self.run(request(__SETITIMER50).with(number(which)).read(&spec).write(&mut before))?;
        interval(&before)
    }

    /// As [`Process::timer_create`](rump_kern::Process::timer_create).
    pub fn timer_create(&self, clock: ClockId, notify: Notify) -> KResult<TimerId> {
        let (event, mut place) = (event(notify).to_bytes(), room::<u32>());
        self.run(request(TIMER_CREATE).with(clock as u32).read(&event).write(&mut place))?;
        told(&place).map(TimerId)
    }

    /// As [`Process::timer_settime`](rump_kern::Process::timer_settime).
    pub fn timer_settime(&self, id: TimerId, spec: &TimerSpec, arm: Arm) -> KResult<TimerSpec> {
        let flags = if arm == Arm::Absolute { TIMER_ABSTIME } else { 0 };
        let (spec, mut before) = (Itimerspec::from(*spec).to_bytes(), room::<Itimerspec>());
        let request = request(__TIMER_SETTIME50).with(id.0).with(flags);
        self.run(request.read(&spec).write(&mut before))?;
        timer(&before)
    }

    /// As [`Process::timer_gettime`](rump_kern::Process::timer_gettime).
    pub fn timer_gettime(&self, id: TimerId) -> KResult<TimerSpec> {
        let mut place = room::<Itimerspec>();
        self.run(request(__TIMER_GETTIME50).with(id.0).write(&mut place))?;
        timer(&place)
    }

    /// As [`Process::timer_getoverrun`](rump_kern::Process::timer_getoverrun).
    pub fn timer_getoverrun(&self, id: TimerId) -> KResult<u32> {
        self.number(request(TIMER_GETOVERRUN).with(id.0))
    }

    /// As [`Process::timer_delete`](rump_kern::Process::timer_delete).
    pub fn timer_delete(&self, id: TimerId) -> KResult<()> {
        self.run(request(TIMER_DELETE).with(id.0))
    }
}
