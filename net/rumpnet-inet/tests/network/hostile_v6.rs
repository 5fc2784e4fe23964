//! Floods over IPv6: whatever a link or the network sends, memory is bounded, and who was there before goes on.

use super::frames::{STRANGER, address, datagram, discovery, frame, link_local, messages};
use super::ipv6::{FIRST, ONE, TWO, at6, pair, sockets};
use super::lan::{Impairment, Lan, hardware};
use super::{content, packet};
use core::net::Ipv6Addr;
use core::time::Duration;
use rump_kpi::packet::Packet;
use rumpnet_inet::address::{Prefix, Version, solicited_node};
use rumpnet_inet::interface::InterfaceId;
use rumpnet_inet::stack::Options;
use rumpnet_inet::wire::ethernet::MacAddress;
use rumpnet_inet::wire::extension::FragmentHeader;
use rumpnet_inet::wire::ipv4::{Fragment, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;
use rumpnet_inet::wire::ndp::{self, Message, Preference, PrefixInformation, RouterAdvertisement};

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

fn numbered(text: &str, number: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address(text).to_bits() | u128::from(number))
}

/// A datagram still goes there and back between both hosts.
fn still_works(lan: &mut Lan) {
    let (server, client) = sockets(lan, at6(TWO, 7));
    lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(3000))).unwrap();
    lan.run(Duration::from_secs(3));
    let received = lan.stack(1).receive_datagram(server, false).unwrap().unwrap();
    assert!(received.content.to_vec() == content(3000));
    lan.stack(1).close(server).unwrap();
    lan.stack(0).close(client).unwrap();
}

#[test]
fn a_flood_of_neighbours_makes_no_table_grow() {
    let mut lan = pair(Impairment::default());
    let group = solicited_node(ONE);
    let options = ndp::Options { source: Some(STRANGER), ..ndp::Options::default() };
    let ask = Message::NeighbourSolicitation { target: ONE };
    for number in 0..20_000 {
        let source = numbered("2001:db8:1:0:ffff::", number);
        lan.inject(0, FIRST, &discovery(MacAddress::of_group_v6(group), (source, group), &ask, &options));
    }
    let known = |lan: &mut Lan| lan.stack(0).interfaces[&FIRST].neighbours_v6().unwrap().known().count();
    assert!((512..=1024).contains(&known(&mut lan)), "{}", known(&mut lan));
    still_works(&mut lan);
    // Answers that nobody asked for are not even remembered.
    let before = known(&mut lan);
    for number in 0..1000 {
        let target = numbered("2001:db8:1:0:eeee::", number);
        let message =
            Message::NeighbourAdvertisement { target, is_router: true, is_solicited: false, overrides: true };
        let options = ndp::Options { target: Some(STRANGER), ..ndp::Options::default() };
        lan.inject(0, FIRST, &discovery(hardware(0, 0), (target, ONE), &message, &options));
    }
    assert!(known(&mut lan) <= before);
}

#[test]
fn a_scan_of_a_network_behind_a_router_takes_bounded_memory() {
    let mut lan = pair(Impairment::default());
    let router = lan.add_host_v6(&[1, 0], |settings| settings.forwarding_v6 = true);
    lan.call(router, |stack, _| stack.add_address_v6(FIRST, address("2001:db8:9::1"), 64)).unwrap();
    lan.call(router, |stack, _| stack.add_address_v6(InterfaceId(3), address("2001:db8:1::3"), 64)).unwrap();
    lan.run(Duration::from_secs(20));
    let from = address("2001:db8:9::99");
    for number in 0..20_000 {
        let to = numbered("2001:db8:1:0:dddd::", number);
        let udp = datagram((from, to), (1, 1), &[0; 100]);
        lan.inject(router, FIRST, &frame(hardware(router, 0), &Ipv6::new(from, to, Protocol::UDP, 64), &udp));
    }
    lan.watch();
    lan.run(Duration::from_secs(10));
    // Whoever is told of it is told so often and no more: there is nobody at that address.
    assert!(lan.take_watched().len() < 5000);
    still_works(&mut lan);
}

#[test]
fn endless_and_overlapping_fragments_take_bounded_memory() {
    let mut lan = pair(Impairment::default());
    let (server, client) = sockets(&mut lan, at6(TWO, 9));
    for number in 0..20_000_u32 {
        let source = numbered("2001:db8:1:0:cccc::", number);
        for (offset, has_more) in [(0, true), (64, true), (number % 100 * 8, number % 2 == 0)] {
            let fragment = Fragment { offset: offset as u16, has_more };
            let part = FragmentHeader { next_header: Protocol::UDP, fragment, identification: number };
            let mut content = Packet::with_content([bytes::Bytes::from(vec![1; 64])]);
            part.emit(&mut content);
            let header = Ipv6::new(source, TWO, Protocol::FRAGMENT, 64);
            lan.inject(1, FIRST, &frame(hardware(1, 0), &header, &content.to_vec()));
        }
    }
    // A whole one finds room.
    lan.call(0, |stack, now| stack.send_datagram(now, client, None, packet(5000))).unwrap();
    lan.settle();
    assert!(lan.stack(1).receive_datagram(server, false).unwrap().unwrap().content.to_vec() == content(5000));
    lan.stack(0).close(client).unwrap();
    lan.watch();
    lan.run(Duration::from_secs(61));
    assert!(messages(&lan.take_watched()).len() <= 200, "complaints are limited");
    still_works(&mut lan);
}

