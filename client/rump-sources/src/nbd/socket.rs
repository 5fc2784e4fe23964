//! A connection of the host's, each of whose calls ends at a point in time.

use super::PORT;
use crate::{Scheme, Url, socket_error};
use rump_kpi::{Errno, KError, KResult};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// TCP, or a socket of this host.
#[derive(Debug)]
pub enum Socket {
    /// See [`Scheme::Nbd`].
    Tcp(TcpStream),
    /// See [`Scheme::NbdUnix`].
    Unix(UnixStream),
}

impl Socket {
    /// Connects to the server of a URL, within `limit` for each of its addresses. Errors: EINVAL (no `socket=`), the host's.
    pub fn connect(url: &Url, limit: Duration) -> KResult<Self> {
        let failed = |error: io::Error| socket_error(url, &error);
        if url.scheme == Scheme::NbdUnix {
            let path = url.field("socket")?.ok_or_else(|| {
                KError::new(Errno::EINVAL, format!("{url}: a local socket is named by ?socket=PATH"))
            })?;
            return Ok(Self::Unix(UnixStream::connect(path).map_err(failed)?));
        }
        let mut last = io::Error::from(io::ErrorKind::HostUnreachable);
        for address in (&*url.host, url.port.unwrap_or(PORT)).to_socket_addrs().map_err(failed)? {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => {
                    // A request is small and waits for its answer.
                    stream.set_nodelay(true).map_err(failed)?;
                    return Ok(Self::Tcp(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    /// Ends it for both sides.
    pub fn shutdown(&self) {
        // One that is broken is not there to be ended.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Self::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    /// Reads and writes until `deadline`.
    pub fn until(&self, deadline: Instant) -> Timed<'_> {
        Timed { socket: self, deadline }
    }
}

/// See [`Socket::until`]. What comes too late is [`io::ErrorKind::TimedOut`] or `WouldBlock`.
pub struct Timed<'a> {
    socket: &'a Socket,
    deadline: Instant,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.left()?;
        match self.socket {
            Socket::Tcp(stream) => stream.set_read_timeout(left).and_then(|()| (&*stream).read(buf)),
            Socket::Unix(stream) => stream.set_read_timeout(left).and_then(|()| (&*stream).read(buf)),
        }
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let left = self.left()?;
        match self.socket {
            Socket::Tcp(stream) => stream.set_write_timeout(left).and_then(|()| (&*stream).write(buf)),
            Socket::Unix(stream) => stream.set_write_timeout(left).and_then(|()| (&*stream).write(buf)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
