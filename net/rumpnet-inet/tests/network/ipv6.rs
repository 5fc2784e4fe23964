//! Datagrams and connections over IPv6.

use super::frames::{address, link_local, messages};
use super::lan::{Impairment, Lan, hardware};
use super::{at, content, packet, seeds};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::time::Duration;
use rump_kpi::Errno;
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::sockets::SocketId;
use rumpnet_inet::stack::Dropped;
use rumpnet_inet::tcp::TcpId;
use rumpnet_inet::wire::icmpv6::Message;
use rumpnet_inet::wire::ipv4::Protocol;

pub const ONE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1);
pub const TWO: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
/// The first interface of every host.
pub const FIRST: InterfaceId = InterfaceId(2);

pub fn at6(ip: Ipv6Addr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into(), port)
}

fn on_link(ip: Ipv6Addr, port: u16) -> SocketAddr {
    SocketAddrV6::new(ip, port, 0, FIRST.0).into()
}

/// Two hosts on one network, with addresses that nobody else has.
pub fn pair(impairment: Impairment) -> Lan {
    let mut lan = Lan::new(impairment);
    for own in [ONE, TWO] {
        let host = lan.add_host_v6(&[0], |_| {});
        lan.call(host, |stack, _| stack.add_address_v6(FIRST, own, 64)).unwrap();
    }
    lan.run(Duration::from_secs(20));
    lan
}

/// A server at a port of host 1, and a client of host 0 that is connected to it.
pub fn sockets(lan: &mut Lan, server_at: SocketAddr) -> (SocketId, SocketId) {
    let server = lan.stack(1).udp_socket(Version::V6);
    lan.stack(1).bind(server, server_at).unwrap();
    let client = lan.stack(0).udp_socket(Version::V6);
    lan.stack(0).connect(client, server_at).unwrap();
    (server, client)
}

/// Sends bytes over a connection, and compares what arrives.
pub fn carry(lan: &mut Lan, from: (usize, TcpId), to: (usize, TcpId), length: usize) {
    let bytes = content(length);
    let (mut sent, mut received, begin) = (0, Vec::new(), lan.now());
    while received.len() < length {
        if sent < length {
            match lan.call(from.0, |stack, now| stack.tcp_send(now, from.1, &[&bytes[sent..]])) {
                Ok(count) => sent += count,
                Err(error) => assert_eq!(error, Errno::EAGAIN),
            }
        }
        lan.run(Duration::from_millis(2));
        let mut buffer = [0; 20_000];
        match lan.call(to.0, |stack, now| stack.tcp_receive(now, to.1, &mut [&mut buffer], false)) {
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error, Errno::EAGAIN),
        }
        assert!(lan.now() - begin < Duration::from_secs(1000), "{} of {length} bytes", received.len());
    }
    assert!(received == bytes);
}

#[test]
fn a_datagram_of_any_length_arrives_and_is_answered() {
    for to in [at6(TWO, 7), on_link(link_local(hardware(1, 0)), 7)] {
        let mut lan = pair(Impairment::default());
        let (server, client) = sockets(&mut lan, to);
        for length in [0, 1, 2, 3, 1451, 1452, 1453, 2000, 9001, 65_527] {
            lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(length))).unwrap();
            lan.settle();
            let received = lan.stack(1).receive_datagram(server, false).unwrap().unwrap();
            assert!(received.content.to_vec() == content(length) && received.to == to.ip(), "{length} bytes");
            let from = received.from;
            lan.call(1, |stack, now| stack.send_datagram(now, server, Some(from), received.content)).unwrap();
            lan.settle();
            let answer = lan.stack(0).receive_datagram(client, false).unwrap().unwrap();
            assert!(answer.content.to_vec() == content(length), "{length} bytes back");
        }
        lan.stack(0).sockets.find_mut(client).unwrap().options.send_bytes = 1 << 20;
        let refused = lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(65_528)));
        assert_eq!(refused, Err(Errno::EMSGSIZE));
    }
}

