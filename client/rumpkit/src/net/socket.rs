//! A descriptor of a socket that is closed when it is dropped, and what all kinds of sockets have.

use super::address::{from_kernel, to_kernel};
use crate::sockopt::{SO_ERROR, SOL_SOCKET};
use crate::{
    AddressFamily, Errno, Fcntl, Fd, Ioctl, KError, KResult, MessageFlags, OpenFlags, Process, SendMessage,
    SocketAddress, SocketType,
};
use rump_kpi::socket::OptionValue;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// See the module.
#[derive(Debug)]
pub(super) struct Socket {
    process: Handle,
    fd: Fd,
}

/// A process that has nothing to show.
#[derive(Clone)]
struct Handle(Process);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.0.pid())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Fails where the kernel was halted, or somebody closed the number: it is gone either way.
        let _ = self.process().close(self.fd);
    }
}

impl Socket {
    pub(super) fn new(
        process: &Process,
        family: AddressFamily,
        kind: SocketType,
        flags: OpenFlags,
    ) -> io::Result<Self> {
        let fd = process.socket(family, kind, 0, flags | OpenFlags::CLOEXEC)?;
        Ok(Self::of(process, fd))
    }

    /// Takes over a descriptor.
    pub(super) fn of(process: &Process, fd: Fd) -> Self {
        Self { process: Handle(process.clone()), fd }
    }

    pub(super) fn process(&self) -> &Process {
        &self.process.0
    }

    pub(super) fn fd(&self) -> Fd {
        self.fd
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let fd = self.process().fcntl(self.fd, Fcntl::DupFdCloexec(0))?;
        Ok(Self::of(self.process(), Fd(fd)))
    }

    pub(super) fn bind(&self, address: &SocketAddress) -> KResult<()> {
        self.process().bind(self.fd, address)
    }

    pub(super) fn listen(&self) -> KResult<()> {
        /// As the standard library.
        const BACKLOG: u32 = 128;
        self.process().listen(self.fd, BACKLOG)
    }

    pub(super) fn connect(&self, address: &SocketAddress) -> KResult<()> {
        self.process().connect(self.fd, address)
    }

    /// As [`connect`](Self::connect), for `timeout` at most. Errors: InvalidInput (no time at all), TimedOut.
    pub(super) fn connect_timeout(&self, address: SocketAddr, timeout: Duration) -> io::Result<()> {
        self.set_timeout(crate::sockopt::SO_SNDTIMEO, Some(timeout))?;
        let connected = self.connect(&to_kernel(address));
        self.set_timeout(crate::sockopt::SO_SNDTIMEO, None)?;
        connected.map_err(|error| match error.errno {
            Errno::EINPROGRESS => KError::new(Errno::ETIMEDOUT, "connection timed out").into(),
            _ => error.into(),
        })
    }

    pub(super) fn accept(&self, flags: OpenFlags) -> KResult<(Self, SocketAddress)> {
        let (fd, from) = self.process().accept4(self.fd, flags | OpenFlags::CLOEXEC)?;
        Ok((Self::of(self.process(), fd), from))
    }

    pub(super) fn local_name(&self) -> KResult<SocketAddress> {
        self.process().getsockname(self.fd)
    }

    pub(super) fn peer_name(&self) -> KResult<SocketAddress> {
        self.process().getpeername(self.fd)
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        from_kernel(self.local_name()?)
    }

    pub(super) fn peer_addr(&self) -> io::Result<SocketAddr> {
        from_kernel(self.peer_name()?)
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let how = match how {
            Shutdown::Read => crate::Shutdown::Read,
            Shutdown::Write => crate::Shutdown::Write,
            Shutdown::Both => crate::Shutdown::Both,
        };
        Ok(self.process().shutdown(self.fd, how)?)
    }

