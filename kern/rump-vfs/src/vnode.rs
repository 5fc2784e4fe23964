//! A file in use.
//!
//! At most one vnode exists for an inode of a mount. The vnode cache keeps some that nobody uses; when the last
//! user is gone and the cache let go, the file system is told with `forget`.

use crate::Mount;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use rump_abi::{Errno, FileFlags, FileType, Ino, Stat};
use rump_kpi::sync::{Mutex, RwLock, RwLockWriteGuard};
use rump_kpi::{KResult, Node, SetAttr};

/// No flags are these.
const FLAGS_UNKNOWN: u32 = u32::MAX;

/// A file of a mounted file system while someone uses it.
pub struct Vnode {
    pub(crate) mount: Arc<Mount>,
    pub(crate) ino: Ino,
    node: Arc<dyn Node>,
    file_type: FileType,
    /// The lock of a directory's entries, for changes taken by [`Vnode::change_entries`].
    pub(crate) entries: RwLock<()>,
    /// Odd while the entries change; another number after each change.
    version: AtomicU64,
    append: Mutex<()>,
    /// Its flags, once they are known: asked for by every change, and changed by [`Vnode::change_flags`] alone.
    flags: AtomicU32,
    /// How often it was revoked.
    revocations: AtomicU32,
    pub(crate) covered: AtomicBool,
    removed: AtomicBool,
    /// Where it is in the kernel, for what etfs provides: such vnodes are not in the cache.
    pub(crate) etfs_path: Option<Box<[u8]>>,
}

impl Vnode {
    pub(crate) fn new(mount: Arc<Mount>, ino: Ino, node: Arc<dyn Node>, file_type: FileType) -> Self {
        Self {
            mount,
            ino,
            node,
            file_type,
            entries: RwLock::new(()),
            version: AtomicU64::new(0),
            append: Mutex::new(()),
            flags: AtomicU32::new(FLAGS_UNKNOWN),
            revocations: AtomicU32::new(0),
            covered: AtomicBool::new(false),
            removed: AtomicBool::new(false),
            etfs_path: None,
        }
    }

    /// The mount it belongs to.
    pub fn mount(&self) -> &Arc<Mount> {
        &self.mount
    }

    /// Its inode number within the mount.
    pub fn ino(&self) -> Ino {
        self.ino
    }

    /// Its type, which never changes.
    pub fn file_type(&self) -> FileType {
        self.file_type
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type == FileType::Directory
    }

    /// Whether etfs provides it.
    pub fn is_etfs(&self) -> bool {
        self.etfs_path.is_some()
    }

    /// Its path, if etfs provides it.
    pub fn etfs_path(&self) -> Option<&[u8]> {
        self.etfs_path.as_deref()
    }

    /// The driver's node. Errors: ENXIO (the kernel was halted), EIO (its mount was taken away by force).
    pub fn node(&self) -> KResult<&dyn Node> {
        if self.mount.is_dead() {
            return Err(self.mount.end());
        }
        Ok(&*self.node)
    }

    /// Takes the lock of a directory's entries to change them.
    pub(crate) fn change_entries(&self) -> EntriesChange<'_> {
        let alone = self.entries.write();
        self.version.fetch_add(1, Ordering::AcqRel);
        EntriesChange { version: &self.version, _alone: alone }
    }

    /// The version of the entries, for a reader without the lock; `None` while they change. What is read then
    /// counts if the version [is the same](Self::is_version) afterwards.
    pub(crate) fn version(&self) -> Option<u64> {
        let version = self.version.load(Ordering::Acquire);
        (version % 2 == 0).then_some(version)
    }

    /// Whether nothing changed since `version` was read.
    pub(crate) fn is_version(&self, version: u64) -> bool {
        // What was read in between was read before this.
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version
    }

    /// Runs `write` while no other append to this file runs.
    pub fn appending<T>(&self, write: impl FnOnce(&dyn Node) -> KResult<T>) -> KResult<T> {
        let _alone = self.append.lock();
        write(self.node()?)
    }

    /// Its flags (chflags(2)). Errors: EIO, EFTYPE.
    pub fn flags(&self) -> KResult<FileFlags> {
        if self.mount.file_flags().is_empty() || self.is_etfs() {
            return Ok(FileFlags::empty());
        }
        let known = self.flags.load(Ordering::Acquire);
        if known != FLAGS_UNKNOWN {
            return Ok(FileFlags::from_bits_truncate(known));
        }
        let flags = self.node()?.attr()?.flags;
        // They may have been changed meanwhile, and then are known.
        let kept =
            self.flags.compare_exchange(FLAGS_UNKNOWN, flags.bits(), Ordering::AcqRel, Ordering::Acquire);
        Ok(kept.map_or_else(FileFlags::from_bits_truncate, |_| flags))
    }

    /// Changes its flags to what `change` makes of them. Errors: those of `change`, of the driver.
    pub fn change_flags(&self, change: impl FnOnce(FileFlags) -> KResult<FileFlags>) -> KResult<()> {
        let _alone = self.append.lock();
        let flags = change(self.flags()?)?;
        self.node()?.set_attr(SetAttr { flags: Some(flags), ..SetAttr::default() })?;
        self.flags.store(flags.bits(), Ordering::Release);
        Ok(())
    }

    /// How often it was revoked: what was opened before that is of no use any more.
    pub fn revocations(&self) -> u32 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Makes everything that was opened of no use.
    pub fn revoke(&self) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
    }

    /// Attributes, with the identity of the mount. Errors: EIO, EFTYPE.
    pub fn stat(&self) -> KResult<Stat> {
        Ok(self.mount.stat_of(self.ino, self.node()?.attr()?))
    }

    /// Errors: EROFS (a read-only mount).
    pub fn check_writable(&self) -> KResult<()> {
        if self.mount.is_read_only() && !self.is_etfs() { Err(Errno::EROFS.into()) } else { Ok(()) }
    }

    /// Whether its last name is gone.
    pub fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }

    pub(crate) fn set_removed(&self) {
        self.removed.store(true, Ordering::Release);
    }

    pub(crate) fn is_covered(&self) -> bool {
        self.covered.load(Ordering::Acquire)
    }

    /// Whether both are the same file.
    pub fn is(&self, other: &Vnode) -> bool {
        core::ptr::eq(self, other) || (self.ino == other.ino && Arc::ptr_eq(&self.mount, &other.mount))
    }
}

/// The lock of a directory's entries, held for a change.
pub(crate) struct EntriesChange<'a> {
    version: &'a AtomicU64,
    _alone: RwLockWriteGuard<'a, ()>,
}

impl Drop for EntriesChange<'_> {
    fn drop(&mut self) {
        self.version.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Vnode {
    fn drop(&mut self) {
        if self.etfs_path.is_none() {
            self.mount.forget(self);
        }
    }
}