#[test]
fn every_echo_request_is_answered_with_its_content() {
    let mut lan = pair(Impairment::default());
    let raw = lan.stack(0).raw_socket(Version::V6, Protocol::ICMPV6);
    // Of all messages, replies alone.
    let blocked = &mut lan.stack(0).sockets.find_mut(raw).unwrap().options.blocked_types;
    *blocked = [u32::MAX; 8];
    blocked[129 / 32] &= !(1 << (129 % 32));
    let own = link_local(hardware(0, 0));
    for to in [
        at6(TWO, 0),
        on_link(link_local(hardware(1, 0)), 0),
        at6(ONE, 0),
        on_link(own, 0),
        at6(Ipv6Addr::LOCALHOST, 0),
    ] {
        for length in [0, 1, 56, 1452, 1453, 60_000] {
            // A raw socket of ICMPv6 sends messages whose checksum is made for it.
            let mut bytes = vec![128, 0, 0, 0, 0, 77];
            bytes.extend((length as u16).to_be_bytes());
            bytes.extend(content(length));
            let request = rump_kpi::packet::Packet::with_content([bytes::Bytes::from(bytes)]);
            lan.call(0, |stack, now| stack.send_datagram(now, raw, Some(to), request)).unwrap();
            lan.settle();
            let received = lan.stack(0).receive_datagram(raw, false).unwrap().unwrap();
            assert_eq!(received.from, to);
            let mut reply = received.content;
            let message = Message::take(&mut reply).unwrap();
            assert_eq!(message, Message::EchoReply { identifier: 77, sequence: length as u16 });
            assert!(reply.to_vec() == content(length), "{length} bytes");
        }
    }
}

#[test]
fn a_port_that_nobody_has_refuses() {
    let mut lan = pair(Impairment::default());
    for host in [TWO, ONE, Ipv6Addr::LOCALHOST] {
        let client = lan.stack(0).udp_socket(Version::V6);
        lan.stack(0).connect(client, at6(host, 9)).unwrap();
        lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(100))).unwrap();
        lan.settle();
        assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::ECONNREFUSED, "{host}");
        assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::EAGAIN, "{host}");
    }
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    let mut lan = pair(Impairment::default());
    let client = lan.stack(0).udp_socket(Version::V6);
    lan.stack(0).connect(client, at6(address("2001:db8:1::99"), 9)).unwrap();
    lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(100))).unwrap();
    lan.run(Duration::from_secs(4));
    assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::EHOSTUNREACH);
    let far = lan.stack(0).connect(client, at6(address("2001:db8:ffff::1"), 9));
    assert_eq!(far, Err(Errno::ENETUNREACH));
    // An address of a link without a link.
    let no_zone = lan.stack(0).connect(client, at6(link_local(hardware(1, 0)), 9));
    assert_eq!(no_zone, Err(Errno::EHOSTUNREACH));
}

#[test]
fn datagrams_survive_a_bad_wire_or_are_lost_but_never_changed() {
    for seed in 0..seeds(30) {
        let mut lan = pair(Impairment::default());
        lan.impair(Impairment {
            seed,
            loss: 10,
            duplicate: 10,
            corrupt: 10,
            jitter: Duration::from_millis(20),
            ..Impairment::default()
        });
        let (server, client) = sockets(&mut lan, at6(TWO, 7));
        let mut arrived = 0;
        for length in 0..60 {
            let length = length * 23;
            let _ = lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(length)));
            lan.run(Duration::from_millis(200));
            while let Ok(Some(received)) = lan.stack(1).receive_datagram(server, false) {
                let bytes = received.content.to_vec();
                assert!(bytes == content(bytes.len()), "seed {seed}: {length} bytes are others");
                arrived += 1;
            }
        }
        assert!(arrived > 10, "seed {seed}: {arrived} of 60");
    }
}

