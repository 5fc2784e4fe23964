//! Programs of one kernel that talk to each other over its loopback interface, by system calls that block.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use core::time::Duration;
use rump_host_posix::PosixHost;
use rump_kern::{Fd, Ioctl, Kernel, PollFd, Process};
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{
    IPPROTO_TCP, SO_LINGER, SOL_SOCKET, TCP_CONGCTL, TCP_INFO, TCP_KEEPCNT, TCP_KEEPIDLE, TCP_KEEPINIT,
    TCP_KEEPINTVL, TCP_NODELAY, TCP_NOPUSH, TCP_USER_TIMEOUT,
};
use rump_kpi::{
    AddressFamily, Errno, KResult, MessageFlags, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType,
    TcpInfo, TcpOptions, TcpState,
};
use std::sync::{Arc, Mutex};

const NONE: MessageFlags = MessageFlags::empty();

fn kernel() -> Kernel {
    Kernel::builder(PosixHost::new()).component(rumpnet_inet::component()).boot().unwrap()
}

fn at(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn socket(process: &Process, kind: SocketType) -> Fd {
    process.socket(AddressFamily::Inet, kind, 0, OpenFlags::empty()).unwrap()
}

fn listener(process: &Process, port: u16) -> Fd {
    let fd = socket(process, SocketType::Stream);
    process.bind(fd, &at(port)).unwrap();
    process.listen(fd, 128).unwrap();
    fd
}

fn send_all(process: &Process, fd: Fd, bytes: &[u8]) {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += process.send(fd, &bytes[sent..], NONE).unwrap();
    }
}

fn receive_all(process: &Process, fd: Fd) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; 50_000]);
    loop {
        match process.recv(fd, &mut buffer, NONE).unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn content(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(seed * 2 + 1) >> 5) as u8).collect()
}

#[test]
fn many_connections_carry_their_bytes_at_once() {
    let kernel = kernel();
    let server = kernel.process();
    let fd = listener(&server, 80);
    const CONNECTIONS: usize = 8;
    const BYTES: usize = 3_000_000;
    std::thread::scope(|scope| {
        for seed in 0..CONNECTIONS {
            let client = kernel.process();
            scope.spawn(move || {
                let fd = socket(&client, SocketType::Stream);
                client.connect(fd, &at(80)).unwrap();
                let writer = client.clone();
                let writing = std::thread::spawn(move || {
                    send_all(&writer, fd, &content(seed, BYTES));
                    writer.shutdown(fd, Shutdown::Write).unwrap();
                });
                let back = receive_all(&client, fd);
                writing.join().unwrap();
                assert!(back == content(seed, BYTES), "connection {seed}: {} bytes came back", back.len());
                client.close(fd).unwrap();
            });
        }
        for _ in 0..CONNECTIONS {
            let (connection, _) = server.accept(fd).unwrap();
            let server = server.clone();
            scope.spawn(move || {
                let mut buffer = vec![0; 20_000];
                loop {
                    match server.recv(connection, &mut buffer, NONE).unwrap() {
                        0 => break,
                        count => send_all(&server, connection, &buffer[..count]),
                    }
                }
                server.close(connection).unwrap();
            });
        }
    });
}

#[test]
fn programs_of_both_versions_meet_at_one_listener() {
    let kernel = kernel();
    let (server, client) = (kernel.process(), kernel.process());
    let v6 = |ip: Ipv6Addr| SocketAddress::Inet6(SocketAddrV6::new(ip, 81, 0, 0));
    let stream = |process: &Process, family| {
        process.socket(family, SocketType::Stream, 0, OpenFlags::empty()).unwrap()
    };
    let fd = stream(&server, AddressFamily::Inet6);
    server.bind(fd, &v6(Ipv6Addr::UNSPECIFIED)).unwrap();
    server.listen(fd, 5).unwrap();
    for (family, to) in [
        (AddressFamily::Inet, at(81)),
        (AddressFamily::Inet6, v6(Ipv4Addr::LOCALHOST.to_ipv6_mapped())),
        (AddressFamily::Inet6, v6(Ipv6Addr::LOCALHOST)),
    ] {
        let ours = stream(&client, family);
        client.connect(ours, &to).unwrap();
        let (theirs, from) = server.accept(fd).unwrap();
        assert!(matches!(from, SocketAddress::Inet6(_)), "{from:?}");
        let writer = client.clone();
        let writing = std::thread::spawn(move || {
            send_all(&writer, ours, &content(5, 1_000_000));
            writer.close(ours).unwrap();
        });
        assert!(receive_all(&server, theirs) == content(5, 1_000_000));
        writing.join().unwrap();
    }
}

