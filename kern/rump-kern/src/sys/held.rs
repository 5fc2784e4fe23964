//! Files by themselves, neither by a path nor by a descriptor: for whoever serves the files of a kernel to others, and
//! names them by number (FUSE, NFS).
//!
//! A file that is held stays what it is, whatever becomes of its names. One that has a name need not be held to be found
//! again: [`HeldFile::other`] finds it by its number. Calls are made `by` a process, whose permissions are checked as they
//! are with a path; only the way to the file is not looked at. What is mounted inside the file system is not seen.

use super::allocate::check_allocation;
use super::attr::check_times;
use super::open::has_default_acl;
use super::rw::{check_offset, read_all, write_all};
use super::statvfs::statvfs_of;
use crate::{Process, Whence};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::{
    AllocateFlags, DevNumber, Errno, FileFlags, FileType, Ino, Mode, OpenFlags, RenameFlags, Stat, StatVfs,
    XattrFlags,
};
use rump_kpi::{Capabilities, DirEntry, KResult, NewNode, SetTime};
use rump_vfs::{Follow, Listing, Vnode, Walker, access, ops};

/// A file of a mounted file system, which lasts at least as long as this.
#[derive(Clone)]
pub struct HeldFile(Arc<Vnode>);

/// A file to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewFile<'a> {
    /// Its type.
    pub file_type: FileType,
    /// Permission bits, before `umask` is taken off.
    pub mode: Mode,
    /// What is taken off, unless the directory has a default access control list.
    pub umask: Mode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number, of device files.
    pub rdev: DevNumber,
    /// Target, of symbolic links; else empty.
    pub target: &'a [u8],
}

impl Process {
    /// Holds what is at `path`, following symbolic links. Errors: those of the path walk, ENOENT.
    pub fn hold(&self, path: impl AsRef<[u8]>) -> KResult<HeldFile> {
        Ok(HeldFile(self.lookup(None, path.as_ref(), Follow::Yes)?))
    }
}