#[test]
fn a_socket_of_ipv6_speaks_ipv4_unless_it_is_told_not_to() {
    let mut lan = pair(Impairment::default());
    for (host, last) in [(0, 1), (1, 2)] {
        lan.call(host, |stack, _| stack.add_address(FIRST, Ipv4Addr::new(192, 0, 2, last), 24)).unwrap();
    }
    let both = lan.stack(1).udp_socket(Version::V6);
    lan.stack(1).bind(both, at6(Ipv6Addr::UNSPECIFIED, 7)).unwrap();
    let only = lan.stack(1).udp_socket(Version::V6);
    lan.stack(1).sockets.find_mut(only).unwrap().options.v6_only = true;
    lan.stack(1).bind(only, at6(Ipv6Addr::UNSPECIFIED, 8)).unwrap();
    let v4 = lan.stack(1).udp_socket(Version::V4);
    assert_eq!(lan.stack(1).bind(v4, at(Ipv4Addr::UNSPECIFIED, 7)), Err(Errno::EADDRINUSE));
    lan.stack(1).bind(v4, at(Ipv4Addr::UNSPECIFIED, 8)).unwrap();
    let [client4, client6] = [Version::V4, Version::V6].map(|version| lan.stack(0).udp_socket(version));
    for port in [7, 8] {
        let to4 = Some(at(Ipv4Addr::new(192, 0, 2, 2), port));
        lan.call(0, |stack, now| stack.send_datagram(now, client4, to4, packet(4))).unwrap();
        let to6 = Some(at6(TWO, port));
        lan.call(0, |stack, now| stack.send_datagram(now, client6, to6, packet(6))).unwrap();
    }
    lan.settle();
    let mut lengths = |socket| {
        let stack = lan.stack(1);
        let mut lengths: Vec<usize> =
            core::iter::from_fn(|| stack.receive_datagram(socket, false).ok().flatten())
                .map(|received| received.content.len())
                .collect();
        lengths.sort();
        lengths
    };
    assert_eq!((lengths(both), lengths(only), lengths(v4)), (vec![4, 6], vec![6], vec![4]));
}

#[test]
fn connections_carry_their_bytes_between_all_kinds_of_addresses() {
    let own = link_local(hardware(0, 0));
    for (server, to) in [
        (1, at6(TWO, 80)),
        (1, on_link(link_local(hardware(1, 0)), 80)),
        (0, at6(ONE, 80)),
        (0, on_link(own, 80)),
        (0, at6(Ipv6Addr::LOCALHOST, 80)),
    ] {
        let mut lan = pair(Impairment::default());
        let listener = lan.stack(server).tcp_socket(Version::V6);
        lan.stack(server).tcp_bind(listener, at6(Ipv6Addr::UNSPECIFIED, 80)).unwrap();
        lan.stack(server).tcp_listen(listener, 1).unwrap();
        let client = lan.stack(0).tcp_socket(Version::V6);
        let begun = lan.call(0, |stack, now| stack.tcp_connect(now, client, to));
        assert_eq!(begun, Err(Errno::EINPROGRESS), "{to}");
        lan.settle();
        let accepted = lan.stack(server).tcp_accept(listener).unwrap_or_else(|error| panic!("{to}: {error}"));
        carry(&mut lan, (0, client), (server, accepted), 300_000);
        carry(&mut lan, (server, accepted), (0, client), 200_000);
    }
}

#[test]
fn connections_survive_a_bad_wire() {
    for seed in 0..seeds(10) {
        let mut lan = pair(Impairment::default());
        let jitter = Duration::from_millis(5);
        lan.impair(Impairment { seed, loss: 3, duplicate: 3, corrupt: 3, jitter, ..Impairment::default() });
        let listener = lan.stack(1).tcp_socket(Version::V6);
        lan.stack(1).tcp_bind(listener, at6(TWO, 80)).unwrap();
        lan.stack(1).tcp_listen(listener, 1).unwrap();
        let client = lan.stack(0).tcp_socket(Version::V6);
        let _ = lan.call(0, |stack, now| stack.tcp_connect(now, client, at6(TWO, 80)));
        lan.run(Duration::from_secs(30));
        let accepted = lan.stack(1).tcp_accept(listener).unwrap();
        carry(&mut lan, (0, client), (1, accepted), 100_000);
        carry(&mut lan, (1, accepted), (0, client), 100_000);
    }
}

