//! Makes the checksums of a mutated ext image right again, so that the mutation reaches the code behind them.
//!
//! Reference: kernel documentation, "ext4 Data Structures and Algorithms", section "Checksums". Structures are
//! found through the mutated fields, as a reader would find them; what cannot be found stays as it is. Every
//! walk is bounded, for the image may be anything.

mod inodes;
mod journal;
mod volume;

use crate::image::Image;
use inodes::Kind;
use std::collections::HashMap;
use volume::Volume;

/// Repairs superblock, descriptors, inodes, directory blocks, extent nodes, attribute blocks, and the journal.
pub fn repair(image: &mut Image) {
    let Some(volume) = Volume::read(image) else { return };
    volume.repair_superblock(image);
    volume.repair_descriptors(image);
    let mut finder = inodes::Finder::new(&volume);
    finder.read_tables(image);
    let journal = journal::Journal::read(image, &volume, &finder);
    if let Some(journal) = &journal {
        journal.each_data_block(image, |target, bytes| finder.read_table_block(image, target, bytes));
    }
    let kinds = finder.into_kinds();
    for (&block, &kind) in &kinds {
        repair_block(image, &volume, block, kind);
    }
    if let Some(journal) = journal {
        journal.repair(image, &volume, &kinds);
    }
}

fn repair_block(image: &mut Image, volume: &Volume, block: u64, kind: Kind) {
    let mut bytes = vec![0; volume.block_size];
    let at = block.saturating_mul(volume.block_size as u64);
    image.read(at, &mut bytes);
    kind.repair(volume, block, &mut bytes);
    image.write(at, &bytes);
}

/// Which blocks hold what.
type Kinds = HashMap<u64, Kind>;

fn le16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |word| u16::from_le_bytes([word[0], word[1]]))
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    le32(bytes, at).swap_bytes()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = bytes.get_mut(at..at + value.len()) {
        field.copy_from_slice(value);
    }
}
