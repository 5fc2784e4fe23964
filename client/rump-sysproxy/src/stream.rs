//! Streams, and what is read of them.

use crate::frame::{BODY_MAX, HEADER};
use crate::seal::{self, Key};
use crate::transport::{Reader, Writer, sealed};
use crate::url::Url;
use rump_hyper::Restart;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static IS_PLAIN: AtomicBool = AtomicBool::new(false);

/// Streams are read and written by read(2) and write(2) alone from now on, for a program that is about to forbid itself other
/// calls. SIGPIPE tells it of the end of a stream then.
pub fn use_plain_calls() {
    IS_PLAIN.store(true, Ordering::Relaxed);
}

pub(crate) fn is_plain() -> bool {
    IS_PLAIN.load(Ordering::Relaxed)
}

/// A stream, of which several may have a part.
#[derive(Clone)]
pub struct Stream(Arc<Socket>);

enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    /// Errors: the server is not there, or does not let us in.
    pub fn connect(url: &Url) -> io::Result<Self> {
        Ok(match url {
            Url::Unix(path) => UnixStream::connect(path)?.into(),
            Url::Tcp(address) => TcpStream::connect(address).and_then(without_delay)?.into(),
        })
    }

    /// One that came with a program. Errors: NotConnected, and those of the host (it is no stream).
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        rustix::net::getpeername(&fd)?;
        let is_local = rustix::net::sockopt::socket_domain(&fd)? == AddressFamily::UNIX;
        Ok(if is_local { UnixStream::from(fd).into() } else { TcpStream::from(fd).into() })
    }

    /// The same with a descriptor of this number or a higher one. Where the limit of the program is lower, it stays as it is.
    /// Errors: those of the host.
    pub fn renumbered(self, lowest: RawFd) -> io::Result<Self> {
        let copied = match &*self.0 {
            Socket::Unix(stream) => rustix::io::fcntl_dupfd_cloexec(stream, lowest),
            Socket::Tcp(stream) => rustix::io::fcntl_dupfd_cloexec(stream, lowest),
        };
        match copied {
            Err(rustix::io::Errno::INVAL) => Ok(self),
            copied => Self::from_fd(copied?),
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> RawFd {
        match &*self.0 {
            Socket::Unix(stream) => stream.as_raw_fd(),
            Socket::Tcp(stream) => stream.as_raw_fd(),
        }
    }

    /// Messages to and from a server, which has to know the key if there is one. Errors: PermissionDenied (it does not), those
    /// of the host.
    pub fn to_server(&self, key: Option<&Key>) -> io::Result<(Reader, Writer)> {
        match key {
            Some(key) => Ok(sealed(seal::initiate(&mut self.clone(), key)?)),
            None => Ok((Reader::new(self.clone()), Writer::new(self.clone()))),
        }
    }

    /// The same of a client.
    pub(crate) fn to_client(&self, key: Option<&Key>) -> io::Result<(Reader, Writer)> {
        match key {
            Some(key) => Ok(sealed(seal::respond(&mut self.clone(), key)?)),
            None => Ok((Reader::new(self.clone()), Writer::new(self.clone()))),
        }
    }

    /// The user at the other end, where the host knows.
    pub(crate) fn peer(&self) -> io::Result<Option<Peer>> {
        match &*self.0 {
            Socket::Unix(stream) => peer_of(stream).map(Some),
            Socket::Tcp(_) => Ok(None),
        }
    }

    /// How long reading may take; none: as long as it takes.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match &*self.0 {
            Socket::Unix(stream) => stream.set_read_timeout(timeout),
            Socket::Tcp(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Reads, and looks for a while before it sleeps: often the other end is about to answer.
    fn read_soon(&self, into: &mut [u8]) -> io::Result<usize> {
        if is_plain() {
            return Ok(match &*self.0 {
                Socket::Unix(stream) => rustix::io::read(stream, into),
                Socket::Tcp(stream) => rustix::io::read(stream, into),
            }?);
        }
        let (into, outcome) = (RefCell::new(into), Cell::new(Ok(0)));
        let is_there = || {
            let read = self.read_now(&mut into.borrow_mut()).transpose();
            read.map(|read| outcome.set(read)).is_some()
        };
        rump_spin::wait(None, is_there, |_| {
            outcome.set(self.clone().read(&mut into.borrow_mut()));
            true
        });
        outcome.into_inner()
    }

    /// Sleeps until something comes; true: a handler ran instead, in this thread, that ends a call of the host's which waits
    /// so.
    pub fn sleep(&self, restart: Restart) -> bool {
        let slept = match (&*self.0, restart) {
            (Socket::Unix(stream), Restart::Often) => peek(stream, RecvFlags::empty()),
            (Socket::Tcp(stream), Restart::Often) => peek(stream, RecvFlags::empty()),
            (Socket::Unix(stream), Restart::Never) => wait_for(stream),
            (Socket::Tcp(stream), Restart::Never) => wait_for(stream),
        };
        slept == Err(rustix::io::Errno::INTR)
    }

    /// Whether reading would not sleep.
    fn is_ready(&self) -> bool {
        let peeked = match &*self.0 {
            Socket::Unix(stream) => peek(stream, RecvFlags::DONTWAIT),
            Socket::Tcp(stream) => peek(stream, RecvFlags::DONTWAIT),
        };
        peeked != Err(rustix::io::Errno::AGAIN)
    }

    /// Reads what is there. None: nothing is.
    pub(crate) fn read_now(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        let read = match &*self.0 {
            Socket::Unix(stream) => rustix::net::recv(stream, into, RecvFlags::DONTWAIT),
            Socket::Tcp(stream) => rustix::net::recv(stream, into, RecvFlags::DONTWAIT),
        };
        match read {
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            read => Ok(Some(read?.0)),
        }
    }

    /// Writes it all. As long as the other end takes nothing, as it waits to be read from, what comes is taken.
    pub(crate) fn write_while_taking(&self, mut bytes: &[u8], input: &mut Input) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_now(bytes)? {
                Some(count) => bytes = &bytes[count..],
                None => self.wait_to_write(input)?,
            }
        }
        Ok(())
    }

    /// Writes what there is room for. None: there is none.
    fn write_now(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let flags = SILENTLY | SendFlags::DONTWAIT;
        let sent = match &*self.0 {
            Socket::Unix(stream) => rustix::net::send(stream, bytes, flags),
            Socket::Tcp(stream) => rustix::net::send(stream, bytes, flags),
        };
        match sent {
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            sent => Ok(Some(sent?)),
        }
    }

    fn wait_to_write(&self, input: &mut Input) -> io::Result<()> {
        let events = if input.has_room() { PollFlags::OUT | PollFlags::IN } else { PollFlags::OUT };
        let socket = match &*self.0 {
            Socket::Unix(stream) => stream.as_fd(),
            Socket::Tcp(stream) => stream.as_fd(),
        };
        let mut fds = [PollFd::new(&socket, events)];
        match rustix::event::poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            polled => polled?,
        };
        if fds[0].revents().contains(PollFlags::IN) { input.take_ahead() } else { Ok(()) }
    }

    /// Ends it for all who have a part.
    pub fn shut_down(&self) {
        // The other end may have done so.
        let _ = match &*self.0 {
            Socket::Unix(stream) => stream.shutdown(Shutdown::Both),
            Socket::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

fn peek(stream: impl AsFd, flags: RecvFlags) -> rustix::io::Result<()> {
    rustix::net::recv(stream, &mut [0; 1], RecvFlags::PEEK | flags).map(drop)
}

fn wait_for(stream: impl AsFd) -> rustix::io::Result<()> {
    rustix::event::poll(&mut [PollFd::new(&stream, PollFlags::IN)], None).map(drop)
}

pub(crate) fn without_delay(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self(Arc::new(Socket::Unix(stream)))
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self(Arc::new(Socket::Tcp(stream)))
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &*self.0 {
            Socket::Unix(stream) => (&mut &*stream).read(into),
            Socket::Tcp(stream) => (&mut &*stream).read(into),
        }
    }
}

/// Programs need not know that there is a stream: no signal tells of its end, where hosts can be told so.
#[cfg(not(target_vendor = "apple"))]
const SILENTLY: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SILENTLY: SendFlags = SendFlags::empty();

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = match &*self.0 {
            Socket::Unix(stream) if is_plain() => rustix::io::write(stream, bytes),
            Socket::Tcp(stream) if is_plain() => rustix::io::write(stream, bytes),
            Socket::Unix(stream) => rustix::net::send(stream, bytes, SILENTLY),
            Socket::Tcp(stream) => rustix::net::send(stream, bytes, SILENTLY),
        };
        Ok(sent?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A user of the host at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer_of(stream: &UnixStream) -> io::Result<Peer> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(Peer { uid: peer.uid.as_raw(), gid: peer.gid.as_raw() })
}

/// Nobody but the user of the server gets through the mode of the socket.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn peer_of(_: &UnixStream) -> io::Result<Peer> {
    Ok(Peer { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() })
}

