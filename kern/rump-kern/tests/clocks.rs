//! Clocks and sleeping, in simulated time.

mod common;

use common::*;
use rump_abi::{ClockId, Errno::*, OpenFlags, TimeSpec};
use rump_host_sim::SimHost;
use rump_hyper::Clock;
use rump_kern::{Kernel, Process, SleepError, SleepTime};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

fn boot() -> (Arc<SimHost>, Process) {
    let host = SimHost::new(1);
    let kernel = Kernel::builder(host.clone()).component(rumpfs_tmpfs::component()).boot().unwrap();
    (host, kernel.process())
}

fn at(sec: i64, nsec: u32) -> TimeSpec {
    TimeSpec { sec, nsec }
}

/// Lets time pass until a thread has ended, and before each step does something.
fn drive<T>(host: &SimHost, thread: JoinHandle<T>, mut meanwhile: impl FnMut()) -> T {
    while !thread.is_finished() {
        meanwhile();
        host.advance(Duration::from_millis(10));
        std::thread::yield_now();
    }
    thread.join().unwrap()
}

fn sleeping(p: &Process, clock: ClockId, time: SleepTime) -> JoinHandle<Result<(), SleepError>> {
    let p = p.clone();
    std::thread::spawn(move || p.clock_nanosleep(clock, time))
}

#[test]
fn the_wall_clock_is_the_kernels_own() {
    let (host, p) = boot();
    let (_, other) = boot();
    assert_eq!(p.clock_gettime(ClockId::Realtime).unwrap(), host.realtime());
    p.clock_settime(ClockId::Realtime, at(2_000_000_000, 5)).unwrap();
    host.advance(Duration::from_micros(1_500));
    assert_eq!(p.clock_gettime(ClockId::Realtime).unwrap(), at(2_000_000_000, 1_500_005));
    assert_eq!(p.gettimeofday().unwrap(), at(2_000_000_000, 1_500_000));
    assert_eq!(host.realtime(), at(1_000_000_000, 1_500_000));
    assert_eq!(other.clock_gettime(ClockId::Realtime).unwrap().sec, 1_000_000_000);
    assert_eq!(p.clock_gettime(ClockId::Monotonic).unwrap(), at(0, 1_500_000));
}

#[test]
fn files_have_the_times_of_the_kernel() {
    let (_, p) = boot();
    p.settimeofday(at(-5, 7)).unwrap();
    put(&p, "/f", b"x");
    assert_eq!(p.stat("/f").unwrap().mtime, at(-5, 7));
    let [pipe, _] = p.pipe().unwrap();
    assert_eq!(p.fstat(pipe).unwrap().mtime, at(-5, 7));
}

#[test]
fn the_superuser_alone_sets_the_clock_of_real_time() {
    let (_, p) = boot();
    let user = user(&p, 5);
    fails(user.clock_settime(ClockId::Realtime, at(1, 0)), EPERM);
    fails(user.settimeofday(at(1, 0)), EPERM);
    fails(p.clock_settime(ClockId::Monotonic, at(1, 0)), EINVAL);
    fails(p.clock_settime(ClockId::Realtime, at(1, 1_000_000_000)), EINVAL);
    fails(p.clock_settime(ClockId::Realtime, at(i64::MAX, 0)), EINVAL);
    for clock in [ClockId::Virtual, ClockId::Prof, ClockId::ThreadCpuTime, ClockId::ProcessCpuTime] {
        fails(p.clock_gettime(clock), EINVAL);
        fails(p.clock_getres(clock), EINVAL);
    }
    assert_eq!(p.clock_getres(ClockId::Realtime).unwrap(), at(0, 1));
}

#[test]
fn a_sleep_lasts_as_long_as_it_says() {
    let (host, p) = boot();
    for clock in [ClockId::Monotonic, ClockId::Realtime] {
        let begin = host.monotonic();
        let thread = sleeping(&p, clock, SleepTime::For(at(3, 500_000_000)));
        // Neither ends a sleep for a length of time.
        drive(&host, thread, || p.settimeofday(at(4_000_000_000, 0)).unwrap()).unwrap();
        assert!(host.monotonic() - begin >= Duration::from_millis(3_500));
    }
    p.nanosleep(at(0, 0)).unwrap();
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let (_, p) = boot();
    for time in [at(-1, 0), at(0, 1_000_000_000)] {
        assert_eq!(p.nanosleep(time).unwrap_err().error.errno, EINVAL);
    }
    let until = p.clock_nanosleep(ClockId::Realtime, SleepTime::Until(at(0, 1_000_000_000)));
    assert_eq!(until.unwrap_err().error.errno, EINVAL);
    let of_process = p.clock_nanosleep(ClockId::ProcessCpuTime, SleepTime::For(at(0, 0)));
    assert_eq!(of_process.unwrap_err().error.errno, EINVAL);
    // What is over is not waited for.
    p.clock_nanosleep(ClockId::Realtime, SleepTime::Until(at(-7, 0))).unwrap();
    p.clock_nanosleep(ClockId::Monotonic, SleepTime::Until(at(-7, 0))).unwrap();
}

#[test]
fn an_interrupted_sleep_tells_what_was_left() {
    let (host, p) = boot();
    host.advance(Duration::from_secs(100));
    let begin = host.monotonic();
    let thread = sleeping(&p, ClockId::Monotonic, SleepTime::For(at(1_000_000, 0)));
    let ended = drive(&host, thread, || p.interrupt()).unwrap_err();
    assert_eq!(ended.error.errno, EINTR);
    let (least, left) = (Duration::from_secs(1_000_000) - (host.monotonic() - begin), ended.left);
    let left = Duration::new(left.sec as u64, left.nsec);
    assert!(least <= left && left <= Duration::from_secs(1_000_000), "{left:?}");
    let thread = sleeping(&p, ClockId::Monotonic, SleepTime::Until(at(1_000_000, 0)));
    let ended = drive(&host, thread, || p.interrupt()).unwrap_err();
    assert_eq!((ended.error.errno, ended.left), (EINTR, at(0, 0)));
}

#[test]
fn a_sleep_until_a_moment_follows_the_clock() {
    let (host, p) = boot();
    let begin = host.monotonic();
    let thread = sleeping(&p, ClockId::Realtime, SleepTime::Until(at(1_500_000_000, 0)));
    let mut steps = 0;
    drive(&host, thread, || {
        steps += 1;
        if steps == 20 {
            p.settimeofday(at(1_499_999_999, 0)).unwrap();
        }
    })
    .unwrap();
    let past = host.monotonic() - begin;
    assert!((Duration::from_secs(1)..Duration::from_secs(1_000_000)).contains(&past), "{past:?}");
    let thread = sleeping(&p, ClockId::Monotonic, SleepTime::Until(at(past.as_secs() as i64 + 5, 0)));
    drive(&host, thread, || ()).unwrap();
    assert!(host.monotonic() >= Duration::from_secs(past.as_secs() + 5));
}

#[test]
fn a_halt_ends_sleeping() {
    let (host, p) = boot();
    let thread = sleeping(&p, ClockId::Monotonic, SleepTime::For(at(1_000_000, 0)));
    let mut is_halted = false;
    let ended = drive(&host, thread, || {
        if !std::mem::replace(&mut is_halted, true) {
            p.reboot().unwrap();
        }
    });
    assert_eq!(ended.unwrap_err().error.errno, ENXIO);
    fails(p.clock_gettime(ClockId::Realtime), ENXIO);
    fails(open(&p, "/f", OpenFlags::empty()), ENXIO);
}
