//! How long packets may be on their way (RFC 1191, RFC 8201), and what complaints do to sockets and connections (RFC
//! 5461, RFC 5927).

use super::frames::{address, datagram, frame, icmp};
use super::ipv6::{FIRST, at6, carry};
use super::lan::{Impairment, Lan, hardware};
use super::{at, content, packet};
use bytes::Bytes;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::packet::Packet;
use rumpnet_inet::address::{Prefix, Version};
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::route::{Route, Via};
use rumpnet_inet::sockets::SocketId;
use rumpnet_inet::stack::Options;
use rumpnet_inet::tcp::{State, TcpId};
use rumpnet_inet::wire::icmpv4;
use rumpnet_inet::wire::icmpv6::Message;
use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;

const SECOND: InterfaceId = InterfaceId(3);

/// Host, router, host, with addresses of both versions; the second link takes 1300 bytes.
fn narrow() -> Lan {
    let mut lan = Lan::new(Impairment::default());
    lan.add_host_v6(&[0], |_| {});
    lan.add_host_v6(&[0, 1], |settings| (settings.forwarding, settings.forwarding_v6) = (true, true));
    lan.add_host_v6(&[1], |_| {});
    for (host, on, net, last) in [(0, FIRST, 1, 9), (1, FIRST, 1, 1), (1, SECOND, 2, 1), (2, FIRST, 2, 9)] {
        lan.call(host, |stack, _| stack.add_address(on, Ipv4Addr::new(10, 0, net, last), 24)).unwrap();
        let own = Ipv6Addr::new(0x2001, 0xdb8, net.into(), 0, 0, 0, 0, last.into());
        lan.call(host, |stack, _| stack.add_address_v6(on, own, 64)).unwrap();
    }
    for (host, net) in [(0, 1), (2, 2)] {
        let via = Via::Router(Ipv4Addr::new(10, 0, net, 1));
        let prefix = Prefix::new(Ipv4Addr::UNSPECIFIED, 0);
        lan.stack(host).routes.add(Route { prefix, via, interface: FIRST, metric: 0 }).unwrap();
        let via = Via::Router(Ipv6Addr::new(0x2001, 0xdb8, net.into(), 0, 0, 0, 0, 1));
        let prefix = Prefix::new(Ipv6Addr::UNSPECIFIED, 0);
        lan.stack(host).routes_v6.add(Route { prefix, via, interface: FIRST, metric: 0 }).unwrap();
    }
    lan.run(Duration::from_secs(20));
    lan.call(1, |stack, _| stack.set_mtu(SECOND, 1300)).unwrap();
    lan
}

fn far(version: Version) -> SocketAddr {
    match version {
        Version::V4 => at(Ipv4Addr::new(10, 0, 2, 9), 7),
        Version::V6 => at6(address("2001:db8:2::9"), 7),
    }
}

fn mtu(lan: &mut Lan, to: IpAddr) -> u32 {
    lan.stack(0).path(to, &Options::default()).unwrap().mtu
}

fn sockets(lan: &mut Lan, version: Version) -> (SocketId, SocketId) {
    let server = lan.stack(2).udp_socket(version);
    lan.stack(2).bind(server, far(version)).unwrap();
    let client = lan.stack(0).udp_socket(version);
    lan.stack(0).connect(client, far(version)).unwrap();
    (server, client)
}

#[test]
fn datagrams_are_cut_for_a_way_that_is_narrower_than_the_link() {
    for version in [Version::V4, Version::V6] {
        let mut lan = narrow();
        let (server, client) = sockets(&mut lan, version);
        lan.stack(0).sockets.find_mut(client).unwrap().options.dont_fragment = true;
        let send = |lan: &mut Lan, length, dont_fragment| {
            lan.stack(0).sockets.find_mut(client).unwrap().options.dont_fragment = dont_fragment;
            let sent = lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(length)));
            lan.settle();
            let received = lan.stack(2).receive_datagram(server, false).ok().flatten();
            let received = received.map(|received| received.content.to_vec());
            assert!(received.as_ref().is_none_or(|received| *received == content(length)));
            (sent, received.is_some())
        };
        assert_eq!(send(&mut lan, 1400, true), (Ok(()), false));
        assert_eq!(lan.stack(0).receive_datagram(client, false).unwrap_err(), Errno::EMSGSIZE);
        assert_eq!(mtu(&mut lan, far(version).ip()), 1300);
        // Now it is known here.
        assert_eq!(send(&mut lan, 1400, true), (Err(Errno::EMSGSIZE), false));
        let headers = if version == Version::V4 { 28 } else { 48 };
        assert_eq!(send(&mut lan, 1300 - headers, true), (Ok(()), true));
        assert_eq!(send(&mut lan, 1400, false), (Ok(()), true));
        // The way may have become wider.
        lan.run(Duration::from_secs(600));
        assert_eq!(mtu(&mut lan, far(version).ip()), 1500);
    }
}

