//! Group descriptors: where they are, whether they are right, and what is needed of them for reading.
//!
//! They are loaded when first needed. One that is damaged is looked up in the backup of group 1. Where neither
//! checksum is right, an inode table at a possible place is used all the same: its inodes have checksums of
//! their own. Else only the inodes of that group cannot be read.

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

/// Reads the place of a group's inode table.
pub fn read_inode_table(volume: &Volume, group: GroupNo) -> Result<DiskBlock, Error> {
    let superblock = volume.superblock();
    let (table, sound) =
        read_copy(volume, descriptor_block(superblock, volume.descriptor_base(), group), group)?;
    let right = check_table(superblock, group, table);
    if sound && right.is_ok() {
        return Ok(DiskBlock(table));
    }
    if let Some(Ok((backup, true))) =
        backup_block(superblock, group).map(|block| read_copy(volume, block, group))
    {
        if check_table(superblock, group, backup).is_ok() {
            return Ok(DiskBlock(backup));
        }
    }
    right.map(|()| DiskBlock(table))
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

/// The block of a descriptor's second copy: in group 1, or with meta_bg in the next group of the same set.
fn backup_block(superblock: &Superblock, group: GroupNo) -> Option<DiskBlock> {
    let per_block = u64::from(superblock.block_size()) / u64::from(superblock.desc_size);
    let index = group.0 / per_block;
    let meta = superblock.features.incompat.contains(Incompat::META_BG)
        && index >= u64::from(superblock.raw.s_first_meta_bg.get());
    let holder = GroupNo(if meta { index * per_block + 1 } else { 1 });
    let has_copy = superblock.group_has_superblock(holder);
    if holder.0 >= superblock.groups || (!meta && !has_copy) {
        return None;
    }
    let start = superblock.group_start(holder) + u64::from(has_copy);
    Some(DiskBlock(if meta { start } else { start + index }))
}

fn damaged(group: GroupNo, offset: u64, why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::corrupt("group descriptor", Place::Group(group), offset, why)
}
