//! File systems: what a driver answers, one component of a path at a time.
//!
//! Path walk, name and vnode caches, permission checks, mount points, symbolic links and the locking of the
//! tree are the kernel's (`rump-vfs`). A driver may trust: names are 1 to [`FileSystem::name_max`] bytes, hold neither
//! `/` nor NUL, and are neither `.` nor `..` (but for [`Node::lookup`] of `..`, see there); permissions were checked;
//! two calls that change the same directory never run at once.

use crate::acl::Acl;
use crate::{BlockDevice, KError, KResult, Memory, NodeName};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::time::Duration;
use rump_abi::{DevNumber, Errno, FileFlags, FileType, Ino, Mode, StatVfs, TimeSpec, XattrFlags};

/// Finds a block device by its path. Errors: those of the walk, ENOTBLK (no block device).
pub type FindDevice = dyn Fn(&str) -> KResult<Arc<dyn BlockDevice>> + Send + Sync;

/// What the kernel hands to a file system at mount.
#[derive(Clone)]
pub struct Environment {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> TimeSpec + Send + Sync>,
    /// Takes one line for the log.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
    /// The kernel's name as a host.
    pub host_name: Arc<NodeName>,
    /// Finds a further device that the options of the mount name. For use during the mount alone: what keeps it
    /// keeps the process that mounts.
    pub find_device: Arc<FindDevice>,
    /// Asks for a call of [`FileSystem::write_behind`] by a thread of the kernel. Where kernels have no threads nothing
    /// comes of it: a driver keeps what it has in memory bounded by itself.
    pub write_behind: Arc<dyn Fn() + Send + Sync>,
    /// What it may keep in memory, with all others.
    pub memory: Arc<Memory>,
}

impl Environment {
    /// An environment of a kernel named `rump`, without further devices (looking for one answers ENOTBLK), without threads,
    /// and with all memory that there is.
    pub fn new(
        now: impl Fn() -> TimeSpec + Send + Sync + 'static,
        log: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let find_device = |_: &str| Err(Errno::ENOTBLK.into());
        Self {
            now: Arc::new(now),
            log: Arc::new(log),
            host_name: Arc::new(NodeName::new("rump")),
            find_device: Arc::new(find_device),
            write_behind: Arc::new(|| {}),
            memory: Arc::new(Memory::new(None)),
        }
    }
}

/// How a volume is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Not one write reaches the device.
    Read,
    /// Changes are taken.
    ReadWrite,
}

/// Facts about a file system on a device, found without mounting it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileSystemInfo {
    /// Name of the format as its users say it, e.g. `ext4`.
    pub kind: String,
    /// Volume label; empty where there is none.
    pub label: String,
    /// Identifier in its usual spelling; empty where there is none.
    pub uuid: String,
    /// Size of a block in bytes.
    pub block_size: u32,
    /// Length of the file system in bytes.
    pub size_bytes: u64,
    /// Free space in bytes.
    pub free_bytes: u64,
    /// Names of features in use.
    pub features: Vec<String>,
    /// What is odd: a dirty journal, an error flag, a backup superblock in use.
    pub notes: Vec<String>,
}

/// A type of file system.
pub trait FileSystemType: Send + Sync {
    /// Name as `mount` takes it, e.g. `ext2fs`.
    fn name(&self) -> &'static str;
    /// Looks for its signature and describes what is there; `None` if it is another type. Never a trial mount.
    /// Errors: EIO, EFTYPE (the signature is there, the rest is damaged or not supported: the text says what).
    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<FileSystemInfo>>;
    /// Mounts. `device` is there for types that need one (ENOTBLK if missing). `options` is `key[=value],...`.
    /// With `read_only`, not one write reaches the device. Errors: EFTYPE, EIO, EROFS, EINVAL (unknown option).
    fn mount(
        &self,
        device: Option<Arc<dyn BlockDevice>>,
        read_only: bool,
        options: &str,
        environment: &Environment,
    ) -> KResult<Arc<dyn FileSystem>>;
}

