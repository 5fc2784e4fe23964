//! Entries of directories: 32 bytes each, called slots here, since a file with a long name takes several.

use rump_dosfs::SLOT_BYTES;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bits of `attr`.
#[allow(missing_docs, non_snake_case)]
pub mod Attributes {
    pub const READ_ONLY: u8 = 0x01;
    pub const VOLUME_ID: u8 = 0x08;
    pub const DIRECTORY: u8 = 0x10;
    pub const ARCHIVE: u8 = 0x20;
    /// All of these say that a slot holds a part of a long name.
    pub const LONG_NAME: u8 = 0x0f;
    /// The bits that are looked at for [`LONG_NAME`].
    pub const LONG_NAME_MASK: u8 = 0x3f;
}

/// The slot of a file, with its short name.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned, PartialEq, Eq)]
#[repr(C)]
#[allow(missing_docs)]
pub struct DirEntry {
    pub name: [u8; 11],
    pub attr: u8,
    /// Windows NT: which parts of the name are shown in lower case.
    pub ntres: u8,
    pub crt_time_tenth: u8,
    pub crt_time: U16,
    pub crt_date: U16,
    pub lst_acc_date: U16,
    pub fst_clus_hi: U16,
    pub wrt_time: U16,
    pub wrt_date: U16,
    pub fst_clus_lo: U16,
    pub file_size: U32,
}

/// A slot with 13 units of a long name.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct LongEntry {
    pub ord: u8,
    pub name1: [U16; 5],
    pub attr: u8,
    pub kind: u8,
    pub chksum: u8,
    pub name2: [U16; 6],
    pub fst_clus_lo: U16,
    pub name3: [U16; 2],
}

/// Bits of [`LongEntry::ord`].
#[allow(missing_docs, non_snake_case)]
pub mod LastLong {
    /// The slot holds the end of the name, and comes first.
    pub const FLAG: u8 = 0x40;
    /// The number of the slot.
    pub const ORDER: u8 = 0x3f;
}

const _: () = assert!(size_of::<DirEntry>() == SLOT_BYTES && size_of::<LongEntry>() == SLOT_BYTES);
