//! Timers, in simulated time: by the embedder's polling, and by the kernel's thread.

mod common;

use common::*;
use rump_abi::{ClockId, Errno::*, Signal, TimeSpec, TimerSpec};
use rump_host_sim::SimHost;
use rump_hyper::Clock;
use rump_kern::{Arm, Handling, IntervalTimer, Kernel, Notify, Process, SignalModel, TimerId};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const ALARM: Notify = Notify::Signal(Signal::SIGALRM);
const USER: Notify = Notify::Signal(Signal::SIGUSR1);

struct Rig {
    host: Arc<SimHost>,
    kernel: Kernel,
    p: Process,
    raised: Arc<Mutex<Vec<(u32, Signal)>>>,
}

fn rig(threads: &str) -> Rig {
    let host = SimHost::new(1);
    host.set_param("RUMP_THREADS", threads);
    let raised: Arc<Mutex<Vec<_>>> = Arc::default();
    let noted = raised.clone();
    let raise = move |pid, signal| {
        noted.lock().unwrap().push((pid, signal));
        Handling::Ignored
    };
    let builder = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component());
    let kernel = builder.signals(SignalModel::Raise(Arc::new(raise))).boot().unwrap();
    Rig { host, p: kernel.process(), kernel, raised }
}

impl Rig {
    /// Lets time pass in steps, polling after each; answers what was raised.
    fn pass(&self, steps: u32, step: Duration) -> Vec<(u32, Signal)> {
        for _ in 0..steps {
            self.host.advance(step);
            self.kernel.poll_timers();
        }
        std::mem::take(&mut *self.raised.lock().unwrap())
    }

    fn overruns(&self, timer: TimerId) -> u32 {
        self.p.timer_getoverrun(timer).unwrap()
    }
}

fn millis(millis: i64) -> TimeSpec {
    TimeSpec { sec: millis / 1000, nsec: (millis % 1000) as u32 * 1_000_000 }
}

fn spec(value: i64, interval: i64) -> TimerSpec {
    TimerSpec { value: millis(value), interval: millis(interval) }
}

const STEP: Duration = Duration::from_millis(10);

#[test]
fn an_alarm_goes_off_once_and_not_early() {
    let rig = rig("0");
    assert_eq!(rig.p.setitimer(IntervalTimer::Real, &spec(1_000, 0)).unwrap(), TimerSpec::default());
    assert_eq!(rig.pass(99, STEP), []);
    assert_eq!(rig.p.getitimer(IntervalTimer::Real).unwrap(), spec(10, 0));
    assert_eq!(rig.pass(1, STEP), [(rig.p.pid(), Signal::SIGALRM)]);
    assert_eq!(rig.p.getitimer(IntervalTimer::Real).unwrap(), TimerSpec::default());
    assert_eq!(rig.pass(500, STEP), []);
}

#[test]
fn a_periodic_alarm_goes_off_until_it_is_set_off() {
    let rig = rig("0");
    rig.p.setitimer(IntervalTimer::Real, &spec(50, 100)).unwrap();
    assert_eq!(rig.pass(45, STEP), [(rig.p.pid(), Signal::SIGALRM); 5]);
    assert_eq!(rig.kernel.poll_timers(), Some(rig.host.monotonic() + STEP * 10));
    assert_eq!(rig.p.setitimer(IntervalTimer::Real, &TimerSpec::default()).unwrap(), spec(100, 100));
    assert_eq!(rig.kernel.poll_timers(), None);
}

