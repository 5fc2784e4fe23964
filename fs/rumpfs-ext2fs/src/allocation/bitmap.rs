//! The bitmaps of a group: loaded, checked, made where they were never written; and the search in them.

use crate::error::{Error, Place};
use crate::features::{Incompat, RoCompat};
use crate::group::{self, BLOCK_UNINIT, Bitmap, Descriptor, INODE_UNINIT};
use crate::superblock::Superblock;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, GroupNo};
use crate::volume::Volume;
use rump_checksum::crc32c;

/// Bits of a group's bitmap that stand for something.
pub fn bits(superblock: &Superblock, group: GroupNo, bitmap: Bitmap) -> u32 {
    match bitmap {
        Bitmap::Inodes => superblock.raw.s_inodes_per_group.get(),
        Bitmap::Blocks => {
            let start = superblock.group_start(group);
            let blocks = (superblock.blocks - start).min(superblock.raw.s_blocks_per_group.get().into());
            blocks.div_ceil(1 << superblock.cluster_ratio_bits()) as u32
        }
    }
}

/// Answers the descriptor of a group and the block of its bitmap, which is right and in the cache; one that was
/// never written is made. Errors: EFTYPE (wrong checksum), EIO.
pub fn load(
    handle: &mut Handle<'_>,
    group: GroupNo,
    bitmap: Bitmap,
) -> Result<(Descriptor, DiskBlock), Error> {
    let volume = handle.volume();
    let descriptor = group::read(volume, group)?;
    let (at, flag) = match bitmap {
        Bitmap::Blocks => (descriptor.block_bitmap, BLOCK_UNINIT),
        Bitmap::Inodes => (descriptor.inode_bitmap, INODE_UNINIT),
    };
    let has_flags = volume.features().has_metadata_checksums()
        || volume.features().ro_compat.contains(RoCompat::GDT_CSUM);
    if has_flags && descriptor.flags & flag != 0 {
        let valid = bits(volume.superblock(), group, bitmap);
        handle.create(at, kind(group, bitmap), |bytes| {
            if bitmap == Bitmap::Blocks {
                mark_own_metadata(volume.superblock(), group, &descriptor, bytes);
            }
            set_range(bytes, valid, bytes.len() as u32 * 8);
        });
        let descriptor = group::update(handle, group, |descriptor| {
            descriptor.flags &= !flag;
            *descriptor
        })?;
        return Ok((descriptor, at));
    }
    let block = volume.read_block(at)?;
    volume.verify(at, &block, |bytes| check(volume, group, bitmap, at, bytes))?;
    Ok((descriptor, at))
}

/// What a change of this bitmap is.
pub fn kind(group: GroupNo, bitmap: Bitmap) -> Kind {
    match bitmap {
        Bitmap::Blocks => Kind::BlockBitmap(group),
        Bitmap::Inodes => Kind::InodeBitmap(group),
    }
}

fn check(volume: &Volume, group: GroupNo, bitmap: Bitmap, at: DiskBlock, bytes: &[u8]) -> Result<(), Error> {
    if !volume.features().has_metadata_checksums() {
        return Ok(());
    }
    let (place, offset) = group::place(volume, group);
    let descriptors = volume.read_block(place)?;
    let desc =
        descriptors.get(offset..offset + usize::from(volume.superblock().desc_size)).unwrap_or_default();
    let len = checked_bytes(volume.superblock(), bitmap).min(bytes.len());
    let sum = crc32c(volume.superblock().checksum_seed, &bytes[..len]);
    match group::bitmap_checksum(desc, bitmap) {
        Some((stored, true)) if stored == sum => Ok(()),
        Some((stored, false)) if stored == sum & 0xffff => Ok(()),
        _ => Err(Error::corrupt("bitmap", Place::Block(at), 0, alloc::format!("wrong checksum for {group}"))),
    }
}

/// The bytes of a bitmap that its checksum covers.
pub fn checked_bytes(superblock: &Superblock, bitmap: Bitmap) -> usize {
    let bits = match bitmap {
        Bitmap::Blocks => superblock.raw.s_clusters_per_group.get(),
        Bitmap::Inodes => superblock.raw.s_inodes_per_group.get(),
    };
    bits as usize / 8
}

