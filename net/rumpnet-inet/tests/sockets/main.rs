//! Sockets and interfaces as the kernel sees them: two of them, on a wire of two ends.

mod choices;
mod v6;

use core::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use core::task::Waker;
use core::time::Duration;
use rump_kpi::device::{DeviceInfo, Gateway, Medium, NetworkDevice, Offloads, Receiver, RouteInfo};
use rump_kpi::packet::Packet;
use rump_kpi::socket::{
    Caller, Control, Domain, Incoming, Name, NetEnvironment, OptionValue, Outgoing, Socket,
};
use rump_kpi::sockopt::{
    IP_RECVPKTINFO, IP_RECVTTL, IPPROTO_IP, IPPROTO_TCP, SO_RCVBUF, SOL_SOCKET, TCP_KEEPIDLE, TCP_NODELAY,
};
use rump_kpi::{
    AddressFamily, Component, Errno, KResult, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType,
    TimeSpec,
};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Wake;

const UDP: u8 = 17;
const USER: Caller = Caller { pid: 1, uid: 1000, gid: 1000 };
const ONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// One end of a wire.
struct End {
    number: u8,
    other: Mutex<Option<Arc<End>>>,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
    inbox: Mutex<Vec<Packet>>,
    /// One at a time takes what is in the inbox: answers to answers must not pile up on the stack of a thread.
    pumping: AtomicBool,
}

impl End {
    fn pump(&self) {
        while !self.pumping.swap(true, Ordering::AcqRel) {
            let packets = std::mem::take(&mut *self.inbox.lock().unwrap());
            let receiver = self.receiver.lock().unwrap().clone();
            let is_empty = packets.is_empty();
            if let Some(receiver) = receiver.filter(|_| !is_empty) {
                receiver.receive(packets);
            }
            self.pumping.store(false, Ordering::Release);
            if is_empty {
                return;
            }
        }
    }

    fn pair() -> [Arc<End>; 2] {
        let end = |number| {
            Arc::new(End {
                number,
                other: Mutex::new(None),
                receiver: Mutex::new(None),
                inbox: Mutex::default(),
                pumping: AtomicBool::new(false),
            })
        };
        let ends = [end(1), end(2)];
        *ends[0].other.lock().unwrap() = Some(ends[1].clone());
        *ends[1].other.lock().unwrap() = Some(ends[0].clone());
        ends
    }
}

impl NetworkDevice for End {
    fn info(&self) -> DeviceInfo {
        let medium = Medium::Ethernet { address: [2, 0, 0, 0, 0, self.number] };
        DeviceInfo { medium, mtu: 1500, offloads: Offloads::CHECKSUM }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        let other = self.other.lock().unwrap().clone();
        if let Some(other) = other {
            other.inbox.lock().unwrap().append(packets);
            other.pump();
            self.pump();
        }
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.receiver.lock().unwrap() = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        *self.receiver.lock().unwrap() = None;
    }
}

/// A kernel's side of the family, with a clock that stands until it is moved.
struct Host {
    domain: Arc<dyn Domain>,
    clock: Arc<AtomicU64>,
    asked: Arc<AtomicUsize>,
}

impl Host {
    fn new() -> Self {
        let (clock, asked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seconds, soon) = (clock.clone(), asked.clone());
        let environment = NetEnvironment {
            now: Arc::new(TimeSpec::default),
            monotonic: Arc::new(move || Duration::from_secs(seconds.load(Ordering::Relaxed))),
            random: Arc::new(|bytes: &mut [u8]| bytes.fill(7)),
            log: Arc::new(|line| println!("{line}")),
            poll_soon: Arc::new(move || {
                soon.fetch_add(1, Ordering::Relaxed);
            }),
        };
        let Component::Protocols(family) = rumpnet_inet::component() else { panic!("no family") };
        Self { domain: family.attach(&environment).unwrap(), clock, asked }
    }