/// A connection from the first host to the last.
fn connection(lan: &mut Lan, version: Version) -> (TcpId, TcpId) {
    let mut to = far(version);
    to.set_port(80);
    let listener = lan.stack(2).tcp_socket(version);
    lan.stack(2).tcp_bind(listener, to).unwrap();
    lan.stack(2).tcp_listen(listener, 1).unwrap();
    let client = lan.stack(0).tcp_socket(version);
    let begun = lan.call(0, |stack, now| stack.tcp_connect(now, client, to));
    assert_eq!(begun, Err(Errno::EINPROGRESS));
    lan.settle();
    (client, lan.stack(2).tcp_accept(listener).unwrap())
}

#[test]
fn connections_find_the_longest_segment_that_their_way_takes() {
    for version in [Version::V4, Version::V6] {
        let mut lan = narrow();
        let (client, server) = connection(&mut lan, version);
        let begin = lan.now();
        carry(&mut lan, (0, client), (2, server), 1_000_000);
        let headers = if version == Version::V4 { 40 } else { 60 };
        assert_eq!(lan.stack(0).tcp.find(client).unwrap().send.segment, 1300 - headers);
        // At once, without a timer for each segment.
        assert!(lan.now() - begin < Duration::from_secs(10), "{:?}", lan.now() - begin);
    }
}

/// A complaint from the router, about a packet with this beginning of its transport's header.
fn too_big(mtu: u32, from: Ipv6Addr, to: Ipv6Addr, protocol: Protocol, head: &[u8]) -> Vec<u8> {
    let mut quoted = Packet::with_content([Bytes::copy_from_slice(head)]);
    Ipv6::new(from, to, protocol, 60).emit(&mut quoted);
    let router = address("2001:db8:1::1");
    let message = icmp((router, from), Message::PacketTooBig { mtu }, &quoted.to_vec());
    frame(hardware(0, 0), &Ipv6::new(router, from, Protocol::ICMPV6, 64), &message)
}

#[test]
fn complaints_that_quote_nothing_that_was_sent_are_not_believed() {
    let mut lan = narrow();
    let (own, to) = (address("2001:db8:1::9"), address("2001:db8:2::9"));
    let (_, client) = sockets(&mut lan, Version::V6);
    let (connection, _) = connection(&mut lan, Version::V6);
    // Something is on its way, and stays there.
    lan.impair(Impairment { loss: 100, ..Impairment::default() });
    lan.call(0, |stack, now| stack.tcp_send(now, connection, &[&[1; 1000]])).unwrap();
    let port = lan.stack(0).sockets.find(client).unwrap().local.port();
    let pcb = lan.stack(0).tcp.find(connection).unwrap();
    let (tcp_port, first, end) = (pcb.local.port(), pcb.send.unacknowledged.0, pcb.send.highest.0);
    let udp = |port: u16| datagram((own, to), (port, 7), b"x")[..8].to_vec();
    let tcp = |port: u16, sequence: u32| {
        [&port.to_be_bytes()[..], &80_u16.to_be_bytes(), &sequence.to_be_bytes()].concat()
    };
    let forged = [
        too_big(1290, own, to, Protocol::UDP, &udp(port ^ 1)),
        too_big(1290, own, address("2001:db8:2::8"), Protocol::UDP, &udp(port)),
        too_big(1290, address("2001:db8:1::8"), to, Protocol::UDP, &udp(port)),
        too_big(1290, own, to, Protocol::UDP, &udp(port)[..3]),
        too_big(1290, own, to, Protocol::TCP, &tcp(tcp_port ^ 1, first)),
        too_big(1290, own, to, Protocol::TCP, &tcp(tcp_port, first.wrapping_sub(1))),
        too_big(1290, own, to, Protocol::TCP, &tcp(tcp_port, end)),
        too_big(1290, own, to, Protocol::TCP, &tcp(tcp_port, first)[..7]),
        too_big(1290, own, to, Protocol(99), &udp(port)),
        // Less than every link takes.
        too_big(1279, own, to, Protocol::UDP, &udp(port)),
        too_big(68, own, to, Protocol::TCP, &tcp(tcp_port, first)),
    ];
    for (number, frame) in forged.iter().enumerate() {
        lan.inject(0, FIRST, frame);
        assert_eq!(mtu(&mut lan, to.into()), 1500, "frame {number}");
    }
    lan.inject(0, FIRST, &too_big(1400, own, to, Protocol::TCP, &tcp(tcp_port, first)));
    assert_eq!(mtu(&mut lan, to.into()), 1400);
    assert_eq!(lan.stack(0).tcp.find(connection).unwrap().send.segment, 1340);
    lan.inject(0, FIRST, &too_big(1290, own, to, Protocol::UDP, &udp(port)));
    assert_eq!(mtu(&mut lan, to.into()), 1290);
    // Nobody makes it longer again.
    lan.inject(0, FIRST, &too_big(1450, own, to, Protocol::UDP, &udp(port)));
    assert_eq!(mtu(&mut lan, to.into()), 1290);
}

