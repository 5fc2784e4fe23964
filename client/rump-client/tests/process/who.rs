//! Who a process is and becomes, what it waits for, and datagrams: the same calls have the same answers.

use crate::rig::Rig;
use crate::same;
use rump_abi::{
    AddressFamily, Errno, MessageFlags, Mode, OpenFlags, PollEvents, Signal, SignalSet, SocketAddress,
    SocketType,
};
use rump_kern::{Fd, FdSet, LockKind, LockRange, PollFd, Whence};
use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const RW: OpenFlags = OpenFlags::RDWR.union(OpenFlags::CREAT);
const MODE: Mode = Mode::new(0o640);
/// What no descriptor is.
const NONE: Fd = Fd(77);

/// Both have the same users and groups, and were changed alike.
fn are_the_same(rig: &Rig) {
    let (here, there) = (&rig.here, &rig.there);
    let users = [there.getuid().unwrap(), there.geteuid().unwrap()];
    assert_eq!(users, [here.getuid(), here.geteuid()]);
    let groups = [there.getgid().unwrap(), there.getegid().unwrap()];
    assert_eq!(groups, [here.getgid(), here.getegid()]);
    assert_eq!(there.issetugid().unwrap(), here.issetugid());
}

#[test]
fn users_and_groups_change_alike() {
    let ids = [0, 7, 8, u32::MAX - 1];
    let pairs = [(None, None), (None, Some(7)), (Some(7), None), (Some(8), Some(7)), (Some(0), Some(0))];
    // The superuser, somebody who was it, and somebody else.
    for (real, effective) in [(0, 0), (0, 7), (7, 7)] {
        for way in 0..4 {
            let rig = Rig::new();
            are_the_same(&rig);
            same!(rig, |process| process.setregid(Some(real), Some(effective))).unwrap();
            same!(rig, |process| process.setreuid(Some(real), Some(effective))).unwrap();
            are_the_same(&rig);
            for id in ids {
                match way {
                    0 => same!(rig, |process| process.setuid(id)).ok(),
                    1 => same!(rig, |process| process.setgid(id)).ok(),
                    2 => same!(rig, |process| process.setegid(id)).ok(),
                    _ => same!(rig, |process| process.seteuid(id)).ok(),
                };
                are_the_same(&rig);
            }
            for (real, effective) in pairs {
                same!(rig, |process| process.setregid(real, effective)).ok();
                same!(rig, |process| process.setreuid(real, effective)).ok();
                are_the_same(&rig);
            }
        }
    }
}

#[test]
fn groups_of_processes_and_sessions_begin_alike() {
    for begins_session_first in [false, true] {
        let rig = Rig::new();
        let own = [rig.here.pid(), rig.there.pid().unwrap()];
        // Which of both a number is.
        let role = |number: u32| own.iter().position(|pid| *pid == number).map_or(number, |_| u32::MAX);
        same!(rig, |process| process.getpgrp().map(role)).unwrap();
        if begins_session_first {
            assert_eq!(same!(rig, |process| process.setsid().map(role)).unwrap(), u32::MAX);
        }
        for (pid, group) in [(0, 0), (0, 999_999), (999_999, 0), (u32::MAX, 0), (0, u32::MAX), (1, 0), (0, 0)]
        {
            same!(rig, |process| process.setpgid(pid, group)).ok();
            same!(rig, |process| process.getpgrp().map(role)).unwrap();
        }
        same!(rig, |process| process.setsid().map(role)).unwrap_err();
        same!(rig, |process| process.getsid(0).map(role)).unwrap();
        same!(rig, |process| process.getpgid(0).map(role)).unwrap();
    }
}

#[test]
fn masks_of_signals_change_nothing_of_what_is_ready() {
    let rig = Rig::apart();
    let file = same!(rig, |process| process.open("f", RW, MODE)).unwrap();
    let [empty, writing] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    let [full, other] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    same!(rig, |process| process.write(other, b"abc")).unwrap();
    let [ended, gone] = same!(rig, |process| process.pipe2(OpenFlags::empty())).unwrap();
    same!(rig, |process| process.close(gone)).unwrap();
    let asked = PollEvents::IN | PollEvents::OUT;
    let some: SignalSet = [Signal::SIGHUP, Signal::SIGALRM].into_iter().collect();
    let all = [file, empty, writing, full, other, ended];
    for mask in [None, Some(SignalSet::default()), Some(some)] {
        for timeout in [Duration::ZERO, Duration::from_micros(10)] {
            same!(rig, |process| {
                let mut fds: Vec<_> = all.iter().map(|fd| PollFd::new(*fd, asked)).collect();
                fds.extend([PollFd::new(NONE, asked), PollFd { fd: None, ..PollFd::new(file, asked) }]);
                process.ppoll(&mut fds, Some(timeout), mask).map(|count| (count, fds.clone()))
            })
            .unwrap();
            same!(rig, |process| process.ppoll(&mut [], Some(timeout), mask)).unwrap();
            for (read, write, except) in
                [(&all[..], &all[..], &all[..]), (&all[1..2], &[], &[]), (&[], &[], &[]), (&[NONE], &[], &[])]
            {
                same!(rig, |process| {
                    let mut sets = [read, write, except].map(|fds| fds.iter().copied().collect::<FdSet>());
                    let [read, write, except] = &mut sets;
                    let count = process.pselect([read, write, except], Some(timeout), mask);
                    count.map(|count| (count, sets.map(|set| set.iter().collect::<Vec<_>>())))
                })
                .ok();
            }
        }
    }
}

