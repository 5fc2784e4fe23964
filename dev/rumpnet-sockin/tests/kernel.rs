//! What a kernel adds, and what only it can be asked: control data, what is known of connections, blocking, closing and
//! halting while somebody waits, many sockets, and that nothing is awake while nothing happens.
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

use rump_abi::sockopt::*;
use rump_abi::{
    AddressFamily, Errno, MessageFlags, OpenFlags, PollEvents, Shutdown, SocketAddress, SocketType, TcpInfo,
    TcpState,
};
use rump_host_posix::PosixHost;
use rump_kern::{Credentials, Fd, Ioctl, Kernel, PollFd, Process, Received, SendMessage};
use rump_kpi::socket::{Control, OptionValue};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::{Duration, Instant};

const NONE: MessageFlags = MessageFlags::empty();

fn boot() -> Kernel {
    let host = PosixHost::new();
    let component = rumpnet_sockin::component(host.clone());
    Kernel::builder(host).component(component).boot().unwrap()
}

fn v4() -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))
}

fn v6() -> SocketAddress {
    SocketAddress::Inet6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0))
}

fn socket(process: &Process, kind: SocketType, at: &SocketAddress) -> Fd {
    let fd = process.socket(at.family(), kind, 0, OpenFlags::empty()).unwrap();
    process.bind(fd, at).unwrap();
    fd
}

fn listener(process: &Process) -> (Fd, SocketAddress) {
    let fd = socket(process, SocketType::Stream, &v4());
    process.listen(fd, 1024).unwrap();
    (fd, process.getsockname(fd).unwrap())
}

fn pair(process: &Process) -> [Fd; 2] {
    let (listener, address) = listener(process);
    let client = process.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    process.connect(client, &address).unwrap();
    let server = process.accept(listener).unwrap().0;
    process.close(listener).unwrap();
    [client, server]
}

fn set(process: &Process, fd: Fd, level: i32, name: i32) {
    process.setsockopt(fd, level, name, &OptionValue::Number(1)).unwrap();
}

fn receive(process: &Process, fd: Fd) -> Received {
    process.recvmsg(fd, &mut [&mut [0; 99]], 0, NONE).unwrap()
}

fn address(name: SocketAddress) -> SocketAddr {
    match name {
        SocketAddress::Inet(address) => address.into(),
        SocketAddress::Inet6(address) => address.into(),
        SocketAddress::Local(_) | SocketAddress::Unspecified => panic!("another family"),
    }
}

/// Interface 1 is the loopback of every Linux.
const LOOPBACK: u32 = 1;