/// What comes of a stream.
pub(crate) struct Input {
    pub(crate) stream: Stream,
    /// What was taken before anybody asked for it.
    ahead: VecDeque<u8>,
    has_ended: bool,
}

/// Most bytes that are taken before anybody asks for them: a few messages.
const AHEAD_MAX: usize = 8 * (HEADER + BODY_MAX);

impl Input {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, ahead: VecDeque::new(), has_ended: false }
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.has_ended && self.ahead.len() < AHEAD_MAX
    }

    /// Keeps what came. Errors: those of the host.
    pub(crate) fn take_ahead(&mut self) -> io::Result<()> {
        if self.has_room() {
            let mut bytes = [0; PIECE];
            if let Some(count) = self.stream.read_now(&mut bytes)? {
                self.has_ended = count == 0;
                self.ahead.extend(&bytes[..count]);
            }
        }
        Ok(())
    }

    /// Whether reading would not sleep.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ahead.is_empty() || self.stream.is_ready()
    }

    /// Reads what is there. None: nothing is.
    pub(crate) fn read_now(&mut self, into: &mut [u8]) -> io::Result<Option<usize>> {
        if self.ahead.is_empty() { self.stream.read_now(into) } else { self.ahead.read(into).map(Some) }
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() { self.stream.read_soon(into) } else { self.ahead.read(into) }
    }
}

/// Bytes that are asked of the host at once.
pub(crate) const PIECE: usize = 16 << 10;
