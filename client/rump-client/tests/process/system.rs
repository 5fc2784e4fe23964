//! Who a process is, clocks, timers, limits, semaphores, what the kernel tells of itself; and a server that goes.

use crate::rig::Rig;
use crate::same;
use rump_abi::{ClockId, Errno, Mode, OpenFlags, Resource, ResourceLimit, TimeSpec, TimerSpec};
use rump_kern::{Arm, IntervalTimer, Notify, Sharing, SleepTime};

#[test]
fn a_process_is_who_it_is() {
    let rig = Rig::new();
    let there = &rig.there;
    assert_ne!(there.pid().unwrap(), rig.here.pid());
    assert_eq!(there.getppid().unwrap(), rig.here.getppid());
    assert_eq!((there.getuid().unwrap(), there.getegid().unwrap()), (0, 0));
    there.setgroups(&[5, 6, 7]).unwrap();
    assert_eq!(there.getgroups().unwrap(), [5, 6, 7]);
    there.setregid(None, Some(9)).unwrap();
    assert_eq!((there.getgid().unwrap(), there.getegid().unwrap()), (0, 9));
    there.seteuid(33).unwrap();
    assert_eq!((there.getuid().unwrap(), there.geteuid().unwrap()), (0, 33));
    there.seteuid(0).unwrap();
    same!(rig, |process| process.getpgid(999_999)).unwrap_err();
    same!(rig, |process| process.getsid(999_999)).unwrap_err();
    assert_eq!(there.umask(Mode::new(0o77)).unwrap(), rig.here.umask(Mode::new(0o77)));
    assert_eq!(there.umask(Mode::new(0)).unwrap(), Mode::new(0o77));
}

#[test]
fn the_names_of_the_kernel_are_the_same() {
    let rig = Rig::new();
    let names = same!(rig, |process| process.uname()).unwrap();
    assert!(!names.sysname.is_empty() && !names.machine.is_empty());
}

#[test]
fn clocks_and_timers_are_the_kernels() {
    let rig = Rig::new();
    let there = &rig.there;
    let before = rig.here.clock_gettime(ClockId::Monotonic).unwrap();
    let now = there.clock_gettime(ClockId::Monotonic).unwrap();
    assert!((now.sec, now.nsec) >= (before.sec, before.nsec));
    same!(rig, |process| process.clock_getres(ClockId::Realtime)).unwrap();
    same!(rig, |process| process.clock_gettime(ClockId::Prof)).ok();
    assert!(there.gettimeofday().unwrap().sec >= rig.here.gettimeofday().unwrap().sec - 10);
    there.nanosleep(TimeSpec { sec: 0, nsec: 1000 }).unwrap();
    there.clock_nanosleep(ClockId::Monotonic, SleepTime::Until(before)).unwrap();
    let wrong = TimeSpec { sec: 0, nsec: 2_000_000_000 };
    assert_eq!(there.nanosleep(wrong).unwrap_err().error.errno, Errno::EINVAL);
    let hour = TimerSpec { value: TimeSpec { sec: 3600, nsec: 0 }, interval: TimeSpec::default() };
    assert_eq!(there.setitimer(IntervalTimer::Real, &hour).unwrap(), TimerSpec::default());
    assert!((3000..=3600).contains(&there.getitimer(IntervalTimer::Real).unwrap().value.sec));
    let timer = there.timer_create(ClockId::Monotonic, Notify::None).unwrap();
    there.timer_settime(timer, &hour, Arm::Relative).unwrap();
    assert!((3000..=3600).contains(&there.timer_gettime(timer).unwrap().value.sec));
    assert_eq!(there.timer_getoverrun(timer).unwrap(), 0);
    there.timer_delete(timer).unwrap();
    assert_eq!(there.timer_gettime(timer).unwrap_err().errno, Errno::EINVAL);
}

#[test]
fn limits_semaphores_and_names_of_the_kernel_are_reached() {
    let rig = Rig::new();
    let there = &rig.there;
    assert_eq!(there.getrlimit(Resource::OpenFiles).unwrap(), rig.here.getrlimit(Resource::OpenFiles));
    there.setrlimit(Resource::OpenFiles, ResourceLimit { soft: 20, hard: 30 }).unwrap();
    assert_eq!(there.getrlimit(Resource::OpenFiles).unwrap(), ResourceLimit { soft: 20, hard: 30 });
    let semaphore = there.ksem_init(1, Sharing::Private).unwrap();
    there.ksem_wait(semaphore).unwrap();
    assert_eq!(there.ksem_trywait(semaphore).unwrap_err().errno, Errno::EAGAIN);
    let past = TimeSpec { sec: 1, nsec: 0 };
    assert_eq!(there.ksem_timedwait(semaphore, past).unwrap_err().errno, Errno::ETIMEDOUT);
    there.ksem_post(semaphore).unwrap();
    assert_eq!(there.ksem_getvalue(semaphore).unwrap(), 1);
    there.ksem_destroy(semaphore).unwrap();
    let named = there.ksem_open("/name", OpenFlags::CREAT, Mode::new(0o600), 4).unwrap();
    assert_eq!(there.ksem_getvalue(named).unwrap(), 4);
    there.ksem_close(named).unwrap();
    there.ksem_unlink("/name").unwrap();
    for name in ["kern", "kern.none", "kern.ostype.more", "none", "", "net.inet.ip.ttl", "net.inet"] {
        same!(rig, |process| process.sysctl_numbers(name)).ok();
    }
    for name in rig.here.sysctl_names() {
        assert!(same!(rig, |process| process.sysctl_numbers(&name)).is_ok());
    }
    for name in ["kern.ostype", "kern.hostname", "hw.ncpu"] {
        let name = rig.here.sysctl_numbers(name).unwrap();
        let (mut here, mut remote) = ([0; 64], [0; 64]);
        let length = rig.here.sysctl(&name, Some(&mut here), None).unwrap();
        assert_eq!(there.sysctl(&name, Some(&mut remote), None).unwrap(), length);
        assert_eq!(remote, here);
        assert_eq!(there.sysctl(&name, None, None).unwrap(), length);
        let short = there.sysctl(&name, Some(&mut remote[..1]), None).unwrap_err();
        assert_eq!((short.error.errno, short.length), (Errno::ENOMEM, length));
    }
    let hostname = rig.here.sysctl_numbers("kern.hostname").unwrap();
    there.sysctl(&hostname, None, Some(b"other")).unwrap();
    assert_eq!(rig.here.uname().unwrap().nodename, b"other");
}

#[test]
fn where_the_server_has_gone_calls_say_so() {
    let rig = Rig::new();
    rig.there.reboot().unwrap();
    assert_eq!(rig.there.pid().unwrap_err().errno, Errno::ENOTCONN);
    assert_eq!(rig.there.stat("/").unwrap_err().errno, Errno::ENOTCONN);
}

#[test]
fn who_sets_the_clock_sets_that_of_the_kernel() {
    let rig = Rig::new();
    let reads = |begin: i64| {
        let now = rig.here.gettimeofday().unwrap().sec;
        assert!((begin..begin + 1000).contains(&now), "{now}");
    };
    rig.there.settimeofday(TimeSpec { sec: 1_000_000_000, nsec: 0 }).unwrap();
    reads(1_000_000_000);
    rig.there.clock_settime(ClockId::Realtime, TimeSpec { sec: 2_000_000_000, nsec: 0 }).unwrap();
    reads(2_000_000_000);
}
