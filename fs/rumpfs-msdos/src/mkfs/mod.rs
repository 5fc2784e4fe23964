//! Making a fresh volume: FAT12, FAT16 or FAT32, of any size that one of them can have.
//!
//! [`Options`] become numbers first (`plan`), then bytes (`emit`). The boot sector is written last, so that a volume
//! that was not finished is none. Nothing depends on a clock or on chance: the same options give the same bytes.
//!
//! Without other wishes the width, the size of clusters, the place of everything and the parameters of floppies are
//! those that mkfs.fat 4.2 chooses; but all sectors are used, not whole tracks alone, and the smaller floppies of
//! DOS (160, 180, 320 KiB) are known as well.
//!
//! Reference: Microsoft, "FAT: General Overview of On-Disk Format", version 1.03; mkfs.fat(8); SD Association, "File
//! System Specification" (heads and tracks by size).

mod emit;
mod label;
mod options;
mod plan;
mod space;

pub use crate::geometry::Width;
pub use options::Options;
pub use rump_dosfs::fresh::Zeroed;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bits of an entry of the table: 12, 16 or 32.
    pub bits: u8,
    /// Bytes of a sector.
    pub sector_size: u32,
    /// Bytes of a cluster.
    pub cluster_size: u32,
    /// Clusters of the volume.
    pub clusters: u32,
    /// Clusters that nothing takes.
    pub free_clusters: u32,
    /// Entries that the root directory has room for; `None` where it grows.
    pub root_entries: Option<u32>,
    /// The label, as it is stored.
    pub label: String,
    /// Where the result is not what one might expect, and why.
    pub notes: Vec<String>,
}

/// Makes a file system at the beginning of `device`. What the device held is lost, even if this fails.
///
/// Errors: EROFS; EINVAL (an option by name); EFBIG (larger than the device, or too many clusters for the width);
/// ENOSPC (too small for its own metadata, or too few clusters for the width); EIO.
pub fn format(device: &dyn BlockDevice, options: &Options) -> KResult<Summary> {
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    if options.size_bytes > device.size_bytes() {
        let what = format!("size_bytes {} but the device has {}", options.size_bytes, device.size_bytes());
        return Err(refused(Errno::EFBIG, what));
    }
    let label = label::checked(&options.label)?;
    let plan = plan::Plan::new(options)?;
    emit::emit(device, options, &plan, label)?;
    let is_chain = plan.width == Width::Fat32;
    let mut notes = plan.notes;
    if !options.label.is_ascii() {
        notes.push("the label is not ASCII: fsck.fat takes that for damage".into());
    }
    Ok(Summary {
        bits: plan.width.bits() as u8,
        sector_size: plan.sector_size,
        cluster_size: plan.sector_size * plan.cluster_sectors,
        clusters: plan.clusters,
        free_clusters: plan.clusters - u32::from(is_chain),
        root_entries: (!is_chain).then(|| plan.root_entries.into()),
        label: label.map_or_else(String::new, label::text),
        notes,
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
