//! Adding, taking away, changing and asking for routes.

use crate::{Rig, ip, link, over_router, request, to, way};
use rump_kpi::device::{Gateway, RouteInfo};
use rump_kpi::netbsd::route::*;
use rump_kpi::{AddressFamily, Errno, OpenFlags, SocketType};

fn gateway_of(rig: &Rig, destination: &str, length: u8) -> Option<Gateway> {
    let destination: std::net::IpAddr = destination.parse().unwrap();
    let is_it = |route: &&RouteInfo| (route.destination, route.length) == (destination, length);
    rig.network(|network| network.routes().iter().find(is_it).map(|route| route.gateway))
}

#[test]
fn a_route_is_added_asked_for_changed_and_taken_away() {
    let rig = Rig::new();
    let socket = rig.socket();
    let over = |last| way("10.9.0.0", Some(16), ip(&format!("10.0.0.{last}")));
    let (header, told) = socket.ask(over_router(RTM_ADD), &over(9)).unwrap();
    assert_eq!((header.kind, header.sequence, header.errno), (RTM_ADD, 77, 0));
    assert_eq!(header.flags, RTF_UP | RTF_GATEWAY | RTF_STATIC | RTF_DONE);
    assert_eq!(header.pid as u32, rig.process.pid());
    assert_eq!((told.destination, told.mask), (Some(ip("10.9.0.0")), Some(16)));
    assert_eq!(gateway_of(&rig, "10.9.0.0", 16), Some(Gateway::Router([10, 0, 0, 9].into())));
    assert_eq!(socket.ask(over_router(RTM_ADD), &over(8)).unwrap_err(), Errno::EEXIST);
    let (header, _) = socket.route();
    assert_eq!((header.errno, header.flags & RTF_DONE), (Errno::EEXIST as i32, 0));
    // What a packet would take.
    let mut asked = to("10.9.1.2", None);
    asked.interface = Some(link(0));
    let (header, told) = socket.ask(request(RTM_GET, RTF_HOST), &asked).unwrap();
    assert_eq!(
        (told.destination, told.gateway, told.mask),
        (Some(ip("10.9.0.0")), Some(ip("10.0.0.9")), Some(16))
    );
    assert_eq!((header.index, told.own), (2, Some(ip("10.0.0.1"))));
    let interface = told.interface.unwrap();
    assert_eq!(interface.link().unwrap().name, b"eth0");
    assert_eq!(interface.link().unwrap().hardware, [2, 0, 0, 0, 0, 1]);
    socket.ask(over_router(RTM_CHANGE), &over(7)).unwrap();
    assert_eq!(gateway_of(&rig, "10.9.0.0", 16), Some(Gateway::Router([10, 0, 0, 7].into())));
    let (header, told) = socket.ask(request(RTM_DELETE, 0), &to("10.9.0.0", Some(16))).unwrap();
    assert_eq!((header.kind, told.gateway), (RTM_DELETE, Some(ip("10.0.0.7"))));
    assert_eq!(gateway_of(&rig, "10.9.0.0", 16), None);
    for kind in [RTM_DELETE, RTM_CHANGE, RTM_GET] {
        assert_eq!(socket.send(request(kind, 0), &to("10.9.0.0", Some(16))), Err(Errno::ESRCH));
    }
}

#[test]
fn routes_lead_over_interfaces_and_nowhere() {
    let rig = Rig::new();
    let socket = rig.socket();
    for (number, (flags, gateway, expected)) in [
        (0, link(2), Gateway::Interface(2)),
        (0, ip("10.0.0.1"), Gateway::Interface(2)),
        (RTF_GATEWAY | RTF_REJECT, ip("127.0.0.1"), Gateway::Reject),
        (RTF_GATEWAY | RTF_BLACKHOLE, ip("127.0.0.1"), Gateway::Blackhole),
    ]
    .into_iter()
    .enumerate()
    {
        let destination = format!("192.0.2.{number}");
        let (header, told) =
            socket.ask(request(RTM_ADD, RTF_HOST | flags), &way(&destination, None, gateway)).unwrap();
        assert_eq!(gateway_of(&rig, &destination, 32), Some(expected));
        assert_eq!((header.flags & RTF_HOST, told.mask), (RTF_HOST, None));
        let nowhere = RTF_REJECT | RTF_BLACKHOLE;
        assert_eq!(header.flags & nowhere, flags & nowhere);
    }
    let (_, told) = socket.ask(request(RTM_GET, 0), &to("192.0.2.0", None)).unwrap();
    assert_eq!(told.gateway.unwrap().link().unwrap().index, 2);
    // By its name as well.
    let eth0 = LinkAddress { name: b"eth0".to_vec(), ..LinkAddress::default() };
    socket.ask(request(RTM_ADD, 0), &way("192.0.2.128", Some(25), Address::Link(eth0))).unwrap();
    assert_eq!(gateway_of(&rig, "192.0.2.128", 25), Some(Gateway::Interface(2)));
}

#[test]
fn the_network_of_an_address_and_the_address_itself_are_told_apart() {
    let rig = Rig::new();
    let socket = rig.socket();
    let (header, told) = socket.ask(request(RTM_GET, 0), &to("10.0.0.77", None)).unwrap();
    assert_eq!(header.flags, RTF_UP | RTF_CONNECTED | RTF_DONE);
    assert_eq!((told.mask, told.interface), (Some(24), None));
    let (header, told) = socket.ask(request(RTM_GET, 0), &to("10.0.0.1", None)).unwrap();
    assert_eq!(header.flags, RTF_UP | RTF_HOST | RTF_LOCAL | RTF_DONE);
    assert_eq!((header.index, told.gateway.unwrap().link().unwrap().index), (1, 2));
}

