//! Making a fresh volume of exFAT.
//!
//! [`Options`] become numbers first (`plan`), then bytes (`emit`). The boot region is written last, so that a volume
//! that was not finished is none. Nothing depends on a clock or on chance: the same options give the same bytes.
//!
//! Without other wishes clusters are as large as mkfs.exfat 1.2 makes them. So is the alignment of table and clusters,
//! to 1 MiB, but on volumes below 64 MiB, where it is a 64th of the length: they have no MiB to spare.
//!
//! Reference: Microsoft, "exFAT file system specification"; mkfs.exfat(8).

mod emit;
mod label;
mod options;
mod plan;
mod recommended;

pub use options::Options;
pub use rump_dosfs::fresh::Zeroed;

use alloc::format;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of a cluster.
    pub cluster_size: u32,
    /// Clusters of the volume.
    pub clusters: u32,
    /// Clusters that nothing takes.
    pub free_clusters: u32,
}

/// Makes a file system at the beginning of `device`. What the device held is lost, even if this fails.
///
/// Errors: EROFS; EINVAL (an option by name); EFBIG (larger than the device, or too many clusters); ENOSPC (too small);
/// EIO.
pub fn format(device: &dyn BlockDevice, options: &Options) -> KResult<Summary> {
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    if options.size_bytes > device.size_bytes() {
        let what = format!("size_bytes {} but the device has {}", options.size_bytes, device.size_bytes());
        return Err(refused(Errno::EFBIG, what));
    }
    let label: Vec<u16> = label::checked(&options.label)?;
    let table = recommended::table();
    let plan = plan::Plan::new(options, table.len() as u64)?;
    emit::emit(device, options, &plan, &table, &label)?;
    Ok(Summary {
        cluster_size: 1 << plan.cluster_bits,
        clusters: plan.clusters,
        free_clusters: plan.clusters - plan.used(),
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
