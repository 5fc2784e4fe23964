//! A file that kernels of several processes have as memory.

use crate::mapping::Mapping;
use crate::{claim, errno, lock, watch};
use rump_abi::Errno;
use rump_hyper::{Access, Claim, HostError, HostResult, SharedMemory, Watch};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::time::Duration;

/// A mapped file. Everybody who has it mapped holds a shared lock on it, which keeps away who wants it for himself.
pub struct Memory {
    file: File,
    path: PathBuf,
    mapping: Mapping,
    size: u64,
}

impl Memory {
    /// See [`rump_hyper::HostMemory::shared_memory`].
    pub fn open(path: &Path, size_if_new: u64) -> HostResult<Self> {
        let failed = |error| errno::of_path(path, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // NONBLOCK: opening a fifo must not wait for its other side.
        let file =
            options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32).open(path).map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(refused(path, Errno::EINVAL, "is not a regular file"));
        }
        if meta.len() == 0 {
            make_new(&file, path, size_if_new)?;
        }
        lock::take(&file, path, Access::Read)?;
        let size = file.metadata().map_err(failed)?.len();
        allocate(&file, size).map_err(failed)?;
        let length = usize::try_from(size).ok().filter(|length| *length > 0);
        let length =
            length.ok_or_else(|| refused(path, Errno::EINVAL, "is too small or large to be shared"))?;
        let mapping = Mapping::new(&file, length).map_err(|error| failed(error.into()))?;
        Ok(Self { file, path: path.into(), mapping, size })
    }

    fn beyond(&self, offset: u64, length: usize) -> HostError {
        let size = self.size;
        refused(
            &self.path,
            Errno::EINVAL,
            &format!("{length} bytes at {offset} reach beyond its end ({size})"),
        )
    }
}

fn refused(path: &Path, errno: Errno, why: &str) -> HostError {
    HostError { errno, what: format!("{}: {why}", path.display()) }
}

/// How often, and how long apart, the lock to make a new file is asked for.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(5);

/// Gives an empty file its length, unless somebody else just did. Errors: EBUSY, ENOSPC, the host's.
fn make_new(file: &File, path: &Path, size: u64) -> HostResult<()> {
    let failed = |error| errno::of_path(path, error);
    for _ in 0..TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            // Whoever makes it just now holds the lock for a moment.
            Err(rustix::io::Errno::WOULDBLOCK) => std::thread::sleep(BETWEEN_TRIES),
            // A file system without locks.
            Ok(()) | Err(_) => {
                return match file.metadata().map_err(failed)?.len() {
                    0 => allocate(file, size).map_err(failed),
                    _ => Ok(()),
                };
            }
        }
        if file.metadata().map_err(failed)?.len() > 0 {
            return Ok(());
        }
    }
    Err(refused(path, Errno::EBUSY, "is empty, and locked by somebody else"))
}

/// Makes the file at least `size` bytes long, and allocates all its blocks where the host can do that.
fn allocate(file: &File, size: u64) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size.max(1)) {
        Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOSYS) => {}
        outcome => return Ok(outcome?),
    }
    if file.metadata()?.len() < size { file.set_len(size) } else { Ok(()) }
}

impl SharedMemory for Memory {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if self.mapping.read(at, buf) { Ok(()) } else { Err(self.beyond(offset, buf.len())) }
    }

    fn append_to(&self, to: &mut Vec<u8>, offset: u64, length: usize) -> HostResult<()> {
        if offset.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(self.beyond(offset, length));
        }
        to.try_reserve(length).map_err(|_| HostError::from(Errno::ENOMEM))?;
        let is_there = self.mapping.append_to(to, offset as usize, length);
        if is_there { Ok(()) } else { Err(self.beyond(offset, length)) }
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> HostResult<()> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        if self.mapping.write(at, bytes) { Ok(()) } else { Err(self.beyond(offset, bytes.len())) }
    }

    fn load_u32(&self, offset: u64) -> u32 {
        self.mapping.u32_at(offset).load(Acquire)
    }

    fn store_u32(&self, offset: u64, value: u32) {
        self.mapping.u32_at(offset).store(value, Release);
    }

    fn replace_u32(&self, offset: u64, current: u32, new: u32) -> bool {
        self.mapping.u32_at(offset).compare_exchange(current, new, AcqRel, Relaxed).is_ok()
    }

    fn load_u64(&self, offset: u64) -> u64 {
        self.mapping.u64_at(offset).load(Acquire)
    }

    fn store_u64(&self, offset: u64, value: u64) {
        self.mapping.u64_at(offset).store(value, Release);
    }

    fn wait(&self, offset: u64, expected: u32, timeout: Duration) {
        watch::wait_for_word(self.mapping.u32_at(offset), expected, timeout);
    }

    fn wake(&self, offset: u64) {
        watch::wake_word(self.mapping.u32_at(offset));
    }

    fn notify(&self, offset: u64, value: u32) -> HostResult<()> {
        // The system call is what the host tells watchers of: a store into the mapping would tell nobody.
        let written = self.file.write_all_at(&value.to_ne_bytes(), offset);
        written.map_err(|error| errno::of_path(&self.path, error))
    }

    fn watch(&self) -> HostResult<Box<dyn Watch>> {
        watch::of_file(&self.file, &self.path).map_err(|error| errno::of_path(&self.path, error))
    }

    fn claim(&self, number: u32) -> HostResult<Box<dyn Claim>> {
        claim::take(&self.file, &self.path, number)
    }
}