    fn udp(&self) -> Arc<dyn Socket> {
        self.domain.socket(AddressFamily::Inet, SocketType::Datagram, UDP, USER).unwrap()
    }
}

fn hosts() -> [Host; 2] {
    let hosts = [Host::new(), Host::new()];
    for ((host, end), address) in hosts.iter().zip(End::pair()).zip([ONE, TWO]) {
        let network = host.domain.network().unwrap();
        let number = network.attach("wire0", end.clone()).unwrap();
        assert_eq!(network.attach("wire0", end).unwrap_err().errno, Errno::EEXIST);
        // Who wants IPv6 says so.
        network.set_setting("net.inet6.ip6.auto_linklocal", 0).unwrap();
        network.set_up(number, true).unwrap();
        network.add_address(number, address.into(), 24).unwrap();
    }
    hosts
}

fn name(ip: Ipv4Addr, port: u16) -> Name {
    Name::Address(SocketAddress::Inet(SocketAddrV4::new(ip, port)))
}

fn send(socket: &dyn Socket, to: Option<Name>, parts: &[&[u8]]) -> KResult<usize> {
    let flags = MessageFlags::empty();
    socket.send(&mut Outgoing { parts, to, control: Vec::new(), flags, caller: USER })
}

fn receive(socket: &dyn Socket, flags: MessageFlags) -> KResult<(Vec<u8>, Incoming)> {
    let (mut first, mut second) = ([0; 3], [0; 64]);
    let incoming = socket.receive(&mut [&mut first, &mut second], flags)?;
    let mut bytes = [&first[..], &second[..]].concat();
    bytes.truncate(incoming.length);
    Ok((bytes, incoming))
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_message_arrives_wakes_and_says_where_it_came_from() {
    let hosts = hosts();
    let server = hosts[1].udp();
    server.bind(&name(Ipv4Addr::UNSPECIFIED, 5000), USER).unwrap();
    for option in [IP_RECVTTL, IP_RECVPKTINFO] {
        server.set_option(IPPROTO_IP, option, &OptionValue::Number(1)).unwrap();
    }
    let woken = Arc::new(Woken::default());
    let registration = server.waiters().register(&Waker::from(woken.clone()));
    assert_eq!(server.ready(), PollEvents::OUT);
    let client = hosts[0].udp();
    assert_eq!(send(&*client, Some(name(TWO, 5000)), &[b"in ", b"", b"parts"]).unwrap(), 8);
    assert!(woken.0.load(Ordering::Relaxed) > 0 && server.ready().contains(PollEvents::IN));
    let (peeked, _) = receive(&*server, MessageFlags::PEEK).unwrap();
    let (bytes, incoming) = receive(&*server, MessageFlags::empty()).unwrap();
    assert_eq!((&peeked[..], &bytes[..]), (&b"in parts"[..], &b"in parts"[..]));
    let Some(SocketAddress::Inet(from)) = incoming.from else { panic!("nobody sent it") };
    assert_eq!((*from.ip(), from.port() >= 49_152), (ONE, true));
    assert!(incoming.control.iter().any(|control| matches!(control, Control::HopLimit(64))));
    let to_us = |control: &Control| matches!(control, Control::PacketInfo { to, interface: 2 } if *to == IpAddr::V4(TWO));
    assert!(incoming.control.iter().any(to_us));
    assert_eq!(receive(&*server, MessageFlags::empty()).unwrap_err().errno, Errno::EAGAIN);
    drop(registration);
    let before = woken.0.load(Ordering::Relaxed);
    send(&*client, Some(name(TWO, 5000)), &[b"more"]).unwrap();
    assert_eq!(woken.0.load(Ordering::Relaxed), before);
}

#[test]
fn a_message_that_is_longer_than_the_buffer_is_cut_and_says_so() {
    let host = Host::new();
    let server = host.udp();
    server.bind(&name(Ipv4Addr::LOCALHOST, 5000), USER).unwrap();
    let client = host.udp();
    client.connect(&name(Ipv4Addr::LOCALHOST, 5000), USER).unwrap();
    send(&*client, None, &[&[1; 200]]).unwrap();
    send(&*client, None, &[&[2; 200]]).unwrap();
    let (bytes, incoming) = receive(&*server, MessageFlags::empty()).unwrap();
    assert!(bytes == [1; 67] && incoming.flags == MessageFlags::TRUNC);
    let incoming = server.receive(&mut [], MessageFlags::TRUNC).unwrap();
    assert_eq!((incoming.length, incoming.flags), (200, MessageFlags::TRUNC));
}

#[test]
fn who_may_do_what() {
    let host = Host::new();
    let make = |kind, protocol, caller| {
        host.domain.socket(AddressFamily::Inet, kind, protocol, caller).map(drop).map_err(|error| error.errno)
    };
    let superuser = Caller::default();
    assert_eq!(make(SocketType::Raw, 1, USER), Err(Errno::EACCES));
    assert_eq!(make(SocketType::Raw, 1, superuser), Ok(()));
    assert_eq!(make(SocketType::Datagram, 6, USER), Err(Errno::EPROTONOSUPPORT));
    assert_eq!(make(SocketType::SeqPacket, 0, USER), Err(Errno::ESOCKTNOSUPPORT));
    let socket = host.udp();
    assert_eq!(socket.bind(&name(Ipv4Addr::LOCALHOST, 53), USER).unwrap_err().errno, Errno::EACCES);
    socket.bind(&name(Ipv4Addr::LOCALHOST, 53), superuser).unwrap();
    let local = Name::Address(SocketAddress::Local(b"/path".to_vec()));
    assert_eq!(socket.connect(&local, USER).unwrap_err().errno, Errno::EAFNOSUPPORT);
    assert_eq!(socket.listen(1, USER).unwrap_err().errno, Errno::EOPNOTSUPP);
    assert_eq!(socket.peer_address().unwrap_err().errno, Errno::ENOTCONN);
    let unknown = socket.set_option(SOL_SOCKET, 0x7777, &OptionValue::Number(1));
    assert_eq!(unknown.unwrap_err().errno, Errno::ENOPROTOOPT);
    socket.set_option(SOL_SOCKET, SO_RCVBUF, &OptionValue::Number(4096)).unwrap();
    assert_eq!(socket.option(SOL_SOCKET, SO_RCVBUF).unwrap(), OptionValue::Number(4096));
    let nothing = socket.set_option(SOL_SOCKET, SO_RCVBUF, &OptionValue::Number(0));
    assert_eq!(nothing.unwrap_err().errno, Errno::EINVAL);
}

#[test]
fn the_kernel_is_asked_to_poll_when_a_deadline_comes_nearer_and_not_else() {
    let hosts = hosts();
    let polled = |host: &Host| host.asked.swap(0, Ordering::Relaxed) == 1;
    // Interfaces that come up ask, once, until they are polled.
    assert!(polled(&hosts[0]));
    hosts[0].domain.poll();
    let client = hosts[0].udp();
    client.connect(&name(Ipv4Addr::new(192, 0, 2, 99), 9), USER).unwrap();
    assert!(!polled(&hosts[0]));
    send(&*client, None, &[b"who is there?"]).unwrap();
    assert!(polled(&hosts[0]));
    let mut seconds = 0;
    while let Some(next) = hosts[0].domain.poll() {
        assert!(next > Duration::from_secs(seconds) && seconds < 10);
        seconds = next.as_secs();
        hosts[0].clock.store(seconds, Ordering::Relaxed);
    }
    assert_eq!(client.ready(), PollEvents::OUT | PollEvents::ERR);
    assert_eq!(send(&*client, None, &[b""]).unwrap_err().errno, Errno::EHOSTUNREACH);
    assert!(!polled(&hosts[0]));
}

#[test]
fn interfaces_and_routes_come_and_go() {
    let hosts = hosts();
    let network = hosts[0].domain.network().unwrap();
    let all = Ipv4Addr::UNSPECIFIED.into();
    let route = |gateway| RouteInfo { destination: all, length: 0, gateway, metric: 0 };
    let far = network.add_route(&route(Gateway::Router(Ipv4Addr::new(198, 51, 100, 1).into())));
    assert_eq!(far.unwrap_err().errno, Errno::ENETUNREACH);
    network.add_route(&route(Gateway::Router(TWO.into()))).unwrap();
    assert!(network.routes().contains(&route(Gateway::Router(TWO.into()))));
    let names: Vec<String> = network.interfaces().into_iter().map(|interface| interface.name).collect();
    assert_eq!(names, ["lo0", "wire0"]);
    assert_eq!(network.detach(1).unwrap_err().errno, Errno::EINVAL);
    network.detach(2).unwrap();
    assert!(network.routes().iter().all(|route| route.gateway != Gateway::Router(TWO.into())));
    assert_eq!(network.set_up(2, true).unwrap_err().errno, Errno::ENXIO);
    let client = hosts[0].udp();
    let unreachable = client.connect(&name(TWO, 9), USER);
    assert_eq!(unreachable.unwrap_err().errno, Errno::ENETUNREACH);
}

#[test]
fn a_connection_is_made_used_and_ended() {
    let hosts = hosts();
    let stream = |host: &Host| host.domain.socket(AddressFamily::Inet, SocketType::Stream, 0, USER).unwrap();
    let listener = stream(&hosts[1]);
    listener.bind(&name(Ipv4Addr::UNSPECIFIED, 8080), USER).unwrap();
    listener.listen(5, USER).unwrap();
    assert_eq!(listener.accept().err().unwrap().errno, Errno::EAGAIN);
    let client = stream(&hosts[0]);
    assert_eq!(send(&*client, None, &[b"too early"]).unwrap_err().errno, Errno::ENOTCONN);
    assert_eq!(client.connect(&name(TWO, 8080), USER).unwrap_err().errno, Errno::EINPROGRESS);
    assert_eq!((client.ready(), listener.ready()), (PollEvents::OUT, PollEvents::IN | PollEvents::RDNORM));
    assert_eq!(client.connect(&name(TWO, 8080), USER).unwrap_err().errno, Errno::EISCONN);
    let (server, from) = listener.accept().unwrap();
    assert_eq!(client.local_address().unwrap(), from);
    assert_eq!(server.local_address().unwrap(), client.peer_address().unwrap());
    let mut sent = 0;
    let piece = [7; 10_000];
    while let Ok(count) = send(&*client, None, &[&piece]) {
        sent += count;
    }
    assert!(sent >= 524_288 && !client.ready().contains(PollEvents::OUT), "{sent}");
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(send(&*client, None, &[b"more"]).unwrap_err().errno, Errno::EPIPE);
    let mut read = 0;
    let mut buffer = [0; 5000];
    loop {
        let count = server.receive(&mut [&mut buffer], MessageFlags::empty()).unwrap().length;
        assert!(buffer[..count].iter().all(|byte| *byte == 7));
        read += count;
        if count == 0 {
            break;
        }
    }
    assert_eq!(read, sent);
    assert!(server.ready().contains(PollEvents::IN | PollEvents::OUT));
    send(&*server, None, &[b"bye"]).unwrap();
    drop(server);
    assert_eq!(receive(&*client, MessageFlags::empty()).unwrap().0, b"bye");
    assert_eq!(receive(&*client, MessageFlags::empty()).unwrap().0, b"");
    assert!(client.ready().contains(PollEvents::HUP));
    for (option, value) in [(TCP_NODELAY, 1), (TCP_KEEPIDLE, 60)] {
        client.set_option(IPPROTO_TCP, option, &OptionValue::Number(value)).unwrap();
        assert_eq!(client.option(IPPROTO_TCP, option).unwrap(), OptionValue::Number(value));
    }
}
