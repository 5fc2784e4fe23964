//! Who floods a listener costs it nothing, and does not keep others out.

use super::lan::{Impairment, Lan};
use super::{ONE, TWO, at};
use core::net::Ipv4Addr;
use core::time::Duration;
use rump_kpi::Errno;
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::tcp::{State, TcpId};

const THREE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);

fn listening(backlog: usize) -> (Lan, TcpId) {
    let mut lan = Lan::new(Impairment::default());
    for address in [ONE, TWO, THREE] {
        lan.add_host(&[(0, address, 24)]);
    }
    let listener = lan.stack(1).tcp_socket(Version::V4);
    lan.stack(1).tcp_bind(listener, at(TWO, 80)).unwrap();
    lan.stack(1).tcp_listen(listener, backlog).unwrap();
    lan.settle();
    (lan, listener)
}

fn flood(lan: &mut Lan, range: core::ops::Range<u32>) {
    let now = lan.now();
    for number in range {
        lan.stack(1).input(now, InterfaceId(2), super::syn_from(number));
        lan.stack(1).take_sent();
        lan.stack(1).take_changed();
    }
}

#[test]
fn a_flood_of_beginnings_costs_bounded_memory_and_real_ones_get_in_meanwhile() {
    // A million with RUMP_NET_FLOOD=1000000.
    let count = std::env::var("RUMP_NET_FLOOD").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000_u32);
    let (mut lan, listener) = listening(16);
    for round in 0..10 {
        flood(&mut lan, round * (count / 10)..(round + 1) * (count / 10));
        assert!(lan.stack(1).tcp.count() <= 16 * 4 + 1 + 2 * round as usize);
        let client = lan.stack(2).tcp_socket(Version::V4);
        let _ = lan.call(2, |stack, now| stack.tcp_connect(now, client, at(TWO, 80)));
        lan.run(Duration::from_millis(50));
        let server = lan.stack(1).tcp_accept(listener).unwrap();
        // What a cookie remembers: all that both sides speak.
        let now = lan.now();
        let told = lan.stack(1).tcp.find(server).unwrap().info(now);
        let asked = lan.stack(2).tcp.find(client).unwrap().info(now);
        assert_eq!(
            (told.options, told.snd_wscale, asked.snd_wscale),
            (asked.options, asked.rcv_wscale, told.rcv_wscale)
        );
        lan.call(2, |stack, now| stack.tcp_send(now, client, &[b"in earnest"])).unwrap();
        lan.run(Duration::from_millis(50));
        let mut buffer = [0; 20];
        let read = lan.call(1, |stack, now| stack.tcp_receive(now, server, &mut [&mut buffer], false));
        assert_eq!(read, Ok(10), "round {round}");
    }
}

#[test]
fn a_cookie_that_was_not_given_is_refused() {
    let (mut lan, _) = listening(4);
    flood(&mut lan, 0..1000);
    let now = lan.now();
    for guess in 0..1000_u32 {
        lan.stack(1).input(
            now,
            InterfaceId(2),
            super::segment_from(guess, rumpnet_inet::wire::tcp::Flags::ACK),
        );
    }
    assert!(lan.stack(1).tcp.count() <= 17);
}

#[test]
fn without_cookies_the_oldest_beginning_goes() {
    let (mut lan, listener) = listening(16);
    lan.stack(1).settings.tcp.cookies = false;
    flood(&mut lan, 0..20_000);
    assert!(lan.stack(1).tcp.count() <= 16 * 4 + 1);
    let client = lan.stack(2).tcp_socket(Version::V4);
    let _ = lan.call(2, |stack, now| stack.tcp_connect(now, client, at(TWO, 80)));
    lan.settle();
    assert_eq!(lan.stack(2).tcp.find(client).unwrap().state, State::Established);
    lan.stack(1).tcp_accept(listener).unwrap();
}

#[test]
fn who_finds_the_queue_full_asks_again_and_is_not_refused() {
    let (mut lan, listener) = listening(1);
    let clients: Vec<TcpId> = (0..4)
        .map(|_| {
            let client = lan.stack(2).tcp_socket(Version::V4);
            let begun = lan.call(2, |stack, now| stack.tcp_connect(now, client, at(TWO, 80)));
            assert_eq!(begun, Err(Errno::EINPROGRESS));
            lan.run(Duration::from_millis(10));
            client
        })
        .collect();
    let states = |lan: &mut Lan| -> Vec<State> {
        clients.iter().map(|id| lan.stack(2).tcp.find(*id).unwrap().state).collect()
    };
    assert_eq!(states(&mut lan)[2..], [State::SynSent; 2]);
    for _ in 0..100 {
        let _ = lan.stack(1).tcp_accept(listener);
        lan.run(Duration::from_millis(200));
    }
    assert_eq!(states(&mut lan), [State::Established; 4]);
}

#[test]
fn few_challenges_answer_many_blind_segments() {
    let (mut lan, listener) = listening(4);
    let client = lan.stack(2).tcp_socket(Version::V4);
    let _ = lan.call(2, |stack, now| stack.tcp_connect(now, client, at(TWO, 80)));
    lan.settle();
    let server = lan.stack(1).tcp_accept(listener).unwrap();
    let port = lan.stack(1).tcp.find(server).unwrap().remote.port();
    let next = lan.stack(1).tcp.find(server).unwrap().receive.next;
    let now = lan.now();
    let mut answers = 0;
    for step in 0..1000 {
        let reset = super::segment_of(THREE, port, next + 1 + step, rumpnet_inet::wire::tcp::Flags::RST);
        lan.stack(1).input(now, InterfaceId(2), reset);
        answers += lan.stack(1).take_sent().len();
    }
    assert_eq!((answers, lan.stack(1).tcp.find(server).unwrap().state), (10, State::Established));
}
