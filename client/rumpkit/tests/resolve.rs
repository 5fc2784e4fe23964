//! The resolver against a server of this test on a wire, which answers as it is told to, and against others' answers.

mod wired;

use rumpkit::net::resolve::Resolver;
use rumpkit::net::wire::Wire;
use rumpkit::net::{TcpListener, UdpSocket};
use rumpkit::{Kernel, Mode, OpenFlags};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};
use wired::on_wire;

const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const A: u8 = 1;
const AAAA: u8 = 28;

/// Two kernels: one to serve names in, one to ask from.
fn kernels() -> (Kernel, Kernel) {
    let wire = Wire::new();
    (on_wire(&wire, "10.0.0.1/24"), on_wire(&wire, "10.0.0.2/24"))
}

/// Begins to answer datagrams: `answer` makes none, one or several of each question.
fn serve(kernel: &Kernel, answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) {
    let socket = UdpSocket::bind(&kernel.process(), "10.0.0.1:53").unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 600];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            for message in answer(&buffer[..length]) {
                socket.send_to(&message, from).unwrap();
            }
        }
    });
}

/// The type that is asked for.
fn kind_of(question: &[u8]) -> u8 {
    question[question.len() - 3]
}

/// An answer with the addresses that are of the type that is asked for.
fn found(question: &[u8], addresses: &[IpAddr]) -> Vec<u8> {
    let mut message = question.to_vec();
    message[2] |= 0x80;
    for address in addresses {
        let (kind, content) = match address {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        if kind == kind_of(question) {
            message[7] += 1;
            message.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, content.len() as u8]);
            message.extend(content);
        }
    }
    message
}

fn addresses() -> [IpAddr; 3] {
    [[192, 0, 2, 1].into(), [192, 0, 2, 2].into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()]
}

#[test]
fn both_kinds_of_addresses_are_found() {
    let (server, client) = kernels();
    serve(&server, |question| vec![found(question, &addresses())]);
    let resolver = Resolver::at(&client.process(), &[SERVER]);
    assert_eq!(resolver.lookup("www.example.com").unwrap(), addresses());
    assert_eq!(resolver.lookup("192.0.2.9").unwrap(), [IpAddr::from([192, 0, 2, 9])]);
    assert!(resolver.lookup("LocalHost.").unwrap().iter().all(IpAddr::is_loopback));
    assert_eq!(resolver.lookup("no name").unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn servers_are_those_of_the_kernels_file() {
    let (server, client) = kernels();
    serve(&server, |question| vec![found(question, &addresses())]);
    assert_eq!(Resolver::of_kernel(&client).err().unwrap().kind(), ErrorKind::NotFound);
    let process = client.process();
    process.mkdir("/etc", Mode::new(0o755)).unwrap();
    let flags = OpenFlags::WRONLY | OpenFlags::CREAT;
    let fd = process.open("/etc/resolv.conf", flags, Mode::new(0o644)).unwrap();
    process.write(fd, b"nameserver 10.0.0.1\n").unwrap();
    process.close(fd).unwrap();
    let resolver = Resolver::of_kernel(&client).unwrap();
    assert_eq!(resolver.lookup("www.example.com").unwrap(), addresses());
}

#[test]
fn what_is_no_answer_is_passed_over() {
    let (server, client) = kernels();
    // Nonsense, another number, another name, and then the answer.
    serve(&server, |question| {
        let right = found(question, &addresses());
        let lie = |at: usize| {
            let mut message = found(question, &[[6, 6, 6, 6].into()]);
            message[at] ^= 1;
            message
        };
        vec![
            b"nonsense".to_vec(),
            question.to_vec(),
            lie(1),
            lie(14),
            right[..right.len() - 1].to_vec(),
            right,
        ]
    });
    // Somebody else, who knows the question.
    let resolver = Resolver::at(&client.process(), &[SERVER]);
    assert_eq!(resolver.lookup("www.example.com").unwrap(), addresses());
}

#[test]
fn an_answer_of_another_server_is_not_heard() {
    let (server, client) = kernels();
    let liar = UdpSocket::bind(&server.process(), "10.0.0.1:0").unwrap();
    let socket = UdpSocket::bind(&server.process(), "10.0.0.1:53").unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 600];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            liar.send_to(&found(&buffer[..length], &[[6, 6, 6, 6].into()]), from).unwrap();
            std::thread::sleep(Duration::from_millis(5));
            socket.send_to(&found(&buffer[..length], &addresses()), from).unwrap();
        }
    });
    let resolver = Resolver::at(&client.process(), &[SERVER]);
    assert_eq!(resolver.lookup("www.example.com").unwrap(), addresses());
}

#[test]
fn names_that_are_not_there_are_told_from_servers_that_fail() {
    let (server, client) = kernels();
    serve(&server, |question| {
        let mut message = found(question, &[]);
        message[3] |= match question[13] {
            b'n' => 3,
            b'f' => 2,
            _ => 0,
        };
        vec![message]
    });
    let resolver = Resolver::at(&client.process(), &[SERVER]);
    let kind = |name: &str| resolver.lookup(name).unwrap_err().kind();
    assert_eq!((kind("none.example"), kind("empty.example")), (ErrorKind::NotFound, ErrorKind::NotFound));
    assert_eq!(kind("fails.example"), ErrorKind::Other);
}

#[test]
fn a_silent_server_is_given_up_and_the_next_one_asked() {
    let (server, client) = kernels();
    let silent = UdpSocket::bind(&server.process(), "10.0.0.1:5300").unwrap();
    let patience = Duration::from_millis(50);
    let servers = vec![silent.local_addr().unwrap()];
    let begun = Instant::now();
    let alone = Resolver::new(&client.process(), servers.clone()).with_patience(patience);
    assert_eq!(alone.lookup("www.example.com").unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(begun.elapsed() >= 4 * patience, "both kinds, twice each");
    serve(&server, |question| vec![found(question, &addresses())]);
    let servers = [servers, vec![(SERVER, 53).into()]].concat();
    let both = Resolver::new(&client.process(), servers).with_patience(patience);
    assert_eq!(both.lookup("www.example.com").unwrap(), addresses());
}

#[test]
fn what_a_datagram_has_no_room_for_comes_by_a_stream() {
    let (server, client) = kernels();
    let many: Vec<IpAddr> = (0..200).map(|host| [10, 1, 0, host].into()).collect();
    serve(&server, |question| {
        let mut message = found(question, &[]);
        message[2] |= 2;
        vec![message]
    });
    let listener = TcpListener::bind(&server.process(), "10.0.0.1:53").unwrap();
    let served = many.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut question).unwrap();
            let answer = found(&question, &served);
            // In pieces, the length as well.
            for piece in [&(answer.len() as u16).to_be_bytes()[..], &answer].concat().chunks(7) {
                stream.write_all(piece).unwrap();
            }
        }
    });
    let resolver = Resolver::at(&client.process(), &[SERVER]);
    assert_eq!(resolver.lookup("www.example.com").unwrap(), many);
}
