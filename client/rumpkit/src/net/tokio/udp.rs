//! UDP, as `tokio::net` has it.

use super::super::address::{ToSocketAddr, to_kernel};
use super::super::socket::Socket;
use super::super::udp;
use super::ready::until_ready;
use crate::{MessageFlags, OpenFlags, Process};
use std::io;
use std::net::SocketAddr;

const NONE: MessageFlags = MessageFlags::empty();

/// A socket of datagrams. Its options are set on an [`udp::UdpSocket`] before: see [`UdpSocket::from_blocking`].
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket,
}

impl UdpSocket {
    /// A socket at an address. Errors: as of [`udp::UdpSocket::bind`].
    pub fn bind(process: &Process, address: impl ToSocketAddr) -> io::Result<Self> {
        Ok(Self { socket: udp::bound(process, address.to_socket_addr()?, OpenFlags::NONBLOCK)? })
    }

    /// One that does not block from now on.
    pub fn from_blocking(socket: udp::UdpSocket) -> io::Result<Self> {
        socket.0.set_nonblocking(true)?;
        Ok(Self { socket: socket.0 })
    }

    /// Settles whom it sends to and receives from.
    pub fn connect(&self, address: impl ToSocketAddr) -> io::Result<()> {
        Ok(self.socket.connect(&to_kernel(address.to_socket_addr()?))?)
    }

    /// Its address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whom it is connected to.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Sends a datagram to an address.
    pub async fn send_to(&self, bytes: &[u8], address: impl ToSocketAddr) -> io::Result<usize> {
        let to = to_kernel(address.to_socket_addr()?);
        until_ready(&self.socket, || self.socket.send_to(bytes, &to, NONE)).await
    }

    /// Receives a datagram, cut to the length of the buffer, and says from whom.
    pub async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        until_ready(&self.socket, || self.socket.recv_from(buffer, NONE)).await
    }

    /// Sends a datagram to whom it is connected to.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        until_ready(&self.socket, || self.socket.send(bytes, NONE)).await
    }

    /// Receives a datagram, cut to the length of the buffer.
    pub async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        until_ready(&self.socket, || self.socket.recv(buffer, NONE)).await
    }
}
