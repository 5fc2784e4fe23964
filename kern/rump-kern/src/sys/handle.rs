//! Files by handles that outlive their use: getfh(2), fhopen(2), fhstat(2), fhstatvfs(2).
//!
//! A handle stands past all directories, so handles are the superuser's.

use crate::{Fd, MountedFs, Process};
use alloc::sync::Arc;
use rump_abi::{Errno, Ino, OpenFlags, Stat};
use rump_kpi::{KError, KResult};
use rump_vfs::{Follow, Vnode};

/// A file of a kernel, as long as its file system is mounted and the file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileHandle {
    mount: u64,
    ino: u64,
    generation: u64,
}

impl FileHandle {
    /// Bytes of a handle.
    pub const SIZE: usize = 24;

    /// The bytes that stand for it.
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (place, word) in bytes.chunks_exact_mut(8).zip([self.mount, self.ino, self.generation]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// What bytes stand for. Errors: EINVAL (another length).
    pub fn from_bytes(bytes: &[u8]) -> KResult<Self> {
        let bytes: &[u8; Self::SIZE] = bytes.try_into().map_err(|_| Errno::EINVAL)?;
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Ok(Self { mount: word(0), ino: word(8), generation: word(16) })
    }
}

impl Process {
    /// The handle of a file; of a symbolic link, its own. Errors: EPERM (not the superuser), those of the path walk,
    /// EOPNOTSUPP (the file system has no handles), EIO.
    pub fn getfh(&self, path: impl AsRef<[u8]>) -> KResult<FileHandle> {
        self.check_may_use_handles()?;
        let vnode = self.lookup(None, path.as_ref(), Follow::No)?;
        let generation = if vnode.is_etfs() { None } else { vnode.node()?.generation()? };
        let without = || KError::new(Errno::EOPNOTSUPP, "the file system has no handles of its files");
        let generation = generation.ok_or_else(without)?;
        Ok(FileHandle { mount: vnode.mount().id(), ino: vnode.ino().0, generation })
    }

    /// Opens a file. Errors: EPERM (not the superuser), EINVAL (CREAT, or as [`Process::open`]), ESTALE (the file is gone),
    /// as [`Process::open`].
    pub fn fhopen(&self, handle: FileHandle, flags: OpenFlags) -> KResult<Fd> {
        self.check_may_use_handles()?;
        let access = flags.access_mode().ok_or(Errno::EINVAL)?;
        if flags.contains(OpenFlags::CREAT) || flags.contains(OpenFlags::SHLOCK | OpenFlags::EXLOCK) {
            return Err(Errno::EINVAL.into());
        }
        let vnode = self.find_handle(handle)?;
        self.check_open(&vnode, flags, access)?;
        self.open_found(vnode, flags, access)
    }

    /// Attributes of a file. Errors: EPERM (not the superuser), ESTALE (the file is gone), EIO.
    pub fn fhstat(&self, handle: FileHandle) -> KResult<Stat> {
        self.check_may_use_handles()?;
        self.find_handle(handle)?.stat()
    }

    /// The file system of a file. Errors: as [`Process::fhstat`].
    pub fn fhstatvfs(&self, handle: FileHandle) -> KResult<MountedFs> {
        self.check_may_use_handles()?;
        self.mounted_of(&*self.find_handle(handle)?)
    }

    /// Errors: ENXIO (halted), EPERM.
    fn check_may_use_handles(&self) -> KResult<()> {
        self.shared().check_running()?;
        if self.cred().is_root() { Ok(()) } else { Err(Errno::EPERM.into()) }
    }

    /// Errors: ESTALE, EIO.
    fn find_handle(&self, handle: FileHandle) -> KResult<Arc<Vnode>> {
        let mount = self.shared().vfs.find_mount(handle.mount)?;
        // Whatever such a number may stand for, it is not what the handle was of.
        let vnode = mount.vnode(Ino(handle.ino)).map_err(|error| match error.errno {
            Errno::EIO => error,
            _ => Errno::ESTALE.into(),
        })?;
        let is_same = vnode.node()?.generation()? == Some(handle.generation);
        if vnode.is_removed() || !is_same {
            return Err(Errno::ESTALE.into());
        }
        Ok(vnode)
    }
}
