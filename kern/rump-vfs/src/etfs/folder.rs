//! Registered folders, and what is beneath them.

use super::device::{HostRange, read_clipped, write_all};
use super::{attributes, from_host, ino_of};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_hyper::{Access, HostFolder, HostStat, Lock};
use rump_kpi::sync::Mutex;
use rump_kpi::{Attr, BlockDevice, DirEntry, Errno, FileType, KResult, Node};

/// A registered folder.
pub(super) struct Tree {
    pub key: Vec<u8>,
    pub folder: Arc<dyn HostFolder>,
    /// Whether directories in it are shown.
    pub has_subdirs: bool,
}

impl Tree {
    /// Attributes of what lies at `sub_path`, if it is there and shown. Errors: the host's.
    fn stat(&self, sub_path: &[u8]) -> KResult<Option<HostStat>> {
        if !self.has_subdirs && sub_path.contains(&b'/') {
            return Ok(None);
        }
        let stat = match self.folder.stat(sub_path) {
            Err(error) if error.errno == Errno::ENOENT => return Ok(None),
            stat => stat.map_err(from_host)?,
        };
        let is_shown = match stat.file_type {
            FileType::Regular | FileType::Symlink => true,
            FileType::Directory => self.has_subdirs || sub_path.is_empty(),
            _ => false,
        };
        Ok(Some(stat).filter(|_| is_shown))
    }
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, b"/", name].concat() }
}

/// A registered folder, or a file, link or directory below one.
pub(super) struct HostNode {
    tree: Arc<Tree>,
    sub_path: Vec<u8>,
    /// The host file, from the first read or write on. There is no lock: a file of a tree is shared with the host,
    /// as any file is between processes.
    opened: Mutex<Option<Arc<HostRange>>>,
}

impl HostNode {
    /// What lies at `sub_path`, if it is there and shown. Errors: the host's.
    pub fn find(tree: Arc<Tree>, sub_path: &[u8]) -> KResult<Option<Self>> {
        let found = tree.stat(sub_path)?;
        Ok(found.map(|_| Self { tree, sub_path: sub_path.to_vec(), opened: Mutex::new(None) }))
    }

    fn stat(&self) -> KResult<HostStat> {
        self.tree.stat(&self.sub_path)?.ok_or_else(|| Errno::ENOENT.into())
    }

    fn open(&self, access: Access) -> KResult<Arc<HostRange>> {
        let mut opened = self.opened.lock();
        if let Some(range) = opened.as_ref().filter(|range| access == Access::Read || !range.is_read_only()) {
            return Ok(range.clone());
        }
        let io = self.tree.folder.open(&self.sub_path, access, Lock::None).map_err(from_host)?;
        let range = Arc::new(HostRange { start: 0, size: io.size_bytes(), io });
        *opened = Some(range.clone());
        Ok(range)
    }

    /// Its path in the kernel.
    fn kernel_path(&self) -> Vec<u8> {
        if self.sub_path.is_empty() { self.tree.key.clone() } else { joined(&self.tree.key, &self.sub_path) }
    }
}

impl Node for HostNode {
    fn attr(&self) -> KResult<Attr> {
        let stat = self.stat()?;
        Ok(attributes(stat.file_type, stat.mode, stat.size_bytes, stat.mtime))
    }

    /// Cursors are places in the sorted list of names.
    fn read_dir(&self, cursor: u64, sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        let names = self.tree.folder.read_dir(&self.sub_path).map_err(from_host)?;
        let path = self.kernel_path();
        let above = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        let dots: [(&[u8], _); 2] = [(b".", ino_of(&path)), (b"..", ino_of(&path[..above]))];
        for ((name, ino), place) in dots.into_iter().zip(0..) {
            let file_type = Some(FileType::Directory);
            if cursor <= place && !sink(DirEntry { name, ino, file_type, next_cursor: place + 1 }) {
                return Ok(());
            }
        }
        for (name, place) in names.iter().zip(2..).filter(|&(_, place)| cursor <= place) {
            // What vanished meanwhile, or is not shown, is left out.
            let Ok(Some(stat)) = self.tree.stat(&joined(&self.sub_path, name)) else { continue };
            let (ino, file_type) = (ino_of(&joined(&path, name)), Some(stat.file_type));
            if !sink(DirEntry { name, ino, file_type, next_cursor: place + 1 }) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        read_clipped(&*self.open(Access::Read)?, offset, buf)
    }

    fn read_link(&self) -> KResult<Vec<u8>> {
        self.tree.folder.read_link(&self.sub_path).map_err(from_host)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        write_all(&*self.open(Access::ReadWrite)?, offset, buf)
    }

    fn fsync(&self) -> KResult<()> {
        let opened = self.opened.lock().clone();
        opened.map_or(Ok(()), |range| range.flush())
    }
}
