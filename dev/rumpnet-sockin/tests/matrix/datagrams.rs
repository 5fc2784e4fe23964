//! Datagrams.

use crate::system::*;
use rump_abi::{Errno::*, MessageFlags, PollEvents, Shutdown, SocketType};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

behaviours! {
    borders_are_kept_and_senders_known
    a_datagram_may_be_empty
    what_does_not_fit_is_lost_and_said_so
    the_whole_length_is_answered_if_asked_for
    a_peeked_datagram_stays
    a_datagram_has_a_longest_length
    whom_it_goes_to_must_be_known
    a_connected_one_hears_nobody_else
    nobody_there_refuses_the_next_call
    how_much_the_next_one_is_is_known
    a_port_is_given_when_it_is_needed
    nothing_is_urgent
    shutting_down_ends_receiving
    sending_to_all_must_be_allowed
    a_group_gets_what_is_sent_to_it
    an_echo_is_answered
}

fn borders_are_kept_and_senders_known(s: &dyn System) {
    for at in [v4(), v6()] {
        let [a, b] = [(); 2].map(|()| s.datagrams(at));
        for content in [&b"one"[..], b"two"] {
            assert_eq!(s.send(a, content, NONE, Some(s.name(b).unwrap())), Ok(3));
        }
        for content in [&b"one"[..], b"two"] {
            s.wait(b, PollEvents::IN);
            let came = s.receive(b, 99, NONE).unwrap();
            assert_eq!((&came.bytes[..], came.from, came.flags), (content, s.name(a).ok(), NONE));
        }
        assert_eq!(s.receive(b, 99, NONE), Err(EAGAIN));
    }
}

fn a_datagram_may_be_empty(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    assert_eq!(s.send(a, b"", NONE, Some(s.name(b).unwrap())), Ok(0));
    assert_eq!(s.take(b, 9), Ok(vec![]));
}

fn what_does_not_fit_is_lost_and_said_so(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    for content in [&b"too long"[..], b"next"] {
        s.send(a, content, NONE, Some(s.name(b).unwrap())).unwrap();
    }
    s.wait(b, PollEvents::IN);
    let came = s.receive(b, 3, NONE).unwrap();
    assert_eq!((&came.bytes[..], came.length, came.flags), (&b"too"[..], 3, MessageFlags::TRUNC));
    assert_eq!(s.take(b, 9), Ok(b"next".to_vec()));
}

fn the_whole_length_is_answered_if_asked_for(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    s.send(a, b"too long", NONE, Some(s.name(b).unwrap())).unwrap();
    s.wait(b, PollEvents::IN);
    let came = s.receive(b, 3, MessageFlags::TRUNC | MessageFlags::PEEK).unwrap();
    assert_eq!((came.length, came.flags), (8, MessageFlags::TRUNC));
    assert_eq!(s.receive(b, 3, MessageFlags::TRUNC).unwrap().length, 8);
    assert_eq!(s.receive(b, 3, NONE), Err(EAGAIN));
}

fn a_peeked_datagram_stays(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    s.send(a, b"stays", NONE, Some(s.name(b).unwrap())).unwrap();
    s.wait(b, PollEvents::IN);
    assert_eq!(s.receive(b, 2, MessageFlags::PEEK).unwrap().bytes, b"st");
    assert_eq!(s.take(b, 9), Ok(b"stays".to_vec()));
}

fn a_datagram_has_a_longest_length(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    let to = s.name(b).ok();
    assert_eq!(s.send(a, &[7; 65_508], NONE, to), Err(EMSGSIZE));
    assert_eq!(s.send(a, &[7; 65_507], NONE, to), Ok(65_507));
    assert_eq!(s.take(b, 99_999).map(|bytes| bytes.len()), Ok(65_507));
}

fn whom_it_goes_to_must_be_known(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    assert_eq!(s.put(a, b"x"), Err(EDESTADDRREQ));
    s.connect(a, s.name(b).unwrap()).unwrap();
    assert_eq!(s.peer(a), s.name(b));
    assert_eq!(s.put(a, b"x"), Ok(1));
    assert_eq!(s.take(b, 9), Ok(b"x".to_vec()));
    assert_eq!(s.peer(b), Err(ENOTCONN));
}

