//! Local sockets, as `std::os::unix::net` has them. Names are paths of the kernel's file systems; one that begins with NUL
//! is a name of its own.

use super::incoming::Incoming;
use super::socket::{Socket, content_methods, socket_methods, stream_io};
use crate::{
    AddressFamily, Errno, KError, KResult, MessageFlags, OpenFlags, Process, SocketAddress, SocketType,
};
use std::io;

/// A socket that others connect to.
#[derive(Debug)]
pub struct UnixListener(pub(super) Socket);

/// A connection.
#[derive(Debug)]
pub struct UnixStream(pub(super) Socket);

/// A socket of datagrams.
#[derive(Debug)]
pub struct UnixDatagram(pub(super) Socket);

socket_methods!(UnixListener);
socket_methods!(UnixStream);
socket_methods!(UnixDatagram);
content_methods!(UnixStream);
content_methods!(UnixDatagram);
stream_io!(UnixStream, &UnixStream);

fn socket(process: &Process, kind: SocketType) -> io::Result<Socket> {
    Socket::new(process, AddressFamily::Local, kind, OpenFlags::empty())
}

fn pair(process: &Process, kind: SocketType) -> io::Result<[Socket; 2]> {
    let fds = process.socketpair(AddressFamily::Local, kind, 0, OpenFlags::CLOEXEC)?;
    Ok(fds.map(|fd| Socket::of(process, fd)))
}

pub(super) fn named(path: impl AsRef<[u8]>) -> SocketAddress {
    SocketAddress::Local(path.as_ref().to_vec())
}

/// The path that an address is, empty without a name. Errors: EAFNOSUPPORT.
pub(super) fn path_of(address: KResult<SocketAddress>) -> io::Result<Vec<u8>> {
    match address? {
        SocketAddress::Local(path) => Ok(path),
        _ => Err(KError::from(Errno::EAFNOSUPPORT).into()),
    }
}

impl UnixListener {
    /// Listens at a path, where it makes a node. Errors: AddrInUse, those of making a file.
    pub fn bind(process: &Process, path: impl AsRef<[u8]>) -> io::Result<Self> {
        let socket = socket(process, SocketType::Stream)?;
        socket.bind(&named(path))?;
        socket.listen()?;
        Ok(Self(socket))
    }

    /// Waits for a connection; answers it, and the path of the other side, which often has none. Errors: WouldBlock.
    pub fn accept(&self) -> io::Result<(UnixStream, Vec<u8>)> {
        let (socket, from) = self.0.accept(OpenFlags::empty())?;
        Ok((UnixStream(socket), path_of(Ok(from))?))
    }

    /// All connections that will come.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming { listener: self }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.0.local_name())
    }
}

impl Iterator for Incoming<'_, UnixListener> {
    type Item = io::Result<UnixStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl UnixStream {
    /// Connects to a path. Errors: ConnectionRefused, NotFound, PermissionDenied.
    pub fn connect(process: &Process, path: impl AsRef<[u8]>) -> io::Result<Self> {
        let socket = socket(process, SocketType::Stream)?;
        socket.connect(&named(path))?;
        Ok(Self(socket))
    }

    /// Two that are connected.
    pub fn pair(process: &Process) -> io::Result<(Self, Self)> {
        let [one, other] = pair(process, SocketType::Stream)?;
        Ok((Self(one), Self(other)))
    }

    /// The path of the other side.
    pub fn peer_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.0.peer_name())
    }

    /// The path of this side.
    pub fn local_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.0.local_name())
    }

    /// Receives, and leaves what is received where it is.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer, MessageFlags::PEEK)
    }
}

impl UnixDatagram {
    /// A socket at a path, where it makes a node. Errors: AddrInUse, those of making a file.
    pub fn bind(process: &Process, path: impl AsRef<[u8]>) -> io::Result<Self> {
        let socket = socket(process, SocketType::Datagram)?;
        socket.bind(&named(path))?;
        Ok(Self(socket))
    }

    /// A socket without a name.
    pub fn unbound(process: &Process) -> io::Result<Self> {
        socket(process, SocketType::Datagram).map(Self)
    }

    /// Two that are connected.
    pub fn pair(process: &Process) -> io::Result<(Self, Self)> {
        let [one, other] = pair(process, SocketType::Datagram)?;
        Ok((Self(one), Self(other)))
    }

    /// Settles whom it sends to.
    pub fn connect(&self, path: impl AsRef<[u8]>) -> io::Result<()> {
        Ok(self.0.connect(&named(path))?)
    }

    /// Its path.
    pub fn local_addr(&self) -> io::Result<Vec<u8>> {
        path_of(self.0.local_name())
    }

    /// Sends a datagram to a path.
    pub fn send_to(&self, bytes: &[u8], path: impl AsRef<[u8]>) -> io::Result<usize> {
        self.0.send_to(bytes, &named(path), MessageFlags::empty())
    }

    /// Receives a datagram, cut to the length of the buffer, and says from which path.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, Vec<u8>)> {
        let (length, from) = self.0.process().recvfrom(self.0.fd(), buffer, MessageFlags::empty())?;
        Ok((length, from.map_or_else(|| Ok(Vec::new()), |from| path_of(Ok(from)))?))
    }

    /// Sends a datagram to whom it is connected to.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes, MessageFlags::empty())
    }

    /// Receives a datagram, cut to the length of the buffer.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer, MessageFlags::empty())
    }
}
