//! The superblock, checked once: geometry that the rest of the driver may trust.
//!
//! Invariants of a [`Superblock`]: the block size is 1 to 64 KiB; groups are at least one block and at most
//! `8 * block size` clusters; the inode size is a power of two between 128 and the block size; descriptors
//! are between 32 bytes and a block, a power of two; no computed number overflows 64 bits.

use crate::error::{Error, Place};
use crate::features::{Compat, Features, Incompat, RoCompat};
use crate::layout;
use crate::units::{DiskBlock, GroupNo, Ino};
use alloc::format;
use alloc::string::String;
use rump_checksum::crc32c;
use zerocopy::FromBytes;

/// The signature.
pub const MAGIC: u16 = 0xEF53;
const CHECKSUM_CRC32C: u8 = 1;
/// Size of the structure on disk.
pub const SIZE: usize = 1024;
/// Where the primary one is, in bytes.
pub const PRIMARY_OFFSET: u64 = 1024;

/// A checked superblock.
#[derive(Clone)]
pub struct Superblock {
    /// The fields as they are on disk.
    pub raw: layout::Superblock,
    /// Feature sets.
    pub features: Features,
    /// Binary logarithm of the block size.
    pub block_bits: u32,
    /// Size of an inode on disk.
    pub inode_size: u16,
    /// Size of a group descriptor.
    pub desc_size: u16,
    /// Blocks of the volume.
    pub blocks: u64,
    /// Number of groups.
    pub groups: u64,
    /// Seed of all checksums of metadata.
    pub checksum_seed: u32,
}

/// Whether `bytes` (at least [`SIZE`]) bear the signature.
pub fn has_magic(bytes: &[u8]) -> bool {
    bytes.get(56..58).is_some_and(|magic| magic == MAGIC.to_le_bytes())
}

