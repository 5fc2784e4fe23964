//! The map of ext2: twelve direct blocks, then trees of one, two and three levels (kernel documentation, ext4
//! "Direct/Indirect Block Addressing"). The depth is given by the place in `i_block`, so no cycle can be
//! followed.

mod insert;
mod remove;

pub use insert::insert;
pub use remove::remove;

use super::{Mapping, Region};
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::units::{DiskBlock, FileBlock};
use crate::volume::Volume;
use alloc::format;

const DIRECT: u64 = 12;

/// Where a file block's pointer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// In the inode, at this index.
    Direct(usize),
    /// Below a tree.
    Tree {
        /// Index of the tree's root in the inode.
        slot: usize,
        /// Levels of pointer blocks.
        levels: u32,
        /// First file block of the tree.
        start: u64,
    },
}

/// Finds a file block's place; `None` beyond the reach of three levels. `per_block_bits` is the binary logarithm
/// of the pointers in a block.
pub fn locate(per_block_bits: u32, target: u64) -> Option<Spot> {
    if target < DIRECT {
        return Some(Spot::Direct(target as usize));
    }
    let mut start = DIRECT;
    for levels in 1..=3u32 {
        let span = 1u64 << (per_block_bits * levels);
        if target - start < span {
            return Some(Spot::Tree { slot: 11 + levels as usize, levels, start });
        }
        start += span;
    }
    None
}

/// Blocks of a file that pointers reach, and that have numbers of 32 bits.
pub fn reach(per_block_bits: u32) -> u64 {
    let trees: u64 = (1..=3).map(|levels| 1u64 << (per_block_bits * levels)).sum();
    (DIRECT + trees).min(u32::MAX.into())
}

/// Binary logarithm of the pointers in a block.
pub fn per_block_bits(volume: &Volume) -> u32 {
    volume.superblock().block_bits - 2
}

/// Reads the block of pointers that answers for `target`.
pub fn read_region(volume: &Volume, inode: &Inode, target: FileBlock) -> Result<Region, Error> {
    let place = Place::Inode(inode.number());
    let pointers = &inode.base().i_block;
    match locate(per_block_bits(volume), target.0) {
        Some(Spot::Direct(_)) => parse_pointers(volume, &pointers[..48], place, 0),
        Some(Spot::Tree { slot, levels, start }) => {
            walk(volume, pointer(pointers, slot), place, levels, target, start)
        }
        None => {
            let trees: u64 = (1..=3).map(|levels| 1u64 << (per_block_bits(volume) * levels)).sum();
            let mut region = Region::new(DIRECT + trees);
            region.fill_to(u64::MAX);
            Ok(region)
        }
    }
}

fn walk(
    volume: &Volume,
    root: u32,
    root_place: Place,
    levels: u32,
    target: FileBlock,
    mut start: u64,
) -> Result<Region, Error> {
    let per_block_bits = per_block_bits(volume);
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

fn set_pointer(bytes: &mut [u8], index: usize, block: u32) {
    if let Some(place) = bytes.get_mut(index * 4..index * 4 + 4) {
        place.copy_from_slice(&block.to_le_bytes());
    }
}

fn pointer(bytes: &[u8], index: usize) -> u32 {
    match bytes.get(index * 4..index * 4 + 4) {
        Some(word) => u32::from_le_bytes([word[0], word[1], word[2], word[3]]),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_has_its_place() {
        assert_eq!(locate(8, 11), Some(Spot::Direct(11)));
        assert_eq!(locate(8, 12), Some(Spot::Tree { slot: 12, levels: 1, start: 12 }));
        assert_eq!(locate(8, 268), Some(Spot::Tree { slot: 13, levels: 2, start: 268 }));
        assert_eq!(
            locate(8, 268 + (1 << 16)),
            Some(Spot::Tree { slot: 14, levels: 3, start: 268 + (1 << 16) })
        );
        assert_eq!(reach(8), 12 + (1 << 8) + (1 << 16) + (1 << 24));
        assert_eq!(locate(8, reach(8)), None);
        assert_eq!(reach(14), u64::from(u32::MAX));
    }
}
