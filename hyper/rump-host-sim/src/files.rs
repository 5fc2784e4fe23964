//! The tree of host files in memory. Paths are compared as bytes, without trailing slashes; but for symbolic
//! links, no `.` or `..` is looked at.

use crate::{SimDisk, SimHost, lock};
use rump_abi::{Errno, FileType, Mode, TimeSpec};
use rump_hyper::{Access, BlockIo, HostError, HostFolder, HostFs, HostResult, HostStat, Lock, names_beneath};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Links that one path may lead through.
const MAX_LINKS: usize = 40;
/// Count of holders that stands for one exclusive holder.
const EXCLUSIVE: usize = usize::MAX;

#[derive(Clone)]
pub(crate) enum Entry {
    Directory,
    File(Node),
    Symlink(Vec<u8>),
}

/// A regular file or block device.
#[derive(Clone)]
pub(crate) struct Node {
    disk: Arc<SimDisk>,
    file_type: FileType,
    holders: Arc<AtomicUsize>,
    /// Refuses to be opened for writing.
    protected: bool,
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

    /// Adds a symbolic link, which need not lead anywhere.
    pub fn add_symlink(&self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) {
        let link = Entry::Symlink(target.as_ref().into());
        lock(&self.files).insert(trimmed(path.as_ref()).into(), link);
    }

    /// From now on the file at `path` is opened for reading only: EACCES otherwise.
    pub fn protect(&self, path: impl AsRef<[u8]>) {
        if let Some(Entry::File(node)) = lock(&self.files).get_mut(trimmed(path.as_ref())) {
            node.protected = true;
        }
    }

    /// Removes what is at `path`, with all beneath it; what is open stays open.
    pub fn remove(&self, path: impl AsRef<[u8]>) {
        let path = trimmed(path.as_ref());
        let is_beneath =
            |key: &[u8]| key.strip_prefix(path).is_some_and(|rest| matches!(rest, [] | [b'/', ..]));
        lock(&self.files).retain(|key, _| !is_beneath(key));
    }

    fn add(&self, path: &[u8], bytes: Vec<u8>, file_type: FileType) -> Arc<SimDisk> {
        let disk = Arc::new(SimDisk::new(bytes));
        let node = Node { disk: disk.clone(), file_type, holders: Arc::default(), protected: false };
        lock(&self.files).insert(trimmed(path).into(), Entry::File(node));
        disk
    }

    /// Where `path` leads once links are followed, and what is there. A folder need not have been added for
    /// what is in it to be found. Errors: ENOENT, ELOOP.
    fn follow(&self, path: &[u8]) -> HostResult<(Vec<u8>, Entry)> {
        let files = lock(&self.files);
        let mut rest = trimmed(path).to_vec();
        for _ in 0..=MAX_LINKS {
            let ends = (1..=rest.len()).filter(|&end| rest.get(end).is_none_or(|&byte| byte == b'/'));
            let link = ends.into_iter().find_map(|end| match files.get(&rest[..end]) {
                Some(Entry::Symlink(target)) => Some((end, target)),
                _ => None,
            });
            let Some((end, target)) = link else {
                let entry = files.get(&rest).cloned().ok_or_else(|| error(Errno::ENOENT, path))?;
                return Ok((rest, entry));
            };
            let folder = rest[..end].iter().rposition(|&byte| byte == b'/').unwrap_or(0);
            let folder = if target.starts_with(b"/") { &[][..] } else { &rest[..folder] };
            rest = resolved(&[folder, b"/", target, &rest[end..]].concat());
        }
        Err(error(Errno::ELOOP, path))
    }
}

/// The absolute path without `.` and `..`.
fn resolved(path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|&byte| byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            _ => names.push(name),
        }
    }
    names.iter().flat_map(|name| [b"/", *name].concat()).collect()
}

/// Opens what is no link. `path` is for errors.
fn open_entry(entry: Entry, path: &[u8], access: Access, how: Lock) -> HostResult<Arc<dyn BlockIo>> {
    let node = match entry {
        Entry::File(node) => node,
        Entry::Directory => return Err(error(Errno::EISDIR, path)),
        Entry::Symlink(_) => return Err(error(Errno::ELOOP, path)),
    };
    if node.protected && access == Access::ReadWrite {
        return Err(error(Errno::EACCES, path));
    }
    let held = match how {
        Lock::Advisory => Some(node.hold(path, access)?),
        Lock::None => None,
    };
    Ok(Arc::new(Opened { disk: node.disk, path: path.into(), access, held }))
}

