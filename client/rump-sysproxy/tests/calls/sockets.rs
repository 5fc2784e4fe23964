//! Sockets, as bytes in a client's memory.

use super::rig::Rig;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::control::{Item, SCM_RIGHTS, items, push};
use rump_abi::netbsd::event::Kevent;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::message::{Iovec, Mmsghdr, Msghdr};
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::poll::Pollfd;
use rump_abi::netbsd::sockaddr;
use rump_abi::netbsd::sockopt::Linger;
use rump_abi::netbsd::statvfs::{name, name_in};
use rump_abi::netbsd::time::{Timespec, Timeval};
use rump_abi::{Errno, SocketAddress};
use std::net::{Ipv4Addr, SocketAddrV4};

const DATAGRAM: u64 = 2;
const INET: u64 = 2;
const LOCAL: u64 = 1;

fn loopback(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

/// Two sockets of UDP with a port each; the second is known by its address in the client's memory.
fn datagrams(rig: &mut Rig) -> ([u64; 2], u64) {
    let (address, room, length) = (rig.room(16), rig.room(128), rig.place(&128_u32));
    let ends = [(); 2].map(|()| {
        let fd = rig.call(__SOCKET30, &[INET, DATAGRAM, 0]).unwrap() as u64;
        let wanted = rig.bytes(&sockaddr::to_bytes(&loopback(0)));
        assert_eq!(rig.call(BIND, &[fd, wanted, 16]), Ok(0));
        fd
    });
    assert_eq!(rig.call(GETSOCKNAME, &[ends[1], room, length]), Ok(0));
    assert_eq!(rig.read::<u32>(length), 16);
    let name: [u64; 2] = rig.read(room);
    use rump_sysproxy::memory::ClientMemory;
    rig.arena.copyout(address, &name.to_bytes()).unwrap();
    (ends, address)
}

#[test]
fn datagrams_go_with_the_address_of_their_sender() {
    let mut rig = Rig::new();
    let ([a, b], to) = datagrams(&mut rig);
    let text = rig.bytes(b"datagram");
    assert_eq!(rig.call(SENDTO, &[a, text, 8, 0, to, 16]), Ok(8));
    let (room, from, length) = (rig.room(16), rig.room(128), rig.place(&128_u32));
    assert_eq!(rig.call(RECVFROM, &[b, room, 16, 0, from, length]), Ok(8));
    assert_eq!(rig.at(room, 8), b"datagram");
    assert_eq!(rig.read::<u32>(length), 16);
    let from = sockaddr::parse(&rig.at(from, 16)).unwrap();
    assert_eq!(from, rig.process.getsockname(rump_kern::Fd(a as u32)).unwrap());
    // Of a shorter place only what fits is told.
    assert_eq!(rig.call(SENDTO, &[a, text, 8, 0, to, 16]), Ok(8));
    let (from, length) = (rig.room(128), rig.place(&4_u32));
    assert_eq!(rig.call(RECVFROM, &[b, room, 4, 0x10, from, length]), Ok(8));
    assert_eq!((rig.read::<u32>(length), rig.at(from, 6)[4..].to_vec()), (4, vec![0, 0]));
}

#[test]
fn several_messages_go_at_once() {
    let mut rig = Rig::new();
    let ([a, b], to) = datagrams(&mut rig);
    let make = |rig: &mut Rig, name: u64, name_length: u32| {
        let messages: Vec<u8> = [b"one", b"two"]
            .into_iter()
            .flat_map(|text| {
                let base = rig.bytes(text);
                let iov = rig.place(&Iovec { base, length: 3 });
                let header =
                    Msghdr { name, name_length, iov, iov_length: 1, control: 0, control_length: 0, flags: 0 };
                Mmsghdr { header, length: 0 }.to_bytes()
            })
            .collect();
        rig.bytes(&messages)
    };
    let sent = make(&mut rig, to, 16);
    assert_eq!(rig.call(SENDMMSG, &[a, sent, 2, 0]), Ok(2));
    assert_eq!(rig.read::<Mmsghdr>(sent + 56).length, 3);
    let got = make(&mut rig, 0, 0);
    assert_eq!(rig.call(RECVMMSG, &[b, got, 2, 0x2000, 0]), Ok(2));
    let second: Mmsghdr = rig.read(got + 56);
    let part: Iovec = rig.read(second.header.iov);
    assert_eq!((second.length, rig.at(part.base, 3)), (3, b"two".to_vec()));
    assert_eq!(rig.call(RECVMMSG, &[b, got, 2, 0x80, 0]), Err(Errno::EAGAIN));
}

/// A message with control data, or room for them.
fn message(rig: &mut Rig, control: &[u8]) -> u64 {
    let base = rig.bytes(b"m");
    let iov = rig.place(&Iovec { base, length: 1 });
    let (address, control_length) = (rig.bytes(control), control.len() as u32);
    rig.place(&Msghdr {
        name: 0,
        name_length: 0,
        iov,
        iov_length: 1,
        control: address,
        control_length,
        flags: 0,
    })
}

#[test]
fn descriptors_go_with_a_message() {
    let mut rig = Rig::new();
    let ends = rig.room(8);
    assert_eq!(rig.call(SOCKETPAIR, &[LOCAL, DATAGRAM, 0, ends]), Ok(0));
    let [a, b] = rig.read::<[u32; 2]>(ends).map(u64::from);
    let mut control = Vec::new();
    let data = (rig.file as u32).to_bytes();
    assert!(push(&mut control, Item { level: 0xffff, kind: SCM_RIGHTS, data: &data }, 64));
    let sent = message(&mut rig, &control);
    assert_eq!(rig.call(SENDMSG, &[a, sent, 0]), Ok(1));
    let got = message(&mut rig, &[0; 64]);
    assert_eq!(rig.call(RECVMSG, &[b, got, 0]), Ok(1));
    let header: Msghdr = rig.read(got);
    let control = rig.at(header.control, header.control_length as usize);
    let item = items(&control).next().unwrap().unwrap();
    assert_eq!((item.level, item.kind), (0xffff, SCM_RIGHTS));
    let fd = u32::read(item.data).unwrap();
    let room = rig.room(16);
    assert_eq!(rig.call(PREAD, &[fd.into(), room, 16, 0, 0]), Ok(7));

    // Without room for them they are closed, and the message says so.
    assert_eq!(rig.call(SENDMSG, &[a, sent, 0]), Ok(1));
    let got = message(&mut rig, &[]);
    assert_eq!(rig.call(RECVMSG, &[b, got, 0]), Ok(1));
    assert_eq!(rig.read::<Msghdr>(got).flags, 0x20);

    control_that_makes_no_sense_is_refused(&mut rig, a);
}

fn control_that_makes_no_sense_is_refused(rig: &mut Rig, fd: u64) {
    for length in [0_u32, 11, 33] {
        let mut control = [0; 32];
        control[..4].copy_from_slice(&length.to_bytes());
        let sent = message(rig, &control);
        assert_eq!(rig.call(SENDMSG, &[fd, sent, 0]), Err(Errno::EINVAL), "{length}");
    }
    let sent = message(rig, &[0; 4097]);
    assert_eq!(rig.call(SENDMSG, &[fd, sent, 0]), Err(Errno::EINVAL));
}

#[test]
fn options_have_their_structures() {
    let mut rig = Rig::new();
    let fd = rig.pair[0];
    let (room, length) = (rig.room(64), rig.place(&64_u32));
    let linger = rig.place(&Linger { onoff: 1, seconds: 3 });
    assert_eq!(rig.call(SETSOCKOPT, &[fd, 0xffff, 0x80, linger, 8]), Ok(0));
    assert_eq!(rig.call(GETSOCKOPT, &[fd, 0xffff, 0x80, room, length]), Ok(0));
    assert_eq!((rig.read::<u32>(length), rig.read::<Linger>(room).seconds), (8, 3));
    let time = rig.place(&Timeval { sec: 2, usec: 500_000 });
    assert_eq!(rig.call(SETSOCKOPT, &[fd, 0xffff, 0x100c, time, 16]), Ok(0));
    let length = rig.place(&64_u32);
    assert_eq!(rig.call(GETSOCKOPT, &[fd, 0xffff, 0x100c, room, length]), Ok(0));
    assert_eq!((rig.read::<u32>(length), rig.read::<Timeval>(room).usec), (16, 500_000));
    assert_eq!(rig.call(SETSOCKOPT, &[fd, 0xffff, 0x100c, time, 15]), Err(Errno::EINVAL));
    // Who is on the other side: this process.
    let length = rig.place(&64_u32);
    assert_eq!(rig.call(GETSOCKOPT, &[fd, 0, 3, room, length]), Ok(0));
    assert_eq!((rig.read::<u32>(length), rig.read::<u32>(room)), (12, rig.process.pid()));
}

#[test]
fn what_is_waited_for_is_told() {
    let mut rig = Rig::new();
    let fd = rig.pair[0];
    let entries = [(-1, 9), (fd as i32, 0)].map(|(fd, revents)| Pollfd { fd, events: 1, revents });
    let entries = rig.place(&entries);
    assert_eq!(rig.call(POLL, &[entries, 2, 0]), Ok(1));
    assert_eq!(rig.read::<Pollfd>(entries).revents, 0);
    assert_eq!(rig.read::<Pollfd>(entries + 8).revents, 1);
    assert_eq!(rig.call(POLL, &[entries, 2, -2_i64 as u64]), Err(Errno::EINVAL));

    let set = rig.bytes(&rump_abi::netbsd::poll::fd_set([fd as u32, rig.file as u32], 64));
    let none = rig.place(&Timeval { sec: 0, usec: 0 });
    assert_eq!(rig.call(__SELECT50, &[64, set, 0, 0, none]), Ok(2));
    let empty = rig.place(&Timeval { sec: 0, usec: -1 });
    assert_eq!(rig.call(__SELECT50, &[64, set, 0, 0, empty]), Err(Errno::EINVAL));

    let queue = rig.call(KQUEUE1, &[0x40_0000]).unwrap() as u64;
    let change = rig.place(&Kevent { ident: fd, filter: 0, flags: 1, fflags: 0, data: 0, udata: u64::MAX });
    let (room, zero) = (rig.room(80), rig.place(&Timespec { sec: 0, nsec: 0 }));
    assert_eq!(rig.call(__KEVENT50, &[queue, change, 1, room, 2, zero]), Ok(1));
    let event: Kevent = rig.read(room);
    assert_eq!((event.ident, event.data, event.udata), (fd, 5, u64::MAX));
    let change = rig.place(&Kevent { filter: 4, ..event });
    assert_eq!(rig.call(__KEVENT50, &[queue, change, 1, room, 2, zero]), Err(Errno::EINVAL));
}

#[test]
fn kinds_of_sockets_that_there_are_not_are_refused() {
    let mut rig = Rig::new();
    for (slots, errno) in [
        ([77, 1, 0], Errno::EAFNOSUPPORT),
        ([1, 9, 0], Errno::EPROTOTYPE),
        ([1, 1, 256], Errno::EPROTONOSUPPORT),
    ] {
        assert_eq!(rig.call(__SOCKET30, &slots), Err(errno));
    }
    let address = rig.room(256);
    assert_eq!(rig.call(CONNECT, &[rig.pair[0], address, 256]), Err(Errno::EINVAL));
    assert_eq!(rig.call(CONNECT, &[rig.pair[0], address, 1]), Err(Errno::EINVAL));
}

#[test]
fn a_request_says_how_long_its_argument_is() {
    let mut rig = Rig::new();
    let room = rig.room(4);
    assert_eq!(rig.call(IOCTL, &[rig.pair[0], 0x4004_667f, room]), Ok(0));
    assert_eq!(rig.read::<u32>(room), 5);
    assert_eq!(rig.call(IOCTL, &[rig.file, 0x2000_6601, 0]), Ok(0));
    assert_eq!(rig.call(FCNTL, &[rig.file, 1, 0]), Ok(1));
    assert_eq!(rig.call(IOCTL, &[rig.pair[0], 0x5fff_787f, room]), Err(Errno::ENOTTY));
}

#[test]
fn an_interface_is_made_and_configured() {
    let mut rig = Rig::new();
    let fd = rig.call(__SOCKET30, &[INET, DATAGRAM, 0]).unwrap() as u64;
    let request = Ifreq { name: name(b"lo1"), value: [0; 128] };
    let at = rig.place(&request);
    assert_eq!(rig.call(IOCTL, &[fd, SIOCGIFFLAGS.into(), at]), Err(Errno::ENXIO));
    assert_eq!(rig.call(IOCTL, &[rig.file, SIOCGIFFLAGS.into(), at]), Err(Errno::ENOTTY));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCIFCREATE.into(), at]), Ok(0));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCIFCREATE.into(), at]), Err(Errno::EEXIST));

    let inet = |ip: [u8; 4]| {
        let address = SocketAddress::Inet(SocketAddrV4::new(ip.into(), 0));
        sockaddr::SockaddrIn::read(&sockaddr::to_bytes(&address)).unwrap()
    };
    let alias = Ifaliasreq {
        name: name(b"lo1"),
        address: inet([10, 1, 2, 3]),
        destination: inet([0; 4]),
        mask: inet([255, 255, 240, 0]),
    };
    let alias = rig.place(&alias);
    assert_eq!(rig.call(IOCTL, &[fd, SIOCAIFADDR.into(), alias]), Ok(0));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCGIFNETMASK.into(), at]), Ok(0));
    assert_eq!(rig.read::<Ifreq>(at).value[..8], [16, 2, 0, 0, 255, 255, 240, 0]);
    let mut up = Ifreq { value: [0; 128], ..request };
    up.value[0] = 1;
    let up = rig.place(&up);
    assert_eq!(rig.call(IOCTL, &[fd, SIOCSIFFLAGS.into(), up]), Ok(0));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCGIFFLAGS.into(), at]), Ok(0));
    assert_eq!(rig.read::<Ifreq>(at).value[0] & 1, 1);

    let room = rig.room(16 * Ifreq::SIZE);
    let list = rig.place(&Ifconf { length: (16 * Ifreq::SIZE) as i32, address: room });
    assert_eq!(rig.call(IOCTL, &[fd, SIOCGIFCONF.into(), list]), Ok(0));
    let count = rig.read::<Ifconf>(list).length as usize / Ifreq::SIZE;
    let names = (0..count as u64).map(|index| rig.read::<Ifreq>(room + index * Ifreq::SIZE as u64));
    // Its link, and its address.
    assert_eq!(names.filter(|entry| name_in(&entry.name) == b"lo1").count(), 2);

    // Others than the superuser only ask.
    assert_eq!(rig.call(SETEUID, &[5]), Ok(0));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCIFDESTROY.into(), at]), Err(Errno::EPERM));
    assert_eq!(rig.call(SETEUID, &[0]), Ok(0));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCIFDESTROY.into(), at]), Ok(0));
    assert_eq!(rig.call(IOCTL, &[fd, SIOCGIFFLAGS.into(), at]), Err(Errno::ENXIO));
}
