//! Queues of events.

mod common;

use common::*;
use rump_abi::event::{
    Event, EventFlags, Filter, NOTE_FFCOPY, NOTE_FFOR, NOTE_LOWAT, NOTE_TRIGGER, NOTE_USECONDS,
};
use rump_abi::{Errno::*, PollEvents, Shutdown, SocketType::*};
use rump_kern::{Fd, PollFd, Process};
use std::time::{Duration, Instant};

const ADD: EventFlags = EventFlags::ADD;
const NOW: Option<Duration> = Some(Duration::ZERO);

fn event(ident: u64, filter: Filter, flags: EventFlags) -> Event {
    Event { ident, filter, flags, fflags: 0, data: 0, udata: ident + 100 }
}

fn of(fd: Fd, filter: Filter, flags: EventFlags) -> Event {
    event(u64::from(fd.0), filter, flags)
}

/// What is so now.
fn look(p: &Process, kq: Fd) -> Vec<Event> {
    p.kevent(kq, &[], 16, NOW).unwrap()
}

#[test]
fn what_can_be_read_is_reported_as_long_as_it_is_so() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    p.kevent(kq, &[of(a, Filter::Read, ADD)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq), []);
    p.write(b, b"abc").unwrap();
    for _ in 0..2 {
        let events = look(&p, kq);
        assert_eq!(
            (events.len(), events[0].ident, events[0].data, events[0].udata),
            (1, a.0.into(), 3, 100 + u64::from(a.0))
        );
    }
    p.read(a, &mut [0; 9]).unwrap();
    assert_eq!(look(&p, kq), []);
}

#[test]
fn clear_reports_changes() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    p.kevent(kq, &[of(a, Filter::Read, ADD | EventFlags::CLEAR)], 0, NOW).unwrap();
    p.write(b, b"abc").unwrap();
    assert_eq!(look(&p, kq).len(), 1);
    assert_eq!(look(&p, kq), []);
    p.write(b, b"de").unwrap();
    assert_eq!(look(&p, kq)[0].data, 5);
}

#[test]
fn oneshot_and_dispatch_report_once() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    p.write(b, b"abc").unwrap();
    p.kevent(kq, &[of(a, Filter::Read, ADD | EventFlags::ONESHOT)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq).len(), 1);
    assert_eq!(look(&p, kq), []);
    fails(p.kevent(kq, &[of(a, Filter::Read, EventFlags::DELETE)], 0, NOW), ENOENT);
    p.kevent(kq, &[of(a, Filter::Read, ADD | EventFlags::DISPATCH)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq).len(), 1);
    assert_eq!(look(&p, kq), []);
    p.kevent(kq, &[of(a, Filter::Read, EventFlags::ENABLE)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq).len(), 1);
}

#[test]
fn what_is_disabled_or_deleted_is_not_reported() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    p.write(b, b"abc").unwrap();
    p.kevent(kq, &[of(a, Filter::Read, ADD | EventFlags::DISABLE)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq), []);
    p.kevent(kq, &[of(a, Filter::Read, EventFlags::ENABLE)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq).len(), 1);
    p.kevent(kq, &[of(a, Filter::Read, EventFlags::DELETE)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq), []);
}

#[test]
fn the_end_is_reported() {
    let p = process();
    let ([a, b], [r, w], kq) = (pair(&p, Stream), p.pipe().unwrap(), p.kqueue().unwrap());
    p.kevent(kq, &[of(a, Filter::Read, ADD), of(r, Filter::Read, ADD), of(w, Filter::Write, ADD)], 0, NOW)
        .unwrap();
    assert_eq!(look(&p, kq).len(), 1);
    p.shutdown(b, Shutdown::Write).unwrap();
    p.close(w).unwrap();
    let events = look(&p, kq);
    assert_eq!(events.iter().map(|event| event.ident).collect::<Vec<_>>(), [u64::from(a.0), u64::from(r.0)]);
    assert!(events.iter().all(|event| event.flags.contains(EventFlags::EOF)));
}

#[test]
fn room_is_reported_and_the_least_is_kept_to() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    while p.send(a, &[0; 8192], rump_abi::MessageFlags::DONTWAIT).is_ok() {}
    let mut least = of(b, Filter::Read, ADD);
    (least.fflags, least.data) = (NOTE_LOWAT, 1 << 30);
    p.kevent(kq, &[of(a, Filter::Write, ADD), least], 0, NOW).unwrap();
    assert_eq!(look(&p, kq), []);
    while p.recv(b, &mut [0; 65_536], rump_abi::MessageFlags::DONTWAIT).is_ok() {}
    let events = look(&p, kq);
    assert_eq!((events.len(), events[0].filter), (1, Filter::Write));
    assert!(events[0].data > 0);
}

#[test]
fn a_listener_reports_how_many_came() {
    let p = process();
    let (listener, kq) = (socket(&p, Stream), p.kqueue().unwrap());
    p.bind(listener, &path("/socket")).unwrap();
    p.listen(listener, 5).unwrap();
    p.kevent(kq, &[of(listener, Filter::Read, ADD)], 0, NOW).unwrap();
    for _ in 0..2 {
        p.connect(socket(&p, Stream), &path("/socket")).unwrap();
    }
    assert_eq!(look(&p, kq)[0].data, 2);
}

