//! Streams: how messages travel, and how one listens for them.

use crate::frame::{BANNER_MAX, HEADER, Header, Malformed};
use crate::seal::{self, Key, Opener, Sealer};
use crate::url::Url;
use rustix::event::{PollFd, PollFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static IS_PLAIN: AtomicBool = AtomicBool::new(false);

/// Streams are read and written by read(2) and write(2) alone from now on, for a program that is about to forbid itself other
/// calls. SIGPIPE tells it of the end of a stream then.
pub fn use_plain_calls() {
    IS_PLAIN.store(true, Ordering::Relaxed);
}

fn is_plain() -> bool {
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
        let flags = RecvFlags::DONTWAIT;
        let is_there = || {
            let mut into = into.borrow_mut();
            let read = match &*self.0 {
                Socket::Unix(stream) => rustix::net::recv(stream, &mut **into, flags),
                Socket::Tcp(stream) => rustix::net::recv(stream, &mut **into, flags),
            };
            let is_there = read != Err(rustix::io::Errno::AGAIN);
            if is_there {
                outcome.set(read.map(|(read, _)| read).map_err(io::Error::from));
            }
            is_there
        };
        rump_spin::wait(None, is_there, |_| {
            outcome.set(self.clone().read(&mut into.borrow_mut()));
            true
        });
        outcome.into_inner()
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

fn without_delay(stream: TcpStream) -> io::Result<TcpStream> {
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

/// Messages that come.
pub struct Reader {
    source: Source,
    /// What came and was not asked for yet is from `start` to `end`.
    buffer: Box<[u8; PIECE]>,
    start: usize,
    end: usize,
}

/// Where they come from.
enum Source {
    Plain(Stream),
    Sealed(Box<Opener>),
}

impl Read for Source {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_soon(into),
            Self::Sealed(opener) => opener.read(into),
        }
    }
}

/// Bytes that are asked of the host at once.
const PIECE: usize = 16 << 10;

impl Reader {
    /// Of a stream.
    pub fn new(stream: Stream) -> Self {
        Self::from(Source::Plain(stream))
    }

    fn from(source: Source) -> Self {
        Self { source, buffer: Box::new([0; PIECE]), start: 0, end: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes what there is; false: there is no more.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.end += read;
                    return Ok(read > 0);
                }
            }
        }
    }

    /// The line with which a server begins. Errors: InvalidData (it is none), UnexpectedEof.
    pub fn banner(&mut self) -> io::Result<String> {
        loop {
            let end = self.rest().iter().take(BANNER_MAX).position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line = String::from_utf8_lossy(&self.rest()[..end]).into_owned();
                self.start += end + 1;
                return Ok(line);
            }
            if self.rest().len() >= BANNER_MAX {
                return Err(io::Error::new(
                    ErrorKind::InvalidData,
                    "the server does not begin with a banner",
                ));
            }
            if !self.fill()? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next message; none: the other end has gone. Errors: InvalidData (what no message is), UnexpectedEof.
    pub fn message(&mut self) -> io::Result<Option<(Header, Vec<u8>)>> {
        while self.rest().len() < HEADER {
            if !self.fill()? {
                return if self.rest().is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
        let bytes = std::array::from_fn(|index| self.buffer[self.start + index]);
        let header = Header::parse(&bytes).map_err(|Malformed(what)| {
            io::Error::new(ErrorKind::InvalidData, format!("a message of no {what}"))
        })?;
        self.start += HEADER;
        let here = header.body.min(self.rest().len());
        let mut body = self.rest()[..here].to_vec();
        self.start += here;
        body.resize(header.body, 0);
        self.source.read_exact(&mut body[here..])?;
        Ok(Some((header, body)))
    }
}

/// Messages that go.
pub struct Writer {
    sink: Sink,
    buffer: Vec<u8>,
}

/// Where they go.
enum Sink {
    Plain(Stream),
    Sealed(Sealer),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Sealed(sealer) => sealer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sealed((opener, sealer): (Opener, Sealer)) -> (Reader, Writer) {
    (
        Reader::from(Source::Sealed(Box::new(opener))),
        Writer { sink: Sink::Sealed(sealer), buffer: Vec::new() },
    )
}

impl Writer {
    /// Of a stream.
    pub fn new(stream: Stream) -> Self {
        Self { sink: Sink::Plain(stream), buffer: Vec::new() }
    }

    /// With what a server begins, its newline included. Errors: those of the host.
    pub fn banner(&mut self, line: &str) -> io::Result<()> {
        self.sink.write_all(line.as_bytes())
    }

    /// A message whose body is in two parts; its header says how long they are together. Errors: those of the host.
    pub fn message(&mut self, header: &Header, front: &[u8], rest: &[u8]) -> io::Result<()> {
        debug_assert_eq!(header.body, front.len() + rest.len());
        self.buffer.clear();
        self.buffer.extend_from_slice(&header.emit());
        self.buffer.extend_from_slice(front);
        if rest.len() <= PIECE {
            self.buffer.extend_from_slice(rest);
            return self.sink.write_all(&self.buffer);
        }
        self.sink.write_all(&self.buffer)?;
        self.sink.write_all(rest)
    }
}

/// Where clients come in. Dropping it takes the name of its socket away.
pub(crate) enum Listener {
    Unix(UnixListener, Name),
    Tcp(TcpListener),
}

/// A name in the file system, gone with this.
pub(crate) struct Name(std::path::PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        // Somebody may have taken it away.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Only the user of the server gets to a socket in the file system; one that nobody listens at any more is replaced.
    /// Over a network, only who knows a key. Errors: AddrInUse, those of the host; PermissionDenied (others than this machine
    /// would get in, and there is no key).
    pub(crate) fn bind(url: &Url, has_key: bool) -> io::Result<Self> {
        match url {
            Url::Unix(path) => {
                let listener = bind_unix(path)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener, Name(path.clone())))
            }
            Url::Tcp(address) if !address.ip().is_loopback() && !has_key => Err(io::Error::new(
                ErrorKind::PermissionDenied,
                "other machines could come in, and nothing would ask who they are: a key is needed, or 127.0.0.1, ::1 or unix://",
            )),
            Url::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
        }
    }

    /// Where it is: with the port, if the host chose it.
    pub(crate) fn url(&self) -> io::Result<Url> {
        Ok(match self {
            Self::Unix(_, Name(path)) => Url::Unix(path.clone()),
            Self::Tcp(listener) => Url::Tcp(listener.local_addr()?),
        })
    }

    /// Waits until somebody comes, something happens to `bell`, or so much time has passed.
    pub(crate) fn wait(&self, bell: &UnixStream, most: Duration) -> io::Result<()> {
        let socket = match self {
            Self::Unix(listener, _) => listener.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        };
        let mut fds = [PollFd::new(&socket, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        let most = most.try_into().map_err(|_| ErrorKind::InvalidInput)?;
        loop {
            match rustix::event::poll(&mut fds, Some(&most)) {
                Err(rustix::io::Errno::INTR) => {}
                polled => return Ok(polled.map(drop)?),
            }
        }
    }

    /// Errors: WouldBlock (who came has gone again).
    pub(crate) fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Unix(listener, _) => listener.accept()?.0.into(),
            Self::Tcp(listener) => listener.accept().and_then(|(stream, _)| without_delay(stream))?.into(),
        })
    }
}

/// Nobody connects before the mode is right: the socket does not listen yet.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let address = SocketAddrUnix::new(path)?;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    if rustix::net::bind(&socket, &address) == Err(rustix::io::Errno::ADDRINUSE) {
        let is_socket = path.symlink_metadata()?.file_type().is_socket();
        let is_left =
            || UnixStream::connect(path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
        if !is_socket || !is_left() {
            return Err(ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
        rustix::net::bind(&socket, &address)?;
    }
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket.into())
}
