//! What of the ways of packets can be chosen, and what is counted of them.

use super::*;
use rump_kpi::sockopt::{
    IP_RECVDSTADDR, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, SO_TIMESTAMP,
};
use std::net::{Ipv6Addr, SocketAddrV6};

const NONE: MessageFlags = MessageFlags::empty();
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);

fn say(socket: &dyn Socket, to: Name, control: &[Control]) -> KResult<usize> {
    let mut message =
        Outgoing { parts: &[b"x"], to: Some(to), control: control.to_vec(), flags: NONE, caller: USER };
    socket.send(&mut message)
}

#[test]
fn a_message_chooses_where_it_comes_from_and_how_far_it_goes() {
    let hosts = hosts();
    hosts[0].domain.network().unwrap().add_address(2, OTHER.into(), 24).unwrap();
    let server = hosts[1].udp();
    server.bind(&name(Ipv4Addr::UNSPECIFIED, 5000), USER).unwrap();
    for option in [IP_RECVTTL, IP_RECVDSTADDR] {
        server.set_option(IPPROTO_IP, option, &OptionValue::Number(1)).unwrap();
    }
    let client = hosts[0].udp();
    let info = |to: IpAddr| Control::PacketInfo { to, interface: 0 };
    for (control, from, limit) in [
        (vec![], ONE, 64),
        (vec![info(OTHER.into())], OTHER, 64),
        (vec![info(ANY), Control::HopLimit(9)], ONE, 9),
        (vec![Control::Destination(OTHER), Control::HopLimit(1)], OTHER, 1),
    ] {
        say(&*client, name(TWO, 5000), &control).unwrap();
        let (_, incoming) = receive(&*server, NONE).unwrap();
        let Some(SocketAddress::Inet(sender)) = incoming.from else { panic!("nobody sent it") };
        assert_eq!(*sender.ip(), from, "{control:?}");
        let is_it = |control: &Control| matches!(control, Control::HopLimit(told) if *told == limit);
        assert!(incoming.control.iter().any(is_it), "{control:?}");
        let is_to = |control: &Control| matches!(control, Control::Destination(to) if *to == TWO);
        assert!(incoming.control.iter().any(is_to), "{control:?}");
    }
    let elsewhere = say(&*client, name(TWO, 5000), &[info(Ipv4Addr::new(192, 0, 2, 99).into())]);
    assert_eq!(elsewhere.unwrap_err().errno, Errno::EADDRNOTAVAIL);
}

#[test]
fn a_message_of_ipv6_chooses_as_well() {
    let host = Host::new();
    let network = host.domain.network().unwrap();
    let number = network.create("lo1").unwrap();
    network.set_up(number, true).unwrap();
    let [own, other]: [Ipv6Addr; 2] = ["2001:db8::1", "2001:db8::2"].map(|text| text.parse().unwrap());
    for address in [own, other] {
        network.add_address(number, address.into(), 128).unwrap();
    }
    let udp = || host.domain.socket(AddressFamily::Inet6, SocketType::Datagram, UDP, USER).unwrap();
    let at = |ip| Name::Address(SocketAddress::Inet6(SocketAddrV6::new(ip, 5000, 0, 0)));
    let (server, client) = (udp(), udp());
    server.bind(&at(Ipv6Addr::UNSPECIFIED), USER).unwrap();
    for option in [IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS] {
        server.set_option(IPPROTO_IPV6, option, &OptionValue::Number(1)).unwrap();
    }
    let info = Control::PacketInfo { to: other.into(), interface: 0 };
    say(&*client, at(own), &[info, Control::HopLimit(3), Control::TrafficClass(0x28)]).unwrap();
    let (_, incoming) = receive(&*server, NONE).unwrap();
    let Some(SocketAddress::Inet6(from)) = incoming.from else { panic!("nobody sent it") };
    assert_eq!(*from.ip(), other);
    let told = |what: fn(&Control) -> bool| incoming.control.iter().any(what);
    assert!(told(|control| matches!(control, Control::HopLimit(3))));
    assert!(told(|control| matches!(control, Control::TrafficClass(0x28))));
    assert!(told(|control| matches!(control, Control::PacketInfo { to: IpAddr::V6(_), .. })));
}

#[test]
fn of_several_default_routes_the_lowest_metric_counts_and_refusals_are_told() {
    let hosts = hosts();
    let network = hosts[0].domain.network().unwrap();
    let route = |gateway, metric, length, destination: Ipv4Addr| RouteInfo {
        destination: destination.into(),
        length,
        gateway,
        metric,
    };
    let (router, nowhere) = (Gateway::Router(TWO.into()), Ipv4Addr::new(203, 0, 113, 0));
    network.add_route(&route(router, 20, 0, Ipv4Addr::UNSPECIFIED)).unwrap();
    network.add_route(&route(Gateway::Reject, 10, 0, Ipv4Addr::UNSPECIFIED)).unwrap();
    let again = network.add_route(&route(router, 20, 0, Ipv4Addr::UNSPECIFIED));
    assert_eq!(again.unwrap_err().errno, Errno::EEXIST);
    let client = hosts[0].udp();
    let far = |last| name(Ipv4Addr::new(198, 51, 100, last), 9);
    assert_eq!(say(&*client, far(1), &[]).unwrap_err().errno, Errno::EHOSTUNREACH);
    // The first of the prefix is that of the lowest metric.
    network.remove_route(ANY, 0).unwrap();
    say(&*client, far(1), &[]).unwrap();
    // Longer prefixes count more, to a single host.
    network.add_route(&route(Gateway::Blackhole, 0, 24, nowhere)).unwrap();
    network.add_route(&route(router, 0, 32, Ipv4Addr::new(203, 0, 113, 7))).unwrap();
    assert_eq!(
        say(&*client, name(Ipv4Addr::new(203, 0, 113, 8), 9), &[]).unwrap_err().errno,
        Errno::ENETUNREACH
    );
    say(&*client, name(Ipv4Addr::new(203, 0, 113, 7), 9), &[]).unwrap();
    // MSG_DONTROUTE is for who is on the link.
    let mut direct = Outgoing {
        parts: &[b"x"],
        to: Some(far(1)),
        control: Vec::new(),
        flags: MessageFlags::DONTROUTE,
        caller: USER,
    };
    assert_eq!(client.send(&mut direct).unwrap_err().errno, Errno::ENETUNREACH);
    direct.to = Some(name(TWO, 9));
    client.send(&mut direct).unwrap();
}