    pub(super) fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.process().ioctl(self.fd, Ioctl::SetNonblocking { nonblocking })?;
        Ok(())
    }

    pub(super) fn send(&self, bytes: &[u8], flags: MessageFlags) -> io::Result<usize> {
        Ok(self.process().send(self.fd, bytes, flags)?)
    }

    pub(super) fn send_vectored(&self, parts: &[IoSlice<'_>], flags: MessageFlags) -> io::Result<usize> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        let message = SendMessage { parts: &parts, ..SendMessage::default() };
        Ok(self.process().sendmsg(self.fd, &message, flags)?)
    }

    pub(super) fn send_to(&self, bytes: &[u8], to: &SocketAddress, flags: MessageFlags) -> io::Result<usize> {
        Ok(self.process().sendto(self.fd, bytes, flags, to)?)
    }

    pub(super) fn recv(&self, buffer: &mut [u8], flags: MessageFlags) -> io::Result<usize> {
        Ok(self.process().recv(self.fd, buffer, flags)?)
    }

    pub(super) fn recv_vectored(&self, parts: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut parts: Vec<&mut [u8]> = parts.iter_mut().map(|part| &mut **part).collect();
        Ok(self.process().readv(self.fd, &mut parts)?)
    }

    /// Errors: those of the call; NotConnected (it was shut down for reading, and so nobody sent this).
    pub(super) fn recv_from(
        &self,
        buffer: &mut [u8],
        flags: MessageFlags,
    ) -> io::Result<(usize, SocketAddr)> {
        let (length, from) = self.process().recvfrom(self.fd, buffer, flags)?;
        Ok((length, from_kernel(from.ok_or(Errno::ENOTCONN).map_err(KError::from)?)?))
    }

    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let number = self.number(SOL_SOCKET, SO_ERROR)?;
        if number == 0 {
            return Ok(None);
        }
        let errno = Errno::ALL.iter().find(|errno| **errno as i64 == number).copied();
        Ok(Some(KError::from(errno.unwrap_or(Errno::EIO)).into()))
    }

    /// A number or a switch. Errors: those of `getsockopt`; EINVAL (the option is something else).
    pub(super) fn number(&self, level: i32, name: i32) -> io::Result<i64> {
        match self.process().getsockopt(self.fd, level, name)? {
            OptionValue::Number(number) => Ok(number),
            _ => Err(KError::from(Errno::EINVAL).into()),
        }
    }

    pub(super) fn set_number(&self, level: i32, name: i32, number: impl Into<i64>) -> io::Result<()> {
        self.set(level, name, &OptionValue::Number(number.into()))
    }

    pub(super) fn set(&self, level: i32, name: i32, value: &OptionValue) -> io::Result<()> {
        Ok(self.process().setsockopt(self.fd, level, name, value)?)
    }

    /// `SO_RCVTIMEO` or `SO_SNDTIMEO`.
    pub(super) fn timeout(&self, name: i32) -> io::Result<Option<Duration>> {
        match self.process().getsockopt(self.fd, SOL_SOCKET, name)? {
            OptionValue::Time(time) => Ok(time),
            _ => Err(KError::from(Errno::EINVAL).into()),
        }
    }

    /// Errors: InvalidInput (no time at all, as the standard library has it).
    pub(super) fn set_timeout(&self, name: i32, time: Option<Duration>) -> io::Result<()> {
        if time == Some(Duration::ZERO) {
            return Err(KError::new(Errno::EINVAL, "a timeout of zero").into());
        }
        self.set(SOL_SOCKET, name, &OptionValue::Time(time))
    }
}

/// What the kinds of sockets offer alike: see `std::net` for each.
macro_rules! socket_methods {
    ($kind:ty) => {
        impl $kind {
            /// Takes over a descriptor of `process`, which is closed when this is dropped.
            pub fn from_fd(process: &$crate::Process, fd: $crate::Fd) -> Self {
                Self(super::socket::Socket::of(process, fd))
            }

            /// The process whose descriptor it is.
            pub fn process(&self) -> &$crate::Process {
                self.0.process()
            }

            /// Its number, which stays this value's.
            pub fn as_fd(&self) -> $crate::Fd {
                self.0.fd()
            }

            /// Another descriptor of the same socket (`dup`).
            pub fn try_clone(&self) -> std::io::Result<Self> {
                self.0.try_clone().map(Self)
            }

            /// Takes the error that waits (`SO_ERROR`).
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                self.0.take_error()
            }

            /// Lets calls answer WouldBlock instead of blocking, for all descriptors of the socket.
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                self.0.set_nonblocking(nonblocking)
            }
        }
    };
}

/// What those have that carry content.
macro_rules! content_methods {
    ($kind:ty) => {
        impl $kind {
            /// Ends one direction or both.
            pub fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
                self.0.shutdown(how)
            }

            /// Lets receiving answer WouldBlock after so long. Errors: InvalidInput (zero).
            pub fn set_read_timeout(&self, timeout: Option<std::time::Duration>) -> std::io::Result<()> {
                self.0.set_timeout($crate::sockopt::SO_RCVTIMEO, timeout)
            }

            /// Lets sending answer WouldBlock after so long. Errors: InvalidInput (zero).
            pub fn set_write_timeout(&self, timeout: Option<std::time::Duration>) -> std::io::Result<()> {
                self.0.set_timeout($crate::sockopt::SO_SNDTIMEO, timeout)
            }

            /// How long receiving blocks.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.0.timeout($crate::sockopt::SO_RCVTIMEO)
            }

            /// How long sending blocks.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.0.timeout($crate::sockopt::SO_SNDTIMEO)
            }
        }
    };
}

/// `Read` and `Write` for a stream and for a reference to one.
macro_rules! stream_io {
    ($($kind:ty),*) => {
        $(impl std::io::Read for $kind {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0.recv(buffer, $crate::MessageFlags::empty())
            }

            fn read_vectored(&mut self, parts: &mut [std::io::IoSliceMut<'_>]) -> std::io::Result<usize> {
                self.0.recv_vectored(parts)
            }
        }

        impl std::io::Write for $kind {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.send(bytes, $crate::MessageFlags::empty())
            }

            fn write_vectored(&mut self, parts: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.0.send_vectored(parts, $crate::MessageFlags::empty())
            }

            /// Nothing waits here: what was written is the kernel's.
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        })*
    };
}

pub(super) use {content_methods, socket_methods, stream_io};
