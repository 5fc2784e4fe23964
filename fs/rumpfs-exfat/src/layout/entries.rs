//! Entries of directories (specification, sections 6 and 7): 32 bytes each.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = 32;
/// Units of a name in an entry.
pub const UNITS_PER_ENTRY: usize = 15;

/// Values of the first byte of an entry, and its bits.
#[allow(missing_docs, non_snake_case)]
pub mod EntryType {
    /// Nobody has this entry or any behind it.
    pub const END: u8 = 0;
    /// What a free entry says that others come behind.
    pub const FREE: u8 = 0x05;
    pub const ALLOCATION_BITMAP: u8 = 0x81;
    pub const UPCASE_TABLE: u8 = 0x82;
    pub const VOLUME_LABEL: u8 = 0x83;
    pub const FILE: u8 = 0x85;
    pub const STREAM_EXTENSION: u8 = 0xc0;
    pub const FILE_NAME: u8 = 0xc1;
    /// Bit: somebody has the entry.
    pub const IN_USE: u8 = 0x80;
    /// Bit: the entry belongs to a primary one before it.
    pub const SECONDARY: u8 = 0x40;
    /// Bit: who does not know the type may pass over the entry.
    pub const BENIGN: u8 = 0x20;
}

/// Bits of [`FileEntry::file_attributes`].
#[allow(missing_docs, non_snake_case)]
pub mod Attributes {
    pub const READ_ONLY: u16 = 0x01;
    pub const DIRECTORY: u16 = 0x10;
    pub const ARCHIVE: u16 = 0x20;
}

/// Bits of the flags of secondary entries.
#[allow(missing_docs, non_snake_case)]
pub mod SecondaryFlags {
    /// The entry has a cluster and a length.
    pub const ALLOCATION_POSSIBLE: u8 = 1;
    /// Its clusters are consecutive, and the table says nothing of them.
    pub const NO_FAT_CHAIN: u8 = 2;
}

/// The primary entry of a file or directory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)]
pub struct FileEntry {
    pub entry_type: u8,
    pub secondary_count: u8,
    pub set_checksum: U16,
    pub file_attributes: U16,
    pub reserved1: U16,
    pub create_timestamp: U32,
    pub last_modified_timestamp: U32,
    pub last_accessed_timestamp: U32,
    pub create_10ms_increment: u8,
    pub last_modified_10ms_increment: u8,
    pub create_utc_offset: u8,
    pub last_modified_utc_offset: u8,
    pub last_accessed_utc_offset: u8,
    pub reserved2: [u8; 7],
}

/// Where the content of a file or directory is.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)]
pub struct StreamEntry {
    pub entry_type: u8,
    pub general_secondary_flags: u8,
    pub reserved1: u8,
    pub name_length: u8,
    pub name_hash: U16,
    pub reserved2: U16,
    pub valid_data_length: U64,
    pub reserved3: U32,
    pub first_cluster: U32,
    pub data_length: U64,
}

/// A part of a name.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct NameEntry {
    pub entry_type: u8,
    pub general_secondary_flags: u8,
    pub file_name: [U16; UNITS_PER_ENTRY],
}

/// What all secondary entries have at the same place, where the flags say so.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct SecondaryEntry {
    pub entry_type: u8,
    pub general_secondary_flags: u8,
    pub custom_defined: [u8; 18],
    pub first_cluster: U32,
    pub data_length: U64,
}

/// Where a bitmap of clusters in use is.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct BitmapEntry {
    pub entry_type: u8,
    /// Bit 0: it is that of the second table.
    pub bitmap_flags: u8,
    pub reserved: [u8; 18],
    pub first_cluster: U32,
    pub data_length: U64,
}

/// Where the table of upper case is.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct UpcaseEntry {
    pub entry_type: u8,
    pub reserved1: [u8; 3],
    pub table_checksum: U32,
    pub reserved2: [u8; 12],
    pub first_cluster: U32,
    pub data_length: U64,
}

/// The label of the volume.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct LabelEntry {
    pub entry_type: u8,
    pub character_count: u8,
    pub volume_label: [U16; 11],
    pub reserved: [u8; 8],
}

impl LabelEntry {
    /// Units of the longest label.
    pub const MOST_UNITS: usize = 11;
}

const _: () = assert!(size_of::<FileEntry>() == ENTRY_BYTES && size_of::<StreamEntry>() == ENTRY_BYTES);
const _: () = assert!(size_of::<NameEntry>() == ENTRY_BYTES && size_of::<SecondaryEntry>() == ENTRY_BYTES);
const _: () = assert!(size_of::<BitmapEntry>() == ENTRY_BYTES && size_of::<UpcaseEntry>() == ENTRY_BYTES);
const _: () = assert!(size_of::<LabelEntry>() == ENTRY_BYTES);
