//! Extra-terrestrial files: files and devices of the host under names of the kernel (rump_etfs(3) of NetBSD).
//!
//! A key is an absolute kernel path. [`Etfs::find`] answers for keys and for paths below registered directories;
//! the path walk asks it before it walks. [`Etfs`] is also a [`FileSystem`], so its nodes have inode numbers:
//! one for each key and path below it, derived from both, so a node that is forgotten and found again has the
//! number it had. Its root is an empty directory.
//!
//! A path below a directory is built from checked names only (no `..`, no `/`), so it never leaves the
//! registered folder by name. The host resolves symbolic links: a link in the folder is followed wherever it
//! leads, because [`rump_hyper::HostFs`] cannot tell it from its target.
//!
//! Locks: `registered`, then `inodes`; the host is never called while either is held.
//! Invariant: `inodes` holds at most [`MAX_INODES`]; those that the kernel does not hold make room.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use hashbrown::HashMap;
use rump_hyper::{Access, BlockIo, HostError, HostStat, Hypervisor, Lock};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{
    Attr, BlockDevice, Capabilities, DevNumber, DirEntry, Errno, FileSystem, FileType, Ino, KError, KResult,
    Mode, Node, StatVfs, TimeSpec,
};

const ROOT: Ino = Ino(1);
/// Nodes that are remembered at most; ENFILE beyond.
const MAX_INODES: usize = 65_536;
/// Depth of a path below a registered directory; ENAMETOOLONG beyond.
const MAX_PATH: usize = 4096;

/// As what a host file appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtfsKind {
    /// A regular file.
    Regular,
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// A directory with the regular files in it.
    Directory,
    /// A directory with everything below it.
    DirectorySubdirs,
}

/// What is registered under a key.
struct Registered {
    key: Vec<u8>,
    source: Source,
    born: TimeSpec,
}

enum Source {
    Device { device: Arc<dyn BlockDevice>, file_type: FileType, mode: Mode },
    Folder { host_path: Vec<u8>, subdirs: bool },
}

/// A node that has a number.
struct Known {
    registered: Arc<Registered>,
    sub_path: Vec<u8>,
    loaded: bool,
}

/// The registry.
pub struct Etfs {
    host: Arc<dyn Hypervisor>,
    /// Count of keys: an empty registry costs one load.
    count: AtomicUsize,
    registered: RwLock<HashMap<Vec<u8>, Arc<Registered>>>,
    inodes: Arc<Mutex<HashMap<Ino, Known>>>,
}

impl Etfs {
    /// An empty registry.
    pub fn new(host: Arc<dyn Hypervisor>) -> Arc<Self> {
        let (count, registered) = (AtomicUsize::new(0), RwLock::new(HashMap::new()));
        Arc::new(Self { host, count, registered, inodes: Arc::new(Mutex::new(HashMap::new())) })
    }

    /// Shows `host_path` as `key`. `range` is the first byte and the length, `u64::MAX` for all that follows; it
    /// is for files and devices only. A file is opened for writing where the host allows it.
    /// Errors: EINVAL (key, range), EEXIST, the host's.
    pub fn register(
        &self,
        key: &str,
        host_path: &[u8],
        kind: EtfsKind,
        range: Option<(u64, u64)>,
    ) -> KResult<()> {
        check_key(key)?;
        self.check_free(key)?;
        let stat = self.host.stat(host_path).map_err(from_host)?;
        let folder = |subdirs| {
            if stat.file_type != FileType::Directory {
                return Err(KError::new(Errno::ENOTDIR, format!("{key}: the host path is not a directory")));
            }
            if range.is_some() {
                return Err(KError::new(Errno::EINVAL, format!("{key}: a directory has no range")));
            }
            Ok(Source::Folder { host_path: host_path.to_vec(), subdirs })
        };
        let source = match kind {
            EtfsKind::Directory => folder(false)?,
            EtfsKind::DirectorySubdirs => folder(true)?,
            EtfsKind::Regular => self.open_device(host_path, range, FileType::Regular, stat.mode)?,
            EtfsKind::Block => self.open_device(host_path, range, FileType::BlockDevice, Mode::new(0o600))?,
            EtfsKind::Character => {
                self.open_device(host_path, range, FileType::CharDevice, Mode::new(0o600))?
            }
        };
        self.insert(key, source)
    }