#[test]
fn the_count_of_hops_decides_between_routes_of_one_prefix() {
    let rig = Rig::new();
    let socket = rig.socket();
    let default = |last| way("0.0.0.0", Some(0), ip(&format!("10.0.0.{last}")));
    let with = |kind, hops| {
        let mut header = RtMsghdr { inits: RTV_HOPCOUNT, ..over_router(kind) };
        header.metrics.hop_count = hops;
        header
    };
    socket.ask(with(RTM_ADD, 20), &default(20)).unwrap();
    socket.ask(with(RTM_ADD, 10), &default(10)).unwrap();
    let (header, told) = socket.ask(request(RTM_GET, 0), &to("192.0.2.1", None)).unwrap();
    assert_eq!((header.metrics.hop_count, told.gateway), (10, Some(ip("10.0.0.10"))));
    assert_eq!(socket.send(with(RTM_CHANGE, 20), &default(10)), Err(Errno::EEXIST));
    socket.route();
    socket.ask(with(RTM_DELETE, 10), &default(10)).unwrap();
    let (_, told) = socket.ask(request(RTM_GET, 0), &to("0.0.0.0", Some(0))).unwrap();
    assert_eq!(told.gateway, Some(ip("10.0.0.20")));
}

#[test]
fn a_router_of_ipv6_is_named_by_its_link() {
    let rig = Rig::new();
    let socket = rig.socket();
    rig.network(|network| network.add_address(2, "2001:db8::1".parse().unwrap(), 64)).unwrap();
    while !matches!(socket.receive(), Message::Route(..)) {}
    let header = over_router(RTM_ADD);
    let (header, told) = socket.ask(header, &way("2001:db8:9::", Some(48), ip("fe80::9"))).unwrap();
    assert_eq!((header.index, told.gateway), (2, Some(ip("fe80::9"))));
    let (header, told) = socket.ask(request(RTM_GET, 0), &to("2001:db8:9::5", None)).unwrap();
    assert_eq!((header.index, told.mask), (2, Some(48)));
    assert_eq!(told.gateway, Some(ip("fe80::9")));
}

#[test]
fn what_cannot_be_is_refused() {
    let rig = Rig::new();
    let socket = rig.socket();
    let refuse = |header: RtMsghdr, addresses: &Addresses, errno| {
        assert_eq!(socket.send(header, addresses), Err(errno), "{header:?} {addresses:?}");
        assert_eq!(socket.route().0.errno, errno as i32);
    };
    let add = || over_router(RTM_ADD);
    refuse(add(), &way("10.9.0.0", Some(16), ip("172.16.0.1")), Errno::ENETUNREACH);
    refuse(add(), &way("10.9.0.0", Some(16), ip("2001:db8::1")), Errno::EAFNOSUPPORT);
    refuse(request(RTM_ADD, 0), &way("10.9.0.0", Some(16), ip("10.0.0.9")), Errno::ENETUNREACH);
    refuse(request(RTM_ADD, 0), &way("10.9.0.0", Some(16), link(77)), Errno::ENETUNREACH);
    refuse(add(), &to("10.9.0.0", Some(16)), Errno::EINVAL);
    refuse(add(), &Addresses { gateway: Some(ip("10.0.0.9")), ..Addresses::default() }, Errno::EINVAL);
    let other = Addresses { destination: Some(Address::Other(33)), ..Addresses::default() };
    refuse(request(RTM_GET, 0), &other, Errno::EAFNOSUPPORT);
    refuse(request(RTM_LOCK, 0), &to("10.0.0.5", None), Errno::EOPNOTSUPP);
    // Messages without a header are not answered.
    let bytes = Message::Route(request(RTM_GET, 0), to("10.0.0.5", None)).to_bytes();
    assert_eq!(socket.send_bytes(&bytes[..100]), Err(Errno::EINVAL));
    assert_eq!(socket.send_bytes(&[&bytes[..], &[0; 8]].concat()), Err(Errno::EINVAL));
    assert_eq!(socket.send_bytes(&[4, 0, 4, 0x14]), Err(Errno::EINVAL));
    assert_eq!(socket.send_bytes(&[4, 0, 4, 0x30]), Err(Errno::EOPNOTSUPP));
    assert_eq!(socket.send_bytes(&[4, 0, 3, 1]), Err(Errno::EPROTONOSUPPORT));
    assert_eq!(socket.send_bytes(&vec![0; 65_536]), Err(Errno::EMSGSIZE));
    socket.assert_silent();
    let stream = rig.process.socket(AddressFamily::Route, SocketType::Stream, 0, OpenFlags::empty());
    assert_eq!(stream.unwrap_err().errno, Errno::ESOCKTNOSUPPORT);
}

#[test]
fn only_the_superuser_changes_routes() {
    let rig = Rig::new();
    let user = rig.kernel.process();
    user.setuid(1000).unwrap();
    let socket = rig.socket_of(&user, 0);
    let default = way("0.0.0.0", Some(0), ip("10.0.0.9"));
    for kind in [RTM_ADD, RTM_CHANGE, RTM_DELETE] {
        assert_eq!(socket.send(over_router(kind), &default), Err(Errno::EACCES));
        assert_eq!(socket.route().0.errno, Errno::EACCES as i32);
    }
    socket.ask(request(RTM_GET, 0), &to("10.0.0.5", None)).unwrap();
    assert_eq!(gateway_of(&rig, "0.0.0.0", 0), None);
}