#[test]
fn datagrams_are_echoed_and_whoever_waits_too_long_is_told() {
    let kernel = kernel();
    let (server, client) = (kernel.process(), kernel.process());
    let service = socket(&server, SocketType::Datagram);
    server.bind(service, &at(7)).unwrap();
    let fd = socket(&client, SocketType::Datagram);
    client.connect(fd, &at(7)).unwrap();
    let mut poll = [PollFd::new(fd, PollEvents::IN)];
    assert_eq!(client.poll(&mut poll, Some(Duration::from_millis(20))).unwrap(), 0);
    let echo = std::thread::spawn(move || {
        for _ in 0..1000 {
            let mut buffer = [0; 100];
            let (count, from) = server.recvfrom(service, &mut buffer, NONE).unwrap();
            server.sendto(service, &buffer[..count], NONE, &from.unwrap()).unwrap();
        }
    });
    for number in 0..1000_u32 {
        client.send(fd, &number.to_le_bytes(), NONE).unwrap();
        assert_eq!(client.poll(&mut poll, None).unwrap(), 1);
        let mut buffer = [0; 100];
        assert_eq!(client.recv(fd, &mut buffer, NONE).unwrap(), 4);
        assert_eq!(buffer[..4], number.to_le_bytes());
    }
    echo.join().unwrap();
}

#[test]
fn who_is_refused_or_resets_is_told_so() {
    let kernel = kernel();
    let process = kernel.process();
    let refused = socket(&process, SocketType::Stream);
    assert_eq!(process.connect(refused, &at(81)).unwrap_err().errno, Errno::ECONNREFUSED);
    let fd = listener(&process, 80);
    let client = socket(&process, SocketType::Stream);
    process.connect(client, &at(80)).unwrap();
    let (server, from) = process.accept(fd).unwrap();
    assert_eq!(process.getsockname(client).unwrap(), from);
    process.send(server, b"unread", NONE).unwrap();
    process.close(client).unwrap();
    let mut poll = [PollFd::new(server, PollEvents::IN)];
    assert_eq!(process.poll(&mut poll, Some(Duration::from_secs(10))).unwrap(), 1);
    assert_eq!(process.recv(server, &mut [0; 10], NONE).unwrap_err().errno, Errno::ECONNRESET);
    assert_eq!(process.send(server, b"more", NONE).unwrap_err().errno, Errno::EPIPE);
}

#[test]
fn a_connection_to_nowhere_times_out_by_the_thread_of_the_kernel() {
    let kernel = kernel();
    let process = kernel.process();
    let network = kernel.protocols(AddressFamily::Inet).unwrap();
    let names: Vec<String> =
        network.network().unwrap().interfaces().into_iter().map(|interface| interface.name).collect();
    assert_eq!(names, ["lo0"]);
    let fd = socket(&process, SocketType::Stream);
    let nowhere = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 80));
    assert_eq!(process.connect(fd, &nowhere).unwrap_err().errno, Errno::ENETUNREACH);
    // A small segment waits for the acknowledgement of another, which is held back: the thread sends it.
    let service = listener(&process, 80);
    let client = socket(&process, SocketType::Stream);
    process.connect(client, &at(80)).unwrap();
    let (server, _) = process.accept(service).unwrap();
    process.send(client, b"first", NONE).unwrap();
    process.send(client, b"second", NONE).unwrap();
    let mut buffer = [0; 11];
    assert_eq!(process.recv(server, &mut buffer, MessageFlags::WAITALL).unwrap(), 11);
    assert_eq!(&buffer, b"firstsecond");
}