/// Marks what a group that was never used holds all the same: copies of the superblock and of descriptors, its own
/// bitmaps and inode table. What other groups keep here would have been written, and then so was the bitmap.
fn mark_own_metadata(superblock: &Superblock, group: GroupNo, descriptor: &Descriptor, bytes: &mut [u8]) {
    let start = superblock.group_start(group);
    let end = start + u64::from(superblock.raw.s_blocks_per_group.get());
    let ratio = superblock.cluster_ratio_bits();
    let mut mark = |from: u64, len: u64| {
        let (from, to) = (from.max(start), (from + len).min(end));
        if from < to {
            set_range(bytes, ((from - start) >> ratio) as u32, (to - start).div_ceil(1 << ratio) as u32);
        }
    };
    mark(start, base_blocks(superblock, group));
    mark(descriptor.block_bitmap.0, 1);
    mark(descriptor.inode_bitmap.0, 1);
    mark(descriptor.inode_table.0, inode_table_blocks(superblock));
}

/// Blocks of a group's inode table.
pub fn inode_table_blocks(superblock: &Superblock) -> u64 {
    let bytes = u64::from(superblock.raw.s_inodes_per_group.get()) * u64::from(superblock.inode_size);
    bytes.div_ceil(u64::from(superblock.block_size()))
}

/// Blocks at the begin of a group for copies of the superblock and of descriptors, and those kept for more of them.
pub fn base_blocks(superblock: &Superblock, group: GroupNo) -> u64 {
    let per_block = u64::from(superblock.block_size()) / u64::from(superblock.desc_size);
    let first_meta = u64::from(superblock.raw.s_first_meta_bg.get());
    let meta = superblock.features.incompat.contains(Incompat::META_BG);
    let copy = u64::from(superblock.group_has_superblock(group));
    if meta && group.0 / per_block >= first_meta {
        let index = group.0 % per_block;
        return copy + u64::from(index <= 1 || index == per_block - 1);
    }
    if copy == 0 {
        return 0;
    }
    let descriptors = if meta { first_meta } else { superblock.groups.div_ceil(per_block) };
    1 + descriptors + u64::from(superblock.raw.s_reserved_gdt_blocks.get())
}

/// Sets the bits `start..end`.
pub fn set_range(bytes: &mut [u8], start: u32, end: u32) {
    each_byte(bytes, start, end, |byte, mask| *byte |= mask);
}

/// Clears the bits `start..end`.
pub fn clear_range(bytes: &mut [u8], start: u32, end: u32) {
    each_byte(bytes, start, end, |byte, mask| *byte &= !mask);
}

/// Whether all bits of `start..end` are as asked for.
pub fn all_are(bytes: &[u8], start: u32, end: u32, set: bool) -> bool {
    find(bytes, start, end, !set).is_none() && end as usize <= bytes.len() * 8
}

fn each_byte(bytes: &mut [u8], start: u32, end: u32, mut change: impl FnMut(&mut u8, u8)) {
    let end = end.min(bytes.len() as u32 * 8);
    let mut at = start;
    while at < end {
        let stop = (at / 8 * 8 + 8).min(end);
        let mask = ((1u16 << (stop - at)) - 1) << (at % 8);
        change(&mut bytes[at as usize / 8], mask as u8);
        at = stop;
    }
}

/// The first bit in `start..end` that is set, or clear, as asked for.
pub fn find(bytes: &[u8], start: u32, end: u32, set: bool) -> Option<u32> {
    let end = end.min(bytes.len() as u32 * 8);
    let mut at = start;
    while at < end {
        let base = at / 64 * 64;
        let word = word(bytes, base as usize / 8);
        let wanted = if set { word } else { !word } & (!0 << (at % 64));
        if wanted != 0 {
            return Some(base + wanted.trailing_zeros()).filter(|found| *found < end);
        }
        at = base + 64;
    }
    None
}

fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => bytes
            .get(at..)
            .unwrap_or_default()
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_searches_agree_with_single_bits() {
        let mut bytes = [0u8; 24];
        let mut state = 1u64;
        for _ in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (a, b) = ((state >> 20) as u32 % 193, (state >> 40) as u32 % 193);
            let before = bytes;
            let sets = state >> 62 & 1 == 0;
            if sets {
                set_range(&mut bytes, a, b)
            } else {
                clear_range(&mut bytes, a, b)
            }
            for bit in 0..192u32 {
                let was = before[bit as usize / 8] >> (bit % 8) & 1 == 1;
                let is = bytes[bit as usize / 8] >> (bit % 8) & 1 == 1;
                assert_eq!(is, if (a..b).contains(&bit) { sets } else { was });
            }
            let single = (a..b).find(|bit| bytes[*bit as usize / 8] >> (bit % 8) & 1 == u8::from(!sets));
            assert_eq!(find(&bytes, a, b, !sets), single);
            assert_eq!(all_are(&bytes, a, b.max(a), sets), single.is_none());
        }
    }
}
