//! What protocols count: of packets that are sound, cut, broken, refused, and lost.

use super::connections::{Side, connect};
use super::frames::STRANGER;
use super::lan::{Impairment, hardware};
use super::{ONE, TWO, at, packet, pair};
use core::time::Duration;
use rump_kpi::netbsd::statistics::*;
use rumpnet_inet::address::Version;
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::Stack;
use rumpnet_inet::wire;
use rumpnet_inet::wire::checksum::pseudo_v4;
use rumpnet_inet::wire::ethernet::{EtherType, Frame};
use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
use rumpnet_inet::wire::udp::Udp;

fn counted<const N: usize>(stack: &Stack, of: Counted, places: [usize; N]) -> [u64; N] {
    let all = stack.statistics(of);
    assert_eq!(all.len(), of.places());
    places.map(|place| all[place])
}

#[test]
fn fragments_and_datagrams_are_counted_on_both_sides() {
    let mut lan = pair(Impairment::default());
    let server = lan.stack(1).udp_socket(Version::V4);
    lan.stack(1).bind(server, at(TWO, 7)).unwrap();
    let client = lan.stack(0).udp_socket(Version::V4);
    for port in [7, 9] {
        lan.call(0, |stack, now| stack.send_datagram(now, client, Some(at(TWO, port)), packet(5000)))
            .unwrap();
        lan.settle();
    }
    let [one, two] = [0, 1].map(|host| {
        let of_ip = [IP_STAT_FRAGMENTED, IP_STAT_OFRAGMENTS, IP_STAT_FRAGMENTS, IP_STAT_REASSEMBLED];
        let of_udp = [UDP_STAT_OPACKETS, UDP_STAT_IPACKETS, UDP_STAT_NOPORT];
        let of_icmp = [ICMP_STAT_ERROR, ICMP_STAT_OUTHIST + 3, ICMP_STAT_INHIST + 3];
        let stack = &*lan.stack(host);
        let ip = counted(stack, Counted::Ip, of_ip);
        (ip, counted(stack, Counted::Udp, of_udp), counted(stack, Counted::Icmp, of_icmp))
    });
    assert_eq!(one, ([2, 8, 0, 0], [2, 0, 0], [0, 0, 1]));
    assert_eq!(two, ([0, 0, 8, 2], [0, 2, 1], [1, 1, 0]));
    // Each side's own and the other's: two datagrams, and what was said of one.
    let of_ip = [IP_STAT_LOCALOUT, IP_STAT_DELIVERED];
    assert_eq!([0, 1].map(|host| counted(lan.stack(host), Counted::Ip, of_ip)), [[2, 1], [1, 2]]);
}

/// A frame with a datagram to the port 7 of the second host.
fn frame(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut packet = packet(10);
    let ports = Udp { source: 1, destination: 7 };
    ports.emit(&mut packet, |length| pseudo_v4(ONE, TWO, Protocol::UDP, length));
    wire::complete(&mut packet);
    Ipv4::new(ONE, TWO, Protocol::UDP, 64).emit(&mut packet);
    Frame { destination: hardware(1, 0), source: STRANGER, ether_type: EtherType::IPV4 }.emit(&mut packet);
    let mut bytes = packet.to_vec();
    change(&mut bytes);
    bytes
}

#[test]
fn what_is_broken_is_counted_by_what_is_wrong() {
    let mut lan = pair(Impairment::default());
    let server = lan.stack(1).udp_socket(Version::V4);
    lan.stack(1).bind(server, at(TWO, 7)).unwrap();
    let mut inject =
        |change: &dyn Fn(&mut Vec<u8>)| lan.inject(1, InterfaceId(2), &frame(|bytes| change(bytes)));
    inject(&|_| ());
    // The checksum of the header, its length, all of it; that of the datagram, and its length.
    inject(&|bytes| bytes[14 + 10] ^= 1);
    inject(&|bytes| bytes[14] = 0x44);
    inject(&|bytes| bytes.truncate(14 + 19));
    inject(&|bytes| bytes[14 + 20 + 8] ^= 1);
    inject(&|bytes| bytes[14 + 20 + 4..14 + 20 + 6].copy_from_slice(&[0, 7]));
    let of_ip = [IP_STAT_TOTAL, IP_STAT_BADSUM, IP_STAT_BADHLEN, IP_STAT_TOOSHORT, IP_STAT_DELIVERED];
    assert_eq!(counted(lan.stack(1), Counted::Ip, of_ip), [6, 1, 1, 1, 3]);
    let of_udp = [UDP_STAT_IPACKETS, UDP_STAT_BADSUM, UDP_STAT_BADLEN, UDP_STAT_HDROPS, UDP_STAT_FULLSOCK];
    assert_eq!(counted(lan.stack(1), Counted::Udp, of_udp), [3, 1, 1, 0, 0]);
}

#[test]
fn connections_count_what_they_carried_and_what_they_sent_again() {
    const TOTAL: usize = 300_000;
    let mut lan = pair(Impairment { seed: 3, loss: 5, ..Impairment::default() });
    let (client, server) = connect(&mut lan, 80);
    let mut sides = [Side::new(0, client, 0, TOTAL), Side::new(1, server, 1, 0)];
    for _ in 0..10_000 {
        for host in [0, 1] {
            let side = &mut sides[host];
            lan.call(host, |stack, now| side.work(stack, now, 1 - host));
        }
        if sides[1].has_end {
            break;
        }
        lan.run(Duration::from_millis(20));
    }
    let of_tcp =
        [TCP_STAT_CONNATTEMPT, TCP_STAT_ACCEPTS, TCP_STAT_CONNECTS, TCP_STAT_SNDBYTE, TCP_STAT_RCVBYTE];
    let total = TOTAL as u64;
    assert_eq!(counted(lan.stack(1), Counted::Tcp, of_tcp), [0, 1, 1, 0, total]);
    assert_eq!(counted(lan.stack(0), Counted::Tcp, of_tcp)[1..], [0, 1, total, 0]);
    let again = [TCP_STAT_SNDREXMITPACK, TCP_STAT_SNDREXMITBYTE, TCP_STAT_SNDPACK];
    let [packets, bytes, first] = counted(lan.stack(0), Counted::Tcp, again);
    assert!(packets > 0 && bytes > packets && first > packets, "{packets} {bytes} {first}");
    // Those that are gone count as well.
    for (host, socket) in [(0, client), (1, server)] {
        lan.call(host, |stack, now| stack.tcp_close(now, socket)).unwrap();
    }
    lan.run(Duration::from_secs(600));
    let of_gone = [TCP_STAT_SNDBYTE, TCP_STAT_SNDREXMITBYTE, TCP_STAT_CLOSED, TCP_STAT_DROPS];
    assert_eq!(counted(lan.stack(0), Counted::Tcp, of_gone)[..2], [total, bytes]);
    // Whoever asks where nobody listens is refused.
    let refused = lan.stack(0).tcp_socket(Version::V4);
    lan.set_loss(0);
    let _ = lan.call(0, |stack, now| stack.tcp_connect(now, refused, at(TWO, 81)));
    lan.settle();
    assert_eq!(counted(lan.stack(0), Counted::Tcp, [TCP_STAT_CONNDROPS]), [1]);
    assert!(counted(lan.stack(1), Counted::Tcp, [TCP_STAT_NOPORT])[0] >= 1);
}
