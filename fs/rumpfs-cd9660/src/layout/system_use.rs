//! What follows the four bytes (signature, length, version) that each system use entry begins with.

use super::Both32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// CE (SUSP 5.1): where the entries go on.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct Continuation {
    pub block: Both32,
    pub offset: Both32,
    pub length: Both32,
}

/// PX (RRIP 4.1.1). A serial number follows since version 1.12.
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct PosixAttributes {
    pub mode: Both32,
    pub links: Both32,
    pub uid: Both32,
    pub gid: Both32,
}

/// PN (RRIP 4.1.2).
#[derive(Clone, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(missing_docs)]
pub struct DeviceNumber {
    pub high: Both32,
    pub low: Both32,
}

/// Flags of a component of a symbolic link (RRIP 4.1.3.1).
pub mod component {
    #![allow(missing_docs)]
    pub const CONTINUE: u8 = 1;
    pub const CURRENT: u8 = 2;
    pub const PARENT: u8 = 4;
    pub const ROOT: u8 = 8;
}

/// Flags of NM (RRIP 4.1.4).
pub mod name_flag {
    #![allow(missing_docs)]
    pub const CURRENT: u8 = 2;
    pub const PARENT: u8 = 4;
}

/// Flags of TF (RRIP 4.1.6); stamps are stored in the order of the bits.
pub mod stamp {
    #![allow(missing_docs)]
    pub const CREATION: u8 = 1;
    pub const MODIFY: u8 = 2;
    pub const ACCESS: u8 = 4;
    pub const ATTRIBUTES: u8 = 8;
    pub const LONG_FORM: u8 = 0x80;
}

const _: () = assert!(size_of::<Continuation>() == 24 && size_of::<PosixAttributes>() == 32);
