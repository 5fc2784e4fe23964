//! Addresses of names: a resolver that asks the servers of a kernel's network (RFC 1035, RFC 3596).
//!
//! ```no_run
//! use rumpkit::net::resolve::Resolver;
//! # fn main() -> std::io::Result<()> {
//! # let kernel = rumpkit::kernel(rumpkit::PosixHost::new())?;
//! let addresses = Resolver::of_kernel(&kernel)?.lookup("www.example.com")?;
//! # Ok(())
//! # }
//! ```
//!
//! It keeps nothing, and believes what the servers say: they are asked by a random number from a random port, and whatever
//! is no answer of whom was asked to what was asked is passed over. What a datagram has no room for is asked again by TCP.

mod config;
pub mod message;

use super::{TcpStream, UdpSocket};
use crate::{Kernel, Process};
use message::{Answer, Code, Kind, Question};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

/// The port of name servers.
const PORT: u16 = 53;
/// The longest message.
const MOST_BYTES: usize = 65_535;
/// How long a server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often each is asked.
const ATTEMPTS: usize = 2;

/// Asks servers for the addresses of names.
#[derive(Clone)]
pub struct Resolver {
    process: Process,
    servers: Vec<SocketAddr>,
    patience: Duration,
}

impl Resolver {
    /// Asks the servers that `/etc/resolv.conf` of a kernel names, three at most. Errors: NotFound (it names none), those of
    /// reading it.
    pub fn of_kernel(kernel: &Kernel) -> io::Result<Self> {
        let servers = config::servers(kernel)?;
        if servers.is_empty() {
            let text = format!("{}: names no server", config::PATH);
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        Ok(Self::new(&kernel.process(), servers))
    }

    /// Asks these servers, one after the other until one knows.
    pub fn new(process: &Process, servers: Vec<SocketAddr>) -> Self {
        Self { process: process.clone(), servers, patience: PATIENCE }
    }

    /// Asks the servers at these addresses.
    pub fn at(process: &Process, servers: &[IpAddr]) -> Self {
        Self::new(process, servers.iter().map(|server| SocketAddr::new(*server, PORT)).collect())
    }

    /// Waits for each server for so long, each of two times.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The addresses of a name, those of IPv4 first; those of a numeric address, itself. `localhost` and what ends so is
    /// this kernel (RFC 6761, section 6.3).
    ///
    /// Errors: InvalidInput (no name), NotFound (there is no such name, or it has no address), TimedOut, Other (a server
    /// that answered could not say), those of sending.
    pub fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        if let Ok(address) = name.parse() {
            return Ok(vec![address]);
        }
        let plain = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if plain == "localhost" || plain.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let answers = [Kind::A, Kind::Aaaa].map(|kind| self.ask(name, kind));
        let mut addresses = Vec::new();
        let mut failure = None;
        for answer in answers {
            match answer {
                Ok(found) => addresses.extend(found),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        match failure {
            Some(error) if addresses.is_empty() => Err(error),
            _ if addresses.is_empty() => {
                Err(io::Error::new(io::ErrorKind::NotFound, format!("{name}: has no address")))
            }
            _ => Ok(addresses),
        }
    }

    fn ask(&self, name: &str, kind: Kind) -> io::Result<Vec<IpAddr>> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "there is no name server");
        for server in self.servers.iter().cycle().take(self.servers.len() * ATTEMPTS) {
            let question = Question::new(random(), name, kind).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?}: is no name of a host"))
            })?;
            let answer = self.ask_by_datagram(*server, &question).and_then(|answer| {
                if answer.is_truncated { self.ask_by_stream(*server, &question) } else { Ok(answer) }
            });
            match answer {
                Ok(Answer { code: Code::Found, addresses, .. }) => return Ok(addresses),
                Ok(Answer { code: Code::NoName, .. }) => {
                    return Err(io::Error::new(
                        io::ErrorKind::NotFound,
                        format!("{name}: there is no such name"),
                    ));
                }
                Ok(Answer { code: Code::Failure(code), .. }) => {
                    failure = io::Error::other(format!("{name}: the server {} failed ({code})", server.ip()));
                }
                Err(error) => {
                    failure = io::Error::new(error.kind(), format!("{name}: {}: {error}", server.ip()))
                }
            }
        }
        Err(failure)
    }

    fn ask_by_datagram(&self, server: SocketAddr, question: &Question) -> io::Result<Answer> {
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind(&self.process, (any, 0))?;
        // From now on it hears nobody else.
        socket.connect(server)?;
        socket.send(&question.to_bytes())?;
        let end = Instant::now() + self.patience;
        let mut buffer = vec![0; MOST_BYTES];
        loop {
            socket.set_read_timeout(Some(left(end)?))?;
            let length = socket.recv(&mut buffer).map_err(late)?;
            if let Some(answer) = question.read(&buffer[..length]) {
                return Ok(answer);
            }
        }
    }

    /// Each message follows its length (RFC 1035, section 4.2.2).
    fn ask_by_stream(&self, server: SocketAddr, question: &Question) -> io::Result<Answer> {
        let end = Instant::now() + self.patience;
        let stream = TcpStream::connect_timeout(&self.process, &server, self.patience)?;
        stream.set_write_timeout(Some(self.patience))?;
        let bytes = question.to_bytes();
        (&stream).write_all(&[&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat()).map_err(late)?;
        let mut length = [0; 2];
        fill(&stream, &mut length, end)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        fill(&stream, &mut message, end)?;
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "is no answer to what was asked");
        question.read(&message).filter(|answer| !answer.is_truncated).ok_or_else(wrong)
    }
}

/// Reads until the buffer is full, and not longer than until `end`.
fn fill(mut stream: &TcpStream, mut buffer: &mut [u8], end: Instant) -> io::Result<()> {
    while !buffer.is_empty() {
        stream.set_read_timeout(Some(left(end)?))?;
        match stream.read(buffer).map_err(late)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => buffer = &mut buffer[count..],
        }
    }
    Ok(())
}

/// Errors: TimedOut.
fn left(end: Instant) -> io::Result<Duration> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late(io::ErrorKind::WouldBlock.into())) } else { Ok(left) }
}

fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "does not answer"),
        _ => error,
    }
}

/// A number that nobody guesses: of a hash with a secret key.
fn random() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}