    /// Shows `device` as the block device `key`. Errors: EINVAL, EEXIST.
    pub fn attach(&self, key: &str, device: Arc<dyn BlockDevice>) -> KResult<()> {
        check_key(key)?;
        self.insert(key, Source::Device { device, file_type: FileType::BlockDevice, mode: Mode::new(0o600) })
    }

    /// Takes `key` away; nodes in use go on working. Errors: ENOENT.
    pub fn remove(&self, key: &str) -> KResult<()> {
        self.registered.write().remove(key.as_bytes()).ok_or(Errno::ENOENT)?;
        self.count.fetch_sub(1, Relaxed);
        Ok(())
    }

    /// The inode of an absolute path: a key, or a path below a registered directory.
    pub fn find_ino(&self, path: &[u8]) -> Option<Ino> {
        if self.count.load(Relaxed) == 0 {
            return None;
        }
        let (registered, sub_path) = self.find_registered(path)?;
        if !sub_path.is_empty() {
            stat_below(&*self.host, &registered, &sub_path).ok()?;
        }
        remember(&self.inodes, &registered, sub_path).ok()
    }

    /// The node of an absolute path; see [`Etfs::find_ino`].
    pub fn find(&self, path: &[u8]) -> Option<Arc<dyn Node>> {
        self.node(self.find_ino(path)?).ok()
    }

    fn find_registered(&self, path: &[u8]) -> Option<(Arc<Registered>, Vec<u8>)> {
        let table = self.registered.read();
        if let Some(found) = table.get(path) {
            return Some((found.clone(), Vec::new()));
        }
        let slashes = path.iter().enumerate().rev().filter(|&(at, &byte)| byte == b'/' && at > 0);
        for (at, _) in slashes {
            if let Some(found) = table.get(&path[..at]) {
                let is_folder = matches!(found.source, Source::Folder { .. });
                let sub_path = clean_path(&path[at + 1..]).filter(|_| is_folder)?;
                return Some((found.clone(), sub_path));
            }
        }
        None
    }

    fn check_free(&self, key: &str) -> KResult<()> {
        if self.registered.read().contains_key(key.as_bytes()) {
            return Err(KError::new(Errno::EEXIST, format!("{key} is already registered")));
        }
        Ok(())
    }

    fn insert(&self, key: &str, source: Source) -> KResult<()> {
        let key_bytes = key.as_bytes().to_vec();
        let entry = Arc::new(Registered { key: key_bytes.clone(), source, born: self.host.realtime() });
        let mut table = self.registered.write();
        if table.contains_key(&key_bytes) {
            return Err(KError::new(Errno::EEXIST, format!("{key} is already registered")));
        }
        table.insert(key_bytes, entry);
        self.count.fetch_add(1, Relaxed);
        Ok(())
    }

    fn open_device(
        &self,
        path: &[u8],
        range: Option<(u64, u64)>,
        file_type: FileType,
        mode: Mode,
    ) -> KResult<Source> {
        let io = open_best(&*self.host, path)?;
        let (start, size) = range.unwrap_or((0, u64::MAX));
        let left = io.size_bytes().checked_sub(start);
        let size = left.and_then(|left| {
            if size == u64::MAX { Some(left) } else { Some(size).filter(|&size| size <= left) }
        });
        let size = size.ok_or_else(|| KError::new(Errno::EINVAL, "the range ends beyond the host file"))?;
        Ok(Source::Device { device: Arc::new(HostRange { io, start, size }), file_type, mode })
    }
}

