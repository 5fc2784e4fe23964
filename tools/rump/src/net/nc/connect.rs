//! How `nc` gets somebody to talk to. Nothing blocks but in a wait that the bell ends.

use super::super::station::{Bell, Waited};
use super::How;
use rumpkit::net::{TcpListener, TcpStream, UdpSocket};
use rumpkit::{AddressFamily, Errno, Fd, KError, OpenFlags, PollEvents, Process, SocketAddress, SocketType};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A socket that talks to one other side.
pub enum Connection {
    /// TCP: the other side says when it has sent all.
    Stream(TcpStream),
    /// UDP: nobody does.
    Datagrams(UdpSocket),
}

impl Connection {
    /// Connects, or waits for somebody who does; none if the bell was rung before. Errors: those of the sockets, TimedOut.
    pub fn open(process: &Process, at: SocketAddr, how: &How, bell: &Bell) -> io::Result<Option<Self>> {
        match (how.listen, how.udp) {
            (false, false) => {
                let stream = stream(process, at, how.timeout, bell)?;
                if stream.is_some() {
                    how.tell(&format!("connection to {} {} port [tcp] succeeded", at.ip(), at.port()));
                }
                Ok(stream.map(Self::Stream))
            }
            (false, true) => {
                let any = if at.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(process, any)?;
                socket.connect(at)?;
                Ok(Some(Self::Datagrams(socket)))
            }
            (true, false) => {
                let listener = TcpListener::bind(process, at)?;
                how.tell(&format!("listening on {} {}", at.ip(), at.port()));
                if bell.wait(listener.as_fd(), PollEvents::IN, None)? == Waited::Rung {
                    return Ok(None);
                }
                let (stream, from) = listener.accept()?;
                how.tell(&format!("connection received on {} {}", from.ip(), from.port()));
                Ok(Some(Self::Stream(stream)))
            }
            (true, true) => {
                let socket = UdpSocket::bind(process, at)?;
                how.tell(&format!("listening on {} {}", at.ip(), at.port()));
                if bell.wait(socket.as_fd(), PollEvents::IN, None)? == Waited::Rung {
                    return Ok(None);
                }
                let (_, from) = socket.peek_from(&mut [])?;
                how.tell(&format!("datagram received from {} {}", from.ip(), from.port()));
                socket.connect(from)?;
                Ok(Some(Self::Datagrams(socket)))
            }
        }
    }

    /// Its descriptor.
    pub fn fd(&self) -> Fd {
        match self {
            Self::Stream(stream) => stream.as_fd(),
            Self::Datagrams(socket) => socket.as_fd(),
        }
    }

    /// Whether the other side says when it has sent all.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

/// A connection of TCP; none if the bell was rung before. Errors: those of connecting, TimedOut.
pub fn stream(
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
