//! What is mounted, as processes see it: statvfs(2), getvfsstat(2).

use crate::{Fd, MountInfo, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::StatVfs;
use rump_kpi::{Capabilities, KResult};
use rump_vfs::{Follow, Mount, Vnode};

/// A mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountedFs {
    /// Identifies it within its kernel: `st_dev` of its files.
    pub id: u64,
    /// What is mounted where; the path is seen from the root of the process.
    pub info: MountInfo,
    /// Sizes and free space.
    pub facts: StatVfs,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl Process {
    /// Facts of the file system that `path` is in. Errors: those of the path walk, EIO.
    pub fn statvfs(&self, path: impl AsRef<[u8]>) -> KResult<StatVfs> {
        statvfs_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?)
    }

    /// Facts of the file system of an open file. Errors: EBADF, EINVAL (it is in none), EIO.
    pub fn fstatvfs(&self, fd: Fd) -> KResult<StatVfs> {
        statvfs_of(self.file(fd)?.vnode()?)
    }

    /// The file system that `path` is in (`statvfs1`). Errors: those of the path walk, EIO.
    pub fn mounted(&self, path: impl AsRef<[u8]>) -> KResult<MountedFs> {
        self.mounted_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?)
    }

    /// The file system of an open file (`fstatvfs1`). Errors: EBADF, EINVAL (it is in none), EIO.
    pub fn fmounted(&self, fd: Fd) -> KResult<MountedFs> {
        self.mounted_of(self.file(fd)?.vnode()?)
    }

    /// All file systems that the process can see, in the order in which they were mounted. Errors: ENXIO (halted), ESRCH
    /// (the process ended), EIO.
    pub fn getvfsstat(&self) -> KResult<Vec<MountedFs>> {
        self.check_alive()?;
        let mut all = Vec::new();
        for mount in self.shared().vfs.mounts() {
            if let Some(target) = self.target_of(&mount)? {
                all.push(mounted(&mount, target)?);
            }
        }
        Ok(all)
    }

    /// What the file system that `path` is in can do. Errors: those of the path walk.
    pub fn capabilities(&self, path: impl AsRef<[u8]>) -> KResult<Capabilities> {
        Ok(self.lookup(None, path.as_ref(), Follow::Yes)?.mount().fs().capabilities())
    }

    pub(crate) fn mounted_of(&self, vnode: &Vnode) -> KResult<MountedFs> {
        vnode.node()?;
        // What is outside of the root can only be known by an open file.
        mounted(vnode.mount(), self.target_of(vnode.mount())?.unwrap_or_default())
    }

    /// Where a file system is mounted, from the root of the process on; the root is in it if it is nowhere below.
    /// `None` if it is not seen from there.
    fn target_of(&self, mount: &Arc<Mount>) -> KResult<Option<Vec<u8>>> {
        let target = &mount.info().target;
        let (root, of_kernel) = (self.places()?.root, self.shared().vfs.root()?);
        if root.is(&of_kernel) {
            return Ok(Some(target.clone()));
        }
        if Arc::ptr_eq(root.mount(), mount) {
            return Ok(Some(b"/".to_vec()));
        }
        let above = self.path_of(&of_kernel, &root)?;
        let below = target.strip_prefix(above.as_slice()).filter(|rest| rest.starts_with(b"/"));
        Ok(below.map(<[u8]>::to_vec))
    }
}

fn mounted(mount: &Mount, target: Vec<u8>) -> KResult<MountedFs> {
    Ok(MountedFs {
        id: mount.id(),
        info: MountInfo { target, ..mount.info().clone() },
        facts: mount.fs().statvfs()?,
        capabilities: mount.fs().capabilities(),
    })
}

pub(crate) fn statvfs_of(vnode: &Vnode) -> KResult<StatVfs> {
    vnode.node()?;
    vnode.mount().fs().statvfs()
}