impl FileSystem for Etfs {
    fn root(&self) -> Ino {
        ROOT
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        if ino == ROOT {
            return Ok(Arc::new(EmptyRoot));
        }
        let (registered, sub_path) = {
            let mut inodes = self.inodes.lock();
            let known = inodes.get_mut(&ino).ok_or(Errno::ESTALE)?;
            known.loaded = true;
            (known.registered.clone(), known.sub_path.clone())
        };
        if let Source::Device { device, file_type, mode } = &registered.source {
            let (device, file_type, mode) = (device.clone(), *file_type, *mode);
            return Ok(Arc::new(DeviceNode { device, file_type, mode, born: registered.born, ino }));
        }
        let (host, inodes) = (self.host.clone(), self.inodes.clone());
        Ok(Arc::new(HostNode { host, inodes, registered, sub_path, ino, opened: Mutex::new(None) }))
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        let files = self.count.load(Relaxed) as u64;
        let (block_size, name_max) = (4096, 255);
        Ok(StatVfs {
            block_size,
            blocks: 0,
            blocks_free: 0,
            blocks_available: 0,
            files,
            files_free: 0,
            name_max,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::empty()
    }

    fn forget(&self, ino: Ino) {
        let forgotten = self.inodes.lock().remove(&ino);
        drop(forgotten);
    }
}

fn from_host(error: HostError) -> KError {
    KError::new(error.errno, error.what)
}

fn check_key(key: &str) -> KResult<()> {
    let shaped = key.starts_with('/') && key.len() > 1 && !key.ends_with('/') && key.len() <= MAX_PATH;
    if shaped && !key.contains('\0') {
        return Ok(());
    }
    Err(KError::new(Errno::EINVAL, format!("`{}`: a key is an absolute path", key.escape_debug())))
}

/// The path with single slashes and without `.`; `None` if it holds `..` or NUL or is too long.
fn clean_path(path: &[u8]) -> Option<Vec<u8>> {
    if path.len() > MAX_PATH || path.contains(&0) {
        return None;
    }
    let mut names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    let clean: Vec<&[u8]> = names.by_ref().collect();
    if clean.iter().any(|name| *name == b"..") { None } else { Some(clean.join(&b'/')) }
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

fn host_path(folder: &[u8], sub_path: &[u8]) -> Vec<u8> {
    if sub_path.is_empty() { folder.to_vec() } else { [folder, b"/", sub_path].concat() }
}

/// Attributes of what lies at `sub_path`, if the registration shows it. Errors: ENOENT, the host's.
fn stat_below(host: &dyn Hypervisor, registered: &Registered, sub_path: &[u8]) -> KResult<HostStat> {
    let Source::Folder { host_path: folder, subdirs } = &registered.source else {
        return Err(Errno::ENOTDIR.into());
    };
    if !subdirs && sub_path.contains(&b'/') {
        return Err(Errno::ENOENT.into());
    }
    let stat = host.stat(&host_path(folder, sub_path)).map_err(from_host)?;
    let shown = match stat.file_type {
        FileType::Regular => true,
        FileType::Directory => *subdirs || sub_path.is_empty(),
        _ => false,
    };
    if shown { Ok(stat) } else { Err(Errno::ENOENT.into()) }
}

/// Where the search for a number begins: FNV-1a of key and path.
fn wanted_ino(key: &[u8], sub_path: &[u8]) -> Ino {
    let bytes = key.iter().chain(&[0]).chain(sub_path);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Ino((hash >> 1).max(ROOT.0 + 1))
}

/// The number of a node, given now if it has none. Errors: ENFILE.
fn remember(inodes: &Mutex<HashMap<Ino, Known>>, entry: &Arc<Registered>, sub_path: Vec<u8>) -> KResult<Ino> {
    let mut inodes = inodes.lock();
    if inodes.len() >= MAX_INODES {
        inodes.retain(|_, known| known.loaded);
    }
    let mut ino = wanted_ino(&entry.key, &sub_path);
    // Ends: the table is smaller than the numbers.
    while let Some(known) = inodes.get(&ino) {
        if Arc::ptr_eq(&known.registered, entry) && known.sub_path == sub_path {
            return Ok(ino);
        }
        ino = Ino(ino.0 + 1);
    }
    if inodes.len() >= MAX_INODES {
        return Err(KError::new(Errno::ENFILE, "too many nodes of etfs in use"));
    }
    inodes.insert(ino, Known { registered: entry.clone(), sub_path, loaded: false });
    Ok(ino)
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
    }
}

/// Reads what lies before the end.
fn read_clipped(device: &dyn BlockDevice, offset: u64, buf: &mut [u8]) -> KResult<usize> {
    let left = usize::try_from(device.size_bytes().saturating_sub(offset)).unwrap_or(usize::MAX);
    let count = left.min(buf.len());
    if count > 0 {
        device.read_at(offset, &mut buf[..count])?;
    }
    Ok(count)
}

/// Writes all of it; a host file does not grow. Errors: EROFS, ENOSPC (it ends beyond the end), the host's.
fn write_all(device: &dyn BlockDevice, offset: u64, buf: &[u8]) -> KResult<usize> {
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    offset.checked_add(buf.len() as u64).filter(|&end| end <= device.size_bytes()).ok_or(Errno::ENOSPC)?;
    device.write_at(offset, buf)?;
    Ok(buf.len())
}

/// A part of a host file.
struct HostRange {
    io: Arc<dyn BlockIo>,
    start: u64,
    size: u64,
}

impl HostRange {
    /// The place in the host file. Errors: EINVAL.
    fn place(&self, offset: u64, length: usize) -> KResult<u64> {
        let end = offset.checked_add(length as u64).filter(|&end| end <= self.size);
        end.and_then(|_| self.start.checked_add(offset)).ok_or_else(|| Errno::EINVAL.into())
    }
}

impl BlockDevice for HostRange {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        self.io.access() == Access::Read
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.io.read_at(self.place(offset, buf.len())?, buf).map_err(from_host)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        if self.is_read_only() {
            return Err(Errno::EROFS.into());
        }
        self.io.write_at(self.place(offset, buf.len())?, buf).map_err(from_host)
    }

    fn flush(&self) -> KResult<()> {
        self.io.flush().map_err(from_host)
    }
}

/// A registered file or device.
struct DeviceNode {
    device: Arc<dyn BlockDevice>,
    file_type: FileType,
    mode: Mode,
    born: TimeSpec,
    ino: Ino,
}

impl Node for DeviceNode {
    fn attr(&self) -> KResult<Attr> {
        let mut attr = attributes(self.file_type, self.mode, self.device.size_bytes(), self.born);
        if self.file_type != FileType::Regular {
            // A number of its own for each device: programs compare them.
            attr.rdev = DevNumber { major: 178, minor: self.ino.0 as u32 & 0xf_ffff };
        }
        Ok(attr)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        read_clipped(&*self.device, offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        write_all(&*self.device, offset, buf)
    }

    fn block_device(&self) -> Option<Arc<dyn BlockDevice>> {
        (self.file_type != FileType::Regular).then(|| self.device.clone())
    }

    fn fsync(&self) -> KResult<()> {
        self.device.flush()
    }
}

/// A registered directory, or a file or directory below one.
struct HostNode {
    host: Arc<dyn Hypervisor>,
    inodes: Arc<Mutex<HashMap<Ino, Known>>>,
    registered: Arc<Registered>,
    sub_path: Vec<u8>,
    ino: Ino,
    /// The host file, from the first read or write on.
    opened: Mutex<Option<Arc<HostRange>>>,
}

impl HostNode {
    fn stat(&self) -> KResult<HostStat> {
        stat_below(&*self.host, &self.registered, &self.sub_path)
    }