#[test]
fn what_comes_with_a_datagram_of_ipv4_is_told() {
    let process = boot().process();
    let to = socket(&process, SocketType::Datagram, &v4());
    for name in [IP_RECVPKTINFO, IP_RECVDSTADDR, IP_RECVTTL] {
        set(&process, to, IPPROTO_IP, name);
        assert_eq!(process.getsockopt(to, IPPROTO_IP, name).unwrap(), OptionValue::Number(1));
    }
    set(&process, to, SOL_SOCKET, SO_TIMESTAMP);
    let from = socket(&process, SocketType::Datagram, &v4());
    process.setsockopt(from, IPPROTO_IP, IP_TTL, &OptionValue::Number(33)).unwrap();
    let name = process.getsockname(to).unwrap();
    process.sendto(from, b"x", NONE, &name).unwrap();
    let control = receive(&process, to).control;
    let (mut info, mut destination, mut limit, mut time) = (None, None, None, None);
    for one in control {
        match one {
            Control::PacketInfo { to, interface } => info = Some((to, interface)),
            Control::Destination(to) => destination = Some(to),
            Control::HopLimit(hops) => limit = Some(hops),
            Control::Timestamp(stamp) => time = Some(stamp.sec),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(info, Some((Ipv4Addr::LOCALHOST.into(), LOOPBACK)));
    assert_eq!((destination, limit), (Some(Ipv4Addr::LOCALHOST), Some(33)));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!((now.as_secs() as i64 - time.unwrap()).abs() < 60);
    // One of the two that are one at the host.
    process.setsockopt(to, IPPROTO_IP, IP_RECVPKTINFO, &OptionValue::Number(0)).unwrap();
    process.sendto(from, b"x", NONE, &name).unwrap();
    let control = receive(&process, to).control;
    assert!(control.iter().all(|one| !matches!(one, Control::PacketInfo { .. })), "{control:?}");
    assert!(control.iter().any(|one| matches!(one, Control::Destination(_))), "{control:?}");
}

#[test]
fn what_goes_with_a_datagram_is_done() {
    let process = boot().process();
    let to = socket(&process, SocketType::Datagram, &v6());
    for name in [IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS] {
        set(&process, to, IPPROTO_IPV6, name);
    }
    let from = process.socket(AddressFamily::Inet6, SocketType::Datagram, 0, OpenFlags::empty()).unwrap();
    let name = process.getsockname(to).unwrap();
    let source = IpAddr::from(Ipv6Addr::LOCALHOST);
    let control = [
        Control::HopLimit(7),
        Control::TrafficClass(0x48),
        Control::PacketInfo { to: source, interface: LOOPBACK },
    ];
    let message =
        SendMessage { parts: &[b"x"], to: Some(&name), control: &control, ..SendMessage::default() };
    process.sendmsg(from, &message, NONE).unwrap();
    let received = receive(&process, to);
    let mut told = [false; 3];
    for one in &received.control {
        match one {
            Control::HopLimit(7) => told[0] = true,
            Control::TrafficClass(0x48) => told[1] = true,
            Control::PacketInfo { to, interface: LOOPBACK } if *to == source => told[2] = true,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(told, [true; 3]);
    // The second address of the loopback's network, which the socket is not bound to.
    let to = socket(&process, SocketType::Datagram, &v4());
    let any = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));
    let from = socket(&process, SocketType::Datagram, &any);
    let name = process.getsockname(to).unwrap();
    let second = Ipv4Addr::new(127, 0, 0, 2);
    let control = [Control::Destination(second)];
    let message =
        SendMessage { parts: &[b"x"], to: Some(&name), control: &control, ..SendMessage::default() };
    process.sendmsg(from, &message, NONE).unwrap();
    assert_eq!(address(receive(&process, to).from.unwrap()).ip(), second);
}

#[test]
fn what_is_known_of_a_connection_is_in_netbsds_terms() {
    let process = boot().process();
    let [client, server] = pair(&process);
    process.send(client, &[7; 1000], NONE).unwrap();
    assert_eq!(process.recv(server, &mut [0; 1000], MessageFlags::WAITALL).unwrap(), 1000);
    let info = |fd| match process.getsockopt(fd, IPPROTO_TCP, TCP_INFO).unwrap() {
        OptionValue::Bytes(bytes) => TcpInfo::from_bytes(&bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    let known = info(client);
    assert_eq!(
        (known.state, known.bytes_sent, info(server).bytes_received),
        (TcpState::Established, 1000, 1000)
    );
    assert!(known.snd_mss > 500 && known.snd_cwnd_bytes >= known.snd_mss && known.rto > 0, "{known:?}");
    process.shutdown(server, Shutdown::Write).unwrap();
    while process.recv(client, &mut [0; 9], NONE).unwrap() > 0 {}
    assert_eq!(info(client).state, TcpState::CloseWait);
    let listening = listener(&process).0;
    assert_eq!(info(listening).state, TcpState::Listen);
    let name = OptionValue::Bytes(b"newreno".to_vec());
    process.setsockopt(client, IPPROTO_TCP, TCP_CONGCTL, &name).unwrap();
    assert_eq!(process.getsockopt(client, IPPROTO_TCP, TCP_CONGCTL).unwrap(), name);
    let missing = process.getsockopt(client, IPPROTO_TCP, TCP_KEEPINIT).unwrap_err();
    assert_eq!(missing.errno, Errno::ENOPROTOOPT);
}

#[test]
fn sizes_of_buffers_are_those_that_were_asked_for() {
    let process = boot().process();
    let fd = socket(&process, SocketType::Stream, &v4());
    for name in [SO_SNDBUF, SO_RCVBUF] {
        process.setsockopt(fd, SOL_SOCKET, name, &OptionValue::Number(50_000)).unwrap();
        assert_eq!(process.getsockopt(fd, SOL_SOCKET, name).unwrap(), OptionValue::Number(50_000));
        assert_eq!(
            process.setsockopt(fd, SOL_SOCKET, name, &OptionValue::Number(0)).unwrap_err().errno,
            Errno::EINVAL
        );
    }
    let space = process.ioctl(fd, Ioctl::Space).unwrap();
    assert_eq!(space, 50_000);
}

#[test]
fn the_mark_of_urgent_data_is_found() {
    let process = boot().process();
    let [client, server] = pair(&process);
    process.send(client, b"one", NONE).unwrap();
    process.send(client, b"2", MessageFlags::OOB).unwrap();
    let mut fds = [PollFd::new(server, PollEvents::PRI)];
    process.poll(&mut fds, Some(Duration::from_secs(10))).unwrap();
    assert_eq!(process.ioctl(server, Ioctl::AtMark).unwrap(), 0);
    assert_eq!(process.recv(server, &mut [0; 9], NONE).unwrap(), 3);
    assert_eq!(process.ioctl(server, Ioctl::AtMark).unwrap(), 1);
    let datagrams = socket(&process, SocketType::Datagram, &v4());
    assert!(process.ioctl(datagrams, Ioctl::AtMark).is_err());
}

#[test]
fn privileges_are_the_kernels() {
    let process = boot().process();
    process.set_credentials(Credentials { uid: 1000, ..process.credentials() });
    let fd = process.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    let reserved = SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80));
    assert_eq!(process.bind(fd, &reserved).unwrap_err().errno, Errno::EACCES);
    let raw = process.socket(AddressFamily::Inet, SocketType::Raw, 1, OpenFlags::empty());
    assert_eq!(raw.unwrap_err().errno, Errno::EACCES);
}

#[test]
fn all_that_was_asked_for_is_waited_for() {
    let process = boot().process();
    let [client, server] = pair(&process);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for piece in 0..50_u8 {
                process.send(client, &[piece; 1000], NONE).unwrap();
                std::thread::yield_now();
            }
        });
        let mut buffer = vec![0; 50_000];
        assert_eq!(process.recv(server, &mut buffer, MessageFlags::WAITALL).unwrap(), 50_000);
        assert!(buffer.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at / 1000));
    });
}

