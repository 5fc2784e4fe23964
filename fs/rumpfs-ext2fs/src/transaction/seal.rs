//! Checksums of changed blocks, made once before a commit and not at every change.

use super::Running;
use crate::group::{self, Bitmap};
use crate::layout;
use crate::units::{DiskBlock, Extent, GroupNo};
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use zerocopy::FromBytes;

/// What a changed block is, as far as its checksum is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Without a checksum of its own: inode tables (inodes have theirs), descriptors, block pointers, targets.
    Plain,
    /// Holds the primary superblock.
    Superblock,
    /// The block bitmap of a group.
    BlockBitmap(GroupNo),
    /// The inode bitmap of a group.
    InodeBitmap(GroupNo),
    /// A node of an extent tree; the seed is the inode's.
    ExtentNode(u32),
    /// Directory entries with a tail; the seed is the inode's.
    DirLeaf(u32),
    /// A node of a hash tree whose records begin at this offset; the seed is the inode's.
    DirNode(u32, u16),
    /// Extended attributes.
    Xattrs,
    /// A block of the orphan file; the seed is the inode's.
    OrphanFile(u32),
    /// Content of a file, which is not kept once it is home.
    Content,
}

impl Kind {
    /// Whether it is written behind everything else where there is no journal: names come last, so that a name
    /// never leads to what is not there yet.
    pub fn is_last(self) -> bool {
        matches!(self, Self::DirLeaf(_) | Self::DirNode(..))
    }
}

/// A transaction that takes no more changes: what a commit makes durable.
pub struct Sealed {
    /// Its number.
    pub number: u32,
    /// Blocks with their new content, in order of number.
    pub blocks: Vec<(u64, Kind, Arc<[u8]>)>,
    /// Blocks of metadata that were freed, in order.
    pub revoked: Vec<u64>,
    /// All that was freed.
    pub freed: Vec<Extent>,
}

/// Ends the running transaction and begins the next.
pub fn seal(volume: &Volume, running: &mut Running) -> Sealed {
    let cache = volume.cache();
    let home = volume.superblock().primary_block();
    if cache.begin_change(home.0).is_some() && running.blocks.insert(home.0, Kind::Superblock).is_some() {
        cache.unpin(home.0);
    }
    let mut blocks: Vec<(u64, Kind)> = running.blocks.drain().collect();
    blocks.sort_unstable_by_key(|(block, _)| *block);
    if volume.features().has_metadata_checksums() {
        for (block, kind) in &blocks {
            seal_block(volume, DiskBlock(*block), *kind);
        }
    }
    for group in running.groups.drain() {
        let (block, at) = group::place(volume, group);
        let size = usize::from(volume.superblock().desc_size);
        cache.change(block.0, |bytes| group::seal(volume.superblock(), group, &mut bytes[at..at + size]));
    }
    cache.change(home.0, |bytes| seal_superblock(volume, running, bytes));
    let content = |(block, kind)| cache.find(block).map(|found| (block, kind, found.bytes().clone()));
    let mut revoked: Vec<u64> = running.revoked.drain().collect();
    revoked.sort_unstable();
    let sealed = Sealed {
        number: running.number,
        blocks: blocks.into_iter().filter_map(content).collect(),
        revoked,
        freed: core::mem::take(&mut running.freed),
    };
    running.number = running.number.wrapping_add(1);
    sealed
}

fn seal_superblock(volume: &Volume, running: &Running, bytes: &mut [u8]) {
    let at = crate::superblock::offset_in_block(volume.superblock());
    let Some(Ok(raw)) = bytes.get_mut(at..at + 1024).map(layout::Superblock::mut_from_bytes) else { return };
    let free = running.space.free_clusters() << volume.superblock().cluster_ratio_bits();
    raw.s_free_blocks_count_lo.set(free as u32);
    if volume.features().incompat.contains(crate::features::Incompat::SIXTY_FOUR_BIT) {
        raw.s_free_blocks_count_hi.set((free >> 32) as u32);
    }
    raw.s_free_inodes_count.set(running.space.free_inodes() as u32);
    raw.s_wtime.set(running.since.sec as u32);
    crate::superblock::seal(volume.features(), &mut bytes[at..at + 1024]);
}

