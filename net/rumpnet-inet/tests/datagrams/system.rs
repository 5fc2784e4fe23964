//! What behaviours ask of a system.

use rump_kpi::{Errno, MessageFlags, SocketType};
use std::time::Duration;

pub type Answer<T> = Result<T, Errno>;

/// A descriptor.
pub type Fd = usize;

/// A message that came.
#[derive(Debug, PartialEq, Eq)]
pub struct Came {
    pub bytes: Vec<u8>,
    /// It is several datagrams of so many bytes.
    pub segment: Option<u16>,
    pub is_cut: bool,
}

/// A system whose sockets talk over its loopback, with IPv4.
pub trait System: Sync {
    fn socket(&self, kind: SocketType) -> Fd;
    /// With port zero at the address that stands for any, else at 127.0.0.1.
    fn bind(&self, fd: Fd, port: u16) -> Answer<()>;
    fn listen(&self, fd: Fd);
    fn accept(&self, fd: Fd) -> Answer<Fd>;
    fn connect(&self, fd: Fd, port: u16) -> Answer<()>;
    /// To AF_UNSPEC.
    fn dissolve(&self, fd: Fd) -> Answer<()>;
    /// Whether its own address is that of all, and its port.
    fn own(&self, fd: Fd) -> (bool, u16);
    fn peer(&self, fd: Fd) -> Answer<u16>;
    fn send_batch(
        &self,
        fd: Fd,
        messages: &[(&[u8], Option<u16>)],
        segment: Option<u16>,
        flags: MessageFlags,
    ) -> Answer<usize>;
    fn receive_batch(
        &self,
        fd: Fd,
        lengths: &[usize],
        flags: MessageFlags,
        timeout: Option<Duration>,
    ) -> Answer<Vec<Came>>;
    fn set_segment(&self, fd: Fd, bytes: i32) -> Answer<()>;
    fn segment(&self, fd: Fd) -> i32;
    fn set_coalescing(&self, fd: Fd, on: bool) -> Answer<()>;
    fn set_receive_timeout(&self, fd: Fd, timeout: Duration);
    /// The error that waits.
    fn error(&self, fd: Fd) -> Option<i32>;
    fn close(&self, fd: Fd);
}

/// Shorter forms. They panic where a call fails that should not.
impl dyn System + '_ {
    /// A socket of datagrams at a port of its own, and that.
    pub fn bound(&self) -> (Fd, u16) {
        let fd = self.socket(SocketType::Datagram);
        self.bind(fd, 0).unwrap();
        (fd, self.own(fd).1)
    }

    /// Sends a datagram to a port.
    pub fn put(&self, fd: Fd, bytes: &[u8], to: Option<u16>) -> Answer<usize> {
        self.send_batch(fd, &[(bytes, to)], None, MessageFlags::empty())
    }

    /// What waits, without waiting.
    pub fn take_all(&self, fd: Fd) -> Vec<Came> {
        match self.receive_batch(fd, &[65_536; 200], MessageFlags::DONTWAIT, None) {
            Ok(all) => all,
            Err(Errno::EAGAIN) => Vec::new(),
            Err(errno) => panic!("{errno:?}"),
        }
    }

    /// The lengths of what waits.
    pub fn lengths(&self, fd: Fd) -> Vec<usize> {
        self.take_all(fd).iter().map(|came| came.bytes.len()).collect()
    }
}
