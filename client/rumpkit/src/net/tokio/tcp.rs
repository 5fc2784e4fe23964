//! TCP: listeners and streams, as `tokio::net` has them.

use super::super::address::{ToSocketAddr, family_of, from_kernel, to_kernel};
use super::super::socket::Socket;
use super::super::tcp;
use super::ready::until_ready;
use super::stream::{OwnedReadHalf, OwnedWriteHalf, async_stream};
use crate::{Errno, KError, MessageFlags, OpenFlags, PollEvents, PollFd, Process, SocketType};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A writer is told of more when there is room, or when the connection is over.
const CONNECTED: PollEvents = PollEvents::OUT.union(PollEvents::ERR).union(PollEvents::HUP);

/// A socket that others connect to.
#[derive(Debug)]
pub struct TcpListener {
    socket: Socket,
}

impl TcpListener {
    /// Listens at an address. Errors: as of [`tcp::TcpListener::bind`].
    pub fn bind(process: &Process, address: impl ToSocketAddr) -> io::Result<Self> {
        Ok(Self { socket: tcp::listen(process, address.to_socket_addr()?, OpenFlags::NONBLOCK)? })
    }

    /// One that does not block from now on.
    pub fn from_blocking(listener: tcp::TcpListener) -> io::Result<Self> {
        listener.0.set_nonblocking(true)?;
        Ok(Self { socket: listener.0 })
    }

    /// Waits for a connection; answers it, and from where it came.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accept = || Ok(self.socket.accept(OpenFlags::NONBLOCK)?);
        let (socket, from) = until_ready(&self.socket, accept).await?;
        Ok((TcpStream::new(socket), from_kernel(from)?))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A connection.
#[derive(Debug)]
pub struct TcpStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

async_stream!(TcpStream);

impl TcpStream {
    /// One that does not block from now on.
    pub fn from_blocking(stream: tcp::TcpStream) -> io::Result<Self> {
        stream.0.set_nonblocking(true)?;
        Ok(Self::new(stream.0))
    }

    /// Connects to an address. Errors: as of [`tcp::TcpStream::connect`].
    pub async fn connect(process: &Process, address: impl ToSocketAddr) -> io::Result<Self> {
        let address = address.to_socket_addr()?;
        let socket = Socket::new(process, family_of(&address), SocketType::Stream, OpenFlags::NONBLOCK)?;
        match socket.connect(&to_kernel(address)) {
            Err(error) if error.errno == Errno::EINPROGRESS => {}
            done => return done.map(|()| Self::new(socket)).map_err(io::Error::from),
        }
        let connected = || {
            let mut entry = [PollFd::new(socket.fd(), CONNECTED)];
            if socket.process().poll(&mut entry, Some(Duration::ZERO))? == 0 {
                return Err(KError::from(Errno::EAGAIN).into());
            }
            socket.take_error()?.map_or(Ok(()), Err)
        };
        until_ready(&socket, connected).await?;
        Ok(Self::new(socket))
    }

    /// The other side.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// This side.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// Whether small segments are sent at once.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.socket().number(crate::sockopt::IPPROTO_TCP, crate::sockopt::TCP_NODELAY)? != 0)
    }

    /// Lets small segments be sent at once, or wait for others.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket().set_number(crate::sockopt::IPPROTO_TCP, crate::sockopt::TCP_NODELAY, nodelay)
    }

    /// Waits for something to receive, and leaves it where it is.
    pub async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        until_ready(self.socket(), || self.socket().recv(buffer, MessageFlags::PEEK)).await
    }
}
