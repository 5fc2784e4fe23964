//! Inodes and the blocks that they lead to.

use super::volume::Volume;
use super::{Kinds, le16, le32, put};
use crate::image::Image;
use rump_checksum::crc32c;
use std::collections::HashMap;

/// Blocks that one inode may lead to, and blocks of all inode tables.
const BLOCKS_MAX: usize = 4096;
const TABLE_BLOCKS_MAX: usize = 4096;
const EXTENT_DEPTH_MAX: u16 = 5;

const FLAG_INDEX: u32 = 0x1000;
const FLAG_EXTENTS: u32 = 0x8_0000;
const FLAG_INLINE: u32 = 0x1000_0000;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inodes from this number on.
    Inodes(u32),
    /// A directory's block, with the seed of its inode.
    Leaf { seed: u32, indexed: bool, first: bool },
    /// A node of an extent tree.
    Extents { seed: u32 },
    /// Extended attributes.
    Attributes,
}

impl Kind {
    /// Makes the checksums in a block of this kind right.
    pub fn repair(self, volume: &Volume, block: u64, bytes: &mut [u8]) {
        if !volume.checksums {
            return;
        }
        match self {
            Self::Inodes(first) => {
                for (number, raw) in (first..).zip(bytes.chunks_exact_mut(volume.inode_size)) {
                    repair_inode(volume, number, raw);
                }
            }
            Self::Leaf { seed, indexed, first } => repair_leaf(seed, indexed, first, bytes),
            Self::Extents { seed } => {
                let end = (usize::from(le16(bytes, 4)) + 1) * 12;
                if let Some(body) = bytes.get(..end) {
                    let sum = crc32c(seed, body);
                    put(bytes, end, &sum.to_le_bytes());
                }
            }
            Self::Attributes => {
                bytes[16..20].fill(0);
                let sum = crc32c(crc32c(volume.seed, &block.to_le_bytes()), bytes);
                put(bytes, 16, &sum.to_le_bytes());
            }
        }
    }
}

fn seed_of(volume: &Volume, number: u32, raw: &[u8]) -> u32 {
    crc32c(crc32c(volume.seed, &number.to_le_bytes()), &raw[0x64..0x68])
}

fn repair_inode(volume: &Volume, number: u32, raw: &mut [u8]) {
    if raw.iter().all(|byte| *byte == 0) {
        return;
    }
    let wide = raw.len() > 128 && le16(raw, 0x80) >= 4;
    put(raw, 0x7c, &[0; 2]);
    if wide {
        put(raw, 0x82, &[0; 2]);
    }
    let sum = crc32c(seed_of(volume, number, raw), raw).to_le_bytes();
    put(raw, 0x7c, &sum[..2]);
    if wide {
        put(raw, 0x82, &sum[2..]);
    }
}

fn repair_leaf(seed: u32, indexed: bool, first: bool, bytes: &mut [u8]) {
    let whole = usize::from(le16(bytes, 4)) == bytes.len() && le32(bytes, 0) == 0;
    let records = match (indexed, first, whole) {
        (true, true, _) => 0x20,
        (true, false, true) => 8,
        _ => {
            let body = bytes.len() - 12;
            let sum = crc32c(seed, &bytes[..body]).to_le_bytes();
            put(bytes, body, &[0, 0, 0, 0, 12, 0, 0, 0xde, sum[0], sum[1], sum[2], sum[3]]);
            return;
        }
    };
    let (limit, count) = (usize::from(le16(bytes, records)), usize::from(le16(bytes, records + 2)));
    let tail = records + limit * 8;
    if count <= limit && tail + 8 <= bytes.len() {
        let sum = crc32c(crc32c(seed, &bytes[..records + count * 8]), &bytes[tail..tail + 4]);
        put(bytes, tail + 4, &crc32c(sum, &[0; 4]).to_le_bytes());
    }
}

/// Collects what the blocks of a volume hold.
pub struct Finder<'a> {
    volume: &'a Volume,
    kinds: Kinds,
    journal_map: HashMap<u64, u64>,
}

impl<'a> Finder<'a> {
    pub fn new(volume: &'a Volume) -> Self {
        Self { volume, kinds: HashMap::new(), journal_map: HashMap::new() }
    }

    /// The answer.
    pub fn into_kinds(self) -> Kinds {
        self.kinds
    }

    /// The volume's block of each block of the journal.
    pub fn journal_map(&self) -> &HashMap<u64, u64> {
        &self.journal_map
    }

    /// Goes through all inode tables.
    pub fn read_tables(&mut self, image: &Image) {
        let per_block = (self.volume.block_size / self.volume.inode_size).max(1) as u64;
        let len = u64::from(self.volume.inodes_per_group).div_ceil(per_block);
        let mut bytes = vec![0; self.volume.block_size];
        let mut left = TABLE_BLOCKS_MAX;
        for (group, table) in (0_u64..).zip(self.volume.inode_tables(image)) {
            for index in 0..len {
                if left == 0 {
                    return;
                }
                left -= 1;
                let first = group * u64::from(self.volume.inodes_per_group) + index * per_block + 1;
                let block = table.saturating_add(index);
                self.kinds.insert(block, Kind::Inodes(first as u32));
                image.read(block.saturating_mul(self.volume.block_size as u64), &mut bytes);
                self.read_table_block(image, block, &bytes);
            }
        }
    }

