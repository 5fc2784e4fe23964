//! Groups: what routers are told of them, and who gets what is sent to them (RFC 3376, RFC 3810).

use super::frames::{STRANGER, address, frame, link_local, read};
use super::ipv6::{FIRST, at6};
use super::lan::{Impairment, Lan, Sent, hardware};
use super::{at, packet};
use bytes::Bytes;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::packet::Packet;
use rumpnet_inet::address::{Version, solicited_node};
use rumpnet_inet::sockets::SourceChange;
use rumpnet_inet::wire::checksum;
use rumpnet_inet::wire::checksum::pseudo_v6;
use rumpnet_inet::wire::ethernet::{EtherType, Frame, MacAddress};
use rumpnet_inet::wire::group::{Age, Query, Record, RecordKind, parse_report};
use rumpnet_inet::wire::ipv4::{Ipv4, Protocol};
use rumpnet_inet::wire::ipv6::Ipv6;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 1, 2);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn own() -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 1)
}

/// A host with addresses of both versions.
fn host() -> Lan {
    let mut lan = Lan::new(Impairment::default());
    lan.add_host_v6(&[0], |_| {});
    lan.call(0, |stack, _| stack.add_address(FIRST, own(), 24)).unwrap();
    lan.run(Duration::from_secs(20));
    lan.watch();
    lan
}

/// Messages about groups: to whom, and all bytes.
fn told(all: &[Sent]) -> Vec<(IpAddr, Vec<u8>)> {
    let message = |sent: &Sent| {
        let mut packet = Packet::received(Bytes::from(sent.frame.clone()));
        if Frame::take(&mut packet).unwrap().ether_type == EtherType::IPV4 {
            let header = Ipv4::take(&mut packet).unwrap();
            assert!(
                header.protocol != Protocol::IGMP
                    || (header.time_to_live == 1 && header.options == [0x94, 4, 0, 0])
            );
            let is_it = header.protocol == Protocol::IGMP && checksum::of(&packet.to_vec()) == 0;
            return is_it.then(|| (header.destination.into(), packet.to_vec()));
        }
        let (header, transport, packet) = read(sent)?;
        let bytes = packet.to_vec();
        let is_it = transport == Protocol::ICMPV6 && matches!(bytes[0], 130..=132 | 143);
        // The router alert.
        assert!(
            !is_it || (header.hop_limit == 1 && sent.frame[14 + 40..14 + 48] == [58, 0, 5, 2, 0, 0, 1, 0])
        );
        is_it.then(|| (header.destination.into(), bytes))
    };
    all.iter().filter_map(message).collect()
}

/// Records of the newest reports alone.
fn records(all: &[Sent]) -> Vec<Record> {
    let told = told(all).into_iter();
    told.flat_map(|(to, bytes)| {
        let version = Version::of(to);
        assert!(to == "224.0.0.22".parse::<IpAddr>().unwrap() || to == "ff02::16".parse::<IpAddr>().unwrap());
        parse_report(version, &bytes).unwrap()
    })
    .collect()
}

fn ask(lan: &mut Lan, age: Age, group: IpAddr, sources: &[IpAddr]) {
    let query =
        Query { age, response: Duration::from_secs(1), group, sources: sources.to_vec(), robustness: 2 };
    let mut bytes = query.emit(Version::of(group));
    let frame = match group {
        IpAddr::V4(_) => {
            let sum = checksum::of(&bytes).to_be_bytes();
            bytes[2..4].copy_from_slice(&sum);
            let mut packet = Packet::with_content([Bytes::from(bytes)]);
            let to = Ipv4Addr::new(224, 0, 0, 1);
            Ipv4::new(Ipv4Addr::new(192, 0, 2, 9), to, Protocol::IGMP, 1).emit(&mut packet);
            let destination = MacAddress::of_group_v4(to);
            Frame { destination, source: STRANGER, ether_type: EtherType::IPV4 }.emit(&mut packet);
            packet.to_vec()
        }
        IpAddr::V6(_) => {
            let to = address("ff02::1");
            let mut sum = pseudo_v6(ROUTER, to, Protocol::ICMPV6, bytes.len());
            sum.add(&bytes);
            bytes[2..4].copy_from_slice(&sum.finish().to_be_bytes());
            let header = Ipv6::new(ROUTER, to, Protocol::ICMPV6, 1);
            frame(MacAddress::of_group_v6(to), &header, &bytes)
        }
    };
    lan.inject(0, FIRST, &frame);
}

fn record(kind: RecordKind, group: IpAddr, sources: &[IpAddr]) -> Record {
    Record { kind, group, sources: sources.to_vec() }
}

