//! What behaviours ask of a system.

use rump_abi::{Errno, FileType, MessageFlags, OpenFlags, PollEvents, Shutdown, SocketType};
use std::time::Duration;

pub type Answer<T> = Result<T, Errno>;

/// A descriptor.
pub type Fd = u32;

/// A message that came.
#[derive(Debug, Default)]
pub struct Came {
    pub length: usize,
    pub from: Option<Vec<u8>>,
    pub rights: Vec<Fd>,
    /// TRUNC and CTRUNC.
    pub flags: MessageFlags,
}

/// The numbers that options have.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    Type,
    Error,
    Listens,
    SendBuffer,
    ReceiveBuffer,
    ReuseAddress,
}

/// A system with sockets and pipes. Names of files are those that `path` answers.
pub trait System: Sync {
    /// Whether it is the host's kernel.
    fn is_host(&self) -> bool;
    fn path(&self, name: &str) -> Vec<u8>;
    /// A name that begins with NUL and that nobody else has.
    fn abstract_name(&self, name: &str) -> Vec<u8>;
    fn pid(&self) -> u32;

    fn socket(&self, kind: SocketType) -> Answer<Fd>;
    fn socket_pair(&self, kind: SocketType) -> Answer<[Fd; 2]>;
    fn bind(&self, fd: Fd, name: &[u8]) -> Answer<()>;
    fn listen(&self, fd: Fd, backlog: u32) -> Answer<()>;
    fn accept(&self, fd: Fd) -> Answer<(Fd, Vec<u8>)>;
    fn connect(&self, fd: Fd, name: &[u8]) -> Answer<()>;
    fn send(
        &self,
        fd: Fd,
        bytes: &[u8],
        flags: MessageFlags,
        to: Option<&[u8]>,
        rights: &[Fd],
    ) -> Answer<usize>;
    fn receive(&self, fd: Fd, buf: &mut [u8], flags: MessageFlags, rights_max: usize) -> Answer<Came>;
    fn shutdown(&self, fd: Fd, how: Shutdown) -> Answer<()>;
    fn own_name(&self, fd: Fd) -> Answer<Vec<u8>>;
    fn peer_name(&self, fd: Fd) -> Answer<Vec<u8>>;
    fn number(&self, fd: Fd, option: Number) -> Answer<i64>;
    fn set_number(&self, fd: Fd, option: Number, value: i64) -> Answer<()>;
    fn set_timeouts(&self, fd: Fd, timeout: Duration) -> Answer<()>;
    /// Process and user of the other side.
    fn peer_credentials(&self, fd: Fd) -> Answer<(u32, u32)>;

    fn pipe(&self) -> Answer<[Fd; 2]>;
    fn mkfifo(&self, path: &[u8]) -> Answer<()>;
    fn open(&self, path: &[u8], flags: OpenFlags) -> Answer<Fd>;
    fn unlink(&self, path: &[u8]) -> Answer<()>;
    fn read(&self, fd: Fd, buf: &mut [u8]) -> Answer<usize>;
    fn write(&self, fd: Fd, bytes: &[u8]) -> Answer<usize>;
    fn writev(&self, fd: Fd, parts: &[&[u8]]) -> Answer<usize>;
    fn readv(&self, fd: Fd, parts: &mut [&mut [u8]]) -> Answer<usize>;
    fn close(&self, fd: Fd) -> Answer<()>;
    fn dup(&self, fd: Fd) -> Answer<Fd>;
    fn set_nonblocking(&self, fd: Fd, nonblocking: bool) -> Answer<()>;
    fn readable(&self, fd: Fd) -> Answer<usize>;
    fn type_of(&self, fd: Fd) -> Answer<FileType>;
    /// Type and permission bits of the file at a path.
    fn type_at(&self, path: &[u8]) -> Answer<(FileType, u32)>;
    fn seek(&self, fd: Fd) -> Answer<()>;
    fn read_at(&self, fd: Fd, buf: &mut [u8]) -> Answer<usize>;
    fn truncate(&self, fd: Fd) -> Answer<()>;
    fn sync(&self, fd: Fd) -> Answer<()>;
    fn change_directory(&self, fd: Fd) -> Answer<()>;
    fn poll(&self, fds: &[(Fd, PollEvents)], timeout: Option<Duration>) -> Answer<Vec<PollEvents>>;
}

/// Shorter forms. They panic where a call fails that should not.
impl dyn System + '_ {
    #[track_caller]
    pub fn pair(&self, kind: SocketType) -> [Fd; 2] {
        self.socket_pair(kind).unwrap()
    }

    /// A socket with this name that listens.
    #[track_caller]
    pub fn listener(&self, kind: SocketType, name: &[u8], backlog: u32) -> Fd {
        let fd = self.socket(kind).unwrap();
        self.bind(fd, name).unwrap();
        self.listen(fd, backlog).unwrap();
        fd
    }

    /// A datagram socket with this name.
    #[track_caller]
    pub fn named(&self, name: &[u8]) -> Fd {
        let fd = self.socket(SocketType::Datagram).unwrap();
        self.bind(fd, name).unwrap();
        fd
    }

    /// Sends without blocking.
    pub fn put(&self, fd: Fd, bytes: &[u8]) -> Answer<usize> {
        self.send(fd, bytes, MessageFlags::DONTWAIT, None, &[])
    }

    /// Receives without blocking.
    pub fn take(&self, fd: Fd, length: usize) -> Answer<Vec<u8>> {
        self.take_with(fd, length, MessageFlags::empty())
    }

    pub fn take_with(&self, fd: Fd, length: usize, flags: MessageFlags) -> Answer<Vec<u8>> {
        let mut bytes = vec![0; length];
        let came = self.receive(fd, &mut bytes, flags | MessageFlags::DONTWAIT, 0)?;
        bytes.truncate(came.length);
        Ok(bytes)
    }

    /// What is so of all that can be asked for.
    #[track_caller]
    pub fn ready(&self, fd: Fd) -> PollEvents {
        self.poll(&[(fd, PollEvents::IN | PollEvents::OUT | PollEvents::PRI)], Some(Duration::ZERO)).unwrap()
            [0]
    }

    /// Sends until there is no room; answers how many bytes that were.
    #[track_caller]
    pub fn fill(&self, fd: Fd, part: usize) -> usize {
        let bytes = vec![7; part];
        let mut total = 0;
        loop {
            match self.put(fd, &bytes) {
                Ok(count) => total += count,
                Err(Errno::EAGAIN) => return total,
                Err(errno) => panic!("{errno:?}"),
            }
            assert!(total < 64 << 20, "memory is not bounded");
        }
    }

    /// Receives everything that is there.
    #[track_caller]
    pub fn drain(&self, fd: Fd) -> usize {
        let mut total = 0;
        loop {
            match self.take(fd, 65_536) {
                Ok(bytes) => total += bytes.len(),
                Err(Errno::EAGAIN) => return total,
                Err(errno) => panic!("{errno:?}"),
            }
        }
    }
}
