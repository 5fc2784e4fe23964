//! Long ways, ways that swallow long packets, windows of all sizes.

use super::connections::{Side, connect};
use super::lan::Impairment;
use super::pair;
use super::recovery::{content_bytes, info, send};
use core::time::Duration;
use rump_kpi::Errno;
use rumpnet_inet::tcp::State;
use std::cell::Cell;
use std::rc::Rc;

#[test]
fn buffers_grow_to_fill_a_long_way() {
    let mut lan = pair(Impairment { delay: Duration::from_millis(50), ..Impairment::default() });
    let ends = connect(&mut lan, 80);
    let took = send(&mut lan, 40_000_000, ends);
    // Half a megabyte in a tenth of a second would take eight seconds.
    assert!(took < Duration::from_secs(5), "{took:?}");
    let held = |host: usize, socket, lan: &mut super::lan::Lan| {
        let choices = lan.stack(host).tcp.find(socket).unwrap().choices;
        (choices.send_bytes, choices.receive_bytes)
    };
    assert!(held(0, ends.0, &mut lan).0 > 2 << 20 && held(1, ends.1, &mut lan).1 > 2 << 20);
}

#[test]
fn a_buffer_of_a_size_that_was_said_keeps_it() {
    let mut lan = pair(Impairment { delay: Duration::from_millis(50), ..Impairment::default() });
    let ends = connect(&mut lan, 80);
    let pcb = lan.stack(1).tcp.find_mut(ends.1).unwrap();
    (pcb.choices.receive_bytes, pcb.choices.receive_is_fixed) = (100_000, true);
    send(&mut lan, 3_000_000, ends);
    assert_eq!(lan.stack(1).tcp.find(ends.1).unwrap().choices.receive_bytes, 100_000);
}

#[test]
fn a_way_that_swallows_long_packets_gets_shorter_ones_and_later_longer_ones() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    let is_narrow = Rc::new(Cell::new(true));
    let narrow = is_narrow.clone();
    lan.filter = Some(Box::new(move |_, frame| !narrow.get() || frame.len() <= 1294));
    let mut sides = [Side::new(0, client, 1, 10_000_000), Side::new(1, server, 2, 0)];
    let mut run = |lan: &mut super::lan::Lan, until: usize| {
        let begin = lan.now();
        while sides[1].read < until {
            let [from, to] = &mut sides;
            lan.call(0, |stack, now| from.work(stack, now, 2));
            lan.call(1, |stack, now| to.work(stack, now, 1));
            lan.run(Duration::from_millis(5));
            assert!(lan.now() - begin < Duration::from_secs(60), "{} bytes", sides[1].read);
        }
    };
    run(&mut lan, 500_000);
    assert_eq!(info(&mut lan, 0, client).snd_mss, 1220 - 12);
    is_narrow.set(false);
    lan.run(Duration::from_secs(700));
    run(&mut lan, 9_000_000);
    assert_eq!(info(&mut lan, 0, client).snd_mss, 1460 - 12);
}

#[test]
fn a_reader_of_single_bytes_gets_no_silly_segments() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    lan.stack(1).tcp.find_mut(server).unwrap().choices.receive_bytes = 8000;
    lan.stack(1).tcp.find_mut(server).unwrap().choices.receive_is_fixed = true;
    let mut writer = Side::new(0, client, 1, 600_000);
    lan.call(0, |stack, now| writer.work(stack, now, 2));
    lan.run(Duration::from_secs(1));
    let small = Rc::new(Cell::new(0_u32));
    let counted = small.clone();
    lan.filter = Some(Box::new(move |host, frame| {
        let bytes = if host == 0 { content_bytes(frame) } else { 0 };
        counted.set(counted.get() + u32::from((1..700).contains(&bytes)));
        true
    }));
    let mut read = 0;
    for _ in 0..60_000 {
        let mut byte = [0];
        if lan.call(1, |stack, now| stack.tcp_receive(now, server, &mut [&mut byte], false)) == Ok(1) {
            read += 1;
        }
        lan.run(Duration::from_micros(100));
    }
    assert!(read > 50_000, "{read}");
    // Those that ask for the window are of one byte.
    assert!(small.get() < 20, "{}", small.get());
}

#[test]
fn a_program_can_say_how_long_it_waits_for_a_window() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    lan.stack(0).tcp.find_mut(client).unwrap().choices.user_timeout = Some(Duration::from_secs(20));
    let mut writer = Side::new(0, client, 1, 3_000_000);
    for _ in 0..15 {
        lan.call(0, |stack, now| writer.work(stack, now, 2));
        lan.run(Duration::from_secs(1));
    }
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().state, State::Established);
    lan.run(Duration::from_secs(60));
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().error, Some(Errno::ETIMEDOUT));
    let _ = server;
}

#[test]
fn what_is_held_back_goes_when_it_is_let_or_has_waited() {
    let mut lan = pair(Impairment::default());
    let (client, server) = connect(&mut lan, 80);
    lan.stack(0).tcp.find_mut(client).unwrap().choices.cork = true;
    let received = |lan: &mut super::lan::Lan| lan.stack(1).tcp.find(server).unwrap().incoming.ready_bytes();
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"head"])).unwrap();
    lan.run(Duration::from_millis(100));
    assert_eq!(received(&mut lan), 0);
    lan.run(Duration::from_millis(150));
    assert_eq!(received(&mut lan), 4);
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[&[7; 3000]])).unwrap();
    lan.run(Duration::from_millis(10));
    assert_eq!(received(&mut lan), 4 + 2 * 1448);
    lan.stack(0).tcp.find_mut(client).unwrap().choices.cork = false;
    lan.call(0, |stack, now| stack.tcp_push(now, client)).unwrap();
    lan.run(Duration::from_millis(50));
    assert_eq!(received(&mut lan), 3004);
}

#[test]
fn a_router_that_tells_how_long_packets_may_be_is_believed_at_once() {
    let mut lan = pair(Impairment { delay: Duration::from_millis(5), ..Impairment::default() });
    let (client, server) = connect(&mut lan, 80);
    lan.filter = Some(Box::new(|_, frame| frame.len() <= 1294));
    let mut sides = [Side::new(0, client, 1, 400_000), Side::new(1, server, 2, 0)];
    lan.call(0, |stack, now| sides[0].work(stack, now, 2));
    lan.run(Duration::from_millis(5));
    let now = lan.now();
    lan.stack(0).tcp.find_mut(client).unwrap().told_path_mtu(now, 1280);
    lan.call(0, |stack, now| stack.tcp_push(now, client)).unwrap();
    let begin = lan.now();
    while !sides[1].has_end {
        let [from, to] = &mut sides;
        lan.call(0, |stack, now| from.work(stack, now, 2));
        lan.call(1, |stack, now| to.work(stack, now, 1));
        lan.run(Duration::from_millis(1));
    }
    let told = info(&mut lan, 0, client);
    assert!(lan.now() - begin < Duration::from_millis(190), "{:?}", lan.now() - begin);
    assert_eq!((told.snd_mss, told.retransmits, told.snd_ssthresh_bytes), (1280 - 40 - 12, 0, u32::MAX));
}
