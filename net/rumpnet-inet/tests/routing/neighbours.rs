//! Who has which hardware address, as arp(8) and ndp(8) ask for it.

use crate::{Rig, ip, request, to, way};
use rump_kpi::netbsd::interface::IFT_ETHER;
use rump_kpi::netbsd::route::*;
use rump_kpi::{AddressFamily, Errno, MessageFlags, OpenFlags, SocketAddress, SocketType};
use std::net::SocketAddrV4;

const FLAGS: u32 = RTF_HOST | RTF_STATIC | RTF_LLDATA;

fn at(index: u16, last: u8) -> Address {
    let hardware = vec![2, 0, 0, 0, 0, last];
    Address::Link(LinkAddress { index, kind: IFT_ETHER, name: Vec::new(), hardware })
}

fn asked(rig: &Rig, family: i32) -> Vec<(RtMsghdr, Addresses)> {
    let bytes =
        rig.network(|network| network.routing_table(&[family, NET_RT_FLAGS, RTF_LLDATA as i32])).unwrap();
    let route = |message| match message {
        Ok(Message::Route(header, addresses)) => (header, addresses),
        other => panic!("{other:?}"),
    };
    messages(&bytes).map(route).collect()
}

#[test]
fn a_neighbour_is_said_asked_for_and_forgotten() {
    for (family, address) in [(2, "10.0.0.5"), (24, "fe80::5")] {
        let rig = Rig::new();
        let socket = rig.socket();
        let (header, told) = socket.ask(request(RTM_ADD, FLAGS), &way(address, None, at(2, 5))).unwrap();
        assert_eq!(header.flags, RTF_UP | FLAGS | RTF_DONE);
        assert_eq!((told.destination, told.gateway), (Some(ip(address)), Some(at(2, 5))));
        let (header, told) = socket.ask(request(RTM_GET, RTF_LLDATA), &to(address, None)).unwrap();
        assert_eq!((header.flags & RTF_LLDATA, told.gateway), (RTF_LLDATA, Some(at(2, 5))));
        let all = asked(&rig, family);
        assert_eq!((all.len(), all[0].0.metrics.expires), (1, 0), "it lasts");
        assert_eq!(all[0].1.gateway, Some(at(2, 5)));
        // It may be said again, otherwise.
        socket.ask(request(RTM_ADD, FLAGS), &way(address, None, at(2, 6))).unwrap();
        assert_eq!(asked(&rig, family)[0].1.gateway, Some(at(2, 6)));
        socket.ask(request(RTM_DELETE, RTF_LLDATA), &to(address, None)).unwrap();
        assert!(asked(&rig, family).is_empty());
        assert_eq!(socket.send(request(RTM_DELETE, RTF_LLDATA), &to(address, None)), Err(Errno::ESRCH));
    }
}

#[test]
fn of_who_is_not_known_the_link_is_told() {
    let rig = Rig::new();
    let socket = rig.socket();
    // So arp(8) finds out which interface a neighbour would be at.
    let (header, told) = socket.ask(request(RTM_GET, RTF_LLDATA), &to("10.0.0.5", None)).unwrap();
    assert_eq!((header.flags & RTF_LLDATA, told.destination), (0, Some(ip("10.0.0.0"))));
    let link = told.gateway.unwrap();
    assert_eq!((link.link().unwrap().index, link.link().unwrap().kind), (2, IFT_ETHER));
    // Without an interface, the one whose network it is in is taken.
    socket.ask(request(RTM_ADD, FLAGS), &way("10.0.0.5", None, at(0, 5))).unwrap();
    assert_eq!(asked(&rig, 2)[0].0.index, 2);
}

#[test]
fn what_waited_for_a_neighbour_goes_when_it_is_said() {
    let rig = Rig::new();
    let fd = rig.process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::empty()).unwrap();
    let to = SocketAddress::Inet(SocketAddrV4::new([10, 0, 0, 5].into(), 9));
    rig.process.sendto(fd, b"hello", MessageFlags::empty(), &to).unwrap();
    let all = asked(&rig, 2);
    assert_eq!(all[0].1.gateway.as_ref().unwrap().link().unwrap().hardware, [], "it is asked for");
    rig.socket().ask(request(RTM_ADD, FLAGS), &way("10.0.0.5", None, at(2, 5))).unwrap();
    let sent = rig.card.sent.lock().unwrap();
    let frames: Vec<Vec<u8>> = sent.iter().map(|packet| packet.to_vec()).collect();
    assert!(frames.iter().any(|frame| frame[..6] == [2, 0, 0, 0, 0, 5] && frame.ends_with(b"hello")));
}

#[test]
fn a_neighbour_that_is_said_for_a_time_goes() {
    let rig = Rig::new();
    let socket = rig.socket();
    let now = rig.process.gettimeofday().unwrap().sec;
    let mut header = RtMsghdr { inits: RTV_EXPIRE, ..request(RTM_ADD, FLAGS) };
    header.metrics.expires = now + 1200;
    let (header, _) = socket.ask(header, &way("10.0.0.5", None, at(2, 5))).unwrap();
    assert!((now + 1190..=now + 1200).contains(&header.metrics.expires));
    let mut header = RtMsghdr { inits: RTV_EXPIRE, ..request(RTM_ADD, FLAGS) };
    header.metrics.expires = i64::MIN;
    socket.ask(header, &way("10.0.0.6", None, at(2, 6))).unwrap();
    let begin = std::time::Instant::now();
    while asked(&rig, 2).len() > 1 && begin.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(asked(&rig, 2).len(), 1);
}

#[test]
fn no_neighbour_is_where_there_can_be_none() {
    let rig = Rig::new();
    let socket = rig.socket();
    let refuse = |flags, addresses: &Addresses, errno| {
        assert_eq!(socket.send(request(RTM_ADD, flags), addresses), Err(errno), "{addresses:?}");
    };
    refuse(FLAGS, &way("10.0.0.5", None, at(1, 5)), Errno::EINVAL);
    refuse(FLAGS, &way("10.0.0.5", None, at(9, 5)), Errno::ENETUNREACH);
    refuse(FLAGS, &way("192.0.2.1", None, at(0, 5)), Errno::ENETUNREACH);
    refuse(FLAGS, &way("10.0.0.5", None, ip("10.0.0.6")), Errno::EINVAL);
    refuse(FLAGS | RTF_ANNOUNCE, &way("10.0.0.5", None, at(2, 5)), Errno::EOPNOTSUPP);
    let group = LinkAddress { index: 2, hardware: vec![1, 0, 0, 0, 0, 5], ..LinkAddress::default() };
    refuse(FLAGS, &way("10.0.0.5", None, Address::Link(group)), Errno::EINVAL);
    let short = LinkAddress { index: 2, hardware: vec![2, 0], ..LinkAddress::default() };
    refuse(FLAGS, &way("10.0.0.5", None, Address::Link(short)), Errno::EINVAL);
}
