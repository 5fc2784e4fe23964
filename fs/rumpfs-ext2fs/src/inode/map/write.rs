//! Changing maps: what both kinds have in common. That is the counting of space, and with bigalloc the clusters:
//! neighbouring blocks of a file share one, at the same place in it, and it is freed with the last of them.
//!
//! The functions on a [`Cell`] keep the inode; those on an [`Inode`] change a copy that the caller stores when all
//! is done. After an error the handle must be dropped: what was changed so far is half of something.

use super::{Mapping, extent, find_run, goal, indirect, space};
use crate::allocation::blocks;
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::inode::{FLAG_EA_INODE, FLAG_EXTENTS, Inode, attr};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, FileBlock};
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::FileType;

/// Blocks that a handle must have room for before the next small step of a long operation: the nodes of a way, the
/// inode, and bitmaps and descriptors.
pub const ROOM_FOR_A_STEP: usize = 24;

/// Whether mapped blocks hold content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They do.
    Written,
    /// They read as zeros (extents only).
    Unwritten,
}

impl State {
    fn mapping(self, block: DiskBlock) -> Mapping {
        match self {
            Self::Written => Mapping::At(block),
            Self::Unwritten => Mapping::Unwritten(block),
        }
    }
}

/// Maps blocks that are in use by now at a hole of the file, and counts them in `i_blocks`. Errors: EFTYPE (not a
/// hole), EFBIG, ENOSPC (for blocks of the map), EIO.
pub fn insert(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    at: FileBlock,
    extent: Extent,
    state: State,
) -> Result<(), Error> {
    edit(handle, cell, |handle, inode| insert_into(handle, inode, at, extent, state))
}

/// Maps one new block of metadata (of a directory, a link's target) at a hole, allocated near its neighbour before
/// it, and fills it from zeros as [`Handle::create`] does. Errors: as [`insert`].
pub fn grow(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    at: FileBlock,
    kind: Kind,
    fill: impl FnOnce(&mut [u8]),
) -> Result<DiskBlock, Error> {
    let block = edit(handle, cell, |handle, inode| {
        let volume = handle.volume();
        let block = match shared_cluster(volume, inode, at)? {
            Some(block) => block,
            None => {
                let near = goal_for(volume, inode, at)?;
                let cluster = blocks::allocate(handle, near, 1)?;
                DiskBlock(cluster.start.0 + (at.0 & cluster_mask(volume)))
            }
        };
        insert_into(handle, inode, at, Extent { start: block, len: 1 }, State::Written)?;
        Ok(block)
    })?;
    handle.create(block, kind, fill);
    Ok(block)
}

/// Unmaps `start..end` from its end towards its start and frees the blocks, as far as the handle has room. Answers
/// the block from which everything is a hole now: `start` when done. Blocks of directories and links (whatever is
/// not a regular file's, and the values of attributes) are forgotten as metadata. Errors: EFTYPE, EIO; ENOSPC (for a block of the map, when the
/// middle of an extent is unmapped).
pub fn remove(handle: &mut Handle<'_>, cell: &Arc<Cell>, start: FileBlock, end: u64) -> Result<u64, Error> {
    edit(handle, cell, |handle, inode| remove_from(handle, inode, start, end))
}

