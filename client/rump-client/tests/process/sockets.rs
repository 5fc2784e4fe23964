//! Sockets: names, options, messages and what goes with them.

use crate::rig::Rig;
use crate::same;
use rump_abi::sockopt::*;
use rump_abi::{
    AddressFamily, Errno, MessageFlags, Mode, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType,
};
use rump_kern::{Fd, PollFd, SendMessage};
use rump_kpi::socket::{Control, OptionValue};
use std::net::SocketAddrV4;
use std::time::Duration;

const NONE: MessageFlags = MessageFlags::empty();

fn local(path: &str) -> SocketAddress {
    SocketAddress::Local(path.as_bytes().to_vec())
}

fn inet(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new([127, 0, 0, 1].into(), port))
}

#[test]
fn a_stream_goes_from_here_to_there() {
    let rig = Rig::new();
    let (here, there) = (&rig.here, &rig.there);
    let (family, stream) = (AddressFamily::Inet, SocketType::Stream);
    let listening = there.socket(family, stream, 0, OpenFlags::CLOEXEC).unwrap();
    there.bind(listening, &inet(0)).unwrap();
    let name = there.getsockname(listening).unwrap();
    there.listen(listening, 5).unwrap();
    let socket = here.socket(family, stream, 0, OpenFlags::empty()).unwrap();
    here.connect(socket, &name).unwrap();
    let (accepted, from) = there.paccept(listening, OpenFlags::empty(), None).unwrap();
    assert_eq!(from, here.getsockname(socket).unwrap());
    assert_eq!(there.getpeername(accepted).unwrap(), from);
    assert_eq!(there.getsockname(accepted).unwrap(), name);
    assert_eq!(there.send(accepted, b"hello", NONE).unwrap(), 5);
    let mut bytes = [0; 10];
    assert_eq!(here.recv(socket, &mut bytes, NONE).unwrap(), 5);
    here.send(socket, b"answer", NONE).unwrap();
    let mut fds = [PollFd::new(accepted, PollEvents::IN)];
    assert_eq!(there.poll(&mut fds, Some(Duration::from_secs(10))).unwrap(), 1);
    assert_eq!(there.recv(accepted, &mut bytes, MessageFlags::PEEK).unwrap(), 6);
    assert_eq!(there.recv(accepted, &mut bytes, NONE).unwrap(), 6);
    assert_eq!(&bytes[..6], b"answer");
    there.shutdown(accepted, Shutdown::Write).unwrap();
    assert_eq!(here.recv(socket, &mut bytes, NONE).unwrap(), 0);
}

#[test]
fn what_cannot_be_is_refused_as_it_is_here() {
    let rig = Rig::new();
    let (family, stream) = (AddressFamily::Inet, SocketType::Stream);
    let fd = same!(rig, |process| process.socket(family, stream, 0, OpenFlags::NONBLOCK)).unwrap();
    same!(rig, |process| process.socket(family, SocketType::SeqPacket, 99, OpenFlags::empty())).unwrap_err();
    same!(rig, |process| process.socketpair(family, stream, 0, OpenFlags::empty())).unwrap_err();
    same!(rig, |process| process.connect(Fd(50), &inet(1))).unwrap_err();
    same!(rig, |process| process.getpeername(fd)).unwrap_err();
    same!(rig, |process| process.send(fd, b"x", MessageFlags::NOSIGNAL)).unwrap_err();
    same!(rig, |process| process.recv(fd, &mut [0; 3], NONE)).unwrap_err();
    same!(rig, |process| process.bind(fd, &local("/x"))).unwrap_err();
    same!(rig, |process| process.paccept(fd, OpenFlags::empty(), None)).unwrap_err();
    same!(rig, |process| process.connect(fd, &local("/none"))).unwrap_err();
}

#[test]
fn options_have_the_values_of_here() {
    let rig = Rig::new();
    let fd = same!(rig, |process| {
        process.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty())
    });
    let fd = fd.unwrap();
    let (number, second) = (OptionValue::Number, Some(Duration::from_millis(1500)));
    let changes = [
        (SOL_SOCKET, SO_REUSEADDR, number(1)),
        (SOL_SOCKET, SO_RCVTIMEO, OptionValue::Time(second)),
        (SOL_SOCKET, SO_LINGER, OptionValue::Linger(Some(Duration::from_secs(3)))),
        (SOL_SOCKET, SO_RCVBUF, number(40_000)),
        (IPPROTO_IP, IP_TTL, number(9)),
        (IPPROTO_TCP, TCP_NODELAY, number(1)),
        (IPPROTO_TCP, 9999, number(1)),
    ];
    for (level, name, value) in &changes {
        same!(rig, |process| process.getsockopt(fd, *level, *name)).ok();
        same!(rig, |process| process.setsockopt(fd, *level, *name, value)).ok();
        same!(rig, |process| process.getsockopt(fd, *level, *name)).ok();
    }
    same!(rig, |process| process.getsockopt(fd, IPPROTO_TCP, TCP_CONGCTL)).unwrap();
    let ends = rig.there.socketpair(AddressFamily::Local, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    let OptionValue::Credentials(who) = rig.there.getsockopt(ends[0], SOL_LOCAL, LOCAL_PEEREID).unwrap()
    else {
        panic!("no credentials")
    };
    assert_eq!((who.pid, who.uid), (rig.there.pid().unwrap(), 0));
}