    fn path(&self) -> KResult<Vec<u8>> {
        match &self.registered.source {
            Source::Folder { host_path: folder, .. } => Ok(host_path(folder, &self.sub_path)),
            Source::Device { .. } => Err(Errno::ENOTDIR.into()),
        }
    }

    fn open(&self) -> KResult<Arc<HostRange>> {
        if let Some(open) = &*self.opened.lock() {
            return Ok(open.clone());
        }
        if self.stat()?.file_type == FileType::Directory {
            return Err(Errno::EISDIR.into());
        }
        let io = open_best(&*self.host, &self.path()?)?;
        let range = Arc::new(HostRange { start: 0, size: io.size_bytes(), io });
        *self.opened.lock() = Some(range.clone());
        Ok(range)
    }

    fn check_directory(&self) -> KResult<()> {
        if self.stat()?.file_type == FileType::Directory { Ok(()) } else { Err(Errno::ENOTDIR.into()) }
    }

    fn below(&self, name: &[u8]) -> KResult<Vec<u8>> {
        if name.contains(&b'/') || name.contains(&0) || name == b".." || name.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        let path = if self.sub_path.is_empty() { name.to_vec() } else { host_path(&self.sub_path, name) };
        if path.len() > MAX_PATH { Err(Errno::ENAMETOOLONG.into()) } else { Ok(path) }
    }