#[test]
fn messages_come_in_batches() {
    let process = boot().process();
    let [from, to] = [(); 2].map(|()| socket(&process, SocketType::Datagram, &v4()));
    let name = process.getsockname(to).unwrap();
    let contents: Vec<[u8; 1]> = (0..64).map(|number| [number]).collect();
    let parts: Vec<[&[u8]; 1]> = contents.iter().map(|content| [&content[..]]).collect();
    let messages: Vec<SendMessage<'_>> =
        parts.iter().map(|parts| SendMessage { parts, to: Some(&name), ..SendMessage::default() }).collect();
    assert_eq!(process.sendmmsg(from, &messages, NONE).unwrap(), 64);
    let mut buffers = vec![[9; 4]; 64];
    let mut slices: Vec<&mut [u8]> = buffers.iter_mut().map(|buffer| &mut buffer[..]).collect();
    let received = process.recvmmsg(to, &mut slices, 0, MessageFlags::WAITFORONE, None).unwrap();
    assert_eq!(received.len(), 64);
    assert!(buffers.iter().zip(0..).all(|(buffer, number)| buffer[0] == number && buffer[1] == 9));
}

#[test]
fn more_parts_than_the_host_takes_are_one_message() {
    let process = boot().process();
    let [from, to] = [(); 2].map(|()| socket(&process, SocketType::Datagram, &v4()));
    let name = process.getsockname(to).unwrap();
    let content: Vec<u8> = (0..3000_u32).map(|at| at as u8).collect();
    let parts: Vec<&[u8]> = content.chunks(1).collect();
    let message = SendMessage { parts: &parts, to: Some(&name), ..SendMessage::default() };
    assert_eq!(process.sendmsg(from, &message, NONE).unwrap(), 3000);
    let mut received = vec![0; 3000];
    let mut parts: Vec<&mut [u8]> = received.chunks_mut(1).collect();
    assert_eq!(process.recvmsg(to, &mut parts, 0, NONE).unwrap().length, 3000);
    assert_eq!(received, content);
    let [client, server] = pair(&process);
    let parts: Vec<&[u8]> = content.chunks(1).collect();
    let message = SendMessage { parts: &parts, ..SendMessage::default() };
    assert_eq!(process.sendmsg(client, &message, NONE).unwrap(), 3000);
    let mut received = vec![0; 3000];
    assert_eq!(process.recv(server, &mut received, MessageFlags::WAITALL).unwrap(), 3000);
    assert_eq!(received, content);
}

