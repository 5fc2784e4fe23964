//! Sockets of IPv6, options of either version, and what an administrator sees and does.

use super::{Host, TWO, USER, hosts, name, receive, send};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6};
use core::time::Duration;
use rump_kpi::device::{AddressInfo, AddressState, Gateway, Network, RouteInfo};
use rump_kpi::socket::{Caller, Control, Name, OptionValue, Socket};
use rump_kpi::sockopt::{
    ICMP6_FILTER, IP_ADD_SOURCE_MEMBERSHIP, IP_HDRINCL, IP_RECVDSTADDR, IPPROTO_ICMPV6, IPPROTO_IP,
    IPPROTO_IPV6, IPV6_CHECKSUM, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF,
    IPV6_PATHMTU, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_UNICAST_HOPS,
    IPV6_V6ONLY,
};
use rump_kpi::{AddressFamily, Errno, KResult, MessageFlags, SocketAddress, SocketType};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const SUPERUSER: Caller = Caller { pid: 1, uid: 0, gid: 0 };
const NONE: MessageFlags = MessageFlags::empty();

fn name_v6(ip: Ipv6Addr, port: u16) -> Name {
    Name::Address(SocketAddress::Inet6(SocketAddrV6::new(ip, port, 0, 0)))
}

fn socket(host: &Host, family: AddressFamily, kind: SocketType, protocol: u8) -> Arc<dyn Socket> {
    host.domain.socket(family, kind, protocol, SUPERUSER).unwrap()
}

fn udp_v6(host: &Host) -> Arc<dyn Socket> {
    socket(host, AddressFamily::Inet6, SocketType::Datagram, 17)
}

fn network(host: &Host) -> &dyn Network {
    host.domain.network().unwrap()
}

fn failed<T>(result: KResult<T>) -> Errno {
    result.err().expect("an error").errno
}

fn set(socket: &dyn Socket, level: i32, option: i32, value: i64) -> Result<(), Errno> {
    socket.set_option(level, option, &OptionValue::Number(value)).map_err(|error| error.errno)
}

#[test]
fn a_message_comes_with_all_that_was_asked_for() {
    let host = Host::new();
    let server = udp_v6(&host);
    server.bind(&name_v6(Ipv6Addr::UNSPECIFIED, 5000), USER).unwrap();
    for option in [IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS] {
        set(&*server, IPPROTO_IPV6, option, 1).unwrap();
    }
    let client = udp_v6(&host);
    set(&*client, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9).unwrap();
    set(&*client, IPPROTO_IPV6, IPV6_TCLASS, 0xb8).unwrap();
    let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    for to in [Ipv6Addr::LOCALHOST, mapped] {
        send(&*client, Some(name_v6(to, 5000)), &[b"hello"]).unwrap();
        let (bytes, incoming) = receive(&*server, NONE).unwrap();
        assert_eq!(bytes, b"hello");
        let [Control::PacketInfo { to: at, interface: 1 }, Control::HopLimit(9), Control::TrafficClass(0xb8)] =
            incoming.control[..]
        else {
            panic!("{:?}", incoming.control)
        };
        assert_eq!(at, IpAddr::V6(to));
        let Some(SocketAddress::Inet6(from)) = incoming.from else { panic!("{:?}", incoming.from) };
        assert_eq!(*from.ip(), to);
    }
    let v4 = host.udp();
    v4.bind(&name(Ipv4Addr::LOCALHOST, 5001), USER).unwrap();
    set(&*v4, IPPROTO_IP, IP_RECVDSTADDR, 1).unwrap();
    send(&*client, Some(name_v6(mapped, 5001)), &[b"x"]).unwrap();
    let (_, incoming) = receive(&*v4, NONE).unwrap();
    assert!(matches!(incoming.control[..], [Control::Destination(Ipv4Addr::LOCALHOST)]));
}

