//! The sessions of an image.
//!
//! A session begins with 16 free sectors and its own descriptors, which show a tree that may reuse what earlier
//! sessions stored; block numbers count from the beginning of the device. No image says where its sessions are: each
//! begins somewhere behind the end of the one before. On media that can be written again, the descriptors at the
//! front are changed to show the newest tree, and the sessions themselves begin at sector 32 (libburnia).

use crate::descriptor::{Descriptors, SYSTEM_AREA};
use crate::error::Error;
use crate::layout::{SECTOR, VolumeDescriptor, kind};
use crate::record::{Record, Role};
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::BlockDevice;
use zerocopy::FromBytes;

/// Where the first session is that is not at the front.
const BEHIND_FRONT: u64 = 32;
/// How far behind the end of a session the next one may begin, in sectors: what lies between the first two of a CD.
const GAP: u64 = 11_400 + BEHIND_FRONT;
/// Sessions that are looked for: as many as a CD may have.
const MOST: usize = 99;
/// Sectors that are read at once.
const STEP: u64 = 32;

/// What was found.
pub struct Sessions {
    /// First sectors, the oldest first.
    pub starts: Vec<u64>,
    /// First sector of the descriptors of the newest tree.
    pub newest: u64,
}

/// Finds the sessions, of which one is at the front. Errors: EIO.
pub fn find(device: &dyn BlockDevice) -> Result<Sessions, Error> {
    if let Some(end) = end_of(device, BEHIND_FRONT)? {
        let starts = chain(device, BEHIND_FRONT, end)?;
        return Ok(Sessions { starts, newest: 0 });
    }
    let end =
        Descriptors::read(device, 0).ok().flatten().map_or(0, |front| front.primary.size_bytes() / SECTOR);
    let starts = chain(device, 0, end)?;
    let newest = starts.last().copied().unwrap_or(0);
    Ok(Sessions { starts, newest })
}

/// The session at `first`, which ends at sector `end`, and all that follow.
fn chain(device: &dyn BlockDevice, first: u64, mut end: u64) -> Result<Vec<u64>, Error> {
    let mut starts = vec![first];
    while starts.len() < MOST {
        let Some((start, next_end)) = find_behind(device, end)? else { break };
        starts.push(start);
        end = next_end;
    }
    Ok(starts)
}

/// The first session that begins at sector `end` or not far behind: where, and its own end.
fn find_behind(device: &dyn BlockDevice, end: u64) -> Result<Option<(u64, u64)>, Error> {
    let sectors = device.size_bytes() / SECTOR;
    let mut at = end.saturating_add(SYSTEM_AREA);
    let limit = at.saturating_add(GAP).min(sectors);
    let mut bytes = Vec::new();
    while at < limit {
        let count = (limit - at).min(STEP);
        bytes.resize((count * SECTOR) as usize, 0);
        device.read_at(at * SECTOR, &mut bytes)?;
        let found = bytes.chunks_exact(SECTOR as usize).zip(at..).filter(|(sector, _)| is_primary(sector));
        for (_, sector) in found {
            let start = sector - SYSTEM_AREA;
            if let Some(next_end) = end_of(device, start)? {
                return Ok(Some((start, next_end)));
            }
        }
        at += count;
    }
    Ok(None)
}

fn is_primary(sector: &[u8]) -> bool {
    sector[0] == kind::PRIMARY
        && sector[1..6] == *b"CD001"
        && VolumeDescriptor::ref_from_prefix(sector).is_ok()
}

/// The sector at which the session at `start` ends, if it is one: another image that lies there counts its blocks
/// from its own beginning, so that no root directory is where it says.
fn end_of(device: &dyn BlockDevice, start: u64) -> Result<Option<u64>, Error> {
    let Ok(Some(found)) = Descriptors::read(device, start) else { return Ok(None) };
    let volume = found.primary;
    let at = volume.root_block << volume.block_bits;
    let mut bytes = [0; 34];
    if at < start * SECTOR || at.saturating_add(34) > device.size_bytes() {
        return Ok(None);
    }
    device.read_at(at, &mut bytes)?;
    // The system use field may make it longer; here its fields are enough.
    bytes[0] = 34;
    let is_root = Record::parse(at, &bytes)
        .is_ok_and(|record| record.role() == Role::Own && record.block() == volume.root_block);
    let end = start + volume.size_bytes() / SECTOR;
    // A session that were empty would be found again.
    Ok((is_root && end > start).then_some(end))
}
