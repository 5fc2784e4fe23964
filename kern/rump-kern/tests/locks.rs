//! Locks of files: what blocks, what ends that, and who is refused because all would wait.

mod common;

use common::*;
use rump_abi::{Errno, Errno::*, OpenFlags};
use rump_kern::{Fd, ForkDescriptors, LockHeld, LockKind, LockRange, Process, Whence};
use rump_kpi::KResult;
use std::thread;
use std::time::Duration;

const EX: Option<LockKind> = Some(LockKind::Exclusive);
const SH: Option<LockKind> = Some(LockKind::Shared);

fn byte(start: i64) -> LockRange {
    LockRange { whence: Whence::Set, start, length: 1 }
}

fn locker(p: &Process) -> (Process, Fd) {
    let p = p.fork_with(ForkDescriptors::Empty);
    let fd = open(&p, "/f", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    (p, fd)
}

/// Two processes that have a file open, each for itself.
fn two() -> [(Process, Fd); 2] {
    let p = process();
    [locker(&p), locker(&p)]
}

/// What a call that blocks answers, while `end` is done until it does.
fn until_done(call: impl FnOnce() -> KResult<()> + Send, mut end: impl FnMut()) -> Result<(), Errno> {
    thread::scope(|scope| {
        let blocked = scope.spawn(move || call().map_err(|error| error.errno));
        thread::sleep(Duration::from_millis(20));
        assert!(!blocked.is_finished(), "it does not block");
        for _ in 0..2_000 {
            end();
            if blocked.is_finished() {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        if !blocked.is_finished() {
            eprintln!("nothing ends the call");
            std::process::exit(99);
        }
        blocked.join().unwrap()
    })
}

#[test]
fn who_waits_gets_the_lock_once_it_is_free() {
    let [(p, a), (q, b)] = two();
    p.setlk(a, EX, LockRange::ALL).unwrap();
    assert_eq!(until_done(|| q.setlkw(b, SH, byte(3)), || p.setlk(a, None, byte(3)).unwrap()), Ok(()));
    fails(p.setlk(a, EX, byte(3)), EAGAIN);
    fails(q.setlk(b, SH, byte(4)), EAGAIN);
}

#[test]
fn a_lock_that_becomes_shared_lets_others_in() {
    let [(p, a), (q, b)] = two();
    p.flock(a, EX).unwrap();
    assert_eq!(until_done(|| q.flock(b, SH), || p.flock(a, SH).unwrap()), Ok(()));
    p.setlk(a, SH, byte(0)).unwrap();
}

#[test]
fn closing_ending_and_dropping_take_locks_away() {
    type End = fn(&Process, Fd);
    let ends: [End; 3] = [
        |p, fd| drop(p.close(fd)),
        |p, _| p.exit(),
        |p, fd| {
            let _ = p.dup2(Fd(fd.0 + 1), fd);
        },
    ];
    for end in ends {
        let [(p, a), (q, b)] = two();
        open(&p, "/other", OpenFlags::CREAT).unwrap();
        p.setlk(a, EX, byte(0)).unwrap();
        assert_eq!(until_done(|| q.setlkw(b, EX, byte(0)), || end(&p, a)), Ok(()));
        let [(p, a), (q, b)] = two();
        open(&p, "/other", OpenFlags::CREAT).unwrap();
        p.flock(a, EX).unwrap();
        assert_eq!(until_done(|| q.flock(b, EX), || end(&p, a)), Ok(()));
    }
}

#[test]
fn a_process_that_nobody_has_any_more_has_no_locks() {
    let [(p, a), (q, b)] = two();
    p.setlk(a, EX, byte(0)).unwrap();
    p.try_flock(a, None).unwrap();
    fails(q.setlk(b, EX, byte(0)), EAGAIN);
    drop(p);
    q.setlk(b, EX, byte(0)).unwrap();
}

#[test]
fn any_close_of_a_file_takes_its_locks_and_no_others() {
    let [(p, a), (q, b)] = two();
    let again = open(&p, "/f", OpenFlags::empty()).unwrap();
    let other = open(&p, "/other", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    p.setlk(a, EX, byte(0)).unwrap();
    p.setlk(other, EX, byte(0)).unwrap();
    p.close(again).unwrap();
    q.setlk(b, EX, byte(0)).unwrap();
    let at_other = open(&q, "/other", OpenFlags::RDWR).unwrap();
    fails(q.setlk(at_other, EX, byte(0)), EAGAIN);
}

#[test]
fn what_ends_waiting() {
    let [(p, a), (q, b)] = two();
    p.setlk(a, EX, byte(0)).unwrap();
    assert_eq!(until_done(|| q.setlkw(b, SH, byte(0)), || q.interrupt()), Err(EINTR));
    assert_eq!(until_done(|| q.flock(b, SH), || q.interrupt()), Err(EINTR));
    assert_eq!(until_done(|| q.flock(b, SH), || drop(q.close(b))), Err(EBADF));
    let b = open(&q, "/f", OpenFlags::RDWR).unwrap();
    assert_eq!(until_done(|| q.setlkw(b, SH, byte(0)), || drop(q.close(b))), Err(EBADF));
    let b = open(&q, "/f", OpenFlags::RDWR).unwrap();
    assert_eq!(until_done(|| q.setlkw(b, SH, byte(0)), || drop(p.reboot())), Err(ENXIO));
}

#[test]
fn nobody_waits_for_those_who_wait_for_him() {
    let p = process();
    let all: Vec<(Process, Fd)> = (0..3).map(|_| locker(&p)).collect();
    for (number, (p, fd)) in all.iter().enumerate() {
        p.setlk(*fd, EX, byte(number as i64)).unwrap();
    }
    let refused = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for (number, (p, fd)) in all.iter().enumerate() {
            let refused = &refused;
            scope.spawn(move || {
                // Whoever is the last to wait would close the circle.
                if let Err(error) = p.setlkw(*fd, EX, byte((number as i64 + 1) % 3)) {
                    assert_eq!(error.errno, EDEADLK);
                    refused.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
                p.setlk(*fd, None, LockRange::ALL).unwrap();
            });
        }
    });
    assert_eq!(refused.into_inner(), 1);
}

#[test]
fn of_those_who_wait_in_a_circle_one_is_refused_and_all_go_on() {
    let p = process();
    let all: Vec<(Process, Fd)> = (0..4).map(|_| locker(&p)).collect();
    let (done, over) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("processes wait for each other");
            std::process::exit(99);
        }
    });
    thread::scope(|scope| {
        for (number, (p, fd)) in all.iter().enumerate() {
            scope.spawn(move || {
                for turn in 0..400 {
                    let first = (number + turn) as i64 % 4;
                    p.setlkw(*fd, EX, byte(first)).unwrap();
                    match p.setlkw(*fd, EX, byte((first + 1) % 4)) {
                        Ok(()) => {}
                        Err(error) => assert_eq!(error.errno, EDEADLK),
                    }
                    p.setlk(*fd, None, LockRange::ALL).unwrap();
                }
            });
        }
    });
    drop(done);
}

