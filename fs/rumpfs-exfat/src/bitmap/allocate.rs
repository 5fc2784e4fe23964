//! Finding free clusters, and taking them.
//!
//! A file grows behind its last cluster where that is free; else the first run of free clusters that is long enough
//! is taken, from where the last search ended on, or the longest within what is looked at.

use super::{Cursor, State, set};
use crate::geometry::FIRST_CLUSTER;
use crate::nodes::Cell;
use crate::transaction::Operation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_dosfs::Error;
use rump_dosfs::chain::Run;
use rump_kpi::Errno;

/// Clusters that are looked at in search of a longer run, once one was found.
const MOST_LOOKED_AT: u32 = 1 << 16;
/// Free runs that are looked at for the same.
const MOST_RUNS: u32 = 256;

/// Takes `count` clusters, behind `tail` if that can be, for a file or for what is made in a directory.
///
/// Errors: ENOSPC, EFTYPE, EIO.
pub fn allocate(
    operation: &mut Operation<'_>,
    owner: &Arc<Cell>,
    tail: Option<u32>,
    count: u32,
) -> Result<Vec<Run>, Error> {
    let space = *operation.space();
    if space.is_counted && space.free.is_some_and(|free| free < count) {
        return Err(Errno::ENOSPC.into());
    }
    // What is remembered of the bitmap is wrong if this is taken back.
    operation.is_seen_by(owner);
    let mut taken: Vec<Run> = Vec::new();
    let (mut last, mut missing) = (tail, count);
    while missing > 0 {
        let run = find(operation, last, missing)?;
        set(operation, run, State::Taken)?;
        last = Some(run.end() - 1);
        missing -= run.count;
        taken.push(run);
        let space = operation.space();
        space.hint = run.end();
        space.free = space.free.map(|free| free.saturating_sub(run.count));
    }
    Ok(taken)
}

/// A run of at most `most` free clusters. Errors: ENOSPC, EFTYPE, EIO.
fn find(operation: &mut Operation<'_>, last: Option<u32>, most: u32) -> Result<Run, Error> {
    let volume = operation.volume;
    let geometry = &volume.disk.geometry;
    let mut cursor = Cursor::new(&volume.disk, &volume.bitmap);
    let end = geometry.end_cluster();
    let run_at = |cursor: &mut Cursor<'_>, start: u32, end: u32| -> Result<Run, Error> {
        let end = end.min(start.saturating_add(most));
        Ok(Run { start, count: cursor.next(start, end, State::Taken)? - start })
    };
    if let Some(next) = last.map(|last| last + 1).filter(|next| geometry.is_cluster(*next)) {
        let run = run_at(&mut cursor, next, end)?;
        if run.count > 0 {
            return Ok(run);
        }
    }
    let hint = operation.space().hint;
    let from = if geometry.is_cluster(hint) { hint } else { FIRST_CLUSTER };
    let mut best = Run { start: from, count: 0 };
    let (mut looked_at, mut runs) = (0, 0);
    for (begin, end) in [(from, end), (FIRST_CLUSTER, from)] {
        let mut at = begin;
        while at < end && (best.count == 0 || (looked_at < MOST_LOOKED_AT && runs < MOST_RUNS)) {
            let start = cursor.next(at, end, State::Free)?;
            if start == end {
                break;
            }
            let run = run_at(&mut cursor, start, end)?;
            if run.count > best.count {
                best = run;
            }
            if best.count == most {
                return Ok(best);
            }
            looked_at += run.end() - at;
            runs += 1;
            at = run.end();
        }
    }
    if best.count > 0 {
        return Ok(best);
    }
    let space = operation.space();
    (space.free, space.is_counted) = (Some(0), true);
    Err(Errno::ENOSPC.into())
}