#[test]
fn a_router_passes_on_and_says_why_it_does_not() {
    let mut lan = Lan::new(Impairment::default());
    let left = lan.add_host_v6(&[0], |_| {});
    let router = lan.add_host_v6(&[0, 1], |settings| settings.forwarding_v6 = true);
    let right = lan.add_host_v6(&[1], |_| {});
    let second = InterfaceId(3);
    let [l, r] = ["2001:db8:a::9", "2001:db8:b::9"].map(address);
    lan.call(left, |stack, _| stack.add_address_v6(FIRST, l, 64)).unwrap();
    lan.call(router, |stack, _| stack.add_address_v6(FIRST, address("2001:db8:a::1"), 64)).unwrap();
    lan.call(router, |stack, _| stack.add_address_v6(second, address("2001:db8:b::1"), 64)).unwrap();
    lan.call(right, |stack, _| stack.add_address_v6(FIRST, r, 64)).unwrap();
    use rumpnet_inet::address::Prefix;
    use rumpnet_inet::route::{Route, Via};
    for (host, via) in [(left, address("2001:db8:a::1")), (right, address("2001:db8:b::1"))] {
        let prefix = Prefix::new(Ipv6Addr::UNSPECIFIED, 0);
        let route = Route { prefix, via: Via::Router(via), interface: FIRST, metric: 0 };
        lan.stack(host).routes_v6.add(route).unwrap();
    }
    lan.run(Duration::from_secs(20));
    let server = lan.stack(right).udp_socket(Version::V6);
    lan.stack(right).bind(server, at6(r, 7)).unwrap();
    let client = lan.stack(left).udp_socket(Version::V6);
    lan.stack(left).connect(client, at6(r, 7)).unwrap();
    for length in [1, 1452, 5000] {
        lan.call(left, |stack, now| stack.send_datagram(now, client, None, packet(length))).unwrap();
        lan.settle();
        let received = lan.stack(right).receive_datagram(server, false).unwrap().unwrap();
        assert!(received.content.to_vec() == content(length) && received.hop_limit == 63);
    }
    lan.watch();
    lan.stack(left).sockets.find_mut(client).unwrap().options.hop_limit = Some(1);
    lan.call(left, |stack, now| stack.send_datagram(now, client, None, packet(1))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(router).dropped(Dropped::TimeToLive), 1);
    let told = messages(&lan.take_watched());
    assert!(matches!(&told[..], [(1, header, Message::TimeExceeded)] if header.destination == l));
    let other = lan.stack(left).udp_socket(Version::V6);
    lan.stack(left).connect(other, at6(address("2001:db8:c::1"), 7)).unwrap();
    lan.call(left, |stack, now| stack.send_datagram(now, other, None, packet(1))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(left).receive_datagram(other, false).unwrap_err(), Errno::ENETUNREACH);
    // An address of a link goes nowhere else.
    let from = link_local(hardware(left, 0));
    let datagram = super::frames::datagram((from, r), (1, 7), b"far");
    let header = rumpnet_inet::wire::ipv6::Ipv6::new(from, r, Protocol::UDP, 64);
    lan.take_watched();
    lan.inject(router, FIRST, &super::frames::frame(hardware(router, 0), &header, &datagram));
    lan.settle();
    let told = messages(&lan.take_watched());
    use rumpnet_inet::wire::icmpv6::Unreachable;
    assert!(matches!(told[..], [(1, _, Message::Unreachable(Unreachable::BeyondScope))]), "{told:?}");
    assert_eq!(lan.stack(right).receive_datagram(server, false).unwrap_err(), Errno::EAGAIN);
}