#[test]
fn options_take_what_they_may_and_refuse_the_rest() {
    let host = Host::new();
    let (udp, v4) = (udp_v6(&host), host.udp());
    let raw = socket(&host, AddressFamily::Inet6, SocketType::Raw, 99);
    let icmp = socket(&host, AddressFamily::Inet6, SocketType::Raw, 58);
    for (socket, option, value, expected) in [
        (&udp, IPV6_UNICAST_HOPS, 256, Err(Errno::EINVAL)),
        (&udp, IPV6_UNICAST_HOPS, -2, Err(Errno::EINVAL)),
        (&udp, IPV6_UNICAST_HOPS, -1, Ok(())),
        (&udp, IPV6_MULTICAST_HOPS, 0, Ok(())),
        (&udp, IPV6_MULTICAST_IF, 1, Ok(())),
        (&udp, IPV6_MULTICAST_IF, 77, Err(Errno::ENXIO)),
        (&udp, IPV6_V6ONLY, 1, Ok(())),
        (&udp, IPV6_CHECKSUM, 2, Err(Errno::EINVAL)),
        (&icmp, IPV6_CHECKSUM, 2, Err(Errno::EINVAL)),
        (&raw, IPV6_CHECKSUM, 3, Err(Errno::EINVAL)),
        (&raw, IPV6_CHECKSUM, 2, Ok(())),
        (&v4, IPV6_UNICAST_HOPS, 1, Err(Errno::ENOPROTOOPT)),
        (&v4, IPV6_RECVPKTINFO, 1, Err(Errno::ENOPROTOOPT)),
        (&udp, 9999, 1, Err(Errno::ENOPROTOOPT)),
    ] {
        assert_eq!(set(&**socket, IPPROTO_IPV6, option, value), expected, "{option} {value}");
    }
    assert_eq!(set(&*v4, IPPROTO_IP, IP_HDRINCL, 1), Err(Errno::EINVAL));
    udp.bind(&name_v6(Ipv6Addr::LOCALHOST, 0), USER).unwrap();
    assert_eq!(set(&*udp, IPPROTO_IPV6, IPV6_V6ONLY, 0), Err(Errno::EINVAL));
    assert_eq!(failed(udp.option(IPPROTO_IPV6, IPV6_PATHMTU)), Errno::ENOTCONN);
    udp.connect(&name_v6(Ipv6Addr::LOCALHOST, 9), USER).unwrap();
    assert_eq!(udp.option(IPPROTO_IPV6, IPV6_PATHMTU).unwrap(), OptionValue::Number(65_536));
    let filter = OptionValue::Bytes(vec![0xff; 32]);
    icmp.set_option(IPPROTO_ICMPV6, ICMP6_FILTER, &filter).unwrap();
    assert_eq!(icmp.option(IPPROTO_ICMPV6, ICMP6_FILTER).unwrap(), filter);
    let short = icmp.set_option(IPPROTO_ICMPV6, ICMP6_FILTER, &OptionValue::Bytes(vec![0; 31]));
    assert_eq!(failed(short), Errno::EINVAL);
    // Groups, by number of an interface and by its address.
    let group = |on: u32| {
        let group: Ipv6Addr = "ff15::7".parse().unwrap();
        OptionValue::Bytes([&group.octets()[..], &on.to_ne_bytes()].concat())
    };
    udp.set_option(IPPROTO_IPV6, IPV6_JOIN_GROUP, &group(1)).unwrap();
    assert_eq!(failed(udp.set_option(IPPROTO_IPV6, IPV6_JOIN_GROUP, &group(1))), Errno::EADDRINUSE);
    udp.set_option(IPPROTO_IPV6, IPV6_LEAVE_GROUP, &group(1)).unwrap();
    assert_eq!(failed(udp.set_option(IPPROTO_IPV6, IPV6_JOIN_GROUP, &group(50))), Errno::ENXIO);
    let source = OptionValue::Bytes([[239, 1, 1, 1], [192, 0, 2, 9], [127, 0, 0, 1]].concat());
    v4.set_option(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &source).unwrap();
}

#[test]
fn the_address_of_nobody_takes_a_connection_of_datagrams_back() {
    let host = Host::new();
    let (client, server) = (host.udp(), host.udp());
    server.bind(&name(Ipv4Addr::LOCALHOST, 5000), USER).unwrap();
    client.connect(&name(Ipv4Addr::LOCALHOST, 5000), USER).unwrap();
    assert_eq!(failed(send(&*client, Some(name(Ipv4Addr::LOCALHOST, 5000)), &[b"x"])), Errno::EISCONN);
    client.connect(&name(Ipv4Addr::UNSPECIFIED, 0), USER).unwrap();
    assert_eq!(failed(client.peer_address()), Errno::ENOTCONN);
    assert_eq!(failed(send(&*client, None, &[b"x"])), Errno::EDESTADDRREQ);
    send(&*client, Some(name(Ipv4Addr::LOCALHOST, 5000)), &[b"x"]).unwrap();
    assert_eq!(receive(&*server, NONE).unwrap().0, b"x");
}

