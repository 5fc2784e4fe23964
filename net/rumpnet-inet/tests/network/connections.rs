//! Connections over wires of all kinds: every byte arrives once and in order, and both sides end as they should.

use super::lan::{Impairment, Lan};
use super::{TWO, at, pair};
use core::net::Ipv4Addr;
use core::time::Duration;
use rump_kpi::{Errno, PollEvents, Shutdown};
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::tcp::{State, TcpId};
use rumpnet_inet::time::Instant;

/// The byte at a place of a stream.
fn byte(stream: usize, place: usize) -> u8 {
    (place.wrapping_mul(31).wrapping_add(stream * 7) >> 3) as u8
}

/// One side of a connection: what it wrote and read.
pub struct Side {
    host: usize,
    socket: TcpId,
    stream: usize,
    pub written: usize,
    total: usize,
    pub read: usize,
    pub has_end: bool,
}

impl Side {
    pub fn new(host: usize, socket: TcpId, stream: usize, total: usize) -> Self {
        Self { host, socket, stream, written: 0, total, read: 0, has_end: false }
    }

    /// Writes and reads what can be; closes its direction at the end.
    pub fn work(&mut self, stack: &mut Stack, now: Instant, other: usize) {
        while self.written < self.total {
            let end = (self.written + 9000).min(self.total);
            let piece: Vec<u8> = (self.written..end).map(|place| byte(self.stream, place)).collect();
            match stack.tcp_send(now, self.socket, &[&piece]) {
                Ok(count) => self.written += count,
                Err(Errno::EAGAIN) => break,
                Err(error) => panic!("host {}: {error} after {} bytes", self.host, self.written),
            }
            if self.written == self.total {
                stack.tcp_shutdown(now, self.socket, Shutdown::Write).unwrap();
            }
        }
        let mut buffer = [0; 7000];
        while !self.has_end {
            match stack.tcp_receive(now, self.socket, &mut [&mut buffer], false) {
                Ok(0) => self.has_end = true,
                Ok(count) => {
                    for (at, found) in buffer[..count].iter().enumerate() {
                        assert!(
                            *found == byte(other, self.read + at),
                            "host {}: byte {}",
                            self.host,
                            self.read + at
                        );
                    }
                    self.read += count;
                }
                Err(Errno::EAGAIN) => break,
                Err(error) => panic!("host {}: {error} after {} bytes read", self.host, self.read),
            }
        }
    }
}

/// Connects the first host to a port of the second. Answers both ends.
pub fn connect(lan: &mut Lan, port: u16) -> (TcpId, TcpId) {
    let listener = lan.stack(1).tcp_socket(Version::V4);
    lan.stack(1).tcp_bind(listener, at(TWO, port)).unwrap();
    lan.stack(1).tcp_listen(listener, 5).unwrap();
    // On the worst of wires a SYN and all that follow it may be lost.
    for _ in 0..10 {
        let client = lan.stack(0).tcp_socket(Version::V4);
        let begun = lan.call(0, |stack, now| stack.tcp_connect(now, client, at(TWO, port)));
        assert_eq!(begun, Err(Errno::EINPROGRESS));
        // If the last of three is lost with all its copies, one side has a connection and the other none.
        for _ in 0..2000 {
            if let Ok(server) = lan.stack(1).tcp_accept(listener) {
                lan.call(1, |stack, now| stack.tcp_close(now, listener)).unwrap();
                return (client, server);
            }
            lan.run(Duration::from_millis(100));
        }
        lan.call(0, |stack, now| stack.tcp_close(now, client)).unwrap();
    }
    panic!("no connection");
}