#[test]
fn who_joins_and_leaves_says_so_as_often_as_it_may_get_lost() {
    for group in [IpAddr::V4(GROUP), GROUP_V6.into()] {
        let mut lan = host();
        let version = Version::of(group);
        let [one, other] = [(); 2].map(|()| lan.stack(0).udp_socket(version));
        lan.call(0, |stack, _| stack.join(one, group, Some(FIRST))).unwrap();
        lan.run(Duration::from_secs(5));
        let joined = record(RecordKind::ToExclude, group, &[]);
        assert_eq!(records(&lan.take_watched()), [joined.clone(), joined]);
        lan.call(0, |stack, _| stack.join(other, group, Some(FIRST))).unwrap();
        lan.call(0, |stack, _| stack.leave(one, group, Some(FIRST))).unwrap();
        lan.run(Duration::from_secs(5));
        assert_eq!(records(&lan.take_watched()), [], "there is one left");
        lan.call(0, |stack, _| stack.close(other)).unwrap();
        lan.run(Duration::from_secs(5));
        let left = record(RecordKind::ToInclude, group, &[]);
        assert_eq!(records(&lan.take_watched()), [left.clone(), left]);
        assert!(!lan.stack(0).interfaces[&FIRST].is_member(group));
        let leave = lan.stack(0).leave(one, group, Some(FIRST));
        assert_eq!(leave, Err(Errno::EADDRNOTAVAIL));
    }
}

#[test]
fn questions_are_answered_in_the_language_of_who_asks() {
    let mut lan = host();
    let socket = lan.stack(0).udp_socket(Version::V6);
    lan.call(0, |stack, _| stack.join(socket, GROUP_V6.into(), None)).unwrap();
    let v4 = lan.stack(0).udp_socket(Version::V4);
    lan.call(0, |stack, _| stack.join(v4, GROUP.into(), None)).unwrap();
    lan.run(Duration::from_secs(5));
    lan.take_watched();
    let node = solicited_node(link_local(hardware(0, 0)));
    for (all, group, others) in [
        (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(GROUP_V6), vec![IpAddr::V6(node)]),
        (Ipv4Addr::UNSPECIFIED.into(), GROUP.into(), vec![]),
    ] {
        ask(&mut lan, Age::Third, all, &[]);
        lan.run(Duration::from_secs(2));
        let mut groups: Vec<IpAddr> = records(&lan.take_watched())
            .into_iter()
            .map(|record| {
                assert_eq!((record.kind, record.sources.len()), (RecordKind::IsExclude, 0));
                record.group
            })
            .collect();
        groups.sort();
        let mut expected = [vec![group], others.clone()].concat();
        expected.sort();
        assert_eq!(groups, expected);
        ask(&mut lan, Age::Second, group, &[]);
        lan.run(Duration::from_secs(2));
        let answers = told(&lan.take_watched());
        let [(to, bytes)] = &answers[..] else { panic!("{answers:?}") };
        assert_eq!((*to, bytes[0]), (group, if group.is_ipv4() { 0x16 } else { 131 }));
    }
    // To older routers it is said once that the last one left.
    lan.call(0, |stack, _| stack.close(v4)).unwrap();
    lan.call(0, |stack, _| stack.close(socket)).unwrap();
    lan.run(Duration::from_secs(5));
    let mut left: Vec<_> = told(&lan.take_watched()).into_iter().map(|(to, bytes)| (to, bytes[0])).collect();
    left.sort();
    let routers: [IpAddr; 2] = ["224.0.0.2", "ff02::2"].map(|text| text.parse().unwrap());
    assert_eq!(left, [(routers[0], 0x17), (routers[1], 132)]);
}

