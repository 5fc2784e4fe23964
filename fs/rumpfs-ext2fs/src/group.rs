//! Group descriptors: where they are, whether they are right, and what they say.
//!
//! They are loaded when first needed. One that is damaged is looked up in its backups. Where no checksum is right,
//! an inode table at a possible place is used all the same, and the log says so: its inodes may have checksums
//! of their own. Else only the inodes of that group cannot be read.

use crate::error::{Error, Place};
use crate::features::{Incompat, RoCompat};
use crate::layout;
use crate::superblock::Superblock;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, GroupNo};
use crate::volume::Volume;
use alloc::format;
use rump_checksum::{crc16, crc32c};
use zerocopy::FromBytes;

const CHECKSUM_AT: usize = 0x1e;

/// Of `bg_flags`: the inode bitmap and table were never written, all inodes are free.
pub const INODE_UNINIT: u16 = 1;
/// Of `bg_flags`: the block bitmap was never written, only metadata of the group is in use.
pub const BLOCK_UNINIT: u16 = 2;
/// Of `bg_flags`: the inode table is zeroed on the device.
pub const INODE_ZEROED: u16 = 4;

/// What a descriptor says, without its checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Block of the block bitmap.
    pub block_bitmap: DiskBlock,
    /// Block of the inode bitmap.
    pub inode_bitmap: DiskBlock,
    /// First block of the inode table.
    pub inode_table: DiskBlock,
    /// Free clusters.
    pub free_clusters: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// Directories.
    pub used_dirs: u32,
    /// Inodes at the end of the table that were never used.
    pub unused_inodes: u32,
    /// Flags.
    pub flags: u16,
}

impl Descriptor {
    /// Reads the fields of a descriptor of 32 bytes or more.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (low, rest) = layout::GroupDesc::read_from_prefix(bytes).ok()?;
        let high = layout::GroupDesc64::read_from_prefix(rest).ok().map(|(high, _)| high);
        let block =
            |low: u32, high: Option<u32>| DiskBlock(u64::from(low) | u64::from(high.unwrap_or(0)) << 32);
        let count = |low: u16, high: Option<u16>| u32::from(low) | u32::from(high.unwrap_or(0)) << 16;
        let wide = high.as_ref();
        Some(Self {
            block_bitmap: block(low.bg_block_bitmap_lo.get(), wide.map(|h| h.bg_block_bitmap_hi.get())),
            inode_bitmap: block(low.bg_inode_bitmap_lo.get(), wide.map(|h| h.bg_inode_bitmap_hi.get())),
            inode_table: block(low.bg_inode_table_lo.get(), wide.map(|h| h.bg_inode_table_hi.get())),
            free_clusters: count(
                low.bg_free_blocks_count_lo.get(),
                wide.map(|h| h.bg_free_blocks_count_hi.get()),
            ),
            free_inodes: count(
                low.bg_free_inodes_count_lo.get(),
                wide.map(|h| h.bg_free_inodes_count_hi.get()),
            ),
            used_dirs: count(low.bg_used_dirs_count_lo.get(), wide.map(|h| h.bg_used_dirs_count_hi.get())),
            unused_inodes: count(low.bg_itable_unused_lo.get(), wide.map(|h| h.bg_itable_unused_hi.get())),
            flags: low.bg_flags.get(),
        })
    }

    /// Writes the places into a new descriptor.
    pub fn emit_places(&self, bytes: &mut [u8]) {
        let Ok((low, rest)) = layout::GroupDesc::mut_from_prefix(bytes) else { return };
        low.bg_block_bitmap_lo.set(self.block_bitmap.0 as u32);
        low.bg_inode_bitmap_lo.set(self.inode_bitmap.0 as u32);
        low.bg_inode_table_lo.set(self.inode_table.0 as u32);
        let Ok((high, _)) = layout::GroupDesc64::mut_from_prefix(rest) else { return };
        high.bg_block_bitmap_hi.set((self.block_bitmap.0 >> 32) as u32);
        high.bg_inode_bitmap_hi.set((self.inode_bitmap.0 >> 32) as u32);
        high.bg_inode_table_hi.set((self.inode_table.0 >> 32) as u32);
    }

    /// Writes counts and flags into a descriptor; the places never change.
    pub fn emit(&self, bytes: &mut [u8]) {
        let Ok((low, rest)) = layout::GroupDesc::mut_from_prefix(bytes) else { return };
        low.bg_free_blocks_count_lo.set(self.free_clusters as u16);
        low.bg_free_inodes_count_lo.set(self.free_inodes as u16);
        low.bg_used_dirs_count_lo.set(self.used_dirs as u16);
        low.bg_itable_unused_lo.set(self.unused_inodes as u16);
        low.bg_flags.set(self.flags);
        let Ok((high, _)) = layout::GroupDesc64::mut_from_prefix(rest) else { return };
        high.bg_free_blocks_count_hi.set((self.free_clusters >> 16) as u16);
        high.bg_free_inodes_count_hi.set((self.free_inodes >> 16) as u16);
        high.bg_used_dirs_count_hi.set((self.used_dirs >> 16) as u16);
        high.bg_itable_unused_hi.set((self.unused_inodes >> 16) as u16);
    }
}