bitflags! {
    /// What a mounted file system can do; the conformance matrix reads it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities: u32 {
        /// Anything can be changed at all.
        const WRITE = 1;
        /// Hard links.
        const HARD_LINKS = 2;
        /// Symbolic links.
        const SYMLINKS = 4;
        /// Extended attributes.
        const XATTRS = 8;
        /// Files with holes.
        const SPARSE = 16;
        /// Device files, fifos and sockets.
        const SPECIAL = 32;
        /// Owners and modes are stored.
        const OWNERS = 64;
        /// Access control lists (`system.posix_acl_access`, `system.posix_acl_default`): the kernel asks
        /// [`Node::acl`] when it checks permissions. The driver keeps the bits of the mode and the list alike
        /// (`rump-acl` has the algebra), and a node made in a directory with a default list inherits it.
        const ACLS = 128;
        /// Names that differ in case may name one entry, which keeps the spelling it was made with. A rename of
        /// an entry to another spelling of its own name reaches the driver.
        const CASE_FOLDING = 256;
        /// [`Node::allocate`].
        const ALLOCATE = 512;
        /// [`Node::exchange`].
        const EXCHANGE = 1024;
        /// [`FileSystem::attr`] also answers for an inode that the kernel holds a node of, with less than the node.
        const ATTR_BY_NUMBER = 2048;
        /// Times are stored to the second at least, from 1970 on, and the change of attributes has one of its own.
        const TIMES = 4096;
    }
}

/// A mounted file system.
pub trait FileSystem: Send + Sync {
    /// The root directory.
    fn root(&self) -> Ino;
    /// Loads an inode. The kernel keeps the answer while it is in use, and asks once. Errors: ESTALE (not in
    /// use), EFTYPE (damaged), EIO.
    fn node(&self, ino: Ino) -> KResult<Arc<dyn Node>>;
    /// Attributes of an inode that the kernel holds no node of, for long listings: drivers that can tell them with
    /// less than a node should. With [`Capabilities::ATTR_BY_NUMBER`], of any inode in use. Errors: as [`FileSystem::node`] and [`Node::attr`].
    fn attr(&self, ino: Ino) -> KResult<Attr> {
        self.node(ino)?.attr()
    }
    /// Sizes and free space. Errors: EIO.
    fn statvfs(&self) -> KResult<StatVfs>;
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// Bytes of the longest name that can be looked up, up to 1,020. More than 255 where names are counted in units
    /// of another size.
    fn name_max(&self) -> usize {
        255
    }
    /// The flags that files can have ([`Attr::flags`]).
    fn file_flags(&self) -> FileFlags {
        FileFlags::empty()
    }
    /// Names that a file may have, if that is limited; not asked without [`Capabilities::HARD_LINKS`].
    fn link_max(&self) -> Option<u64> {
        None
    }
    /// Returns once everything is durable. Errors: EIO, ENOSPC.
    fn sync(&self) -> KResult<()> {
        Ok(())
    }
    /// Does what nobody waits for: brings content that is old or much to the device, makes durable what is due. A
    /// thread of the kernel calls it when the driver asked ([`Environment::write_behind`]), and again after the time
    /// that it answers, if any. It may run at once with every call but [`FileSystem::unmount`]. What goes wrong is kept
    /// for those who sync.
    fn write_behind(&self) -> Option<Duration> {
        None
    }
    /// Called once, when nothing is used any more: everything is durable when it returns, and the device says that
    /// it was left in order. Errors: EIO, ENOSPC.
    fn unmount(&self) -> KResult<()> {
        self.sync()
    }
    /// Called when the kernel forgets a node; an unlinked one loses its space now.
    fn forget(&self, _ino: Ino) {}
}

/// Attributes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// Type of the file.
    pub file_type: FileType,
    /// Permission bits.
    pub mode: Mode,
    /// Count of hard links.
    pub nlink: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number of a device file, else zero.
    pub rdev: DevNumber,
    /// Length in bytes.
    pub size: u64,
    /// Space in use, in units of 512 bytes.
    pub blocks: u64,
    /// Preferred size of I/O in bytes.
    pub blksize: u32,
    /// Last access.
    pub atime: TimeSpec,
    /// Last change of content.
    pub mtime: TimeSpec,
    /// Last change of attributes.
    pub ctime: TimeSpec,
    /// Creation, where known.
    pub birthtime: Option<TimeSpec>,
    /// Flags, none where there are no [`FileSystem::file_flags`]. The kernel sees to what they forbid, and expects that
    /// they change by [`Node::set_attr`] alone.
    pub flags: FileFlags,
}

/// A time to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// The present.
    Now,
    /// This one.
    To(TimeSpec),
}

