//! The boot sector: the BIOS parameter block, and what follows it on FAT12 and FAT16, or on FAT32.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bit of `reserved1` that Linux and Windows NT set while a volume is written.
pub const STATE_DIRTY: u8 = 1;

/// The first 36 bytes of the volume.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Bpb {
    pub jmp_boot: [u8; 3],
    pub oem_name: [u8; 8],
    pub byts_per_sec: U16,
    pub sec_per_clus: u8,
    pub rsvd_sec_cnt: U16,
    pub num_fats: u8,
    pub root_ent_cnt: U16,
    pub tot_sec16: U16,
    pub media: u8,
    pub fatsz16: U16,
    pub sec_per_trk: U16,
    pub num_heads: U16,
    pub hidd_sec: U32,
    pub tot_sec32: U32,
}

/// Bytes 36 to 62 on FAT12 and FAT16.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Extended16 {
    pub drv_num: u8,
    pub reserved1: u8,
    pub boot_sig: u8,
    pub vol_id: U32,
    pub vol_lab: [u8; 11],
    pub fil_sys_type: [u8; 8],
}

/// Bytes 36 to 90 on FAT32.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Extended32 {
    pub fatsz32: U32,
    pub ext_flags: U16,
    pub fs_ver: U16,
    pub root_clus: U32,
    pub fs_info: U16,
    pub bk_boot_sec: U16,
    pub reserved: [u8; 12],
    pub tail: Extended16,
}

const _: () = assert!(size_of::<Bpb>() == 36);
const _: () = assert!(size_of::<Extended16>() == 26 && size_of::<Extended32>() == 54);