#[test]
fn a_flood_of_router_advertisements_drives_nobody_out() {
    let mut lan = pair(Impairment::default());
    let tell = |lan: &mut Lan, number: u32, preference| {
        let told = RouterAdvertisement {
            hop_limit: 64,
            managed: false,
            other: false,
            preference,
            lifetime: Duration::from_secs(9000),
            reachable: Duration::from_millis(1),
            retransmit: Duration::from_secs(1_000_000),
        };
        let prefixes = (0..8).map(|index| PrefixInformation {
            prefix: Prefix::new(
                numbered("2001:db8:8000::", 0)
                    .to_bits()
                    .wrapping_add(u128::from(number * 8 + index) << 64)
                    .into(),
                64,
            ),
            on_link: true,
            autonomous: true,
            valid: None,
            preferred: None,
        });
        let options = ndp::Options {
            prefixes: prefixes.collect(),
            source: Some(STRANGER),
            mtu: Some(1),
            ..ndp::Options::default()
        };
        let router = numbered("fe80::aaaa:0:0", number);
        let message = Message::RouterAdvertisement(told);
        lan.inject(
            0,
            FIRST,
            &discovery(MacAddress::of_group_v6(ALL_NODES), (router, ALL_NODES), &message, &options),
        );
    };
    tell(&mut lan, 0, Preference::Medium);
    for number in 1..5000 {
        tell(&mut lan, number, Preference::Medium);
    }
    lan.run(Duration::from_secs(5));
    let stack = lan.stack(0);
    let interface = &stack.interfaces[&FIRST];
    assert_eq!(stack.routers.all().len(), 16);
    // Its own network, and as many as are remembered.
    assert_eq!(stack.routes_v6.all().len(), 1 + 32);
    assert_eq!(interface.v6.addresses.len(), 2 + 16);
    assert_eq!(interface.mtu_v6(), 1500);
    let first = numbered("fe80::aaaa:0:0", 0);
    let path = stack.path(address("2001:db8:ffff::1").into(), &Options::default()).unwrap();
    assert_eq!(path.next_hop, first);
    still_works(&mut lan);
}

#[test]
fn a_flood_of_redirects_takes_bounded_memory_and_ends() {
    let mut lan = pair(Impairment::default());
    let router = link_local(STRANGER);
    let told = RouterAdvertisement {
        hop_limit: 0,
        managed: false,
        other: false,
        preference: Preference::Medium,
        lifetime: Duration::from_secs(9000),
        reachable: Duration::ZERO,
        retransmit: Duration::ZERO,
    };
    let message = Message::RouterAdvertisement(told);
    let group = MacAddress::of_group_v6(ALL_NODES);
    lan.inject(0, FIRST, &discovery(group, (router, ALL_NODES), &message, &ndp::Options::default()));
    let far = |number| numbered("2001:db8:ffff::", number);
    for number in 0..5000 {
        let message = Message::Redirect { target: address("fe80::bad"), destination: far(number) };
        lan.inject(0, FIRST, &discovery(hardware(0, 0), (router, ONE), &message, &ndp::Options::default()));
    }
    let next =
        |lan: &mut Lan, number| lan.stack(0).path(far(number).into(), &Options::default()).unwrap().next_hop;
    let redirected = (0..5000).filter(|number| next(&mut lan, *number) != router).count();
    assert_eq!(redirected, 1024);
    still_works(&mut lan);
    // The false router does not answer: all that was said of it is forgotten.
    let socket = lan.stack(0).udp_socket(Version::V6);
    let to = Some(at6(far(4999), 7));
    lan.call(0, |stack, now| stack.send_datagram(now, socket, to, packet(1))).unwrap();
    lan.run(Duration::from_secs(4));
    assert_eq!(next(&mut lan, 4999), router);
    assert_eq!(next(&mut lan, 4998), router);
}

#[test]
fn questions_about_groups_from_everybody_are_answered_once() {
    use rumpnet_inet::wire::group::{Age, Query};
    let mut lan = pair(Impairment::default());
    let socket = lan.stack(0).udp_socket(Version::V6);
    lan.call(0, |stack, _| stack.join(socket, address("ff15::1").into(), Some(FIRST))).unwrap();
    lan.run(Duration::from_secs(5));
    lan.watch();
    let router = link_local(STRANGER);
    for number in 0..5000_u32 {
        let sources = (0..50).map(|index| numbered("2001:db8::", number * 50 + index).into()).collect();
        let response = Duration::from_secs(1);
        let group = address("ff15::1").into();
        let query = Query { age: Age::Third, response, group, sources, robustness: 7 };
        let mut bytes = query.emit(Version::V6);
        let mut sum =
            rumpnet_inet::wire::checksum::pseudo_v6(router, ALL_NODES, Protocol::ICMPV6, bytes.len());
        sum.add(&bytes);
        bytes[2..4].copy_from_slice(&sum.finish().to_be_bytes());
        let header = Ipv6::new(router, ALL_NODES, Protocol::ICMPV6, 1);
        lan.inject(0, FIRST, &frame(MacAddress::of_group_v6(ALL_NODES), &header, &bytes));
    }
    lan.run(Duration::from_secs(5));
    let answers = lan.take_watched().into_iter().filter(|sent| sent.host == 0).count();
    assert_eq!(answers, 1);
}
