//! What is done about losses, and about what only looks like one.

use super::connections::{Side, connect};
use super::lan::{Impairment, Lan};
use super::pair;
use core::time::Duration;
use etherparse::{SlicedPacket, TransportSlice};
use rump_kpi::{TcpCaState, TcpInfo};
use rumpnet_inet::tcp::{CongestionKind, EcnUse, TcpId};
use std::cell::Cell;
use std::rc::Rc;

const DELAY: Duration = Duration::from_millis(20);

fn slow(delay: Duration) -> Lan {
    pair(Impairment { delay, ..Impairment::default() })
}

pub fn info(lan: &mut Lan, host: usize, socket: TcpId) -> TcpInfo {
    let now = lan.now();
    lan.stack(host).tcp.find(socket).unwrap().info(now)
}

/// Bytes of content of a frame of TCP.
pub fn content_bytes(frame: &[u8]) -> usize {
    match SlicedPacket::from_ethernet(frame).unwrap().transport {
        Some(TransportSlice::Tcp(tcp)) => tcp.payload().len(),
        _ => 0,
    }
}

/// Loses those of the first host's segments with content whose turns `is_lost` names, the first being number one.
fn lose(lan: &mut Lan, is_lost: impl Fn(u32) -> bool + 'static) {
    let mut count = 0;
    lan.filter = Some(Box::new(move |host, frame| {
        if host != 0 || content_bytes(frame) == 0 {
            return true;
        }
        count += 1;
        !is_lost(count)
    }));
}

/// Sends bytes from the first host. Answers how long it took, and both ends.
pub fn send(lan: &mut Lan, bytes: usize, ends: (TcpId, TcpId)) -> Duration {
    let begin = lan.now();
    let (mut from, mut to) = (Side::new(0, ends.0, 1, bytes), Side::new(1, ends.1, 2, 0));
    while !to.has_end {
        lan.call(0, |stack, now| from.work(stack, now, 2));
        lan.call(1, |stack, now| to.work(stack, now, 1));
        lan.run(Duration::from_millis(1));
        assert!(lan.now() - begin < Duration::from_secs(600), "{} of {bytes} bytes", to.read);
    }
    assert_eq!(to.read, bytes);
    lan.now() - begin
}

#[test]
fn one_that_is_lost_is_sent_again_and_no_other() {
    let mut usual = slow(DELAY);
    let ends = connect(&mut usual, 80);
    let without = send(&mut usual, 300_000, ends);
    for lost in [3, 20, 50, 100] {
        let mut lan = slow(DELAY);
        let ends = connect(&mut lan, 80);
        lose(&mut lan, move |turn| turn == lost);
        let took = send(&mut lan, 300_000, ends);
        let told = info(&mut lan, 0, ends.0);
        assert_eq!((told.total_retrans, told.dsack_dups), (1, 0), "segment {lost}");
        // A loss at the beginning ends slow start early.
        assert!(took < without + Duration::from_millis(700), "segment {lost}: {took:?}, else {without:?}");
        assert!(told.snd_ssthresh_bytes < u32::MAX);
    }
}

#[test]
fn the_last_that_is_lost_is_found_by_a_probe_before_the_timer() {
    let mut lan = slow(DELAY);
    let ends = connect(&mut lan, 80);
    // Ten segments, of which the last two are lost.
    lose(&mut lan, |turn| (9..=10).contains(&turn));
    let took = send(&mut lan, 10 * 1448, ends);
    let told = info(&mut lan, 0, ends.0);
    // A round, the wait for the probe, its answer, and the other one: the timer alone takes 200 ms more.
    assert!(took < Duration::from_millis(230), "{took:?}");
    assert_eq!((told.retransmits, told.total_retrans), (0, 2));
}

#[test]
fn what_is_lost_again_is_found_without_the_timer() {
    let mut lan = slow(DELAY);
    let ends = connect(&mut lan, 80);
    // The tenth, and the next three times that a segment is sent again, it is lost.
    let (first, mut again) = (Rc::new(Cell::new(None)), 0);
    let mut count = 0;
    lan.filter = Some(Box::new(move |host, frame| {
        if host != 0 || content_bytes(frame) == 0 {
            return true;
        }
        let number = u32::from_be_bytes(frame[38..42].try_into().unwrap());
        count += 1;
        if count == 10 {
            first.set(Some(number));
            return false;
        }
        let is_again = first.get() == Some(number);
        again += u32::from(is_again);
        !(is_again && again <= 2)
    }));
    let took = send(&mut lan, 500_000, ends);
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(info(&mut lan, 0, ends.0).total_retrans, 3);
}

