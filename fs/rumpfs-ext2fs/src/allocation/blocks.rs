//! Blocks: found near where they are wanted, in pieces as long as they are wanted.
//!
//! A search begins at the goal and goes on in the groups behind it, round the volume. The first piece that is long
//! enough is taken; when the search has looked long enough, or everywhere, the longest that was seen.

use super::bitmap::{self, all_are, clear_range, find, set_range};
use crate::error::{Error, Place};
use crate::group::{self, Bitmap};
use crate::transaction::Handle;
use crate::units::{DiskBlock, Extent, GroupNo};
use alloc::format;
use rump_kpi::Errno;

/// Bitmaps that a search reads once it has something to give.
const GROUPS_FOR_MORE: u32 = 8;
/// Pieces of one group that a search looks at.
const PIECES_PER_GROUP: u32 = 64;

/// Sets up to `most` free blocks in one piece aside for the caller, as near behind `goal` as there are; fewer if no
/// piece of that length is free. With bigalloc the piece consists of whole clusters, and `goal` names the first.
/// The caller writes to them, and then takes or cancels them.
///
/// Errors: ENOSPC (which may be no longer true after a commit, see [`Volume::retrying`](crate::volume::Volume)),
/// EIO.
pub fn reserve(handle: &mut Handle<'_>, goal: DiskBlock, most: u64) -> Result<Extent, Error> {
    let superblock = handle.volume().superblock();
    let (first, ratio) =
        (u64::from(superblock.raw.s_first_data_block.get()), superblock.cluster_ratio_bits());
    let groups = superblock.groups;
    let goal = if (first..superblock.blocks).contains(&goal.0) { goal.0 } else { first };
    let (start, within) = split(handle, goal);
    let clusters = most.max(1).div_ceil(1 << ratio);
    let mut best: Option<Extent> = None;
    let mut looked = 0;
    // The group of the goal comes last once more, for what is before the goal.
    for step in 0..=groups {
        let group = GroupNo((start.0 + step) % groups);
        if best.is_some() && looked >= GROUPS_FOR_MORE {
            break;
        }
        let from = if step == 0 { within } else { 0 };
        let Some(found) = look(handle, group, from, clusters, &mut looked)? else { continue };
        if best.is_none_or(|best| found.len > best.len) {
            best = Some(found);
        }
        // At the goal even a short piece is better than a long one far away.
        if found.len >= clusters << ratio || found.start.0 == goal {
            best = Some(found);
            break;
        }
    }
    let best = best.ok_or(Error::Refused(Errno::ENOSPC))?;
    handle.reserve(best);
    Ok(best)
}

/// The best piece of one group at or behind bit `from`.
fn look(
    handle: &mut Handle<'_>,
    group: GroupNo,
    from: u32,
    clusters: u64,
    looked: &mut u32,
) -> Result<Option<Extent>, Error> {
    let volume = handle.volume();
    match group::read(volume, group) {
        Ok(descriptor) if descriptor.free_clusters == 0 => return Ok(None),
        Err(Error::Io(error)) => return Err(Error::Io(error)),
        // A damaged group gives nothing; others may.
        Err(_) => return Ok(None),
        Ok(_) => {}
    }
    *looked += 1;
    let at = match bitmap::load(handle, group, Bitmap::Blocks) {
        Ok((_, at)) => at,
        Err(Error::Io(error)) => return Err(Error::Io(error)),
        Err(_) => return Ok(None),
    };
    let bytes = volume.read_block(at)?;
    let end = bitmap::bits(volume.superblock(), group, Bitmap::Blocks);
    let mut best: Option<(u32, u32)> = None;
    let mut pieces = 0;
    let mut bit = from;
    while let Some(clear) = find(&bytes, bit, end, false) {
        let limit = end.min(clear.saturating_add(u32::try_from(clusters).unwrap_or(u32::MAX)));
        let stop = find(&bytes, clear, limit, true).unwrap_or(limit);
        let (piece, next) = outside_of_aside(handle, group, clear, stop);
        bit = next;
        pieces += 1;
        if piece.1 > piece.0 && best.is_none_or(|best| piece.1 - piece.0 > best.1 - best.0) {
            best = Some(piece);
        }
        let enough = best.is_some_and(|best| u64::from(best.1 - best.0) >= clusters || best.0 == from);
        if enough || (pieces >= PIECES_PER_GROUP && best.is_some()) {
            break;
        }
    }
    let ratio = volume.superblock().cluster_ratio_bits();
    let start = volume.superblock().group_start(group);
    Ok(best.map(|(from, to)| Extent {
        start: DiskBlock(start + (u64::from(from) << ratio)),
        len: u64::from(to - from) << ratio,
    }))
}

