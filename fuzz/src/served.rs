//! Bytes as what a client sends to a server that serves another one meanwhile.
//!
//! The kernel is on a simulated host, so nothing of the real one is in reach. Calls that wait end with their client.

use rump_host_sim::SimHost;
use rump_sysproxy::frame::{Class, Handshake, Header, Kind};
use rump_sysproxy::server::{Limits, Server};
use rump_sysproxy::transport::{Reader, Stream, Writer};
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// The number of getpid.
const GETPID: u32 = 20;
/// As long as anything may take; an input may take 10 s.
const SOON: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits { clients: 8, calls: 4, descriptors: 32, forks: 4 };

/// A client that keeps to the protocol.
struct Good {
    reader: Reader,
    writer: Writer,
}

impl Good {
    fn new(server: &Server) -> Option<Self> {
        let (ours, theirs) = UnixStream::pair().ok()?;
        ours.set_read_timeout(Some(SOON)).ok()?;
        server.serve(theirs).ok()?;
        let stream = Stream::from(ours);
        let mut good = Self { reader: Reader::new(stream.clone()), writer: Writer::new(stream) };
        good.reader.banner().ok()?;
        good.ask(Kind::Handshake, Handshake::Guest as u32, b"good\0")?;
        Some(good)
    }

    fn ask(&mut self, kind: Kind, code: u32, body: &[u8]) -> Option<Vec<u8>> {
        self.writer.message(&Header::request(kind, 1, code, body.len()), body, &[]).ok()?;
        let (header, body) = self.reader.message().ok()??;
        (header.class == Class::Response).then_some(body)
    }

    fn is_served(&mut self) -> bool {
        self.ask(Kind::Syscall, GETPID, &[]).is_some_and(|body| body.len() == 24 && body[..4] == [0; 4])
    }
}

/// Sends it all: the connection ends, nothing of it stays, and the other client is served, unless the kernel was halted.
pub fn run(data: &[u8]) {
    let kernel = rumpkit::kernel(SimHost::new(1)).expect("a kernel");
    let server = Server::new(kernel.clone(), LIMITS).expect("a server");
    let mut good = Good::new(&server).expect("a client");
    let (ours, theirs) = UnixStream::pair().expect("a stream");
    server.serve(theirs).expect("another client");
    send(&ours, data);
    let is_halted = || kernel.check_running().is_err();
    assert!(good.is_served() || is_halted(), "the other client is served no more");
    drop(ours);
    let until = Instant::now() + SOON;
    while server.clients().len() > 1 {
        assert!(Instant::now() < until, "something of the client stays");
        std::thread::sleep(Duration::from_micros(100));
    }
    assert!(good.is_served() || is_halted(), "the other client is served no more");
}

/// Sends, and takes what comes, until the server ends the connection.
fn send(mut stream: &UnixStream, data: &[u8]) {
    let _ = stream.set_nonblocking(true);
    let (mut left, mut answers) = (data, [0; 4096]);
    let until = Instant::now() + SOON;
    while !left.is_empty() {
        match stream.write(left) {
            Ok(sent) => left = &left[sent..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The server wants no more.
            Err(_) => return,
        }
        let _ = stream.read(&mut answers);
        assert!(Instant::now() < until, "the server takes nothing");
    }
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(SOON));
    loop {
        match stream.read(&mut answers) {
            Ok(0) => return,
            Ok(_) => assert!(Instant::now() < until, "the server says too much"),
            // libFuzzer has a timer.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "the server does not end it");
                return;
            }
        }
    }
}

/// A client that begins as it should, makes calls with a path that it is asked for, forks, and says some nonsense.
pub fn seed(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut say = |header: Header, body: &[u8]| {
        bytes.extend(header.emit());
        bytes.extend(body);
    };
    let ask = |kind, code, body: &[u8]| Header::request(kind, number, code, body.len());
    say(ask(Kind::Handshake, Handshake::Guest as u32, b"bad\0"), b"bad\0");
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<u8>>();
    // open, read, mkdir, pipe, poll, socket, sendto, sysctl: what is at address 4096 is asked for.
    for (question, call) in [5, 3, 136, 42, 209, 394, 133, 202, 410, 90].into_iter().enumerate() {
        let body = words(&[4096 * (number % 2), 4096, 8, 4096, 8, 4096]);
        say(ask(Kind::Syscall, call + (number as u32 / 4) % 3, &body), &body);
        let question = Header::request(Kind::CopyInStr, question as u64 + 1, 0, 0);
        say(question.answer(3), b"/a\0");
    }
    // A handler ran where a call waits.
    say(ask(Kind::Raise, number as u32 % 2, &number.to_ne_bytes()), &number.to_ne_bytes());
    say(ask(Kind::Prefork, 0, &[]), &[]);
    let fork = [number as u8; 20];
    say(ask(Kind::Handshake, Handshake::Fork as u32, &fork), &fork);
    say(ask(Kind::Handshake, Handshake::Exec as u32, b"worse\0"), b"worse\0");
    bytes.extend([number as u8; 30]);
    bytes
}