/// A tunnel that notes which packets it is sent, and takes its time.
#[derive(Default)]
struct Tunnel(Mutex<Vec<u16>>);

impl NetworkDevice for Tunnel {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { medium: Medium::Ip, mtu: 1500, offloads: Offloads::empty() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        for packet in packets.drain(..) {
            std::thread::yield_now();
            let header = packet.to_vec();
            self.0.lock().unwrap().push(u16::from_be_bytes([header[4], header[5]]));
        }
        Ok(())
    }

    fn start(&self, _receiver: Arc<dyn Receiver>) -> KResult<()> {
        Ok(())
    }

    fn stop(&self) {}
}

#[test]
fn packets_of_many_threads_leave_in_the_order_in_which_they_were_made() {
    let kernel = kernel();
    let domain = kernel.protocols(AddressFamily::Inet).unwrap();
    let (network, tunnel) = (domain.network().unwrap(), Arc::new(Tunnel::default()));
    let number = network.attach("tun0", tunnel.clone()).unwrap();
    network.set_up(number, true).unwrap();
    network.add_address(number, Ipv4Addr::new(192, 0, 2, 1).into(), 24).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let process = kernel.process();
            scope.spawn(move || {
                let fd = socket(&process, SocketType::Datagram);
                let to = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 9));
                for _ in 0..1000 {
                    process.sendto(fd, b"x", NONE, &to).unwrap();
                }
            });
        }
    });
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while tunnel.0.lock().unwrap().len() < 4000 {
        assert!(std::time::Instant::now() < patience, "{} packets", tunnel.0.lock().unwrap().len());
        std::thread::yield_now();
    }
    let sent = tunnel.0.lock().unwrap().clone();
    assert!(sent.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{sent:?}");
}

