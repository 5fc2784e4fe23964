//! Who may use a name, who is on the other side, and several messages in one call.

mod common;

use common::*;
use rump_abi::{AddressFamily, Errno::*, MessageFlags, Mode, OpenFlags, SocketType::*, sockopt::*};
use rump_kern::{Credentials, MountArgs, Process, SendMessage};
use rump_kpi::socket::{Caller, Control, OptionValue};

fn user(p: &Process, uid: u32) -> Process {
    let user = p.fork();
    user.set_credentials(Credentials { uid, gid: uid, groups: Vec::new() });
    user
}

#[test]
fn who_may_not_write_to_a_node_does_not_connect() {
    let p = process();
    let (listener, datagram) = (socket(&p, Stream), socket(&p, Datagram));
    p.bind(listener, &path("/stream")).unwrap();
    p.listen(listener, 5).unwrap();
    p.bind(datagram, &path("/datagram")).unwrap();
    let user = user(&p, 7);
    fails(user.connect(socket(&user, Stream), &path("/stream")), EACCES);
    let from = socket(&user, Datagram);
    fails(user.sendto(from, b"x", MessageFlags::empty(), &path("/datagram")), EACCES);
    p.chmod("/stream", Mode::new(0o666)).unwrap();
    user.connect(socket(&user, Stream), &path("/stream")).unwrap();
    p.mkdir("/closed", Mode::new(0o755)).unwrap();
    fails(user.bind(from, &path("/closed/own")), EACCES);
}

#[test]
fn the_umask_takes_permissions_off() {
    let p = process();
    p.umask(Mode::new(0o077));
    p.bind(socket(&p, Stream), &path("/socket")).unwrap();
    assert_eq!(p.stat("/socket").unwrap().mode, Mode::new(0o700));
}

#[test]
fn a_path_has_a_longest_length() {
    let p = process();
    let name = |length: usize| path(&("/".to_string() + &"n".repeat(length - 1)));
    fails(p.bind(socket(&p, Stream), &name(109)), EINVAL);
    p.bind(socket(&p, Stream), &name(108)).unwrap();
    fails(p.connect(socket(&p, Stream), &name(109)), EINVAL);
}

#[test]
fn a_bound_socket_keeps_its_file_system() {
    let p = process();
    p.mkdir("/m", Mode::new(0o755)).unwrap();
    p.mount("tmpfs", "/m", MountArgs::default()).unwrap();
    let fd = socket(&p, Stream);
    p.bind(fd, &path("/m/socket")).unwrap();
    fails(p.unmount("/m", rump_kern::Unmount::Normal), EBUSY);
    p.close(fd).unwrap();
    p.unmount("/m", rump_kern::Unmount::Normal).unwrap();
}

#[test]
fn credentials_are_those_of_connect_and_listen() {
    let p = process();
    let listener = socket(&p, Stream);
    p.bind(listener, &path("\0name")).unwrap();
    p.listen(listener, 5).unwrap();
    let user = user(&p, 7);
    let client = socket(&user, Stream);
    fails(user.getsockopt(client, SOL_LOCAL, LOCAL_PEEREID), ENOTCONN);
    user.connect(client, &path("\0name")).unwrap();
    let (server, _) = p.accept(listener).unwrap();
    let is = |p: &Process, uid| OptionValue::Credentials(Caller { pid: p.pid(), uid, gid: uid });
    assert_eq!(p.getsockopt(server, SOL_LOCAL, LOCAL_PEEREID).unwrap(), is(&user, 7));
    assert_eq!(user.getsockopt(client, SOL_LOCAL, LOCAL_PEEREID).unwrap(), is(&p, 0));
}

fn sender(control: &[Control]) -> Option<u32> {
    control.iter().find_map(|control| match control {
        Control::Credentials(caller) => Some(caller.uid),
        _ => None,
    })
}

