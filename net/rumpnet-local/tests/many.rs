//! Many descriptors, many threads, and several descriptors at once.

mod common;

use common::*;
use rump_abi::{Errno::*, MessageFlags, PollEvents, SocketType::*};
use rump_kern::{Fd, FdSet, OPEN_MAX_LIMIT, PollFd, Process};
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_hundred_thousand_sockets_fit() {
    let p = process();
    fails(p.set_open_max(OPEN_MAX_LIMIT + 1), EINVAL);
    p.set_open_max(100_000).unwrap();
    let fds: Vec<Fd> = (0..50_000).flat_map(|_| pair(&p, Stream)).collect();
    assert_eq!(fds.last(), Some(&Fd(99_999)));
    fails(p.pipe(), EMFILE);
    p.close(Fd(77_777)).unwrap();
    p.close(Fd(12_345)).unwrap();
    assert_eq!(p.dup(fds[0]).unwrap(), Fd(12_345));
    assert_eq!(p.dup(fds[0]).unwrap(), Fd(77_777));
    fails(p.dup(fds[0]), EMFILE);
}

#[test]
fn without_a_second_number_there_is_no_pair() {
    let p = process();
    p.set_open_max(1).unwrap();
    fails(p.pipe(), EMFILE);
    p.set_open_max(2).unwrap();
    assert_eq!(p.pipe().unwrap(), [Fd(0), Fd(1)]);
}

#[test]
fn accept_looks_for_a_number_first() {
    let p = process();
    let (listener, client) = (socket(&p, Stream), socket(&p, Stream));
    p.bind(listener, &path("/socket")).unwrap();
    p.listen(listener, 1).unwrap();
    p.connect(client, &path("/socket")).unwrap();
    p.set_open_max(2).unwrap();
    fails(p.accept(listener), EMFILE);
    p.set_open_max(3).unwrap();
    p.accept(listener).unwrap();
}

#[test]
fn select_keeps_what_is_ready() {
    let p = process();
    let ([a, b], [r, w]) = (pair(&p, Stream), p.pipe().unwrap());
    let sets = || (FdSet::from_iter([a, r]), FdSet::from_iter([b, w]), FdSet::from_iter([a]));
    let (mut read, mut write, mut except) = sets();
    let now = Some(Duration::ZERO);
    assert_eq!(p.select(&mut read, &mut write, &mut except, now).unwrap(), 2);
    assert_eq!((read.iter().count(), write.iter().collect::<Vec<_>>()), (0, vec![b, w]));
    // The end of one that is not asked for reading does not count.
    p.close(w).unwrap();
    let (mut read, mut none) = (FdSet::from_iter([r]), FdSet::default());
    assert_eq!(p.select(&mut none, &mut FdSet::default(), &mut read, now).unwrap(), 0);
    let (mut read, mut write) = (FdSet::from_iter([r, a]), FdSet::default());
    assert_eq!(p.select(&mut read, &mut write, &mut none, None).unwrap(), 1);
    assert!(read.contains(r) && !read.contains(a));
    let (mut read, mut write, mut except) = sets();
    fails(p.select(&mut read, &mut write, &mut except, now), EBADF);
}

const ROUNDS: u32 = 20_000;

/// Sends numbers one way and expects them back the other.
fn ping(p: &Process, fd: Fd) {
    for round in 0..ROUNDS {
        p.write(fd, &round.to_le_bytes()).unwrap();
        let mut bytes = [0; 4];
        let mut length = 0;
        while length < 4 {
            let count = p.recv(fd, &mut bytes[length..], MessageFlags::WAITALL).unwrap();
            assert_ne!(count, 0);
            length += count;
        }
        assert_eq!(u32::from_le_bytes(bytes), round + 1);
    }
}

fn pong(p: &Process, fd: Fd) {
    for _ in 0..ROUNDS {
        let mut bytes = [0; 4];
        assert_eq!(p.recv(fd, &mut bytes, MessageFlags::WAITALL).unwrap(), 4);
        let answer = u32::from_le_bytes(bytes) + 1;
        p.write(fd, &answer.to_le_bytes()).unwrap();
    }
}

/// Writes a known sequence in parts of all lengths; takes what there is room for.
fn pour(p: &Process, fd: Fd, total: usize) {
    let (mut at, mut part) = (0_usize, 1);
    while at < total {
        let bytes: Vec<u8> = (at..total.min(at + part)).map(|at| (at % 251) as u8).collect();
        at += p.write(fd, &bytes).unwrap();
        part = part % 9_000 + 37;
    }
}

/// Polls, and reads a known sequence without blocking.
fn drink(p: &Process, fd: Fd, total: usize) {
    let (mut at, mut bytes) = (0, vec![0; 7_001]);
    while at < total {
        let mut fds = [PollFd::new(fd, PollEvents::IN)];
        assert_eq!(p.poll(&mut fds, Some(LONG)).unwrap(), 1, "a wake-up was lost");
        let count = p.read(fd, &mut bytes).unwrap();
        assert!(bytes[..count].iter().enumerate().all(|(n, byte)| *byte == ((at + n) % 251) as u8));
        at += count;
    }
    assert_eq!(at, total);
}

/// Ends the tests if nothing is sent to it for `limit`: threads that are blocked for ever cannot be joined.
fn watchdog(limit: Duration) -> mpsc::Sender<()> {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        if wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            eprintln!("a wake-up was lost");
            std::process::abort();
        }
    });
    done
}

#[test]
fn eight_threads_lose_neither_bytes_nor_wake_ups() {
    let p = process();
    let watch = watchdog(4 * LONG);
    let ([a, b], [c, d], [r, w], [e, f]) =
        (pair(&p, Stream), pair(&p, Stream), p.pipe().unwrap(), pair(&p, SeqPacket));
    std::thread::scope(|scope| {
        scope.spawn(|| ping(&p, a));
        scope.spawn(|| pong(&p, b));
        scope.spawn(|| pour(&p, c, 8 << 20));
        scope.spawn(|| drink(&p, d, 8 << 20));
        scope.spawn(|| pour(&p, w, 4 << 20));
        scope.spawn(|| drink(&p, r, 4 << 20));
        scope.spawn(|| ping(&p, e));
        scope.spawn(|| pong(&p, f));
    });
    watch.send(()).unwrap();
}
