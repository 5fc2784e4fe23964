//! Space as an ext file system takes it, never too little: blocks of content without holes, the blocks of its map for
//! the worst way that it may come to lie, extended attributes that do not fit the inode, long symbolic links, and
//! directories whose blocks are half full, as a hash tree that was split leaves them.

use crate::fill::{Entry, Kind};
use std::ops::Range;

/// Blocks of the longest run that an extent may have.
const EXTENT_BLOCKS: u64 = 32_768;
/// Extents, or pointers, that an inode itself holds.
const INODE_EXTENTS: u64 = 4;
const INODE_POINTERS: u64 = 12;
/// Targets of symbolic links below this length are in the inode.
const SHORT_TARGET: usize = 60;
/// Bytes of an inode that its fields take, with those beyond the first 128.
const INODE_FIELDS: usize = 160;

/// What the space depends on.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Bytes of a block.
    pub block_size: u64,
    /// Bytes of an inode.
    pub inode_size: usize,
    /// Whether maps are extents, not pointers.
    pub has_extents: bool,
}

/// Bytes of an entry of a directory.
pub fn record(name: usize) -> u64 {
    (8 + name).next_multiple_of(4) as u64
}

impl Layout {
    /// Blocks of an entry but for those of a directory's names; content is in these parts.
    pub fn entry(&self, entry: &Entry, map: &[Range<u64>]) -> u64 {
        let content = match &entry.kind {
            Kind::File(size) => self.file(map, *size),
            Kind::Symlink(target) => u64::from(target.len() >= SHORT_TARGET),
            Kind::Directory | Kind::HardLink(_) | Kind::Special(..) => 0,
        };
        content.saturating_add(self.xattrs(&entry.xattrs))
    }

    /// Blocks of a file with these parts.
    fn file(&self, map: &[Range<u64>], size: u64) -> u64 {
        let (mut blocks, mut extents, mut before) = (0, 0, None);
        for part in map {
            let (first, last) =
                (part.start / self.block_size, (part.end.max(part.start + 1) - 1) / self.block_size);
            let first = if before == Some(first) { first + 1 } else { first };
            let count = (last + 1).saturating_sub(first);
            before = Some(last);
            blocks += count;
            extents += 1 + count / EXTENT_BLOCKS * 2;
        }
        blocks + if self.has_extents { self.extent_blocks(extents) } else { self.pointer_blocks(map, size) }
    }

    fn extent_blocks(&self, extents: u64) -> u64 {
        if extents <= INODE_EXTENTS {
            return 0;
        }
        // Nodes that were split are half full.
        let leaves = extents.div_ceil(self.block_size / 24);
        leaves + leaves.div_ceil(self.block_size / 24) + 1
    }

    fn pointer_blocks(&self, map: &[Range<u64>], size: u64) -> u64 {
        let in_block = self.block_size / 4;
        if size.div_ceil(self.block_size) <= INODE_POINTERS {
            return 0;
        }
        let parts = map.iter().map(|part| (part.end - part.start) / self.block_size / in_block + 2);
        let single: u64 = parts.sum();
        single + (single.div_ceil(in_block) + map.len() as u64).min(single + 1) + 2
    }

    /// Blocks of a directory whose records are so long together.
    pub fn directory(&self, bytes: u64) -> u64 {
        // Of a block, `.` and `..` take 24 bytes, and a checksum 12.
        if bytes + 36 <= self.block_size {
            return 1;
        }
        // A record may leave almost its length unused at the end of each half.
        let leaves = bytes.div_ceil((self.block_size - 12) / 2 - 134).max(2);
        leaves + 1 + leaves / (self.block_size / 16)
    }

    fn xattrs(&self, xattrs: &[(Vec<u8>, Vec<u8>)]) -> u64 {
        if xattrs.is_empty() {
            return 0;
        }
        let need: usize = xattrs
            .iter()
            .map(|(name, value)| 16 + name.len().next_multiple_of(4) + value.len().next_multiple_of(4))
            .sum();
        u64::from(need + 8 > self.inode_size.saturating_sub(INODE_FIELDS))
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { block_size: 1024, inode_size: 256, has_extents: true };

    #[test]
    fn holes_take_no_blocks_and_shared_blocks_count_once() {
        assert_eq!(LAYOUT.file(&[], 1 << 30), 0);
        assert_eq!(LAYOUT.file(&[0..1, 500..600, 1024..1025], 4096), 2);
        assert_eq!(LAYOUT.file(&[0..1_048_576], 1_048_576), 1024);
    }

    #[test]
    fn pointers_take_blocks_beyond_the_first_twelve() {
        let layout = Layout { has_extents: false, ..LAYOUT };
        assert_eq!(layout.file(&[0..12 * 1024], 12 * 1024), 12);
        // 1024 blocks: 12 in the inode, 256 below one block, the rest below four that one more names.
        assert!(layout.file(&[0..1 << 20], 1 << 20) >= 1024 + 1 + 1 + 3);
    }

    #[test]
    fn large_directories_take_more_than_their_names() {
        assert_eq!(LAYOUT.directory(0), 1);
        assert_eq!(LAYOUT.directory(988), 1);
        assert!(LAYOUT.directory(989) >= 3);
    }

    #[test]
    fn attributes_that_fit_the_inode_take_no_block() {
        let attribute = |length| vec![(b"user.a".to_vec(), vec![0; length])];
        assert_eq!(LAYOUT.xattrs(&[]), 0);
        assert_eq!(LAYOUT.xattrs(&attribute(40)), 0);
        assert_eq!(LAYOUT.xattrs(&attribute(100)), 1);
    }
}
