//! Connections.

use crate::system::*;
use rump_abi::{Errno::*, MessageFlags, PollEvents, Shutdown, SocketType};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

behaviours! {
    bytes_go_both_ways
    names_are_those_of_the_connection
    a_connection_is_begun_and_then_there
    nobody_there_refuses
    what_is_connected_is_not_connected_again
    what_is_not_connected_has_nobody
    an_end_is_read_after_everything
    a_direction_ends_alone
    sending_after_the_end_breaks_the_pipe
    closing_with_unread_bytes_resets
    lingering_for_no_time_resets
    a_full_stream_takes_no_more
    readiness_follows_room_and_bytes
    peeked_bytes_stay
    a_stream_is_not_cut
    urgent_bytes_come_beside
    urgent_bytes_come_in_place
    how_much_can_be_read_is_known
    one_that_listens_is_readable_with_a_connection
    only_those_that_listen_accept
    a_name_in_use_is_refused
    a_name_is_not_changed
    the_address_must_be_ours
    both_families_may_connect_to_one_of_ipv6
    shutting_down_what_is_not_connected_fails
    an_address_of_another_family_is_refused
}

fn bytes_go_both_ways(s: &dyn System) {
    for at in [v4(), v6()] {
        let [a, b] = s.pair(at);
        assert_eq!(s.put(a, b"there"), Ok(5));
        assert_eq!(s.take(b, 99), Ok(b"there".to_vec()));
        assert_eq!(s.put(b, b"back"), Ok(4));
        assert_eq!(s.take(a, 2), Ok(b"ba".to_vec()));
        assert_eq!(s.take(a, 99), Ok(b"ck".to_vec()));
        assert_eq!(s.receive(a, 9, NONE), Err(EAGAIN));
    }
}

fn names_are_those_of_the_connection(s: &dyn System) {
    let listener = s.listener(v4());
    let client = s.stream(v4());
    assert_eq!(s.name(client), Ok("0.0.0.0:0".parse().unwrap()));
    s.connect_now(client, s.name(listener).unwrap()).unwrap();
    s.wait(listener, PollEvents::IN);
    let (server, from) = s.accept(listener).unwrap();
    assert_eq!(Ok(from), s.name(client));
    assert_eq!(s.peer(client), s.name(listener));
    assert_eq!((s.name(server), s.peer(server)), (s.peer(client), s.name(client)));
    assert_eq!(s.peer(listener), Err(ENOTCONN));
}

fn a_connection_is_begun_and_then_there(s: &dyn System) {
    let listener = s.listener(v4());
    let client = s.stream(v4());
    assert_eq!(s.connect(client, s.name(listener).unwrap()), Err(EINPROGRESS));
    s.wait(client, PollEvents::OUT);
    assert_eq!(s.number(client, Number::Error), Ok(0));
    assert_eq!(s.put(client, b"x"), Ok(1));
}

fn nobody_there_refuses(s: &dyn System) {
    let listener = s.listener(v4());
    let nobody = s.name(listener).unwrap();
    s.close(listener);
    let client = s.stream(v4());
    assert_eq!(s.connect(client, nobody), Err(EINPROGRESS));
    assert_eq!(s.poll(client, PollEvents::IN, PATIENCE), PollEvents::IN | PollEvents::ERR | PollEvents::HUP);
    assert_eq!(s.number(client, Number::Error), Ok(ECONNREFUSED as i64));
    assert_eq!(s.number(client, Number::Error), Ok(0));
    assert_eq!(s.put(client, b"x"), Err(EPIPE));
}

fn what_is_connected_is_not_connected_again(s: &dyn System) {
    let [a, _b] = s.pair(v4());
    // The first call after the one that began it says that it is done.
    assert_eq!(s.connect(a, s.peer(a).unwrap()), Ok(()));
    assert_eq!(s.connect(a, "127.0.0.1:9".parse().unwrap()), Err(EISCONN));
    assert_eq!(s.listen(a, 1), Err(EINVAL));
}

fn what_is_not_connected_has_nobody(s: &dyn System) {
    let fd = s.stream(v4());
    assert_eq!(s.receive(fd, 9, NONE), Err(ENOTCONN));
    assert_eq!(s.put(fd, b"x"), Err(EPIPE));
    assert_eq!(s.peer(fd), Err(ENOTCONN));
    assert_eq!(s.ready(fd), PollEvents::OUT | PollEvents::HUP);
}

fn an_end_is_read_after_everything(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.put(a, b"last").unwrap();
    s.close(a);
    assert_eq!(s.take(b, 2), Ok(b"la".to_vec()));
    assert_eq!(s.take(b, 9), Ok(b"st".to_vec()));
    assert_eq!(s.take(b, 9), Ok(vec![]));
    assert_eq!(s.take(b, 9), Ok(vec![]));
    assert_eq!(s.ready(b), PollEvents::IN | PollEvents::OUT);
}