#[test]
fn open_takes_a_lock() {
    let [(p, _), (q, _)] = two();
    let shared = open(&p, "/f", OpenFlags::SHLOCK).unwrap();
    open(&q, "/f", OpenFlags::SHLOCK).unwrap();
    fails(open(&q, "/f", OpenFlags::EXLOCK | OpenFlags::NONBLOCK), EAGAIN);
    fails(open(&q, "/f", OpenFlags::EXLOCK | OpenFlags::SHLOCK), EINVAL);
    q.closefrom(Fd(0));
    let waits = || open(&q, "/f", OpenFlags::EXLOCK).map(drop);
    assert_eq!(until_done(waits, || q.interrupt()), Err(EINTR));
    assert_eq!(until_done(waits, || drop(p.close(shared))), Ok(()));
    fails(open(&p, "/f", OpenFlags::SHLOCK | OpenFlags::NONBLOCK), EAGAIN);
    assert_eq!(q.max_fd(), Some(Fd(0)));
}

#[test]
fn a_lock_that_cannot_be_raised_stays() {
    let [(p, a), (q, b)] = two();
    p.try_flock(a, SH).unwrap();
    q.try_flock(b, SH).unwrap();
    fails(p.try_flock(a, EX), EAGAIN);
    fails(q.try_flock(b, EX), EAGAIN);
    p.try_flock(a, None).unwrap();
    q.try_flock(b, EX).unwrap();
}