/// The block that holds a group's descriptor, and the byte in it where it begins.
pub fn place(volume: &Volume, group: GroupNo) -> (DiskBlock, usize) {
    let superblock = volume.superblock();
    let per_block = u64::from(superblock.block_size()) / u64::from(superblock.desc_size);
    let block = descriptor_block(superblock, volume.descriptor_base(), group);
    (block, (group.0 % per_block) as usize * usize::from(superblock.desc_size))
}

/// Reads a descriptor for writing: it must be right, since what is given out by a wrong one may have an owner.
/// Errors: EFTYPE (damaged), EIO.
pub fn read(volume: &Volume, group: GroupNo) -> Result<Descriptor, Error> {
    let superblock = volume.superblock();
    let (at, offset) = place(volume, group);
    let block = volume.read_block(at)?;
    let bytes = block.get(offset..offset + usize::from(superblock.desc_size));
    let bytes = bytes.ok_or_else(|| damaged(group, 0, "cut short"))?;
    let descriptor = Descriptor::parse(bytes).ok_or_else(|| damaged(group, 0, "cut short"))?;
    if block.is_checked() {
        return Ok(descriptor);
    }
    if !checksum_is_right(superblock, group, bytes) {
        return Err(damaged(group, CHECKSUM_AT as u64, "wrong checksum"));
    }
    check_table(superblock, group, descriptor.inode_table.0)?;
    for (name, block) in
        [("block bitmap", descriptor.block_bitmap), ("inode bitmap", descriptor.inode_bitmap)]
    {
        if block.0 <= u64::from(superblock.raw.s_first_data_block.get()) || block.0 >= superblock.blocks {
            return Err(damaged(group, 0, format!("{name} at {block}")));
        }
    }
    Ok(descriptor)
}

/// Changes a descriptor's counts and flags. Errors: EFTYPE, EIO.
pub fn update<R>(
    handle: &mut Handle<'_>,
    group: GroupNo,
    change: impl FnOnce(&mut Descriptor) -> R,
) -> Result<R, Error> {
    let mut descriptor = read(handle.volume(), group)?;
    let answer = change(&mut descriptor);
    let (block, at) = place(handle.volume(), group);
    // Behind a short descriptor there is the next one, not an upper half.
    let end = at + usize::from(handle.volume().superblock().desc_size);
    handle.modify_part(block, Kind::Plain, at..end, |bytes| descriptor.emit(bytes))?;
    handle.touch_group(group);
    Ok(answer)
}

/// Puts the checksum of a bitmap into its group's descriptor.
pub fn set_bitmap_checksum(desc: &mut [u8], bitmap: Bitmap, sum: u32) {
    let Ok((low, rest)) = layout::GroupDesc::mut_from_prefix(desc) else { return };
    let high = layout::GroupDesc64::mut_from_prefix(rest).ok().map(|(high, _)| high);
    match bitmap {
        Bitmap::Blocks => low.bg_block_bitmap_csum_lo.set(sum as u16),
        Bitmap::Inodes => low.bg_inode_bitmap_csum_lo.set(sum as u16),
    }
    match (bitmap, high) {
        (Bitmap::Blocks, Some(high)) => high.bg_block_bitmap_csum_hi.set((sum >> 16) as u16),
        (Bitmap::Inodes, Some(high)) => high.bg_inode_bitmap_csum_hi.set((sum >> 16) as u16),
        (_, None) => {}
    }
}

/// The checksum of a bitmap that a descriptor holds, and whether it has all 32 bits.
pub fn bitmap_checksum(desc: &[u8], bitmap: Bitmap) -> Option<(u32, bool)> {
    let (low, rest) = layout::GroupDesc::ref_from_prefix(desc).ok()?;
    let high = layout::GroupDesc64::ref_from_prefix(rest).ok().map(|(high, _)| high);
    let (low, high) = match bitmap {
        Bitmap::Blocks => (low.bg_block_bitmap_csum_lo, high.map(|high| high.bg_block_bitmap_csum_hi)),
        Bitmap::Inodes => (low.bg_inode_bitmap_csum_lo, high.map(|high| high.bg_inode_bitmap_csum_hi)),
    };
    Some((u32::from(low.get()) | u32::from(high.map_or(0, |high| high.get())) << 16, high.is_some()))
}

/// Which of a group's bitmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bitmap {
    /// Of clusters.
    Blocks,
    /// Of inodes.
    Inodes,
}

/// Makes the checksum of a descriptor anew.
pub fn seal(superblock: &Superblock, group: GroupNo, desc: &mut [u8]) {
    if let Some(sum) = checksum(superblock, group, desc) {
        desc[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&sum.to_le_bytes());
    }
}

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
    checksum(superblock, group, bytes).is_none_or(|sum| sum == stored)
}

/// The checksum that a descriptor should have; `None` where the format has none.
fn checksum(superblock: &Superblock, group: GroupNo, bytes: &[u8]) -> Option<u16> {
    let number = (group.0 as u32).to_le_bytes();
    let (before, after) = (&bytes[..CHECKSUM_AT], &bytes[CHECKSUM_AT + 2..]);
    if superblock.features.has_metadata_checksums() {
        let sum = crc32c(crc32c(superblock.checksum_seed, &number), before);
        return Some(crc32c(crc32c(sum, &[0, 0]), after) as u16);
    }
    if superblock.features.ro_compat.contains(RoCompat::GDT_CSUM) {
        let sum = crc16(crc16(crc16(!0, &superblock.raw.s_uuid), &number), before);
        return Some(crc16(sum, after));
    }
    None
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