#[test]
fn what_is_known_of_a_connection_can_be_asked_for() {
    let kernel = kernel();
    let process = kernel.process();
    let service = listener(&process, 80);
    let client = socket(&process, SocketType::Stream);
    let info = |fd| match process.getsockopt(fd, IPPROTO_TCP, TCP_INFO).unwrap() {
        OptionValue::Bytes(bytes) => TcpInfo::from_bytes(&bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!((info(client).state, info(service).state), (TcpState::Closed, TcpState::Listen));
    process.connect(client, &at(80)).unwrap();
    let (server, _) = process.accept(service).unwrap();
    send_all(&process, client, &content(1, 100_000));
    let mut buffer = vec![0; 100_000];
    assert_eq!(process.recv(server, &mut buffer, MessageFlags::WAITALL).unwrap(), 100_000);
    process.send(server, b"done", NONE).unwrap();
    assert_eq!(process.recv(client, &mut buffer, NONE).unwrap(), 4);
    let (sender, receiver) = (info(client), info(server));
    assert_eq!((sender.state, receiver.state), (TcpState::Established, TcpState::Established));
    let agreed = TcpOptions::SACK | TcpOptions::TIMESTAMPS | TcpOptions::WSCALE;
    assert!(sender.options.contains(agreed) && receiver.options.contains(agreed));
    assert_eq!((sender.bytes_sent, sender.bytes_acked, sender.bytes_received), (100_000, 100_000, 4));
    assert_eq!((receiver.bytes_received, receiver.bytes_sent), (100_000, 4));
    assert_eq!((sender.total_retrans, sender.unacked, sender.notsent_bytes), (0, 0, 0));
    assert!(sender.segs_out >= 2 && sender.segs_in >= 2 && sender.snd_mss > 60_000);
    assert_eq!(sender.snd_nxt, receiver.rcv_nxt);
}

#[test]
fn closing_waits_as_long_as_the_socket_lingers() {
    let kernel = kernel();
    let process = kernel.process();
    let service = listener(&process, 80);
    let client = socket(&process, SocketType::Stream);
    process.connect(client, &at(80)).unwrap();
    let (server, _) = process.accept(service).unwrap();
    let linger = |time| OptionValue::Linger(Some(Duration::from_millis(time)));
    process.setsockopt(client, SOL_SOCKET, SO_LINGER, &linger(300)).unwrap();
    assert_eq!(process.getsockopt(client, SOL_SOCKET, SO_LINGER).unwrap(), linger(300));
    // More than the other side has room for: it does not read, and closing gives up.
    process.ioctl(client, Ioctl::SetNonblocking { nonblocking: true }).unwrap();
    while process.send(client, &[0; 100_000], NONE).is_ok() {}
    process.ioctl(client, Ioctl::SetNonblocking { nonblocking: false }).unwrap();
    let begin = std::time::Instant::now();
    process.close(client).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(300), "{:?}", begin.elapsed());
    // With a reader, it is over as soon as all has arrived.
    let client = socket(&process, SocketType::Stream);
    process.connect(client, &at(80)).unwrap();
    let (other, _) = process.accept(service).unwrap();
    process.setsockopt(client, SOL_SOCKET, SO_LINGER, &linger(60_000)).unwrap();
    process.send(client, b"all", NONE).unwrap();
    process.close(client).unwrap();
    assert_eq!(receive_all(&process, other), b"all");
    process.close(server).unwrap();
}

#[test]
fn urgent_data_is_seen_by_poll_and_at_its_mark() {
    let kernel = kernel();
    let process = kernel.process();
    let service = listener(&process, 80);
    let client = socket(&process, SocketType::Stream);
    process.connect(client, &at(80)).unwrap();
    let (server, _) = process.accept(service).unwrap();
    process.send(client, b"ab!", MessageFlags::OOB).unwrap();
    let mut poll = [PollFd::new(server, PollEvents::PRI)];
    assert_eq!(process.poll(&mut poll, Some(Duration::from_secs(5))).unwrap(), 1);
    assert_eq!(process.ioctl(server, Ioctl::AtMark).unwrap(), 0);
    let mut buffer = [0; 9];
    assert_eq!(process.recv(server, &mut buffer, NONE).unwrap(), 2);
    assert_eq!(process.ioctl(server, Ioctl::AtMark).unwrap(), 1);
    assert_eq!(process.recv(server, &mut buffer, MessageFlags::OOB).unwrap(), 1);
    assert_eq!(buffer[0], b'!');
    let error = process.recv(server, &mut buffer, MessageFlags::OOB).unwrap_err();
    assert_eq!(error.errno, Errno::EINVAL);
}

#[test]
fn options_come_back_as_they_were_set() {
    let kernel = kernel();
    let process = kernel.process();
    let fd = socket(&process, SocketType::Stream);
    let get = |name| process.getsockopt(fd, IPPROTO_TCP, name).unwrap();
    let set = |name, value: &OptionValue| process.setsockopt(fd, IPPROTO_TCP, name, value);
    for (name, value) in [
        (TCP_NODELAY, 1),
        (TCP_NOPUSH, 1),
        (TCP_KEEPIDLE, 100),
        (TCP_KEEPINTVL, 7),
        (TCP_KEEPCNT, 3),
        (TCP_KEEPINIT, 9),
        (TCP_USER_TIMEOUT, 30_000),
    ] {
        set(name, &OptionValue::Number(value)).unwrap();
        assert_eq!(get(name), OptionValue::Number(value));
    }
    assert_eq!(get(TCP_CONGCTL), OptionValue::Bytes(b"cubic".to_vec()));
    set(TCP_CONGCTL, &OptionValue::Bytes(b"reno\0".to_vec())).unwrap();
    assert_eq!(get(TCP_CONGCTL), OptionValue::Bytes(b"newreno".to_vec()));
    let none = set(TCP_CONGCTL, &OptionValue::Bytes(b"none".to_vec())).unwrap_err();
    assert_eq!(none.errno, Errno::ENOENT);
    assert_eq!(set(TCP_KEEPCNT, &OptionValue::Number(0)).unwrap_err().errno, Errno::EINVAL);
}
