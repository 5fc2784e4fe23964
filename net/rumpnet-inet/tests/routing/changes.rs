//! What others are told, and how much of it waits.

use crate::{Listener, Rig, ip, over_router, request, to, way};
use rump_kpi::device::{Gateway, RouteInfo};
use rump_kpi::netbsd::interface::{IFF_UP, LINK_STATE_DOWN};
use rump_kpi::netbsd::route::*;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{SO_RCVBUF, SO_USELOOPBACK, SOL_SOCKET};
use rump_kpi::{AddressFamily, Errno, MessageFlags, PollEvents, Shutdown};
use std::net::IpAddr;

#[test]
fn others_hear_of_a_change_and_not_of_what_is_asked_or_fails() {
    let rig = Rig::new();
    let (asker, listener) = (rig.socket(), rig.socket());
    asker.ask(request(RTM_GET, 0), &to("10.0.0.5", None)).unwrap();
    assert_eq!(asker.send(request(RTM_DELETE, 0), &to("10.9.0.0", Some(16))), Err(Errno::ESRCH));
    asker.route();
    let ready = rig.process.poll(&mut [], Some(core::time::Duration::ZERO));
    assert_eq!(ready.unwrap(), 0);
    let told = asker.ask(over_router(RTM_ADD), &way("10.9.0.0", Some(16), ip("10.0.0.9"))).unwrap();
    assert_eq!(listener.route(), told);
    asker.assert_silent();
    listener.assert_silent();
}

#[test]
fn changes_by_other_ways_are_told_in_order() {
    let rig = Rig::new();
    let socket = rig.socket();
    let destination: IpAddr = [10, 9, 0, 0].into();
    let gateway = Gateway::Router([10, 0, 0, 9].into());
    let route = RouteInfo { destination, length: 16, gateway, metric: 5 };
    rig.network(|network| {
        network.add_route(&route).unwrap();
        network.remove_route(destination, 16).unwrap();
    });
    for kind in [RTM_ADD, RTM_DELETE] {
        let (header, told) = socket.route();
        assert_eq!((header.kind, header.pid, header.metrics.hop_count), (kind, 0, 5));
        assert_eq!((told.destination, told.gateway), (Some(ip("10.9.0.0")), Some(ip("10.0.0.9"))));
    }
    let own: IpAddr = [10, 1, 0, 1].into();
    rig.network(|network| network.add_address(2, own, 16)).unwrap();
    let Message::Address(header, told) = socket.receive() else { panic!() };
    assert_eq!((header.kind, header.index, header.address_flags), (RTM_NEWADDR, 2, 0));
    assert_eq!(
        (told.own, told.mask, told.broadcast),
        (Some(ip("10.1.0.1")), Some(16), Some(ip("10.1.255.255")))
    );
    assert_eq!(told.interface.unwrap().link().unwrap().name, b"eth0");
    let (header, told) = socket.route();
    assert_eq!((header.kind, told.destination), (RTM_ADD, Some(ip("10.1.0.0"))));
    rig.network(|network| network.remove_address(2, own)).unwrap();
    let Message::Address(header, told) = socket.receive() else { panic!() };
    assert_eq!((header.kind, told.own), (RTM_DELADDR, Some(ip("10.1.0.1"))));
    assert_eq!(socket.route().0.kind, RTM_DELETE);
    socket.assert_silent();
}

