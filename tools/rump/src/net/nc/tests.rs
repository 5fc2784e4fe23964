//! Two stations on a wire that talk.

use super::*;
use rumpkit::PosixHost;
use rumpkit::lossy::{Both, Impairment, Lossy};
use rumpkit::net::wire::Wire;
use rumpkit::net::{TcpListener, UdpSocket};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

fn station(wire: &Wire, address: &str) -> Station {
    Station::on(wire, address)
}

/// A server, 10.0.0.1, and a client, 10.0.0.2.
fn stations() -> (Station, Station) {
    let wire = Wire::new();
    (station(&wire, "10.0.0.1/24"), station(&wire, "10.0.0.2/24"))
}

/// Talks with `input` as standard input; answers what came, and how it went.
fn say(station: &Station, at: &str, how: &How, input: UnixStream) -> (Vec<u8>, Result<(), String>) {
    let bell = Bell::new(station.process()).unwrap();
    let mut out = Vec::new();
    let talked = talk(station, at.parse().unwrap(), how, &bell, input, &mut out);
    (out, talked)
}

/// An input that has `content` and ends.
fn input(content: Vec<u8>) -> UnixStream {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || ours.write_all(&content).and_then(|()| ours.shutdown(Shutdown::Write)));
    theirs
}

fn content(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2 * seed + 3) >> 4) as u8).collect()
}

fn ends() -> How {
    How { shutdown: true, ..How::default() }
}

