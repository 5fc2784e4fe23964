//! What the caller decides.

use alloc::string::String;
use rump_kpi::TimeSpec;

/// Which defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Block maps, no journal.
    Ext2,
    /// Block maps and a journal.
    Ext3,
    /// Extents, a journal, checksums, 64 bits.
    Ext4,
}

/// What size the defaults of block size and inode count are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// 1 KiB blocks, an inode for 8 KiB; below 3 MiB.
    Floppy,
    /// 1 KiB blocks, an inode for 4 KiB; below 512 MiB.
    Small,
    /// 4 KiB blocks, an inode for 16 KiB.
    Default,
    /// An inode for 32 KiB; from 4 TiB.
    Big,
    /// An inode for 64 KiB; from 16 TiB.
    Huge,
}

impl Usage {
    /// The one that fits a size.
    pub fn of_size(bytes: u64) -> Self {
        match bytes >> 20 {
            0..3 => Self::Floppy,
            3..512 => Self::Small,
            512..0x40_0000 => Self::Default,
            0x40_0000..0x100_0000 => Self::Big,
            _ => Self::Huge,
        }
    }

    pub(super) fn block_size(self) -> u32 {
        match self {
            Self::Floppy | Self::Small => 1024,
            Self::Default | Self::Big | Self::Huge => 4096,
        }
    }

    pub(super) fn bytes_per_inode(self) -> u64 {
        match self {
            Self::Floppy => 8192,
            Self::Small => 4096,
            Self::Default => 16384,
            Self::Big => 32768,
            Self::Huge => 65536,
        }
    }
}

/// How many inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inodes {
    /// By the usage.
    Default,
    /// At least as many.
    Count(u32),
    /// One for so many bytes of the volume.
    BytesPerInode(u64),
}

/// Whether the device is known to read zeros everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeroed {
    /// Yes, as a new sparse file: zeros need not be written.
    Yes,
    /// No: zeros are written where the format needs them.
    No,
}

/// Who owns the root directory, and its permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u16,
}

/// Everything that decides what a volume is like. `None` stands for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Which defaults.
    pub kind: Kind,
    /// Length of the volume; what is left beyond the last whole block stays unused.
    pub size_bytes: u64,
    /// Identifier.
    pub uuid: [u8; 16],
    /// Makes the hashes of names in directories hard to guess.
    pub hash_seed: [u8; 16],
    /// The time of everything.
    pub now: TimeSpec,
    /// Name, at most 16 bytes.
    pub label: String,
    /// Which size the defaults are for; else by `size_bytes`.
    pub usage: Option<Usage>,
    /// 1024 to 65536 bytes, a power of two; else by the usage.
    pub block_size: Option<u32>,
    /// Bytes of a cluster, with bigalloc only; else sixteen blocks.
    pub cluster_size: Option<u32>,
    /// 128 to the block size, a power of two; else 256.
    pub inode_size: Option<u16>,
    /// How many inodes.
    pub inodes: Inodes,
    /// Percent of the blocks that only root may take, at most 50.
    pub reserved_percent: u8,
    /// Changes to the features of the kind, as mke2fs takes them: `NAME` or `^NAME`, with commas between; `none`
    /// takes all away.
    pub features: String,
    /// Groups whose metadata lie together, a power of two, with flex_bg only; else 16.
    pub flex_groups: Option<u32>,
    /// Length of the journal; else by the number of blocks.
    pub journal_bytes: Option<u64>,
    /// The root directory.
    pub root: Owner,
    /// What the device holds.
    pub zeroed: Zeroed,
}

impl Options {
    /// Defaults for a volume of `size_bytes`, with an identifier, a seed and a time of the caller's.
    pub fn new(kind: Kind, size_bytes: u64, uuid: [u8; 16], hash_seed: [u8; 16], now: TimeSpec) -> Self {
        Self {
            kind,
            size_bytes,
            uuid,
            hash_seed,
            now,
            label: String::new(),
            usage: None,
            block_size: None,
            cluster_size: None,
            inode_size: None,
            inodes: Inodes::Default,
            reserved_percent: 5,
            features: String::new(),
            flex_groups: None,
            journal_bytes: None,
            root: Owner { uid: 0, gid: 0, mode: 0o755 },
            zeroed: Zeroed::No,
        }
    }
}