fn seal_block(volume: &Volume, block: DiskBlock, kind: Kind) {
    let cache = volume.cache();
    let superblock = volume.superblock();
    let seed = superblock.checksum_seed;
    match kind {
        Kind::Plain | Kind::Superblock | Kind::Content => {}
        Kind::BlockBitmap(group) => {
            let bits = superblock.raw.s_clusters_per_group.get();
            seal_bitmap(volume, block, group, Bitmap::Blocks, bits);
        }
        Kind::InodeBitmap(group) => {
            let bits = superblock.raw.s_inodes_per_group.get();
            seal_bitmap(volume, block, group, Bitmap::Inodes, bits);
        }
        Kind::ExtentNode(seed) => drop(cache.change(block.0, |bytes| {
            let max = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
            put_sum(bytes, 12 * (max + 1), |body| crc32c(seed, body));
        })),
        Kind::DirLeaf(seed) => drop(cache.change(block.0, |bytes| {
            let tail = bytes.len() - 12;
            let sum = crc32c(seed, &bytes[..tail]);
            bytes[tail + 8..].copy_from_slice(&sum.to_le_bytes());
        })),
        Kind::DirNode(seed, records) => drop(cache.change(block.0, |bytes| {
            seal_dir_node(seed, usize::from(records), bytes);
        })),
        Kind::Xattrs => drop(cache.change(block.0, |bytes| {
            bytes[16..20].fill(0);
            let sum = crc32c(crc32c(seed, &block.0.to_le_bytes()), bytes);
            bytes[16..20].copy_from_slice(&sum.to_le_bytes());
        })),
        Kind::OrphanFile(seed) => drop(cache.change(block.0, |bytes| {
            let tail = bytes.len() - 8;
            let sum = crc32c(crc32c(seed, &block.0.to_le_bytes()), &bytes[..tail]);
            bytes[tail + 4..].copy_from_slice(&sum.to_le_bytes());
        })),
    }
}

/// Puts a sum over what is before `at` there.
fn put_sum(bytes: &mut [u8], at: usize, sum: impl FnOnce(&[u8]) -> u32) {
    let Some((body, tail)) = bytes.split_at_mut_checked(at) else { return };
    if let Some(place) = tail.first_chunk_mut() {
        *place = sum(body).to_le_bytes();
    }
}

/// The records say how many fit and how many there are; the tail is behind those that fit.
fn seal_dir_node(seed: u32, records: usize, bytes: &mut [u8]) {
    let word = |at: usize| {
        bytes.get(at..at + 2).map_or(0, |word| usize::from(u16::from_le_bytes([word[0], word[1]])))
    };
    let (limit, count) = (word(records), word(records + 2));
    let (body, tail) = (records + count * 8, records + limit * 8);
    let Some(reserved) = bytes.get(tail..tail + 4).and_then(|word| <[u8; 4]>::try_from(word).ok()) else {
        return;
    };
    let Some(body) = bytes.get(..body) else { return };
    let sum = crc32c(crc32c(crc32c(seed, body), &reserved), &[0; 4]);
    if let Some(place) = bytes.get_mut(tail + 4..tail + 8) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

fn seal_bitmap(volume: &Volume, block: DiskBlock, group: GroupNo, bitmap: Bitmap, bits: u32) {
    let Some(bytes) = volume.cache().find(block.0) else { return };
    let len = (bits as usize / 8).min(bytes.len());
    let sum = crc32c(volume.superblock().checksum_seed, &bytes[..len]);
    let (at, offset) = group::place(volume, group);
    let size = usize::from(volume.superblock().desc_size);
    volume.cache().change(at.0, |bytes| {
        group::set_bitmap_checksum(&mut bytes[offset..offset + size], bitmap, sum);
    });
}
