//! Backup superblocks: where they can be, and which of them may speak for the volume.
//!
//! Nothing but the volume's own geometry says where its groups begin, so the candidates are what follows from
//! the block sizes, cluster sizes and group sizes that `mke2fs` chooses by itself. A candidate counts only if it
//! says of itself that it lies where it was found, which ties it to the first byte of the device: the superblock
//! of a volume that begins further on does not qualify. The descriptors behind it must lead to a root directory.

use crate::error::Error;
use crate::inode::attr;
use crate::probe;
use crate::superblock::{SIZE, Superblock};
use crate::units::{DiskBlock, GroupNo, Ino};
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{BlockDevice, FileType};

/// Groups that hold a backup unless told otherwise.
const GROUPS: [u64; 5] = [1, 3, 5, 7, 9];
/// Most clusters in a group: their count has 16 bits, and `mke2fs` wants a multiple of eight.
const MOST_CLUSTERS: u64 = 65528;

/// Signatures of other formats, with their places. Whoever made them did not erase the backups of an older
/// volume that they made void.
const OTHERS: &[(u64, &[u8])] = &[
    (0, b"XFSB"),
    (0, b"LUKS\xba\xbe"),
    (0, b"hsqs"),
    (3, b"NTFS    "),
    (3, b"EXFAT   "),
    (510, b"\x55\xaa"),
    (512, b"EFI PART"),
    (512, b"LABELONE"),
    (512, b"\x57\x45\x56\x82"),
    (1024, b"\x10\x20\xf5\xf2"),
    (1024, b"H+"),
    (1024, b"HX"),
    (4086, b"SWAPSPACE2"),
    (4086, b"SWAP-SPACE"),
    (8192 + 1372, b"\x19\x01\x54\x19"),
    (32769, b"CD001"),
    (32769, b"BEA01"),
    (65536 + 64, b"_BHRfS_M"),
    (65536 + 1372, b"\x19\x01\x54\x19"),
];

/// Whether another format's signature is on the device.
pub fn is_another_format(device: &dyn BlockDevice) -> Result<bool, Error> {
    for (offset, signature) in OTHERS {
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..signature.len()];
        if offset + signature.len() as u64 <= device.size_bytes() {
            device.read_at(*offset, bytes)?;
            if bytes == *signature {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The first backup that can speak for the volume, and its offset in bytes.
pub fn find(device: &Arc<dyn BlockDevice>) -> Option<(Superblock, u64)> {
    let size = device.size_bytes();
    let fits = |offset: &u64| offset.checked_add(SIZE as u64).is_some_and(|end| end <= size);
    candidates(size).filter(fits).find_map(|offset| {
        let (superblock, right) = probe::read(device.as_ref(), offset).ok()?;
        let speaks = right && is_at_home(&superblock, offset) && leads_to_root(device, &superblock, offset);
        speaks.then_some((superblock, offset))
    })
}

/// Places where a backup can be, the likeliest first.
fn candidates(size: u64) -> impl Iterator<Item = u64> {
    // One block of bits has 2^13 bits for 1 KiB blocks in 1 KiB clusters; and so on up to 2^40 bytes.
    let by_bitmap = (23..=40).map(|log| 1u64 << log);
    let group_bytes = by_bitmap.chain((13..=24).map(|log| MOST_CLUSTERS << log));
    let regular = group_bytes.flat_map(|bytes| GROUPS.map(|group| group * bytes));
    // Volumes of 1 KiB blocks count their blocks from 1.
    let regular = regular.flat_map(|start| [start, start + 1024]);
    // With sparse_super2 the second backup is in the last group.
    let last = (10..=16u32).filter_map(move |bits| {
        let first = u64::from(bits == 10);
        let last_block = (size >> bits).checked_sub(first + 1)?;
        let per_group = (8u64 << bits).min(MOST_CLUSTERS);
        Some((last_block / per_group * per_group + first) << bits)
    });
    regular.chain(last.filter(|offset| *offset > 1024))
}

/// Whether a superblock says that it lies at `offset`, and counts as `mke2fs` does.
fn is_at_home(superblock: &Superblock, offset: u64) -> bool {
    let first = u64::from(superblock.raw.s_first_data_block.get());
    let Some(blocks) = (offset >> superblock.block_bits).checked_sub(first) else { return false };
    let group = GroupNo(blocks / u64::from(superblock.raw.s_blocks_per_group.get()));
    // Revision 0 has no field for the group, though today's mke2fs fills it.
    let named = u64::from(superblock.raw.s_block_group_nr.get());
    let old = superblock.raw.s_rev_level.get() == 0;
    let inodes = superblock.groups.checked_mul(u64::from(superblock.raw.s_inodes_per_group.get()));
    superblock.group_start(group) << superblock.block_bits == offset
        && (1..superblock.groups).contains(&group.0)
        && (named == group.0 & 0xffff || old && named == 0)
        && superblock.group_has_superblock(group)
        && inodes == Some(u64::from(superblock.raw.s_inodes_count.get()))
}

fn leads_to_root(device: &Arc<dyn BlockDevice>, superblock: &Superblock, offset: u64) -> bool {
    let base = DiskBlock(offset >> superblock.block_bits);
    let volume = Volume::new(device.clone(), superblock.clone(), base, Arc::new(|_| {}));
    let root = volume.inode(Ino::ROOT);
    root.is_ok_and(|root| matches!(attr::file_type(&root), Ok(FileType::Directory)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::superblock::tests::image;
    use alloc::vec::Vec;

    fn backup(group: u16) -> Superblock {
        let mut bytes = image();
        bytes[0..4].copy_from_slice(&128u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&16384u32.to_le_bytes());
        bytes[0x4c] = 1;
        bytes[0x58..0x5a].copy_from_slice(&128u16.to_le_bytes());
        bytes[0x5a..0x5c].copy_from_slice(&group.to_le_bytes());
        Superblock::parse(&bytes).unwrap()
    }

    #[test]
    fn a_backup_must_lie_where_it_says() {
        assert!(is_at_home(&backup(1), 8193 << 10));
        assert!(!is_at_home(&backup(1), 8192 << 10));
        assert!(!is_at_home(&backup(1), 16385 << 10));
        assert!(!is_at_home(&backup(0), 8193 << 10));
        assert!(!is_at_home(&backup(0), 1024));
    }

    #[test]
    fn candidates_cover_every_block_size_and_the_last_group() {
        let places: Vec<u64> = candidates(1 << 40).collect();
        for bits in 10..=16u64 {
            let first = u64::from(bits == 10);
            let blocks = (8u64 << bits).min(MOST_CLUSTERS) + first;
            assert!(places.contains(&(blocks << bits)), "{bits}");
        }
        assert!(candidates(100 << 20).any(|offset| offset == (12 * 8192 + 1) << 10));
    }
}