#[test]
fn a_raw_socket_sends_its_own_header_or_has_its_checksum_made() {
    let host = Host::new();
    let raw = socket(&host, AddressFamily::Inet, SocketType::Raw, 99);
    set(&*raw, IPPROTO_IP, IP_HDRINCL, 1).unwrap();
    // What is zero is filled in: length, identification, source and checksum.
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 17, 99, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1];
    packet.extend(b"own header");
    send(&*raw, Some(name(Ipv4Addr::LOCALHOST, 0)), &[&packet]).unwrap();
    let (bytes, _) = receive(&*raw, NONE).unwrap();
    assert_eq!(
        (bytes.len(), bytes[8], &bytes[12..16], &bytes[20..]),
        (30, 17, &[127, 0, 0, 1][..], &b"own header"[..])
    );
    assert!(bytes[4..6] != [0, 0] && bytes[2..4] == [0, 30]);
    assert_eq!(failed(send(&*raw, Some(name(Ipv4Addr::LOCALHOST, 0)), &[&packet[..19]])), Errno::EINVAL);
    packet[0] = 0x65;
    assert_eq!(failed(send(&*raw, Some(name(Ipv4Addr::LOCALHOST, 0)), &[&packet])), Errno::EINVAL);
    let [with_sum, without] = [(); 2].map(|()| socket(&host, AddressFamily::Inet6, SocketType::Raw, 99));
    set(&*with_sum, IPPROTO_IPV6, IPV6_CHECKSUM, 2).unwrap();
    send(&*with_sum, Some(name_v6(Ipv6Addr::LOCALHOST, 0)), &[b"ab\0\0summed"]).unwrap();
    let (bytes, _) = receive(&*without, NONE).unwrap();
    assert!(bytes[..2] == *b"ab" && bytes[2..4] != [0, 0]);
    assert_eq!(receive(&*with_sum, NONE).unwrap().0, bytes);
    // One whose checksum is wrong is not for who wants one.
    send(&*without, Some(name_v6(Ipv6Addr::LOCALHOST, 0)), &[b"ab\0\0summed"]).unwrap();
    assert_eq!(receive(&*without, NONE).unwrap().0, b"ab\0\0summed");
    assert_eq!(failed(receive(&*with_sum, NONE)), Errno::EAGAIN);
    assert_eq!(failed(send(&*with_sum, Some(name_v6(Ipv6Addr::LOCALHOST, 0)), &[b"abc"])), Errno::EINVAL);
}

#[test]
fn an_administrator_sees_and_changes_what_interfaces_have() {
    let hosts = hosts();
    let network = network(&hosts[0]);
    let own: IpAddr = "2001:db8::1".parse().unwrap();
    network.add_address(2, own, 64).unwrap();
    let state = |address| {
        let all = network.addresses(2).unwrap();
        all.into_iter().find(|own: &AddressInfo| own.address == address).map(|own| own.state)
    };
    assert_eq!(state(own), Some(AddressState::Tentative));
    for second in 1..20 {
        hosts[0].clock.store(second, Ordering::Relaxed);
        hosts[0].domain.poll();
    }
    assert_eq!(state(own), Some(AddressState::Preferred));
    let info = &network.interfaces()[1];
    assert!(info.has_carrier && info.addresses.contains(&(own, 64)) && info.statistics.packets_out > 0);
    // Whoever was spoken to is known.
    send(&*hosts[0].udp(), Some(name(TWO, 9)), &[b"x"]).unwrap();
    let neighbours = network.neighbours(2).unwrap();
    assert!(neighbours.iter().any(|known| known.address == TWO && known.hardware == [2, 0, 0, 0, 0, 2]));
    network.set_mtu(2, 1280).unwrap();
    assert_eq!(network.interfaces()[1].device.mtu, 1280);
    assert_eq!(failed(network.set_mtu(2, 1501)), Errno::EINVAL);
    assert_eq!(failed(network.set_mtu(2, 67)), Errno::EINVAL);
    let all: IpAddr = Ipv6Addr::UNSPECIFIED.into();
    let route = |gateway| RouteInfo { destination: all, length: 0, gateway, metric: 0 };
    let router = Gateway::Router("2001:db8::2".parse().unwrap());
    assert_eq!(failed(network.add_route(&route(Gateway::Router(TWO.into())))), Errno::EAFNOSUPPORT);
    network.add_route(&route(router)).unwrap();
    assert!(network.routes().contains(&route(router)));
    network.remove_route(all, 0).unwrap();
    assert_eq!(failed(network.remove_route(all, 0)), Errno::ESRCH);
    network.remove_address(2, own).unwrap();
    assert_eq!((state(own), failed(network.remove_address(2, own))), (None, Errno::EADDRNOTAVAIL));
    assert_eq!(failed(network.addresses(9)), Errno::ENXIO);
}