/// The same of IPv4.
fn complaint_v4(
    message: icmpv4::Message,
    from: Ipv4Addr,
    to: Ipv4Addr,
    head: &[u8],
    protocol: Protocol,
) -> Vec<u8> {
    use super::frames::STRANGER;
    use rumpnet_inet::wire::ethernet::{EtherType, Frame};
    let mut quoted = Packet::with_content([Bytes::from([head, &[0; 1480][head.len()..]].concat())]);
    Ipv4::new(from, to, protocol, 60).emit(&mut quoted);
    let mut complaint =
        Packet::with_content([Bytes::from(quoted.to_vec()[..28.max(20 + head.len())].to_vec())]);
    message.emit(&mut complaint);
    Ipv4::new(Ipv4Addr::new(10, 0, 1, 1), from, Protocol::ICMP, 60).emit(&mut complaint);
    Frame { destination: hardware(0, 0), source: STRANGER, ether_type: EtherType::IPV4 }.emit(&mut complaint);
    complaint.to_vec()
}

#[test]
fn old_routers_and_spoofed_ones_make_packets_of_ipv4_no_shorter_than_sense_allows() {
    use rumpnet_inet::wire::icmpv4::Unreachable;
    let (own, to) = (Ipv4Addr::new(10, 0, 1, 9), Ipv4Addr::new(10, 0, 2, 9));
    for (told, expected) in [(0, 1492), (1, 552), (551, 552), (1006, 1006), (9000, 1500)] {
        let mut lan = narrow();
        let (_, client) = sockets(&mut lan, Version::V4);
        let port = lan.stack(0).sockets.find(client).unwrap().local.port();
        let head = [port.to_be_bytes(), 7_u16.to_be_bytes()].concat();
        let message = icmpv4::Message::Unreachable(Unreachable::TooLong { mtu: told });
        lan.inject(0, FIRST, &complaint_v4(message, own, to, &head, Protocol::UDP));
        assert_eq!(mtu(&mut lan, to.into()), expected, "told {told}");
    }
}

#[test]
fn a_complaint_ends_a_connection_that_begins_and_no_other() {
    use rumpnet_inet::wire::icmpv4::Unreachable;
    let (own, to) = (Ipv4Addr::new(10, 0, 1, 9), Ipv4Addr::new(10, 0, 2, 9));
    let complain = |lan: &mut Lan, id: TcpId, why: Unreachable, shift: u32| {
        let pcb = lan.stack(0).tcp.find(id).unwrap();
        let sequence = pcb.send.unacknowledged.0.wrapping_add(shift);
        let (local, remote) = (pcb.local.port(), pcb.remote.port());
        let head = [&local.to_be_bytes()[..], &remote.to_be_bytes(), &sequence.to_be_bytes()].concat();
        let frame = complaint_v4(icmpv4::Message::Unreachable(why), own, to, &head, Protocol::TCP);
        lan.inject(0, FIRST, &frame);
    };
    for (why, shift, expected) in [
        (Unreachable::Protocol, 0, Some(Errno::ECONNREFUSED)),
        (Unreachable::Protocol, 1, None),
        (Unreachable::Host, 0, None),
    ] {
        let mut lan = narrow();
        lan.impair(Impairment { loss: 100, ..Impairment::default() });
        let client = lan.stack(0).tcp_socket(Version::V4);
        let _ = lan.call(0, |stack, now| stack.tcp_connect(now, client, at(to, 80)));
        lan.settle();
        complain(&mut lan, client, why, shift);
        let pcb = lan.stack(0).tcp.find(client).unwrap();
        let state = if expected.is_some() { State::Closed } else { State::SynSent };
        assert_eq!((pcb.error, pcb.state), (expected, state), "{why:?} {shift}");
    }
    // One that works outlives it.
    let mut lan = narrow();
    let (client, server) = connection(&mut lan, Version::V4);
    lan.call(0, |stack, now| stack.tcp_send(now, client, &[b"x"])).unwrap();
    complain(&mut lan, client, Unreachable::Protocol, 0);
    carry_on(&mut lan, client, server);
}

fn carry_on(lan: &mut Lan, client: TcpId, server: TcpId) {
    lan.settle();
    let mut first = [0; 1];
    assert_eq!(lan.call(2, |stack, now| stack.tcp_receive(now, server, &mut [&mut first], false)), Ok(1));
    carry(lan, (0, client), (2, server), 10_000);
    assert_eq!(lan.stack(0).tcp.find(client).unwrap().error, None);
}