/// Takes nothing.
struct Blocked;

impl NetworkDevice for Blocked {
    fn info(&self) -> DeviceInfo {
        let medium = Medium::Ethernet { address: [2, 0, 0, 0, 0, 9] };
        DeviceInfo { medium, mtu: 1500, offloads: Offloads::empty() }
    }

    fn send(&self, _packets: &mut Vec<Packet>) -> KResult<()> {
        Ok(())
    }

    fn start(&self, _receiver: Arc<dyn Receiver>) -> KResult<()> {
        Ok(())
    }

    fn stop(&self) {}
}

#[test]
fn what_passes_and_what_is_lost_is_counted() {
    let hosts = hosts();
    let statistics = |host: &Host| host.domain.network().unwrap().interfaces()[1].statistics;
    let before = hosts.each_ref().map(statistics);
    let client = hosts[0].udp();
    for _ in 0..5 {
        say(&*client, name(TWO, 9), &[]).unwrap();
    }
    let [one, two] = hosts.each_ref().map(statistics);
    // The question who has the address went to all; five datagrams, and the complaints that nobody is there, did not.
    assert_eq!((one.groups_out - before[0].groups_out, two.groups_in - before[1].groups_in), (1, 1));
    assert_eq!(one.packets_out - before[0].packets_out, 6);
    assert_eq!((one.packets_in - before[0].packets_in, one.errors_in, one.drops_out), (6, 0, 0));
    let network = hosts[0].domain.network().unwrap();
    let number = network.attach("blocked0", Arc::new(Blocked)).unwrap();
    network.set_up(number, true).unwrap();
    network.add_address(number, Ipv4Addr::new(10, 0, 0, 1).into(), 24).unwrap();
    say(&*client, name(Ipv4Addr::new(10, 0, 0, 2), 9), &[]).unwrap();
    let blocked = network.interfaces()[2].statistics;
    assert!(blocked.drops_out > 0 && blocked.drops_out == blocked.packets_out, "{blocked:?}");
    // Who is there has no room for more than one, and is down then.
    let server = hosts[1].udp();
    server.bind(&name(TWO, 5000), USER).unwrap();
    server.set_option(SOL_SOCKET, SO_RCVBUF, &OptionValue::Number(1)).unwrap();
    for expected in [2, 5] {
        for _ in 0..3 {
            say(&*client, name(TWO, 5000), &[]).unwrap();
        }
        assert_eq!(statistics(&hosts[1]).drops_in, expected);
        hosts[1].domain.network().unwrap().set_up(2, false).unwrap();
    }
    assert_eq!(receive(&*server, NONE).unwrap().0, b"x");
}

#[test]
fn when_a_datagram_came_is_told() {
    let hosts = hosts();
    let server = hosts[1].udp();
    server.bind(&name(TWO, 5000), USER).unwrap();
    let (client, on) = (hosts[0].udp(), OptionValue::Number(1));
    say(&*client, name(TWO, 5000), &[]).unwrap();
    assert!(receive(&*server, NONE).unwrap().1.control.is_empty());
    server.set_option(SOL_SOCKET, SO_TIMESTAMP, &on).unwrap();
    assert_eq!(server.option(SOL_SOCKET, SO_TIMESTAMP).unwrap(), on);
    say(&*client, name(TWO, 5000), &[]).unwrap();
    // The wall clock stands at zero: it came five seconds before.
    hosts[1].clock.fetch_add(5, Ordering::Relaxed);
    let control = receive(&*server, NONE).unwrap().1.control;
    assert!(
        matches!(control[..], [Control::Timestamp(rump_kpi::TimeSpec { sec: -5, nsec: 0 })]),
        "{control:?}"
    );
}

#[test]
fn complaints_are_limited_in_rate() {
    let hosts = hosts();
    let client = hosts[0].udp();
    let limit = hosts[1].domain.network().unwrap().setting("net.inet.icmp.errppslimit").unwrap();
    let before = hosts[0].domain.network().unwrap().interfaces()[1].statistics.packets_in;
    for _ in 0..limit * 5 {
        say(&*client, name(TWO, 9), &[]).unwrap();
    }
    // Besides the answer to the question who has the address.
    let came = hosts[0].domain.network().unwrap().interfaces()[1].statistics.packets_in - before;
    assert!((limit..=limit + 2).contains(&(came as i64)), "{came} of {limit}");
}