fn interface(socket: &Listener<'_>) -> IfMsghdr {
    match socket.receive() {
        Message::Interface(header, _) => header,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_interface_that_changes_is_told() {
    let rig = Rig::new();
    let socket = rig.socket();
    rig.network(|network| network.set_up(2, false)).unwrap();
    assert_eq!(interface(&socket).flags & u32::from(IFF_UP), 0);
    rig.network(|network| network.set_up(2, true)).unwrap();
    assert_eq!(interface(&socket).flags & u32::from(IFF_UP), u32::from(IFF_UP));
    rig.network(|network| network.set_mtu(2, 1400)).unwrap();
    assert_eq!(interface(&socket).data.mtu, 1400);
    rig.card.pull();
    assert_eq!(interface(&socket).data.link_state, LINK_STATE_DOWN);
    rig.network(|network| network.detach(2)).unwrap();
    assert!(matches!(socket.receive(), Message::Address(IfaMsghdr { kind: RTM_DELADDR, .. }, _)));
    let Message::Announcement(gone) = socket.receive() else { panic!() };
    assert_eq!((gone.what, gone.index, &gone.name[..5]), (IFAN_DEPARTURE, 2, &b"eth0\0"[..]));
    assert_eq!(socket.route().0.kind, RTM_DELETE);
    rig.network(|network| network.create("lo1")).unwrap();
    assert!(matches!(socket.receive(), Message::Announcement(IfAnnouncemsghdr { what: IFAN_ARRIVAL, .. })));
    socket.assert_silent();
}

#[test]
fn a_tentative_address_is_told_and_told_again_when_it_is_ours() {
    let rig = Rig::new();
    rig.network(|network| network.set_setting("net.inet6.ip6.dad_count", 1)).unwrap();
    let socket = rig.socket();
    rig.network(|network| network.add_address(2, "2001:db8::1".parse().unwrap(), 64)).unwrap();
    let Message::Address(header, _) = socket.receive() else { panic!() };
    assert_eq!((header.kind, header.address_flags), (RTM_NEWADDR, IN6_IFF_TENTATIVE));
    assert_eq!(socket.route().0.kind, RTM_ADD);
    let Message::Address(header, told) = socket.receive() else { panic!() };
    assert_eq!((header.kind, header.address_flags), (RTM_NEWADDR, 0));
    assert_eq!(told.own, Some(ip("2001:db8::1")));
}

#[test]
fn a_socket_hears_what_it_wants_to_hear() {
    let rig = Rig::new();
    let (v6, deaf, choosy) = (rig.socket_of(&rig.process, 24), rig.socket(), rig.socket());
    let asker = rig.socket();
    let set = |listener: &Listener<'_>, level, name, value| {
        listener.process.setsockopt(listener.fd, level, name, &value).map_err(|error| error.errno)
    };
    let level = AddressFamily::Route as i32;
    set(&choosy, level, RO_MSGFILTER, OptionValue::Bytes(vec![RTM_IFINFO])).unwrap();
    assert_eq!(set(&choosy, level, RO_MSGFILTER, OptionValue::Bytes(vec![64])), Err(Errno::EINVAL));
    set(&asker, SOL_SOCKET, SO_USELOOPBACK, OptionValue::Number(0)).unwrap();
    deaf.process.shutdown(deaf.fd, Shutdown::Read).unwrap();
    asker.send(over_router(RTM_ADD), &way("10.9.0.0", Some(16), ip("10.0.0.9"))).unwrap();
    asker.send(request(RTM_GET, 0), &to("10.0.0.5", None)).unwrap();
    asker.assert_silent();
    rig.network(|network| network.set_up(2, false)).unwrap();
    assert!(matches!(v6.receive(), Message::Interface(..)), "routes of IPv4 are not wanted");
    assert!(matches!(choosy.receive(), Message::Interface(..)));
    choosy.assert_silent();
    assert_eq!(deaf.process.read(deaf.fd, &mut [0; 8]).unwrap(), 0);
}

#[test]
fn who_does_not_read_loses_what_comes_later_and_nothing_more() {
    let rig = Rig::new();
    let (slow, asker) = (rig.socket(), rig.socket());
    let options = rig.process.setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &OptionValue::Number(4096));
    options.unwrap();
    for number in 0..100 {
        asker.ask(request(RTM_ADD, 0), &way(&format!("192.0.2.{number}"), None, ip("10.0.0.1"))).unwrap();
    }
    let mut count = 0;
    while rig.process.recv(slow.fd, &mut [0; 512], MessageFlags::DONTWAIT).is_ok() {
        count += 1;
    }
    assert!((10..30).contains(&count), "{count}");
    asker.ask(request(RTM_DELETE, 0), &to("192.0.2.5", None)).unwrap();
    assert_eq!(slow.route().0.kind, RTM_DELETE);
    for limit in [0, 2 << 20] {
        let set = rig.process.setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &OptionValue::Number(limit));
        assert_eq!(set.unwrap_err().errno, Errno::EINVAL);
    }
}

#[test]
fn a_message_is_read_as_one_and_looked_at_before() {
    let rig = Rig::new();
    let socket = rig.socket();
    rig.network(|network| network.set_up(2, false)).unwrap();
    let process = &rig.process;
    let mut fds = [rump_kern::PollFd::new(socket.fd, PollEvents::IN)];
    assert_eq!(process.poll(&mut fds, None).unwrap(), 1);
    let mut bytes = [0; 512];
    let whole = process.recv(socket.fd, &mut bytes, MessageFlags::PEEK).unwrap();
    assert_eq!(process.ioctl(socket.fd, rump_kern::Ioctl::Readable).unwrap(), whole);
    let received = process.recvmsg(socket.fd, &mut [&mut bytes[..10]], 0, MessageFlags::empty()).unwrap();
    assert_eq!((received.length, received.flags), (10, MessageFlags::TRUNC));
    socket.assert_silent();
}
