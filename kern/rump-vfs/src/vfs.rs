//! The mount table of a kernel, and what etfs adds to its root.

use crate::etfs::ino_of;
use crate::{Credentials, EmptyFileSystem, Etfs, Mount, MountInfo, Unmount, Vnode, WriteBehind};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use rump_abi::{Errno, Ino, MountFlags};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{FileSystem, KError, KResult};

/// The number of the pseudo mount that etfs nodes belong to.
const ETFS_ID: u64 = 0;

/// A file system to be put over a directory.
pub struct MountRequest {
    /// The file system.
    pub fs: Arc<dyn FileSystem>,
    /// What its driver can ask for writing behind, if it was given something.
    pub behind: Option<Arc<WriteBehind>>,
    /// Name of its type.
    pub fs_type: &'static str,
    /// What was given as the source.
    pub source: Vec<u8>,
    /// The path of the directory.
    pub target: Vec<u8>,
    /// Flags.
    pub flags: MountFlags,
}

/// The file systems of one kernel.
pub struct Vfs {
    change: Mutex<()>,
    mounts: RwLock<Vec<Arc<Mount>>>,
    root: Arc<Mount>,
    etfs: Arc<Etfs>,
    etfs_mount: Arc<Mount>,
    next_id: AtomicU64,
    /// How many vnodes a mount keeps, if that was said.
    vnodes: Option<usize>,
}

impl Vfs {
    /// A table with a root. A mount keeps at most `vnodes` vnodes that nobody uses. Errors: EFTYPE (its root is no directory), those of the driver.
    pub fn new(root: MountRequest, etfs: Arc<Etfs>, vnodes: Option<usize>) -> KResult<Self> {
        let nowhere =
            MountInfo { fs_type: "etfs", source: Vec::new(), target: Vec::new(), flags: MountFlags::empty() };
        let etfs_mount = Mount::new(ETFS_ID, Arc::new(EmptyFileSystem), None, nowhere, None, vnodes);
        let root = new_mount(ETFS_ID + 1, root, None, vnodes)?;
        Ok(Self {
            change: Mutex::new(()),
            mounts: RwLock::new(alloc::vec![root.clone()]),
            root,
            etfs,
            etfs_mount,
            next_id: AtomicU64::new(ETFS_ID + 2),
            vnodes,
        })
    }

    /// The root directory of the kernel, or of what is mounted over it. Errors: those of the driver.
    pub fn root(&self) -> KResult<Arc<Vnode>> {
        self.cross(self.root.root()?)
    }

    pub(crate) fn is_root(&self, vnode: &Vnode) -> bool {
        Arc::ptr_eq(vnode.mount(), &self.root) && vnode.ino() == self.root.root_ino()
    }

    /// Whether a file is in the root file system itself, not in one that is mounted.
    pub fn is_in_root(&self, vnode: &Vnode) -> bool {
        Arc::ptr_eq(vnode.mount(), &self.root)
    }

    /// The registrations of host files; walks look at them from the next step on.
    pub fn etfs(&self) -> &Arc<Etfs> {
        &self.etfs
    }

    /// What etfs has at an absolute path. Errors: the host's.
    pub(crate) fn find_in_etfs(&self, path: Vec<u8>) -> KResult<Option<Arc<Vnode>>> {
        let Some(node) = self.etfs.find(&path)? else { return Ok(None) };
        let file_type = node.file_type()?;
        let mut vnode = Vnode::new(self.etfs_mount.clone(), ino_of(&path), node, file_type);
        vnode.etfs_path = Some(path.into_boxed_slice());
        Ok(Some(Arc::new(vnode)))
    }

    /// All mounts, the root first.
    pub fn mounts(&self) -> Vec<Arc<Mount>> {
        self.mounts.read().clone()
    }

    /// The mount with this number. Errors: ESTALE (it is not mounted any more).
    pub fn find_mount(&self, id: u64) -> KResult<Arc<Mount>> {
        let mounts = self.mounts.read();
        mounts.iter().find(|mount| mount.id() == id).cloned().ok_or_else(|| Errno::ESTALE.into())
    }

    /// From a directory to the root of what is mounted over it, if anything is. Errors: those of the driver.
    pub fn cross(&self, mut vnode: Arc<Vnode>) -> KResult<Arc<Vnode>> {
        while vnode.is_covered() {
            let Some(mount) = self.mount_over(&vnode) else { break };
            vnode = match mount.root() {
                // It is being unmounted: what is underneath comes back.
                Err(_) if mount.is_dead() => break,
                root => root?,
            };
        }
        Ok(vnode)
    }

    fn mount_over(&self, vnode: &Vnode) -> Option<Arc<Mount>> {
        let mounts = self.mounts.read();
        mounts.iter().find(|mount| mount.covered_dir().is_some_and(|covered| covered.is(vnode))).cloned()
    }

    /// Inodes of `mount` that are mounted over, each with the directory that is seen there. Errors: those of the
    /// drivers.
    pub(crate) fn covered_in(&self, mount: &Arc<Mount>) -> KResult<Vec<(Ino, Arc<Vnode>)>> {
        let covered = self.covered_dirs(mount);
        covered.into_iter().map(|dir| Ok((dir.ino(), self.cross(dir)?))).collect()
    }

