//! Mapping holes; blocks of pointers are made on the way.

use super::{Spot, locate, per_block_bits, pointer, reach, set_pointer};
use crate::allocation::blocks;
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::inode::map::space;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, FileBlock};
use alloc::format;
use rump_kpi::Errno;

/// Maps `extent` at a hole. Space is counted by the caller, but for blocks of pointers. Errors: see
/// [`super::super::write`].
pub fn insert(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    at: FileBlock,
    extent: Extent,
) -> Result<(), Error> {
    let bits = per_block_bits(handle.volume());
    let end = at.0.checked_add(extent.len).filter(|end| *end <= reach(bits));
    let last = extent.start.0.checked_add(extent.len).filter(|end| *end <= 1 << 32);
    let (Some(end), Some(_)) = (end, last) else { return Err(Error::Refused(Errno::EFBIG)) };
    let mut from = at.0;
    while from < end {
        let first = (extent.start.0 + (from - at.0)) as u32;
        from += match locate(bits, from) {
            Some(Spot::Direct(slot)) => {
                let count = (super::DIRECT - from).min(end - from) as usize;
                let volume = handle.volume();
                let filled = inode.edit(volume, |base, _| fill(&mut base.i_block, slot, first, count));
                require_holes(filled, Place::Inode(inode.number()), from)?;
                count as u64
            }
            Some(Spot::Tree { slot, levels, start }) => {
                let leaf = leaf(handle, inode, slot, levels, from - start, DiskBlock(first.into()))?;
                let index = (from - start) & ((1 << bits) - 1);
                let count = ((1 << bits) - index).min(end - from) as usize;
                let fill = |bytes: &mut [u8]| fill(bytes, index as usize, first, count);
                require_holes(handle.modify(leaf, Kind::Plain, fill)?, Place::Block(leaf), from)?;
                count as u64
            }
            None => return Err(Error::Refused(Errno::EFBIG)),
        };
    }
    Ok(())
}

/// Sets `count` pointers from `index` on; false, with nothing changed, if one is in use.
fn fill(bytes: &mut [u8], index: usize, first: u32, count: usize) -> bool {
    if (index..index + count).any(|index| pointer(bytes, index) != 0) {
        return false;
    }
    for (index, block) in (index..index + count).zip(first..=u32::MAX) {
        set_pointer(bytes, index, block);
    }
    true
}

fn require_holes(filled: bool, place: Place, from: u64) -> Result<(), Error> {
    let why = || format!("from file block {from} on something is mapped already");
    if filled { Ok(()) } else { Err(Error::corrupt("block map", place, 0, why())) }
}

/// The block of pointers for the file block `offset` of a tree. What is missing on the way is made, near `near`.
fn leaf(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    slot: usize,
    levels: u32,
    offset: u64,
    near: DiskBlock,
) -> Result<DiskBlock, Error> {
    let volume = handle.volume();
    let bits = per_block_bits(volume);
    let mut block = DiskBlock(pointer(&inode.base().i_block, slot).into());
    if block.0 == 0 {
        block = new_block(handle, inode, near)?;
        inode.edit(volume, |base, _| set_pointer(&mut base.i_block, slot, block.0 as u32));
    }
    for level in (1..levels).rev() {
        let index = ((offset >> (bits * level)) & ((1 << bits) - 1)) as usize;
        let mut child = DiskBlock(pointer(&volume.read_block(block)?, index).into());
        if child.0 == 0 {
            child = new_block(handle, inode, near)?;
            handle.modify(block, Kind::Plain, |bytes| set_pointer(bytes, index, child.0 as u32))?;
        }
        block = child;
    }
    Ok(block)
}

fn new_block(handle: &mut Handle<'_>, inode: &mut Inode, near: DiskBlock) -> Result<DiskBlock, Error> {
    let extent = blocks::allocate(handle, near, 1)?;
    if extent.start.0 > u32::MAX.into() {
        return Err(Error::Refused(Errno::EFBIG));
    }
    space::add_blocks(handle.volume(), inode, extent.len as i64)?;
    handle.create(extent.start, Kind::Plain, |_| ());
    Ok(extent.start)
}
