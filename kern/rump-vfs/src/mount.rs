//! A mounted file system and the cache of its vnodes.
//!
//! A table has every vnode in existence. Some of them it keeps, so that files which are asked for again are there: as
//! many as wait in a queue, from whose front the next is let go, unless it was asked for since it came there.

use crate::names::NameCache;
use crate::{Vnode, WriteBehind};
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use rump_abi::{Errno, FileFlags, Ino, MountFlags, Stat};
use rump_kpi::sync::Mutex;
use rump_kpi::{Attr, Capabilities, FileSystem, KError, KResult};

const SHARDS: usize = 8;
/// Vnodes that a shard keeps: 8 * 2048 unused vnodes per mount, of less than a kilobyte each.
const MOST_KEPT: usize = 2048;

/// What is mounted where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountInfo {
    /// Name of the type.
    pub fs_type: &'static str,
    /// What was given as the source; empty where nothing was.
    pub source: Vec<u8>,
    /// The path it was mounted at.
    pub target: Vec<u8>,
    /// Its flags.
    pub flags: MountFlags,
}

/// How to unmount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmount {
    /// Refuse with EBUSY while files are open.
    Normal,
    /// Open files answer EIO afterwards.
    Force,
}

/// A vnode in the cache.
enum Slot {
    /// Kept, also when nobody uses it.
    Kept {
        vnode: Arc<Vnode>,
        /// Since it came to the end of the queue.
        asked_for: bool,
    },
    /// There as long as somebody uses it.
    Used(Weak<Vnode>),
}

struct Shard {
    vnodes: HashMap<Ino, Slot>,
    /// All that is kept, and maybe some that no longer is.
    queue: VecDeque<Ino>,
    most_kept: usize,
}

impl Shard {
    /// An empty one of a mount that keeps so many vnodes, if that was said.
    fn new(vnodes: Option<usize>) -> Self {
        let most_kept = vnodes.map_or(MOST_KEPT, |vnodes| (vnodes / SHARDS).max(1));
        Self { vnodes: HashMap::new(), queue: VecDeque::new(), most_kept }
    }

    /// Keeps a vnode, which was not kept; answers one that no longer is, to be dropped without the lock.
    fn keep(&mut self, vnode: &Arc<Vnode>) -> Option<Arc<Vnode>> {
        let fallen = if self.queue.len() >= self.most_kept { self.let_go_of_oldest() } else { None };
        self.queue.push_back(vnode.ino);
        self.vnodes.insert(vnode.ino, Slot::Kept { vnode: vnode.clone(), asked_for: false });
        fallen
    }

    fn let_go_of_oldest(&mut self) -> Option<Arc<Vnode>> {
        while let Some(ino) = self.queue.pop_front() {
            match self.vnodes.get_mut(&ino) {
                Some(Slot::Kept { asked_for, .. }) if *asked_for => *asked_for = false,
                _ => return self.let_go(ino),
            }
            self.queue.push_back(ino);
        }
        None
    }

    /// Keeps a vnode no longer, if it was kept; answers it, to be dropped without the lock.
    fn let_go(&mut self, ino: Ino) -> Option<Arc<Vnode>> {
        let slot = self.vnodes.get_mut(&ino)?;
        let Slot::Kept { vnode, .. } = slot else { return None };
        let vnode = vnode.clone();
        *slot = Slot::Used(Arc::downgrade(&vnode));
        Some(vnode)
    }

    /// Whether someone besides the cache uses a vnode. No new user can come while the shard is locked.
    fn is_busy(&self) -> bool {
        self.vnodes.values().any(|slot| match slot {
            Slot::Kept { vnode, .. } => Arc::strong_count(vnode) > 1,
            Slot::Used(vnode) => vnode.strong_count() > 0,
        })
    }
}

/// No name is longer, whatever a driver says: 255 characters of four bytes each.
const NAME_MAX_OF_ALL: usize = 1020;

/// A mounted file system.
pub struct Mount {
    id: u64,
    fs: Arc<dyn FileSystem>,
    pub(crate) behind: Option<Arc<WriteBehind>>,
    capabilities: Capabilities,
    file_flags: FileFlags,
    name_max: usize,
    root: Ino,
    info: MountInfo,
    covers: Mutex<Option<Arc<Vnode>>>,
    shards: [Mutex<Shard>; SHARDS],
    pub(crate) names: NameCache,
    /// Held by whoever locks more than one directory.
    pub(crate) tree: Mutex<()>,
    dead: AtomicBool,
    /// It is taken down with the kernel.
    halted: AtomicBool,
}

