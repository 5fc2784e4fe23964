//! Finding a superblock: the primary, or a backup where the primary is damaged; and describing the volume.

use crate::backup;
use crate::error::{Error, Place};
use crate::features::Incompat;
use crate::superblock::{self, PRIMARY_OFFSET, Superblock};
use crate::units::DiskBlock;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, FileSystemInfo};

const STATE_CLEAN: u16 = 1;
const STATE_ERRORS: u16 = 2;

/// A superblock that was found.
pub struct Found {
    /// The superblock.
    pub superblock: Superblock,
    /// The block it is in.
    pub block: DiskBlock,
    /// What is odd.
    pub notes: Vec<String>,
}

/// Whether the primary signature is there.
fn has_signature(device: &dyn BlockDevice) -> Result<bool, Error> {
    if device.size_bytes() < PRIMARY_OFFSET + superblock::SIZE as u64 {
        return Ok(false);
    }
    let mut bytes = [0; 64];
    device.read_at(PRIMARY_OFFSET, &mut bytes)?;
    Ok(superblock::has_magic(&bytes))
}

/// Finds the superblock: the primary if it is right, else a backup that is, else the primary with a warning.
///
/// Where not even the signature is there, a backup counts only if no other format claims the device.
pub fn find(device: &Arc<dyn BlockDevice>) -> Result<Found, Error> {
    let primary = read(device.as_ref(), PRIMARY_OFFSET);
    if let Ok((superblock, true)) = primary {
        return Ok(describe(device.as_ref(), superblock, PRIMARY_OFFSET, None));
    }
    let wiped = !has_signature(device.as_ref())?;
    if !wiped || !backup::is_another_format(device.as_ref())? {
        if let Some((superblock, offset)) = backup::find(device) {
            let state = if wiped { "missing" } else { "damaged" };
            let note = format!("the primary superblock is {state}: using the backup at byte {offset}");
            return Ok(describe(device.as_ref(), superblock, offset, Some(note)));
        }
    }
    let (superblock, _) = primary?;
    let note = "the superblock's checksum is wrong, and no backup is right".to_string();
    Ok(describe(device.as_ref(), superblock, PRIMARY_OFFSET, Some(note)))
}

/// Takes the superblock at `kib` KiB.
pub fn find_at(device: &dyn BlockDevice, kib: u64) -> Result<Found, Error> {
    let offset = kib
        .checked_mul(1024)
        .ok_or_else(|| Error::corrupt("superblock", Place::Volume, 0, "option sb is out of range"))?;
    let (superblock, right) = read(device, offset)?;
    let note = (!right).then(|| "the superblock's checksum is wrong".to_string());
    Ok(describe(device, superblock, offset, note))
}

/// Reads the superblock at `offset`; whether its checksum is right.
pub fn read(device: &dyn BlockDevice, offset: u64) -> Result<(Superblock, bool), Error> {
    let size = device.size_bytes();
    if offset.checked_add(superblock::SIZE as u64).is_none_or(|end| end > size) {
        return Err(Error::corrupt("superblock", Place::Volume, offset, "beyond the end of the device"));
    }
    let mut bytes = [0; superblock::SIZE];
    device.read_at(offset, &mut bytes)?;
    let superblock = Superblock::parse(&bytes)?;
    let right = superblock.checksum_is_right(&bytes);
    Ok((superblock, right))
}

fn describe(device: &dyn BlockDevice, superblock: Superblock, offset: u64, note: Option<String>) -> Found {
    let mut notes: Vec<String> = note.into_iter().collect();
    let raw = &superblock.raw;
    if superblock.features.incompat.contains(Incompat::RECOVER) {
        notes.push("the journal must be replayed".into());
    } else if raw.s_state.get() & STATE_CLEAN == 0 {
        notes.push("not cleanly unmounted".into());
    }
    if raw.s_state.get() & STATE_ERRORS != 0 {
        notes.push(format!("the volume is marked as having errors ({} counted)", raw.s_error_count.get()));
    }
    let held = device.size_bytes() >> superblock.block_bits;
    if held < superblock.blocks {
        notes.push(format!("the device holds {held} of {} blocks", superblock.blocks));
    }
    let block = DiskBlock(offset >> superblock.block_bits);
    Found { superblock, block, notes }
}

/// Describes what is on a device; `None` if it is another format.
pub fn probe(device: &Arc<dyn BlockDevice>) -> Result<Option<FileSystemInfo>, Error> {
    let Found { superblock, notes, .. } = match find(device) {
        Err(_) if !has_signature(device.as_ref())? => return Ok(None),
        found => found?,
    };
    Ok(Some(FileSystemInfo {
        kind: superblock.features.kind().to_string(),
        label: superblock.label(),
        uuid: superblock.uuid(),
        block_size: superblock.block_size(),
        size_bytes: superblock.blocks.saturating_mul(u64::from(superblock.block_size())),
        free_bytes: superblock.free_blocks().saturating_mul(u64::from(superblock.block_size())),
        features: superblock.features.names(),
        notes,
    }))
}
