//! The hypercall traits: everything a rump kernel asks of its host, and nothing else.
//!
//! One small trait per service. Two hosts implement them, `rump-host-sim` and `rump-host-posix`, and pass one
//! test suite, so that no trait is shaped by one host. Numbers of host errors become [`Errno`] inside the host.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod memory;
pub mod packet;
pub mod socket;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rump_abi::{Errno, FileType, Mode, TimeSpec};

pub use memory::{Claim, HostMemory, SharedMemory, Watch};

/// An error of the host: what failed, with a text for people that names the thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The error as the kernel knows it.
    pub errno: Errno,
    /// What failed and why, in lower case.
    pub what: String,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl core::error::Error for HostError {}

impl From<Errno> for HostError {
    fn from(errno: Errno) -> Self {
        Self { errno, what: errno.text().into() }
    }
}

/// Result of a hypercall.
pub type HostResult<T> = Result<T, HostError>;

/// What one may do with an opened host file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// How an opened host file is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// A shared lock for reading, an exclusive one for writing; EBUSY, with the holder's name, if refused.
    Advisory,
    /// No lock: for those who know.
    None,
}

/// A host object of bytes at offsets: a file, a device, memory.
pub trait BlockIo: Send + Sync {
    /// Length in bytes.
    fn size_bytes(&self) -> u64;
    /// Whether it was opened for writing.
    fn access(&self) -> Access;
    /// Fills `buf` from `offset`. Errors: EINVAL (range beyond the end), EIO.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> HostResult<()>;
    /// Writes `buf` at `offset`. Errors: EROFS, EINVAL (range beyond the end), ENOSPC, EIO.
    fn write_at(&self, offset: u64, buf: &[u8]) -> HostResult<()>;
    /// Returns once all earlier writes are durable. Errors: EIO.
    fn flush(&self) -> HostResult<()>;
    /// Makes it `size_bytes` long, where it is shorter; what is new reads as zeros. Errors: ENOTSUP (its length is
    /// fixed), EROFS, ENOSPC, EFBIG, EIO.
    fn grow(&self, _size_bytes: u64) -> HostResult<()> {
        Err(Errno::ENOTSUP.into())
    }
}

/// Time.
pub trait Clock: Send + Sync {
    /// Wall clock.
    fn realtime(&self) -> TimeSpec;
    /// Time since an arbitrary point; never goes back.
    fn monotonic(&self) -> Duration;
}

/// Where messages of the kernel go.
pub trait Console: Send + Sync {
    /// Writes a line; failures are not reported.
    fn write_line(&self, line: &str);
}

/// Unpredictable bytes (predictable ones in a simulation).
pub trait Entropy: Send + Sync {
    /// Fills `buf`. Errors: EIO.
    fn fill(&self, buf: &mut [u8]) -> HostResult<()>;
}

/// Parameters such as `RUMP_NCPU`.
pub trait Params: Send + Sync {
    /// The value of `name`, if set.
    fn find(&self, name: &str) -> Option<String>;
}

/// Threads for components that need their own.
pub trait Threads: Send + Sync {
    /// Runs `body` on a thread of its own. Errors: EAGAIN.
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> HostResult<()>;
    /// Lets `duration` pass for the calling thread.
    fn sleep(&self, duration: Duration);
    /// Something to wait for, not yet set.
    fn event(&self) -> Arc<dyn Event>;
}

/// A flag that one thread waits for and others set.
pub trait Event: Send + Sync {
    /// Sets it; whoever waits goes on.
    fn set(&self);
    /// Waits until it is set, or for `timeout`; clears it, and answers whether it was set. It is one thread that waits.
    fn wait(&self, timeout: Option<Duration>) -> bool;
    /// The same for a call of a program whose handlers of the host's signals may end that. It may also end for no reason.
    fn wait_in_call(&self, timeout: Option<Duration>, _restart: Restart) -> Woken {
        self.wait(timeout);
        Woken::AsAsked
    }
}

/// Whether waiting goes on after a handler of `SA_RESTART`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// As with `recv`.
    Often,
    /// As with `poll`.
    Never,
}

/// Why a call of a program waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// What it waited for is there, or the time is over.
    AsAsked,
    /// A handler of a signal ran that ends calls.
    ByHandler,
}

/// Attributes of a host file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostStat {
    /// Type of the file.
    pub file_type: FileType,
    /// Permission bits.
    pub mode: Mode,
    /// Length in bytes; of a block device, its capacity.
    pub size_bytes: u64,
    /// Last change of content.
    pub mtime: TimeSpec,
    /// What all names of the same file have in common, and no two files; `None` where the host does not tell.
    pub identity: Option<(u64, u64)>,
}

/// Files of the host, for etfs and for images. Paths are bytes, as POSIX has them.
pub trait HostFs: Send + Sync {
    /// Opens a regular file or block device. Errors: the host's, EISDIR, EBUSY (lock).
    fn open(&self, path: &[u8], access: Access, lock: Lock) -> HostResult<Arc<dyn BlockIo>>;
    /// Attributes, following symbolic links. Errors: the host's.
    fn stat(&self, path: &[u8]) -> HostResult<HostStat>;
    /// Names in a directory without `.` and `..`, in byte order. Errors: the host's.
    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>>;
    /// Opens a folder whose tree can be reached and not left. Links in `path` are followed. Errors: the host's,
    /// ENOTDIR.
    fn folder(&self, path: &[u8]) -> HostResult<Arc<dyn HostFolder>>;
}

/// An opened folder of the host, and everything beneath it.
///
/// Paths are names with single slashes between them; the empty path is the folder. They never lead out of the
/// folder, whatever else changes the tree meanwhile: `.` and `..` are no names, and the host follows no symbolic
/// link. Whoever wants links followed reads them and walks.
///
/// Errors of each call: EINVAL (an absolute path, an empty name, `.`, `..`, NUL), ELOOP (a symbolic link on the
/// way), ENOTDIR, ENOENT, the host's.
pub trait HostFolder: Send + Sync {
    /// Opens a regular file or block device. Errors: ELOOP (a symbolic link), EISDIR, EBUSY (lock) besides.
    fn open(&self, path: &[u8], access: Access, lock: Lock) -> HostResult<Arc<dyn BlockIo>>;
    /// Attributes, of a symbolic link those of the link.
    fn stat(&self, path: &[u8]) -> HostResult<HostStat>;
    /// Names in a directory without `.` and `..`, in byte order. Errors: ELOOP (a symbolic link) besides.
    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>>;
    /// The target of a symbolic link. Errors: EINVAL (not one) besides.
    fn read_link(&self, path: &[u8]) -> HostResult<Vec<u8>>;
}

/// The names of a path beneath a [`HostFolder`]. Errors: EINVAL.
pub fn names_beneath(path: &[u8]) -> Result<Vec<&[u8]>, Errno> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let is_name = |name: &&[u8]| !matches!(*name, b"" | b"." | b"..") && !name.contains(&0);
    if names.iter().all(is_name) { Ok(names) } else { Err(Errno::EINVAL) }
}

/// A host: the sum of its services. Ends of networks ([`packet::PacketIo`]) are handed to devices one by one,
/// sockets ([`socket::HostSockets`]) to the family that serves them.
pub trait Hypervisor: Clock + Console + Entropy + Params + Threads + HostFs + HostMemory {}

impl<T: Clock + Console + Entropy + Params + Threads + HostFs + HostMemory> Hypervisor for T {}