/// Errors: EINVAL (no name of a directory's entry).
fn check_name(name: &[u8]) -> KResult<()> {
    let is_none = matches!(name, b"" | b"." | b"..") || name.iter().any(|byte| matches!(byte, 0 | b'/'));
    if is_none { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

impl HeldFile {
    /// Its number in its file system.
    pub fn ino(&self) -> Ino {
        self.0.ino()
    }

    /// Its type.
    pub fn file_type(&self) -> FileType {
        self.0.file_type()
    }

    /// Whether its last name is gone: then it is there as long as it is held.
    pub fn is_removed(&self) -> bool {
        self.0.is_removed()
    }

    /// Another file of the same file system. Errors: ENXIO (unmounted), ESTALE, EFTYPE, EIO.
    pub fn other(&self, ino: Ino) -> KResult<Self> {
        self.0.mount().vnode(ino).map(Self)
    }

    /// What its file system can do.
    pub fn capabilities(&self) -> Capabilities {
        self.0.mount().fs().capabilities()
    }

    /// The flags that files of its file system can have.
    pub fn possible_flags(&self) -> FileFlags {
        self.0.mount().file_flags()
    }

    /// Attributes. Errors: EIO, EFTYPE.
    pub fn stat(&self) -> KResult<Stat> {
        self.0.stat()
    }

    /// Facts of its file system. Errors: EIO.
    pub fn statvfs(&self) -> KResult<StatVfs> {
        statvfs_of(&self.0)
    }

    /// What `name` names in this directory. Errors: EINVAL (the name), ENOTDIR, EACCES, ENAMETOOLONG, ENOENT, EIO.
    pub fn lookup(&self, by: &Process, name: &[u8]) -> KResult<Self> {
        check_name(name)?;
        access::check_search(&by.cred(), &self.0)?;
        Ok(Self(ops::lookup(&self.0, name)?.ok_or(Errno::ENOENT)?))
    }

    /// Entries of this directory, as [`Process::getdents_with_stat`] gives them, from `cursor` on; zero is the beginning.
    /// Errors: ENOTDIR, EACCES (no permission to search), EFTYPE, EIO.
    pub fn list(
        &self,
        by: &Process,
        cursor: u64,
        sink: &mut dyn FnMut(DirEntry<'_>, KResult<Stat>) -> bool,
    ) -> KResult<()> {
        let (cred, places) = (by.cred(), by.places()?);
        let walker = Walker { vfs: &by.shared().vfs, cred: &cred, root: &places.root, start: &self.0 };
        Listing::new(walker, &self.0)?.read_with_stats(cursor, sink)
    }

    /// The target of this symbolic link. Errors: EINVAL (it is none), EIO.
    pub fn read_link(&self) -> KResult<Vec<u8>> {
        self.0.node()?.read_link()
    }

    /// Makes `name` in this directory. Errors: EINVAL (the name), ENOTDIR, ENAMETOOLONG, EROFS, EACCES, ENOENT (the
    /// directory was removed), EEXIST, EMLINK, ENOSPC, EIO.
    pub fn create(&self, by: &Process, name: &[u8], new: NewFile<'_>) -> KResult<Self> {
        check_name(name)?;
        self.check_dir()?;
        let NewFile { file_type, mode, umask, uid, gid, rdev, target } = new;
        let is_exempt = file_type == FileType::Symlink || has_default_acl(&self.0)?;
        let mode = if is_exempt { mode } else { Mode::new(mode.bits() & !umask.bits()) };
        let new = NewNode { file_type, mode, uid, gid, rdev, target };
        ops::create(&by.cred(), &self.0, name, new).map(Self)
    }

    /// Adds `name` in this directory for `target`. Errors: EINVAL (the name), ENOTDIR, EXDEV, EPERM (a directory, or
    /// flags), ENAMETOOLONG, EROFS, EACCES, ENOENT (one was removed), EEXIST, EMLINK, ENOSPC, EIO.
    pub fn link(&self, by: &Process, name: &[u8], target: &Self) -> KResult<()> {
        check_name(name)?;
        self.check_dir()?;
        ops::link(&by.cred(), &self.0, name, &target.0)
    }

    /// Removes `name`, no directory, from this directory; answers what it named. Errors: EINVAL (the name), ENOTDIR,
    /// ENAMETOOLONG, ENOENT, EROFS, EACCES, EPERM (a directory, sticky, or flags), EIO.
    pub fn unlink(&self, by: &Process, name: &[u8]) -> KResult<Self> {
        let victim = self.lookup(by, name)?;
        ops::unlink(&by.cred(), &self.0, name)?;
        Ok(victim)
    }

    /// Removes the empty directory `name` from this directory; answers what it named. Errors: as [`HeldFile::unlink`];
    /// ENOTDIR, EBUSY (mounted over), ENOTEMPTY.
    pub fn rmdir(&self, by: &Process, name: &[u8]) -> KResult<Self> {
        let victim = self.lookup(by, name)?;
        ops::rmdir(&by.cred(), &self.0, name)?;
        Ok(victim)
    }

    /// Moves `name` of this directory to `to_name` of `to`, as [`Process::renameat2`] does; answers what the new name
    /// named before. Errors: EINVAL (a name, or both flags), ENOTDIR, as there.
    pub fn rename(
        &self,
        by: &Process,
        name: &[u8],
        to: &Self,
        to_name: &[u8],
        flags: RenameFlags,
    ) -> KResult<Option<Self>> {
        let exchanges = flags.contains(RenameFlags::EXCHANGE);
        if exchanges && flags.contains(RenameFlags::NOREPLACE) {
            return Err(Errno::EINVAL.into());
        }
        check_name(name)?;
        check_name(to_name)?;
        self.check_dir()?;
        to.check_dir()?;
        let cred = by.cred();
        if exchanges {
            ops::exchange(&cred, &self.0, name, &to.0, to_name)?;
            return Ok(None);
        }
        let victim = ops::lookup(&to.0, to_name)?.map(Self);
        let taken =
            if flags.contains(RenameFlags::NOREPLACE) { ops::Taken::Refuse } else { ops::Taken::Replace };
        ops::rename(&cred, &self.0, name, &to.0, to_name, taken)?;
        Ok(victim)
    }

    /// Checks that it may be opened so, and cuts it with TRUNC. Errors: EINVAL (the access mode), those of
    /// [`Process::open`] of what is there.
    pub fn check_open(&self, by: &Process, flags: OpenFlags) -> KResult<()> {
        by.check_open(&self.0, flags, flags.access_mode().ok_or(Errno::EINVAL)?)
    }

    /// Reads at `offset`; fewer bytes than asked for only at the end. That reading is allowed was checked before. Errors:
    /// EINVAL (`offset` too large, or no regular file), EISDIR, EFTYPE, EIO.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        check_offset(offset)?;
        read_all(&self.0, offset, &mut [buf])
    }

    /// Writes at `offset`. That writing is allowed was checked before. Errors: EINVAL (`offset` too large), EROFS, EFBIG,
    /// ENOSPC, EDQUOT, EIO.
    pub fn write_at(&self, by: &Process, offset: u64, bytes: &[u8]) -> KResult<usize> {
        check_offset(offset)?;
        self.0.check_writable()?;
        write_all(self.0.node()?, offset, &[bytes], by.size_limit(&self.0))
    }

    /// The first data, or the first hole, at or after `offset`. Errors: EINVAL (another `whence`), ENXIO, EIO.
    pub fn seek(&self, offset: u64, whence: Whence) -> KResult<u64> {
        let node = self.0.node()?;
        match whence {
            Whence::Data => node.seek_data(offset),
            Whence::Hole => node.seek_hole(offset),
            Whence::Set | Whence::Cur | Whence::End => Err(Errno::EINVAL.into()),
        }
    }

    /// Changes permission bits. Errors: EROFS, EPERM (not the owner, or flags), EIO.
    pub fn set_mode(&self, by: &Process, mode: Mode) -> KResult<()> {
        by.set_mode(&self.0, mode)
    }

    /// Changes owner and group; `None` leaves one as it is. Errors: EROFS, EPERM (also by flags), EIO.
    pub fn set_owner(&self, by: &Process, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        by.set_owner(&self.0, uid, gid)
    }

    /// Sets access and modification time. Errors: EINVAL (nanoseconds), EROFS, EPERM (not the owner, or flags), EACCES,
    /// EIO.
    pub fn set_times(&self, by: &Process, times: [Option<SetTime>; 2]) -> KResult<()> {
        check_times(times)?;
        by.set_times(&self.0, times)
    }

    /// Cuts or extends it. That writing is allowed was checked before. Errors: EROFS, EINVAL (no regular file, or too
    /// large), EPERM (flags), EFBIG, ENOSPC, EIO.
    pub fn set_size(&self, by: &Process, size: u64) -> KResult<()> {
        self.0.check_writable()?;
        check_offset(size)?;
        by.set_size(&self.0, size)
    }

    /// Its flags. Errors: EIO, EFTYPE.
    pub fn flags(&self) -> KResult<FileFlags> {
        self.0.flags()
    }

    /// Changes its flags. Errors: as [`Process::chflags`].
    pub fn set_flags(&self, by: &Process, flags: FileFlags) -> KResult<()> {
        by.set_flags(&self.0, flags)
    }

    /// As [`Process::fallocate`] of a file that is open for writing. Errors: EROFS, as there.
    pub fn allocate(&self, by: &Process, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()> {
        self.0.check_writable()?;
        by.allocate(&self.0, check_allocation(flags, length)?, offset, length)
    }

    /// Value of an extended attribute. Errors: as [`Process::fgetxattr`].
    pub fn xattr(&self, by: &Process, name: &[u8]) -> KResult<Vec<u8>> {
        by.xattr_of(&self.0, name)
    }

    /// Names of all extended attributes that `by` may see. Errors: EIO.
    pub fn xattrs(&self, by: &Process) -> KResult<Vec<Vec<u8>>> {
        by.xattrs_of(&self.0)
    }

    /// Sets an extended attribute. Errors: as [`Process::fsetxattr`].
    pub fn set_xattr(&self, by: &Process, name: &[u8], value: &[u8], flags: XattrFlags) -> KResult<()> {
        by.set_xattr_of(&self.0, name, value, flags)
    }

    /// Removes an extended attribute. Errors: as [`Process::fremovexattr`].
    pub fn remove_xattr(&self, by: &Process, name: &[u8]) -> KResult<()> {
        by.remove_xattr_of(&self.0, name)
    }

    /// Returns once content and attributes are durable. Errors: EIO, ENOSPC.
    pub fn fsync(&self) -> KResult<()> {
        self.0.node()?.fsync()
    }

    /// Returns once the content is durable. Errors: EIO, ENOSPC.
    pub fn fdatasync(&self) -> KResult<()> {
        self.0.node()?.fdatasync()
    }

    /// Errors: ENOTDIR.
    fn check_dir(&self) -> KResult<()> {
        if self.0.is_dir() { Ok(()) } else { Err(Errno::ENOTDIR.into()) }
    }
}
