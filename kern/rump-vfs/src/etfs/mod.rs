//! Extra-terrestrial files: files and devices of the host under names of the kernel (rump_etfs(3) of NetBSD).
//!
//! A key is an absolute kernel path without `.`, `..` and empty names. [`Etfs::find`] answers for keys and for
//! paths below registered folders; the path walk asks it, one name at a time.
//!
//! A registered folder is never left: the host opens what is beneath it without following a symbolic link
//! ([`rump_hyper::HostFolder`]). Links in it are shown as links, and the kernel's walk follows them, in the
//! kernel's own tree: an absolute target begins at the root of the process, not of the host.
//!
//! The number of a node follows from its path, so a node that is forgotten and found again has the number it had.
//!
//! Locks: `registered`; the host is never called while it is held.

mod device;
mod folder;

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use device::{DeviceNode, HostRange};
use folder::{HostNode, Tree};
use hashbrown::HashMap;
use rump_dev::{FailureRate, Faulty};
use rump_hyper::{Access, BlockIo, HostError, Hypervisor, Lock, names_beneath};
use rump_kpi::sync::RwLock;
use rump_kpi::{
    Attr, BlockDevice, DevNumber, Errno, FileFlags, FileType, Ino, KError, KResult, Mode, Node, TimeSpec,
};

/// As what a host file appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtfsKind {
    /// A regular file.
    Regular,
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// A directory with the regular files and links in it.
    Directory,
    /// A directory with everything below it.
    DirectorySubdirs,
}

/// What is registered under a key.
#[derive(Clone)]
enum Registered {
    Device(Arc<DeviceNode>),
    Folder(Arc<Tree>),
}

/// The registry.
pub struct Etfs {
    host: Arc<dyn Hypervisor>,
    /// How often files and devices fail, if somebody wants that.
    failures: Option<FailureRate>,
    /// Count of keys: an empty registry costs one load.
    count: AtomicUsize,
    registered: RwLock<HashMap<Vec<u8>, Registered>>,
}

impl Etfs {
    /// An empty registry. Errors: EINVAL (a parameter of the host that is none).
    pub fn new(host: Arc<dyn Hypervisor>) -> KResult<Arc<Self>> {
        let failures = FailureRate::of_host(&*host)?;
        let registered = RwLock::new(HashMap::new());
        Ok(Arc::new(Self { host, failures, count: AtomicUsize::new(0), registered }))
    }

    /// Shows `host_path` as `key`. `range` is the first byte and the length, `u64::MAX` for all that follows; it
    /// is for files and devices only. A file is opened for writing where the host allows it.
    /// Errors: EINVAL (key), EEXIST, the host's, ENOTDIR, EINVAL (range).
    pub fn register(
        &self,
        key: &str,
        host_path: &[u8],
        kind: EtfsKind,
        range: Option<(u64, u64)>,
    ) -> KResult<()> {
        check_key(key)?;
        self.check_free(key)?;
        let private = Mode::new(0o600);
        let registered = match kind {
            EtfsKind::Directory | EtfsKind::DirectorySubdirs => {
                if range.is_some() {
                    return Err(KError::new(Errno::EINVAL, format!("{key}: a directory has no range")));
                }
                let folder = self.host.folder(host_path).map_err(from_host)?;
                let has_subdirs = kind == EtfsKind::DirectorySubdirs;
                Registered::Folder(Arc::new(Tree { key: key.into(), folder, has_subdirs }))
            }
            EtfsKind::Regular => {
                let mode = self.host.stat(host_path).map_err(from_host)?.mode;
                self.open_device(key, host_path, range, FileType::Regular, mode)?
            }
            EtfsKind::Block => self.open_device(key, host_path, range, FileType::BlockDevice, private)?,
            EtfsKind::Character => self.open_device(key, host_path, range, FileType::CharDevice, private)?,
        };
        self.insert(key, registered)
    }

    /// Shows `device` as the block device `key`. Errors: EINVAL, EEXIST.
    pub fn attach(&self, key: &str, device: Arc<dyn BlockDevice>) -> KResult<()> {
        check_key(key)?;
        self.insert(key, self.device(key, device, FileType::BlockDevice, Mode::new(0o600)))
    }

    /// Takes `key` away; nodes in use go on working. Errors: ENOENT.
    pub fn remove(&self, key: &str) -> KResult<()> {
        self.registered.write().remove(key.as_bytes()).ok_or(Errno::ENOENT)?;
        self.count.fetch_sub(1, Relaxed);
        Ok(())
    }

    /// Whether there is anything to find.
    pub fn is_empty(&self) -> bool {
        self.count.load(Relaxed) == 0
    }

    /// Whether `path` is a key.
    pub fn is_key(&self, path: &[u8]) -> bool {
        self.registered.read().contains_key(path)
    }

