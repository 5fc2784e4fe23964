//! The tree of host files in memory. Paths are compared as bytes, without trailing slashes.

use crate::{SimDisk, SimHost, lock};
use rump_abi::{Errno, FileType, Mode, TimeSpec};
use rump_hyper::{Access, BlockIo, HostError, HostFs, HostResult, HostStat, Lock};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Count of holders that stands for one exclusive holder.
const EXCLUSIVE: usize = usize::MAX;

#[derive(Clone)]
pub(crate) enum Entry {
    Directory,
    File(Node),
}

/// A regular file or block device.
#[derive(Clone)]
pub(crate) struct Node {
    disk: Arc<SimDisk>,
    file_type: FileType,
    holders: Arc<AtomicUsize>,
}

/// An opened file; gives its lock back when dropped.
struct Opened {
    disk: Arc<SimDisk>,
    path: Vec<u8>,
    access: Access,
    held: Option<Arc<AtomicUsize>>,
}

fn trimmed(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |last| last + 1);
    &path[..end]
}

fn error(errno: Errno, path: &[u8]) -> HostError {
    HostError { errno, what: format!("{}: {}", String::from_utf8_lossy(path), errno.text()) }
}

impl SimHost {
    /// Adds or replaces a file; the disk behind it takes faults.
    pub fn add_file(&self, path: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> Arc<SimDisk> {
        self.add(path.as_ref(), bytes.into(), FileType::Regular)
    }

    /// Adds or replaces a block device that holds `bytes`; the disk behind it takes faults.
    pub fn add_device(&self, path: impl AsRef<[u8]>, bytes: impl Into<Vec<u8>>) -> Arc<SimDisk> {
        self.add(path.as_ref(), bytes.into(), FileType::BlockDevice)
    }

    /// Adds a directory.
    pub fn add_dir(&self, path: impl AsRef<[u8]>) {
        lock(&self.files).insert(trimmed(path.as_ref()).into(), Entry::Directory);
    }

    fn add(&self, path: &[u8], bytes: Vec<u8>, file_type: FileType) -> Arc<SimDisk> {
        let disk = Arc::new(SimDisk::new(bytes));
        let node = Node { disk: disk.clone(), file_type, holders: Arc::default() };
        lock(&self.files).insert(trimmed(path).into(), Entry::File(node));
        disk
    }

    fn entry(&self, path: &[u8]) -> HostResult<Entry> {
        lock(&self.files).get(trimmed(path)).cloned().ok_or_else(|| error(Errno::ENOENT, path))
    }
}

impl HostFs for SimHost {
    fn open(&self, path: &[u8], access: Access, how: Lock) -> HostResult<Arc<dyn BlockIo>> {
        let Entry::File(node) = self.entry(path)? else {
            return Err(error(Errno::EISDIR, path));
        };
        let held = match how {
            Lock::Advisory => Some(node.hold(path, access)?),
            Lock::None => None,
        };
        Ok(Arc::new(Opened { disk: node.disk, path: path.into(), access, held }))
    }

    fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
        let (file_type, mode, size_bytes) = match self.entry(path)? {
            Entry::Directory => (FileType::Directory, 0o755, 0),
            Entry::File(node) => (node.file_type, 0o644, node.disk.len()),
        };
        let mtime = TimeSpec { sec: crate::EPOCH, nsec: 0 };
        Ok(HostStat { file_type, mode: Mode::new(mode), size_bytes, mtime })
    }

    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        if let Entry::File(_) = self.entry(path)? {
            return Err(error(Errno::ENOTDIR, path));
        }
        let prefix = [trimmed(path), b"/"].concat();
        let files = lock(&self.files);
        let names = files.keys().filter_map(|key| key.strip_prefix(&prefix[..]));
        Ok(names.filter(|n| !n.is_empty() && !n.contains(&b'/')).map(Into::into).collect())
    }
}

impl Node {
    /// Takes the lock for `access`; whoever gets the counter gives the lock back. Errors: EBUSY.
    fn hold(&self, path: &[u8], access: Access) -> HostResult<Arc<AtomicUsize>> {
        let taken = self.holders.fetch_update(SeqCst, SeqCst, |n| match access {
            Access::Read if n < EXCLUSIVE - 1 => Some(n + 1),
            Access::ReadWrite if n == 0 => Some(EXCLUSIVE),
            _ => None,
        });
        taken.map_err(|_| HostError {
            errno: Errno::EBUSY,
            what: format!("{} is locked by this simulation", String::from_utf8_lossy(path)),
        })?;
        Ok(self.holders.clone())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(holders) = &self.held {
            match self.access {
                Access::Read => drop(holders.fetch_sub(1, SeqCst)),
                Access::ReadWrite => holders.store(0, SeqCst),
            }
        }
    }
}

impl Opened {
    /// Names the file in an error of the disk.
    fn named(&self, result: Result<(), Errno>) -> HostResult<()> {
        result.map_err(|errno| error(errno, &self.path))
    }
}

impl BlockIo for Opened {
    fn size_bytes(&self) -> u64 {
        self.disk.len()
    }

    fn access(&self) -> Access {
        self.access
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
        self.named(self.disk.read(offset, buf))
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> HostResult<()> {
        self.named(match self.access {
            Access::Read => Err(Errno::EROFS),
            Access::ReadWrite => self.disk.write(offset, buf),
        })
    }

    fn flush(&self) -> HostResult<()> {
        self.named(self.disk.flush())
    }
}
