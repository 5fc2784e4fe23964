//! What programs do: connections that carry bytes both ways, each byte known to who reads it.

use crate::random::Random;
use crate::world::{HostId, World};
use rumpkit::kpi::socket::OptionValue;
use rumpkit::kpi::{TcpInfo, TcpState};
use rumpkit::net::{TcpListener, TcpStream, errno};
use rumpkit::sockopt::{IPPROTO_TCP, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, TCP_INFO};
use rumpkit::{AddressFamily, Errno, Fd, OpenFlags, PollEvents, PollFd, Process, SocketAddress, SocketType};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// Bytes of one call.
const CHUNK: usize = 16 << 10;

/// How often a segment is sent again before its connection is given up.
const MOST_RETRIES: u8 = 12;
/// How long a handshake takes at least before it is given up (RFC 9293, section 3.8.3: three minutes), where a clock jumps
/// over a wait of it.
const HANDSHAKE: Duration = Duration::from_secs(120);

/// One side of a connection: it sends a stream, and checks the one that comes.
struct Side {
    stream: TcpStream,
    sends: Stream,
    receives: Stream,
    has_ended: bool,
    /// It sends what it has read, and reads no more before that is sent.
    echoes: bool,
}

#[derive(Clone, Copy)]
struct Stream {
    seed: u64,
    length: u64,
    done: u64,
}

impl Side {
    fn new(stream: TcpStream, sends: Stream, receives: Stream) -> Self {
        Self { stream, sends, receives, has_ended: false, echoes: false }
    }

    fn info(&self) -> Option<TcpInfo> {
        let (process, fd) = (self.stream.process(), self.stream.as_fd());
        match process.getsockopt(fd, IPPROTO_TCP, TCP_INFO).ok()? {
            OptionValue::Bytes(bytes) => TcpInfo::from_bytes(&bytes),
            _ => None,
        }
    }

    fn is_closed(&self) -> bool {
        self.info().is_some_and(|info| info.state == TcpState::Closed)
    }

    /// Whether it sent something again as often as it may, and heard nothing.
    fn has_given_up(&self) -> bool {
        self.is_closed() && self.info().is_some_and(|info| info.backoff >= MOST_RETRIES)
    }

    fn is_done(&self) -> bool {
        self.sends.done > self.sends.length && self.has_ended
    }

    /// Sends and receives what there is room for. Errors: what went wrong.
    fn work(&mut self) -> Result<(), String> {
        loop {
            self.send()?;
            if !self.receive()? {
                return Ok(());
            }
        }
    }

    fn send(&mut self) -> Result<(), String> {
        let mut bytes = [0; CHUNK];
        let end = if self.echoes { self.receives.done } else { self.sends.length };
        while self.sends.done < end {
            let count = (end - self.sends.done).min(CHUNK as u64) as usize;
            Random::fill_stream(self.sends.seed, self.sends.done, &mut bytes[..count]);
            match self.stream.write(&bytes[..count]) {
                Ok(sent) => self.sends.done += sent as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    return Err(format!("sent {} of {}: {error}", self.sends.done, self.sends.length));
                }
            }
        }
        if self.sends.done == self.sends.length {
            self.stream.shutdown(Shutdown::Write).map_err(|error| format!("shutdown: {error}"))?;
            self.sends.done += 1;
        }
        Ok(())
    }

    /// Answers whether something came.
    fn receive(&mut self) -> Result<bool, String> {
        let mut bytes = [0; CHUNK];
        if self.has_ended || (self.echoes && self.sends.done < self.receives.done) {
            return Ok(false);
        }
        match self.stream.read(&mut bytes) {
            Ok(0) if self.receives.done < self.receives.length => {
                return Err(format!("ended after {} of {}", self.receives.done, self.receives.length));
            }
            Ok(0) => self.has_ended = true,
            Ok(count) => self.check(&bytes[..count])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => {
                let Stream { done, length, .. } = self.receives;
                return Err(format!("received {done} of {length}: {error}"));
            }
        }
        Ok(true)
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), String> {
        let mut expected = [0; CHUNK];
        let expected = &mut expected[..bytes.len()];
        Random::fill_stream(self.receives.seed, self.receives.done, expected);
        if bytes != expected {
            return Err(format!("other bytes than were sent, behind {}", self.receives.done));
        }
        self.receives.done += bytes.len() as u64;
        Ok(())
    }
}

/// A connection, from before it is begun until both sides have read all.
pub struct Conversation {
    from: HostId,
    address: SocketAddr,
    listener: TcpListener,
    to_server: Stream,
    to_client: Stream,
    /// Bytes of each buffer, if the server is one that sends back what it reads.
    echo: Option<u32>,
    begun: Option<TcpStream>,
    client: Option<Side>,
    server: Option<Side>,
    /// When the client began, or may try again, if it was told that there is nobody.
    again_at: Duration,
}

impl Conversation {
    /// A program at `to` waits at `address` for one at `from`; then they send each other so many bytes.
    pub fn new(
        world: &World,
        (from, to): (HostId, HostId),
        address: SocketAddr,
        seed: u64,
        (to_server, to_client): (u64, u64),
    ) -> Self {
        let listener = TcpListener::bind(world.process(to), address).expect("a port that nobody has");
        listener.set_nonblocking(true).expect("an open socket");
        let stream = |seed, length| Stream { seed, length, done: 0 };
        Self {
            from,
            address,
            listener,
            to_server: stream(seed, to_server),
            to_client: stream(!seed, to_client),
            echo: None,
            begun: None,
            client: None,
            server: None,
            again_at: Duration::ZERO,
        }
    }