impl Superblock {
    /// Parses and checks all but the checksum. Unknown features are not refused here.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let (raw, _) = layout::Superblock::read_from_prefix(bytes).map_err(|_| damaged(0, "cut short"))?;
        if raw.s_magic.get() != MAGIC {
            return Err(damaged(0x38, format!("magic {:#06x} instead of {MAGIC:#06x}", raw.s_magic.get())));
        }
        let log = raw.s_log_block_size.get();
        if log > 6 {
            return Err(damaged(0x18, format!("block size 2^(10+{log}) is beyond 64 KiB")));
        }
        let features = Features {
            compat: Compat::from_bits_retain(raw.s_feature_compat.get()),
            incompat: Incompat::from_bits_retain(raw.s_feature_incompat.get()),
            ro_compat: RoCompat::from_bits_retain(raw.s_feature_ro_compat.get()),
        };
        let wide = features.incompat.contains(Incompat::SIXTY_FOUR_BIT);
        let high = if wide { u64::from(raw.s_blocks_count_hi.get()) << 32 } else { 0 };
        let mut this = Self {
            features,
            block_bits: 10 + log,
            inode_size: if raw.s_rev_level.get() == 0 { 128 } else { raw.s_inode_size.get() },
            desc_size: if wide { raw.s_desc_size.get() } else { 32 },
            blocks: high | u64::from(raw.s_blocks_count_lo.get()),
            groups: 0,
            checksum_seed: if features.incompat.contains(Incompat::CSUM_SEED) {
                raw.s_checksum_seed.get()
            } else {
                crc32c(!0, &raw.s_uuid)
            },
            raw,
        };
        if !features.incompat.contains(Incompat::JOURNAL_DEV) {
            this.check_geometry()?;
        }
        Ok(this)
    }

    fn check_geometry(&mut self) -> Result<(), Error> {
        let block_size = self.block_size();
        let bits = block_size.saturating_mul(8);
        let per_group = self.raw.s_blocks_per_group.get();
        let cluster_log = self.raw.s_log_cluster_size.get().checked_sub(self.raw.s_log_block_size.get());
        let ratio_log = if self.features.ro_compat.contains(RoCompat::BIGALLOC) {
            cluster_log.filter(|log| *log <= 16).ok_or_else(|| damaged(0x1c, "cluster size"))?
        } else {
            0
        };
        if per_group == 0 || u64::from(per_group) > u64::from(bits) << ratio_log {
            return Err(damaged(0x20, format!("{per_group} blocks per group of {block_size} byte blocks")));
        }
        let inodes = self.raw.s_inodes_per_group.get();
        if inodes == 0 || inodes > bits {
            return Err(damaged(0x28, format!("{inodes} inodes per group of {block_size} byte blocks")));
        }
        let size = self.inode_size;
        if !size.is_power_of_two() || size < 128 || u32::from(size) > block_size {
            return Err(damaged(0x58, format!("inode size {size}")));
        }
        let desc = self.desc_size;
        let least = if self.features.incompat.contains(Incompat::SIXTY_FOUR_BIT) { 64 } else { 32 };
        if !desc.is_power_of_two() || desc < least || u32::from(desc) > block_size {
            return Err(damaged(0xfe, format!("group descriptor size {desc}")));
        }
        let first = u64::from(self.raw.s_first_data_block.get());
        if first >= self.blocks {
            return Err(damaged(0x14, format!("first data block {first} of {} blocks", self.blocks)));
        }
        if self.blocks > u64::MAX >> (self.block_bits + 1) {
            return Err(damaged(0x4, format!("{} blocks", self.blocks)));
        }
        self.groups = (self.blocks - first).div_ceil(u64::from(per_group));
        Ok(())
    }

    /// Whether the stored checksum is right, and of the one kind there is; true where the format has none.
    pub fn checksum_is_right(&self, bytes: &[u8]) -> bool {
        !self.features.has_metadata_checksums()
            || self.raw.s_checksum_type == CHECKSUM_CRC32C
                && bytes.get(..SIZE - 4).is_some_and(|body| crc32c(!0, body) == self.raw.s_checksum.get())
    }

    /// Size of a block in bytes.
    pub fn block_size(&self) -> u32 {
        1 << self.block_bits
    }

    /// The first block of a group.
    pub fn group_start(&self, group: GroupNo) -> u64 {
        group.0 * u64::from(self.raw.s_blocks_per_group.get()) + u64::from(self.raw.s_first_data_block.get())
    }

    /// Whether a group begins with a copy of the superblock.
    pub fn group_has_superblock(&self, group: GroupNo) -> bool {
        if group.0 == 0 {
            return true;
        }
        if self.features.compat.contains(Compat::SPARSE_SUPER2) {
            return self.raw.s_backup_bgs.iter().any(|backup| u64::from(backup.get()) == group.0);
        }
        let sparse = self.features.ro_compat.contains(RoCompat::SPARSE_SUPER);
        group.0 == 1 || !sparse || [3, 5, 7].into_iter().any(|base| is_power_of(group.0, base))
    }

    /// The group of an inode and its index there, if the volume has such an inode.
    pub fn locate_inode(&self, ino: Ino) -> Option<(GroupNo, u32)> {
        let index = ino.0.checked_sub(1)?;
        if ino.0 > self.raw.s_inodes_count.get() {
            return None;
        }
        let per_group = self.raw.s_inodes_per_group.get();
        let group = u64::from(index / per_group);
        (group < self.groups).then_some((GroupNo(group), index % per_group))
    }

    /// The first inode that is not the volume's own.
    pub fn first_inode(&self) -> u32 {
        if self.raw.s_rev_level.get() == 0 { 11 } else { self.raw.s_first_ino.get().max(11) }
    }

    /// Free blocks.
    pub fn free_blocks(&self) -> u64 {
        // In blocks also with bigalloc, where descriptors count clusters.
        self.wide(self.raw.s_free_blocks_count_lo.get(), self.raw.s_free_blocks_count_hi.get())
            .min(self.blocks)
    }

    /// Blocks that only root may take.
    pub fn reserved_blocks(&self) -> u64 {
        self.wide(self.raw.s_r_blocks_count_lo.get(), self.raw.s_r_blocks_count_hi.get())
    }

    fn wide(&self, low: u32, high: u32) -> u64 {
        let wide = self.features.incompat.contains(Incompat::SIXTY_FOUR_BIT);
        u64::from(low) | if wide { u64::from(high) << 32 } else { 0 }
    }

    /// Binary logarithm of the blocks in a cluster.
    pub fn cluster_ratio_bits(&self) -> u32 {
        if !self.features.ro_compat.contains(RoCompat::BIGALLOC) {
            return 0;
        }
        self.raw.s_log_cluster_size.get().saturating_sub(self.raw.s_log_block_size.get()).min(16)
    }

    /// Blocks of metadata that `statvfs` leaves out: as stored, or else superblocks, descriptors, bitmaps and
    /// inode tables by their number, as Linux does.
    pub fn overhead_blocks(&self) -> u64 {
        let stored = u64::from(self.raw.s_overhead_clusters.get()) << self.cluster_ratio_bits();
        if stored != 0 && stored < self.blocks {
            return stored;
        }
        let table = (u64::from(self.raw.s_inodes_per_group.get()) * u64::from(self.inode_size))
            .div_ceil(u64::from(self.block_size()));
        let descriptors = self.groups.div_ceil(u64::from(self.block_size()) / u64::from(self.desc_size));
        let per_copy = if self.features.incompat.contains(Incompat::META_BG) {
            1
        } else {
            1 + descriptors + u64::from(self.raw.s_reserved_gdt_blocks.get())
        };
        u64::from(self.raw.s_first_data_block.get())
            .saturating_add(self.groups.saturating_mul(table + 2))
            .saturating_add(self.superblock_copies().saturating_mul(per_copy))
            .saturating_add(self.journal_blocks())
            .min(self.blocks)
    }

    fn superblock_copies(&self) -> u64 {
        if self.features.compat.contains(Compat::SPARSE_SUPER2) {
            return 1 + self.raw.s_backup_bgs.iter().filter(|backup| backup.get() != 0).count() as u64;
        }
        if !self.features.ro_compat.contains(RoCompat::SPARSE_SUPER) {
            return self.groups;
        }
        let powers = |base: u64| {
            core::iter::successors(Some(base), move |power| power.checked_mul(base))
                .take_while(|power| *power < self.groups)
                .count() as u64
        };
        self.groups.min(2) + powers(3) + powers(5) + powers(7)
    }

    /// Length of the journal, from the copy of its inode that the superblock keeps.
    fn journal_blocks(&self) -> u64 {
        if self.raw.s_jnl_backup_type != 1 || self.raw.s_journal_inum.get() == 0 {
            return 0;
        }
        u64::from(self.raw.s_jnl_blocks[16].get()) >> self.block_bits
    }

    /// The volume label, as far as it is text.
    pub fn label(&self) -> String {
        let end = self.raw.s_volume_name.iter().position(|byte| *byte == 0).unwrap_or(16);
        String::from_utf8_lossy(&self.raw.s_volume_name[..end]).into_owned()
    }

    /// The identifier in its usual spelling; empty if there is none.
    pub fn uuid(&self) -> String {
        if self.raw.s_uuid == [0; 16] { String::new() } else { uuid_text(&self.raw.s_uuid) }
    }

    /// The block that holds the primary superblock.
    pub fn primary_block(&self) -> DiskBlock {
        DiskBlock(PRIMARY_OFFSET >> self.block_bits)
    }
}

