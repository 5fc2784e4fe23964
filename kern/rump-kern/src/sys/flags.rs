//! Flags of files: chflags(2).
//!
//! What they forbid is checked where it is done: `rump_vfs::access` for names and opening, the calls that change
//! attributes for those. What was opened for writing before stays so.

use crate::{Fd, Process};
use rump_abi::{Errno, FileFlags};
use rump_kpi::{KError, KResult};
use rump_vfs::{Follow, Vnode};

impl Process {
    /// Changes the flags of a file. The superuser may change all, an owner those of owners
    /// ([`FileFlags::OF_OWNER`]), of files that the superuser did not fix.
    ///
    /// Errors: those of the path walk, EROFS, EPERM (not the owner, or flags of the superuser), EOPNOTSUPP (the file
    /// system does not keep them), EIO.
    pub fn chflags(&self, path: impl AsRef<[u8]>, flags: FileFlags) -> KResult<()> {
        self.set_flags(&*self.lookup(None, path.as_ref(), Follow::Yes)?, flags)
    }

    /// Changes the flags of the link itself. Errors: as [`Process::chflags`].
    pub fn lchflags(&self, path: impl AsRef<[u8]>, flags: FileFlags) -> KResult<()> {
        self.set_flags(&*self.lookup(None, path.as_ref(), Follow::No)?, flags)
    }

    /// Changes the flags of an open file. Errors: EBADF, EINVAL (no file of a file system), as [`Process::chflags`].
    pub fn fchflags(&self, fd: Fd, flags: FileFlags) -> KResult<()> {
        self.set_flags(self.file(fd)?.vnode()?, flags)
    }

    pub(crate) fn set_flags(&self, vnode: &Vnode, flags: FileFlags) -> KResult<()> {
        self.check_owner(vnode)?;
        let kept = vnode.mount().file_flags();
        if vnode.is_etfs() || !kept.contains(flags) || kept.is_empty() {
            return Err(KError::new(Errno::EOPNOTSUPP, "the file system does not keep such flags"));
        }
        let is_root = self.cred().is_root();
        vnode.change_flags(|before| {
            let of_superuser = !FileFlags::OF_OWNER;
            let fixed = before.intersects(FileFlags::SF_IMMUTABLE | FileFlags::SF_APPEND);
            if !is_root && (fixed || (before ^ flags).intersects(of_superuser)) {
                return Err(Errno::EPERM.into());
            }
            Ok(flags)
        })
    }
}
