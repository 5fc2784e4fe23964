//! Finding free clusters, and taking them.
//!
//! A file grows behind its last cluster where that is free; else the first run of free clusters that is long enough
//! is taken, from where the last search ended on, or the longest within what is looked at.

use super::cursor::Cursor;
use super::entry::{self, END, FREE};
use super::write::{When, link_tail, set_run};
use crate::geometry::{FIRST_CLUSTER, Width};
use crate::transaction::Operation;
use crate::volume::Volume;
use alloc::vec::Vec;
use rump_dosfs::Error;
use rump_dosfs::chain::Run;
use rump_dosfs::transaction::Transactional;
use rump_kpi::Errno;

/// Clusters that are looked at in search of a longer run, once one was found.
const MOST_LOOKED_AT: u32 = 1 << 16;

/// Takes `count` clusters, as a chain of their own or behind `tail`. Errors: ENOSPC, EFTYPE, EIO.
pub fn allocate(
    operation: &mut Operation<'_>,
    tail: Option<u32>,
    count: u32,
    when: When,
) -> Result<Vec<Run>, Error> {
    let space = *operation.space();
    if space.is_counted && space.free.is_some_and(|free| free < count) {
        return Err(Errno::ENOSPC.into());
    }
    let mut taken: Vec<Run> = Vec::new();
    let (mut last, mut missing) = (tail, count);
    while missing > 0 {
        let run = find(operation, last, missing)?;
        set_run(operation, run, END)?;
        if let Some(last) = last {
            link_tail(operation, last, run.start, when)?;
        }
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
    let geometry = volume.geometry();
    let mut cursor = Cursor::new(volume);
    if let Some(next) = last.map(|last| last + 1).filter(|next| geometry.is_cluster(*next)) {
        let run = free_run(&mut cursor, next, most.min(geometry.end_cluster() - next))?;
        if run.count > 0 {
            return Ok(run);
        }
    }
    let hint = operation.space().hint;
    let from = if geometry.is_cluster(hint) { hint } else { FIRST_CLUSTER };
    let mut best = Run { start: from, count: 0 };
    let mut looked_at = 0;
    for (begin, end) in [(from, geometry.end_cluster()), (FIRST_CLUSTER, from)] {
        let mut at = begin;
        while at < end && (best.count == 0 || looked_at < MOST_LOOKED_AT) {
            let run = free_run(&mut cursor, at, most.min(end - at))?;
            if run.count > best.count {
                best = run;
            }
            if best.count == most {
                return Ok(best);
            }
            looked_at += run.count + 1;
            at = run.end() + 1;
        }
    }
    if best.count > 0 {
        return Ok(best);
    }
    *operation.space() =
        rump_dosfs::transaction::Space { free: Some(0), is_counted: true, ..*operation.space() };
    Err(Errno::ENOSPC.into())
}

/// How many clusters are free from `start` on, up to `most`.
fn free_run(cursor: &mut Cursor<'_>, start: u32, most: u32) -> Result<Run, Error> {
    let mut count = 0;
    while count < most && cursor.value(start + count)? == FREE {
        count += 1;
    }
    Ok(Run { start, count })
}

/// Counts the free clusters of the whole table. Errors: EFTYPE, EIO.
pub fn count_free(volume: &Volume) -> Result<u32, Error> {
    let geometry = volume.geometry();
    if geometry.width == Width::Fat12 {
        let mut cursor = Cursor::new(volume);
        let clusters = FIRST_CLUSTER..geometry.end_cluster();
        return clusters.map(|cluster| Ok(u32::from(cursor.value(cluster)? == FREE))).sum();
    }
    let (_, length) = entry::place(geometry.width, 0);
    let per_sector = geometry.sector_size / length as u32;
    let first_sector = geometry.active_start() / u64::from(geometry.sector_size);
    let mut free = 0;
    for index in 0..geometry.end_cluster().div_ceil(per_sector) {
        let block = volume.sector(first_sector + u64::from(index))?;
        let clusters = index * per_sector..geometry.end_cluster().min((index + 1) * per_sector);
        for (cluster, bytes) in clusters.zip(block.chunks_exact(length)) {
            let value = bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
            let is_free = entry::value(geometry.width, cluster, value) == FREE;
            free += u32::from(is_free && cluster >= FIRST_CLUSTER);
        }
    }
    Ok(free)
}
