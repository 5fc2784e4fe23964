//! The bytes on disk, with the names of ECMA-119. Nothing is checked here.

mod descriptor;
mod record;
mod system_use;

pub use descriptor::{BootRecord, SECTOR, VolumeDescriptor, kind};
pub use record::{DirectoryRecord, flag};
pub use system_use::{Continuation, DeviceNumber, PosixAttributes, component, name_flag, stamp};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian, little_endian};

/// A number of 16 bits in both byte orders (7.2.3).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Both16 {
    little: little_endian::U16,
    big: big_endian::U16,
}

/// A number of 32 bits in both byte orders (7.3.3).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Both32 {
    little: little_endian::U32,
    big: big_endian::U32,
}

impl Both16 {
    /// The value.
    pub fn get(self) -> u16 {
        self.little.get()
    }
}

impl Both32 {
    /// The value.
    pub fn get(self) -> u32 {
        self.little.get()
    }
}