    /// The server sends back what it reads, instead, and reads no more before: with so many bytes in each buffer, both
    /// sides wait to write, and windows close.
    pub fn with_echo(self, buffer: u32) -> Self {
        set_buffers(self.listener.process(), self.listener.as_fd(), buffer).expect("an open socket");
        Self { to_client: self.to_server, echo: Some(buffer), ..self }
    }

    /// Whether both sides have sent and read all.
    pub fn is_done(&self) -> bool {
        [&self.client, &self.server].into_iter().all(|side| side.as_ref().is_some_and(Side::is_done))
    }

    /// Whether a side gave the connection up, as it may where too much is lost.
    pub fn has_given_up(&self) -> bool {
        [&self.client, &self.server].into_iter().flatten().any(Side::has_given_up)
    }

    /// What is known of both connections, for whoever looks for what went wrong.
    pub fn describe(&self) -> String {
        [("client", &self.client), ("server", &self.server)]
            .into_iter()
            .map(|(name, side)| format!("{name}: {:?}\n", side.as_ref().and_then(Side::info)))
            .collect()
    }

    /// Bytes that the server has read.
    pub fn received(&self) -> u64 {
        self.server.as_ref().map_or(0, |side| side.receives.done)
    }

    /// Does what can be done now. Errors: what went wrong.
    pub fn work(&mut self, world: &World) -> Result<(), String> {
        self.begin_again(world);
        if self.client.is_none() {
            self.connect(world)?;
        }
        if self.server.is_none() {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true).map_err(|error| error.to_string())?;
                    let side = Side::new(stream, self.to_client, self.to_server);
                    self.server = Some(Side { echoes: self.echo.is_some(), ..side });
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(format!("accept: {error}")),
            }
        }
        for (name, side) in [("client", &mut self.client), ("server", &mut self.server)] {
            if let Some(side) = side.as_mut().filter(|side| !side.is_done()) {
                side.work().map_err(|what| format!("{name} {what}"))?;
            }
        }
        Ok(())
    }

    /// The client took the connection for made, but the server did not hear that, and gave the handshake up: what comes
    /// afterwards is reset, and the client tries again.
    fn begin_again(&mut self, world: &World) {
        let may_be = self.server.is_none() && world.now() >= self.again_at + HANDSHAKE;
        if may_be && self.client.as_ref().is_some_and(Side::is_closed) {
            (self.client, self.again_at) = (None, world.now());
        }
    }

    /// Begins, and sees what became of it. Who is not heard tries again.
    fn connect(&mut self, world: &World) -> Result<(), String> {
        let process = world.process(self.from);
        let Some(stream) = self.begun.take() else {
            if world.now() >= self.again_at {
                self.again_at = world.now();
                self.begun = Some(begin(process, self.address, self.echo)?);
            }
            return Ok(());
        };
        match outcome(process, &stream)? {
            None => self.begun = Some(stream),
            Some(Ok(())) => self.client = Some(Side::new(stream, self.to_server, self.to_client)),
            Some(Err(Errno::ETIMEDOUT | Errno::EHOSTUNREACH)) => {
                self.again_at = world.now() + Duration::from_secs(1);
            }
            Some(Err(errno)) => return Err(format!("connect: {errno:?}")),
        }
        Ok(())
    }
}

fn begin(process: &Process, address: SocketAddr, buffer: Option<u32>) -> Result<TcpStream, String> {
    let (family, name) = match address {
        SocketAddr::V4(address) => (AddressFamily::Inet, SocketAddress::Inet(address)),
        SocketAddr::V6(address) => (AddressFamily::Inet6, SocketAddress::Inet6(address)),
    };
    let fd = process
        .socket(family, SocketType::Stream, 0, OpenFlags::NONBLOCK)
        .map_err(|error| error.to_string())?;
    buffer.map_or(Ok(()), |bytes| set_buffers(process, fd, bytes))?;
    let stream = TcpStream::from_fd(process, fd);
    match process.connect(fd, &name) {
        Ok(()) => Ok(stream),
        Err(error) if error.errno == Errno::EINPROGRESS => Ok(stream),
        Err(error) => Err(format!("connect: {error}")),
    }
}

fn set_buffers(process: &Process, fd: Fd, bytes: u32) -> Result<(), String> {
    [SO_SNDBUF, SO_RCVBUF].into_iter().try_for_each(|option| {
        let value = OptionValue::Number(bytes.into());
        process.setsockopt(fd, SOL_SOCKET, option, &value).map_err(|error| error.to_string())
    })
}

/// None while it is not decided.
fn outcome(process: &Process, stream: &TcpStream) -> Result<Option<Result<(), Errno>>, String> {
    let mut waits = [PollFd::new(stream.as_fd(), PollEvents::OUT)];
    process.poll(&mut waits, Some(Duration::ZERO)).map_err(|error| error.to_string())?;
    if waits[0].revents.is_empty() {
        return Ok(None);
    }
    match stream.take_error().map_err(|error| error.to_string())? {
        None => Ok(Some(Ok(()))),
        Some(error) => errno(&error).map(|errno| Some(Err(errno))).ok_or_else(|| error.to_string()),
    }
}
