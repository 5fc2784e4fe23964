//! Stacks on a wire that is simulated: what they say to each other, read by a parser that nobody here wrote.

mod connections;
mod counted;
mod discovery;
mod endings;
mod floods;
mod forwarding;
mod frames;
mod gathered;
mod groups;
mod headers_v6;
mod hostile_v6;
mod ipv6;
mod lan;
mod path_mtu;
mod recovery;
mod uncut;
mod urgent;
mod ways;

use bytes::Bytes;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use lan::{Impairment, Lan};
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, Shutdown};
use rumpnet_inet::address::{Prefix, Version};
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::route::{Route, Via};
use rumpnet_inet::stack::{Dropped, Stack};
use rumpnet_inet::tcp::SeqNumber;
use rumpnet_inet::wire::checksum::pseudo_v4;
use rumpnet_inet::wire::ethernet::{EtherType, Frame, MacAddress};
use rumpnet_inet::wire::icmpv4;
use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
use rumpnet_inet::wire::tcp::{Flags, Options, Segment};

const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 253) as u8).collect()
}

fn packet(length: usize) -> Packet {
    Packet::with_content([Bytes::from(content(length))])
}

fn at(ip: Ipv4Addr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into(), port)
}

/// How many seeds to try: `RUMP_NET_SEEDS`, or so many.
fn seeds(usual: u64) -> u64 {
    std::env::var("RUMP_NET_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Two hosts on one network.
fn pair(impairment: Impairment) -> Lan {
    let mut lan = Lan::new(impairment);
    for address in [ONE, TWO] {
        lan.add_host(&[(0, address, 24)]);
    }
    lan.settle();
    lan
}

#[test]
fn a_datagram_of_any_length_arrives_and_is_answered() {
    let mut lan = pair(Impairment::default());
    let server = lan.stack(1).udp_socket(Version::V4);
    lan.stack(1).bind(server, at(TWO, 7)).unwrap();
    let client = lan.stack(0).udp_socket(Version::V4);
    lan.stack(0).connect(client, at(TWO, 7)).unwrap();
    for length in [0, 1, 2, 3, 1471, 1472, 1473, 2000, 9001, 65_507] {
        lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(length))).unwrap();
        lan.settle();
        let received = lan.stack(1).receive_datagram(server, false).unwrap().unwrap();
        assert!(received.content.to_vec() == content(length) && received.to == TWO, "{length} bytes");
        let from = received.from;
        lan.call(1, |stack, now| stack.send_datagram(now, server, Some(from), received.content)).unwrap();
        lan.settle();
        let answer = lan.stack(0).receive_datagram(client, false).unwrap().unwrap();
        assert!(answer.content.to_vec() == content(length), "{length} bytes back");
    }
    let refused = lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(65_508)));
    assert_eq!(refused, Err(Errno::EMSGSIZE));
}

#[test]
fn the_first_datagram_to_a_neighbour_may_be_the_longest() {
    let mut lan = pair(Impairment::default());
    let server = lan.stack(1).udp_socket(Version::V4);
    lan.stack(1).bind(server, at(TWO, 7)).unwrap();
    let client = lan.stack(0).udp_socket(Version::V4);
    lan.call(0, |stack, now| stack.send_datagram(now, client, Some(at(TWO, 7)), packet(65_507))).unwrap();
    lan.settle();
    let received = lan.stack(1).receive_datagram(server, false).unwrap().unwrap();
    assert!(received.content.to_vec() == content(65_507));
}

#[test]
fn every_echo_request_is_answered_with_its_content() {
    let mut lan = pair(Impairment::default());
    let raw = lan.stack(0).raw_socket(Version::V4, Protocol::ICMP);
    for length in [0, 1, 56, 1472, 1473, 65_507] {
        let mut request = packet(length);
        icmpv4::Message::EchoRequest { identifier: 77, sequence: length as u16 }.emit(&mut request);
        let to = Some(at(TWO, 0));
        lan.call(0, |stack, now| stack.send_datagram(now, raw, to, request)).unwrap();
        lan.settle();
        let mut reply = lan.stack(0).receive_datagram(raw, false).unwrap().unwrap().content;
        let header = Ipv4::take(&mut reply).unwrap();
        let message = icmpv4::Message::take(&mut reply).unwrap();
        assert_eq!((header.source, header.destination), (TWO, ONE));
        assert_eq!(message, icmpv4::Message::EchoReply { identifier: 77, sequence: length as u16 });
        assert!(reply.to_vec() == content(length), "{length} bytes");
    }
}