#[test]
fn who_waits_for_a_lock_gets_it_once_it_is_free() {
    let rig = Rig::new();
    let fd = same!(rig, |process| process.open("/f", RW, MODE)).unwrap();
    let reading = same!(rig, |process| process.open("/f", OpenFlags::empty(), MODE)).unwrap();
    let before = LockRange { whence: Whence::Cur, start: -1, length: 1 };
    let far = LockRange { start: i64::MAX, length: 2, ..LockRange::ALL };
    for (fd, kind, range) in [
        (NONE, Some(LockKind::Shared), LockRange::ALL),
        (reading, Some(LockKind::Exclusive), LockRange::ALL),
        (fd, Some(LockKind::Shared), before),
        (fd, Some(LockKind::Shared), far),
        (fd, Some(LockKind::Shared), LockRange { whence: Whence::Hole, ..LockRange::ALL }),
        (fd, None, before),
        (fd, Some(LockKind::Shared), LockRange::ALL),
    ] {
        same!(rig, |process| process.setlkw(fd, kind, range)).ok();
        same!(rig, |process| process.setlkw(fd, None, LockRange::ALL)).ok();
    }
    rig.here.setlkw(fd, Some(LockKind::Exclusive), LockRange::ALL).unwrap();
    let is_free = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            rig.there.setlkw(fd, Some(LockKind::Exclusive), LockRange::ALL).unwrap();
            assert!(is_free.load(Ordering::SeqCst));
        });
        // The stream of the process that waits carries other calls.
        assert_eq!(rig.there.fstat(fd).unwrap().size, 0);
        is_free.store(true, Ordering::SeqCst);
        rig.here.setlkw(fd, None, LockRange::ALL).unwrap();
        waiting.join().unwrap();
    });
    let held = rig.here.getlk(fd, LockKind::Shared, LockRange::ALL).unwrap().unwrap();
    assert_eq!(held.pid, Some(rig.there.pid().unwrap()));
}

#[test]
fn datagrams_go_where_they_are_sent_or_nowhere() {
    let rig = Rig::apart();
    let local = |path: &str| SocketAddress::Local(path.as_bytes().to_vec());
    let inet = |port| SocketAddress::Inet(SocketAddrV4::new([127, 0, 0, 1].into(), port));
    let kind = SocketType::Datagram;
    let sockets = [AddressFamily::Local, AddressFamily::Inet]
        .map(|family| same!(rig, |process| process.socket(family, kind, 0, OpenFlags::NONBLOCK)).unwrap());
    let bound =
        same!(rig, |process| process.socket(AddressFamily::Local, kind, 0, OpenFlags::NONBLOCK)).unwrap();
    same!(rig, |process| process.bind(bound, &local("bound"))).unwrap();
    let file = same!(rig, |process| process.open("file", RW, MODE)).unwrap();
    let large = vec![0; 70_000];
    let addresses = [local("bound"), local("none"), local("file"), local(""), inet(9), inet(0)];
    for fd in [sockets[0], sockets[1], file, NONE] {
        for address in &addresses {
            for bytes in [&b"some"[..], b"", &large] {
                same!(rig, |process| process.sendto(fd, bytes, MessageFlags::DONTWAIT, address)).ok();
            }
        }
    }
    // The large one as far as there is room.
    let mut came = 0;
    loop {
        let one = same!(rig, |process| {
            let mut bytes = [0; 8];
            process
                .recvfrom(bound, &mut bytes, MessageFlags::empty())
                .map(|(count, from)| (count, from, bytes))
        });
        match one {
            Ok((count, ..)) => came += count,
            Err(errno) => {
                assert_eq!((errno, came), (Errno::EAGAIN, 4 + 8));
                return;
            }
        }
    }
}
