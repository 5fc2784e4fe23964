//! Routers, and what a device left uncut: the length of the segments decides, not that of the whole.

use super::{content, packet};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use rump_kpi::device::{DeviceInfo, Medium, Offloads};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::wire::checksum::{pseudo_v4, pseudo_v6};
use rumpnet_inet::wire::icmpv4::{self, Unreachable};
use rumpnet_inet::wire::icmpv6;
use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;
use rumpnet_inet::wire::udp::Udp;

const FROM: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const TO: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
const FROM_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 2);
const TO_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 2);

/// A router between a tunnel that leaves all uncut and one that takes packets of `mtu` bytes, cut.
fn router(mtu: u32) -> (Stack, InterfaceId, InterfaceId) {
    let mut stack = Stack::new(1);
    (stack.settings.forwarding, stack.settings.forwarding_v6, stack.settings.claims_v6) = (true, true, 0);
    let [left, right] = [(Offloads::all(), 1500), (Offloads::empty(), mtu)].map(|(offloads, mtu)| {
        let device = DeviceInfo { medium: Medium::Ip, mtu, offloads };
        let id = stack.add_interface(&format!("tun{mtu}{offloads:?}"), &device).unwrap();
        stack.set_up(id, true).unwrap();
        id
    });
    for (id, net) in [(left, 1), (right, 2)] {
        stack.add_address(id, Ipv4Addr::new(10, 0, net, 1), 24).unwrap();
        let own = Ipv6Addr::new(0x2001, 0xdb8, net.into(), 0, 0, 0, 0, 1);
        stack.add_address_v6(id, own, 64).unwrap();
    }
    stack.poll(Duration::from_secs(10));
    stack.take_sent();
    (stack, left, right)
}

/// 5000 bytes of TCP, in segments of so many.
fn tcp(kind: Segments, size: u16) -> Packet {
    let mut long = packet(5000);
    long.prepend(20)[12] = 0x50;
    long.checksum = Checksum::Missing { start: 0, offset: 16 };
    long.segmentation = Some(Segmentation { kind, size });
    long
}

fn v4(protocol: Protocol, dont_fragment: bool, mut packet: Packet) -> Packet {
    Ipv4 { dont_fragment, ..Ipv4::new(FROM, TO, protocol, 64) }.emit(&mut packet);
    packet
}

fn v6(mut packet: Packet) -> Packet {
    Ipv6::new(FROM_V6, TO_V6, Protocol::TCP, 64).emit(&mut packet);
    packet
}

/// What the router sends when it gets a packet from the left.
fn passed(mtu: u32, packet: Packet) -> Vec<(bool, Packet)> {
    let (mut stack, left, right) = router(mtu);
    stack.input(Duration::from_secs(10), left, packet);
    stack.take_sent().into_iter().map(|(id, packet)| (id == right, packet)).collect()
}

#[test]
fn a_router_cuts_what_a_device_left_uncut_for_one_that_does_not_cut() {
    for (long, headers) in
        [(v4(Protocol::TCP, true, tcp(Segments::Tcp4, 1460)), 40), (v6(tcp(Segments::Tcp6, 1440)), 60)]
    {
        let sent = passed(1500, long);
        let lengths: Vec<_> =
            sent.iter().map(|(is_on, packet)| (*is_on, packet.len(), packet.checksum)).collect();
        let last = 5000 - 3 * (1500 - headers) + headers;
        assert_eq!(lengths, [1500, 1500, 1500, last].map(|length| (true, length, Checksum::Good)));
        let joined: Vec<u8> =
            sent.iter().flat_map(|(_, packet)| packet.to_vec().split_off(headers)).collect();
        assert!(joined == content(5000));
    }
}

#[test]
fn who_forbids_cutting_hears_that_his_segments_are_too_long() {
    let sent = passed(1400, v4(Protocol::TCP, true, tcp(Segments::Tcp4, 1460)));
    let [(false, mut complaint)] = <[_; 1]>::try_from(sent).unwrap() else { panic!("it was passed on") };
    assert_eq!(Ipv4::take(&mut complaint).unwrap().destination, FROM);
    let message = icmpv4::Message::take(&mut complaint).unwrap();
    assert_eq!(message, icmpv4::Message::Unreachable(Unreachable::TooLong { mtu: 1400 }));
    // One that is no longer than a packet may be is passed on.
    assert_eq!(passed(1400, v4(Protocol::TCP, true, tcp(Segments::Tcp4, 1360))).len(), 4);
}