#[test]
fn sources_that_are_not_wanted_are_told_and_not_heard() {
    let mut lan = host();
    for last in [2, 3] {
        let host = lan.add_host_v6(&[0], |settings| settings.makes_link_local = false);
        lan.call(host, |stack, _| stack.add_address(FIRST, Ipv4Addr::new(192, 0, 2, last), 24)).unwrap();
    }
    lan.run(Duration::from_secs(1));
    let [wanted, other]: [IpAddr; 2] = [2, 3].map(|last| Ipv4Addr::new(192, 0, 2, last).into());
    let socket = lan.stack(0).udp_socket(Version::V4);
    lan.stack(0).bind(socket, at(Ipv4Addr::UNSPECIFIED, 7)).unwrap();
    let change = |lan: &mut Lan, change| {
        lan.call(0, |stack, _| stack.change_source(socket, GROUP.into(), None, change))
    };
    let heard = |lan: &mut Lan| -> Vec<IpAddr> {
        for host in [1, 2] {
            let sender = lan.stack(host).udp_socket(Version::V4);
            let to = Some(at(GROUP, 7));
            lan.call(host, |stack, now| stack.send_datagram(now, sender, to, packet(1))).unwrap();
        }
        lan.settle();
        let stack = lan.stack(0);
        core::iter::from_fn(|| stack.receive_datagram(socket, false).ok().flatten())
            .map(|received| received.from.ip())
            .collect()
    };
    lan.take_watched();
    change(&mut lan, SourceChange::Add(wanted)).unwrap();
    assert_eq!(change(&mut lan, SourceChange::Add(wanted)), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(change(&mut lan, SourceChange::Block(other)), Err(Errno::EINVAL));
    assert_eq!(heard(&mut lan), [wanted]);
    lan.run(Duration::from_secs(3));
    let allowed = record(RecordKind::Allow, GROUP.into(), &[wanted]);
    assert_eq!(records(&lan.take_watched()), [allowed.clone(), allowed]);
    change(&mut lan, SourceChange::Drop(wanted)).unwrap();
    assert_eq!(change(&mut lan, SourceChange::Drop(wanted)), Err(Errno::EADDRNOTAVAIL));
    lan.call(0, |stack, _| stack.join(socket, GROUP.into(), None)).unwrap();
    change(&mut lan, SourceChange::Block(wanted)).unwrap();
    assert_eq!(heard(&mut lan), [other]);
    lan.take_watched();
    lan.run(Duration::from_secs(3));
    change(&mut lan, SourceChange::Unblock(wanted)).unwrap();
    assert_eq!(heard(&mut lan).len(), 2);
    ask(&mut lan, Age::Third, GROUP.into(), &[wanted, other]);
    lan.take_watched();
    lan.run(Duration::from_secs(2));
    let current = record(RecordKind::IsInclude, GROUP.into(), &[wanted, other]);
    assert!(records(&lan.take_watched()).contains(&current));
}

#[test]
fn a_group_of_ipv6_reaches_its_members_alone() {
    let mut lan = host();
    for _ in 0..2 {
        lan.add_host_v6(&[0], |_| {});
    }
    lan.run(Duration::from_secs(20));
    let sockets: Vec<_> = (0..3)
        .map(|host| {
            let socket = lan.stack(host).udp_socket(Version::V6);
            lan.stack(host).bind(socket, at6(Ipv6Addr::UNSPECIFIED, 5353)).unwrap();
            socket
        })
        .collect();
    let group = address("ff02::fb");
    for host in [0, 1] {
        lan.call(host, |stack, _| stack.join(sockets[host], group.into(), Some(FIRST))).unwrap();
    }
    let to = Some(at6(group, 5353));
    for (loops, own_copy) in [(true, Ok(10)), (false, Err(Errno::EAGAIN))] {
        lan.stack(0).sockets.find_mut(sockets[0]).unwrap().options.group_loops = loops;
        lan.call(0, |stack, now| stack.send_datagram(now, sockets[0], to, packet(10))).unwrap();
        lan.settle();
        let mut received = |host: usize| {
            let received = lan.stack(host).receive_datagram(sockets[host], false);
            received.map(|received| received.unwrap().content.len())
        };
        assert_eq!((received(0), received(1), received(2)), (own_copy, Ok(10), Err(Errno::EAGAIN)));
    }
}

#[test]
fn a_group_on_the_loopback_is_heard_once() {
    use rumpnet_inet::stack::{LOOPBACK, Stack};
    let mut stack = Stack::new(1);
    for group in [IpAddr::V4(GROUP), address("ff01::7").into(), GROUP_V6.into()] {
        let version = Version::of(group);
        let [member, sender] = [(); 2].map(|()| stack.udp_socket(version));
        stack.bind(member, core::net::SocketAddr::new(version.unspecified(), 7)).unwrap();
        stack.join(member, group, Some(LOOPBACK)).unwrap();
        stack.sockets.find_mut(sender).unwrap().options.group_interface = Some(LOOPBACK);
        let to = Some(core::net::SocketAddr::new(group, 7));
        stack.send_datagram(Duration::ZERO, sender, to, packet(10)).unwrap();
        let heard = core::iter::from_fn(|| stack.receive_datagram(member, false).ok().flatten()).count();
        assert_eq!(heard, 1, "{group}");
        stack.close(member).unwrap();
    }
}