    fn covered_dirs(&self, mount: &Arc<Mount>) -> Vec<Arc<Vnode>> {
        let mounts = self.mounts.read();
        let covered = mounts.iter().filter_map(|upper| upper.covered_dir());
        covered.filter(|dir| Arc::ptr_eq(dir.mount(), mount)).collect()
    }

    /// Mounts over the directory `over`. Errors: EPERM (not the superuser), ENOTDIR, EINVAL (inside etfs), EIO (in a
    /// mount that was taken away), EBUSY (mounted over already), those of the driver, ENOENT (it was removed).
    pub fn mount(&self, cred: &Credentials, over: &Arc<Vnode>, request: MountRequest) -> KResult<()> {
        if !cred.is_root() {
            return Err(Errno::EPERM.into());
        }
        if !over.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        if over.is_etfs() {
            return Err(KError::new(Errno::EINVAL, "cannot mount over a directory of the host"));
        }
        let _alone = self.change.lock();
        over.node()?;
        if over.is_covered() {
            return Err(Errno::EBUSY.into());
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mount = new_mount(id, request, Some(over.clone()), self.vnodes)?;
        // While it is held, nobody removes the directory, or moves another over it.
        let _tree = over.mount().tree.lock();
        if over.is_removed() {
            discard_mount(&mount);
            return Err(Errno::ENOENT.into());
        }
        if let Some(behind) = &mount.behind {
            behind.serve(mount.fs());
        }
        self.mounts.write().push(mount);
        over.covered.store(true, Ordering::Release);
        Ok(())
    }

    /// Unmounts what `root` is the root of. The caller passes its only reference. Errors: EPERM, EINVAL (not
    /// the root of a mount), EBUSY (files in use, or the root of the kernel), EIO, ENOSPC.
    pub fn unmount(&self, cred: &Credentials, root: Arc<Vnode>, how: Unmount) -> KResult<()> {
        if !cred.is_root() {
            return Err(Errno::EPERM.into());
        }
        let mount = root.mount().clone();
        if root.is_etfs() || root.ino() != mount.root_ino() {
            return Err(KError::new(Errno::EINVAL, "not a mount point"));
        }
        drop(root);
        let _alone = self.change.lock();
        if mount.is_dead() {
            return Err(KError::new(Errno::EINVAL, "unmounted already"));
        }
        if Arc::ptr_eq(&mount, &self.root) || self.is_below(&mount) {
            return Err(Errno::EBUSY.into());
        }
        let synced = sync_mount(&mount);
        if how == Unmount::Normal {
            synced?;
        }
        self.take_down(&mount, how)
    }

    /// Whether something is mounted inside `mount`.
    fn is_below(&self, mount: &Arc<Mount>) -> bool {
        !self.covered_dirs(mount).is_empty()
    }

    fn take_down(&self, mount: &Arc<Mount>, how: Unmount) -> KResult<()> {
        mount.close(how)?;
        self.mounts.write().retain(|other| !Arc::ptr_eq(other, mount));
        mount.uncover();
        if let Some(behind) = &mount.behind {
            behind.stop();
        }
        if mount.is_read_only() { Ok(()) } else { mount.fs().unmount() }
    }

    /// Makes everything durable; goes on after an error and answers the first. Errors: EIO, ENOSPC.
    pub fn sync(&self) -> KResult<()> {
        let mut result = Ok(());
        for mount in self.mounts() {
            result = result.and(sync_mount(&mount));
        }
        result
    }

    /// Lets every file system write out what nobody waits for.
    pub fn write_behind(&self) {
        for mount in self.mounts().iter().filter(|mount| !mount.is_read_only()) {
            // When it wants to be called again is for threads.
            mount.fs().write_behind();
        }
    }

    /// Unmounts everything, the latest first. Errors: EIO, ENOSPC: the first one; all are unmounted.
    pub fn shutdown(&self) -> KResult<()> {
        let _alone = self.change.lock();
        let mut result = Ok(());
        for mount in self.mounts().iter().rev() {
            mount.halt();
            let synced = sync_mount(mount);
            result = result.and(synced).and(self.take_down(mount, Unmount::Force));
        }
        result
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        // Nobody is left to be told: whoever wants to know calls `shutdown` before.
        let _ = self.shutdown();
    }
}

fn sync_mount(mount: &Mount) -> KResult<()> {
    if mount.is_read_only() { Ok(()) } else { mount.fs().sync() }
}

fn new_mount(
    id: u64,
    request: MountRequest,
    over: Option<Arc<Vnode>>,
    vnodes: Option<usize>,
) -> KResult<Arc<Mount>> {
    let MountRequest { fs, behind, fs_type, source, target, flags } = request;
    let mount = Mount::new(id, fs, behind, MountInfo { fs_type, source, target, flags }, over, vnodes);
    let root = mount.root();
    if root.as_ref().is_ok_and(|root| root.is_dir()) {
        return Ok(mount);
    }
    let answer = root.map(|_| ()).and(Err(KError::new(Errno::EFTYPE, "the root is not a directory")));
    discard_mount(&mount);
    answer.map(|()| mount)
}

/// Takes down what was not mounted: its cache keeps vnodes, and they keep it. The covered directory stays as it is.
fn discard_mount(mount: &Mount) {
    // A forced close does not fail.
    let _ = mount.close(Unmount::Force);
    mount.uncover();
}
