//! Mounting.

use crate::fat;
use crate::geometry::FIRST_CLUSTER;
use crate::options::Options;
use crate::probe;
use crate::transaction::Writer;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_dosfs::transaction::Space;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place};
use rump_kpi::{Access, BlockDevice, Environment, Errno};

/// The free clusters of tables up to this size are counted at a mount for writing.
const COUNTED_BYTES: u64 = 1 << 20;

/// Mounts. Errors: EFTYPE, EIO, EROFS.
pub fn mount(
    device: Arc<dyn BlockDevice>,
    access: Access,
    options: Options,
    environment: &Environment,
) -> Result<Volume, Error> {
    let geometry = probe::geometry(device.as_ref())?;
    let reader = Volume::new(device.clone(), geometry.clone(), options, environment.clone(), None);
    probe::notes(&reader).iter().for_each(|text| reader.note(text));
    if access == Access::Read {
        return Ok(reader);
    }
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    if device.size_bytes() < geometry.size_bytes {
        let why = "the device ends before the volume does: it can be read, not written";
        return Err(Error::corrupt("volume", Place::Byte(device.size_bytes()), why));
    }
    let was_clean = !probe::is_dirty(&reader)?;
    let hint = probe::hint(&reader);
    let mut space = Space { free: hint.free, hint: hint.next.unwrap_or(FIRST_CLUSTER), ..Space::default() };
    if geometry.fat_bytes <= COUNTED_BYTES {
        space = Space { free: Some(fat::count_free(&reader)?), is_counted: true, ..space };
    }
    let writer = Writer::new(space, was_clean);
    Ok(Volume::new(device, geometry, options, environment.clone(), Some(writer)))
}
