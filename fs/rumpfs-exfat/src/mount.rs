//! Mounting.

use crate::boot::{self, Region};
use crate::disk::Disk;
use crate::geometry::{FIRST_CLUSTER, Geometry};
use crate::layout::VolumeFlags;
use crate::probe;
use crate::system;
use crate::transaction::Writer;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_dosfs::transaction::{Space, Transactional};
use rump_dosfs::{Error, Options, Place};
use rump_kpi::{Access, BlockDevice, Environment, Errno};

/// The free clusters of bitmaps up to this size are counted at a mount for writing.
const COUNTED_BYTES: u32 = 1 << 20;

/// Mounts. Errors: EFTYPE, EIO, EROFS.
pub fn mount(
    device: Arc<dyn BlockDevice>,
    access: Access,
    options: Options,
    environment: &Environment,
) -> Result<Volume, Error> {
    let (geometry, region) = boot::read(device.as_ref())?;
    let disk = Disk::new(device, geometry);
    let system = system::read(&disk)?;
    let notes = probe::notes(&disk, region);
    let writer = match access {
        Access::Read => None,
        Access::ReadWrite => {
            check_writable(&disk, region, system.has_unknown)?;
            let is_small = disk.geometry.clusters / 8 <= COUNTED_BYTES;
            let free = if is_small { Some(system.bitmap.count_free(&disk)?) } else { None };
            let space = Space { free, is_counted: is_small, hint: FIRST_CLUSTER, ..Space::default() };
            Some(Writer::new(space, !is_dirty(&disk.geometry)))
        }
    };
    let volume = Volume::new(disk, system, options, environment.clone(), writer);
    notes.iter().for_each(|text| volume.note(text));
    Ok(volume)
}

/// Whether the volume was not left in order.
pub fn is_dirty(geometry: &Geometry) -> bool {
    geometry.flags & VolumeFlags::VOLUME_DIRTY != 0
}

/// Errors: EROFS, EFTYPE.
fn check_writable(disk: &Disk, region: Region, has_unknown: bool) -> Result<(), Error> {
    let geometry = &disk.geometry;
    let device = disk.sectors.device();
    let refused = |why| Err(Error::Explained(Errno::EROFS, why));
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    if device.size_bytes() < geometry.size_bytes {
        let why = "the device ends before the volume does: it can be read, not written";
        return Err(Error::corrupt("volume", Place::Byte(device.size_bytes()), why));
    }
    if geometry.fats > 1 {
        return refused("a volume with two tables (TexFAT) can be read, not written");
    }
    if region == Region::Backup {
        return refused("the boot region is damaged: the volume can be read by its copy, not written");
    }
    if has_unknown {
        return refused("the root directory has entries that must be known to whoever writes");
    }
    Ok(())
}