/// Sends so many bytes both ways, and closes. Answers how long it took.
fn exchange(lan: &mut Lan, there: usize, back: usize) -> Duration {
    let (client, server) = connect(lan, 80);
    let begin = lan.now();
    let mut sides = [Side::new(0, client, 1, there), Side::new(1, server, 2, back)];
    for side in sides.iter().filter(|side| side.total == 0) {
        lan.call(side.host, |stack, now| stack.tcp_shutdown(now, side.socket, Shutdown::Write)).unwrap();
    }
    while !sides.iter().all(|side| side.has_end) {
        for (side, other) in sides.iter_mut().zip([2, 1]) {
            lan.call(side.host, |stack, now| side.work(stack, now, other));
        }
        lan.run(Duration::from_millis(2));
        if lan.now() - begin >= Duration::from_secs(3600) {
            for side in &sides {
                let now = lan.now();
                let pcb = lan.stack(side.host).tcp.find(side.socket).unwrap();
                let (info, timers, send, receive) = (pcb.info(now), &pcb.timers, &pcb.send, &pcb.receive);
                eprintln!(
                    "read {}: {info:?} {timers:?} {send:?} {receive:?} {:?}\n{:?}\n{:?}",
                    side.read, pcb.recovery, pcb.scoreboard, pcb.armed
                );
            }
            panic!("{} and {} bytes, seed {}", sides[0].read, sides[1].read, lan.impairment.seed);
        }
    }
    let took = lan.now() - begin;
    assert_eq!((sides[0].read, sides[1].read), (back, there));
    for side in &sides {
        lan.call(side.host, |stack, now| stack.tcp_close(now, side.socket)).unwrap();
    }
    lan.run(Duration::from_secs(1000));
    for host in 0..2 {
        assert_eq!((lan.stack(host).tcp.count(), lan.stack(host).next_deadline()), (0, None), "host {host}");
    }
    took
}

#[test]
fn bytes_go_both_ways_and_both_sides_end() {
    for (there, back) in [(0, 0), (1, 1), (1460, 1461), (100_000, 3), (1_000_000, 1_000_000)] {
        exchange(&mut pair(Impairment::default()), there, back);
    }
}

#[test]
fn acknowledgements_that_both_sides_lost_are_made_good() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    for (host, socket) in [(0, client), (1, server)] {
        let sent = lan.call(host, |stack, now| stack.tcp_send(now, socket, &[&[7; 10_000]]));
        assert_eq!(sent, Ok(10_000));
    }
    // All content arrives, and what it is answered with is lost: both timers run out.
    lan.set_loss(100);
    lan.run(Duration::from_millis(150));
    lan.set_loss(0);
    let before = lan.frames();
    lan.run(Duration::from_secs(60));
    assert!(lan.frames() - before < 100, "{} frames", lan.frames() - before);
    for (host, socket) in [(0, client), (1, server)] {
        let mut buffer = vec![0; 20_000];
        let receive = |stack: &mut Stack, now| stack.tcp_receive(now, socket, &mut [&mut buffer], false);
        assert_eq!(lan.call(host, receive), Ok(10_000));
        assert_eq!(lan.stack(host).tcp.find(socket).unwrap().flight(), 0);
    }
}

#[test]
fn every_byte_survives_a_bad_wire() {
    for seed in 0..super::seeds(40) {
        let impairment = Impairment {
            seed,
            loss: seed % 8 * 4,
            duplicate: seed % 3 * 5,
            corrupt: seed % 4 * 2,
            jitter: Duration::from_micros(seed % 7 * 400),
            ..Impairment::default()
        };
        let mut lan = pair(impairment);
        let took = exchange(&mut lan, 200_000, 50_000);
        assert!(took < Duration::from_secs(3000), "seed {seed}: {took:?}");
    }
}

/// Being woken for each acknowledgement, to write no more than that has room for, would take two changes of threads each.
#[test]
fn who_waits_to_write_is_woken_when_a_third_is_free() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    let choices = &mut lan.stack(0).tcp.find_mut(client).unwrap().choices;
    (choices.send_bytes, choices.send_is_fixed) = (90_000, true);
    // Until the other side's buffer is full as well.
    let fill = |lan: &mut Lan| {
        while lan.call(0, |stack, now| stack.tcp_send(now, client, &[&[0; 9000]])).is_ok() {
            lan.settle();
        }
        lan.stack(0).take_changed();
    };
    fill(&mut lan);
    let (mut woken, mut read) = (0, 0);
    while read < 900_000 {
        let mut buffer = vec![0; 2920];
        let receive = |stack: &mut Stack, now| stack.tcp_receive(now, server, &mut [&mut buffer], false);
        read += lan.call(1, receive).unwrap();
        lan.settle();
        let pcb = lan.stack(0).tcp.find(client).unwrap();
        let (is_writable, length) = (pcb.ready().contains(PollEvents::OUT), pcb.outgoing.len());
        assert_eq!(is_writable, length <= 60_000, "{length} bytes of 90,000");
        let is_woken = !lan.stack(0).take_changed().is_empty();
        assert_eq!(is_woken, is_writable, "{length} bytes of 90,000");
        if is_woken {
            woken += 1;
            fill(&mut lan);
        }
    }
    assert!((20..=30).contains(&woken), "woken {woken} times for 900,000 bytes");
}

