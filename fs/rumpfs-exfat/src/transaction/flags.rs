//! What the boot sector says of a volume that is being written, and how full it is when it is left. The sum of the boot
//! region does not count these bytes, and its copy does not have them.

use crate::layout::{BootSector, VolumeFlags};
use crate::volume::Volume;
use core::sync::atomic::Ordering;
use rump_dosfs::Error;

/// Marks a volume whose mark is clear. Errors: EIO.
pub fn mark(volume: &Volume) -> Result<(), Error> {
    put_flags(volume, |flags| (flags | VolumeFlags::VOLUME_DIRTY) & !VolumeFlags::CLEAR_TO_ZERO)
}

/// Clears the mark. Everything is durable by now, and so is this afterwards. Errors: EIO.
pub fn clear(volume: &Volume) -> Result<(), Error> {
    let clusters = u64::from(volume.disk.geometry.clusters);
    let percent = match volume.free_at_commit.load(Ordering::Acquire) {
        u32::MAX => BootSector::UNKNOWN_PERCENT,
        free => (clusters.saturating_sub(free.into()) * 100 / clusters) as u8,
    };
    volume.disk.sectors.device().write_at(BootSector::PERCENT_AT as u64, &[percent])?;
    put_flags(volume, |flags| flags & !VolumeFlags::VOLUME_DIRTY)
}

fn put_flags(volume: &Volume, change: impl FnOnce(u16) -> u16) -> Result<(), Error> {
    let (at, mut flags) = (BootSector::FLAGS_AT as u64, [0; 2]);
    volume.disk.sectors.read_bytes(at, &mut flags)?;
    let device = volume.disk.sectors.device();
    device.write_at(at, &change(u16::from_le_bytes(flags)).to_le_bytes())?;
    Ok(device.flush()?)
}