/// Changes of attributes; `None` leaves one as it is. The change time moves with any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// Permission bits.
    pub mode: Option<Mode>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length: cut, or extended with a hole.
    pub size: Option<u64>,
    /// Access time.
    pub atime: Option<SetTime>,
    /// Modification time.
    pub mtime: Option<SetTime>,
    /// Flags, of those that there are.
    pub flags: Option<FileFlags>,
}

/// What is done to the space of a part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Space is reserved, and the file is extended to the end of the part.
    Extend,
    /// Space is reserved, also beyond the end of the file, which stays where it is.
    Reserve,
    /// A hole: the part within the file reads as zeroes and its whole blocks are free.
    PunchHole,
    /// The part reads as zeroes and its space is reserved; the file is extended to its end.
    Zero,
    /// As `Zero`, and the end of the file stays where it is.
    ZeroKeepSize,
}

/// A node to create.
#[derive(Clone, Copy, Debug)]
pub struct NewNode<'a> {
    /// Type of the file.
    pub file_type: FileType,
    /// Permission bits. The umask is applied, unless the directory has a default access control list: then the
    /// node gets what that list and these bits have in common.
    pub mode: Mode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number, for device files.
    pub rdev: DevNumber,
    /// Target, for symbolic links; else empty.
    pub target: &'a [u8],
}

/// One entry of a directory. The name borrows from the driver's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The name, without NUL.
    pub name: &'a [u8],
    /// The inode it names.
    pub ino: Ino,
    /// Type where the directory stores it.
    pub file_type: Option<FileType>,
    /// Where the next call goes on after this entry. Opaque; zero is the beginning.
    pub next_cursor: u64,
}

/// A file, directory, link or device of a mounted file system.
///
/// What a type of node cannot do answers as the defaults here do: directories' calls ENOTDIR, files' EINVAL,
/// changes EROFS.
pub trait Node: Send + Sync {
    /// Attributes. Errors: EIO, EFTYPE.
    fn attr(&self) -> KResult<Attr>;
    /// The type, which stays as it is; for drivers that can tell it with less than all attributes. Errors: as there.
    fn file_type(&self) -> KResult<FileType> {
        Ok(self.attr()?.file_type)
    }

    /// Tells this node from those that had or will have its number, for handles of files that outlive its use; `None`
    /// where that cannot be told, or the node is the file system's own. Errors: EIO, EFTYPE.
    fn generation(&self) -> KResult<Option<u64>> {
        Ok(None)
    }