/// Until somebody listens.
fn patiently(mut attempt: impl FnMut() -> (Vec<u8>, Result<(), String>)) -> Vec<u8> {
    for _ in 0..1000 {
        match attempt() {
            (came, Ok(())) => return came,
            (_, Err(text)) => assert!(text.contains("refused"), "{text}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("nobody listens");
}

#[test]
fn megabytes_go_both_ways() {
    let (server, client) = stations();
    let listens = How { listen: true, ..ends() };
    let listening = thread::spawn(move || say(&server, "0.0.0.0:80", &listens, input(content(1, 3_000_000))));
    let came = patiently(|| say(&client, "10.0.0.1:80", &ends(), input(content(2, 2_000_000))));
    assert!(came == content(1, 3_000_000), "{} bytes came", came.len());
    let (came, talked) = listening.join().unwrap();
    assert_eq!(talked, Ok(()));
    assert!(came == content(2, 2_000_000), "{} bytes came", came.len());
}

/// A station whose packets take a while.
fn station_far_away(wire: &Wire, address: &str) -> Station {
    let delay = Impairment { delay: Duration::from_millis(10), ..Impairment::default() };
    let both = Both { outgoing: delay, incoming: Impairment::default() };
    Station::with(Lossy::new(PosixHost::new(), wire.end(), 1, both), address)
}

#[test]
fn nobody_leaves_before_all_has_arrived_and_the_end_of_it() {
    let wire = Wire::new();
    let (server, client) = (station_far_away(&wire, "10.0.0.1/24"), station_far_away(&wire, "10.0.0.2/24"));
    // The client has said all long before the server.
    let listens = How { listen: true, ..ends() };
    let listening = thread::spawn(move || say(&server, "0.0.0.0:80", &listens, input(content(1, 300_000))));
    let how = How { timeout: Some(Duration::from_secs(3)), ..ends() };
    let came = patiently(|| say(&client, "10.0.0.1:80", &how, input(b"all".to_vec())));
    assert!(came == content(1, 300_000), "{} bytes came", came.len());
    assert_eq!(listening.join().unwrap(), (b"all".to_vec(), Ok(())));
}

#[test]
fn an_input_that_stays_open_does_not_keep_it() {
    let (server, client) = stations();
    let listens = How { listen: true, ..ends() };
    let listening = thread::spawn(move || say(&server, "0.0.0.0:80", &listens, input(b"all".to_vec())).1);
    let came = patiently(|| {
        let (_open, silent) = UnixStream::pair().unwrap();
        say(&client, "10.0.0.1:80", &How::default(), silent)
    });
    assert_eq!(came, b"all");
    // Nor whoever listens, once the client has hung up.
    assert_eq!(listening.join().unwrap(), Ok(()));
}

#[test]
fn silence_times_out() {
    let (server, client) = stations();
    let _listener = TcpListener::bind(server.process(), "0.0.0.0:80").unwrap();
    let how = How { timeout: Some(Duration::from_millis(50)), ..How::default() };
    for at in ["10.0.0.1:80", "10.0.0.9:80"] {
        let (_open, silent) = UnixStream::pair().unwrap();
        let (_, talked) = say(&client, at, &how, silent);
        assert_eq!(talked.unwrap_err(), format!("{} 80 (tcp): connection timed out", &at[..8]));
    }
}

#[test]
fn who_does_not_read_does_not_keep_the_thread() {
    let (server, client) = stations();
    let listener = TcpListener::bind(server.process(), "0.0.0.0:80").unwrap();
    let ends_early = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        thread::sleep(Duration::from_millis(100));
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    // The input never ends, and nobody takes what is sent.
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let feeding = thread::spawn(move || while ours.write_all(&[0; 65_536]).is_ok() {});
    let (came, talked) = say(&client, "10.0.0.1:80", &How::default(), theirs);
    assert_eq!((came, talked), (vec![], Ok(())));
    feeding.join().unwrap();
    drop(ends_early.join().unwrap());
}

#[test]
fn a_bell_ends_whatever_is_waited_for() {
    let (server, client) = stations();
    let _listener = TcpListener::bind(server.process(), "0.0.0.0:80").unwrap();
    let listens = How { listen: true, ..How::default() };
    let waits = [("0.0.0.0:80", &listens), ("10.0.0.1:80", &ends()), ("10.0.0.9:80", &ends())];
    for (at, how) in waits {
        let bell = Bell::new(client.process()).unwrap();
        let rung = bell.clone();
        let ringing = thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            rung.ring();
        });
        let (_open, silent) = UnixStream::pair().unwrap();
        assert_eq!(talk(&client, at.parse().unwrap(), how, &bell, silent, &mut Vec::new()), Ok(()), "{at}");
        ringing.join().unwrap();
    }
}

#[test]
fn datagrams_are_answered() {
    let (server, client) = stations();
    let socket = UdpSocket::bind(server.process(), "10.0.0.1:7").unwrap();
    let echo = thread::spawn(move || {
        let mut buffer = [0; 100];
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(&buffer[..length], from).unwrap();
    });
    let how = How { udp: true, timeout: Some(Duration::from_millis(300)), ..How::default() };
    let said = say(&client, "10.0.0.1:7", &how, input(b"question".to_vec()));
    echo.join().unwrap();
    assert_eq!(said, (b"question".to_vec(), Ok(())));
}

#[test]
fn a_listener_for_datagrams_answers_the_first_who_asks() {
    let (server, client) = stations();
    let how = How { udp: true, listen: true, timeout: Some(Duration::from_millis(300)), ..How::default() };
    let listening = thread::spawn(move || say(&server, "0.0.0.0:7", &how, input(b"answer".to_vec())));
    let socket = UdpSocket::bind(client.process(), "10.0.0.2:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = [0; 100];
    let ask = |_| {
        // While nobody listens, the other side says so.
        let _ = socket.send_to(b"question", "10.0.0.1:7");
        socket.recv(&mut buffer).ok()
    };
    let length = (0..1000).find_map(ask).unwrap();
    assert_eq!(&buffer[..length], b"answer");
    let (came, talked) = listening.join().unwrap();
    assert_eq!(talked, Ok(()));
    assert!(came.starts_with(b"question"));
}

#[test]
fn ipv6_carries_it_as_well() {
    let wire = Wire::new();
    let (server, client) = (station(&wire, "fd00::1/64"), station(&wire, "fd00::2/64"));
    server.settle().ok().unwrap();
    client.settle().ok().unwrap();
    let serving = thread::spawn(move || {
        say(&server, "[::]:80", &How { listen: true, ..ends() }, input(content(1, 50_000)))
    });
    let came = patiently(|| say(&client, "[fd00::1]:80", &ends(), input(content(2, 50_000))));
    let (arrived, talked) = serving.join().unwrap();
    assert_eq!(talked, Ok(()));
    assert!(came == content(1, 50_000) && arrived == content(2, 50_000));
}

#[test]
fn a_scan_finds_who_listens() {
    let (server, client) = stations();
    let (at, ports) = ("10.0.0.1:0".parse().unwrap(), (20, 25));
    let bell = Bell::new(client.process()).unwrap();
    assert_eq!(scan(&client, at, ports, &How::default(), &bell), 0);
    let _listeners =
        [22, 25].map(|port| TcpListener::bind(server.process(), (Ipv4Addr::UNSPECIFIED, port)).unwrap());
    assert_eq!(scan(&client, at, ports, &How::default(), &bell), 2);
}

#[test]
fn places_are_addresses_and_ports() {
    let parse = |words: &[&str], how: &How| {
        Place::parse(&words.iter().map(ToString::to_string).collect::<Vec<_>>(), how)
    };
    let listens = How { listen: true, ..How::default() };
    let scans = How { scan: true, ..How::default() };
    let place =
        |address: &str, first, last| Ok(Place { address: address.parse().unwrap(), ports: (first, last) });
    assert_eq!(parse(&["10.0.0.1", "80"], &How::default()), place("10.0.0.1", 80, 80));
    assert_eq!(parse(&["80"], &listens), place("0.0.0.0", 80, 80));
    assert_eq!(parse(&["10.0.0.1", "80"], &listens), place("10.0.0.1", 80, 80));
    assert_eq!(parse(&[], &How { port: Some(80), listen: true, ..How::default() }), place("0.0.0.0", 80, 80));
    assert_eq!(parse(&["::1", "20-25"], &scans), place("::1", 20, 25));
    let v6 = How { v6: true, listen: true, ..How::default() };
    assert_eq!(parse(&["80"], &v6), place("::", 80, 80));
    assert_eq!(parse(&["fe80::1%if0", "80"], &v6), place("fe80::1%if0", 80, 80));
    assert!(parse(&["10.0.0.1", "80"], &v6).is_err());
    assert!(parse(&["::1", "80"], &How { v4: true, ..How::default() }).is_err());
    for words in
        [&["80"][..], &["host", "80"], &["10.0.0.1", "0"], &["10.0.0.1", "http"], &["10.0.0.1", "20-25"]]
    {
        assert!(parse(words, &How::default()).is_err(), "{words:?}");
    }
    assert!(parse(&["10.0.0.1", "25-20"], &scans).is_err());
}
