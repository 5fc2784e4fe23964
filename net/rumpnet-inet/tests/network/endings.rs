//! How connections begin and end on both sides at once, and what remains of them.

use super::connections::connect;
use super::lan::{Impairment, Lan};
use super::{ONE, TWO, at, pair};
use core::time::Duration;
use rump_kpi::{Errno, Shutdown};
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::tcp::State;
use std::collections::BTreeSet;

fn slow() -> Lan {
    pair(Impairment { delay: Duration::from_millis(10), ..Impairment::default() })
}

#[test]
fn both_begin_at_once_and_have_one_connection() {
    let mut lan = slow();
    let sockets = [(0, ONE, TWO), (1, TWO, ONE)].map(|(host, own, other)| {
        let socket = lan.stack(host).tcp_socket(Version::V4);
        lan.stack(host).tcp_bind(socket, at(own, 5000)).unwrap();
        let _ = lan.call(host, |stack, now| stack.tcp_connect(now, socket, at(other, 5000)));
        socket
    });
    lan.run(Duration::from_secs(1));
    for (host, socket) in sockets.iter().enumerate() {
        assert_eq!(lan.stack(host).tcp.find(*socket).unwrap().state, State::Established);
        lan.call(host, |stack, now| stack.tcp_send(now, *socket, &[b"hello"])).unwrap();
    }
    lan.run(Duration::from_secs(1));
    for (host, socket) in sockets.iter().enumerate() {
        let mut buffer = [0; 9];
        let read = lan.call(host, |stack, now| stack.tcp_receive(now, *socket, &mut [&mut buffer], false));
        assert_eq!(read, Ok(5));
    }
}

#[test]
fn both_end_at_once_and_both_wait() {
    let mut lan = slow();
    let (client, server) = connect(&mut lan, 80);
    lan.call(0, |stack, now| stack.tcp_shutdown(now, client, Shutdown::Write)).unwrap();
    lan.call(1, |stack, now| stack.tcp_shutdown(now, server, Shutdown::Write)).unwrap();
    lan.run(Duration::from_millis(12));
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().state, State::Closing);
    lan.run(Duration::from_secs(1));
    for (host, socket) in [(0, client), (1, server)] {
        assert_eq!(lan.stack(host).tcp.find(socket).unwrap().state, State::TimeWait);
    }
}

#[test]
fn those_that_have_ended_are_remembered_but_not_all() {
    let mut lan = pair(Impairment::default());
    lan.stack(0).settings.tcp.most_waiting = 10;
    for port in 1000..1030 {
        let (client, server) = connect(&mut lan, port);
        lan.call(0, |stack, now| stack.tcp_close(now, client)).unwrap();
        lan.run(Duration::from_millis(10));
        lan.call(1, |stack, now| stack.tcp_close(now, server)).unwrap();
        lan.run(Duration::from_millis(10));
    }
    assert_eq!((lan.stack(0).tcp.count(), lan.stack(1).tcp.count()), (10, 0));
    lan.run(Duration::from_secs(61));
    assert_eq!(lan.stack(0).tcp.count(), 0);
}

#[test]
fn who_closes_can_ask_whether_all_has_arrived() {
    let mut lan = slow();
    let (client, server) = connect(&mut lan, 80);
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[&[1; 50_000]])).unwrap();
    assert_eq!(lan.call(0, |stack, now| stack.tcp_finish(now, client)), Err(Errno::EAGAIN));
    lan.run(Duration::from_secs(1));
    assert_eq!(lan.call(0, |stack, now| stack.tcp_finish(now, client)), Ok(()));
    assert_eq!(lan.stack(1).tcp.find(server).unwrap().incoming.ready_bytes(), 50_000);
}

#[test]
fn silence_is_asked_about_and_ends_the_connection() {
    let mut lan = pair(Impairment::default());
    let (client, _) = connect(&mut lan, 80);
    let pcb = lan.stack(0).tcp.find_mut(client).unwrap();
    pcb.choices.keep_alive = true;
    pcb.choices.keep.idle = Duration::from_secs(10);
    pcb.choices.keep.interval = Duration::from_secs(2);
    pcb.choices.keep.count = 3;
    lan.call(0, |stack, now| stack.tcp_push(now, client)).unwrap();
    lan.run(Duration::from_secs(100));
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().state, State::Established);
    lan.stack(1).set_up(InterfaceId(2), false).unwrap();
    // The last answer may be ten seconds old: three questions take four at least.
    lan.run(Duration::from_secs(3));
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().error, None);
    lan.run(Duration::from_secs(20));
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().error, Some(Errno::ETIMEDOUT));
}

#[test]
fn ports_cannot_be_foreseen_and_are_not_used_twice() {
    let mut lan = pair(Impairment::default());
    let mut ports = |host_port: u16| -> Vec<u16> {
        (0..200)
            .map(|_| {
                let client = lan.stack(0).tcp_socket(Version::V4);
                let _ = lan.call(0, |stack, now| stack.tcp_connect(now, client, at(TWO, host_port)));
                lan.stack(0).tcp.find(client).unwrap().local.port()
            })
            .collect()
    };
    let (one, other) = (ports(80), ports(81));
    assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), 200);
    assert!(one.iter().all(|port| *port >= 49_152));
    // Where one destination is does not tell where the other is.
    assert_ne!(one[0].abs_diff(other[0]), 1);
}