#[test]
fn a_port_that_nobody_has_refuses() {
    let mut lan = pair(Impairment::default());
    for host in [TWO, ONE, Ipv4Addr::LOCALHOST] {
        let client = lan.stack(0).udp_socket(Version::V4);
        lan.stack(0).connect(client, at(host, 9)).unwrap();
        lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(100))).unwrap();
        lan.settle();
        assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::ECONNREFUSED, "{host}");
        assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::EAGAIN, "{host}");
    }
}

#[test]
fn a_host_that_is_not_there_is_unreachable() {
    let mut lan = pair(Impairment::default());
    let client = lan.stack(0).udp_socket(Version::V4);
    let nobody = Ipv4Addr::new(192, 0, 2, 99);
    lan.stack(0).connect(client, at(nobody, 9)).unwrap();
    lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(100))).unwrap();
    lan.run(Duration::from_secs(4));
    assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::EHOSTUNREACH);
    let far = lan.stack(0).connect(client, at(Ipv4Addr::new(198, 51, 100, 1), 9));
    assert_eq!(far, Err(Errno::ENETUNREACH));
}

/// One router between two networks; the second takes smaller packets.
fn routed() -> Lan {
    let mut lan = Lan::new(Impairment::default());
    let (left, right) = (Ipv4Addr::new(10, 0, 1, 1), Ipv4Addr::new(10, 0, 2, 1));
    lan.add_host(&[(0, Ipv4Addr::new(10, 0, 1, 9), 24)]);
    lan.add_host(&[(0, left, 24), (1, right, 24)]);
    lan.add_host(&[(1, Ipv4Addr::new(10, 0, 2, 9), 24)]);
    lan.stack(1).settings.forwarding = true;
    for (host, router) in [(0, left), (2, right)] {
        let all = Prefix::new(Ipv4Addr::UNSPECIFIED, 0);
        let route = Route { prefix: all, via: Via::Router(router), interface: InterfaceId(2), metric: 0 };
        lan.stack(host).routes.add(route).unwrap();
    }
    lan.stack(1).interfaces.get_mut(&InterfaceId(3)).unwrap().mtu = 600;
    lan.settle();
    lan
}

#[test]
fn a_router_passes_on_cuts_and_complains() {
    let mut lan = routed();
    let far = Ipv4Addr::new(10, 0, 2, 9);
    let server = lan.stack(2).udp_socket(Version::V4);
    lan.stack(2).bind(server, at(Ipv4Addr::UNSPECIFIED, 7)).unwrap();
    let client = lan.stack(0).udp_socket(Version::V4);
    lan.stack(0).connect(client, at(far, 7)).unwrap();
    for length in [1, 572, 573, 1400, 5000] {
        lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(length))).unwrap();
        lan.settle();
        let received = lan.stack(2).receive_datagram(server, false).unwrap().unwrap();
        assert!(received.content.to_vec() == content(length) && received.hop_limit == 63);
    }
    lan.stack(0).sockets.find_mut(client).unwrap().options.dont_fragment = true;
    lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(1400))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::EMSGSIZE);
    lan.stack(0).sockets.find_mut(client).unwrap().options.hop_limit = Some(1);
    lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(1))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(1).dropped(Dropped::TimeToLive), 1);
    let nowhere = Ipv4Addr::new(203, 0, 113, 1);
    let other = lan.stack(0).udp_socket(Version::V4);
    lan.stack(0).connect(other, at(nowhere, 7)).unwrap();
    lan.call(0, |stack, now| stack.send_datagram(now, other, None, packet(1))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(0).receive_datagram(other, false).unwrap_err(), Errno::EHOSTUNREACH);
}

