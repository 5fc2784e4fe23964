//! The boot sector (specification, section 3.1).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first 512 bytes of the volume.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct BootSector {
    pub jump_boot: [u8; 3],
    pub file_system_name: [u8; 8],
    pub must_be_zero: [u8; 53],
    pub partition_offset: U64,
    pub volume_length: U64,
    pub fat_offset: U32,
    pub fat_length: U32,
    pub cluster_heap_offset: U32,
    pub cluster_count: U32,
    pub first_cluster_of_root_directory: U32,
    pub volume_serial_number: U32,
    pub file_system_revision: U16,
    pub volume_flags: U16,
    pub bytes_per_sector_shift: u8,
    pub sectors_per_cluster_shift: u8,
    pub number_of_fats: u8,
    pub drive_select: u8,
    pub percent_in_use: u8,
    pub reserved: [u8; 7],
    pub boot_code: [u8; 390],
    pub boot_signature: U16,
}

/// Bits of [`BootSector::volume_flags`].
#[allow(missing_docs, non_snake_case)]
pub mod VolumeFlags {
    pub const ACTIVE_FAT: u16 = 1;
    pub const VOLUME_DIRTY: u16 = 2;
    pub const MEDIA_FAILURE: u16 = 4;
    pub const CLEAR_TO_ZERO: u16 = 8;
}

impl BootSector {
    /// Value of `file_system_name`.
    pub const NAME: [u8; 8] = *b"EXFAT   ";
    /// Value of `boot_signature`.
    pub const SIGNATURE: u16 = 0xaa55;
    /// `percent_in_use` where nobody knows.
    pub const UNKNOWN_PERCENT: u8 = 0xff;
    /// Byte of `volume_flags`.
    pub const FLAGS_AT: usize = 106;
    /// Byte of `percent_in_use`.
    pub const PERCENT_AT: usize = 112;
}

const _: () = assert!(size_of::<BootSector>() == 512);