#[test]
fn a_queue_of_events_hears_of_more_than_was_there() {
    use rump_abi::event::{Event, EventFlags, Filter, NOTE_LOWAT};
    let process = boot().process();
    let [client, server] = pair(&process);
    let event = |flags, fflags, data| Event {
        ident: server.0.into(),
        filter: Filter::Read,
        flags: EventFlags::ADD | flags,
        fflags,
        data,
        udata: 0,
    };
    let patience = Some(Duration::from_secs(10));
    // From ten bytes on; they come one by one.
    let queue = process.kqueue().unwrap();
    let change = [event(EventFlags::empty(), NOTE_LOWAT, 10)];
    assert_eq!(process.kevent(queue, &change, 1, Some(Duration::ZERO)).unwrap(), []);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| process.kevent(queue, &[], 1, patience).unwrap());
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(2));
            process.send(client, b"x", NONE).unwrap();
        }
        assert_eq!(waiting.join().unwrap()[0].data, 10);
    });
    process.close(queue).unwrap();
    // Changes: each time as much is read as was told of, and never to the end.
    let queue = process.kqueue().unwrap();
    process.kevent(queue, &[event(EventFlags::CLEAR, 0, 0)], 0, Some(Duration::ZERO)).unwrap();
    for _ in 0..100 {
        process.send(client, b"x", NONE).unwrap();
        let told = process.kevent(queue, &[], 1, patience).unwrap();
        assert_eq!(told.len(), 1, "nobody tells of more");
        if told[0].data > 5 {
            process.recv(server, &mut vec![0; told[0].data as usize - 1], NONE).unwrap();
        }
    }
}

#[test]
fn closing_ends_what_waits() {
    let process = boot().process();
    let [client, _server] = pair(&process);
    let (listener, _) = listener(&process);
    let datagrams = socket(&process, SocketType::Datagram, &v4());
    std::thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| process.recv(client, &mut [0; 9], NONE).unwrap_err().errno),
            scope.spawn(|| process.accept(listener).unwrap_err().errno),
            scope.spawn(|| process.recv(datagrams, &mut [0; 9], NONE).unwrap_err().errno),
        ];
        std::thread::sleep(Duration::from_millis(30));
        for fd in [client, listener, datagrams] {
            process.close(fd).unwrap();
        }
        assert_eq!(waiting.map(|thread| thread.join().unwrap()), [Errno::EBADF; 3]);
    });
}

#[test]
fn a_halt_ends_what_waits() {
    let kernel = boot();
    let process = kernel.process();
    let [client, server] = pair(&process);
    let (listener, _) = listener(&process);
    std::thread::scope(|scope| {
        let waiting = [
            scope.spawn(|| process.recv(client, &mut [0; 9], NONE).unwrap_err().errno),
            scope.spawn(|| process.accept(listener).unwrap_err().errno),
            scope.spawn(|| {
                let mut fds = [PollFd::new(server, PollEvents::IN)];
                process.poll(&mut fds, None).unwrap_err().errno
            }),
        ];
        std::thread::sleep(Duration::from_millis(30));
        kernel.init().reboot().unwrap();
        assert_eq!(waiting.map(|thread| thread.join().unwrap()), [Errno::ENXIO; 3]);
    });
}

#[test]
fn closing_lingers_until_all_has_arrived() {
    let process = boot().process();
    let [client, server] = pair(&process);
    let linger = |fd, time| {
        process.setsockopt(fd, SOL_SOCKET, SO_LINGER, &OptionValue::Linger(Some(time))).unwrap();
    };
    linger(client, Duration::from_secs(60));
    let mut sent = 0;
    while let Ok(count) = process.send(client, &[7; 1 << 16], MessageFlags::DONTWAIT) {
        sent += count;
    }
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            let (mut received, mut buffer) = (0, vec![0; 1 << 16]);
            while let count @ 1.. = process.recv(server, &mut buffer, NONE).unwrap() {
                received += count;
            }
            (received, Instant::now())
        });
        let begun = Instant::now();
        process.close(client).unwrap();
        let closed = Instant::now();
        assert!(begun.elapsed() >= Duration::from_millis(90), "it did not wait");
        let (received, end) = reading.join().unwrap();
        assert_eq!(received, sent);
        assert!(closed + Duration::from_secs(5) > end);
    });
    // And no longer than it is to.
    let [client, _server] = pair(&process);
    linger(client, Duration::from_millis(50));
    while process.send(client, &[7; 1 << 16], MessageFlags::DONTWAIT).is_ok() {}
    let begun = Instant::now();
    process.close(client).unwrap();
    assert!((Duration::from_millis(50)..Duration::from_secs(5)).contains(&begun.elapsed()));
}