    /// The path of the directory above, which for the registered folder is the folder.
    fn above(&self) -> &[u8] {
        let slash = self.sub_path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        &self.sub_path[..slash]
    }
}

impl Node for HostNode {
    fn attr(&self) -> KResult<Attr> {
        let stat = self.stat()?;
        Ok(attributes(stat.file_type, stat.mode, stat.size_bytes, stat.mtime))
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        self.check_directory()?;
        let path = match name {
            b"." => return Ok(self.ino),
            b".." => self.above().to_vec(),
            _ => self.below(name)?,
        };
        stat_below(&*self.host, &self.registered, &path)?;
        remember(&self.inodes, &self.registered, path)
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        self.check_directory()?;
        let names = self.host.read_dir(&self.path()?).map_err(from_host)?;
        let key = &self.registered.key;
        let above = wanted_ino(key, self.above());
        let dots: [(&[u8], Ino); 2] = [(b".", self.ino), (b"..", above)];
        for ((name, ino), place) in dots.into_iter().zip(0..) {
            let file_type = Some(FileType::Directory);
            if cursor <= place && !sink(DirEntry { name, ino, file_type, next_cursor: place + 1 }) {
                return Ok(());
            }
        }
        for (name, place) in names.iter().zip(2..).filter(|&(_, place)| cursor <= place) {
            // What vanished meanwhile, or is not shown, is left out.
            let Ok(path) = self.below(name) else { continue };
            let Ok(stat) = stat_below(&*self.host, &self.registered, &path) else { continue };
            let (ino, file_type) = (wanted_ino(key, &path), Some(stat.file_type));
            if !sink(DirEntry { name, ino, file_type, next_cursor: place + 1 }) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        read_clipped(&*self.open()?, offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        write_all(&*self.open()?, offset, buf)
    }

    fn fsync(&self) -> KResult<()> {
        let opened = self.opened.lock().clone();
        opened.map_or(Ok(()), |range| range.flush())
    }
}

/// The root of the file system: the nodes are found by their keys, not from here.
struct EmptyRoot;

impl Node for EmptyRoot {
    fn attr(&self) -> KResult<Attr> {
        Ok(attributes(FileType::Directory, Mode::new(0o555), 0, TimeSpec::default()))
    }

    fn lookup(&self, name: &[u8]) -> KResult<Ino> {
        if matches!(name, b"." | b"..") { Ok(ROOT) } else { Err(Errno::ENOENT.into()) }
    }

    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        for (name, place) in [&b"."[..], b".."].into_iter().zip(0..) {
            let (ino, file_type) = (ROOT, Some(FileType::Directory));
            if cursor <= place && !sink(DirEntry { name, ino, file_type, next_cursor: place + 1 }) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{boxed::Box, string::String, vec};
    use core::time::Duration;
    use rump_hyper::{Clock, Console, Entropy, HostFs, HostResult, Params, Threads};

    struct Host;
    struct Bytes(Mutex<Vec<u8>>);

    impl BlockIo for Bytes {
        fn size_bytes(&self) -> u64 {
            self.0.lock().len() as u64
        }
        fn access(&self) -> Access {
            Access::ReadWrite
        }
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
            buf.copy_from_slice(&self.0.lock()[offset as usize..][..buf.len()]);
            Ok(())
        }
        fn write_at(&self, offset: u64, buf: &[u8]) -> HostResult<()> {
            self.0.lock()[offset as usize..][..buf.len()].copy_from_slice(buf);
            Ok(())
        }
        fn flush(&self) -> HostResult<()> {
            Ok(())
        }
    }
    impl Clock for Host {
        fn realtime(&self) -> TimeSpec {
            TimeSpec::default()
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }
    impl Console for Host {
        fn write_line(&self, _line: &str) {}
    }
    impl Entropy for Host {
        fn fill(&self, _buf: &mut [u8]) -> HostResult<()> {
            Ok(())
        }
    }
    impl Params for Host {
        fn find(&self, _name: &str) -> Option<String> {
            None
        }
    }
    impl Threads for Host {
        fn spawn(&self, _name: &str, _body: Box<dyn FnOnce() + Send>) -> HostResult<()> {
            Err(Errno::EAGAIN.into())
        }
        fn sleep(&self, _duration: Duration) {}
    }
    impl HostFs for Host {
        fn open(&self, path: &[u8], _access: Access, _lock: Lock) -> HostResult<Arc<dyn BlockIo>> {
            self.stat(path)?;
            Ok(Arc::new(Bytes(Mutex::new(b"0123456789".to_vec()))))
        }
        fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
            let file_type = match path {
                b"/h" | b"/h/d" => FileType::Directory,
                b"/h/f" | b"/h/d/g" => FileType::Regular,
                _ => return Err(Errno::ENOENT.into()),
            };
            Ok(HostStat { file_type, mode: Mode::new(0o644), size_bytes: 10, mtime: TimeSpec::default() })
        }
        fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
            Ok(if path == b"/h" { vec![b"d".to_vec(), b"f".to_vec()] } else { vec![b"g".to_vec()] })
        }
    }

    #[test]
    fn registered_range_is_read_and_written_within_its_bounds() {
        let etfs = Etfs::new(Arc::new(Host));
        assert!(etfs.find(b"/f").is_none());
        etfs.register("/f", b"/h/f", EtfsKind::Regular, Some((2, 4))).unwrap();
        let (node, mut buf) = (etfs.find(b"/f").unwrap(), [0; 9]);
        assert_eq!((node.read_at(1, &mut buf).unwrap(), &buf[..3]), (3, &b"345"[..]));
        assert_eq!(node.write_at(3, b"xy").unwrap_err().errno, Errno::ENOSPC);
    }

    #[test]
    fn bad_keys_and_ranges_are_refused() {
        let etfs = Etfs::new(Arc::new(Host));
        let register = |key, range| etfs.register(key, b"/h/f", EtfsKind::Block, range).map_err(|e| e.errno);
        assert_eq!(register("f", None), Err(Errno::EINVAL));
        assert_eq!(register("/f", Some((11, u64::MAX))), Err(Errno::EINVAL));
        assert_eq!(register("/f", Some((2, u64::MAX))), Ok(()));
        assert_eq!(register("/f", None), Err(Errno::EEXIST));
        assert_eq!(etfs.find(b"/f").unwrap().block_device().unwrap().size_bytes(), 8);
        etfs.remove("/f").unwrap();
        assert_eq!(etfs.remove("/f").unwrap_err().errno, Errno::ENOENT);
    }

    #[test]
    fn directory_shows_files_only_and_its_tree_only_with_subdirs() {
        let etfs = Etfs::new(Arc::new(Host));
        etfs.register("/one", b"/h", EtfsKind::Directory, None).unwrap();
        etfs.register("/all", b"/h", EtfsKind::DirectorySubdirs, None).unwrap();
        assert!(etfs.find(b"/one/f").is_some() && etfs.find(b"/one/d").is_none());
        assert!(etfs.find(b"/all/d/g").is_some() && etfs.find(b"/one/d/g").is_none());
        assert!(etfs.find(b"/all/../h/f").is_none());
        let all = etfs.find(b"/all").unwrap();
        assert_eq!(all.lookup(b"..").unwrap(), etfs.find_ino(b"/all").unwrap());
        assert_eq!(all.lookup(b"d/g").unwrap_err().errno, Errno::ENOENT);
    }
}