impl Mount {
    pub(crate) fn new(
        id: u64,
        fs: Arc<dyn FileSystem>,
        behind: Option<Arc<WriteBehind>>,
        info: MountInfo,
        covers: Option<Arc<Vnode>>,
        vnodes: Option<usize>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            root: fs.root(),
            capabilities: fs.capabilities(),
            file_flags: fs.file_flags(),
            name_max: fs.name_max().min(NAME_MAX_OF_ALL),
            fs,
            behind,
            info,
            covers: Mutex::new(covers),
            shards: core::array::from_fn(|_| Mutex::new(Shard::new(vnodes))),
            names: NameCache::default(),
            tree: Mutex::new(()),
            dead: AtomicBool::new(false),
            halted: AtomicBool::new(false),
        })
    }

    /// Identifies it within the kernel: `st_dev`.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The file system.
    pub fn fs(&self) -> &Arc<dyn FileSystem> {
        &self.fs
    }

    /// Whether the file system can do all of `what`.
    pub fn can(&self, what: Capabilities) -> bool {
        self.capabilities.contains(what)
    }

    /// The flags that files can have.
    pub fn file_flags(&self) -> FileFlags {
        self.file_flags
    }

    /// Bytes of the longest name.
    pub fn name_max(&self) -> usize {
        self.name_max
    }

    /// What is mounted where.
    pub fn info(&self) -> &MountInfo {
        &self.info
    }

    /// Whether changes are refused.
    pub fn is_read_only(&self) -> bool {
        self.info.flags.contains(MountFlags::RDONLY)
    }

    /// The inode of the root directory.
    pub fn root_ino(&self) -> Ino {
        self.root
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    /// It goes down because the kernel does, which those hear who are on their way in it.
    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Release);
    }

    /// What whoever uses a file of a dead mount is told: ENXIO (the kernel was halted), EIO.
    pub(crate) fn end(&self) -> KError {
        match self.halted.load(Ordering::Acquire) {
            true => KError::new(Errno::ENXIO, "the kernel was halted"),
            false => Errno::EIO.into(),
        }
    }

    /// The directory it is mounted over; none for the root of the kernel.
    pub fn covered_dir(&self) -> Option<Arc<Vnode>> {
        self.covers.lock().clone()
    }

    /// The root directory. Errors: those of [`Mount::vnode`].
    pub fn root(self: &Arc<Self>) -> KResult<Arc<Vnode>> {
        self.vnode(self.root)
    }

    /// The vnode of an inode, loaded if needed. Errors: ENXIO (unmounted), ESTALE, EFTYPE, EIO.
    pub fn vnode(self: &Arc<Self>, ino: Ino) -> KResult<Arc<Vnode>> {
        let mut shard = self.shard(ino).lock();
        if self.is_dead() {
            return Err(unmounted());
        }
        let used = match shard.vnodes.get_mut(&ino) {
            Some(Slot::Kept { vnode, asked_for }) => {
                *asked_for = true;
                return Ok(vnode.clone());
            }
            Some(Slot::Used(vnode)) => vnode.upgrade(),
            None => None,
        };
        let vnode = used.map_or_else(|| self.load(ino), Ok)?;
        let fallen = if vnode.is_removed() { None } else { shard.keep(&vnode) };
        drop(shard);
        drop(fallen);
        Ok(vnode)
    }

    /// Attributes of an inode, for which no vnode is made. Whoever asks makes sure that the inode stays in use.
    /// Errors: as [`Mount::vnode`].
    pub(crate) fn stat(&self, ino: Ino) -> KResult<Stat> {
        if self.is_dead() {
            return Err(unmounted());
        }
        let used = if self.can(Capabilities::ATTR_BY_NUMBER) { None } else { self.used_vnode(ino) };
        let attr = match used {
            Some(vnode) => vnode.node()?.attr()?,
            None => self.fs.attr(ino)?,
        };
        Ok(self.stat_of(ino, attr))
    }

    fn used_vnode(&self, ino: Ino) -> Option<Arc<Vnode>> {
        match self.shard(ino).lock().vnodes.get(&ino)? {
            Slot::Kept { vnode, .. } => Some(vnode.clone()),
            Slot::Used(vnode) => vnode.upgrade(),
        }
    }

    pub(crate) fn stat_of(&self, ino: Ino, attr: Attr) -> Stat {
        Stat {
            dev: self.id,
            ino,
            file_type: attr.file_type,
            mode: attr.mode,
            nlink: attr.nlink,
            uid: attr.uid,
            gid: attr.gid,
            rdev: attr.rdev,
            size: attr.size,
            blocks: attr.blocks,
            blksize: attr.blksize,
            atime: attr.atime,
            mtime: attr.mtime,
            ctime: attr.ctime,
            birthtime: attr.birthtime,
            flags: attr.flags,
        }
    }

    fn load(self: &Arc<Self>, ino: Ino) -> KResult<Arc<Vnode>> {
        let node = self.fs.node(ino)?;
        let file_type = node.file_type()?;
        Ok(Arc::new(Vnode::new(self.clone(), ino, node, file_type)))
    }

    /// Called by the last user of a vnode.
    pub(crate) fn forget(&self, vnode: &Vnode) {
        let mut shard = self.shard(vnode.ino).lock();
        let Entry::Occupied(slot) = shard.vnodes.entry(vnode.ino) else { return };
        // A newer vnode of the same inode may be there already: then the inode is still in use.
        if matches!(slot.get(), Slot::Used(weak) if core::ptr::eq(weak.as_ptr(), vnode)) {
            slot.remove();
            self.fs.forget(vnode.ino);
        }
    }

    /// Called when the last name of `vnode` is gone: it lives only as long as it is in use.
    pub(crate) fn discard(&self, vnode: &Vnode) {
        vnode.set_removed();
        let kept = self.shard(vnode.ino).lock().let_go(vnode.ino);
        drop(kept);
    }

    /// Takes the caches down. Errors: EBUSY (unless forced).
    pub(crate) fn close(&self, how: Unmount) -> KResult<()> {
        let mut shards: Vec<_> = self.shards.iter().map(Mutex::lock).collect();
        if how == Unmount::Normal && shards.iter().any(|shard| shard.is_busy()) {
            return Err(KError::new(Errno::EBUSY, "files of the mount are in use"));
        }
        let empty = |shard: &mut Shard| core::mem::replace(shard, Shard::new(Some(0)));
        let tables: Vec<Shard> = shards.iter_mut().map(|shard| empty(shard)).collect();
        self.dead.store(true, Ordering::Release);
        drop(shards);
        for ino in tables.iter().flat_map(|shard| shard.vnodes.keys()) {
            self.fs.forget(*ino);
        }
        drop(tables);
        self.names.clear();
        Ok(())
    }

    /// Lets go of the directory underneath.
    pub(crate) fn uncover(&self) {
        let covered = self.covers.lock().take();
        if let Some(covered) = covered {
            covered.covered.store(false, Ordering::Release);
        }
    }

    fn shard(&self, ino: Ino) -> &Mutex<Shard> {
        &self.shards[(ino.0 % SHARDS as u64) as usize]
    }
}