/// Whether the thread of the host's sockets is there: it is looked for by its name.
fn has_thread() -> bool {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let mut names =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.any(|name| name.trim() == "host sockets")
}

/// In a process of its own, since all of it is looked at.
#[test]
fn nothing_is_awake_while_nothing_happens() {
    const CHILD: &str = "RUMP_SOCKIN_IDLE";
    if std::env::var_os(CHILD).is_none() {
        let itself = std::env::current_exe().unwrap();
        let output = std::process::Command::new(itself)
            .args(["--exact", "nothing_is_awake_while_nothing_happens", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        print!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let kernel = boot();
    let process = kernel.process();
    let [client, server] = pair(&process);
    process.close(server).unwrap();
    process.close(client).unwrap();
    let [client, server] = pair(&process);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| process.recv(server, &mut [0; 9], NONE).unwrap());
        while !has_thread() {
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(20));
        let cost = || {
            let threads = std::fs::read_dir("/proc/self/task").unwrap();
            let one = |thread: std::io::Result<std::fs::DirEntry>| {
                let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
                text.split_ascii_whitespace().next().unwrap().parse::<u64>().unwrap()
            };
            threads.map(one).sum::<u64>()
        };
        let before = cost();
        std::thread::sleep(Duration::from_secs(1));
        let idle = Duration::from_nanos(cost() - before);
        println!("one second of waiting took {idle:?} of the processor");
        // Reading the figures is in it; a thread that polls every millisecond takes more.
        assert!(idle < Duration::from_millis(3), "{idle:?}");
        process.send(client, b"x", NONE).unwrap();
        assert_eq!(waiting.join().unwrap(), 1);
    });
    process.close(client).unwrap();
    process.close(server).unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while has_thread() {
        assert!(Instant::now() < end, "the thread stays");
        std::thread::yield_now();
    }
    // It begins anew.
    let [client, server] = pair(&process);
    process.send(client, b"x", NONE).unwrap();
    assert_eq!(process.recv(server, &mut [0; 9], NONE).unwrap(), 1);
}

/// As many as the host lets us have: a socket of ours is one of the host's.
#[test]
fn ten_thousand_connections_are_served() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(1 << 20);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    let connections = usize::try_from(most.saturating_sub(500) / 2).unwrap().min(10_000);
    println!("{connections} connections");
    let kernel = boot();
    let (server, client) = (kernel.process(), kernel.process());
    for process in [&server, &client] {
        process.set_open_max(20_000).unwrap();
    }
    let (listener, address) = listener(&server);
    let mut pairs = Vec::new();
    for _ in 0..connections {
        let fd = client.socket(AddressFamily::Inet, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
        client.connect(fd, &address).unwrap();
        pairs.push((fd, server.accept(listener).unwrap().0));
    }
    // All are waited for at once, and each is told of.
    std::thread::scope(|scope| {
        let server = &server;
        let pairs = &pairs;
        let waiting = scope.spawn(move || {
            let mut fds: Vec<PollFd> = pairs.iter().map(|(_, fd)| PollFd::new(*fd, PollEvents::IN)).collect();
            let mut count = 0;
            while count < pairs.len() {
                server.poll(&mut fds, Some(Duration::from_secs(60))).unwrap();
                for entry in &mut fds {
                    if entry.revents.contains(PollEvents::IN) {
                        let fd = entry.fd.take().unwrap();
                        assert_eq!(server.recv(fd, &mut [0; 9], NONE).unwrap(), 1);
                        count += 1;
                    }
                }
            }
        });
        for (fd, _) in pairs.iter().rev() {
            client.send(*fd, b"x", NONE).unwrap();
        }
        waiting.join().unwrap();
    });
}
