//! What says that a volume is being written, and the hints for whoever mounts it next.
//!
//! Two marks say "not left in order": a bit in the boot sector, which Linux, Windows NT and fsck.fat know, and one in
//! the entry of cluster 1 (of FAT16 and FAT32), which Windows knows. Both are durable before the first change.

use crate::fat::{self, Cursor};
use crate::geometry::Geometry;
use crate::layout::{FsInfo, STATE_DIRTY};
use crate::volume::Volume;
use rump_dosfs::Error;
use rump_dosfs::transaction::{Space, Transactional};
use zerocopy::{FromBytes, IntoBytes};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Set,
    Clear,
}

/// Marks a volume whose marks are clear. Errors: EIO.
pub fn mark(volume: &Volume) -> Result<(), Error> {
    put(volume, Mark::Set)
}

/// Clears the marks. Everything is durable by now, and so are they afterwards. Errors: EIO.
pub fn clear(volume: &Volume) -> Result<(), Error> {
    put(volume, Mark::Clear)
}

fn put(volume: &Volume, mark: Mark) -> Result<(), Error> {
    let geometry = volume.geometry();
    let mut state = [0];
    volume.sectors().read_bytes(geometry.state_at, &mut state)?;
    let state = if mark == Mark::Set { state[0] | STATE_DIRTY } else { state[0] & !STATE_DIRTY };
    volume.sectors().device().write_at(geometry.state_at, &[state])?;
    let clean = fat::clean_bits(geometry.width);
    if clean != 0 {
        let value = Cursor::new(volume).value(1)?;
        let value = if mark == Mark::Set { value & !clean } else { value | clean };
        put_entry_1(volume, geometry, value)?;
    }
    Ok(volume.sectors().device().flush()?)
}

/// On the device and in the cache at once; the first sector of the table is not being changed.
fn put_entry_1(volume: &Volume, geometry: &Geometry, value: u32) -> Result<(), Error> {
    let sector = geometry.active_start() / u64::from(geometry.sector_size);
    let (width, size) = (geometry.width, geometry.width.bits() as usize / 8);
    volume.sector(sector)?;
    let mut bytes = [0; 4];
    let change = |block: &mut [u8]| {
        let entry = &mut block[size..2 * size];
        bytes[..size].copy_from_slice(entry);
        bytes = fat::put(width, 1, u32::from_le_bytes(bytes), value).to_le_bytes();
        entry.copy_from_slice(&bytes[..size]);
    };
    let cache = volume.sectors().cache();
    while cache.begin_change(sector).is_none() {
        volume.sector(sector)?;
    }
    cache.change(sector, change);
    cache.unpin(sector);
    for start in geometry.written_fats() {
        volume.sectors().device().write_at(start + size as u64, &bytes[..size])?;
    }
    Ok(())
}

/// Writes how much is free, and where to look, to where FAT32 keeps it. Errors: EIO.
pub fn write_hint(volume: &Volume, space: Space) -> Result<(), Error> {
    let Some(at) = volume.geometry().fs_info else { return Ok(()) };
    let mut bytes = [0; size_of::<FsInfo>()];
    volume.sectors().read_bytes(at, &mut bytes)?;
    let Ok(info) = FsInfo::mut_from_bytes(&mut bytes) else { return Ok(()) };
    if !info.is_signed() {
        return Ok(());
    }
    info.free_count.set(space.free.unwrap_or(FsInfo::UNKNOWN));
    info.nxt_free.set(if volume.geometry().is_cluster(space.hint) { space.hint } else { FsInfo::UNKNOWN });
    let changed = info.as_bytes();
    Ok(volume.sectors().device().write_at(at, changed)?)
}