    /// Goes through the inodes in `bytes`, a copy of `block`, if that belongs to an inode table.
    pub fn read_table_block(&mut self, image: &Image, block: u64, bytes: &[u8]) {
        if let Some(&Kind::Inodes(first)) = self.kinds.get(&block) {
            for (number, raw) in (first..).zip(bytes.chunks_exact(self.volume.inode_size)) {
                self.read_inode(image, number, raw);
            }
        }
    }

    fn read_inode(&mut self, image: &Image, number: u32, raw: &[u8]) {
        let mode = le16(raw, 0);
        if mode == 0 && le16(raw, 0x1a) == 0 {
            return;
        }
        let attributes = u64::from(le32(raw, 0x68)) | u64::from(le16(raw, 0x76)) << 32;
        if attributes != 0 {
            self.kinds.entry(attributes).or_insert(Kind::Attributes);
        }
        let flags = le32(raw, 0x20);
        let is_link_in_inode = mode & 0xf000 == 0xa000 && le32(raw, 4) < 60;
        if flags & FLAG_INLINE != 0 || is_link_in_inode || !matches!(mode & 0xf000, 0x4000 | 0x8000 | 0xa000)
        {
            return;
        }
        let seed = seed_of(self.volume, number, raw);
        let mut runs =
            Runs { image, volume: self.volume, left: BLOCKS_MAX, runs: Vec::new(), nodes: Vec::new() };
        if flags & FLAG_EXTENTS != 0 {
            runs.extents(&raw[0x28..0x64], EXTENT_DEPTH_MAX);
        } else {
            runs.indirect(&raw[0x28..0x64]);
        }
        let Runs { runs, nodes, .. } = runs;
        for node in nodes {
            self.kinds.entry(node).or_insert(Kind::Extents { seed });
        }
        if mode & 0xf000 == 0x4000 {
            let indexed = flags & FLAG_INDEX != 0;
            for (logical, block) in &runs {
                self.kinds.entry(*block).or_insert(Kind::Leaf { seed, indexed, first: *logical == 0 });
            }
        }
        if number == self.volume.journal_inode {
            self.journal_map = runs.into_iter().collect();
        }
    }
}

/// The blocks of one file.
struct Runs<'a> {
    image: &'a Image,
    volume: &'a Volume,
    left: usize,
    runs: Vec<(u64, u64)>,
    nodes: Vec<u64>,
}

impl Runs<'_> {
    fn block(&self, number: u64) -> Vec<u8> {
        let mut bytes = vec![0; self.volume.block_size];
        self.image.read(number.saturating_mul(self.volume.block_size as u64), &mut bytes);
        bytes
    }

    fn push(&mut self, logical: u64, block: u64, count: u64) {
        let count = count.min(self.left as u64);
        self.left -= count as usize;
        self.runs.extend((0..count).map(|index| (logical + index, block + index)));
    }

    fn extents(&mut self, node: &[u8], depth_left: u16) {
        let (entries, depth) = (usize::from(le16(node, 2)), le16(node, 6));
        if le16(node, 0) != 0xf30a || (depth > 0 && depth_left == 0) {
            return;
        }
        for record in node.chunks_exact(12).skip(1).take(entries) {
            let logical = u64::from(le32(record, 0));
            if depth == 0 {
                let coded = le16(record, 4);
                let count = if coded > 0x8000 { coded - 0x8000 } else { coded };
                let block = u64::from(le16(record, 6)) << 32 | u64::from(le32(record, 8));
                self.push(logical, block, count.into());
            } else if self.left > 0 {
                self.left -= 1;
                let child = u64::from(le16(record, 8)) << 32 | u64::from(le32(record, 4));
                self.nodes.push(child);
                self.extents(&self.block(child), depth_left - 1);
            }
        }
    }

    fn indirect(&mut self, map: &[u8]) {
        let per_block = (self.volume.block_size / 4) as u64;
        let mut logical = 0;
        for (slot, entry) in map.chunks_exact(4).enumerate() {
            let level = slot.saturating_sub(11) as u32;
            let span = per_block.pow(level);
            self.indirect_entry(u64::from(le32(entry, 0)), logical, level);
            logical += span;
        }
    }

    fn indirect_entry(&mut self, block: u64, logical: u64, level: u32) {
        if block == 0 || self.left == 0 {
            return;
        }
        if level == 0 {
            return self.push(logical, block, 1);
        }
        self.left -= 1;
        let span = ((self.volume.block_size / 4) as u64).pow(level - 1);
        for (index, entry) in (0_u64..).zip(self.block(block).chunks_exact(4)) {
            self.indirect_entry(u64::from(le32(entry, 0)), logical + index * span, level - 1);
        }
    }
}
