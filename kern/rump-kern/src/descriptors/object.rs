//! What an open file is: a file of a file system, a socket, an end of a pipe, a queue of events, or a device.

use crate::pipe::PipeEnd;
use crate::queue::Queue;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use rump_abi::{DevNumber, Errno, FileFlags, FileType, Ino, Mode, PollEvents, Stat, TimeSpec};
use rump_kpi::character::DeviceFile;
use rump_kpi::socket::{Amounts, Socket};
use rump_kpi::sync::Mutex;
use rump_kpi::{KResult, WaitQueue};
use rump_vfs::Vnode;

/// What an open file is.
pub(crate) enum Object {
    Vnode(Arc<Vnode>),
    Socket(SocketFile),
    Pipe(PipeEnd),
    Queue(Arc<Queue>),
    Device(DeviceObject),
}

impl Object {
    /// The file of a file system that it is; of a fifo or device, its node.
    pub(crate) fn vnode(&self) -> Option<&Arc<Vnode>> {
        match self {
            Self::Vnode(vnode) => Some(vnode),
            Self::Pipe(end) => end.vnode(),
            Self::Device(device) => Some(&device.vnode),
            Self::Socket(_) | Self::Queue(_) => None,
        }
    }

    /// What can be done without blocking; with files, everything.
    pub(crate) fn ready(&self) -> PollEvents {
        let mut ready = match self {
            Self::Vnode(_) => PollEvents::IN | PollEvents::OUT,
            Self::Socket(file) => file.socket.ready(),
            Self::Pipe(end) => end.ready(),
            Self::Queue(queue) => queue.ready(),
            Self::Device(device) => device.file.ready(),
        };
        ready.set(PollEvents::RDNORM, ready.contains(PollEvents::IN));
        ready.set(PollEvents::RDBAND, ready.contains(PollEvents::PRI));
        ready
    }

    /// Those who wait for that to change; nobody waits for files.
    pub(crate) fn waiters(&self) -> Option<&Arc<WaitQueue>> {
        match self {
            Self::Vnode(_) => None,
            Self::Socket(file) => Some(file.socket.waiters()),
            Self::Pipe(end) => Some(end.waiters()),
            Self::Queue(queue) => Some(queue.waiters()),
            Self::Device(device) => device.file.waiters(),
        }
    }

    /// When what can be done changes without anybody's doing.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Queue(queue) => queue.deadline(),
            Self::Device(device) => device.file.deadline(),
            _ => None,
        }
    }

    /// How much can be read and written. Errors: ENOTTY (a file of a file system).
    pub(crate) fn amounts(&self) -> KResult<Amounts> {
        match self {
            Self::Vnode(_) => Err(Errno::ENOTTY.into()),
            Self::Socket(file) => Ok(file.socket.amounts()),
            Self::Pipe(end) => Ok(end.amounts()),
            Self::Queue(queue) => Ok(Amounts { to_receive: queue.active(), to_send: 0 }),
            Self::Device(device) => Ok(device.file.amounts()),
        }
    }

    /// Errors: EIO, EFTYPE.
    pub(crate) fn stat(&self) -> KResult<Stat> {
        match self {
            Self::Vnode(vnode) => vnode.stat(),
            Self::Socket(file) => Ok(file.identity.stat(FileType::Socket, 0o777, 0)),
            Self::Pipe(end) => end.stat(),
            Self::Device(device) => device.vnode.stat(),
            Self::Queue(queue) => Ok(queue.identity().stat(FileType::Fifo, 0o600, queue.active() as u64)),
        }
    }
}

/// An open device and the node that it was opened by.
pub(crate) struct DeviceObject {
    pub(crate) file: Arc<dyn DeviceFile>,
    pub(crate) vnode: Arc<Vnode>,
}

/// What tells files apart that no file system has.
#[derive(Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) number: u64,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) made: TimeSpec,
}

impl Identity {
    /// What `fstat` answers.
    pub(crate) fn stat(&self, file_type: FileType, mode: u32, size: u64) -> Stat {
        Stat {
            dev: 0,
            ino: Ino(self.number),
            file_type,
            mode: Mode::new(mode),
            nlink: 1,
            uid: self.uid,
            gid: self.gid,
            rdev: DevNumber::default(),
            size,
            blocks: 0,
            blksize: 4096,
            atime: self.made,
            mtime: self.made,
            ctime: self.made,
            birthtime: Some(self.made),
            flags: FileFlags::empty(),
        }
    }
}

/// A socket with what the kernel knows of it.
pub(crate) struct SocketFile {
    pub(crate) socket: Arc<dyn Socket>,
    identity: Identity,
    pub(crate) receive_timeout: Timeout,
    pub(crate) send_timeout: Timeout,
    /// The node that it is bound to, kept so that no other file gets its number. After `socket`, which goes first.
    pub(crate) node: Mutex<Option<Arc<Vnode>>>,
}

impl SocketFile {
    pub(crate) fn new(socket: Arc<dyn Socket>, identity: Identity) -> Self {
        let (receive_timeout, send_timeout) = (Timeout::default(), Timeout::default());
        Self { socket, identity, receive_timeout, send_timeout, node: Mutex::new(None) }
    }

    /// What tells it from other sockets, in lists of sockets and of open files: the number of its family's list, or one that
    /// is none of those.
    pub(crate) fn number(&self) -> u64 {
        match self.socket.pcb() {
            0 => self.identity.number << 2,
            number => number,
        }
    }
}

/// How long calls block, for ever at first: in nanoseconds, zero for ever.
#[derive(Default)]
pub(crate) struct Timeout(AtomicU64);

impl Timeout {
    pub(crate) fn value(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    pub(crate) fn set(&self, value: Option<Duration>) {
        let nanoseconds = value.map_or(0, |value| u64::try_from(value.as_nanos()).unwrap_or(u64::MAX));
        self.0.store(nanoseconds, Ordering::Relaxed);
    }
}
