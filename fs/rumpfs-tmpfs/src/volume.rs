//! A mounted tmpfs: the table of inodes, the limits, the clock.

use crate::directory::Directory;
use crate::inode::{Body, Inode, State};
use crate::options::Options;
use crate::pages::{MAX_SIZE, PAGE};
use crate::space::Quota;
use crate::xattrs::Xattrs;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use hashbrown::HashMap;
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{
    Capabilities, DevNumber, Environment, Errno, FileFlags, FileSystem, FileType, Ino, KResult, NewNode,
    Node, StatVfs, TimeSpec,
};

/// The root's inode number.
pub(crate) const ROOT: Ino = Ino(2);

/// A mounted file system.
pub(crate) struct Volume {
    /// Held by whoever locks more than one inode. See the crate's documentation.
    pub tree: Mutex<()>,
    /// Pages of content.
    pub space: Quota,
    /// Inodes.
    pub inodes: Quota,
    /// Whether every change is refused.
    pub read_only: bool,
    /// Whether reading leaves access times alone.
    pub noatime: bool,
    clock: Arc<dyn Fn() -> TimeSpec + Send + Sync>,
    table: RwLock<HashMap<Ino, Arc<Inode>>>,
    next_ino: AtomicU64,
}

impl Volume {
    /// A file system with nothing but a root.
    pub fn new(options: &Options, read_only: bool, environment: &Environment) -> Arc<Self> {
        let volume = Arc::new(Self {
            tree: Mutex::new(()),
            space: Quota::of_memory(options.size_bytes.map(|size| size / PAGE), &environment.memory, PAGE),
            inodes: Quota::new(options.inodes.map(|count| count.max(1))),
            read_only,
            noatime: options.noatime || read_only,
            clock: environment.now.clone(),
            table: RwLock::new(HashMap::new()),
            next_ino: AtomicU64::new(ROOT.0 + 1),
        });
        let new = NewNode {
            file_type: FileType::Directory,
            mode: options.mode,
            uid: 0,
            gid: 0,
            rdev: DevNumber::default(),
            target: &[],
        };
        let root = Inode::new(
            &volume,
            ROOT,
            &new,
            State::new(&new, Body::Directory(Directory::new(ROOT)), volume.now()),
        );
        volume.table.write().insert(ROOT, root);
        // The limit is at least one, so the root always fits.
        let _ = volume.inodes.charge(1);
        volume
    }

    /// The present.
    pub fn now(&self) -> TimeSpec {
        (self.clock)()
    }

    /// The inode of this number. Errors: ESTALE.
    pub fn inode(&self, ino: Ino) -> KResult<Arc<Inode>> {
        self.table.read().get(&ino).cloned().ok_or_else(|| Errno::ESTALE.into())
    }

    /// Makes an inode, which no directory names yet. Errors: ENOSPC.
    pub fn allocate(
        self: &Arc<Self>,
        new: &NewNode<'_>,
        parent: Ino,
        xattrs: Option<Box<Xattrs>>,
    ) -> KResult<Ino> {
        self.inodes.charge(1)?;
        let ino = Ino(self.next_ino.fetch_add(1, Ordering::Relaxed));
        let body = match new.file_type {
            FileType::Directory => Body::Directory(Directory::new(parent)),
            FileType::Regular => Body::File(Default::default()),
            FileType::Symlink => Body::Symlink(new.target.into()),
            _ => Body::Special,
        };
        let inode = Inode::new(self, ino, new, State { xattrs, ..State::new(new, body, self.now()) });
        self.table.write().insert(ino, inode);
        Ok(ino)
    }

    /// Drops an inode without links from the table, unless the kernel holds it.
    pub fn drop_if_unused(&self, inode: &Inode) {
        if !inode.is_loaded() && inode.state.read().nlink == 0 {
            let removed = self.table.write().remove(&inode.ino);
            drop(removed);
        }
    }
}

impl FileSystem for Volume {
    fn root(&self) -> Ino {
        ROOT
    }

    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>> {
        let table = self.table.read();
        let inode = table.get(&ino).ok_or(Errno::ESTALE)?;
        // Set under the table's lock, so that it cannot leave the table in between.
        inode.set_loaded(true);
        Ok(inode.clone())
    }

    fn statvfs(&self) -> KResult<StatVfs> {
        let blocks = self.space.limit().unwrap_or(MAX_SIZE / PAGE);
        let free = blocks.saturating_sub(self.space.used());
        let files = self.inodes.limit().unwrap_or(0);
        Ok(StatVfs {
            block_size: PAGE as u32,
            blocks,
            blocks_free: free,
            blocks_available: free,
            files,
            files_free: files.saturating_sub(self.inodes.used()),
            name_max: 255,
        })
    }

    fn capabilities(&self) -> Capabilities {
        let all = Capabilities::all() - Capabilities::CASE_FOLDING;
        if self.read_only { all - Capabilities::WRITE } else { all }
    }

    fn file_flags(&self) -> FileFlags {
        FileFlags::all()
    }

    fn forget(&self, ino: Ino) {
        if let Ok(inode) = self.inode(ino) {
            inode.set_loaded(false);
            self.drop_if_unused(&inode);
        }
    }
}