fn a_direction_ends_alone(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.shutdown(a, Shutdown::Write).unwrap();
    assert_eq!(s.take(b, 9), Ok(vec![]));
    assert_eq!(s.put(b, b"still"), Ok(5));
    assert_eq!(s.take(a, 9), Ok(b"still".to_vec()));
    s.shutdown(a, Shutdown::Read).unwrap();
    assert_eq!(s.receive(a, 9, NONE).map(|came| came.bytes), Ok(vec![]));
    assert_eq!(s.ready(a), PollEvents::IN | PollEvents::OUT | PollEvents::HUP);
}

fn sending_after_the_end_breaks_the_pipe(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.shutdown(a, Shutdown::Write).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
    s.close(b);
}

fn closing_with_unread_bytes_resets(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.put(a, b"unread").unwrap();
    s.wait(b, PollEvents::IN);
    s.close(b);
    s.wait(a, PollEvents::IN);
    assert!(s.ready(a).contains(PollEvents::ERR | PollEvents::HUP));
    assert_eq!(s.receive(a, 9, NONE), Err(ECONNRESET));
    assert_eq!(s.receive(a, 9, NONE).map(|came| came.length), Ok(0));
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
}

fn lingering_for_no_time_resets(s: &dyn System) {
    let [a, b] = s.pair(v4());
    assert_eq!(s.linger(a), Ok(None));
    s.set_linger(a, Some(Duration::ZERO)).unwrap();
    assert_eq!(s.linger(a), Ok(Some(Duration::ZERO)));
    s.close(a);
    s.wait(b, PollEvents::IN);
    assert_eq!(s.number(b, Number::Error), Ok(ECONNRESET as i64));
}

fn a_full_stream_takes_no_more(s: &dyn System) {
    let [a, b] = s.pair(v4());
    let total = s.fill(a);
    assert_eq!(s.ready(a), PollEvents::empty());
    let mut received = 0;
    while received < total {
        received += s.take(b, 1 << 20).unwrap().len();
    }
    s.wait(a, PollEvents::OUT);
    assert_eq!(s.receive(b, 9, NONE), Err(EAGAIN));
}

fn readiness_follows_room_and_bytes(s: &dyn System) {
    let [a, b] = s.pair(v4());
    assert_eq!((s.ready(a), s.ready(b)), (PollEvents::OUT, PollEvents::OUT));
    s.put(a, b"x").unwrap();
    s.wait(b, PollEvents::IN);
    assert_eq!(s.ready(b), PollEvents::IN | PollEvents::OUT);
    s.take(b, 9).unwrap();
    assert_eq!(s.ready(b), PollEvents::OUT);
    assert_eq!(s.poll(b, PollEvents::IN, Duration::from_millis(20)), PollEvents::empty());
}

fn peeked_bytes_stay(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.put(a, b"bytes").unwrap();
    s.wait(b, PollEvents::IN);
    for _ in 0..2 {
        assert_eq!(s.receive(b, 3, MessageFlags::PEEK).unwrap().bytes, b"byt");
    }
    assert_eq!(s.take(b, 9), Ok(b"bytes".to_vec()));
}

fn a_stream_is_not_cut(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.put(a, b"bytes").unwrap();
    s.wait(b, PollEvents::IN);
    let came = s.receive(b, 3, NONE).unwrap();
    assert_eq!((came.length, came.from, came.flags), (3, None, NONE));
}

fn urgent_bytes_come_beside(s: &dyn System) {
    let [a, b] = s.pair(v4());
    assert_eq!(s.receive(b, 1, MessageFlags::OOB), Err(EINVAL));
    s.put(a, b"usual").unwrap();
    assert_eq!(s.send(a, b"u", MessageFlags::OOB, None), Ok(1));
    s.wait(b, PollEvents::PRI);
    let came = s.receive(b, 9, MessageFlags::OOB).unwrap();
    assert_eq!((&came.bytes[..], came.flags), (&b"u"[..], MessageFlags::OOB));
    assert_eq!(s.take(b, 9), Ok(b"usual".to_vec()));
    assert_eq!(s.receive(b, 9, NONE), Err(EAGAIN));
}

fn urgent_bytes_come_in_place(s: &dyn System) {
    let [a, b] = s.pair(v4());
    s.set_number(b, Number::OobInline, 1).unwrap();
    s.put(a, b"one").unwrap();
    s.send(a, b"2", MessageFlags::OOB, None).unwrap();
    s.put(a, b"three").unwrap();
    s.wait(b, PollEvents::PRI);
    // It stops before what is urgent.
    assert_eq!(s.take(b, 99), Ok(b"one".to_vec()));
    let mut rest = s.take(b, 99).unwrap();
    while rest.len() < 6 {
        rest.extend(s.take(b, 99).unwrap());
    }
    assert_eq!(rest, b"2three");
}

