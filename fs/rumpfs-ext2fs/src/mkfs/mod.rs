//! Making a fresh volume, as mke2fs does.
//!
//! A pure plan comes first, then the bytes: [`Options`] become a feature set (`features`), numbers
//! (`geometry`), places (`layout`) and files (`files`); only `emit` writes. The primary superblock is
//! written last, so that a volume that was not finished is none. Nothing depends on a clock or on chance: the
//! same options give the same bytes.
//!
//! Defaults follow e2fsprogs 1.47 and its `mke2fs.conf`. Time and memory grow with the number of groups; content
//! is written to where zeros matter only if the device is not known to read zeros.
//!
//! Reference: the Linux kernel's documentation, "ext4 Data Structures and Algorithms"; mke2fs(8).

mod content;
mod emit;
mod features;
mod files;
mod geometry;
mod layout;
mod map;
mod options;
mod output;
mod sizes;
mod superblock;

pub use options::{Inodes, Kind, Options, Owner, Usage, Zeroed};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Size of a block in bytes.
    pub block_size: u32,
    /// Blocks of the volume.
    pub blocks: u64,
    /// Blocks that no file or metadata takes.
    pub free_blocks: u64,
    /// Blocks that only root may take.
    pub reserved_blocks: u64,
    /// Block groups.
    pub groups: u64,
    /// Inodes in all.
    pub inodes: u32,
    /// Inodes that are free.
    pub free_inodes: u32,
    /// Blocks of the journal; zero if there is none.
    pub journal_blocks: u32,
    /// Names of the features.
    pub features: Vec<String>,
    /// Where the result is not what the defaults promise, and why.
    pub notes: Vec<String>,
}

/// Makes a file system at the beginning of `device`. What the device held is lost, even if this fails.
///
/// Errors: EROFS; EINVAL (an option by name: out of range, or two that exclude each other); ENOTSUP (a feature
/// that is not made here); EFBIG (larger than the device, or than the format can address); ENOSPC (too small for
/// its own metadata); EIO.
pub fn format(device: &dyn BlockDevice, options: &Options) -> KResult<Summary> {
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    if options.size_bytes > device.size_bytes() {
        let what = format!("size_bytes {} but the device has {}", options.size_bytes, device.size_bytes());
        return Err(refused(Errno::EFBIG, what));
    }
    let geometry = geometry::Geometry::new(options)?;
    let mut layout = layout::Layout::new(&geometry)?;
    let files = files::Files::plan(&geometry, &mut layout, options)?;
    let counts = emit::emit(device, options, &geometry, &layout, &files)?;
    let superblock = &geometry.superblock;
    Ok(Summary {
        block_size: superblock.block_size(),
        blocks: superblock.blocks,
        free_blocks: counts.free_blocks,
        reserved_blocks: superblock.reserved_blocks(),
        groups: superblock.groups,
        inodes: superblock.raw.s_inodes_count.get(),
        free_inodes: counts.free_inodes,
        journal_blocks: geometry.journal.map_or(0, |journal| journal.blocks()),
        features: superblock.features.names(),
        notes: geometry.notes,
    })
}

fn refused(errno: Errno, what: impl AsRef<str>) -> KError {
    KError::new(errno, format!("mkfs: {}", what.as_ref()))
}

fn invalid(what: impl AsRef<str>) -> KError {
    refused(Errno::EINVAL, what)
}

#[cfg(test)]
mod tests;