#[test]
fn timers_go_off_again_and_once() {
    let p = process();
    let kq = p.kqueue().unwrap();
    let mut every = event(1, Filter::Timer, ADD);
    every.data = 20;
    let mut once = event(2, Filter::Timer, ADD | EventFlags::ONESHOT);
    (once.data, once.fflags) = (1000, NOTE_USECONDS);
    let begin = Instant::now();
    let first = p.kevent(kq, &[every, once], 1, Some(LONG)).unwrap();
    assert_eq!((first[0].ident, first[0].data), (2, 1));
    let second = p.kevent(kq, &[], 4, Some(LONG)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert_eq!((second.len(), second[0].ident), (1, 1));
    std::thread::sleep(Duration::from_millis(70));
    assert!(look(&p, kq)[0].data >= 2);
    every.data = -1;
    fails(p.kevent(kq, &[every], 0, NOW), EINVAL);
    fails(p.kevent(kq, &[Event { ident: 3, ..every }], 0, NOW), EINVAL);
    fails(p.kevent(kq, &[event(3, Filter::Timer, EventFlags::DELETE)], 0, NOW), ENOENT);
}

#[test]
fn users_trigger_their_events() {
    let p = process();
    let kq = p.kqueue().unwrap();
    p.kevent(kq, &[event(7, Filter::User, ADD | EventFlags::CLEAR)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq), []);
    let mut trigger = event(7, Filter::User, EventFlags::empty());
    trigger.fflags = NOTE_TRIGGER | NOTE_FFCOPY | 5;
    let woken = while_blocked(
        || p.kevent(kq, &[], 4, Some(LONG)).unwrap(),
        || {
            p.kevent(kq, &[trigger], 0, NOW).unwrap();
        },
    );
    assert_eq!((woken[0].fflags, woken.len()), (5, 1));
    assert_eq!(look(&p, kq), []);
    trigger.fflags = NOTE_TRIGGER | NOTE_FFOR | 2;
    p.kevent(kq, &[trigger], 0, NOW).unwrap();
    assert_eq!(look(&p, kq)[0].fflags, 7);
    trigger.ident = 8;
    fails(p.kevent(kq, &[trigger], 0, NOW), ENOENT);
}

#[test]
fn changes_that_fail_are_answered_if_there_is_room() {
    let p = process();
    let kq = p.kqueue().unwrap();
    let bad = event(999, Filter::Read, ADD);
    fails(p.kevent(kq, &[bad], 0, NOW), EBADF);
    let receipt = event(1, Filter::User, ADD | EventFlags::RECEIPT);
    let answers = p.kevent(kq, &[bad, receipt], 4, None).unwrap();
    assert_eq!(answers.iter().map(|answer| answer.data).collect::<Vec<_>>(), [EBADF as i64, 0]);
    assert!(answers.iter().all(|answer| answer.flags == EventFlags::ERROR));
    fails(p.kevent(kq, &[of(kq, Filter::Read, ADD)], 0, NOW), EINVAL);
    let [a, _b] = pair(&p, Stream);
    fails(p.kevent(a, &[], 1, NOW), EBADF);
    fails(p.read(kq, &mut [0]), EINVAL);
}

#[test]
fn events_go_with_their_descriptor() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    p.kevent(kq, &[of(a, Filter::Read, ADD)], 0, NOW).unwrap();
    p.write(b, b"x").unwrap();
    p.close(a).unwrap();
    assert_eq!(look(&p, kq), []);
    // Another file at the same number is not what was asked for.
    let [c, d] = pair(&p, Stream);
    assert_eq!(c, a);
    p.write(d, b"x").unwrap();
    assert_eq!(look(&p, kq), []);
    p.kevent(kq, &[of(c, Filter::Read, ADD)], 0, NOW).unwrap();
    assert_eq!(look(&p, kq).len(), 1);
}

#[test]
fn all_have_their_turn() {
    let p = process();
    let kq = p.kqueue().unwrap();
    let ready: Vec<Fd> = (0..5)
        .map(|_| {
            let [a, b] = pair(&p, Stream);
            p.write(b, b"x").unwrap();
            p.kevent(kq, &[of(a, Filter::Read, ADD)], 0, NOW).unwrap();
            a
        })
        .collect();
    let seen: Vec<u64> = (0..5).map(|_| p.kevent(kq, &[], 1, NOW).unwrap()[0].ident).collect();
    assert_eq!(seen, ready.iter().map(|fd| u64::from(fd.0)).collect::<Vec<_>>());
}

#[test]
fn a_queue_is_polled_and_not_inherited() {
    let p = process();
    let ([a, b], kq) = (pair(&p, Stream), p.kqueue().unwrap());
    p.kevent(kq, &[of(a, Filter::Read, ADD)], 0, NOW).unwrap();
    let poll = |timeout| {
        let mut fds = [PollFd::new(kq, PollEvents::IN)];
        p.poll(&mut fds, Some(timeout)).unwrap()
    };
    assert_eq!(poll(Duration::ZERO), 0);
    let write = || {
        p.write(b, b"x").unwrap();
    };
    assert_eq!(while_blocked(|| poll(LONG), write), 1);
    p.read(a, &mut [0; 9]).unwrap();
    let mut timer = event(1, Filter::Timer, ADD);
    timer.data = 10;
    p.kevent(kq, &[timer], 0, NOW).unwrap();
    assert_eq!(poll(LONG), 1);
    fails(p.fork().kevent(kq, &[], 1, NOW), EBADF);
    let message = rump_kern::SendMessage { parts: &[b"x"], rights: &[kq], ..Default::default() };
    fails(p.sendmsg(a, &message, rump_abi::MessageFlags::empty()), EOPNOTSUPP);
}