fn how_much_can_be_read_is_known(s: &dyn System) {
    let [a, b] = s.pair(v4());
    assert_eq!(s.readable(b), Ok(0));
    s.put(a, b"12345").unwrap();
    s.wait(b, PollEvents::IN);
    assert_eq!(s.readable(b), Ok(5));
}

fn one_that_listens_is_readable_with_a_connection(s: &dyn System) {
    let listener = s.listener(v4());
    assert_eq!(s.ready(listener), PollEvents::empty());
    assert_eq!(s.accept(listener), Err(EAGAIN));
    assert_eq!(s.number(listener, Number::Listens), Ok(1));
    let client = s.stream(v4());
    s.connect_now(client, s.name(listener).unwrap()).unwrap();
    s.wait(listener, PollEvents::IN);
    assert_eq!(s.ready(listener), PollEvents::IN);
    s.accept(listener).unwrap();
    assert_eq!(s.accept(listener), Err(EAGAIN));
}

fn only_those_that_listen_accept(s: &dyn System) {
    assert_eq!(s.accept(s.stream(v4())), Err(EINVAL));
    let datagrams = s.datagrams(v4());
    assert_eq!(s.accept(datagrams), Err(EOPNOTSUPP));
    assert_eq!(s.listen(datagrams, 1), Err(EOPNOTSUPP));
}

fn a_name_in_use_is_refused(s: &dyn System) {
    let listener = s.listener(v4());
    let other = s.stream(v4());
    assert_eq!(s.bind(other, s.name(listener).unwrap()), Err(EADDRINUSE));
    let [one, two] = [(); 2].map(|()| s.stream(v4()));
    s.set_number(one, Number::ReusePort, 1).unwrap();
    s.bind(one, v4()).unwrap();
    s.set_number(two, Number::ReusePort, 1).unwrap();
    assert_eq!(s.bind(two, s.name(one).unwrap()), Ok(()));
}

fn a_name_is_not_changed(s: &dyn System) {
    let listener = s.listener(v4());
    assert_eq!(s.bind(listener, v4()), Err(EINVAL));
}

fn the_address_must_be_ours(s: &dyn System) {
    let foreign: SocketAddr = "192.0.2.1:0".parse().unwrap();
    assert_eq!(s.bind(s.stream(v4()), foreign), Err(EADDRNOTAVAIL));
}

fn both_families_may_connect_to_one_of_ipv6(s: &dyn System) {
    let any: SocketAddr = (Ipv6Addr::UNSPECIFIED, 0).into();
    let listener = s.stream(v6());
    s.set_number(listener, Number::V6Only, 0).unwrap();
    s.bind(listener, any).unwrap();
    s.listen(listener, 4).unwrap();
    let client = s.stream(v4());
    let port = s.name(listener).unwrap().port();
    s.connect_now(client, ([127, 0, 0, 1], port).into()).unwrap();
    s.wait(listener, PollEvents::IN);
    let from = s.accept(listener).unwrap().1;
    assert_eq!(from.ip().to_string(), "::ffff:127.0.0.1");
    let only = s.stream(v6());
    s.set_number(only, Number::V6Only, 1).unwrap();
    s.bind(only, any).unwrap();
    assert_eq!(s.set_number(only, Number::V6Only, 0), Err(EINVAL));
    s.listen(only, 4).unwrap();
    let client = s.stream(v4());
    let to = ([127, 0, 0, 1], s.name(only).unwrap().port()).into();
    assert_eq!(s.connect_now(client, to), Err(ECONNREFUSED));
}

fn shutting_down_what_is_not_connected_fails(s: &dyn System) {
    assert_eq!(s.shutdown(s.stream(v4()), Shutdown::Both), Err(ENOTCONN));
    assert_eq!(s.shutdown(s.datagrams(v4()), Shutdown::Both), Err(ENOTCONN));
}

fn an_address_of_another_family_is_refused(s: &dyn System) {
    assert_eq!(s.bind(s.stream(v4()), v6()), Err(EAFNOSUPPORT));
    assert_eq!(s.socket(v4(), SocketType::Stream, 17), Err(EPROTONOSUPPORT));
    assert_eq!(s.socket(v4(), SocketType::Datagram, 6), Err(EPROTONOSUPPORT));
    assert_eq!(s.socket(v6(), SocketType::SeqPacket, 0), Err(ESOCKTNOSUPPORT));
}
