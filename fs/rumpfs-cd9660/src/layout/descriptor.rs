//! Volume descriptors (8): one of 2048 bytes in each sector from the sixteenth of a session on.

use super::{Both16, Both32};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Size of a logical sector, whatever the size of blocks.
pub const SECTOR: u64 = 2048;

/// Types of descriptors (8.1.1).
pub mod kind {
    #![allow(missing_docs)]
    pub const BOOT_RECORD: u8 = 0;
    pub const PRIMARY: u8 = 1;
    pub const SUPPLEMENTARY: u8 = 2;
    pub const TERMINATOR: u8 = 255;
}

/// Primary, supplementary and enhanced descriptors (8.4, 8.5), up to their dates.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct VolumeDescriptor {
    pub descriptor_type: u8,
    pub standard_identifier: [u8; 5],
    pub version: u8,
    pub flags: u8,
    pub system_identifier: [u8; 32],
    pub volume_identifier: [u8; 32],
    pub unused: [u8; 8],
    pub space_size: Both32,
    pub escape_sequences: [u8; 32],
    pub set_size: Both16,
    pub sequence_number: Both16,
    pub block_size: Both16,
    pub path_table_size: Both32,
    pub path_tables: [U32; 4],
    pub root: [u8; 34],
    pub identifiers: [u8; 623],
    pub creation: [u8; 17],
    pub modification: [u8; 17],
}

/// A boot record (8.2) of El Torito.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct BootRecord {
    pub descriptor_type: u8,
    pub standard_identifier: [u8; 5],
    pub version: u8,
    pub boot_system_identifier: [u8; 32],
}

const _: () = assert!(size_of::<VolumeDescriptor>() == 847 && size_of::<BootRecord>() == 39);