#[test]
fn datagrams_survive_a_bad_wire_or_are_lost_but_never_changed() {
    for seed in 0..seeds(50) {
        let impairment = Impairment {
            seed,
            loss: 10,
            duplicate: 10,
            corrupt: 10,
            jitter: Duration::from_millis(20),
            ..Impairment::default()
        };
        let mut lan = pair(impairment);
        let server = lan.stack(1).udp_socket(Version::V4);
        lan.stack(1).bind(server, at(TWO, 7)).unwrap();
        let client = lan.stack(0).udp_socket(Version::V4);
        lan.stack(0).connect(client, at(TWO, 7)).unwrap();
        let mut arrived = 0;
        for length in 0..60 {
            // In one frame: of two that are damaged, the checksum may see nothing.
            let length = length * 23;
            // A missing question about the address makes the first ones wait, or go.
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
fn a_group_reaches_its_members_alone() {
    let mut lan = Lan::new(Impairment::default());
    for last in 1..=3 {
        lan.add_host(&[(0, Ipv4Addr::new(192, 0, 2, last), 24)]);
    }
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let sockets: Vec<_> = (0..3)
        .map(|host| {
            let socket = lan.stack(host).udp_socket(Version::V4);
            lan.stack(host).bind(socket, at(Ipv4Addr::UNSPECIFIED, 5353)).unwrap();
            socket
        })
        .collect();
    lan.stack(1).join(sockets[1], group.into(), None).unwrap();
    assert_eq!(lan.stack(1).join(sockets[1], group.into(), None), Err(Errno::EADDRINUSE));
    let to = Some(at(group, 5353));
    lan.call(0, |stack, now| stack.send_datagram(now, sockets[0], to, packet(10))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(1).receive_datagram(sockets[1], false).unwrap().unwrap().content.len(), 10);
    assert_eq!(lan.stack(2).receive_datagram(sockets[2], false).unwrap_err(), Errno::EAGAIN);
    lan.stack(1).leave(sockets[1], group.into(), None).unwrap();
    lan.call(0, |stack, now| stack.send_datagram(now, sockets[0], to, packet(10))).unwrap();
    lan.settle();
    assert_eq!(lan.stack(1).receive_datagram(sockets[1], false).unwrap_err(), Errno::EAGAIN);
}

#[test]
fn to_all_goes_only_what_was_meant_to() {
    let mut lan = pair(Impairment::default());
    let server = lan.stack(1).udp_socket(Version::V4);
    lan.stack(1).bind(server, at(Ipv4Addr::UNSPECIFIED, 7)).unwrap();
    let client = lan.stack(0).udp_socket(Version::V4);
    for all in [Ipv4Addr::BROADCAST, Ipv4Addr::new(192, 0, 2, 255)] {
        let to = Some(at(all, 7));
        lan.stack(0).sockets.find_mut(client).unwrap().options.broadcast = false;
        let refused = lan.call(0, |stack, now| stack.send_datagram(now, client, to, packet(1)));
        assert_eq!(refused, Err(Errno::EACCES));
        lan.stack(0).sockets.find_mut(client).unwrap().options.broadcast = true;
        lan.call(0, |stack, now| stack.send_datagram(now, client, to, packet(1))).unwrap();
        lan.settle();
        assert_eq!(lan.stack(1).receive_datagram(server, false).unwrap().unwrap().to, all);
    }
    // Nobody complains of what went to all.
    lan.stack(1).close(server).unwrap();
    let before = lan.frames();
    let to = Some(at(Ipv4Addr::BROADCAST, 7));
    lan.call(0, |stack, now| stack.send_datagram(now, client, to, packet(1))).unwrap();
    lan.settle();
    assert_eq!(lan.frames(), before + 1);
}

#[test]
fn sockets_share_addresses_as_bsd_lets_them() {
    let mut stack = Stack::new(1);
    let mut bind = |address: Ipv4Addr, port, reuse_address, reuse_port| {
        let socket = stack.udp_socket(Version::V4);
        let options = &mut stack.sockets.find_mut(socket).unwrap().options;
        (options.reuse_address, options.reuse_port) = (reuse_address, reuse_port);
        stack.bind(socket, at(address, port))
    };
    let (any, own) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST);
    assert_eq!(bind(any, 10, false, false), Ok(()));
    assert_eq!(bind(own, 10, false, false), Err(Errno::EADDRINUSE));
    assert_eq!(bind(own, 10, true, false), Err(Errno::EADDRINUSE));
    assert_eq!(bind(any, 11, true, false), Ok(()));
    assert_eq!(bind(own, 11, true, false), Ok(()));
    assert_eq!(bind(own, 11, true, false), Err(Errno::EADDRINUSE));
    assert_eq!(bind(own, 12, false, true), Ok(()));
    assert_eq!(bind(own, 12, false, true), Ok(()));
    assert_eq!(bind(own, 12, true, false), Err(Errno::EADDRINUSE));
    assert_eq!(bind(Ipv4Addr::new(192, 0, 2, 1), 13, false, false), Err(Errno::EADDRNOTAVAIL));
    for _ in 0..1000 {
        assert_eq!(bind(any, 0, false, false), Ok(()));
    }
}

#[test]
fn what_is_shut_down_says_so() {
    let mut stack = Stack::new(1);
    let socket = stack.udp_socket(Version::V4);
    assert_eq!(stack.shutdown(socket, Shutdown::Both), Err(Errno::ENOTCONN));
    stack.connect(socket, at(Ipv4Addr::LOCALHOST, 9)).unwrap();
    stack.shutdown(socket, Shutdown::Both).unwrap();
    assert_eq!(stack.send_datagram(Duration::ZERO, socket, None, packet(1)), Err(Errno::EPIPE));
    assert!(stack.receive_datagram(socket, false).unwrap().is_none());
    stack.close(socket).unwrap();
    assert_eq!(stack.close(socket), Err(Errno::EBADF));
}

#[test]
fn a_reader_who_does_not_read_costs_bounded_memory() {
    let mut stack = Stack::new(1);
    let server = stack.udp_socket(Version::V4);
    stack.bind(server, at(Ipv4Addr::LOCALHOST, 7)).unwrap();
    let client = stack.udp_socket(Version::V4);
    stack.connect(client, at(Ipv4Addr::LOCALHOST, 7)).unwrap();
    for _ in 0..100_000 {
        stack.send_datagram(Duration::ZERO, client, None, packet(1)).unwrap();
    }
    let held = core::iter::from_fn(|| stack.receive_datagram(server, false).ok().flatten()).count();
    assert!((500..2000).contains(&held), "{held}");
    assert_eq!(stack.dropped(Dropped::Full), 100_000 - held as u64);
}

#[test]
fn who_waits_is_woken_once_for_many_packets() {
    let mut stack = Stack::new(1);
    let server = stack.udp_socket(Version::V4);
    stack.bind(server, at(Ipv4Addr::LOCALHOST, 7)).unwrap();
    let client = stack.udp_socket(Version::V4);
    stack.connect(client, at(Ipv4Addr::LOCALHOST, 7)).unwrap();
    stack.take_changed();
    for _ in 0..10 {
        stack.send_datagram(Duration::ZERO, client, None, packet(1)).unwrap();
    }
    assert_eq!(stack.take_changed().len(), 1);
}

/// A SYN of a host that will not answer.
fn syn_from(number: u32) -> Packet {
    segment_from(number, Flags::SYN)
}

/// A segment without content of one of many hosts.
fn segment_from(number: u32, flags: Flags) -> Packet {
    let source = Ipv4Addr::from(0xc633_6400 | (number & 0xff));
    segment_of(source, (number >> 8) as u16 + 1, SeqNumber(number), flags)
}

fn segment_of(source: Ipv4Addr, port: u16, sequence: SeqNumber, flags: Flags) -> Packet {
    let segment = Segment {
        source: port,
        destination: 80,
        sequence,
        acknowledgment: SeqNumber(sequence.0.wrapping_mul(0x9e37_79b9)),
        flags,
        window: 1000,
        urgent: 0,
        options: Options::default(),
    };
    let mut packet = Packet::with_content([]);
    segment.emit(&mut packet, |length| pseudo_v4(source, TWO, Protocol::TCP, length));
    rumpnet_inet::wire::complete(&mut packet);
    Ipv4::new(source, TWO, Protocol::TCP, 64).emit(&mut packet);
    let frame = Frame {
        destination: MacAddress([2, 0, 0, 0, 0, 1]),
        source: MacAddress([2, 0, 0, 0, 0, 9]),
        ether_type: EtherType::IPV4,
    };
    frame.emit(&mut packet);
    Packet::received(Bytes::from(packet.to_vec()))
}
