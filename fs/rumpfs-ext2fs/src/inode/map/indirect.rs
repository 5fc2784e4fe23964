//! The map of ext2: twelve direct blocks, then trees of one, two and three levels (kernel documentation, ext4
//! "Direct/Indirect Block Addressing"). The depth is given by the place in `i_block`, so no cycle can be
//! followed.

use super::{Mapping, Region};
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::units::{DiskBlock, FileBlock};
use crate::volume::Volume;
use alloc::format;

const DIRECT: u64 = 12;

/// Reads the block of pointers that answers for `target`.
pub fn read_region(volume: &Volume, inode: &Inode, target: FileBlock) -> Result<Region, Error> {
    let place = Place::Inode(inode.number());
    let pointers = &inode.base().i_block;
    if target.0 < DIRECT {
        return parse_pointers(volume, &pointers[..48], place, 0);
    }
    let per_block_bits = volume.superblock().block_bits - 2;
    let mut start = DIRECT;
    for level in 1..=3u32 {
        let span = 1u64 << (per_block_bits * level);
        if target.0 - start < span {
            let root = pointer(pointers, 11 + level as usize);
            return walk(volume, root, place, level, target, start);
        }
        start += span;
    }
    let mut region = Region::new(start);
    region.fill_to(u64::MAX);
    Ok(region)
}

fn walk(
    volume: &Volume,
    root: u32,
    root_place: Place,
    levels: u32,
    target: FileBlock,
    mut start: u64,
) -> Result<Region, Error> {
    let per_block_bits = volume.superblock().block_bits - 2;
    let (mut block, mut place) = (root, root_place);
    for level in (1..=levels).rev() {
        if block == 0 {
            let mut region = Region::new(start);
            region.fill_to(start + (1 << (per_block_bits * level)));
            return Ok(region);
        }
        check(volume, block, place, 0)?;
        let at = DiskBlock(block.into());
        let bytes = volume.read_block(at)?;
        place = Place::Block(at);
        if level == 1 {
            return parse_pointers(volume, &bytes, place, start);
        }
        let child_bits = per_block_bits * (level - 1);
        let index = (target.0 - start) >> child_bits;
        start += index << child_bits;
        block = pointer(&bytes, index as usize);
    }
    Err(Error::corrupt("block map", root_place, 0, "no levels"))
}

fn parse_pointers(volume: &Volume, bytes: &[u8], place: Place, start: u64) -> Result<Region, Error> {
    let mut region = Region::new(start);
    for index in 0..bytes.len() / 4 {
        let block = pointer(bytes, index);
        if block == 0 {
            region.push(1, Mapping::Hole);
            continue;
        }
        check(volume, block, place, index)?;
        region.push(1, Mapping::At(DiskBlock(block.into())));
    }
    Ok(region)
}

fn check(volume: &Volume, block: u32, place: Place, index: usize) -> Result<(), Error> {
    if u64::from(block) < volume.superblock().blocks {
        return Ok(());
    }
    Err(Error::corrupt("block map", place, index as u64 * 4, format!("block {block} is not on the volume")))
}

fn pointer(bytes: &[u8], index: usize) -> u32 {
    match bytes.get(index * 4..index * 4 + 4) {
        Some(word) => u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
        None => 0,
    }
}