#[test]
fn no_router_cuts_segments_of_ipv6() {
    let sent = passed(1400, v6(tcp(Segments::Tcp6, 1440)));
    let [(false, mut complaint)] = <[_; 1]>::try_from(sent).unwrap() else { panic!("it was passed on") };
    let header = Ipv6::take(&mut complaint).unwrap();
    assert_eq!(header.destination, FROM_V6);
    let sum = |length| pseudo_v6(header.source, header.destination, Protocol::ICMPV6, length);
    icmpv6::check(&complaint, sum).unwrap();
    let message = icmpv6::Message::take(&mut complaint).unwrap();
    assert_eq!(message, icmpv6::Message::PacketTooBig { mtu: 1400 });
    assert_eq!(passed(1400, v6(tcp(Segments::Tcp6, 1340))).len(), 4);
}

#[test]
fn segments_that_are_too_long_are_cut_again_if_nobody_forbids_it() {
    let mut long = packet(3000);
    long.segmentation = Some(Segmentation { kind: Segments::Udp, size: 1200 });
    Udp { source: 9, destination: 9 }.emit(&mut long, |length| pseudo_v4(FROM, TO, Protocol::UDP, length));
    let sent = passed(700, v4(Protocol::UDP, false, long));
    // Two of 1208 bytes, each 680 and 528; one of 608.
    let lengths: Vec<_> = sent.iter().map(|(is_on, packet)| (*is_on, packet.len())).collect();
    assert_eq!(lengths, [700, 548, 700, 548, 628].map(|length| (true, length)));
    // A host puts them together again, to three datagrams with good sums.
    let mut host = Stack::new(2);
    let device = DeviceInfo { medium: Medium::Ip, mtu: 700, offloads: Offloads::empty() };
    let id = host.add_interface("tun0", &device).unwrap();
    host.set_up(id, true).unwrap();
    host.add_address(id, TO, 24).unwrap();
    let socket = host.udp_socket(rumpnet_inet::address::Version::V4);
    host.bind(socket, super::at(TO, 9)).unwrap();
    for (_, packet) in sent {
        host.input(Duration::ZERO, id, Packet::received(packet.to_vec().into()));
    }
    let mut all = Vec::new();
    for length in [1200, 1200, 600] {
        let received = host.receive_datagram(socket, false).unwrap().unwrap();
        assert_eq!(received.content.len(), length);
        all.extend(received.content.to_vec());
    }
    assert!(all == content(3000));
}

#[test]
fn datagrams_that_a_device_left_together_come_so_to_who_takes_them_so() {
    for (coalesces, expected) in [(false, vec![1200, 1200, 600]), (true, vec![3000])] {
        let (mut stack, left, _) = router(1500);
        let own = Ipv4Addr::new(10, 0, 1, 1);
        let socket = stack.udp_socket(rumpnet_inet::address::Version::V4);
        stack.bind(socket, super::at(own, 9)).unwrap();
        stack.sockets.find_mut(socket).unwrap().options.coalesces = coalesces;
        let mut long = packet(3000);
        long.segmentation = Some(Segmentation { kind: Segments::Udp, size: 1200 });
        Udp { source: 9, destination: 9 }
            .emit(&mut long, |length| pseudo_v4(FROM, own, Protocol::UDP, length));
        Ipv4::new(FROM, own, Protocol::UDP, 64).emit(&mut long);
        stack.input(Duration::from_secs(10), left, long);
        let mut all = Vec::new();
        for length in expected {
            let received = stack.receive_datagram(socket, false).unwrap().unwrap();
            assert_eq!(received.content.len(), length);
            assert_eq!(received.segment_bytes, coalesces.then_some(1200));
            all.extend(received.content.to_vec());
        }
        assert!(all == content(3000) && stack.receive_datagram(socket, false).is_err());
    }
}
