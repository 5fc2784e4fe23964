//! Local sockets, as `tokio::net` has them. Names are paths of the kernel's file systems.

use super::super::socket::Socket;
use super::super::unix::{self, named, path_of};
use super::ready::until_ready;
use super::stream::{OwnedReadHalf, OwnedWriteHalf, async_stream};
use crate::{AddressFamily, MessageFlags, OpenFlags, Process, SocketType};
use std::io;

const NONE: MessageFlags = MessageFlags::empty();

/// A socket that others connect to.
#[derive(Debug)]
pub struct UnixListener {
    socket: Socket,
}

/// A connection.
#[derive(Debug)]
pub struct UnixStream {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
}

async_stream!(UnixStream);

/// A socket of datagrams.
#[derive(Debug)]
pub struct UnixDatagram {
    socket: Socket,
}

impl UnixListener {
    /// Listens at a path. Errors: as of [`unix::UnixListener::bind`].
    pub fn bind(process: &Process, path: impl AsRef<[u8]>) -> io::Result<Self> {
        Self::from_blocking(unix::UnixListener::bind(process, path)?)
    }

    /// One that does not block from now on.
    pub fn from_blocking(listener: unix::UnixListener) -> io::Result<Self> {
        listener.0.set_nonblocking(true)?;
        Ok(Self { socket: listener.0 })
    }

    /// Waits for a connection; answers it, and the path of the other side, which often has none.
    pub async fn accept(&self) -> io::Result<(UnixStream, Vec<u8>)> {
        let accept = || Ok(self.socket.accept(OpenFlags::NONBLOCK)?);
        let (socket, from) = until_ready(&self.socket, accept).await?;
        Ok((UnixStream::new(socket), path_of(Ok(from))?))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.socket.local_name())
    }
}

impl UnixStream {
    /// Connects to a path; waits while too many others wait there. Errors: as of [`unix::UnixStream::connect`].
    pub async fn connect(process: &Process, path: impl AsRef<[u8]>) -> io::Result<Self> {
        let socket = Socket::new(process, AddressFamily::Local, SocketType::Stream, OpenFlags::NONBLOCK)?;
        let path = named(path);
        until_ready(&socket, || Ok(socket.connect(&path)?)).await?;
        Ok(Self::new(socket))
    }

    /// Two that are connected.
    pub fn pair(process: &Process) -> io::Result<(Self, Self)> {
        let (one, other) = unix::UnixStream::pair(process)?;
        Ok((Self::from_blocking(one)?, Self::from_blocking(other)?))
    }

    /// One that does not block from now on.
    pub fn from_blocking(stream: unix::UnixStream) -> io::Result<Self> {
        stream.0.set_nonblocking(true)?;
        Ok(Self::new(stream.0))
    }

    /// The path of the other side.
    pub fn peer_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.socket().peer_name())
    }

    /// The path of this side.
    pub fn local_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.socket().local_name())
    }
}

impl UnixDatagram {
    /// A socket at a path. Errors: as of [`unix::UnixDatagram::bind`].
    pub fn bind(process: &Process, path: impl AsRef<[u8]>) -> io::Result<Self> {
        Self::from_blocking(unix::UnixDatagram::bind(process, path)?)
    }

    /// A socket without a name.
    pub fn unbound(process: &Process) -> io::Result<Self> {
        Self::from_blocking(unix::UnixDatagram::unbound(process)?)
    }

    /// Two that are connected.
    pub fn pair(process: &Process) -> io::Result<(Self, Self)> {
        let (one, other) = unix::UnixDatagram::pair(process)?;
        Ok((Self::from_blocking(one)?, Self::from_blocking(other)?))
    }

    /// One that does not block from now on.
    pub fn from_blocking(socket: unix::UnixDatagram) -> io::Result<Self> {
        socket.0.set_nonblocking(true)?;
        Ok(Self { socket: socket.0 })
    }

    /// Settles whom it sends to.
    pub fn connect(&self, path: impl AsRef<[u8]>) -> io::Result<()> {
        Ok(self.socket.connect(&named(path))?)
    }

    /// Its path.
    pub fn local_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.socket.local_name())
    }

    /// Sends a datagram to a path; waits while there is no room.
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<[u8]>) -> io::Result<usize> {
        let to = named(path);
        until_ready(&self.socket, || self.socket.send_to(bytes, &to, NONE)).await
    }

    /// Receives a datagram, cut to the length of the buffer, and says from which path.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Vec<u8>)> {
        let receive = || Ok(self.socket.process().recvfrom(self.socket.fd(), buffer, NONE)?);
        let (length, from) = until_ready(&self.socket, receive).await?;
        Ok((length, from.map_or_else(|| Ok(Vec::new()), |from| path_of(Ok(from)))?))
    }

    /// Sends a datagram to whom it is connected to; waits while there is no room.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        until_ready(&self.socket, || self.socket.send(bytes, NONE)).await
    }

    /// Receives a datagram, cut to the length of the buffer.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        until_ready(&self.socket, || self.socket.recv(buffer, NONE)).await
    }
}
