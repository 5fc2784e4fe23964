//! What behaviours are seen at.

use rump_abi::{Errno, MessageFlags, PollEvents, Shutdown, SocketType};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A descriptor.
pub type Fd = u32;
pub type Answer<T> = Result<T, Errno>;

/// Options that are a number, or a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    Error,
    Listens,
    ReuseAddress,
    ReusePort,
    KeepAlive,
    Broadcast,
    OobInline,
    Protocol,
    Ttl,
    Tos,
    MulticastTtl,
    MulticastLoop,
    UnicastHops,
    MulticastHops,
    TrafficClass,
    V6Only,
    NoDelay,
    Cork,
    KeepIdle,
    KeepInterval,
    KeepCount,
    UserTimeout,
}

/// A message that came.
#[derive(Debug, PartialEq, Eq)]
pub struct Came {
    pub bytes: Vec<u8>,
    /// As it was answered, which may be more.
    pub length: usize,
    pub from: Option<SocketAddr>,
    pub flags: MessageFlags,
}

/// Calls that do not block; what waits does so by polling.
pub trait System {
    /// Whether it is the host.
    fn is_host(&self) -> bool;
    fn socket(&self, like: SocketAddr, kind: SocketType, protocol: u8) -> Answer<Fd>;
    fn bind(&self, fd: Fd, to: SocketAddr) -> Answer<()>;
    fn listen(&self, fd: Fd, backlog: u32) -> Answer<()>;
    fn accept(&self, fd: Fd) -> Answer<(Fd, SocketAddr)>;
    fn connect(&self, fd: Fd, to: SocketAddr) -> Answer<()>;
    fn send(&self, fd: Fd, bytes: &[u8], flags: MessageFlags, to: Option<SocketAddr>) -> Answer<usize>;
    fn receive(&self, fd: Fd, length: usize, flags: MessageFlags) -> Answer<Came>;
    fn shutdown(&self, fd: Fd, how: Shutdown) -> Answer<()>;
    fn name(&self, fd: Fd) -> Answer<SocketAddr>;
    fn peer(&self, fd: Fd) -> Answer<SocketAddr>;
    fn close(&self, fd: Fd);
    /// What is so of `events`, once it is.
    fn poll(&self, fd: Fd, events: PollEvents, timeout: Duration) -> PollEvents;
    fn readable(&self, fd: Fd) -> Answer<usize>;
    fn number(&self, fd: Fd, option: Number) -> Answer<i64>;
    fn set_number(&self, fd: Fd, option: Number, number: i64) -> Answer<()>;
    fn set_linger(&self, fd: Fd, linger: Option<Duration>) -> Answer<()>;
    fn linger(&self, fd: Fd) -> Answer<Option<Duration>>;
    fn join(&self, fd: Fd, group: Ipv4Addr, interface: Ipv4Addr) -> Answer<()>;
    fn leave(&self, fd: Fd, group: Ipv4Addr, interface: Ipv4Addr) -> Answer<()>;
    fn set_congestion(&self, fd: Fd, name: &str) -> Answer<()>;
}

pub const NONE: MessageFlags = MessageFlags::empty();
/// What takes longer never comes.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn v4() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

pub fn v6() -> SocketAddr {
    (Ipv6Addr::LOCALHOST, 0).into()
}

impl dyn System + '_ {
    pub fn stream(&self, like: SocketAddr) -> Fd {
        self.socket(like, SocketType::Stream, 0).unwrap()
    }

    pub fn listener(&self, at: SocketAddr) -> Fd {
        let fd = self.stream(at);
        self.bind(fd, at).unwrap();
        self.listen(fd, 16).unwrap();
        fd
    }

    pub fn wait(&self, fd: Fd, events: PollEvents) {
        assert!(!self.poll(fd, events, PATIENCE).is_empty(), "it never is {events:?}");
    }

    pub fn ready(&self, fd: Fd) -> PollEvents {
        self.poll(fd, PollEvents::IN | PollEvents::OUT | PollEvents::PRI, Duration::ZERO)
    }

    /// Connects, and waits until that is done.
    pub fn connect_now(&self, fd: Fd, to: SocketAddr) -> Answer<()> {
        match self.connect(fd, to) {
            Err(Errno::EINPROGRESS) => {
                self.wait(fd, PollEvents::OUT);
                let number = self.number(fd, Number::Error)?;
                let errno = Errno::ALL.iter().find(|errno| **errno as i64 == number);
                errno.map_or(Ok(()), |errno| Err(*errno))
            }
            done => done,
        }
    }

    /// Both sides of a connection.
    pub fn pair(&self, at: SocketAddr) -> [Fd; 2] {
        let listener = self.listener(at);
        let client = self.stream(at);
        self.connect_now(client, self.name(listener).unwrap()).unwrap();
        self.wait(listener, PollEvents::IN);
        let server = self.accept(listener).unwrap().0;
        self.close(listener);
        [client, server]
    }

    pub fn datagrams(&self, at: SocketAddr) -> Fd {
        let fd = self.socket(at, SocketType::Datagram, 0).unwrap();
        self.bind(fd, at).unwrap();
        fd
    }

    pub fn put(&self, fd: Fd, bytes: &[u8]) -> Answer<usize> {
        self.send(fd, bytes, NONE, None)
    }

    /// Receives, once there is something.
    pub fn take(&self, fd: Fd, length: usize) -> Answer<Vec<u8>> {
        self.wait(fd, PollEvents::IN);
        self.receive(fd, length, NONE).map(|came| came.bytes)
    }

    /// Fills what there is room for.
    pub fn fill(&self, fd: Fd) -> usize {
        let content = vec![7; 1 << 16];
        let mut total = 0;
        while let Ok(count) = self.put(fd, &content) {
            total += count;
        }
        assert_eq!(self.put(fd, &content), Err(Errno::EAGAIN));
        total
    }
}
