//! Connecting until somebody rings.

pub use rump_cli::bell::{Bell, Waited};
use rumpkit::net::TcpStream;
use rumpkit::{AddressFamily, Errno, KError, OpenFlags, PollEvents, Process, SocketAddress, SocketType};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A connection of TCP, which does not block; none if the bell was rung before. Errors: those of connecting, TimedOut.
pub fn connect(
    process: &Process,
    at: SocketAddr,
    timeout: Option<Duration>,
    bell: &Bell,
) -> io::Result<Option<TcpStream>> {
    let (family, address) = match at {
        SocketAddr::V4(at) => (AddressFamily::Inet, SocketAddress::Inet(at)),
        SocketAddr::V6(at) => (AddressFamily::Inet6, SocketAddress::Inet6(at)),
    };
    let fd = process.socket(family, SocketType::Stream, 0, OpenFlags::NONBLOCK)?;
    let stream = TcpStream::from_fd(process, fd);
    match process.connect(fd, &address) {
        Err(error) if error.errno == Errno::EINPROGRESS => {}
        done => return done.map(|()| Some(stream)).map_err(io::Error::from),
    }
    match bell.wait(fd, PollEvents::OUT, timeout)? {
        Waited::Rung => Ok(None),
        Waited::TimedOut => Err(KError::from(Errno::ETIMEDOUT).into()),
        Waited::Ready => stream.take_error()?.map_or(Ok(Some(stream)), Err),
    }
}
