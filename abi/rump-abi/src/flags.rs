//! Flags of system calls (open(2), mount(2), openat(2)), with NetBSD's values where programs see them.

use bitflags::bitflags;

/// How a descriptor may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessMode {
    /// `O_RDONLY`.
    Read,
    /// `O_WRONLY`.
    Write,
    /// `O_RDWR`.
    ReadWrite,
}

impl AccessMode {
    /// Whether reading is allowed.
    pub fn reads(self) -> bool {
        self != Self::Write
    }

    /// Whether writing is allowed.
    pub fn writes(self) -> bool {
        self != Self::Read
    }
}

bitflags! {
    /// Flags of `open`. The two lowest bits are the access mode (`O_RDONLY` is zero).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Open for writing only.
        const WRONLY = 0x1;
        /// Open for reading and writing.
        const RDWR = 0x2;
        /// Do not block.
        const NONBLOCK = 0x4;
        /// Every write goes to the end.
        const APPEND = 0x8;
        /// The file is locked, as others may lock it, too (`flock`).
        const SHLOCK = 0x10;
        /// The file is locked alone (`flock`).
        const EXLOCK = 0x20;
        /// Every write is synchronised.
        const SYNC = 0x80;
        /// Refuse a symbolic link as the last component (ELOOP).
        const NOFOLLOW = 0x100;
        /// Create the file if it is not there.
        const CREAT = 0x200;
        /// Cut the file to length zero.
        const TRUNC = 0x400;
        /// With CREAT: fail if the file is there.
        const EXCL = 0x800;
        /// Every write is synchronised, but for attributes that reading the content does not need.
        const DSYNC = 0x1_0000;
        /// Refuse what is not a directory (ENOTDIR).
        const DIRECTORY = 0x20_0000;
        /// Close on exec.
        const CLOEXEC = 0x40_0000;
        /// Writing to what nobody reads raises no signal.
        const NOSIGPIPE = 0x100_0000;
    }

    /// Flags of the at-calls.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AtFlags: u32 {
        /// Check with the effective ids (`faccessat`).
        const EACCESS = 0x100;
        /// Do not follow a symbolic link as the last component.
        const SYMLINK_NOFOLLOW = 0x200;
        /// Follow a symbolic link as the last component (`linkat`).
        const SYMLINK_FOLLOW = 0x400;
        /// Remove a directory (`unlinkat`).
        const REMOVEDIR = 0x800;
    }

    /// Flags of files (chflags(2)). The lower half belongs to the owner, the upper one to the superuser.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct FileFlags: u32 {
        /// Left out of dumps.
        const UF_NODUMP = 0x1;
        /// Nothing of it changes.
        const UF_IMMUTABLE = 0x2;
        /// It is only appended to; of a directory: entries stay.
        const UF_APPEND = 0x4;
        /// Of a directory: what union mounts have below is not seen in it.
        const UF_OPAQUE = 0x8;
        /// It was archived.
        const SF_ARCHIVED = 0x1_0000;
        /// As UF_IMMUTABLE.
        const SF_IMMUTABLE = 0x2_0000;
        /// As UF_APPEND.
        const SF_APPEND = 0x4_0000;
    }

    /// How `fsync_range` makes durable.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SyncFlags: u32 {
        /// Content, and what finding it again needs.
        const DATASYNC = 0x10;
        /// Content and attributes.
        const FILESYNC = 0x20;
        /// Also what the device keeps in a cache of its own.
        const DISKSYNC = 0x40;
    }

    /// Flags of `renameat2`, with Linux's values: NetBSD has no such call.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RenameFlags: u32 {
        /// Fail with EEXIST if the new name is there.
        const NOREPLACE = 0x1;
        /// Both names are there and change places.
        const EXCHANGE = 0x2;
    }

    /// Flags of `fallocate`, with Linux's values: NetBSD has no such call. Without any, space is reserved and the
    /// file extended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct AllocateFlags: u32 {
        /// The length of the file stays as it is.
        const KEEP_SIZE = 0x1;
        /// Make a hole; asks for KEEP_SIZE.
        const PUNCH_HOLE = 0x2;
        /// Make it read as zeroes, with the space reserved.
        const ZERO_RANGE = 0x10;
    }

    /// Flags of `mount`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MountFlags: u32 {
        /// Read-only: not one write reaches the device.
        const RDONLY = 0x1;
        /// Access times stay as they are.
        const NOATIME = 0x0400_0000;
    }

    /// Flags of `setxattr`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct XattrFlags: u32 {
        /// Fail with EEXIST if the attribute is there.
        const CREATE = 0x1;
        /// Fail with ENOATTR if it is not.
        const REPLACE = 0x2;
    }
}

impl FileFlags {
    /// Those that an owner may change.
    pub const OF_OWNER: Self =
        Self::UF_NODUMP.union(Self::UF_IMMUTABLE).union(Self::UF_APPEND).union(Self::UF_OPAQUE);

    /// Whether nothing of it changes.
    pub fn is_immutable(self) -> bool {
        self.intersects(Self::UF_IMMUTABLE | Self::SF_IMMUTABLE)
    }

    /// Whether it is only appended to.
    pub fn is_append_only(self) -> bool {
        self.intersects(Self::UF_APPEND | Self::SF_APPEND)
    }

    /// Whether its name and attributes stay as they are: it is one or the other.
    pub fn is_fixed(self) -> bool {
        self.is_immutable() || self.is_append_only()
    }
}

impl OpenFlags {
    /// The access mode, or `None` when both bits are set.
    pub fn access_mode(self) -> Option<AccessMode> {
        match (self.contains(Self::WRONLY), self.contains(Self::RDWR)) {
            (false, false) => Some(AccessMode::Read),
            (true, false) => Some(AccessMode::Write),
            (false, true) => Some(AccessMode::ReadWrite),
            (true, true) => None,
        }
    }
}