fn stat_entry(entry: &Entry) -> HostStat {
    let (file_type, mode, size_bytes) = match entry {
        Entry::Directory => (FileType::Directory, 0o755, 0),
        Entry::File(node) => (node.file_type, if node.protected { 0o444 } else { 0o644 }, node.disk.len()),
        Entry::Symlink(target) => (FileType::Symlink, 0o777, target.len() as u64),
    };
    let mtime = TimeSpec { sec: crate::EPOCH, nsec: 0 };
    let identity = match entry {
        Entry::File(node) => Some((0, Arc::as_ptr(&node.disk) as usize as u64)),
        Entry::Directory | Entry::Symlink(_) => None,
    };
    HostStat { file_type, mode: Mode::new(mode), size_bytes, mtime, identity }
}

/// Names in a folder.
fn names_in(files: &BTreeMap<Vec<u8>, Entry>, folder: &[u8]) -> Vec<Vec<u8>> {
    let prefix = [folder, b"/"].concat();
    let names = files.keys().filter_map(|key| key.strip_prefix(&prefix[..]));
    names.filter(|n| !n.is_empty() && !n.contains(&b'/')).map(Into::into).collect()
}

impl HostFs for SimHost {
    fn open(&self, path: &[u8], access: Access, how: Lock) -> HostResult<Arc<dyn BlockIo>> {
        open_entry(self.follow(path)?.1, path, access, how)
    }

    fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
        Ok(stat_entry(&self.follow(path)?.1))
    }

    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        match self.follow(path)? {
            (folder, Entry::Directory) => Ok(names_in(&lock(&self.files), &folder)),
            _ => Err(error(Errno::ENOTDIR, path)),
        }
    }

    fn folder(&self, path: &[u8]) -> HostResult<Arc<dyn HostFolder>> {
        match self.follow(path)? {
            (root, Entry::Directory) => Ok(Arc::new(Folder { files: self.files.clone(), root })),
            _ => Err(error(Errno::ENOTDIR, path)),
        }
    }
}

/// A folder that is not left.
struct Folder {
    files: Arc<Mutex<BTreeMap<Vec<u8>, Entry>>>,
    root: Vec<u8>,
}

impl Folder {
    /// What is at `path`, which may be a link, and its whole path.
    fn find(&self, path: &[u8]) -> HostResult<(Vec<u8>, Entry)> {
        let names = names_beneath(path).map_err(|errno| error(errno, path))?;
        let files = lock(&self.files);
        let mut at = self.root.clone();
        for (left, name) in (0..names.len()).rev().zip(names) {
            at.extend_from_slice(b"/");
            at.extend_from_slice(name);
            match files.get(&at) {
                Some(Entry::Symlink(_)) if left > 0 => return Err(error(Errno::ELOOP, &at)),
                Some(Entry::File(_)) if left > 0 => return Err(error(Errno::ENOTDIR, &at)),
                _ => {}
            }
        }
        let entry = files.get(&at).cloned().ok_or_else(|| error(Errno::ENOENT, &at))?;
        Ok((at, entry))
    }
}

impl HostFolder for Folder {
    fn open(&self, path: &[u8], access: Access, how: Lock) -> HostResult<Arc<dyn BlockIo>> {
        let (path, entry) = self.find(path)?;
        open_entry(entry, &path, access, how)
    }

    fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
        Ok(stat_entry(&self.find(path)?.1))
    }

    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        match self.find(path)? {
            (folder, Entry::Directory) => Ok(names_in(&lock(&self.files), &folder)),
            (path, Entry::File(_)) => Err(error(Errno::ENOTDIR, &path)),
            (path, Entry::Symlink(_)) => Err(error(Errno::ELOOP, &path)),
        }
    }

    fn read_link(&self, path: &[u8]) -> HostResult<Vec<u8>> {
        match self.find(path)? {
            (_, Entry::Symlink(target)) => Ok(target),
            (path, _) => Err(error(Errno::EINVAL, &path)),
        }
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

    fn grow(&self, size_bytes: u64) -> HostResult<()> {
        self.named(match self.access {
            Access::Read => Err(Errno::EROFS),
            Access::ReadWrite => self.disk.grow(size_bytes),
        })
    }
}
