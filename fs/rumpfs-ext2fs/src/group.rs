//! Group descriptors: where they are, whether they are right, and what is needed of them for reading.
//!
//! They are loaded when first needed. One that is damaged is looked up in its backups. Where no checksum is right,
//! an inode table at a possible place is used all the same, and the log says so: its inodes may have checksums
//! of their own. Else only the inodes of that group cannot be read.

use crate::error::{Error, Place};
use crate::features::{Incompat, RoCompat};
use crate::layout;
use crate::superblock::Superblock;
use crate::units::{DiskBlock, GroupNo};
use crate::volume::Volume;
use alloc::format;
use rump_checksum::{crc16, crc32c};
use zerocopy::FromBytes;

const CHECKSUM_AT: usize = 0x1e;

/// Where a group's inode table is, and how far that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InodeTable {
    /// Its first block.
    pub start: DiskBlock,
    /// Whether a descriptor with the right checksum says so.
    pub sound: bool,
}

/// Reads the place of a group's inode table: from the first copy of the descriptor that is right, else from the
/// first that is possible.
pub fn read_inode_table(volume: &Volume, group: GroupNo) -> Result<InodeTable, Error> {
    let superblock = volume.superblock();
    let first = descriptor_block(superblock, volume.descriptor_base(), group);
    let mut possible = None;
    let mut failure = None;
    for block in core::iter::once(first).chain(backup_blocks(superblock, group)) {
        let copy = read_copy(volume, block, group)
            .and_then(|(table, sound)| check_table(superblock, group, table).map(|()| (table, sound)));
        match copy {
            Ok((table, true)) => return Ok(InodeTable { start: DiskBlock(table), sound: true }),
            Ok((table, false)) => {
                possible.get_or_insert(table);
            }
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    match (possible, failure) {
        (Some(table), _) => Ok(InodeTable { start: DiskBlock(table), sound: false }),
        (None, Some(error)) => Err(error),
        (None, None) => Err(damaged(group, 0, "no copy")),
    }
}

/// The inode table's place in one copy of a descriptor, and whether its checksum is right.
fn read_copy(volume: &Volume, block: DiskBlock, group: GroupNo) -> Result<(u64, bool), Error> {
    let superblock = volume.superblock();
    let size = usize::from(superblock.desc_size);
    let per_block = u64::from(superblock.block_size()) / u64::from(superblock.desc_size);
    let bytes = volume.read_block(block)?;
    let at = (group.0 % per_block) as usize * size;
    let bytes = bytes.get(at..at + size).ok_or_else(|| damaged(group, 0, "cut short"))?;
    let table = inode_table(bytes).ok_or_else(|| damaged(group, 0, "cut short"))?;
    Ok((table, checksum_is_right(superblock, group, bytes)))
}

fn check_table(superblock: &Superblock, group: GroupNo, table: u64) -> Result<(), Error> {
    let blocks = (u64::from(superblock.raw.s_inodes_per_group.get()) * u64::from(superblock.inode_size))
        .div_ceil(u64::from(superblock.block_size()));
    let first = u64::from(superblock.raw.s_first_data_block.get());
    let fits = table > first && table.checked_add(blocks).is_some_and(|end| end <= superblock.blocks);
    if fits { Ok(()) } else { Err(damaged(group, 8, format!("inode table at block {table}"))) }
}

fn inode_table(bytes: &[u8]) -> Option<u64> {
    let (low, rest) = layout::GroupDesc::read_from_prefix(bytes).ok()?;
    let high =
        layout::GroupDesc64::read_from_prefix(rest).map_or(0, |(desc, _)| desc.bg_inode_table_hi.get());
    Some(u64::from(low.bg_inode_table_lo.get()) | u64::from(high) << 32)
}

fn checksum_is_right(superblock: &Superblock, group: GroupNo, bytes: &[u8]) -> bool {
    let stored = u16::from_le_bytes([bytes[CHECKSUM_AT], bytes[CHECKSUM_AT + 1]]);
    let number = (group.0 as u32).to_le_bytes();
    let (before, after) = (&bytes[..CHECKSUM_AT], &bytes[CHECKSUM_AT + 2..]);
    if superblock.features.has_metadata_checksums() {
        let sum = crc32c(crc32c(superblock.checksum_seed, &number), before);
        return crc32c(crc32c(sum, &[0, 0]), after) as u16 == stored;
    }
    if superblock.features.ro_compat.contains(RoCompat::GDT_CSUM) {
        let sum = crc16(crc16(crc16(!0, &superblock.raw.s_uuid), &number), before);
        return crc16(sum, after) == stored;
    }
    true
}

/// The block of a descriptor; `base` is the block of the superblock in use.
fn descriptor_block(superblock: &Superblock, base: DiskBlock, group: GroupNo) -> DiskBlock {
    let per_block = u64::from(superblock.block_size()) / u64::from(superblock.desc_size);
    let index = group.0 / per_block;
    let meta = superblock.features.incompat.contains(Incompat::META_BG);
    if !meta || index < u64::from(superblock.raw.s_first_meta_bg.get()) {
        return DiskBlock(base.0 + 1 + index);
    }
    let holder = GroupNo(index * per_block);
    let mut block = superblock.group_start(holder) + u64::from(superblock.group_has_superblock(holder));
    if holder.0 == 0 && superblock.block_size() == 1024 && superblock.raw.s_first_data_block.get() == 0 {
        // A volume of 1 KiB clusters counts from block 0, but its superblock is in block 1.
        block += 1;
    }
    DiskBlock(block)
}

/// The blocks of a descriptor's other copies: behind the backups of the superblock, or with meta_bg in the second
/// and the last group of the same set.
fn backup_blocks(superblock: &Superblock, group: GroupNo) -> impl Iterator<Item = DiskBlock> + use<'_> {
    let per_block = u64::from(superblock.block_size()) / u64::from(superblock.desc_size);
    let index = group.0 / per_block;
    let meta = superblock.features.incompat.contains(Incompat::META_BG)
        && index >= u64::from(superblock.raw.s_first_meta_bg.get());
    let [low, high] = superblock.raw.s_backup_bgs.each_ref().map(|backup| u64::from(backup.get()));
    let start = index * per_block;
    let holders = if meta { [start + 1, start + per_block - 1, 0, 0, 0] } else { [1, 3, 5, low, high] };
    holders.into_iter().map(GroupNo).filter_map(move |holder| {
        let has_superblock = superblock.group_has_superblock(holder);
        if holder.0 == 0 || holder.0 >= superblock.groups || (!meta && !has_superblock) {
            return None;
        }
        let behind = superblock.group_start(holder) + u64::from(has_superblock);
        Some(DiskBlock(if meta { behind } else { behind + index }))
    })
}

fn damaged(group: GroupNo, offset: u64, why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::corrupt("group descriptor", Place::Group(group), offset, why)
}
