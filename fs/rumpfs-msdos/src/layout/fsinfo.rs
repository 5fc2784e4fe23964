//! The sector of FAT32 that says how much is free, and where to look for it. Both are hints.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first 512 bytes of the sector.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct FsInfo {
    pub lead_sig: U32,
    pub reserved1: [u8; 480],
    pub struc_sig: U32,
    pub free_count: U32,
    pub nxt_free: U32,
    pub reserved2: [u8; 12],
    pub trail_sig: U32,
}

impl FsInfo {
    /// Value of `lead_sig`.
    pub const LEAD: u32 = 0x4161_5252;
    /// Value of `struc_sig`.
    pub const STRUC: u32 = 0x6141_7272;
    /// Value of `trail_sig`.
    pub const TRAIL: u32 = 0xaa55_0000;
    /// What stands for a count or a hint that nobody knows.
    pub const UNKNOWN: u32 = 0xffff_ffff;

    /// Whether the signatures are there.
    pub fn is_signed(&self) -> bool {
        self.lead_sig.get() == Self::LEAD && self.struc_sig.get() == Self::STRUC
    }
}

const _: () = assert!(size_of::<FsInfo>() == 512);
