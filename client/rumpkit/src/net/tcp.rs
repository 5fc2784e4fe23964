//! TCP: listeners and streams, as `std::net` has them.

use super::address::{ToSocketAddr, family_of, from_kernel, to_kernel};
use super::incoming::Incoming;
use super::socket::{Socket, content_methods, socket_methods, stream_io};
use crate::sockopt::{IP_TTL, IPPROTO_IP, IPPROTO_TCP, SO_LINGER, SO_REUSEADDR, SOL_SOCKET, TCP_NODELAY};
use crate::{MessageFlags, OpenFlags, Process, SocketType};
use rump_kpi::socket::OptionValue;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A socket that others connect to.
#[derive(Debug)]
pub struct TcpListener(pub(super) Socket);

/// A connection.
#[derive(Debug)]
pub struct TcpStream(pub(super) Socket);

socket_methods!(TcpListener);
socket_methods!(TcpStream);
content_methods!(TcpStream);
stream_io!(TcpStream, &TcpStream);

/// A listener at an address that a connection which is not quite gone may have.
pub(super) fn listen(process: &Process, address: SocketAddr, flags: OpenFlags) -> io::Result<Socket> {
    let socket = Socket::new(process, family_of(&address), SocketType::Stream, flags)?;
    socket.set_number(SOL_SOCKET, SO_REUSEADDR, true)?;
    socket.bind(&to_kernel(address))?;
    socket.listen()?;
    Ok(socket)
}

impl TcpListener {
    /// Listens at an address; port zero stands for any that is free. Errors: InvalidInput (no address), AddrInUse,
    /// AddrNotAvailable, PermissionDenied (a port below 1024, but for the superuser).
    pub fn bind(process: &Process, address: impl ToSocketAddr) -> io::Result<Self> {
        listen(process, address.to_socket_addr()?, OpenFlags::empty()).map(Self)
    }

    /// Waits for a connection; answers it, and from where it came. Errors: WouldBlock, ConnectionAborted.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, from) = self.0.accept(OpenFlags::empty())?;
        Ok((TcpStream(socket), from_kernel(from)?))
    }

    /// All connections that will come.
    pub fn incoming(&self) -> Incoming<'_, Self> {
        Incoming { listener: self }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// How many routers may pass its packets on.
    pub fn ttl(&self) -> io::Result<u32> {
        ttl(&self.0)
    }

    /// Changes that.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.set_number(IPPROTO_IP, IP_TTL, ttl)
    }
}

pub(super) fn ttl(socket: &Socket) -> io::Result<u32> {
    Ok(u32::try_from(socket.number(IPPROTO_IP, IP_TTL)?).unwrap_or_default())
}

impl Iterator for Incoming<'_, TcpListener> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl TcpStream {
    /// Connects to an address. Errors: InvalidInput (no address), ConnectionRefused, NetworkUnreachable, TimedOut.
    pub fn connect(process: &Process, address: impl ToSocketAddr) -> io::Result<Self> {
        let address = address.to_socket_addr()?;
        let socket = Socket::new(process, family_of(&address), SocketType::Stream, OpenFlags::empty())?;
        socket.connect(&to_kernel(address))?;
        Ok(Self(socket))
    }

    /// As [`TcpStream::connect`], for `timeout` at most. Errors: InvalidInput (`timeout` is zero) besides.
    pub fn connect_timeout(process: &Process, address: &SocketAddr, timeout: Duration) -> io::Result<Self> {
        let socket = Socket::new(process, family_of(address), SocketType::Stream, OpenFlags::empty())?;
        socket.connect_timeout(*address, timeout)?;
        Ok(Self(socket))
    }

    /// The other side.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// This side.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Receives, and leaves what is received where it is.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer, MessageFlags::PEEK)
    }

    /// Whether small segments are sent at once.
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(self.0.number(IPPROTO_TCP, TCP_NODELAY)? != 0)
    }

    /// Lets small segments be sent at once, or wait for others.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_number(IPPROTO_TCP, TCP_NODELAY, nodelay)
    }

    /// Zero lets closing reset the connection; see `SO_LINGER`.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        self.0.set(SOL_SOCKET, SO_LINGER, &OptionValue::Linger(linger))
    }

    /// How many routers may pass its packets on.
    pub fn ttl(&self) -> io::Result<u32> {
        ttl(&self.0)
    }

    /// Changes that.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.set_number(IPPROTO_IP, IP_TTL, ttl)
    }
}
