//! Descriptors that are not what a call wants, and several at once.

use crate::system::*;
use rump_abi::SocketType::{Datagram, Stream};
use rump_abi::{Errno::*, FileType, MessageFlags, OpenFlags, PollEvents, Shutdown};
use std::time::{Duration, Instant};

behaviours! {
    a_socket_is_no_file
    a_file_is_not_for_calls_of_sockets
    a_file_is_always_ready
    what_is_closed_is_bad
    poll_looks_at_several
    poll_waits_for_its_time
    poll_is_woken
    a_blocked_read_is_woken_by_the_end
    a_blocked_accept_is_woken_by_a_shutdown
    waiting_for_all_ends_at_the_end
    nonblocking_belongs_to_the_open_file
    switches_that_mean_nothing_are_kept
}

fn a_socket_is_no_file(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    assert_eq!(s.seek(a), Err(ESPIPE));
    assert_eq!(s.read_at(a, &mut [0]), Err(ESPIPE));
    assert_eq!(s.truncate(a), Err(EINVAL));
    assert_eq!(s.sync(a), Err(EINVAL));
    assert_eq!(s.change_directory(a), Err(ENOTDIR));
    assert_eq!(s.type_of(a), Ok(FileType::Socket));
}

fn a_file_is_not_for_calls_of_sockets(s: &dyn System) {
    let file = s.open(&s.path("file"), OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    assert_eq!(s.put(file, b"x"), Err(ENOTSOCK));
    assert_eq!(s.take(file, 1), Err(ENOTSOCK));
    assert_eq!(s.bind(file, &s.abstract_name("f")), Err(ENOTSOCK));
    assert_eq!(s.connect(file, &s.abstract_name("f")), Err(ENOTSOCK));
    assert_eq!(s.accept(file), Err(ENOTSOCK));
    assert_eq!(s.shutdown(file, Shutdown::Both), Err(ENOTSOCK));
    assert_eq!(s.peer_name(file), Err(ENOTSOCK));
    assert_eq!(s.number(file, Number::Error), Err(ENOTSOCK));
}

fn a_file_is_always_ready(s: &dyn System) {
    let file = s.open(&s.path("file"), OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    assert_eq!(s.ready(file), PollEvents::IN | PollEvents::OUT);
    s.write(file, b"abc").unwrap();
    assert_eq!(s.readable(file), Ok(0));
}

fn what_is_closed_is_bad(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    s.close(a).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EBADF));
    assert_eq!(s.close(a), Err(EBADF));
    assert_eq!(s.accept(a), Err(EBADF));
}

fn poll_looks_at_several(s: &dyn System) {
    let ([a, b], [c, d], [r, w]) = (s.pair(Stream), s.pair(Datagram), s.pipe().unwrap());
    let fds = [(a, PollEvents::IN), (c, PollEvents::IN), (r, PollEvents::IN), (w, PollEvents::IN)];
    let none = PollEvents::empty();
    assert_eq!(s.poll(&fds, Some(Duration::ZERO)), Ok(vec![none; 4]));
    s.put(d, b"x").unwrap();
    s.write(w, b"x").unwrap();
    assert_eq!(s.poll(&fds, None), Ok(vec![none, PollEvents::IN, PollEvents::IN, none]));
    s.put(b, b"x").unwrap();
    assert_eq!(s.poll(&fds, None), Ok(vec![PollEvents::IN, PollEvents::IN, PollEvents::IN, none]));
}

fn poll_waits_for_its_time(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    let (begin, time) = (Instant::now(), Duration::from_millis(30));
    assert_eq!(s.poll(&[(a, PollEvents::IN)], Some(time)), Ok(vec![PollEvents::empty()]));
    assert!(begin.elapsed() >= time);
}

fn poll_is_woken(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            s.put(b, b"x").unwrap();
        });
        let ready = s.poll(&[(a, PollEvents::IN)], Some(Duration::from_secs(30)));
        assert_eq!(ready, Ok(vec![PollEvents::IN]));
    });
}

fn a_blocked_read_is_woken_by_the_end(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            s.shutdown(b, Shutdown::Write).unwrap();
        });
        assert_eq!(s.read(a, &mut [0; 9]), Ok(0));
    });
}

fn a_blocked_accept_is_woken_by_a_shutdown(s: &dyn System) {
    let listener = s.listener(Stream, &s.abstract_name("s"), 1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            s.shutdown(listener, Shutdown::Both).unwrap();
        });
        assert_eq!(s.accept(listener), Err(EINVAL));
    });
}

fn waiting_for_all_ends_at_the_end(s: &dyn System) {
    let [a, b] = s.pair(Stream);
    s.put(b, b"abc").unwrap();
    s.shutdown(b, Shutdown::Write).unwrap();
    let came = s.receive(a, &mut [0; 9], MessageFlags::WAITALL, 0).unwrap();
    assert_eq!(came.length, 3);
}

fn nonblocking_belongs_to_the_open_file(s: &dyn System) {
    let [a, _b] = s.pair(Stream);
    let copy = s.dup(a).unwrap();
    s.set_nonblocking(copy, true).unwrap();
    assert_eq!(s.read(a, &mut [0]), Err(EAGAIN));
}

fn switches_that_mean_nothing_are_kept(s: &dyn System) {
    let fd = s.socket(Stream).unwrap();
    assert_eq!(s.number(fd, Number::ReuseAddress), Ok(0));
    s.set_number(fd, Number::ReuseAddress, 1).unwrap();
    assert_eq!(s.number(fd, Number::ReuseAddress), Ok(1));
    assert!(s.number(fd, Number::ReceiveBuffer).unwrap() > 0);
}