/// Runs `change` on a copy of the inode, and stores the copy.
pub fn edit<R>(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    change: impl FnOnce(&mut Handle<'_>, &mut Inode) -> Result<R, Error>,
) -> Result<R, Error> {
    let mut inode = handle.working_copy(cell);
    let result = change(handle, &mut inode).and_then(|answer| {
        handle.store(cell, inode)?;
        Ok(answer)
    });
    if result.is_err() {
        cell.inode().map().clear();
    }
    result
}

/// [`insert`] on a copy.
pub fn insert_into(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    at: FileBlock,
    extent: Extent,
    state: State,
) -> Result<(), Error> {
    let volume = handle.volume();
    let fresh = fresh_blocks(volume, inode, at.0, extent.len)?;
    if inode.has_flag(FLAG_EXTENTS) {
        extent::insert(handle, inode, at, extent, state)?;
    } else {
        indirect::insert(handle, inode, at, extent)?;
    }
    inode.map().change(at.0, extent.len, state.mapping(extent.start));
    space::add_blocks(volume, inode, fresh as i64)
}

/// [`remove`] on a copy.
pub fn remove_from(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    start: FileBlock,
    end: u64,
) -> Result<u64, Error> {
    if inode.has_flag(FLAG_EXTENTS) {
        extent::remove(handle, inode, start.0, end)
    } else {
        indirect::remove(handle, inode, start.0, end)
    }
}

/// Says of `len` blocks that are mapped from `extent.start` on that they are written, or that they are not. Only
/// for extents. Errors: EFTYPE (not mapped), ENOSPC (for blocks of the map), EIO.
pub fn set_state(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    at: FileBlock,
    extent: Extent,
    state: State,
) -> Result<(), Error> {
    extent::set_state(handle, inode, at, extent.len, state)?;
    inode.map().change(at.0, extent.len, state.mapping(extent.start));
    Ok(())
}

/// Frees blocks that were unmapped a moment ago, and counts them; with bigalloc only the clusters that the file has
/// no other block in.
pub fn release(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    at: FileBlock,
    extent: Extent,
) -> Result<(), Error> {
    let volume = handle.volume();
    let is_content =
        matches!(attr::file_type(inode), Ok(FileType::Regular)) && !inode.has_flag(FLAG_EA_INODE);
    if !is_content {
        (extent.start.0..extent.start.0 + extent.len).for_each(|block| handle.forget(DiskBlock(block)));
    }
    let mask = cluster_mask(volume);
    let (mut from, mut to) = (at.0 & !mask, (at.0 + extent.len + mask) & !mask);
    if (extent.start.0 ^ at.0) & mask != 0 {
        let why = "blocks are not at their place in the cluster";
        return Err(Error::corrupt("block map", Place::Block(extent.start), 0, why));
    }
    if is_mapped(volume, inode, from, at.0)? {
        from += mask + 1;
    }
    if to > from && is_mapped(volume, inode, at.0 + extent.len, to)? {
        to -= mask + 1;
    }
    if to <= from {
        return Ok(());
    }
    let start = DiskBlock(extent.start.0 + from - at.0);
    blocks::free(handle, Extent { start, len: to - from })?;
    space::add_blocks(volume, inode, -((to - from) as i64))
}

/// Blocks of the clusters that the range `at..at + len`, a hole, does not share with what is mapped.
fn fresh_blocks(volume: &Volume, inode: &Inode, at: u64, len: u64) -> Result<u64, Error> {
    let mask = cluster_mask(volume);
    if mask == 0 {
        return Ok(len);
    }
    let (mut from, mut to) = (at & !mask, (at + len + mask) & !mask);
    if is_mapped(volume, inode, from, at)? {
        from += mask + 1;
    }
    if to > from && is_mapped(volume, inode, at + len, to)? {
        to -= mask + 1;
    }
    Ok(to.saturating_sub(from))
}

fn is_mapped(volume: &Volume, inode: &Inode, mut from: u64, to: u64) -> Result<bool, Error> {
    while from < to {
        let run = find_run(volume, inode, FileBlock(from))?;
        if run.mapping != Mapping::Hole {
            return Ok(true);
        }
        from = run.end();
    }
    Ok(false)
}

/// Blocks in a cluster, less one.
pub fn cluster_mask(volume: &Volume) -> u64 {
    (1 << volume.superblock().cluster_ratio_bits()) - 1
}

/// Where block `at`, a hole, belongs on the device because the file has another block in the same cluster.
pub fn shared_cluster(volume: &Volume, inode: &Inode, at: FileBlock) -> Result<Option<DiskBlock>, Error> {
    let mask = cluster_mask(volume);
    let (mut block, end) = (at.0 & !mask, at.0 | mask);
    while mask > 0 && block <= end {
        let run = find_run(volume, inode, FileBlock(block))?;
        if let Some(start) = run.mapping.block() {
            return Ok(Some(DiskBlock((start.0 & !mask) | (at.0 & mask))));
        }
        block = run.end();
    }
    Ok(None)
}

/// Where a block for `at` is wanted: behind the last one before it, else in the inode's group.
pub fn goal_for(volume: &Volume, inode: &Inode, at: FileBlock) -> Result<DiskBlock, Error> {
    let before = at.0.checked_sub(1).map(|before| find_run(volume, inode, FileBlock(before))).transpose()?;
    let before = before.and_then(|run| run.mapping.block());
    let mask = cluster_mask(volume);
    Ok(before.map_or_else(|| goal(volume, inode.number()), |block| DiskBlock((block.0 | mask) + 1)))
}
