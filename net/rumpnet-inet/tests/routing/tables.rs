//! What sysctl(3) tells below `net.route`, and of sockets.

use crate::{Rig, ip};
use rump_kern::Process;
use rump_kpi::netbsd::Layout;
use rump_kpi::netbsd::interface::{IFF_UP, IFT_ETHER};
use rump_kpi::netbsd::pcb::{INP_BOUND, INP_CONNECTED, KinfoPcb};
use rump_kpi::netbsd::route::*;
use rump_kpi::{AddressFamily, Errno, OpenFlags, SocketAddress, SocketType, TcpState};
use std::net::{Ipv4Addr, SocketAddrV4};

fn table(process: &Process, name: &[i32]) -> Result<Vec<u8>, Errno> {
    let length = process.sysctl(name, None, None).map_err(|error| error.error.errno)?;
    let mut bytes = vec![0; length];
    let length = process.sysctl(name, Some(&mut bytes), None).map_err(|error| error.error.errno)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn all(rig: &Rig, rest: [i32; 3]) -> Vec<Message> {
    let name = [4, 34, 0, rest[0], rest[1], rest[2]];
    messages(&table(&rig.process, &name).unwrap()).map(Result::unwrap).collect()
}

fn destinations(messages: &[Message]) -> Vec<(u32, Address)> {
    let destination = |message: &Message| match message {
        Message::Route(header, addresses) => (header.flags, addresses.destination.clone().unwrap()),
        other => panic!("{other:?}"),
    };
    messages.iter().map(destination).collect()
}

#[test]
fn routes_are_told_by_family_and_by_flags() {
    let rig = Rig::new();
    rig.network(|network| network.add_address(2, "2001:db8::1".parse().unwrap(), 64)).unwrap();
    let connected = RTF_UP | RTF_CONNECTED;
    let local = RTF_UP | RTF_HOST | RTF_LOCAL;
    let v4 = destinations(&all(&rig, [2, NET_RT_DUMP, 0]));
    assert_eq!(v4, [(connected, ip("10.0.0.0")), (local, ip("127.0.0.1")), (local, ip("10.0.0.1"))]);
    let v6 = destinations(&all(&rig, [24, NET_RT_DUMP, 0]));
    assert_eq!(v6, [(connected, ip("2001:db8::")), (local, ip("::1")), (local, ip("2001:db8::1"))]);
    assert_eq!(all(&rig, [0, NET_RT_DUMP, 0]).len(), 6);
    assert_eq!(all(&rig, [0, NET_RT_FLAGS, RTF_LOCAL as i32]).len(), 4);
    assert_eq!(all(&rig, [33, NET_RT_DUMP, 0]), []);
}

#[test]
fn interfaces_are_told_with_their_addresses() {
    let rig = Rig::new();
    let told = all(&rig, [0, NET_RT_IFLIST, 2]);
    let [Message::Interface(header, interface), Message::Address(address, addresses)] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((header.index, header.flags & u32::from(IFF_UP), header.data.mtu), (2, 1, 1500));
    let link = interface.interface.as_ref().unwrap().link().unwrap();
    assert_eq!((link.index, link.kind, &*link.name), (2, IFT_ETHER, &b"eth0"[..]));
    assert_eq!((address.index, &addresses.own, addresses.mask), (2, &Some(ip("10.0.0.1")), Some(24)));
    // The loopback, with an address of each version, and this one.
    assert_eq!(all(&rig, [0, NET_RT_IFLIST, 0]).len(), 5);
    assert_eq!(all(&rig, [24, NET_RT_IFLIST, 0]).len(), 3);
    assert_eq!(all(&rig, [0, NET_RT_IFLIST, 9]), []);
}

#[test]
fn names_that_nothing_is_told_of_are_refused() {
    let rig = Rig::new();
    let refused = |name: &[i32], errno| assert_eq!(table(&rig.process, name), Err(errno), "{name:?}");
    refused(&[4, 34, 0], Errno::EINVAL);
    refused(&[4, 34, 0, 0, NET_RT_DUMP], Errno::EINVAL);
    refused(&[4, 34, 0, 0, NET_RT_DUMP, 0, 0], Errno::EINVAL);
    refused(&[4, 34, 0, 0, NET_RT_FLAGS, 0], Errno::EINVAL);
    refused(&[4, 34, 0, 0, 5, 0], Errno::EINVAL);
    refused(&[4, 34, 1, 0, NET_RT_DUMP, 0], Errno::ENOENT);
    let change = rig.process.sysctl(&[4, 34, 0, 0, NET_RT_DUMP, 0], None, Some(&[0]));
    assert_eq!(change.unwrap_err().error.errno, Errno::EPERM);
    assert_eq!(rig.process.sysctl_numbers("net.route.rtable").unwrap(), [4, 34, 0]);
}

#[test]
fn sockets_are_told_as_netstat_asks_for_them() {
    let rig = Rig::new();
    let process = &rig.process;
    let at = |port| SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    let stream = || process.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    let (listener, client) = (stream(), stream());
    process.bind(listener, &at(80)).unwrap();
    process.listen(listener, 5).unwrap();
    process.connect(client, &at(80)).unwrap();
    let datagrams =
        process.socket(AddressFamily::Inet6, SocketType::Datagram, 0, OpenFlags::empty()).unwrap();
    let any = std::net::SocketAddrV6::new([0; 16].into(), 53, 0, 0);
    process.bind(datagrams, &SocketAddress::Inet6(any)).unwrap();
    let size = KinfoPcb::SIZE as i32;
    let sockets = |name: &str, rest: [i32; 4]| {
        let name = [process.sysctl_numbers(name).unwrap(), rest.to_vec()].concat();
        table(process, &name)
    };
    let bytes = sockets("net.inet.tcp.pcblist", [0, 0, size, i32::MAX]).unwrap();
    let all: Vec<KinfoPcb> =
        bytes.chunks(KinfoPcb::SIZE).map(|bytes| KinfoPcb::read(bytes).unwrap()).collect();
    let states: Vec<i32> = all.iter().map(|socket| socket.tcp_state).collect();
    let [listening, established] = [TcpState::Listen, TcpState::Established].map(|state| state as i32);
    assert_eq!(states.iter().filter(|state| **state == established).count(), 2);
    let found = all.iter().find(|socket| socket.tcp_state == listening).unwrap();
    assert_eq!((found.family, found.kind, found.protocol, found.state), (2, 1, 6, INP_BOUND));
    assert_eq!((found.received, &found.local[..8]), (1, &[16, 2, 0, 80, 127, 0, 0, 1][..]));
    assert_eq!(found.remote[..8], [16, 2, 0, 0, 0, 0, 0, 0]);
    assert!(
        all.iter().filter(|socket| socket.tcp_state == established).all(|one| one.state == INP_CONNECTED)
    );
    assert_eq!(sockets("net.inet.tcp.pcblist", [0, 0, size, 1]).unwrap().len(), KinfoPcb::SIZE);
    assert_eq!(sockets("net.inet.tcp.pcblist", [0, 0, 8, i32::MAX]).unwrap().len(), 8 * all.len());
    assert_eq!(sockets("net.inet6.tcp6.pcblist", [0, 0, size, 100]).unwrap(), []);
    let bytes = sockets("net.inet6.udp6.pcblist", [0, 0, size, 100]).unwrap();
    let found = KinfoPcb::read(&bytes).unwrap();
    assert_eq!((bytes.len(), found.protocol, &found.local[..4]), (KinfoPcb::SIZE, 17, &[28, 24, 0, 53][..]));
    for rest in [[1, 0, size, 1], [0, 0, 0, 1], [0, 0, -1, 1], [0, 0, size, -1]] {
        assert_eq!(sockets("net.inet.udp.pcblist", rest), Err(Errno::EINVAL));
    }
}
