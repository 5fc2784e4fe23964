//! Sockets as owned values: over the loopback of one kernel, and between kernels on a wire.

mod wired;

use rumpkit::net::wire::Wire;
use rumpkit::net::{
    AddressInfo, AddressState, Interface, InterfaceInfo, TcpListener, TcpStream, UdpSocket, UnixDatagram,
    UnixListener, UnixStream, add_default_route, errno, interfaces, routes,
};
use rumpkit::{Errno, Kernel};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};
use wired::{kernel, kernels, on_wire};

fn connected(kernel: &Kernel) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(&kernel.process(), (Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = TcpStream::connect(&kernel.process(), listener.local_addr().unwrap()).unwrap();
    let (server, from) = listener.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    assert_eq!(server.local_addr().unwrap(), client.peer_addr().unwrap());
    (client, server)
}

#[test]
fn bytes_go_both_ways_between_kernels() {
    let wire = Wire::new();
    let (one, other) = (on_wire(&wire, "10.0.0.1/24"), on_wire(&wire, "10.0.0.2/24"));
    let listener = TcpListener::bind(&one.process(), "10.0.0.1:7").unwrap();
    let echo = std::thread::spawn(move || {
        for stream in listener.incoming().take(3) {
            let stream = stream.unwrap();
            std::io::copy(&mut &stream, &mut &stream).unwrap();
        }
    });
    for seed in 0..3_usize {
        let mut client = TcpStream::connect(&other.process(), "10.0.0.1:7").unwrap();
        client.set_nodelay(true).unwrap();
        assert!(client.nodelay().unwrap());
        let content: Vec<u8> =
            (0..1_000_000).map(|at: usize| (at.wrapping_mul(2 * seed + 3) >> 4) as u8).collect();
        let mut writer = client.try_clone().unwrap();
        let mut back = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                writer.write_all(&content).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            client.read_to_end(&mut back).unwrap();
        });
        assert!(back == content, "{} bytes came back", back.len());
    }
    echo.join().unwrap();
    let statistics = interfaces(&one).unwrap()[1].statistics;
    assert!(statistics.bytes_in > 3_000_000 && statistics.errors_in == 0, "{statistics:?}");
}

