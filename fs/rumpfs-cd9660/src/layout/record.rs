//! Directory records (9.1). The identifier follows, a byte if its length is even, and the system use field.

use super::{Both16, Both32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The fields of fixed length.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct DirectoryRecord {
    pub length: u8,
    pub attribute_length: u8,
    pub extent: Both32,
    pub data_length: Both32,
    pub date: [u8; 7],
    pub flags: u8,
    pub unit_size: u8,
    pub gap_size: u8,
    pub sequence_number: Both16,
    pub identifier_length: u8,
}

/// Flags of files (9.1.6).
pub mod flag {
    #![allow(missing_docs)]
    pub const EXISTENCE: u8 = 1;
    pub const DIRECTORY: u8 = 2;
    pub const ASSOCIATED: u8 = 4;
    pub const MULTI_EXTENT: u8 = 0x80;
}

const _: () = assert!(size_of::<DirectoryRecord>() == 33);