#[test]
fn disorder_is_waited_for() {
    let mut lan =
        pair(Impairment { delay: DELAY, jitter: Duration::from_millis(4), seed: 3, ..Impairment::default() });
    let ends = connect(&mut lan, 80);
    send(&mut lan, 3_000_000, ends);
    let told = info(&mut lan, 0, ends.0);
    assert!(told.reord_seen > 0);
    assert!(told.total_retrans * 50 < told.data_segs_out, "{} of {}", told.total_retrans, told.data_segs_out);
}

#[test]
fn a_timer_that_ran_out_too_early_is_taken_back() {
    let mut lan = slow(DELAY);
    let (client, server) = connect(&mut lan, 80);
    let mut sides = [Side::new(0, client, 1, 2_000_000), Side::new(1, server, 2, 0)];
    let mut before = TcpInfo::default();
    for step in 0..3000_u64 {
        // For a while, everything takes longer than the timer waits.
        let is_slow = (300..305).contains(&step);
        lan.impairment.delay = if is_slow { Duration::from_millis(900) } else { DELAY };
        if step == 300 {
            before = info(&mut lan, 0, client);
        }
        let [from, to] = &mut sides;
        lan.call(0, |stack, now| from.work(stack, now, 2));
        lan.call(1, |stack, now| to.work(stack, now, 1));
        lan.run(Duration::from_millis(1));
    }
    assert!(sides[1].has_end);
    let after = info(&mut lan, 0, client);
    assert!(after.total_retrans > before.total_retrans, "the timer ran out");
    assert_eq!(after.ca_state, TcpCaState::Open);
}

#[test]
fn marks_of_routers_slow_the_sender_without_a_loss() {
    let mut lan = slow(DELAY);
    for host in 0..2 {
        lan.stack(host).settings.tcp.ecn = EcnUse::On;
    }
    let (client, server) = connect(&mut lan, 80);
    let (capable, bare) = (Rc::new(Cell::new(0_u32)), Rc::new(Cell::new(0_u32)));
    let (counted, counted_bare) = (capable.clone(), bare.clone());
    lan.filter = Some(Box::new(move |host, frame| {
        if host != 0 || frame[12..14] != [8, 0] {
            return true;
        }
        let has_content = content_bytes(frame) > 0;
        match (frame[15] & 3, has_content) {
            (2, true) => counted.set(counted.get() + 1),
            (0, false) => {}
            _ => counted_bare.set(counted_bare.get() + 1),
        }
        if has_content && counted.get() % 200 == 100 {
            frame[15] |= 3;
            // The checksum of the header follows (RFC 1624).
            frame[24..26].fill(0);
            let mut sum = rumpnet_inet::wire::checksum::Sum::default();
            sum.add(&frame[14..34]);
            frame[24..26].copy_from_slice(&sum.finish().to_be_bytes());
        }
        true
    }));
    send(&mut lan, 3_000_000, (client, server));
    let told = info(&mut lan, 0, client);
    assert!(told.options.contains(rump_kpi::TcpOptions::ECN));
    assert!(told.delivered_ce > 0 && told.snd_ssthresh_bytes < u32::MAX);
    assert_eq!(told.total_retrans, 0);
    assert!(capable.get() > 1000 && bare.get() == 0, "{} and {}", capable.get(), bare.get());
}

#[test]
fn both_algorithms_fill_a_long_way_with_few_losses() {
    for kind in [CongestionKind::NewReno, CongestionKind::Cubic] {
        let mut lan = slow(Duration::from_millis(25));
        lan.stack(0).settings.tcp.choices.congestion = kind;
        let ends = connect(&mut lan, 80);
        lose(&mut lan, |turn| turn % 2000 == 1999);
        let took = send(&mut lan, 20_000_000, ends);
        let told = info(&mut lan, 0, ends.0);
        assert!(took < Duration::from_secs(12), "{kind:?}: {took:?}, window {}", told.snd_cwnd());
        assert!(told.total_retrans < 20, "{kind:?}: {told:?}");
    }
}

#[test]
fn who_gets_on_asks_no_neighbour_whether_it_is_there() {
    let mut lan = slow(DELAY);
    let (client, server) = connect(&mut lan, 80);
    let asked = Rc::new(Cell::new(0_u32));
    let counted = asked.clone();
    lan.filter = Some(Box::new(move |_, frame| {
        if frame[12..14] == [8, 6] {
            counted.set(counted.get() + 1);
        }
        true
    }));
    for turn in 0..240 {
        lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"x"]).unwrap());
        lan.run(Duration::from_secs(1));
        lan.call(1, |stack, now| stack.tcp_receive(now, server, &mut [&mut [0]], false).unwrap());
        if turn >= 120 {
            // Who only gets something knows as well that what it answers arrives.
            continue;
        }
        lan.call(1, |stack, now| stack.tcp_send(now, server, &[b"y"]).unwrap());
        lan.run(Duration::from_secs(1));
        lan.call(0, |stack, now| stack.tcp_receive(now, client, &mut [&mut [0]], false).unwrap());
    }
    assert_eq!(asked.get(), 0);
}