#[test]
fn a_descriptor_lives_as_long_as_its_value() {
    for kernel in kernels() {
        let process = kernel.process();
        let listener = TcpListener::bind(&process, "127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (fd, again) = (listener.as_fd(), listener.try_clone().unwrap());
        assert_eq!(TcpListener::bind(&process, address).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(process.getsockname(fd).unwrap_err().errno, Errno::EBADF);
        let client = TcpStream::connect(&process, address).unwrap();
        drop(again);
        drop(client);
        let refused = TcpStream::connect(&process, address).unwrap_err();
        assert_eq!(
            (refused.kind(), errno(&refused)),
            (ErrorKind::ConnectionRefused, Some(Errno::ECONNREFUSED))
        );
    }
}

#[test]
fn timeouts_are_those_of_the_standard_library() {
    let wire = Wire::new();
    let kernel = on_wire(&wire, "10.0.0.1/24");
    let nobody: SocketAddr = "10.0.0.9:80".parse().unwrap();
    let begun = Instant::now();
    let late = TcpStream::connect_timeout(&kernel.process(), &nobody, Duration::from_millis(50)).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() >= Duration::from_millis(50));
    let zero = TcpStream::connect_timeout(&kernel.process(), &nobody, Duration::ZERO).unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);

    let (client, _server) = connected(&kernel);
    client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    assert_eq!(client.read_timeout().unwrap(), Some(Duration::from_millis(20)));
    assert_eq!((&client).read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(client.set_write_timeout(Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
    client.set_read_timeout(None).unwrap();
    client.set_nonblocking(true).unwrap();
    assert_eq!((&client).read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_stream_is_peeked_read_in_parts_and_shut_down() {
    for kernel in kernels() {
        let (client, server) = connected(&kernel);
        let parts = [IoSlice::new(b"one "), IoSlice::new(b"two")];
        assert_eq!((&client).write_vectored(&parts).unwrap(), 7);
        let mut peeked = [0; 3];
        assert_eq!((server.peek(&mut peeked).unwrap(), &peeked), (3, b"one"));
        let (mut first, mut second) = ([0; 5], [0; 9]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!((&server).read_vectored(&mut buffers).unwrap(), 7);
        assert_eq!((&first, &second[..2]), (b"one t", &b"wo"[..]));
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!((&server).read(&mut [0; 1]).unwrap(), 0);
        let broken = (&client).write(b"more").unwrap_err();
        assert_eq!((broken.kind(), errno(&broken)), (ErrorKind::BrokenPipe, Some(Errno::EPIPE)));
        assert!(server.take_error().unwrap().is_none());
        server.set_ttl(9).unwrap();
        assert_eq!(server.ttl().unwrap(), 9);
    }
}

#[test]
fn datagrams_keep_their_borders_and_errors_come_back() {
    for kernel in kernels() {
        let (one, other) = (
            UdpSocket::bind(&kernel.process(), "127.0.0.1:0").unwrap(),
            UdpSocket::bind(&kernel.process(), "127.0.0.1:0").unwrap(),
        );
        let to = one.local_addr().unwrap();
        assert_eq!(other.send_to(b"question", to).unwrap(), 8);
        let mut buffer = [0; 4];
        let from = other.local_addr().unwrap();
        assert_eq!(one.peek_from(&mut buffer).unwrap(), (4, from));
        assert_eq!((one.recv_from(&mut buffer).unwrap(), &buffer), ((4, from), b"ques"));
        other.connect(to).unwrap();
        assert_eq!(other.peer_addr().unwrap(), to);
        one.send_to(b"", from).unwrap();
        assert_eq!(other.recv(&mut buffer).unwrap(), 0);
        drop(one);
        other.send(b"anyone?").unwrap();
        assert_eq!(other.recv(&mut buffer).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}

#[test]
fn members_of_a_group_on_a_wire_get_what_is_sent_there() {
    let wire = Wire::new();
    let kernels: Vec<Kernel> = (1..4).map(|host| on_wire(&wire, &format!("10.0.0.{host}/24"))).collect();
    let group = Ipv4Addr::new(239, 1, 2, 3);
    let sockets: Vec<UdpSocket> = kernels
        .iter()
        .zip(1..)
        .map(|(kernel, host)| {
            let socket = UdpSocket::bind(&kernel.process(), "0.0.0.0:5000").unwrap();
            socket.join_multicast_v4(&group, &Ipv4Addr::new(10, 0, 0, host)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        })
        .collect();
    sockets[0].set_multicast_ttl_v4(2).unwrap();
    sockets[0].set_multicast_loop_v4(false).unwrap();
    assert_eq!((sockets[0].multicast_ttl_v4().unwrap(), sockets[0].multicast_loop_v4().unwrap()), (2, false));
    let sender = UdpSocket::bind(&kernels[0].process(), "10.0.0.1:0").unwrap();
    sender.set_multicast_loop_v4(false).unwrap();
    sender.send_to(b"all", (group, 5000)).unwrap();
    for socket in &sockets[1..] {
        let mut buffer = [0; 9];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from), (&b"all"[..], sender.local_addr().unwrap()));
    }
    sockets[2].leave_multicast_v4(&group, &Ipv4Addr::new(10, 0, 0, 3)).unwrap();
    sockets[2].set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    sender.send_to(b"again", (group, 5000)).unwrap();
    assert_eq!(sockets[1].recv(&mut [0; 9]).unwrap(), 5);
    assert_eq!(sockets[2].recv(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn members_of_a_group_of_ipv6_get_what_is_sent_there() {
    let wire = Wire::new();
    let kernels: Vec<Kernel> = (1..4).map(|host| on_wire(&wire, &format!("fd00::{host}/64"))).collect();
    let end = Instant::now() + Duration::from_secs(20);
    for kernel in &kernels {
        let interface = Interface::find(kernel, "eth0").unwrap();
        let is_asking = |info: &AddressInfo| info.state == AddressState::Tentative;
        while interface.addresses().unwrap().iter().any(is_asking) {
            assert!(Instant::now() < end, "the addresses stay tentative");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let group: Ipv6Addr = "ff15::77".parse().unwrap();
    let sockets: Vec<UdpSocket> = kernels
        .iter()
        .map(|kernel| {
            let number = Interface::find(kernel, "eth0").unwrap().number();
            let socket = UdpSocket::bind(&kernel.process(), "[::]:5000").unwrap();
            socket.join_multicast_v6(&group, number).unwrap();
            assert_eq!(socket.join_multicast_v6(&group, 99).unwrap_err().kind(), ErrorKind::Other);
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        })
        .collect();
    let sender = UdpSocket::bind(&kernels[0].process(), "[fd00::1]:0").unwrap();
    assert!(sender.multicast_loop_v6().unwrap());
    sender.set_multicast_loop_v6(false).unwrap();
    sender.set_multicast_hops_v6(3).unwrap();
    assert_eq!((sender.multicast_loop_v6().unwrap(), sender.multicast_hops_v6().unwrap()), (false, 3));
    sender.send_to(b"all", (group, 5000)).unwrap();
    for socket in &sockets[1..] {
        let mut buffer = [0; 9];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..length], from), (&b"all"[..], sender.local_addr().unwrap()));
    }
    for socket in [&sockets[0], &sockets[2]] {
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    }
    assert_eq!(sockets[0].recv(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
    sockets[2].leave_multicast_v6(&group, 0).unwrap();
    sender.send_to(b"again", (group, 5000)).unwrap();
    assert_eq!(sockets[1].recv(&mut [0; 9]).unwrap(), 5);
    assert_eq!(sockets[2].recv(&mut [0; 9]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn interfaces_and_routes_are_what_was_configured() {
    let wire = Wire::new();
    let kernel = on_wire(&wire, "10.0.0.1/24");
    let interface = Interface::find(&kernel, "eth0").unwrap();
    let info = interface.info().unwrap();
    // It has one of its link besides, which it gave itself.
    let own = |info: InterfaceInfo| info.addresses.into_iter().filter(|(address, _)| address.is_ipv4());
    assert!(info.is_up);
    assert_eq!(own(info).collect::<Vec<_>>(), [(Ipv4Addr::new(10, 0, 0, 1).into(), 24)]);
    let outside = add_default_route(&kernel, Ipv4Addr::new(192, 0, 2, 1).into()).unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::NetworkUnreachable);
    add_default_route(&kernel, Ipv4Addr::new(10, 0, 0, 254).into()).unwrap();
    assert!(routes(&kernel).unwrap().iter().any(|route| route.length == 0));
    let again = Interface::attach(&kernel, "eth0", wire.end()).err().unwrap();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    interface.remove_address(Ipv4Addr::new(10, 0, 0, 1).into()).unwrap();
    assert_eq!(own(interface.info().unwrap()).count(), 0);
    let other = interface.clone();
    interface.detach().unwrap();
    assert_eq!(errno(&other.info().unwrap_err()), Some(Errno::ENXIO));
    assert_eq!(interfaces(&kernel).unwrap().len(), 1);
    let unreachable = TcpStream::connect(&kernel.process(), "10.0.0.2:80").unwrap_err();
    assert_eq!(unreachable.kind(), ErrorKind::NetworkUnreachable);
}

#[test]
fn local_sockets_have_paths() {
    let process = kernel().process();
    let listener = UnixListener::bind(&process, "/service").unwrap();
    assert_eq!(listener.local_addr().unwrap(), b"/service");
    let mut client = UnixStream::connect(&process, "/service").unwrap();
    let (mut server, from) = listener.accept().unwrap();
    assert_eq!((from, client.peer_addr().unwrap()), (vec![], b"/service".to_vec()));
    client.write_all(b"hello").unwrap();
    drop(client);
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let named = UnixDatagram::bind(&process, "/named").unwrap();
    let nameless = UnixDatagram::unbound(&process).unwrap();
    nameless.send_to(b"x", "/named").unwrap();
    assert_eq!(named.recv_from(&mut [0; 9]).unwrap(), (1, vec![]));
    let (one, other) = UnixStream::pair(&process).unwrap();
    drop(one);
    assert_eq!((&other).read(&mut [0; 1]).unwrap(), 0);
    let missing = UnixStream::connect(&process, "/nowhere").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn a_halt_ends_what_waits() {
    for kernel in kernels() {
        let listener = TcpListener::bind(&kernel.process(), "127.0.0.1:0").unwrap();
        let waiting = std::thread::spawn(move || listener.accept().unwrap_err());
        std::thread::sleep(Duration::from_millis(20));
        kernel.init().reboot().unwrap();
        assert_eq!(errno(&waiting.join().unwrap()), Some(Errno::ENXIO));
    }
}