#[test]
fn both_kinds_of_locks_stand_in_each_others_way() {
    let [(p, a), (q, b)] = two();
    p.setlk(a, SH, byte(5)).unwrap();
    q.flock(b, SH).unwrap();
    fails(q.try_flock(b, EX), EAGAIN);
    let expected = LockHeld { kind: LockKind::Shared, start: 0, length: 0, pid: None };
    assert_eq!(p.getlk(a, LockKind::Exclusive, byte(5)).unwrap(), Some(expected));
    q.flock(b, None).unwrap();
    let expected = LockHeld { kind: LockKind::Shared, start: 5, length: 1, pid: Some(p.pid()) };
    assert_eq!(q.getlk(b, LockKind::Exclusive, LockRange::ALL).unwrap(), Some(expected));
    assert_eq!(q.getlk(b, LockKind::Shared, LockRange::ALL).unwrap(), None);
}

#[test]
fn processes_that_share_a_table_lock_each_for_itself() {
    let [(p, a), (q, b)] = two();
    let (twin, third) = (p.fork_with(ForkDescriptors::Share), p.fork_with(ForkDescriptors::Share));
    twin.setlk(a, EX, byte(0)).unwrap();
    third.setlk(a, EX, byte(1)).unwrap();
    fails(p.setlk(a, EX, byte(0)), EAGAIN);
    twin.exit();
    p.setlk(a, EX, byte(0)).unwrap();
    // A close is one for all of them.
    p.close(a).unwrap();
    q.setlk(b, EX, LockRange::ALL).unwrap();
}

#[test]
fn a_fork_has_the_lock_of_the_open_file_and_none_of_the_process() {
    let [(p, a), (q, b)] = two();
    p.setlk(a, EX, byte(0)).unwrap();
    let child = p.fork();
    fails(child.setlk(a, EX, byte(0)), EAGAIN);
    p.setlk(a, None, byte(0)).unwrap();
    p.flock(a, EX).unwrap();
    child.flock(a, EX).unwrap();
    p.close(a).unwrap();
    fails(q.try_flock(b, EX), EAGAIN);
    child.close(a).unwrap();
    q.try_flock(b, EX).unwrap();
}

#[test]
fn what_is_no_file_or_not_open_for_it_has_no_locks() {
    let p = process();
    let [read, _] = p.pipe().unwrap();
    fails(p.flock(read, SH), EOPNOTSUPP);
    fails(p.setlk(read, SH, LockRange::ALL), EINVAL);
    put(&p, "/f", b"");
    let fd = open(&p, "/f", OpenFlags::WRONLY).unwrap();
    fails(p.setlk(fd, SH, LockRange::ALL), EBADF);
    p.flock(fd, SH).unwrap();
    fails(p.setlk(fd, EX, LockRange { whence: Whence::Data, start: 0, length: 0 }), EINVAL);
    fails(p.flock(Fd(99), SH), EBADF);
}

#[test]
fn many_lock_alone() {
    let p = process();
    let inside = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..6 {
            let ((p, fd), inside) = (locker(&p), &inside);
            scope.spawn(move || {
                for _ in 0..500 {
                    if number % 2 == 0 {
                        p.flock(fd, EX).unwrap()
                    } else {
                        p.setlkw(fd, EX, byte(7)).unwrap()
                    }
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                    if number % 2 == 0 {
                        p.flock(fd, None).unwrap()
                    } else {
                        p.setlk(fd, None, byte(7)).unwrap()
                    }
                }
            });
        }
    });
}
