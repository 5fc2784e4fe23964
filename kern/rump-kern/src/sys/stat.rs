//! Attributes of files and file systems: stat(2), access(2), statvfs(2), sync(2).

use crate::{Fd, Process};
use rump_abi::{AtFlags, Errno, Stat, StatVfs};
use rump_kpi::{Capabilities, KResult};
use rump_vfs::{Follow, Vnode, access};

/// How at-calls that follow links by default treat the last component.
pub(crate) fn follow_unless(flags: AtFlags) -> Follow {
    if flags.contains(AtFlags::SYMLINK_NOFOLLOW) { Follow::No } else { Follow::Yes }
}

impl Process {
    /// Attributes, following symbolic links. Errors: those of the path walk, EFTYPE, EIO.
    pub fn stat(&self, path: impl AsRef<[u8]>) -> KResult<Stat> {
        self.stat_of_path(None, path.as_ref(), Follow::Yes)
    }

    /// Attributes of the link itself. Errors: as [`Process::stat`].
    pub fn lstat(&self, path: impl AsRef<[u8]>) -> KResult<Stat> {
        self.stat_of_path(None, path.as_ref(), Follow::No)
    }

    /// Attributes of an open file, socket, pipe or queue. Errors: EBADF, EFTYPE, EIO.
    pub fn fstat(&self, fd: Fd) -> KResult<Stat> {
        self.file(fd)?.object.stat()
    }

    /// Attributes, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::stat`].
    pub fn fstatat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<Stat> {
        self.stat_of_path(dir, path.as_ref(), follow_unless(flags))
    }

    /// Checks permissions of the real user and group: 4 read, 2 write, 1 execute, 0 existence. Errors: EINVAL (other
    /// bits), those of the path walk, EROFS, EACCES.
    pub fn access(&self, path: impl AsRef<[u8]>, mode: u32) -> KResult<()> {
        self.faccessat(None, path, mode, AtFlags::empty())
    }

    /// Checks permissions, relative to `dir`; with EACCESS, of the effective user and group. Errors: as
    /// [`Process::access`]; EBADF and ENOTDIR of `dir`.
    pub fn faccessat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        mode: u32,
        flags: AtFlags,
    ) -> KResult<()> {
        if mode & !7 != 0 {
            return Err(Errno::EINVAL.into());
        }
        let cred = if flags.contains(AtFlags::EACCESS) { self.cred() } else { self.real_credentials() };
        let vnode = self.lookup_as(cred.clone(), dir, path.as_ref(), follow_unless(flags))?;
        access::check(&cred, &vnode, mode)
    }

    /// Facts of the file system that `path` is in. Errors: those of the path walk, EIO.
    pub fn statvfs(&self, path: impl AsRef<[u8]>) -> KResult<StatVfs> {
        statvfs_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?)
    }

    /// Facts of the file system of an open file. Errors: EBADF, EINVAL (it is in none), EIO.
    pub fn fstatvfs(&self, fd: Fd) -> KResult<StatVfs> {
        statvfs_of(self.file(fd)?.vnode()?)
    }

    /// What the file system that `path` is in can do. Errors: those of the path walk.
    pub fn capabilities(&self, path: impl AsRef<[u8]>) -> KResult<Capabilities> {
        Ok(self.lookup(None, path.as_ref(), Follow::Yes)?.mount().fs().capabilities())
    }

    /// Returns once content and attributes are durable. Errors: EBADF, EINVAL (a socket or pipe), EIO, ENOSPC.
    pub fn fsync(&self, fd: Fd) -> KResult<()> {
        self.file(fd)?.vnode()?.node()?.fsync()
    }

    /// Returns once the content is durable. Errors: as [`Process::fsync`].
    pub fn fdatasync(&self, fd: Fd) -> KResult<()> {
        self.file(fd)?.vnode()?.node()?.fdatasync()
    }

    /// Makes all file systems durable. Errors: ENXIO (halted), EIO, ENOSPC.
    pub fn sync(&self) -> KResult<()> {
        self.shared().check_running()?;
        self.shared().vfs.sync()
    }
}

fn statvfs_of(vnode: &Vnode) -> KResult<StatVfs> {
    vnode.node()?;
    vnode.mount().fs().statvfs()
}
