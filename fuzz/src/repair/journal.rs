//! The journal: its superblock, the log from its start on, and the fast commits.
//!
//! Reference: kernel documentation, "Journal (jbd2)".

use super::inodes::Finder;
use super::volume::Volume;
use super::{Kinds, be32, le16, put};
use crate::image::Image;
use rump_checksum::{crc32_be, crc32c};
use std::collections::HashMap;

const MAGIC: u32 = 0xc03b_3998;
/// Blocks of the log that are looked at.
const STEPS_MAX: u32 = 4096;

/// The journal of a volume.
pub struct Journal {
    map: HashMap<u64, u64>,
    block_size: usize,
    first: u32,
    end: u32,
    len: u32,
    start: u32,
    sequence: u32,
    incompat: u32,
    version_1: bool,
    seed: u32,
}

/// A block that the log holds for a place on the volume.
struct Data {
    log_block: u32,
    target: u64,
    /// Where in the descriptor its tag begins.
    tag: usize,
}

impl Journal {
    /// Reads the journal's superblock.
    pub fn read(image: &Image, volume: &Volume, finder: &Finder<'_>) -> Option<Self> {
        let map = finder.journal_map().clone();
        let mut s = vec![0; volume.block_size];
        image.read(map.get(&0)?.saturating_mul(volume.block_size as u64), &mut s);
        if be32(&s, 0) != MAGIC {
            return None;
        }
        let (incompat, len) = (be32(&s, 0x28), be32(&s, 0x10));
        let fast = match be32(&s, 0x54) {
            _ if incompat & 0x20 == 0 => 0,
            0 => 256,
            blocks => blocks,
        };
        Some(Self {
            map,
            block_size: volume.block_size,
            first: be32(&s, 0x14),
            end: len.saturating_sub(fast),
            len,
            start: be32(&s, 0x1c),
            sequence: be32(&s, 0x18),
            incompat,
            version_1: be32(&s, 0x24) & 1 != 0,
            seed: crc32c(!0, &s[0x30..0x40]),
        })
    }

    /// Gives each block that the log holds, with its place on the volume.
    pub fn each_data_block(&self, image: &Image, mut visit: impl FnMut(u64, &[u8])) {
        let mut walk = self.walk();
        while let Some((_, block)) = walk.next_block(self, image) {
            for data in walk.data(self, &block) {
                visit(data.target, &self.block(image, data.log_block));
            }
        }
    }

    /// Makes all checksums right, those of the metadata in the log included.
    pub fn repair(&self, image: &mut Image, volume: &Volume, kinds: &Kinds) {
        if self.incompat & 0x18 != 0 {
            let mut superblock = self.block(image, 0);
            put(&mut superblock, 0xfc, &[0; 4]);
            let sum = crc32c(!0, &superblock[..1024]);
            put(&mut superblock, 0xfc, &sum.to_be_bytes());
            self.write(image, 0, &superblock);
        }
        let mut walk = self.walk();
        let mut sum = !0;
        while let Some((position, mut block)) = walk.next_block(self, image) {
            match be32(&block, 4) {
                1 => {
                    sum = crc32_be(sum, &block);
                    for data in walk.data(self, &block) {
                        let mut bytes = self.block(image, data.log_block);
                        if let Some(kind) = kinds.get(&data.target) {
                            kind.repair(volume, data.target, &mut bytes);
                            self.write(image, data.log_block, &bytes);
                        }
                        sum = crc32_be(sum, &bytes);
                        self.put_tag_sum(&mut block, data.tag, walk.sequence, &bytes);
                    }
                    self.put_tail(&mut block);
                }
                2 => {
                    self.put_commit_sum(&mut block, sum);
                    (sum, walk.sequence) = (!0, walk.sequence.wrapping_add(1));
                }
                5 => self.put_tail(&mut block),
                _ => break,
            }
            self.write(image, position, &block);
        }
        self.repair_fast_commits(image);
    }

    fn walk(&self) -> Walk {
        Walk { position: self.start, left: self.len.min(STEPS_MAX), sequence: self.sequence }
    }

    fn at(&self, log_block: u32) -> Option<u64> {
        self.map.get(&log_block.into()).map(|block| block.saturating_mul(self.block_size as u64))
    }

