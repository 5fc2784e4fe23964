//! TCP: listeners and streams, as `tokio::net` has them.

use super::super::address::{ToSocketAddr, family_of, from_kernel, to_kernel};
use super::super::socket::Socket;
use super::super::{errno, tcp};
use super::ready::{Interest, until_ready};
use crate::{Errno, KError, MessageFlags, OpenFlags, PollEvents, PollFd, Process, SocketType};
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

const NONE: MessageFlags = MessageFlags::empty();
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

/// The half of a [`TcpStream`] that reads.
#[derive(Debug)]
pub struct OwnedReadHalf {
    socket: Arc<Socket>,
    interest: Interest,
}

/// The half of a [`TcpStream`] that writes. Nothing is ended when it is dropped before the other half: see
/// `AsyncWriteExt::shutdown`.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    socket: Arc<Socket>,
    interest: Interest,
}

impl TcpStream {
    /// Of a socket that does not block.
    fn new(socket: Socket) -> Self {
        let socket = Arc::new(socket);
        let (reader, writer) = (Interest::default(), Interest::default());
        Self {
            read: OwnedReadHalf { socket: socket.clone(), interest: reader },
            write: OwnedWriteHalf { socket, interest: writer },
        }
    }

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

    fn socket(&self) -> &Socket {
        &self.read.socket
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

    /// Two halves for two tasks; the connection is closed when both are dropped.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (self.read, self.write)
    }
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, interest } = self.get_mut();
        interest.poll(socket, context, || {
            let length = socket.recv(buffer.initialize_unfilled(), NONE)?;
            buffer.advance(length);
            Ok(())
        })
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { socket, interest } = self.get_mut();
        interest.poll(socket, context, || socket.send(bytes, NONE))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { socket, interest } = self.get_mut();
        interest.poll(socket, context, || socket.send_vectored(parts, NONE))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing waits here: what was written is the kernel's.
    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Ends the direction; a connection that is over already has nothing to end.
    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(match self.socket.shutdown(Shutdown::Write) {
            Err(error) if errno(&error) == Some(Errno::ENOTCONN) => Ok(()),
            done => done,
        })
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().read).poll_read(context, buffer)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().write).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().write).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().write).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().write).poll_shutdown(context)
    }
}
