//! Changing directories: link(2), symlink(2), rename(2), unlink(2), mkdir(2), rmdir(2), mknod(2).

use crate::{Fd, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::{AtFlags, DevNumber, Errno, FileType, Mode, RenameFlags};
use rump_kpi::{KError, KResult};
use rump_vfs::{Follow, Last, PATH_MAX, Vnode, Walked, ops};

impl Process {
    /// Makes another name for a file; a symbolic link is linked itself. Errors: those of both path walks,
    /// EEXIST, EXDEV, EPERM (a directory), EROFS, EACCES, EMLINK, ENOSPC, EIO.
    pub fn link(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()> {
        self.linkat(None, old, None, new, AtFlags::empty())
    }

    /// Makes another name, relative to directories. Errors: EBADF, ENOTDIR, as [`Process::link`].
    pub fn linkat(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
        flags: AtFlags,
    ) -> KResult<()> {
        let follow = if flags.contains(AtFlags::SYMLINK_FOLLOW) { Follow::Yes } else { Follow::No };
        let target = self.lookup(old_dir, old.as_ref(), follow)?;
        let walked = self.walk_missing(new_dir, new.as_ref())?;
        if walked.slash {
            return Err(Errno::ENOENT.into());
        }
        ops::link(&self.cred(), &walked.parent, walked.name(), &target)
    }

    /// Makes a symbolic link at `path`. Errors: ENOENT (empty target), ENAMETOOLONG, those of the path walk,
    /// EEXIST, EROFS, EACCES, ENOSPC, EIO.
    pub fn symlink(&self, target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> KResult<()> {
        self.symlinkat(target, None, path)
    }

    /// Makes a symbolic link, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::symlink`].
    pub fn symlinkat(
        &self,
        target: impl AsRef<[u8]>,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
    ) -> KResult<()> {
        let target = target.as_ref();
        if target.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if target.len() >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG.into());
        }
        if target.contains(&0) {
            return Err(Errno::EINVAL.into());
        }
        self.make(dir, path.as_ref(), FileType::Symlink, Mode::new(0o777), DevNumber::default(), target)
    }

    /// The target of a symbolic link. Errors: those of the path walk, EINVAL (not one), EIO.
    pub fn readlink(&self, path: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        self.readlinkat(None, path)
    }

    /// The target of a symbolic link, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::readlink`].
    pub fn readlinkat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let vnode = self.lookup(dir, path.as_ref(), Follow::No)?;
        if vnode.file_type() != FileType::Symlink {
            return Err(Errno::EINVAL.into());
        }
        vnode.node()?.read_link()
    }

    /// Moves a file over what is there. Errors: those of both path walks, EINVAL (`.` or `..`, or into itself),
    /// EBUSY (a mount point), EXDEV, EROFS, EACCES, EPERM (sticky), EISDIR, ENOTDIR, ENOTEMPTY, ENOSPC, EIO.
    pub fn rename(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()> {
        self.renameat(None, old, None, new)
    }

    /// Moves a file, relative to directories. Errors: EBADF, ENOTDIR, as [`Process::rename`].
    pub fn renameat(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
    ) -> KResult<()> {
        self.renameat2(old_dir, old, new_dir, new, RenameFlags::empty())
    }

    /// Moves a file as the flags say. Errors: EINVAL (both flags), as [`Process::renameat`]; EEXIST (NOREPLACE),
    /// ENOENT (EXCHANGE: the new name), ENOTSUP (EXCHANGE).
    pub fn renameat2(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
        flags: RenameFlags,
    ) -> KResult<()> {
        let exchanges = flags.contains(RenameFlags::EXCHANGE);
        if exchanges && flags.contains(RenameFlags::NOREPLACE) {
            return Err(Errno::EINVAL.into());
        }
        let from = self.walk(old_dir, old.as_ref(), Follow::Never)?;
        let to = self.walk(new_dir, new.as_ref(), Follow::Never)?;
        let source = from.existing()?;
        if exchanges {
            to.existing()?;
        } else if to.slash && !source.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        for walked in [&from, &to] {
            match walked.last {
                Last::Name => {}
                Last::Etfs => return Err(Errno::EROFS.into()),
                Last::Dot | Last::DotDot => return Err(Errno::EINVAL.into()),
            }
            if is_mount_root(walked) {
                return Err(Errno::EBUSY.into());
            }
        }
        if exchanges {
            return ops::exchange(&self.cred(), &from.parent, from.name(), &to.parent, to.name());
        }
        let taken =
            if flags.contains(RenameFlags::NOREPLACE) { ops::Taken::Refuse } else { ops::Taken::Replace };
        ops::rename(&self.cred(), &from.parent, from.name(), &to.parent, to.name(), taken)
    }

    /// Removes a name that is no directory's. Errors: those of the path walk, ENOENT, ENOTDIR, EROFS, EACCES,
    /// EPERM (a directory, or sticky), EBUSY, EIO.
    pub fn unlink(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        self.unlinkat(None, path, AtFlags::empty())
    }

    /// Removes a name, of a directory with REMOVEDIR. Errors: EBADF, ENOTDIR, as [`Process::unlink`] and
    /// [`Process::rmdir`].
    pub fn unlinkat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<()> {
        let walked = self.walk(dir, path.as_ref(), Follow::Never)?;
        let removes_dir = flags.contains(AtFlags::REMOVEDIR);
        let vnode = walked.existing()?;
        if removes_dir && !vnode.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        match (walked.last, removes_dir) {
            (Last::Name, _) => {}
            (Last::Etfs, _) => return Err(Errno::EROFS.into()),
            (_, false) => return Err(Errno::EPERM.into()),
            (Last::DotDot, true) => return Err(Errno::ENOTEMPTY.into()),
            (Last::Dot, true) if walked.name().is_empty() => return Err(Errno::EBUSY.into()),
            (Last::Dot, true) => return Err(Errno::EINVAL.into()),
        }
        if is_mount_root(&walked) {
            return Err(if removes_dir { Errno::EBUSY } else { Errno::EPERM }.into());
        }
        let cred = self.cred();
        if removes_dir {
            ops::rmdir(&cred, &walked.parent, walked.name())
        } else {
            ops::unlink(&cred, &walked.parent, walked.name())
        }
    }

    /// Makes a directory. Errors: those of the path walk, EEXIST, EROFS, EACCES, EMLINK, ENOSPC, EIO.
    pub fn mkdir(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mkdirat(None, path, mode)
    }

    /// Makes a directory, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::mkdir`].
    pub fn mkdirat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        let mode = Mode::new(mode.bits() & 0o1777);
        self.make(dir, path.as_ref(), FileType::Directory, mode, DevNumber::default(), b"")
    }

    /// Removes an empty directory. Errors: those of the path walk, ENOENT, ENOTDIR, EINVAL (`.`), ENOTEMPTY,
    /// EBUSY (a mount point), EROFS, EACCES, EPERM (sticky), EIO.
    pub fn rmdir(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        self.unlinkat(None, path, AtFlags::REMOVEDIR)
    }

    /// Makes a file of any type but directories and links. Errors: EINVAL (type), EPERM (devices, by other than
    /// the superuser), those of the path walk, EEXIST, EROFS, EACCES, ENOSPC, EIO.
    pub fn mknod(
        &self,
        path: impl AsRef<[u8]>,
        file_type: FileType,
        mode: Mode,
        rdev: DevNumber,
    ) -> KResult<()> {
        self.mknodat(None, path, file_type, mode, rdev)
    }

    /// Makes a file, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::mknod`].
    pub fn mknodat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        file_type: FileType,
        mode: Mode,
        rdev: DevNumber,
    ) -> KResult<()> {
        if !ops::is_special(file_type) && file_type != FileType::Regular {
            return Err(Errno::EINVAL.into());
        }
        let is_device = matches!(file_type, FileType::CharDevice | FileType::BlockDevice);
        if is_device && !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        let rdev = if is_device { rdev } else { DevNumber::default() };
        self.make(dir, path.as_ref(), file_type, mode, rdev, b"")
    }

    /// Makes a fifo. Errors: as [`Process::mknod`].
    pub fn mkfifo(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mkfifoat(None, path, mode)
    }

    /// Makes a fifo, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::mknod`].
    pub fn mkfifoat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mknodat(dir, path, FileType::Fifo, mode, DevNumber::default())
    }

    fn make(
        &self,
        dir: Option<Fd>,
        path: &[u8],
        file_type: FileType,
        mode: Mode,
        rdev: DevNumber,
        target: &[u8],
    ) -> KResult<()> {
        let walked = self.walk_missing(dir, path)?;
        if walked.slash && file_type != FileType::Directory {
            return Err(Errno::ENOENT.into());
        }
        self.create_node(&walked, file_type, mode, rdev, target).map(drop)
    }

    /// Walks to a name that is to be made. Errors: those of the walk, EEXIST.
    fn walk_missing<'p>(&self, dir: Option<Fd>, path: &'p [u8]) -> KResult<Walked<'p>> {
        let walked = self.walk(dir, path, Follow::Never)?;
        if walked.vnode.is_some() {
            return Err(KError::from(Errno::EEXIST));
        }
        Ok(walked)
    }
}

/// Whether something is mounted at what was walked to.
fn is_mount_root(walked: &Walked<'_>) -> bool {
    let is_other = |vnode: &Arc<Vnode>| !Arc::ptr_eq(vnode.mount(), walked.parent.mount());
    walked.vnode.as_ref().is_some_and(is_other)
}
