//! Routers and packets that devices left uncut.

use crate::{content, packet};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use rump_kpi::device::{DeviceInfo, Medium, Offloads};
use rump_kpi::packet::{Checksum, Packet, Segmentation, Segments};
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;

/// A router between two links, of which the second one does nothing and has so many bytes in a packet.
fn router(mtu: u32) -> (Stack, InterfaceId, InterfaceId) {
    let mut stack = Stack::new(1);
    (stack.settings.forwarding, stack.settings.forwarding_v6) = (true, true);
    let [left, right] = [(Offloads::all(), 1500), (Offloads::empty(), mtu)].map(|(offloads, mtu)| {
        let device = DeviceInfo { medium: Medium::Ip, mtu, offloads };
        let id = stack.add_interface(&format!("tun{offloads:?}"), &device).unwrap();
        stack.set_up(id, true).unwrap();
        id
    });
    for (id, net) in [(left, 1_u8), (right, 2)] {
        stack.add_address(id, Ipv4Addr::new(10, 0, net, 1), 24).unwrap();
        stack.add_address_v6(id, Ipv6Addr::new(0xfd00, 0, 0, net.into(), 0, 0, 0, 1), 64).unwrap();
    }
    stack.poll(Duration::from_secs(5));
    stack.take_sent();
    (stack, left, right)
}

/// A segment of 5000 bytes, to be cut.
fn long_segment() -> Packet {
    let mut long = packet(5000);
    long.prepend(20)[12] = 0x50;
    (long.checksum, long.segmentation) =
        (Checksum::Missing { start: 0, offset: 16 }, Some(Segmentation { kind: Segments::Tcp4, size: 1460 }));
    long
}

const LEFT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const RIGHT: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

#[test]
fn a_router_cuts_what_a_device_left_uncut_for_one_that_does_not_cut() {
    for dont_fragment in [false, true] {
        let (mut stack, left, right) = router(1500);
        let mut long = long_segment();
        Ipv4 { dont_fragment, ..Ipv4::new(LEFT, RIGHT, Protocol::TCP, 64) }.emit(&mut long);
        stack.input(Duration::from_secs(9), left, long);
        let sent = stack.take_sent();
        let lengths: Vec<_> = sent.iter().map(|(id, packet)| (*id, packet.len(), packet.checksum)).collect();
        let expected = [1500, 1500, 1500, 660].map(|length| (right, length, Checksum::Good));
        assert_eq!(lengths, expected);
        let joined: Vec<u8> = sent.iter().flat_map(|(_, packet)| packet.to_vec().split_off(40)).collect();
        assert!(joined == content(5000));
    }
}

#[test]
fn a_router_cuts_segments_into_fragments_where_they_are_too_long_for_the_way() {
    let (mut stack, left, right) = router(600);
    let mut long = long_segment();
    Ipv4::new(LEFT, RIGHT, Protocol::TCP, 64).emit(&mut long);
    stack.input(Duration::from_secs(9), left, long);
    let mut joined = vec![];
    for (id, mut packet) in stack.take_sent() {
        assert!(id == right && packet.len() <= 600, "{} bytes", packet.len());
        let header = Ipv4::take(&mut packet).unwrap();
        assert_eq!(header.time_to_live, 63);
        // The header of TCP is in the first one of each.
        let skipped = if header.fragment.offset == 0 { 20 } else { 0 };
        joined.append(&mut packet.to_vec().split_off(skipped));
    }
    assert!(joined == content(5000));
}

#[test]
fn a_router_complains_of_segments_that_are_too_long_and_must_not_be_cut() {
    let (mut stack, left, _) = router(1400);
    let mut long = long_segment();
    Ipv4 { dont_fragment: true, ..Ipv4::new(LEFT, RIGHT, Protocol::TCP, 64) }.emit(&mut long);
    stack.input(Duration::from_secs(9), left, long);
    let sent = stack.take_sent();
    assert_eq!(sent.len(), 1);
    let (id, bytes) = (sent[0].0, sent[0].1.to_vec());
    assert_eq!((id, bytes[9], &bytes[20..22]), (left, 1, &[3, 4][..]));
    assert_eq!(bytes[26..28], 1400_u16.to_be_bytes());
}

#[test]
fn a_router_of_ipv6_passes_on_segments_that_fit_and_complains_of_others() {
    for (mtu, expected) in [(1500, vec![1500, 1500, 1500, 740]), (1400, vec![1280])] {
        let (mut stack, left, right) = router(mtu);
        let mut long = packet(5000);
        long.prepend(20)[12] = 0x50;
        (long.checksum, long.segmentation) = (
            Checksum::Missing { start: 0, offset: 16 },
            Some(Segmentation { kind: Segments::Tcp6, size: 1440 }),
        );
        let [from, to] = [1, 2].map(|net| Ipv6Addr::new(0xfd00, 0, 0, net, 0, 0, 0, 2));
        Ipv6::new(from, to, Protocol::TCP, 64).emit(&mut long);
        stack.input(Duration::from_secs(9), left, long);
        let sent = stack.take_sent();
        let lengths: Vec<_> = sent.iter().map(|(_, packet)| packet.len()).collect();
        assert_eq!(lengths, expected);
        let to = if mtu == 1500 { right } else { left };
        assert!(sent.iter().all(|(id, _)| *id == to));
        if mtu < 1500 {
            let bytes = sent[0].1.to_vec();
            assert_eq!((bytes[6], bytes[40], &bytes[44..48]), (58, 2, &mtu.to_be_bytes()[..]));
        }
    }
}
