//! Attributes of files and how they last: stat(2), access(2), fsync(2), sync(2).

use crate::{Fd, Process};
use rump_abi::{AtFlags, Errno, Stat, SyncFlags};
use rump_kpi::KResult;
use rump_vfs::{Follow, access};

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

    /// Returns once content and attributes are durable. Errors: EBADF, EINVAL (a socket or pipe), EIO, ENOSPC.
    pub fn fsync(&self, fd: Fd) -> KResult<()> {
        self.file(fd)?.vnode()?.node()?.fsync()
    }

    /// Returns once the content is durable. Errors: as [`Process::fsync`].
    pub fn fdatasync(&self, fd: Fd) -> KResult<()> {
        self.file(fd)?.vnode()?.node()?.fdatasync()
    }

    /// Returns once a part of a file is durable, as the flags say; a length of zero means all that follows. All of the
    /// file is, and with it what its device keeps.
    ///
    /// Errors: EBADF (not open, or not for writing), EINVAL (neither or both of DATASYNC and FILESYNC, too far a range, a
    /// socket or pipe), EIO, ENOSPC.
    pub fn fsync_range(&self, fd: Fd, flags: SyncFlags, offset: u64, length: u64) -> KResult<()> {
        let file = self.writable(fd)?;
        let is_within = offset.checked_add(length).is_some_and(|end| end <= i64::MAX as u64);
        let node = file.vnode()?.node()?;
        match (flags.contains(SyncFlags::DATASYNC), flags.contains(SyncFlags::FILESYNC)) {
            (true, false) if is_within => node.fdatasync(),
            (false, true) if is_within => node.fsync(),
            _ => Err(Errno::EINVAL.into()),
        }
    }

    /// Makes all file systems durable. Errors: ENXIO (halted), EIO, ENOSPC.
    pub fn sync(&self) -> KResult<()> {
        self.shared().check_running()?;
        self.shared().vfs.sync()
    }
}