fn a_connected_one_hears_nobody_else(s: &dyn System) {
    let [a, b, c] = [(); 3].map(|()| s.datagrams(v4()));
    s.connect(a, s.name(b).unwrap()).unwrap();
    s.send(c, b"else", NONE, s.name(a).ok()).unwrap();
    s.send(b, b"mine", NONE, s.name(a).ok()).unwrap();
    assert_eq!(s.take(a, 9), Ok(b"mine".to_vec()));
    assert_eq!(s.receive(a, 9, NONE), Err(EAGAIN));
}

fn nobody_there_refuses_the_next_call(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    s.connect(a, s.name(b).unwrap()).unwrap();
    s.close(b);
    s.put(a, b"x").unwrap();
    assert!(s.poll(a, PollEvents::IN, PATIENCE).contains(PollEvents::ERR));
    assert_eq!(s.put(a, b"x"), Err(ECONNREFUSED));
}

fn how_much_the_next_one_is_is_known(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    for content in [&b"first"[..], b"2"] {
        s.send(a, content, NONE, s.name(b).ok()).unwrap();
    }
    s.wait(b, PollEvents::IN);
    assert_eq!(s.readable(b), Ok(5));
}

fn a_port_is_given_when_it_is_needed(s: &dyn System) {
    let a = s.socket(v4(), SocketType::Datagram, 0).unwrap();
    assert_eq!(s.name(a).unwrap().port(), 0);
    s.send(a, b"x", NONE, s.name(s.datagrams(v4())).ok()).unwrap();
    assert_ne!(s.name(a).unwrap().port(), 0);
}

fn nothing_is_urgent(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    assert_eq!(s.send(a, b"x", MessageFlags::OOB, s.name(b).ok()), Err(EOPNOTSUPP));
}

fn shutting_down_ends_receiving(s: &dyn System) {
    let [a, b] = [(); 2].map(|()| s.datagrams(v4()));
    s.connect(a, s.name(b).unwrap()).unwrap();
    s.shutdown(a, Shutdown::Both).unwrap();
    assert_eq!(s.put(a, b"x"), Err(EPIPE));
    assert!(s.ready(a).contains(PollEvents::IN | PollEvents::HUP));
    // The host ends only calls that block.
    let end = if s.is_host() { Err(EAGAIN) } else { Ok(0) };
    assert_eq!(s.receive(a, 9, NONE).map(|came| came.length), end);
}

fn sending_to_all_must_be_allowed(s: &dyn System) {
    let a = s.datagrams("0.0.0.0:0".parse().unwrap());
    let all: SocketAddr = "127.255.255.255:9".parse().unwrap();
    assert_eq!(s.send(a, b"x", NONE, Some(all)), Err(EACCES));
    s.set_number(a, Number::Broadcast, 1).unwrap();
    assert_eq!(s.send(a, b"x", NONE, Some(all)), Ok(1));
}

fn a_group_gets_what_is_sent_to_it(s: &dyn System) {
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let member = s.datagrams("0.0.0.0:0".parse().unwrap());
    let (port, sender) = (s.name(member).unwrap().port(), s.datagrams(v4()));
    s.join(member, group, Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(s.join(member, group, Ipv4Addr::LOCALHOST), Err(EADDRINUSE));
    // The way to a group is that of the loopback, where there is no other network.
    match s.send(sender, b"all", NONE, Some((group, port).into())) {
        Ok(3) => assert_eq!(s.take(member, 9), Ok(b"all".to_vec())),
        Err(ENETUNREACH) => {}
        other => panic!("{other:?}"),
    }
    s.leave(member, group, Ipv4Addr::LOCALHOST).unwrap();
    assert_eq!(s.leave(member, group, Ipv4Addr::LOCALHOST), Err(EADDRNOTAVAIL));
    assert_eq!(s.join(member, Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST), Err(EINVAL));
}

/// Of a "ping socket", which hosts let some users have.
fn an_echo_is_answered(s: &dyn System) {
    let Ok(fd) = s.socket(v4(), SocketType::Datagram, 1) else { return };
    let request = [8, 0, 0, 0, 0, 0, 0, 1, b'h', b'i'];
    s.send(fd, &request, NONE, Some(v4())).unwrap();
    if s.poll(fd, PollEvents::IN, Duration::from_secs(2)).is_empty() {
        return;
    }
    let came = s.receive(fd, 99, NONE).unwrap();
    assert_eq!((came.bytes[0], &came.bytes[6..]), (0, &[0, 1, b'h', b'i'][..]));
    assert_eq!(came.from, Some(v4()));
}
