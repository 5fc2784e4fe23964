//! Waiting for a descriptor of the kernel until somebody rings.

use rumpkit::net::TcpStream;
use rumpkit::{
    AddressFamily, Errno, Fd, KError, KResult, OpenFlags, PollEvents, PollFd, Process, SocketAddress,
    SocketType,
};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// The descriptor is ready.
    Ready,
    /// The bell was rung.
    Rung,
    /// It took too long.
    TimedOut,
}

/// A pipe in the kernel that wakes whoever polls its end once it is rung, and stays rung.
#[derive(Clone)]
pub struct Bell {
    process: Process,
    ends: [Fd; 2],
}

impl Bell {
    /// Errors: EMFILE.
    pub fn new(process: &Process) -> KResult<Self> {
        Ok(Self { process: process.clone(), ends: process.pipe2(OpenFlags::NONBLOCK)? })
    }

    /// Rings it.
    pub fn ring(&self) {
        // A full pipe was rung before, and a kernel that was halted wakes everybody itself.
        let _ = self.process.write(self.ends[1], b"!");
    }

    /// Waits until a descriptor is ready for `events`, for `timeout` at most, or until the bell is rung, which comes first.
    /// Errors: those of polling.
    pub fn wait(&self, fd: Fd, events: PollEvents, timeout: Option<Duration>) -> KResult<Waited> {
        let mut fds = [PollFd::new(fd, events), PollFd::new(self.fd(), PollEvents::IN)];
        self.process.poll(&mut fds, timeout)?;
        Ok(match fds.map(|entry| entry.revents.is_empty()) {
            [_, false] => Waited::Rung,
            [false, _] => Waited::Ready,
            _ => Waited::TimedOut,
        })
    }

    /// What can be read from once it was rung.
    pub fn fd(&self) -> Fd {
        self.ends[0]
    }
}

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
