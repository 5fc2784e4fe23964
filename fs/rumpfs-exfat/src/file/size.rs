//! Growing and cutting files.

use super::content::set_length;
use crate::bitmap;
use crate::fat;
use crate::nodes::Cell;
use crate::set::Extent;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_dosfs::Error;
use rump_dosfs::chain::Chain;
use rump_dosfs::transaction::Transactional;
use rump_kpi::Errno;

/// Clusters that one operation takes, or links, at most.
const MOST_AT_ONCE: u32 = 1 << 17;

/// Whether a content, of which the directory says `old`, can do without the table.
pub fn is_contiguous(old: &Extent, chain: &Chain) -> bool {
    (old.is_contiguous || old.first == 0) && chain.find(0).is_none_or(|run| run.count == chain.len())
}

/// Whether the table leads through a content.
fn is_linked(content: &Extent) -> bool {
    content.first != 0 && !content.is_contiguous
}

/// Gives a chain clusters for `bytes`, if it has fewer. Answers how many it had. Errors: EFBIG, ENOSPC, EFTYPE, EIO;
/// then it is as it was.
pub fn grow_chain(volume: &Volume, cell: &Arc<Cell>, chain: &mut Chain, bytes: u64) -> Result<u32, Error> {
    let geometry = &volume.disk.geometry;
    let content = cell.slot().set.content();
    fat::load(&volume.disk, content, chain, u32::MAX)?;
    let before = chain.len();
    if bytes > i64::MAX as u64 {
        return Err(Errno::EFBIG.into());
    }
    let want = geometry.clusters_for(bytes);
    if want > geometry.clusters {
        return Err(Errno::ENOSPC.into());
    }
    if want <= before {
        return Ok(before);
    }
    // The table still leads to what was cut off.
    while cell.is_cut() {
        volume.commit()?;
    }
    let grown = take(volume, cell, chain, want).and_then(|()| match is_contiguous(&content, chain) {
        true => Ok(()),
        // What the table said of clusters that needed none is anything.
        false => link(volume, chain, if is_linked(&content) { before.saturating_sub(1) } else { 0 }),
    });
    if let Err(error) = grown {
        shed(volume, cell, chain, before);
        return Err(error);
    }
    Ok(before)
}

fn take(volume: &Volume, cell: &Arc<Cell>, chain: &mut Chain, want: u32) -> Result<(), Error> {
    while chain.len() < want {
        let count = (want - chain.len()).min(MOST_AT_ONCE);
        let tail = chain.last();
        let taken = volume.change_with_space(|operation| bitmap::allocate(operation, cell, tail, count))?;
        taken.into_iter().for_each(|run| chain.push(run));
    }
    Ok(())
}

fn link(volume: &Volume, chain: &Chain, from: u32) -> Result<(), Error> {
    for start in (from..chain.len()).step_by(MOST_AT_ONCE as usize) {
        let end = chain.len().min(start.saturating_add(MOST_AT_ONCE));
        volume.change(|operation| fat::link(operation, chain, start..end))?;
    }
    Ok(())
}

/// Takes away what [`grow_chain`] gave. What cannot be given back stays lost until fsck.exfat comes.
pub fn shed(volume: &Volume, cell: &Arc<Cell>, chain: &mut Chain, keep: u32) {
    let runs = fat::runs_from(chain, keep);
    chain.truncate(keep);
    if runs.is_empty() {
        return;
    }
    let content = cell.slot().set.content();
    let cut = chain.last().filter(|_| is_linked(&content)).map(|last| (cell.clone(), last));
    let freed = volume.change(|operation| {
        bitmap::free(operation, runs, cut);
        Ok(())
    });
    if let Err(error) = freed {
        volume.note(&alloc::format!("clusters are lost: {error}"));
    }
}

/// Cuts a file, or extends it with zeros, none of which is written. Errors: EROFS, EFBIG, ENOSPC, EFTYPE, EIO.
pub fn set_size(volume: &Volume, cell: &Arc<Cell>, size: u64) -> Result<(), Error> {
    volume.writer()?;
    let mut chain = cell.chain.write();
    let set = cell.slot().set;
    let (old, valid) = (set.content().bytes, set.stream.valid_data_length.get());
    if size < old {
        fat::load(&volume.disk, set.content(), &mut chain, u32::MAX)?;
        let keep = volume.disk.geometry.clusters_for(size);
        let mut kept = chain.clone();
        kept.truncate(keep);
        set_length(volume, cell, &kept, size, valid.min(size))?;
        let runs = fat::runs_from(&chain, keep);
        let cut = kept.last().filter(|_| is_linked(&set.content()) && !runs.is_empty());
        *chain = kept;
        return volume.change(|operation| {
            bitmap::free(operation, runs, cut.map(|last| (cell.clone(), last)));
            Ok(())
        });
    }
    let before = grow_chain(volume, cell, &mut chain, size)?;
    let extended = set_length(volume, cell, &chain, size, valid);
    if extended.is_err() {
        shed(volume, cell, &mut chain, before);
    }
    extended
}

/// Frees the clusters of a file without a name that nobody uses any more. Errors: EFTYPE, EIO.
pub fn release(volume: &Volume, cell: &Cell) -> Result<(), Error> {
    let mut chain = cell.chain.write();
    let mut slot = cell.slot();
    let contents = core::iter::once(slot.set.content()).chain(slot.set.added_extents());
    let mut result = Ok(());
    for content in contents.filter(|content| content.bytes > 0 && content.first != 0) {
        let mut all = Chain::default();
        match fat::load(&volume.disk, content, &mut all, u32::MAX) {
            Ok(()) => volume.change(|operation| {
                bitmap::free(operation, fat::runs_from(&all, 0), None);
                Ok(())
            })?,
            Err(error) => result = Err(error),
        }
    }
    slot.set = slot.set.emptied();
    cell.set_slot(slot);
    *chain = Chain::default();
    result
}
