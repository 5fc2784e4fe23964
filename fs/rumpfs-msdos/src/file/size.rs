//! Growing and cutting files.

use super::content::{load, set_length, zero};
use crate::fat::{self, Cursor, Link, When};
use crate::nodes::Cell;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_dosfs::Error;
use rump_dosfs::chain::Chain;
use rump_dosfs::transaction::Transactional;
use rump_kpi::Errno;

/// Clusters that one operation takes at most.
const MOST_AT_ONCE: u32 = 1 << 17;

/// Gives a chain `want` clusters, if it has fewer. Answers how many it had. Errors: ENOSPC, EFTYPE, EIO; then it is as
/// it was.
pub fn grow_chain(volume: &Volume, cell: &Arc<Cell>, chain: &mut Chain, want: u32) -> Result<u32, Error> {
    load(volume, cell, chain, volume.geometry().clusters_for(cell.size().into()))?;
    let before = chain.len();
    if want <= before {
        return Ok(before);
    }
    // The table still leads to what was cut off.
    while cell.is_cut() {
        volume.commit()?;
    }
    // Clusters that nobody came to use, since the power failed or somebody reserved them.
    let first = cell.first_cluster();
    if first != 0 {
        fat::follow(volume, first, chain, want)?;
    }
    while chain.len() < want {
        let count = (want - chain.len()).min(MOST_AT_ONCE);
        let (tail, last) = (chain.last(), chain.len() + count == want);
        let taken =
            volume.change_with_space(|operation| fat::allocate(operation, tail, count, When::EntryIsDurable));
        match taken {
            Ok(runs) => runs.into_iter().for_each(|run| chain.push(run)),
            Err(error) => {
                shed(volume, cell, chain, before);
                return Err(error);
            }
        }
        if last {
            break;
        }
    }
    Ok(before)
}

/// Takes away what [`grow_chain`] gave. What cannot be given back stays lost until fsck.fat comes.
pub fn shed(volume: &Volume, cell: &Arc<Cell>, chain: &mut Chain, keep: u32) {
    let (count, first) = (chain.len().saturating_sub(keep), chain.first());
    chain.truncate(keep);
    if count == 0 {
        return;
    }
    let freed = volume.change(|operation| {
        match (chain.last(), first) {
            (Some(last), _) => fat::free_tail(operation, cell, last, count),
            (None, Some(first)) if cell.first_cluster() == 0 => fat::free_chain(operation, first, count),
            _ => {}
        }
        Ok(())
    });
    if let Err(error) = freed {
        volume.note(&alloc::format!("{count} clusters are lost: {error}"));
    }
}

/// Cuts a file, or extends it with zeros. Errors: EROFS, EFBIG, ENOSPC, EFTYPE, EIO.
pub fn set_size(volume: &Volume, cell: &Arc<Cell>, size: u64) -> Result<(), Error> {
    volume.writer()?;
    let new = u32::try_from(size).map_err(|_| Errno::EFBIG)?;
    let mut chain = cell.chain.write();
    let old = u64::from(cell.size());
    let want = volume.geometry().clusters_for(size);
    if size < old {
        return cut(volume, cell, &mut chain, new, want);
    }
    let before = grow_chain(volume, cell, &mut chain, want)?;
    let extended = zero(volume, &chain, old, size).and_then(|()| set_length(volume, cell, &chain, new));
    if extended.is_err() {
        shed(volume, cell, &mut chain, before);
    }
    extended
}

fn cut(volume: &Volume, cell: &Arc<Cell>, chain: &mut Chain, size: u32, keep: u32) -> Result<(), Error> {
    load(volume, cell, chain, keep)?;
    let first = cell.first_cluster();
    let mut kept = chain.clone();
    kept.truncate(keep);
    let count = chain.len() - kept.len();
    let tail = match kept.last() {
        Some(last) if matches!(Cursor::new(volume).link(last), Ok(Link::Next(_))) => Some(last),
        _ => None,
    };
    set_length(volume, cell, &kept, size)?;
    *chain = kept;
    volume.change(|operation| {
        match tail {
            Some(last) => fat::free_tail(operation, cell, last, count),
            None if keep == 0 && first != 0 => fat::free_chain(operation, first, count),
            None => {}
        }
        Ok(())
    })
}

/// Frees the clusters of a file without a name that nobody uses any more. Errors: EFTYPE, EIO.
pub fn release(volume: &Volume, cell: &Cell) -> Result<(), Error> {
    let mut chain = cell.chain.write();
    let first = cell.first_cluster();
    if first == 0 {
        return Ok(());
    }
    let count = chain.len().max(volume.geometry().clusters_for(cell.size().into()));
    volume.change(|operation| {
        fat::free_chain(operation, first, count);
        cell.update(operation, |entry| entry.set_first_cluster(0))
    })?;
    *chain = Chain::default();
    Ok(())
}