#[test]
fn processes_have_timers_of_their_own() {
    let rig = rig("0");
    rig.p.setitimer(IntervalTimer::Real, &spec(10, 10)).unwrap();
    let child = rig.p.fork();
    assert_eq!(child.getitimer(IntervalTimer::Real).unwrap(), TimerSpec::default());
    child.setitimer(IntervalTimer::Real, &spec(20, 0)).unwrap();
    let timer = child.timer_create(ClockId::Monotonic, USER).unwrap();
    child.timer_settime(timer, &spec(20, 20), Arm::Relative).unwrap();
    fails(rig.p.timer_gettime(timer), EINVAL);
    let raised = rig.pass(2, STEP);
    assert_eq!(raised.len(), 4);
    assert!(
        raised.contains(&(child.pid(), Signal::SIGALRM)) && raised.contains(&(child.pid(), Signal::SIGUSR1))
    );
    child.exit();
    fails(child.timer_create(ClockId::Monotonic, USER), ESRCH);
    rig.p.setitimer(IntervalTimer::Real, &TimerSpec::default()).unwrap();
    assert_eq!(rig.pass(10, STEP), []);
    let forgotten = rig.p.fork();
    forgotten.setitimer(IntervalTimer::Real, &spec(20, 20)).unwrap();
    drop(forgotten);
    assert_eq!(rig.kernel.poll_timers(), None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let Rig { p, .. } = rig("0");
    for which in [IntervalTimer::Virtual, IntervalTimer::Prof] {
        fails(p.getitimer(which), EINVAL);
        fails(p.setitimer(which, &spec(1, 0)), EINVAL);
    }
    let bad = [
        TimerSpec { value: TimeSpec { sec: -1, nsec: 0 }, ..spec(0, 0) },
        TimerSpec { value: TimeSpec { sec: 0, nsec: 1_000_000_000 }, ..spec(0, 0) },
        TimerSpec { interval: TimeSpec { sec: 0, nsec: u32::MAX }, ..spec(1, 0) },
    ];
    let timer = p.timer_create(ClockId::Monotonic, Notify::None).unwrap();
    for bad in bad {
        fails(p.setitimer(IntervalTimer::Real, &bad), EINVAL);
        fails(p.timer_settime(timer, &bad, Arm::Absolute), EINVAL);
    }
    fails(p.timer_create(ClockId::ProcessCpuTime, ALARM), EINVAL);
    for number in [1, 32, u32::MAX] {
        fails(p.timer_settime(TimerId(number), &spec(1, 0), Arm::Relative), EINVAL);
    }
    p.timer_delete(timer).unwrap();
    for answer in [p.timer_gettime(timer).err(), p.timer_getoverrun(timer).err(), p.timer_delete(timer).err()]
    {
        assert_eq!(answer.unwrap().errno, EINVAL);
    }
}

#[test]
fn a_process_has_32_timers_and_numbers_are_used_again() {
    let Rig { p, .. } = rig("0");
    let timers: Vec<_> = (0..32).map(|_| p.timer_create(ClockId::Realtime, ALARM).unwrap()).collect();
    fails(p.timer_create(ClockId::Realtime, ALARM), EAGAIN);
    p.setitimer(IntervalTimer::Real, &spec(1, 0)).unwrap();
    p.timer_delete(timers[7]).unwrap();
    assert_eq!(p.timer_create(ClockId::Realtime, ALARM).unwrap(), timers[7]);
}

#[test]
fn what_is_late_is_overrun() {
    let rig = rig("0");
    let timer = rig.p.timer_create(ClockId::Monotonic, USER).unwrap();
    rig.p.timer_settime(timer, &spec(10, 10), Arm::Relative).unwrap();
    assert_eq!(rig.pass(1, STEP).len(), 1);
    assert_eq!(rig.overruns(timer), 0);
    assert_eq!(rig.pass(1, STEP * 5).len(), 1);
    assert_eq!(rig.overruns(timer), 4);
    assert_eq!(rig.p.timer_gettime(timer).unwrap(), spec(10, 10));
    // One that nobody looked at yet tells when it goes off next.
    rig.host.advance(Duration::from_millis(33));
    assert_eq!(rig.p.timer_gettime(timer).unwrap(), spec(7, 10));
}

#[test]
fn what_goes_off_while_its_signal_waits_is_overrun() {
    let rig = rig("0");
    rig.kernel.set_signal_model(SignalModel::Record);
    let timer = rig.p.timer_create(ClockId::Monotonic, USER).unwrap();
    rig.p.timer_settime(timer, &spec(10, 10), Arm::Relative).unwrap();
    rig.pass(4, STEP);
    assert_eq!(rig.overruns(timer), 3);
    assert!(!rig.p.accept_signals(Signal::SIGUSR1.into()).is_empty());
    rig.pass(1, STEP);
    assert_eq!(rig.overruns(timer), 0);
}

#[test]
fn a_period_of_a_nanosecond_does_not_take_all_time() {
    let rig = rig("0");
    let timer = rig.p.timer_create(ClockId::Monotonic, USER).unwrap();
    let tiny = TimeSpec { sec: 0, nsec: 1 };
    rig.p.timer_settime(timer, &TimerSpec { value: tiny, interval: tiny }, Arm::Relative).unwrap();
    assert_eq!(rig.pass(1_000, Duration::from_micros(1)).len(), 10);
    assert_eq!(rig.overruns(timer), 99_999);
}

#[test]
fn a_timer_set_to_a_moment_follows_the_wall_clock() {
    let rig = rig("0");
    let noon = 1_500_000_000;
    let [real, monotonic] =
        [ClockId::Realtime, ClockId::Monotonic].map(|clock| rig.p.timer_create(clock, USER).unwrap());
    rig.p
        .timer_settime(
            real,
            &TimerSpec { value: TimeSpec { sec: noon, nsec: 0 }, ..spec(0, 0) },
            Arm::Absolute,
        )
        .unwrap();
    rig.p.timer_settime(monotonic, &spec(5_000, 0), Arm::Absolute).unwrap();
    let relative = rig.p.timer_create(ClockId::Realtime, ALARM).unwrap();
    rig.p.timer_settime(relative, &spec(9_000, 0), Arm::Relative).unwrap();
    assert_eq!(rig.pass(1, STEP), []);
    rig.p.settimeofday(TimeSpec { sec: noon - 1, nsec: 0 }).unwrap();
    assert_eq!(rig.p.timer_gettime(real).unwrap(), spec(1_000, 0));
    assert_eq!(rig.pass(99, STEP), []);
    assert_eq!(rig.pass(1, STEP), [(rig.p.pid(), Signal::SIGUSR1)]);
    assert_eq!(rig.p.timer_gettime(monotonic).unwrap(), spec(3_990, 0));
    assert_eq!(rig.p.timer_gettime(relative).unwrap(), spec(7_990, 0));
}

#[test]
fn a_timer_that_tells_nobody_runs_all_the_same() {
    let rig = rig("0");
    let timer = rig.p.timer_create(ClockId::Monotonic, Notify::None).unwrap();
    rig.p.timer_settime(timer, &spec(100, 30), Arm::Relative).unwrap();
    assert_eq!(rig.kernel.poll_timers(), None);
    assert_eq!(rig.pass(11, STEP), []);
    assert_eq!(rig.p.timer_gettime(timer).unwrap(), spec(20, 30));
}

#[test]
fn one_thread_looks_after_all_timers_and_ends_with_the_kernel() {
    let Rig { host, kernel, p, raised } = rig("1");
    for count in 1..=10 {
        let timer = p.timer_create(ClockId::Realtime, USER).unwrap();
        p.timer_settime(timer, &spec(100 * count, 0), Arm::Relative).unwrap();
    }
    let begin = Instant::now();
    while raised.lock().unwrap().len() < 10 {
        assert!(begin.elapsed() < Duration::from_secs(30));
        host.advance(STEP);
        std::thread::yield_now();
    }
    p.setitimer(IntervalTimer::Real, &spec(1_000_000, 0)).unwrap();
    drop((p, kernel));
    // The thread lets go of the host.
    while Arc::strong_count(&host) > 1 {
        assert!(begin.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
}

#[test]
fn a_halted_kernel_raises_nothing() {
    let rig = rig("0");
    rig.p.setitimer(IntervalTimer::Real, &spec(10, 10)).unwrap();
    rig.p.reboot().unwrap();
    assert_eq!(rig.pass(5, STEP), []);
    fails(rig.p.getitimer(IntervalTimer::Real), ENXIO);
}
