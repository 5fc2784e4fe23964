//! Changing the table, within an operation.

use crate::transaction::Operation;
use core::ops::Range;
use rump_dosfs::Error;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::transaction::Kind;

/// Entry of the last cluster of a chain.
pub const END: u32 = 0xffff_ffff;

/// Sets the entry of a cluster. Errors: EFTYPE, EIO.
pub fn set(operation: &mut Operation<'_>, cluster: u32, value: u32) -> Result<(), Error> {
    set_run(operation, Run { start: cluster, count: 1 }, value)
}

/// Makes consecutive clusters a chain whose last entry is `end`.
fn set_run(operation: &mut Operation<'_>, run: Run, end: u32) -> Result<(), Error> {
    let disk = &operation.volume.disk;
    let mut cluster = run.start;
    while cluster < run.end() {
        let (sector, within) = disk.sectors.position(disk.geometry.fat_start + u64::from(cluster) * 4);
        operation.change(sector, Kind::Table, |block| {
            for entry in block[within..].chunks_exact_mut(4) {
                if cluster == run.end() {
                    break;
                }
                let next = if cluster + 1 == run.end() { end } else { cluster + 1 };
                entry.copy_from_slice(&next.to_le_bytes());
                cluster += 1;
            }
        })?;
    }
    Ok(())
}

/// Lets the table say what the clusters of these numbers in a chain lead to. Errors: EFTYPE, EIO.
pub fn link(operation: &mut Operation<'_>, chain: &Chain, range: Range<u32>) -> Result<(), Error> {
    let mut index = range.start;
    while let Some(run) = chain.find(index).filter(|_| index < range.end) {
        let count = run.count.min(range.end - index);
        index += count;
        let next = chain.find(index).map_or(END, |run| run.start);
        set_run(operation, Run { count, ..run }, next)?;
    }
    Ok(())
}

/// As [`link`] from `index` on, for the root directory: since no length bounds its chain, the entry before `index` goes
/// on only once all that it leads to is durable. Errors: EFTYPE, EIO.
pub fn link_root(operation: &mut Operation<'_>, chain: &Chain, index: u32) -> Result<(), Error> {
    link(operation, chain, index..chain.len())?;
    let Some(tail) = index.checked_sub(1).and_then(|tail| chain.find(tail)) else { return Ok(()) };
    link(operation, chain, index - 1..index)?;
    let disk = &operation.volume.disk;
    let (sector, within) = disk.sectors.position(disk.geometry.fat_start + u64::from(tail.start) * 4);
    operation.set_late(sector, within..within + 4, 0xff);
    Ok(())
}
