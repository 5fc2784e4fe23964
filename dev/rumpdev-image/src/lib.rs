//! Formats of disk images, as layers between the file that holds one and the disk that it describes.
//!
//! Each format is a [`BlockDevice`] of the virtual disk's length over the `BlockDevice` of its file. [`probe`] knows them by
//! their signatures; [`open`] gives the device, with a description of what lies below it ([`Layer`]). Files besides the
//! first, such as the image below a difference, are asked for by [`Siblings`].
//!
//! What is read is outside data. Tables are never loaded whole: their pieces go through a cache of bounded size
//! (`TableCache`), so that opening costs the same whatever the length of the disk. Lengths are checked before anything is
//! allocated by them, and chains of images are bounded ([`DEPTH`]) and have no loops.
//!
//! qcow2 is written in place; all others answer EROFS.
//!
//! A file that is packed as a whole (`packed`) is read at any place by what is kept about it ([`Keeping`]).
//!
//! With the feature `std` bzip2, LZFSE, xz and images in Zstandard are unpacked; else they are refused by name.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod bytes;
mod disk;
mod joined;
mod open;
mod packed;
mod qcow2;
mod siblings;
mod split;
mod table;
mod udif;
mod unpack;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

pub use open::{Format, Layer, Opened, Options, open, probe};
pub use siblings::{DEPTH, Draft, Keeping, Kind, Sibling, Siblings, Stamp, Work};

use alloc::borrow::Cow;
use rump_kpi::{BlockDevice, Errno, KError};

/// An error that says what is damaged.
fn damaged(what: impl Into<Cow<'static, str>>) -> KError {
    KError::new(Errno::EFTYPE, what)
}

/// An error that says what is not supported.
fn unsupported(what: impl Into<Cow<'static, str>>) -> KError {
    KError::new(Errno::ENOTSUP, what)
}

/// Checks that `len` bytes at `offset` lie within the device. Errors: EINVAL.
fn check_range(device: &dyn BlockDevice, offset: u64, len: usize) -> Result<(), KError> {
    let size = device.size_bytes();
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(KError::new(
            Errno::EINVAL,
            alloc::format!("{len} bytes at offset {offset} reach beyond the end of the disk ({size} bytes)"),
        )),
    }
}
