//! The superblock of a new volume.

use super::Options;
use super::geometry::FIRST_INO;
use super::sizes::Sizes;
use crate::features::{Compat, Incompat};
use crate::layout;
use rump_checksum::crc32c;
use zerocopy::{FromZeros, IntoBytes};

/// Fields of large inodes that are in use.
pub const EXTRA_ISIZE: u16 = 32;
/// Of default_mount_opts: extended attributes for users, and access control lists.
const DEFAULT_MOUNT_OPTIONS: u32 = 0x4 | 0x8;

impl Sizes {
    /// Blocks behind the descriptors for those of a volume of 1024 times the size.
    fn reserved_descriptor_blocks(&self, blocks: u64, groups: u64) -> u16 {
        if !self.features.compat.contains(Compat::RESIZE_INODE) {
            return 0;
        }
        let per_block = self.block_size() / self.desc_size();
        let grown = blocks.saturating_mul(1024).min(u64::from(u32::MAX));
        let more = self.groups(grown).div_ceil(per_block).saturating_sub(groups.div_ceil(per_block));
        more.min(self.block_size() / 4) as u16
    }

    /// The superblock of so many blocks and groups, without inodes.
    pub fn superblock(&self, options: &Options, blocks: u64, groups: u64) -> layout::Superblock {
        let mut raw = layout::Superblock::new_zeroed();
        raw.s_blocks_count_lo.set(blocks as u32);
        raw.s_blocks_count_hi.set((blocks >> 32) as u32);
        let reserved = (u128::from(blocks) * u128::from(options.reserved_percent) / 100) as u64;
        raw.s_r_blocks_count_lo.set(reserved as u32);
        raw.s_r_blocks_count_hi.set((reserved >> 32) as u32);
        raw.s_first_data_block.set(self.first_data_block);
        raw.s_log_block_size.set(self.block_bits - 10);
        raw.s_log_cluster_size.set(self.block_bits + self.ratio_bits - 10);
        raw.s_blocks_per_group.set(self.blocks_per_group() as u32);
        raw.s_clusters_per_group.set(self.clusters_per_group);
        raw.s_inode_size.set(self.inode_size);
        raw.s_reserved_gdt_blocks.set(self.reserved_descriptor_blocks(blocks, groups));
        raw.s_log_groups_per_flex = self.flex_bits;
        if self.features.incompat.contains(Incompat::SIXTY_FOUR_BIT) {
            raw.s_desc_size.set(self.desc_size() as u16);
        }
        if self.features.compat.contains(Compat::SPARSE_SUPER2) {
            raw.s_backup_bgs[0].set(u32::from(groups > 1));
            raw.s_backup_bgs[1].set(if groups > 2 { groups as u32 - 1 } else { 0 });
        }
        if self.inode_size > 128 {
            raw.s_min_extra_isize.set(EXTRA_ISIZE);
            raw.s_want_extra_isize.set(EXTRA_ISIZE);
        }
        self.name_and_mark(options, &mut raw);
        raw
    }

    /// The fields that do not depend on the size.
    fn name_and_mark(&self, options: &Options, raw: &mut layout::Superblock) {
        raw.s_magic.set(crate::superblock::MAGIC);
        raw.s_rev_level.set(1);
        raw.s_state.set(1);
        raw.s_errors.set(1);
        raw.s_max_mnt_count.set(u16::MAX);
        raw.s_first_ino.set(FIRST_INO);
        raw.s_feature_compat.set(self.features.compat.bits());
        raw.s_feature_incompat.set(self.features.incompat.bits());
        raw.s_feature_ro_compat.set(self.features.ro_compat.bits());
        raw.s_uuid = options.uuid;
        raw.s_volume_name[..options.label.len()].copy_from_slice(options.label.as_bytes());
        for (word, bytes) in raw.s_hash_seed.iter_mut().zip(options.hash_seed.chunks_exact(4)) {
            word.as_mut_bytes().copy_from_slice(bytes);
        }
        // Half MD4, of signed characters.
        raw.s_def_hash_version = 1;
        raw.s_flags.set(1);
        raw.s_default_mount_opts.set(DEFAULT_MOUNT_OPTIONS);
        let now = options.now.sec.max(0);
        raw.s_wtime.set(now as u32);
        raw.s_lastcheck.set(now as u32);
        raw.s_mkfs_time.set(now as u32);
        let high = (now >> 32) as u8;
        raw.s_times_hi = [high, 0, high, high, 0, 0];
        if self.features.has_metadata_checksums() {
            raw.s_checksum_type = 1;
        }
        if self.features.incompat.contains(Incompat::CSUM_SEED) {
            raw.s_checksum_seed.set(crc32c(!0, &options.uuid));
        }
        if self.features.incompat.contains(Incompat::CASEFOLD) {
            // UTF-8, version 12.1.
            raw.s_encoding.set(1);
        }
        if self.features.incompat.contains(Incompat::ENCRYPT) {
            // AES-256 in XTS mode for content, in CTS mode for names.
            raw.s_encrypt_algos = [1, 4, 0, 0];
        }
    }
}