#[test]
fn messages_come_with_their_sender_if_asked_for() {
    let p = process();
    let [a, b] = pair(&p, Stream);
    let user = user(&p, 7);
    user.write(a, b"one").unwrap();
    let came = p.recvmsg(b, &mut [&mut [0; 9]], 0, MessageFlags::empty()).unwrap();
    assert_eq!(sender(&came.control), None);
    p.setsockopt(b, SOL_LOCAL, LOCAL_CREDS, &OptionValue::Number(1)).unwrap();
    user.write(a, b"two").unwrap();
    user.write(a, b"three").unwrap();
    p.write(a, b"four").unwrap();
    // Bytes of several senders are not mixed.
    for (length, uid) in [(8, 7), (4, 0)] {
        let came = p.recvmsg(b, &mut [&mut [0; 99]], 0, MessageFlags::empty()).unwrap();
        assert_eq!((came.length, sender(&came.control)), (length, Some(uid)));
    }
    let lie = [Control::Credentials(Caller { pid: 1, uid: 0, gid: 0 })];
    let message = SendMessage { parts: &[b"x"], control: &lie, ..SendMessage::default() };
    fails(user.sendmsg(a, &message, MessageFlags::empty()), EPERM);
}

#[test]
fn several_messages_are_sent_and_received_in_one_call() {
    let p = process();
    let [a, b] = pair(&p, SeqPacket);
    let messages = [b"one".as_slice(), b"two", b"three"].map(|part| [part]);
    let messages = messages.each_ref().map(|parts| SendMessage { parts, ..SendMessage::default() });
    assert_eq!(p.sendmmsg(a, &messages, MessageFlags::empty()).unwrap(), 3);
    let (mut first, mut second, mut rest) = ([0; 9], [0; 2], [[0; 9]; 2]);
    let [third, fourth] = &mut rest;
    let mut bufs = [&mut first[..], &mut second[..], &mut third[..], &mut fourth[..]];
    let came = p.recvmmsg(b, &mut bufs, 0, MessageFlags::WAITFORONE, None).unwrap();
    assert_eq!(came.iter().map(|came| came.length).collect::<Vec<_>>(), [3, 2, 5]);
    assert_eq!(came[1].flags, MessageFlags::TRUNC);
    assert_eq!(&third[..5], b"three");
    fails(p.recvmmsg(b, &mut [&mut [0; 9]], 0, MessageFlags::DONTWAIT, None), EAGAIN);
    fails(p.sendmmsg(socket(&p, Stream), &messages, MessageFlags::empty()), ENOTCONN);
}

#[test]
fn what_the_family_has_not_is_refused() {
    let p = process();
    let none = OpenFlags::empty();
    fails(p.socket(AddressFamily::Local, Raw, 0, none), ESOCKTNOSUPPORT);
    fails(p.socket(AddressFamily::Local, Stream, 6, none), EPROTONOSUPPORT);
    fails(p.socket(AddressFamily::Inet, Stream, 0, none), EAFNOSUPPORT);
    let [a, b] = pair(&p, Stream);
    fails(p.send(a, b"x", MessageFlags::OOB), EOPNOTSUPP);
    fails(p.recv(b, &mut [0], MessageFlags::OOB), EOPNOTSUPP);
    let inet = rump_abi::SocketAddress::Inet(std::net::SocketAddrV4::new([127, 0, 0, 1].into(), 80));
    fails(p.bind(socket(&p, Stream), &inet), EAFNOSUPPORT);
    fails(p.connect(socket(&p, Stream), &inet), EAFNOSUPPORT);
    fails(p.getsockopt(a, 6, 1), ENOPROTOOPT);
    fails(p.setsockopt(a, SOL_SOCKET, SO_TYPE, &OptionValue::Number(1)), ENOPROTOOPT);
    fails(p.setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &OptionValue::Number(1)), EINVAL);
    fails(p.setsockopt(a, SOL_SOCKET, SO_SNDBUF, &OptionValue::Number(-1)), EINVAL);
}