#[test]
fn interfaces_without_devices_are_made_and_taken_away() {
    let host = Host::new();
    let network = network(&host);
    for wrong in ["lo", "lo01", "lo-1", "lo0x", "eth0", "lo65536"] {
        assert_eq!(failed(network.create(wrong)), Errno::EINVAL, "{wrong}");
    }
    assert_eq!(failed(network.create("lo0")), Errno::EEXIST);
    let number = network.create("lo1").unwrap();
    assert_eq!(failed(network.create("lo1")), Errno::EEXIST);
    network.set_up(number, true).unwrap();
    let v4 = Ipv4Addr::new(10, 9, 9, 9);
    network.add_address(number, v4.into(), 32).unwrap();
    let own: Ipv6Addr = "2001:db8:9::9".parse().unwrap();
    network.add_address(number, own.into(), 128).unwrap();
    let server = udp_v6(&host);
    server.bind(&name_v6(Ipv6Addr::UNSPECIFIED, 5000), USER).unwrap();
    let client = udp_v6(&host);
    for to in [own, v4.to_ipv6_mapped()] {
        send(&*client, Some(name_v6(to, 5000)), &[b"hello"]).unwrap();
        assert_eq!(receive(&*server, NONE).unwrap().0, b"hello");
    }
    network.detach(number).unwrap();
    assert_eq!(failed(send(&*client, Some(name_v6(own, 5000)), &[b"hello"])), Errno::ENETUNREACH);
}

#[test]
fn settings_have_the_names_that_sysctl_has() {
    let host = Host::new();
    let network = network(&host);
    for (name, value) in [
        ("net.inet.ip.ttl", 32),
        ("net.inet.ip.forwarding", 1),
        ("net.inet.ip.dad_count", 3),
        ("net.inet.icmp.rediraccept", 1),
        ("net.inet.icmp.errppslimit", 5),
        ("net.inet6.ip6.forwarding", 1),
        ("net.inet6.ip6.accept_rtadv", 0),
        ("net.inet6.ip6.dad_count", 0),
        ("net.inet6.ip6.opaque_identifiers", 1),
        ("net.inet6.icmp6.rediraccept", 0),
    ] {
        assert_ne!(network.setting(name).unwrap(), value, "{name}");
        network.set_setting(name, value).unwrap();
        assert_eq!(network.setting(name).unwrap(), value, "{name}");
    }
    for value in [0, 256, -1] {
        assert_eq!(failed(network.set_setting("net.inet.ip.ttl", value)), Errno::EINVAL);
    }
    assert_eq!(failed(network.setting("net.inet.ip.colour")), Errno::ENOENT);
    assert_eq!(failed(network.set_setting("net.inet.ip.colour", 1)), Errno::ENOENT);
    assert_eq!(host.domain.poll(), None::<Duration>);
}

#[test]
fn a_connection_of_ipv6_is_made_and_used() {
    let host = Host::new();
    let stream = || socket(&host, AddressFamily::Inet6, SocketType::Stream, 0);
    let listener = stream();
    listener.bind(&name_v6(Ipv6Addr::UNSPECIFIED, 8080), USER).unwrap();
    listener.listen(5, USER).unwrap();
    for to in [Ipv6Addr::LOCALHOST, Ipv4Addr::LOCALHOST.to_ipv6_mapped()] {
        let client = stream();
        assert_eq!(failed(client.connect(&name_v6(to, 8080), USER)), Errno::EINPROGRESS);
        let (server, _) = listener.accept().unwrap();
        send(&*client, None, &[b"over ", b"six"]).unwrap();
        assert_eq!(receive(&*server, NONE).unwrap().0, b"over six");
        assert_eq!(client.peer_address().unwrap(), server.local_address().unwrap());
    }
}
