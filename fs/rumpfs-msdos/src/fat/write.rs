//! Changing the table, within an operation.

use super::entry::{self, FREE};
use crate::transaction::Operation;
use rump_dosfs::Error;
use rump_dosfs::chain::Run;
use rump_dosfs::transaction::Kind;
use rump_dosfs::transaction::Transactional;

/// Sets the entry of a cluster. Errors: EFTYPE, EIO.
pub fn set(operation: &mut Operation<'_>, cluster: u32, value: u32) -> Result<(), Error> {
    let geometry = operation.volume.geometry();
    let (width, size) = (geometry.width, u64::from(geometry.sector_size));
    let (at, length) = entry::place(width, cluster);
    let byte = geometry.active_start() + at;
    let (sector, within) = (byte / size, (byte % size) as usize);
    if within + length <= size as usize {
        return operation
            .change(sector, Kind::Table, |block| put_whole(block, within, length, width, cluster, value));
    }
    // An entry of twelve bits in two sectors.
    let parts = [(sector, within), (sector + 1, 0)];
    let mut bytes = [0; 4];
    for ((sector, within), byte) in parts.into_iter().zip(&mut bytes) {
        *byte = operation.volume.sector(sector)?[within];
    }
    let bytes = entry::put(width, cluster, u32::from_le_bytes(bytes), value).to_le_bytes();
    for ((sector, within), byte) in parts.into_iter().zip(bytes) {
        operation.change(sector, Kind::Table, |block| block[within] = byte)?;
    }
    Ok(())
}

fn put_whole(
    block: &mut [u8],
    within: usize,
    length: usize,
    width: crate::geometry::Width,
    cluster: u32,
    value: u32,
) {
    let mut bytes = [0; 4];
    let Some(stored) = block.get_mut(within..within + length) else { return };
    bytes[..length].copy_from_slice(stored);
    bytes = entry::put(width, cluster, u32::from_le_bytes(bytes), value).to_le_bytes();
    stored.copy_from_slice(&bytes[..length]);
}

/// Makes consecutive clusters a chain whose last entry is `end`. Errors: EFTYPE, EIO.
pub fn set_run(operation: &mut Operation<'_>, run: Run, end: u32) -> Result<(), Error> {
    let geometry = operation.volume.geometry();
    let (width, size) = (geometry.width, u64::from(geometry.sector_size));
    let value = |cluster: u32| if cluster + 1 == run.end() { end } else { cluster + 1 };
    let mut cluster = run.start;
    while cluster < run.end() {
        let (at, length) = entry::place(width, cluster);
        let byte = geometry.active_start() + at;
        let (sector, within) = (byte / size, (byte % size) as usize);
        // As many as lie wholly in this sector at once.
        let mut next = cluster;
        operation.change(sector, Kind::Table, |block| {
            while next < run.end() {
                let within = within + (entry::place(width, next).0 - at) as usize;
                if within + length > block.len() {
                    break;
                }
                put_whole(block, within, length, width, next, value(next));
                next += 1;
            }
        })?;
        if next == cluster {
            set(operation, cluster, value(cluster))?;
            next += 1;
        }
        cluster = next;
    }
    Ok(())
}

/// When the table may lead from a chain to what was added behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once the entry of the first new cluster is durable.
    EntryIsDurable,
    /// Once the content of the first new cluster is, as well.
    ContentIsDurable,
}

/// Lets a chain that ends with `tail` go on with `next`. Errors: EFTYPE, EIO.
pub fn link_tail(operation: &mut Operation<'_>, tail: u32, next: u32, when: When) -> Result<(), Error> {
    let geometry = operation.volume.geometry();
    let (width, size) = (geometry.width, u64::from(geometry.sector_size));
    let start = geometry.active_start();
    let bytes_of = |cluster: u32| {
        let (at, length) = entry::place(width, cluster);
        let first = start + at;
        first..first + length as u64
    };
    set(operation, tail, next)?;
    let (tail_bytes, next_bytes) = (bytes_of(tail), bytes_of(next));
    let sectors =
        [tail_bytes.start, tail_bytes.end - 1, next_bytes.start, next_bytes.end - 1].map(|byte| byte / size);
    let is_one_write = sectors.iter().all(|sector| *sector == sectors[0]);
    if is_one_write && when == When::EntryIsDurable {
        return Ok(());
    }
    let durable = |byte: u64| {
        let block = operation.durable(byte / size)?;
        block.get((byte % size) as usize).copied()
    };
    let mut bytes = [0; 4];
    for (place, byte) in bytes.iter_mut().zip(tail_bytes.clone()) {
        *place = durable(byte).unwrap_or(0);
    }
    if entry::value(width, tail, u32::from_le_bytes(bytes)) == FREE {
        // Nothing durable leads here.
        return Ok(());
    }
    for (byte, mask) in tail_bytes.zip(entry::masks(width, tail)) {
        let within = (byte % size) as usize;
        operation.set_late(byte / size, within..within + 1, mask);
    }
    Ok(())
}