/// Where the primary superblock begins in its block.
pub fn offset_in_block(superblock: &Superblock) -> usize {
    (PRIMARY_OFFSET % u64::from(superblock.block_size())) as usize
}

/// Makes the checksum of a superblock ([`SIZE`] bytes) anew, if the volume has such.
pub fn seal(features: &Features, bytes: &mut [u8]) {
    if features.has_metadata_checksums() && bytes.len() == SIZE {
        let sum = crc32c(!0, &bytes[..SIZE - 4]);
        bytes[SIZE - 4..].copy_from_slice(&sum.to_le_bytes());
    }
}

/// The usual spelling of an identifier.
pub fn uuid_text(uuid: &[u8; 16]) -> String {
    let mut text = String::new();
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn is_power_of(mut number: u64, base: u64) -> bool {
    while number > 1 && number % base == 0 {
        number /= base;
    }
    number == 1
}

fn damaged(offset: u64, why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::corrupt("superblock", Place::Volume, PRIMARY_OFFSET + offset, why)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// A superblock of revision 0 with one group.
    pub(crate) fn image() -> Vec<u8> {
        let mut bytes = vec![0u8; SIZE];
        bytes[0..4].copy_from_slice(&64u32.to_le_bytes());
        bytes[4..8].copy_from_slice(&4096u32.to_le_bytes());
        bytes[20..24].copy_from_slice(&1u32.to_le_bytes());
        bytes[32..36].copy_from_slice(&8192u32.to_le_bytes());
        bytes[40..44].copy_from_slice(&64u32.to_le_bytes());
        bytes[56..58].copy_from_slice(&MAGIC.to_le_bytes());
        bytes
    }

    #[test]
    fn a_revision_0_superblock_has_fixed_sizes() {
        let superblock = Superblock::parse(&image()).unwrap();
        assert_eq!((superblock.inode_size, superblock.desc_size, superblock.groups), (128, 32, 1));
    }

    #[test]
    fn impossible_geometry_is_refused() {
        for (at, value) in [(0x18, 7u32), (0x20, 0), (0x20, 8193), (0x28, 0), (0x14, 4096)] {
            let mut bytes = image();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert!(Superblock::parse(&bytes).is_err(), "offset {at:#x}");
        }
    }

    #[test]
    fn backups_are_in_groups_that_are_powers() {
        let mut bytes = image();
        bytes[0x64] = 1;
        let superblock = Superblock::parse(&bytes).unwrap();
        let with: Vec<u64> =
            (0..50).filter(|group| superblock.group_has_superblock(GroupNo(*group))).collect();
        assert_eq!(with, [0, 1, 3, 5, 7, 9, 25, 27, 49]);
    }

    #[test]
    fn free_blocks_are_counted_in_blocks_whatever_a_cluster_is() {
        let mut bytes = image();
        bytes[0xc] = 100;
        bytes[0x1c] = 4;
        bytes[0x20..0x24].copy_from_slice(&4096u32.to_le_bytes());
        bytes[0x65] = 2;
        let superblock = Superblock::parse(&bytes).unwrap();
        assert_eq!((superblock.cluster_ratio_bits(), superblock.free_blocks()), (4, 100));
    }

    #[test]
    fn inodes_beyond_the_volume_have_no_place() {
        let superblock = Superblock::parse(&image()).unwrap();
        assert_eq!(superblock.locate_inode(Ino(0)), None);
        assert_eq!(superblock.locate_inode(Ino(64)), Some((GroupNo(0), 63)));
        assert_eq!(superblock.locate_inode(Ino(65)), None);
    }
}