#[test]
fn descriptors_go_with_messages() {
    let rig = Rig::new();
    let there = &rig.there;
    let kind = SocketType::Datagram;
    let [one, other] = there.socketpair(AddressFamily::Local, kind, 0, OpenFlags::empty()).unwrap();
    let file = there.open("/f", OpenFlags::RDWR | OpenFlags::CREAT, Mode::new(0o600)).unwrap();
    let message = SendMessage { parts: &[b"ab", b"cde"], rights: &[file, file], ..SendMessage::default() };
    for (most, came, is_cut) in [(2, 2, false), (1, 1, true), (0, 0, true)] {
        assert_eq!(there.sendmsg(one, &message, NONE).unwrap(), 5);
        let (mut front, mut back) = ([0; 3], [0; 9]);
        let received = there.recvmsg(other, &mut [&mut front, &mut back], most, NONE).unwrap();
        assert_eq!((received.length, received.rights.len()), (5, came));
        assert_eq!(received.flags.contains(MessageFlags::CTRUNC), is_cut);
        assert_eq!((&front, &back[..2]), (b"abc", &b"de"[..]));
        for fd in received.rights {
            assert_eq!(there.fstat(fd).unwrap(), rig.here.stat("/f").unwrap());
            there.close(fd).unwrap();
        }
    }
    // None is left open but those that are known.
    assert_eq!(there.dup(file).unwrap(), Fd(file.0 + 1));
}

#[test]
fn datagrams_tell_of_themselves() {
    let rig = Rig::new();
    let (here, there) = (&rig.here, &rig.there);
    let (family, kind) = (AddressFamily::Inet, SocketType::Datagram);
    let to = there.socket(family, kind, 0, OpenFlags::empty()).unwrap();
    there.bind(to, &inet(4000)).unwrap();
    there.setsockopt(to, IPPROTO_IP, IP_RECVTTL, &OptionValue::Number(1)).unwrap();
    there.setsockopt(to, SOL_SOCKET, SO_TIMESTAMP, &OptionValue::Number(1)).unwrap();
    let from = here.socket(family, kind, 0, OpenFlags::empty()).unwrap();
    here.bind(from, &inet(4001)).unwrap();
    here.sendto(from, b"datagram", NONE, &inet(4000)).unwrap();
    let mut bytes = [0; 4];
    let received = there.recvmsg(to, &mut [&mut bytes], 0, MessageFlags::TRUNC).unwrap();
    assert_eq!((received.length, received.from), (8, Some(inet(4001))));
    assert!(received.flags.contains(MessageFlags::TRUNC));
    assert!(received.control.iter().any(|one| matches!(one, Control::HopLimit(64))));
    assert!(
        received.control.iter().any(|one| matches!(one, Control::Timestamp(at) if at.sec > 1_000_000_000))
    );
    let control = [Control::HopLimit(7)];
    let parts: [&[u8]; 1] = [b"back"];
    let name = inet(4001);
    let message = SendMessage { parts: &parts, to: Some(&name), rights: &[], control: &control };
    assert_eq!(there.sendmmsg(to, &[message, message, message], NONE).unwrap(), 3);
    here.setsockopt(from, IPPROTO_IP, IP_RECVTTL, &OptionValue::Number(1)).unwrap();
    let (count, sender) = here.recvfrom(from, &mut bytes, NONE).unwrap();
    assert_eq!((count, sender), (4, Some(inet(4000))));
    for number in 0..3u8 {
        here.sendto(from, &[number; 3], NONE, &inet(4000)).unwrap();
    }
    let mut bufs = [[0; 8]; 5];
    let mut slices: Vec<&mut [u8]> = bufs.iter_mut().map(|buf| &mut buf[..]).collect();
    let all = there.recvmmsg(to, &mut slices, 0, MessageFlags::WAITFORONE, None).unwrap();
    assert_eq!(all.iter().map(|one| one.length).collect::<Vec<_>>(), [3, 3, 3]);
    assert_eq!((bufs[2][..3].to_vec(), all[2].from.clone()), (vec![2; 3], Some(inet(4001))));
    let (count, from) = {
        here.sendto(from, b"again", NONE, &inet(4000)).unwrap();
        there.recvfrom(to, &mut bufs[0], NONE).unwrap()
    };
    assert_eq!((count, from), (5, Some(inet(4001))));
    let refused = there.recv(to, &mut bytes, MessageFlags::DONTWAIT).unwrap_err();
    assert_eq!(refused.errno, Errno::EAGAIN);
}
