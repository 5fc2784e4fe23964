//! A process on a POSIX host as the host of rump kernels.
//!
//! Files are read and written with `pread` and `pwrite`; nothing is kept in between, since the host has a page cache
//! already. Memory that processes share is mapped. Host error numbers end in the module `errno`; `unsafe` is in `mapping`,
//! for one system call each in `claim`, `interface`, `packet::linux::calls` and those modules of `tun` that make requests, and
//! for four in `socket::calls`.
#![deny(unsafe_code)]

mod carrier;
mod claim;
pub mod dgram;
mod errno;
mod event;
mod file;
mod folder;
#[cfg(target_os = "linux")]
mod handlers;
mod interface;
mod lock;
mod mapping;
mod memory;
mod numbers;
pub mod packet;
mod place;
mod selfpipe;
mod socket;
pub mod stream;
mod sync;
pub mod tun;
mod watch;

#[cfg(target_os = "linux")]
pub use handlers::end_calls_by;
pub use numbers::keep_sockets_from;

use rump_spin as spin;

use folder::{Folder, Way};
use rump_abi::{Errno, FileType, Mode, TimeSpec};
use rump_hyper::{
    Access, BlockIo, Clock, Console, Entropy, Event, HostError, HostFolder, HostFs, HostMemory, HostResult,
    HostStat, Lock, Params, SharedMemory, Threads,
};
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The host that this process runs on.
pub struct PosixHost {
    started: Instant,
    /// Of its sockets.
    readiness: Arc<socket::Readiness>,
}

impl PosixHost {
    /// The host; any number may exist, they share nothing.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), readiness: Arc::default() })
    }
}

/// A host path as the standard library takes it.
fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

impl Clock for PosixHost {
    fn realtime(&self) -> TimeSpec {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => TimeSpec { sec: since.as_secs() as i64, nsec: since.subsec_nanos() },
            // A clock before 1970 is a clock that was never set.
            Err(_) => TimeSpec::default(),
        }
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Console for PosixHost {
    fn write_line(&self, line: &str) {
        // There is nobody to tell when standard error is gone.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

impl Entropy for PosixHost {
    fn fill(&self, buf: &mut [u8]) -> HostResult<()> {
        fill_random(buf)
    }
}

/// An address that nobody else was given: of the administration of whoever is here (IEEE 802, clause 8.4).
fn random_address() -> HostResult<[u8; 6]> {
    let mut address = [0; 6];
    fill_random(&mut address)?;
    address[0] = (address[0] & 0xfc) | 0x02;
    Ok(address)
}

/// Errors: EIO.
#[cfg(not(target_os = "linux"))]
fn fill_random(buf: &mut [u8]) -> HostResult<()> {
    let device = Path::new("/dev/urandom");
    let filled = std::fs::File::open(device).and_then(|mut file| std::io::Read::read_exact(&mut file, buf));
    filled.map_err(|error| errno::of_path(device, error))
}

/// Errors: EIO.
#[cfg(target_os = "linux")]
fn fill_random(buf: &mut [u8]) -> HostResult<()> {
    let mut filled = 0;
    while filled < buf.len() {
        match rustix::rand::getrandom(&mut buf[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(errno::named("random bytes", error.into())),
        }
    }
    Ok(())
}

impl Params for PosixHost {
    fn find(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl Threads for PosixHost {
    fn spawn(&self, name: &str, body: Box<dyn FnOnce() + Send>) -> HostResult<()> {
        std::thread::Builder::new()
            .name(name.into())
            .spawn(body)
            .map(drop)
            .map_err(|error| HostError { errno: Errno::EAGAIN, what: format!("thread {name}: {error}") })
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn event(&self) -> Arc<dyn Event> {
        #[cfg(target_os = "linux")]
        if let Some(event) = handlers::event() {
            return event;
        }
        Arc::<event::Flag>::default()
    }
}

impl HostFs for PosixHost {
    fn open(&self, name: &[u8], access: Access, lock: Lock) -> HostResult<Arc<dyn BlockIo>> {
        Ok(Arc::new(file::HostFile::open(path(name), access, lock)?))
    }

    fn stat(&self, name: &[u8]) -> HostResult<HostStat> {
        let meta = std::fs::metadata(path(name)).map_err(|error| errno::of_path(path(name), error))?;
        let mtime = (meta.mtime(), meta.mtime_nsec() as u32);
        let size_of_device = || self.open(name, Access::Read, Lock::None).map(|io| io.size_bytes());
        host_stat(path(name), meta.mode(), meta.len(), mtime, (meta.dev(), meta.ino()), size_of_device)
    }

    fn read_dir(&self, name: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        let failed = |error| errno::of_path(path(name), error);
        let mut names = std::fs::read_dir(path(name))
            .map_err(failed)?
            .map(|entry| Ok(entry.map_err(failed)?.file_name().into_vec()))
            .collect::<HostResult<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn folder(&self, name: &[u8]) -> HostResult<Arc<dyn HostFolder>> {
        Ok(Arc::new(Folder::open(path(name), Way::Kernel)?))
    }
}

impl HostMemory for PosixHost {
    fn shared_memory(&self, name: &[u8], size_if_new: u64) -> HostResult<Arc<dyn SharedMemory>> {
        Ok(Arc::new(memory::Memory::open(path(name), size_if_new)?))
    }
}

/// Attributes from those of the host. The length of a device node says nothing, so the device is asked.
fn host_stat(
    path: &Path,
    mode: u32,
    length: u64,
    (sec, nsec): (i64, u32),
    identity: (u64, u64),
    size_of_device: impl FnOnce() -> HostResult<u64>,
) -> HostResult<HostStat> {
    let file_type = FileType::from_mode(mode).ok_or_else(|| HostError {
        errno: Errno::EINVAL,
        what: format!("{}: a type of file that is not known here", path.display()),
    })?;
    let size_bytes = if file_type == FileType::BlockDevice { size_of_device()? } else { length };
    let mtime = TimeSpec { sec, nsec };
    Ok(HostStat { file_type, mode: Mode::new(mode), size_bytes, mtime, identity: Some(identity) })
}

#[cfg(test)]
mod tests;