    fn block(&self, image: &Image, log_block: u32) -> Vec<u8> {
        let mut bytes = vec![0; self.block_size];
        if let Some(at) = self.at(log_block) {
            image.read(at, &mut bytes);
        }
        bytes
    }

    fn write(&self, image: &mut Image, log_block: u32, bytes: &[u8]) {
        if let Some(at) = self.at(log_block) {
            image.write(at, bytes);
        }
    }

    fn put_tag_sum(&self, descriptor: &mut [u8], tag: usize, sequence: u32, data: &[u8]) {
        let sum = crc32c(crc32c(self.seed, &sequence.to_be_bytes()), data);
        if self.incompat & 0x10 != 0 {
            put(descriptor, tag + 12, &sum.to_be_bytes());
        } else if self.incompat & 8 != 0 {
            put(descriptor, tag + 4, &(sum as u16).to_be_bytes());
        }
    }

    fn put_tail(&self, block: &mut [u8]) {
        if self.incompat & 0x18 != 0 {
            let at = block.len() - 4;
            put(block, at, &[0; 4]);
            let sum = crc32c(self.seed, block);
            put(block, at, &sum.to_be_bytes());
        }
    }

    fn put_commit_sum(&self, block: &mut [u8], sum_of_blocks: u32) {
        if self.incompat & 0x18 != 0 {
            put(block, 16, &[0; 4]);
            let sum = crc32c(self.seed, block);
            put(block, 16, &sum.to_be_bytes());
        } else if self.version_1 {
            put(block, 12, &[1, 4]);
            put(block, 16, &sum_of_blocks.to_be_bytes());
        }
    }

    fn repair_fast_commits(&self, image: &mut Image) {
        let mut sum = 0;
        for log_block in self.end.saturating_add(1)..self.len.min(self.end.saturating_add(STEPS_MAX)) {
            let mut block = self.block(image, log_block);
            let mut at = 0;
            while at + 4 <= block.len() {
                let (tag, end) = (le16(&block, at), at + 4 + usize::from(le16(&block, at + 2)));
                if !(1..=9).contains(&tag) || end > block.len() {
                    return;
                }
                if tag == 8 {
                    let value = crc32c(sum, &block[at..(at + 8).min(end)]);
                    put(&mut block, at + 8, &value.to_le_bytes());
                    sum = 0;
                } else {
                    sum = crc32c(sum, &block[at..end]);
                }
                at = end;
            }
            self.write(image, log_block, &block);
        }
    }
}

/// A walk along the log.
struct Walk {
    position: u32,
    left: u32,
    sequence: u32,
}

impl Walk {
    fn advance(&mut self, journal: &Journal) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let position = self.position;
        self.position = if position.saturating_add(1) < journal.end { position + 1 } else { journal.first };
        Some(position)
    }

    /// The next block that begins like one of the log's own.
    fn next_block(&mut self, journal: &Journal, image: &Image) -> Option<(u32, Vec<u8>)> {
        let position = self.advance(journal)?;
        let block = journal.block(image, position);
        (be32(&block, 0) == MAGIC).then_some((position, block))
    }

    /// The blocks behind a descriptor; none behind other blocks.
    fn data(&mut self, journal: &Journal, descriptor: &[u8]) -> Vec<Data> {
        let mut found = Vec::new();
        if be32(descriptor, 4) != 1 {
            return found;
        }
        let (version_3, wide) = (journal.incompat & 0x10 != 0, journal.incompat & 2 != 0);
        let version_2 = journal.incompat & 8 != 0;
        let size = match (version_3, wide) {
            (true, _) => 16,
            (false, wide) => 8 + if wide { 4 } else { 0 } + if version_2 { 2 } else { 0 },
        };
        let mut tag = 12;
        while tag + size <= descriptor.len() {
            let word = be32(descriptor, tag + 4);
            let flags = if version_3 { word } else { word & 0xffff };
            let high = if wide { be32(descriptor, tag + 8) } else { 0 };
            let Some(log_block) = self.advance(journal) else { break };
            let target = u64::from(high) << 32 | u64::from(be32(descriptor, tag));
            found.push(Data { log_block, target, tag });
            if flags & 8 != 0 {
                break;
            }
            tag += size + if flags & 2 == 0 { 16 } else { 0 };
        }
        found
    }
}
