//! Taking a file away from all who have it open: revoke(2).
//!
//! A file counts how often it was revoked, and an open file knows the count of its time. So nobody has to be found: each
//! call looks at both, and calls that block are woken to look.

use crate::descriptors::OpenFile;
use crate::{Fd, Process};
use rump_abi::{Errno, FileType};
use rump_kpi::{KError, KResult};
use rump_vfs::Follow;

impl Process {
    /// Makes what was opened of a file of no use, for all processes: calls answer EIO, but reading a character device is
    /// at its end; closing is as ever. The file can be opened again. The driver of a device hears of it when the
    /// descriptors are closed.
    ///
    /// Errors: those of the path walk, EPERM (neither the owner nor the superuser), EOPNOTSUPP (of the host).
    pub fn revoke(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        let vnode = self.lookup(None, path.as_ref(), Follow::Yes)?;
        if !self.cred().owns(&vnode.node()?.attr()?) {
            return Err(Errno::EPERM.into());
        }
        if vnode.is_etfs() {
            return Err(KError::new(Errno::EOPNOTSUPP, "files of the host are not revoked"));
        }
        vnode.revoke();
        self.shared().wake_sleepers();
        Ok(())
    }

    /// Whether a descriptor is of a character device that was revoked.
    pub(crate) fn is_revoked_device(&self, fd: Fd) -> bool {
        let is_one = |file: &OpenFile| {
            let vnode = file.object.vnode();
            file.is_revoked() && vnode.is_some_and(|vnode| vnode.file_type() == FileType::CharDevice)
        };
        self.descriptors().read().find(fd).is_ok_and(|descriptor| is_one(&descriptor.file))
    }
}