    /// The node of an absolute path without `.`, `..` and empty names: a key, or a path below a registered folder,
    /// where no link is followed. Errors: the host's.
    pub fn find(&self, path: &[u8]) -> KResult<Option<Arc<dyn Node>>> {
        Ok(match self.find_registered(path) {
            Some((Registered::Device(node), b"")) => Some(node),
            Some((Registered::Folder(tree), sub_path)) => {
                let found = HostNode::find(tree, sub_path)?;
                found.map(|node| -> Arc<dyn Node> { Arc::new(node) })
            }
            _ => None,
        })
    }

    /// The longest key at the front of `path`, and what follows it.
    fn find_registered<'p>(&self, path: &'p [u8]) -> Option<(Registered, &'p [u8])> {
        let table = self.registered.read();
        let ends = (1..=path.len()).rev().filter(|&end| path.get(end).is_none_or(|&byte| byte == b'/'));
        ends.into_iter().find_map(|end| {
            let found = table.get(&path[..end])?.clone();
            let rest = &path[end..];
            Some((found, rest.strip_prefix(b"/").unwrap_or(rest)))
        })
    }

    fn check_free(&self, key: &str) -> KResult<()> {
        if self.is_key(key.as_bytes()) {
            return Err(KError::new(Errno::EEXIST, format!("{key} is already registered")));
        }
        Ok(())
    }

    fn insert(&self, key: &str, registered: Registered) -> KResult<()> {
        let mut table = self.registered.write();
        if table.contains_key(key.as_bytes()) {
            return Err(KError::new(Errno::EEXIST, format!("{key} is already registered")));
        }
        table.insert(key.into(), registered);
        self.count.fetch_add(1, Relaxed);
        Ok(())
    }

    fn device(&self, key: &str, device: Arc<dyn BlockDevice>, file_type: FileType, mode: Mode) -> Registered {
        let born = self.host.realtime();
        Registered::Device(Arc::new(DeviceNode {
            device,
            file_type,
            mode,
            born,
            ino: ino_of(key.as_bytes()),
        }))
    }

    fn open_device(
        &self,
        key: &str,
        path: &[u8],
        range: Option<(u64, u64)>,
        file_type: FileType,
        mode: Mode,
    ) -> KResult<Registered> {
        let io = open_best(&*self.host, path)?;
        let (start, size) = range.unwrap_or((0, u64::MAX));
        let left = io.size_bytes().checked_sub(start);
        let size = left.and_then(|left| {
            if size == u64::MAX { Some(left) } else { Some(size).filter(|&size| size <= left) }
        });
        let size = size.ok_or_else(|| {
            KError::new(Errno::EINVAL, format!("{key}: the range ends beyond the host file"))
        })?;
        let device: Arc<dyn BlockDevice> = Arc::new(HostRange { io, start, size });
        let device = match self.failures {
            Some(rate) => Faulty::at_rate(device, rate),
            None => device,
        };
        Ok(self.device(key, device, file_type, mode))
    }
}

fn from_host(error: HostError) -> KError {
    KError::new(error.errno, error.what)
}

fn check_key(key: &str) -> KResult<()> {
    let names = key.strip_prefix('/').filter(|names| !names.is_empty());
    if key.len() < crate::PATH_MAX && names.is_some_and(|names| names_beneath(names.as_bytes()).is_ok()) {
        return Ok(());
    }
    let text = format!("`{}`: a key is an absolute path without `.` and `..`", key.escape_debug());
    Err(KError::new(Errno::EINVAL, text))
}

/// Opens for writing, or for reading where the host refuses that.
fn open_best(host: &dyn Hypervisor, path: &[u8]) -> KResult<Arc<dyn BlockIo>> {
    match host.open(path, Access::ReadWrite, Lock::Advisory) {
        Err(error) if matches!(error.errno, Errno::EACCES | Errno::EPERM | Errno::EROFS) => {
            host.open(path, Access::Read, Lock::Advisory).map_err(from_host)
        }
        result => result.map_err(from_host),
    }
}

/// The number of the node at an absolute path (FNV-1a).
pub(crate) fn ino_of(path: &[u8]) -> Ino {
    let hash = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    Ino(path.iter().fold(0xcbf2_9ce4_8422_2325, hash))
}

fn attributes(file_type: FileType, mode: Mode, size: u64, time: TimeSpec) -> Attr {
    Attr {
        file_type,
        mode,
        nlink: if file_type == FileType::Directory { 2 } else { 1 },
        uid: 0,
        gid: 0,
        rdev: DevNumber::default(),
        size,
        blocks: size.div_ceil(512),
        blksize: 4096,
        atime: time,
        mtime: time,
        ctime: time,
        birthtime: None,
        flags: FileFlags::empty(),
    }
}