#[test]
fn a_host_talks_to_itself() {
    let mut lan = pair(Impairment::default());
    let stack = lan.stack(0);
    let now = Duration::from_secs(1);
    let listener = stack.tcp_socket(Version::V4);
    stack.tcp_bind(listener, at(Ipv4Addr::UNSPECIFIED, 80)).unwrap();
    stack.tcp_listen(listener, 1).unwrap();
    let client = stack.tcp_socket(Version::V4);
    assert_eq!(stack.tcp_connect(now, client, at(Ipv4Addr::LOCALHOST, 80)), Err(Errno::EINPROGRESS));
    let server = stack.tcp_accept(listener).unwrap();
    let mut sides = [Side::new(0, client, 1, 5_000_000), Side::new(0, server, 2, 10)];
    for round in 0..10_000_u64 {
        for (side, other) in sides.iter_mut().zip([2, 1]) {
            side.work(stack, now + Duration::from_micros(round), other);
        }
        if sides.iter().all(|side| side.has_end) {
            break;
        }
    }
    assert_eq!((sides[0].read, sides[1].read), (10, 5_000_000));
}

#[test]
fn a_port_where_nobody_listens_refuses() {
    let mut lan = pair(Impairment::default());
    let client = lan.stack(0).tcp_socket(Version::V4);
    let _ = lan.call(0, |stack, now| stack.tcp_connect(now, client, at(TWO, 81)));
    lan.settle();
    let pcb = lan.stack(0).tcp.find(client).unwrap();
    assert_eq!((pcb.error, pcb.state), (Some(Errno::ECONNREFUSED), State::Closed));
    assert!(pcb.ready().contains(PollEvents::ERR | PollEvents::OUT | PollEvents::HUP));
}

#[test]
fn a_host_that_is_not_there_times_out() {
    let mut lan = pair(Impairment::default());
    let client = lan.stack(0).tcp_socket(Version::V4);
    let nobody = Ipv4Addr::new(192, 0, 2, 99);
    let _ = lan.call(0, |stack, now| stack.tcp_connect(now, client, at(nobody, 81)));
    lan.run(Duration::from_secs(600));
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().error, Some(Errno::EHOSTUNREACH));
}

#[test]
fn a_reader_who_pauses_stops_the_writer_and_goes_on() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    let mut writer = Side::new(0, client, 1, 3_000_000);
    for _ in 0..100 {
        lan.call(0, |stack, now| writer.work(stack, now, 2));
        lan.run(Duration::from_millis(20));
    }
    let held = lan.stack(1).tcp.find(server).unwrap().incoming.held_bytes();
    assert!((400_000..=524_288).contains(&held), "{held}");
    lan.run(Duration::from_secs(300));
    let mut reader = Side::new(1, server, 2, 0);
    for _ in 0..2000 {
        lan.call(1, |stack, now| reader.work(stack, now, 1));
        lan.call(0, |stack, now| writer.work(stack, now, 2));
        lan.run(Duration::from_millis(20));
    }
    assert_eq!((reader.read, reader.has_end), (3_000_000, true));
}

#[test]
fn what_is_not_read_resets_and_what_is_written_to_nobody_fails() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"unread"])).unwrap();
    lan.settle();
    lan.call(1, |stack, now| stack.tcp_close(now, server)).unwrap();
    lan.settle();
    let error = lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"more"]));
    assert_eq!(error, Err(Errno::ECONNRESET));
    let error = lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"more"]));
    assert_eq!(error, Err(Errno::EPIPE));
}

#[test]
fn a_link_that_goes_down_and_comes_back_is_survived() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    let mut sides = [Side::new(0, client, 1, 2_000_000), Side::new(1, server, 2, 1000)];
    for round in 0..4000 {
        for (side, other) in sides.iter_mut().zip([2, 1]) {
            lan.call(side.host, |stack, now| side.work(stack, now, other));
        }
        if matches!(round, 20 | 400) {
            let is_up = round == 400;
            lan.stack(1).set_up(InterfaceId(2), is_up).unwrap();
        }
        lan.run(Duration::from_millis(20));
    }
    assert!(sides.iter().all(|side| side.has_end));
}
