//! The two halves of a stream, of whatever family.

use super::super::errno;
use super::super::socket::Socket;
use super::ready::Interest;
use crate::{Errno, MessageFlags};
use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

const NONE: MessageFlags = MessageFlags::empty();

/// The half of a stream that reads.
#[derive(Debug)]
pub struct OwnedReadHalf {
    pub(super) socket: Arc<Socket>,
    interest: Interest,
}

/// The half of a stream that writes. Nothing is ended when it is dropped before the other half: see
/// `AsyncWriteExt::shutdown`.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    pub(super) socket: Arc<Socket>,
    interest: Interest,
}

/// Both halves of a socket that does not block.
pub(super) fn halves(socket: Socket) -> (OwnedReadHalf, OwnedWriteHalf) {
    let socket = Arc::new(socket);
    let (reader, writer) = (Interest::default(), Interest::default());
    (OwnedReadHalf { socket: socket.clone(), interest: reader }, OwnedWriteHalf { socket, interest: writer })
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

/// What a stream of two halves has, `read` and `write`.
macro_rules! async_stream {
    ($kind:ty) => {
        impl $kind {
            /// Of a socket that does not block.
            fn new(socket: super::super::socket::Socket) -> Self {
                let (read, write) = super::stream::halves(socket);
                Self { read, write }
            }

            fn socket(&self) -> &super::super::socket::Socket {
                &self.read.socket
            }

            /// Two halves for two tasks; the connection is closed when both are dropped.
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                (self.read, self.write)
            }
        }

        impl ::tokio::io::AsyncRead for $kind {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                buffer: &mut ::tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.get_mut().read).poll_read(context, buffer)
            }
        }

        impl ::tokio::io::AsyncWrite for $kind {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.get_mut().write).poll_write(context, bytes)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
                parts: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.get_mut().write).poll_write_vectored(context, parts)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.get_mut().write).poll_flush(context)
            }

            fn poll_shutdown(
                self: std::pin::Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.get_mut().write).poll_shutdown(context)
            }
        }
    };
}

pub(super) use async_stream;
