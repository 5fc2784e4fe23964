//! What `stat` and `statvfs` answer.

use crate::{FileFlags, FileType, Mode};

/// Inode number within one mounted file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ino(pub u64);

/// A point in time: seconds since 1970 (negative before) and nanoseconds in `0..1_000_000_000`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeSpec {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub sec: i64,
    /// Nanoseconds within the second.
    pub nsec: u32,
}

/// A device number, kept as its two parts because every system packs them in another way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DevNumber {
    /// Which driver.
    pub major: u32,
    /// Which unit of it.
    pub minor: u32,
}

/// Attributes of a file, as `stat` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Identifies the mounted file system within its kernel.
    pub dev: u64,
    /// Inode number.
    pub ino: Ino,
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
    /// Length in bytes; of a symbolic link, the length of its target.
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
    /// Creation, where the file system has it.
    pub birthtime: Option<TimeSpec>,
    /// Flags, where the file system has them.
    pub flags: FileFlags,
}

/// Facts of a mounted file system, as `statvfs` gives them. Blocks are of `block_size` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatVfs {
    /// Size of a block in bytes.
    pub block_size: u32,
    /// Blocks for files and their metadata.
    pub blocks: u64,
    /// Free blocks.
    pub blocks_free: u64,
    /// Free blocks that an ordinary user may take.
    pub blocks_available: u64,
    /// Inodes in all; zero where they are not limited.
    pub files: u64,
    /// Free inodes.
    pub files_free: u64,
    /// Longest name in bytes.
    pub name_max: u32,
}