/// The part of the bits `from..to` before what is set aside or belongs to the volume itself, or nothing; and where
/// to go on.
fn outside_of_aside(handle: &mut Handle<'_>, group: GroupNo, from: u32, to: u32) -> ((u32, u32), u32) {
    let superblock = handle.volume().superblock();
    let (start, ratio) = (superblock.group_start(group), superblock.cluster_ratio_bits());
    let block = |bit: u32| start + (u64::from(bit) << ratio);
    let Some((first, behind)) = handle.space().unusable(block(from), block(to)) else {
        return ((from, to), to);
    };
    let bit_of = |block: u64| (block.saturating_sub(start) >> ratio).min(u64::from(to)) as u32;
    let next = bit_of(behind.saturating_add((1 << ratio) - 1)).max(from + 1);
    if first > block(from) { ((from, bit_of(first)), next) } else { ((from, from), next) }
}

/// The group of a block, and its bit there.
fn split(handle: &Handle<'_>, block: u64) -> (GroupNo, u32) {
    let superblock = handle.volume().superblock();
    let offset = block - u64::from(superblock.raw.s_first_data_block.get());
    let per_group = u64::from(superblock.raw.s_blocks_per_group.get());
    (GroupNo(offset / per_group), ((offset % per_group) >> superblock.cluster_ratio_bits()) as u32)
}

/// Marks reserved blocks as in use (whole clusters) and ends the reservation. Errors: EFTYPE, EIO.
pub fn take(handle: &mut Handle<'_>, extent: Extent) -> Result<(), Error> {
    handle.end_reservation(extent);
    change(handle, extent, Use::Taken)
}

/// Ends a reservation of blocks that are not needed.
pub fn cancel(handle: &mut Handle<'_>, extent: Extent) {
    handle.end_reservation(extent);
}

/// Takes up to `most` free blocks in one piece near `goal` at once: for metadata, which leaves to content in memory what
/// was promised to it. Errors: ENOSPC, EFTYPE, EIO.
pub fn allocate(handle: &mut Handle<'_>, goal: DiskBlock, most: u64) -> Result<Extent, Error> {
    let ratio = handle.volume().superblock().cluster_ratio_bits();
    let most = most.max(1).min(handle.available().saturating_mul(1 << ratio));
    if most == 0 {
        return Err(Error::Refused(Errno::ENOSPC));
    }
    let extent = reserve(handle, goal, most)?;
    take(handle, extent)?;
    Ok(extent)
}

/// Marks blocks (with bigalloc: whole clusters) as free. They are given out again once that is durable. Blocks that
/// held metadata (directories, extent nodes, pointers, attributes) are also to be said to [`Handle::forget`].
/// Errors: EFTYPE (not in use, or not on the volume), EIO.
pub fn free(handle: &mut Handle<'_>, extent: Extent) -> Result<(), Error> {
    change(handle, extent, Use::Free)?;
    handle.quarantine(extent);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Taken,
    Free,
}

/// Changes the bits of an extent, group by group.
fn change(handle: &mut Handle<'_>, extent: Extent, to: Use) -> Result<(), Error> {
    let superblock = handle.volume().superblock();
    let ratio = superblock.cluster_ratio_bits();
    let first = u64::from(superblock.raw.s_first_data_block.get());
    let end = extent.start.0.checked_add(extent.len).filter(|end| *end <= superblock.blocks);
    let wrong = |why| Error::corrupt("block map", Place::Block(extent.start), 0, why);
    let end = end.filter(|_| extent.start.0 >= first && extent.len > 0);
    let end = end.ok_or_else(|| wrong(format!("{} blocks there are not on the volume", extent.len)))?;
    if handle.space().is_system(extent.start.0, end) {
        return Err(wrong("they belong to the volume itself".into()));
    }
    let mut at = extent.start.0;
    while at < end {
        let (group, from) = split(handle, at);
        let group_end = handle.volume().superblock().group_start(GroupNo(group.0 + 1)).min(end);
        let to_bit = from + (group_end - at).div_ceil(1 << ratio) as u32;
        change_group(handle, group, (from, to_bit), to, DiskBlock(at))?;
        at = group_end;
    }
    Ok(())
}

fn change_group(
    handle: &mut Handle<'_>,
    group: GroupNo,
    (first, end): (u32, u32),
    change: Use,
    at: DiskBlock,
) -> Result<(), Error> {
    let (_, block) = bitmap::load(handle, group, Bitmap::Blocks)?;
    let count = end - first;
    let part = first as usize / 8..end.div_ceil(8) as usize;
    let (from, to) = (first % 8, end - first / 8 * 8);
    let fits = handle.modify_part(block, bitmap::kind(group, Bitmap::Blocks), part, |bytes| {
        let fits = all_are(bytes, from, to, change == Use::Free);
        match (fits, change) {
            (true, Use::Taken) => set_range(bytes, from, to),
            (true, Use::Free) => clear_range(bytes, from, to),
            (false, _) => {}
        }
        fits
    })?;
    if !fits {
        let why = format!("the bitmap of {group} does not agree about {count} clusters from bit {first}");
        return Err(Error::corrupt("block bitmap", Place::Block(at), 0, why));
    }
    group::update(handle, group, |descriptor| match change {
        Use::Taken => descriptor.free_clusters = descriptor.free_clusters.saturating_sub(count),
        Use::Free => descriptor.free_clusters = descriptor.free_clusters.saturating_add(count),
    })?;
    let difference = i64::from(count);
    handle.count_clusters(if change == Use::Free { difference } else { -difference });
    Ok(())
}
