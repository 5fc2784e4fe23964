//! Clocks, timers and semaphores, as bytes in a client's memory.

use super::rig::Rig;
use rump_abi::Errno;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::signal::Sigevent;
use rump_abi::netbsd::time::{Timespec, Timespec50, Timeval50};

#[test]
fn old_clocks_tell_the_time_in_their_own_structures() {
    let mut rig = Rig::new();
    let room = rig.room(16);
    assert_eq!(rig.call(__CLOCK_GETTIME50, &[0, room]), Ok(0));
    let now = rig.read::<Timespec>(room).sec;
    rig.clear(room, 16);
    assert_eq!(rig.call(COMPAT_50_CLOCK_GETTIME, &[0, room]), Ok(0));
    assert!((now..now + 60).contains(&rig.read::<Timespec50>(room).sec.into()));
    assert_eq!(rig.call(COMPAT_50_GETTIMEOFDAY, &[room, 0]), Ok(0));
    assert!((now..now + 60).contains(&rig.read::<Timeval50>(room).sec));
    assert_eq!(rig.call(__CLOCK_GETTIME50, &[99, room]), Err(Errno::EINVAL));
}

#[test]
fn some_calls_have_their_error_as_their_value() {
    let mut rig = Rig::new();
    let wrong = rig.place(&Timespec { sec: -1, nsec: 0 });
    assert_eq!(rig.call(CLOCK_NANOSLEEP, &[3, 0, wrong, 0]), Ok(Errno::EINVAL as i64));
    assert_eq!(rig.call(__NANOSLEEP50, &[wrong, 0]), Err(Errno::EINVAL));
    assert_eq!(rig.call(__POSIX_FADVISE50, &[rig.pair[0], 0, 0, 0, 0]), Ok(Errno::ESPIPE as i64));
    assert_eq!(rig.call(POSIX_FALLOCATE, &[rig.file, 0, 0, u64::MAX]), Ok(Errno::EINVAL as i64));
    assert_eq!(rig.call(POSIX_FALLOCATE, &[999, 0, 0, 1]), Ok(Errno::EBADF as i64));
}

#[test]
fn a_timer_tells_how_it_is_set() {
    let mut rig = Rig::new();
    let event = Sigevent { notify: 1, signo: 14, value: 0, function: 0, attributes: 0 };
    let (event, number) = (rig.place(&event), rig.room(4));
    assert_eq!(rig.call(TIMER_CREATE, &[3, event, number]), Ok(0));
    let timer = u64::from(rig.read::<u32>(number));
    let (times, room) =
        (rig.place(&[Timespec { sec: 7, nsec: 0 }, Timespec { sec: 500, nsec: 0 }]), rig.room(32));
    assert_eq!(rig.call(__TIMER_SETTIME50, &[timer, 0, times, 0]), Ok(0));
    assert_eq!(rig.call(__TIMER_GETTIME50, &[timer, room]), Ok(0));
    let [interval, value] = rig.read::<[Timespec; 2]>(room);
    assert_eq!(interval.sec, 7);
    assert!((400..=500).contains(&value.sec));
    let wrong = rig.place(&Sigevent { notify: 1, signo: 64, value: 0, function: 0, attributes: 0 });
    assert_eq!(rig.call(TIMER_CREATE, &[3, wrong, number]), Err(Errno::EINVAL));
}

#[test]
fn who_has_no_place_for_a_timer_or_a_semaphore_gets_none() {
    let mut rig = Rig::new();
    for _ in 0..100 {
        assert_eq!(rig.call(TIMER_CREATE, &[3, 0, 0]), Err(Errno::EFAULT));
        assert_eq!(rig.call(_KSEM_INIT, &[1, 0]), Err(Errno::EFAULT));
    }
    let room = rig.room(8);
    assert_eq!(rig.call(TIMER_CREATE, &[3, 0, room]), Ok(0));
    assert_eq!(rig.call(PIPE2, &[0, 0]), Err(Errno::EFAULT));
    assert_eq!(rig.call(DUP, &[rig.file]), Ok(rig.pair[1] as i64 + 1));
}

#[test]
fn a_semaphore_counts() {
    let mut rig = Rig::new();
    let room = rig.room(8);
    assert_eq!(rig.call(_KSEM_INIT, &[1, room]), Ok(0));
    let semaphore = rig.read::<u64>(room);
    assert_eq!(rig.call(_KSEM_WAIT, &[semaphore]), Ok(0));
    assert_eq!(rig.call(_KSEM_TRYWAIT, &[semaphore]), Err(Errno::EAGAIN));
    let past = rig.place(&Timespec { sec: 1, nsec: 0 });
    assert_eq!(rig.call(_KSEM_TIMEDWAIT, &[semaphore, past]), Err(Errno::ETIMEDOUT));
    assert_eq!(rig.call(_KSEM_POST, &[semaphore]), Ok(0));
    assert_eq!(rig.call(_KSEM_GETVALUE, &[semaphore, room]), Ok(0));
    assert_eq!(rig.read::<u32>(room), 1);
    assert_eq!(rig.call(_KSEM_POST, &[u64::MAX]), Err(Errno::EINVAL));
}