fn unmounted() -> KError {
    KError::new(Errno::ENXIO, "the file system was unmounted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmptyFileSystem;
    use rump_abi::FileType;
    use rump_kpi::Node;

    #[test]
    fn what_is_asked_for_is_kept_and_what_is_kept_is_bounded() {
        let info = MountInfo {
            fs_type: "empty",
            source: Vec::new(),
            target: Vec::new(),
            flags: MountFlags::empty(),
        };
        let mount = Mount::new(1, Arc::new(EmptyFileSystem), None, info, None, None);
        let node = mount.fs.node(mount.root).unwrap();
        for (said, kept) in [(None, MOST_KEPT), (Some(800), 100), (Some(0), 1)] {
            fills_a_shard(&mount, &node, said, kept);
        }
    }

    fn fills_a_shard(mount: &Arc<Mount>, node: &Arc<dyn Node>, said: Option<usize>, expected: usize) {
        let mut shard = Shard::new(said);
        for number in 0..4 * expected as u64 {
            let vnode = Vnode::new(mount.clone(), Ino(number), node.clone(), FileType::Regular);
            shard.keep(&Arc::new(vnode));
            if let Some(Slot::Kept { asked_for, .. }) = shard.vnodes.get_mut(&Ino(7)) {
                *asked_for = true;
            }
        }
        let kept = shard.vnodes.values().filter(|slot| matches!(slot, Slot::Kept { .. })).count();
        assert_eq!((kept, shard.queue.len()), (expected, expected));
        if expected > 7 {
            assert!(shard.let_go(Ino(7)).is_some() && shard.let_go(Ino(8)).is_none());
        }
    }
}
