//! A mounted file system and the cache of its vnodes.
//!
//! `known` has every vnode in existence, weakly. Two generations hold some strongly, so that files which are
//! asked for again are there: a full young generation becomes the old one, and the previous old one is let go.

use crate::names::NameCache;
use crate::{Vnode, WriteBehind};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use hashbrown::HashMap;
use rump_abi::{Errno, Ino, MountFlags, Stat};
use rump_kpi::sync::Mutex;
use rump_kpi::{Attr, Capabilities, FileSystem, KError, KResult};

const SHARDS: usize = 8;
/// Vnodes in one generation of a shard: 2 * 8 * 1024 unused vnodes per mount, of less than a kilobyte each.
const GENERATION: usize = 1024;

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

/// Vnodes that are held for later.
type Kept = HashMap<Ino, Arc<Vnode>>;

#[derive(Default)]
struct Shard {
    known: HashMap<Ino, Weak<Vnode>>,
    young: Kept,
    old: Kept,
}

impl Shard {
    /// Keeps a vnode for later; answers what fell out, to be dropped without the lock.
    fn keep(&mut self, vnode: Arc<Vnode>) -> Kept {
        let fallen = if self.young.len() >= GENERATION {
            let young = core::mem::take(&mut self.young);
            core::mem::replace(&mut self.old, young)
        } else {
            HashMap::new()
        };
        self.young.insert(vnode.ino, vnode);
        fallen
    }

    /// Whether someone besides the cache uses a vnode. No new user can come while the shard is locked.
    fn is_busy(&self) -> bool {
        self.known.iter().any(|(ino, weak)| {
            let kept = usize::from(self.young.contains_key(ino)) + usize::from(self.old.contains_key(ino));
            weak.strong_count() > kept
        })
    }
}

/// A mounted file system.
pub struct Mount {
    id: u64,
    fs: Arc<dyn FileSystem>,
    pub(crate) behind: Option<Arc<WriteBehind>>,
    capabilities: Capabilities,
    root: Ino,
    info: MountInfo,
    covers: Mutex<Option<Arc<Vnode>>>,
    shards: [Mutex<Shard>; SHARDS],
    pub(crate) names: NameCache,
    /// Held by whoever locks more than one directory.
    pub(crate) tree: Mutex<()>,
    dead: AtomicBool,
}

impl Mount {
    pub(crate) fn new(
        id: u64,
        fs: Arc<dyn FileSystem>,
        behind: Option<Arc<WriteBehind>>,
        info: MountInfo,
        covers: Option<Arc<Vnode>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            id,
            root: fs.root(),
            capabilities: fs.capabilities(),
            fs,
            behind,
            info,
            covers: Mutex::new(covers),
            shards: Default::default(),
            names: NameCache::default(),
            tree: Mutex::new(()),
            dead: AtomicBool::new(false),
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
        let (vnode, fallen) = self.find_or_load(ino)?;
        drop(fallen);
        Ok(vnode)
    }

    fn find_or_load(self: &Arc<Self>, ino: Ino) -> KResult<(Arc<Vnode>, Kept)> {
        let mut shard = self.shard(ino).lock();
        if self.is_dead() {
            return Err(unmounted());
        }
        if let Some(vnode) = shard.young.get(&ino) {
            return Ok((vnode.clone(), HashMap::new()));
        }
        let found = shard.old.remove(&ino).or_else(|| shard.known.get(&ino).and_then(Weak::upgrade));
        let vnode = match found {
            Some(vnode) => vnode,
            None => {
                let vnode = self.load(ino)?;
                shard.known.insert(ino, Arc::downgrade(&vnode));
                vnode
            }
        };
        let fallen = if vnode.is_removed() { HashMap::new() } else { shard.keep(vnode.clone()) };
        Ok((vnode, fallen))
    }

    /// Attributes of an inode, for which no vnode is made. Whoever asks makes sure that the inode stays in use.
    /// Errors: as [`Mount::vnode`].
    pub(crate) fn stat(&self, ino: Ino) -> KResult<Stat> {
        if self.is_dead() {
            return Err(unmounted());
        }
        let known = self.shard(ino).lock().known.get(&ino).and_then(Weak::upgrade);
        let attr = match known {
            Some(vnode) => vnode.node()?.attr()?,
            None => self.fs.attr(ino)?,
        };
        Ok(self.stat_of(ino, attr))
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
        }
    }

    fn load(self: &Arc<Self>, ino: Ino) -> KResult<Arc<Vnode>> {
        let node = self.fs.node(ino)?;
        let file_type = node.attr()?.file_type;
        Ok(Arc::new(Vnode::new(self.clone(), ino, node, file_type)))
    }

    /// Called by the last user of a vnode.
    pub(crate) fn forget(&self, vnode: &Vnode) {
        let mut shard = self.shard(vnode.ino).lock();
        let is_known = shard.known.get(&vnode.ino).is_some_and(|weak| core::ptr::eq(weak.as_ptr(), vnode));
        // A newer vnode of the same inode may be there already: then the inode is still in use.
        if is_known {
            shard.known.remove(&vnode.ino);
            if !self.is_dead() {
                self.fs.forget(vnode.ino);
            }
        }
    }

    /// Called when the last name of `vnode` is gone: it lives only as long as it is in use.
    pub(crate) fn discard(&self, vnode: &Vnode) {
        vnode.set_removed();
        let mut shard = self.shard(vnode.ino).lock();
        let kept = (shard.young.remove(&vnode.ino), shard.old.remove(&vnode.ino));
        drop(shard);
        drop(kept);
    }

    /// Takes the caches down. Errors: EBUSY (unless forced).
    pub(crate) fn close(&self, how: Unmount) -> KResult<()> {
        let mut shards: Vec<_> = self.shards.iter().map(Mutex::lock).collect();
        if how == Unmount::Normal && shards.iter().any(|shard| shard.is_busy()) {
            return Err(KError::new(Errno::EBUSY, "files of the mount are in use"));
        }
        let kept: Vec<_> = shards
            .iter_mut()
            .flat_map(|shard| [core::mem::take(&mut shard.young), core::mem::take(&mut shard.old)])
            .collect();
        let used: Vec<Ino> = shards.iter().flat_map(|shard| shard.known.keys().copied()).collect();
        self.dead.store(true, Ordering::Release);
        drop(shards);
        for ino in used {
            self.fs.forget(ino);
        }
        drop(kept);
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
