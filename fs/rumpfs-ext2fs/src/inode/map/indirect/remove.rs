//! Unmapping. Blocks of pointers go with their last pointer.

use super::{DIRECT, Spot, locate, per_block_bits, pointer, set_pointer};
use crate::allocation::blocks;
use crate::error::Error;
use crate::inode::Inode;
use crate::inode::map::write::{ROOM_FOR_A_STEP, release};
use crate::inode::map::{Mapping, find_run, space};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, FileBlock};
use alloc::vec::Vec;

/// Unmaps `start..end` from its end towards its start and frees the blocks, as far as the handle has room. Answers
/// the block from which everything is a hole now.
pub fn remove(handle: &mut Handle<'_>, inode: &mut Inode, start: u64, end: u64) -> Result<u64, Error> {
    let bits = per_block_bits(handle.volume());
    let reach = DIRECT + (1..=3).map(|levels| 1u64 << (bits * levels)).sum::<u64>();
    let mut end = end.min(reach);
    while end > start {
        // Reading checks the pointers.
        find_run(handle.volume(), inode, FileBlock(end - 1))?;
        end = match locate(bits, end - 1) {
            Some(Spot::Direct(last)) => remove_direct(handle, inode, start, last)?,
            Some(Spot::Tree { slot, levels, start: first }) => {
                remove_below(handle, inode, (slot, levels, first), start, end)?
            }
            None => start,
        };
        if handle.room() < ROOM_FOR_A_STEP {
            break;
        }
    }
    Ok(end.max(start))
}

/// Unmaps the last run that ends with the pointer `last` of the inode; answers where what is left ends.
fn remove_direct(handle: &mut Handle<'_>, inode: &mut Inode, start: u64, last: usize) -> Result<u64, Error> {
    let (first, block) = last_run(&inode.base().i_block, start as usize, last);
    let len = (last + 1 - first) as u64;
    if block != 0 {
        inode.edit(handle.volume(), |base, _| {
            (first..=last).for_each(|at| set_pointer(&mut base.i_block, at, 0))
        });
        give_back(handle, inode, first as u64, Extent { start: DiskBlock(block.into()), len })?;
    }
    Ok(first as u64)
}

/// Unmaps the last run of `start..end` in the leaf that holds its end; answers where what is left ends.
fn remove_below(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    (slot, levels, first): (usize, u32, u64),
    start: u64,
    end: u64,
) -> Result<u64, Error> {
    let volume = handle.volume();
    let bits = per_block_bits(volume);
    let offset = end - 1 - first;
    // Blocks on the way, each with the place of the pointer to it; none stands for the inode.
    let mut way: Vec<(Option<DiskBlock>, usize, DiskBlock)> = Vec::new();
    let mut child = pointer(&inode.base().i_block, slot);
    let mut holder = (None, slot);
    for level in (0..levels).rev() {
        if child == 0 {
            let span = bits * (level + 1);
            return Ok((first + (offset >> span << span)).max(start));
        }
        let block = DiskBlock(child.into());
        way.push((holder.0, holder.1, block));
        let index = ((offset >> (bits * level)) & ((1 << bits) - 1)) as usize;
        child = pointer(&volume.read_block(block)?, index);
        holder = (Some(block), index);
    }
    let (Some(leaf), last) = holder else { return Ok(start) };
    let leaf_start = first + (offset >> bits << bits);
    let from_index = start.saturating_sub(leaf_start) as usize;
    let (index, block) = last_run(&volume.read_block(leaf)?, from_index, last);
    let from = leaf_start + index as u64;
    if block != 0 {
        handle.modify(leaf, Kind::Plain, |bytes| (index..=last).for_each(|at| set_pointer(bytes, at, 0)))?;
        give_back(handle, inode, from, Extent { start: DiskBlock(block.into()), len: end - from })?;
    }
    free_empty(handle, inode, &way)?;
    Ok(from)
}

/// The run of pointers up to `last`, not before `from`: blocks that follow each other, or none at all.
fn last_run(bytes: &[u8], from: usize, last: usize) -> (usize, u32) {
    let (mut first, mut block) = (last, pointer(bytes, last));
    while first > from {
        let before = pointer(bytes, first - 1);
        let goes_on =
            if block == 0 { before == 0 } else { before != 0 && before.checked_add(1) == Some(block) };
        if !goes_on {
            break;
        }
        (first, block) = (first - 1, before);
    }
    (first, block)
}

fn give_back(handle: &mut Handle<'_>, inode: &mut Inode, at: u64, extent: Extent) -> Result<(), Error> {
    inode.map().change(at, extent.len, Mapping::Hole);
    release(handle, inode, FileBlock(at), extent)
}

/// Frees the blocks of pointers on the way that have none left, the lowest first.
fn free_empty(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    way: &[(Option<DiskBlock>, usize, DiskBlock)],
) -> Result<(), Error> {
    let volume = handle.volume();
    for (holder, index, block) in way.iter().rev() {
        if volume.read_block(*block)?.iter().any(|byte| *byte != 0) {
            return Ok(());
        }
        let len = 1 << volume.superblock().cluster_ratio_bits();
        blocks::free(handle, Extent { start: DiskBlock(block.0 & !(len - 1)), len })?;
        handle.forget(*block);
        space::add_blocks(volume, inode, -(len as i64))?;
        match holder {
            None => inode.edit(volume, |base, _| set_pointer(&mut base.i_block, *index, 0)),
            Some(holder) => handle.modify(*holder, Kind::Plain, |bytes| set_pointer(bytes, *index, 0))?,
        }
    }
    Ok(())
}