    /// The inode that `name` names in this directory; `..` gives the parent. Errors: ENOTDIR, ENOENT, EFTYPE, EIO.
    fn lookup(&self, _name: &[u8]) -> KResult<Ino> {
        Err(Errno::ENOTDIR.into())
    }
    /// Whether a lookup in this directory reads much of it, so that the kernel had better remember all that a
    /// listing told.
    fn lookup_scans(&self) -> bool {
        false
    }
    /// Entries from `cursor` on, `.` and `..` included, until `sink` answers false. The kernel asks for attributes
    /// from within `sink`: no lock is held then that `attr`, here or of the file system, takes. Errors: ENOTDIR,
    /// EFTYPE, EIO.
    fn read_dir(&self, _cursor: u64, _sink: &mut dyn FnMut(DirEntry<'_>) -> bool) -> KResult<()> {
        Err(Errno::ENOTDIR.into())
    }
    /// Reads up to `buf.len()` bytes; fewer only at the end of the file. Errors: EISDIR, EINVAL, EFTYPE, EIO.
    fn read_at(&self, _offset: u64, _buf: &mut [u8]) -> KResult<usize> {
        Err(Errno::EINVAL.into())
    }
    /// The target of a symbolic link. Errors: EINVAL (not one), EFTYPE, EIO.
    fn read_link(&self) -> KResult<Vec<u8>> {
        Err(Errno::EINVAL.into())
    }
    /// The first offset at or after `offset` that holds data; the end of the file counts as none. Errors: ENXIO.
    fn seek_data(&self, offset: u64) -> KResult<u64> {
        if offset < self.attr()?.size { Ok(offset) } else { Err(Errno::ENXIO.into()) }
    }
    /// The first offset at or after `offset` in a hole; the end of the file is one. Errors: ENXIO.
    fn seek_hole(&self, offset: u64) -> KResult<u64> {
        let size = self.attr()?.size;
        if offset < size { Ok(size) } else { Err(Errno::ENXIO.into()) }
    }
    /// Value of an extended attribute; the name has its prefix (`user.`). Errors: ENOTSUP, ENOATTR, EFTYPE, EIO.
    fn xattr(&self, _name: &[u8]) -> KResult<Vec<u8>> {
        Err(Errno::ENOTSUP.into())
    }
    /// Names of all extended attributes. Errors: EFTYPE, EIO.
    fn list_xattrs(&self) -> KResult<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
    /// The access control list kept as `name` ([`acl::ACCESS`](crate::acl::ACCESS) or
    /// [`acl::DEFAULT`](crate::acl::DEFAULT)), if there is one. Called when permissions are checked, on file
    /// systems with [`Capabilities::ACLS`]. Errors: EFTYPE, EIO.
    fn acl(&self, name: &[u8]) -> KResult<Option<Acl>> {
        match self.xattr(name) {
            Ok(value) => Acl::parse(&value).map_err(|error| KError::new(Errno::EFTYPE, error.to_string())),
            Err(error) if matches!(error.errno, Errno::ENOATTR | Errno::ENOTSUP) => Ok(None),
            Err(error) => Err(error),
        }
    }
    /// The block device behind this node, if it is one of this kernel.
    fn block_device(&self) -> Option<Arc<dyn BlockDevice>> {
        None
    }

    /// Creates `name` in this directory. Errors: EROFS, EEXIST, ENOSPC, EMLINK, EIO.
    fn create(&self, _name: &[u8], _new: NewNode<'_>) -> KResult<Ino> {
        Err(Errno::EROFS.into())
    }
    /// Adds `name` for a node that is no directory. Errors: EROFS, EEXIST, EMLINK, ENOSPC, EIO.
    fn link(&self, _name: &[u8], _target: Ino) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Removes `name`, which is no directory. Errors: EROFS, ENOENT, EIO.
    fn unlink(&self, _name: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Removes the empty directory `name`. Errors: EROFS, ENOENT, ENOTEMPTY, EIO.
    fn rmdir(&self, _name: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Moves `name` to `to_name` in `to_dir`, over what is there. The kernel has checked types, loops and
    /// permissions. Errors: EROFS, ENOTEMPTY, EMLINK, ENOSPC, EIO.
    fn rename(&self, _name: &[u8], _to_dir: Ino, _to_name: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Lets `name` and `to_name` of `to_dir`, which are both there, change places. The kernel has checked loops
    /// and permissions. Errors: EROFS, ENOTSUP, EMLINK, EIO.
    fn exchange(&self, _name: &[u8], _to_dir: Ino, _to_name: &[u8]) -> KResult<()> {
        Err(Errno::ENOTSUP.into())
    }
    /// Writes `buf`; all of it or an error with nothing promised. Errors: EROFS, EFBIG, ENOSPC, EDQUOT, EIO.
    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<usize> {
        Err(Errno::EROFS.into())
    }
    /// Changes attributes. Errors: EROFS, EFBIG, ENOSPC, EIO.
    fn set_attr(&self, _set: SetAttr) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Reserves or frees the space of `length` bytes from `offset`; the range is not empty and ends within the
    /// offsets of a file. Errors: EROFS, ENOTSUP, EFBIG, ENOSPC, EIO.
    fn allocate(&self, _offset: u64, _length: u64, _how: Allocation) -> KResult<()> {
        Err(Errno::ENOTSUP.into())
    }
    /// Sets an extended attribute. Errors: EROFS, EEXIST, ENOATTR, ENOTSUP, ENOSPC, EIO.
    fn set_xattr(&self, _name: &[u8], _value: &[u8], _flags: XattrFlags) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Removes an extended attribute. Errors: EROFS, ENOATTR, EIO.
    fn remove_xattr(&self, _name: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }
    /// Returns once content and attributes are durable. Errors: EIO, ENOSPC.
    fn fsync(&self) -> KResult<()> {
        Ok(())
    }
    /// Returns once the content, and what finding it again needs, is durable. Errors: EIO, ENOSPC.
    fn fdatasync(&self) -> KResult<()> {
        self.fsync()
    }
}

impl core::fmt::Debug for dyn FileSystemType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}
