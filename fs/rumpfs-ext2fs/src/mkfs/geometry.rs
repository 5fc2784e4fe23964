//! The numbers of a new volume, from its size and the options.
//!
//! Invariant of a [`Geometry`]: its superblock passes the checks of [`Superblock::parse`], and every group has
//! room for its own metadata.

use super::options::Inodes;
use super::sizes::Sizes;
use super::{Options, invalid, refused};
use crate::features::{Compat, Incompat, RoCompat};
use crate::superblock::Superblock;
use crate::units::GroupNo;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_kpi::{Errno, KResult};
use zerocopy::IntoBytes;

/// The first inode that is not reserved: lost+found.
pub const FIRST_INO: u32 = 11;
/// Descriptors are kept in memory, here and by whoever mounts the volume.
const MAX_GROUPS: u64 = 1 << 21;
/// A last group with fewer blocks for files than this is not worth its metadata.
const LEAST_IN_LAST_GROUP: u64 = 50;
const MIN_JOURNAL: u64 = 1024;
const MAX_JOURNAL: u64 = 10_240_000;
/// Length of a journal.
#[derive(Clone, Copy, Debug)]
pub struct Journal {
    /// Blocks of the log, with its superblock.
    pub log: u32,
    /// Blocks for fast commits behind it.
    pub fast_commit: u32,
}

impl Journal {
    /// All blocks.
    pub fn blocks(self) -> u32 {
        self.log + self.fast_commit
    }
}

/// See the module.
pub struct Geometry {
    /// All but what depends on the files: free counts, the copy of the journal's inode.
    pub superblock: Superblock,
    /// Blocks of one inode table.
    pub table_blocks: u64,
    /// Blocks of all descriptors.
    pub descriptor_blocks: u64,
    /// The journal.
    pub journal: Option<Journal>,
    /// Blocks of the orphan file.
    pub orphan_blocks: Option<u32>,
    /// What the caller should know.
    pub notes: Vec<String>,
}

impl Geometry {
    /// Errors: EINVAL, ENOTSUP, EFBIG, ENOSPC.
    pub fn new(options: &Options) -> KResult<Self> {
        let mut sizes = Sizes::new(options)?;
        let mut notes = Vec::new();
        let mut blocks = options.size_bytes >> sizes.block_bits >> sizes.ratio_bits << sizes.ratio_bits;
        if blocks <= u64::from(sizes.first_data_block) {
            return Err(too_small(options));
        }
        loop {
            sizes.settle_features(blocks, &mut notes)?;
            let journal = sizes.journal(options, blocks, &mut notes)?;
            let geometry = sizes.at(options, blocks, journal)?;
            let left = geometry.blocks_of_last_group();
            let needed = geometry.metadata_of_last_group();
            if geometry.superblock.groups > 1 && left < needed + LEAST_IN_LAST_GROUP {
                blocks -= left;
                notes.push(format!("the last {left} blocks are too few for a group and stay unused"));
                continue;
            }
            if left < needed {
                return Err(too_small(options));
            }
            return Ok(Self { notes, ..geometry });
        }
    }

    /// Blocks at the start of a group that hold copies of the superblock and of descriptors, or room for more
    /// of them.
    pub fn fixed_blocks(&self, group: GroupNo) -> u64 {
        let superblock = &self.superblock;
        let copy = u64::from(superblock.group_has_superblock(group));
        if !superblock.features.incompat.contains(Incompat::META_BG) {
            return copy
                * (1 + self.descriptor_blocks + u64::from(superblock.raw.s_reserved_gdt_blocks.get()));
        }
        let index = group.0 % self.descriptors_per_block();
        copy + u64::from(index < 2 || index == self.descriptors_per_block() - 1)
    }

    /// Descriptors in a block.
    pub fn descriptors_per_block(&self) -> u64 {
        u64::from(self.superblock.block_size()) / u64::from(self.superblock.desc_size)
    }

    /// Whether descriptors tell what was never written.
    pub fn has_group_checksums(&self) -> bool {
        self.superblock.features.ro_compat.intersects(RoCompat::METADATA_CSUM | RoCompat::GDT_CSUM)
    }

    /// The block behind the last of a group.
    pub fn group_end(&self, group: GroupNo) -> u64 {
        self.superblock.group_start(GroupNo(group.0 + 1)).min(self.superblock.blocks)
    }

    /// Groups whose metadata lie together.
    pub fn flex_groups(&self) -> u64 {
        if self.superblock.features.incompat.contains(Incompat::FLEX_BG) {
            1 << self.superblock.raw.s_log_groups_per_flex
        } else {
            1
        }
    }

    /// The inodes that are in use from the beginning: reserved ones, lost+found and the orphan file.
    pub fn used_inodes(&self) -> u32 {
        FIRST_INO + u32::from(self.orphan_blocks.is_some())
    }

    fn last_group(&self) -> GroupNo {
        GroupNo(self.superblock.groups - 1)
    }

    fn blocks_of_last_group(&self) -> u64 {
        self.superblock.blocks - self.superblock.group_start(self.last_group())
    }

    fn metadata_of_last_group(&self) -> u64 {
        self.fixed_blocks(self.last_group()) + 2 + self.table_blocks
    }
}

impl Sizes {
    /// Adapts the features to the number of blocks.
    fn settle_features(&mut self, blocks: u64, notes: &mut Vec<String>) -> KResult<()> {
        let groups = self.groups(blocks);
        if groups > MAX_GROUPS {
            let what = format!("size_bytes: {groups} groups are more than {MAX_GROUPS}; use larger blocks");
            return Err(refused(Errno::EFBIG, what));
        }
        let wide = blocks > u64::from(u32::MAX);
        if wide && !self.features.incompat.contains(Incompat::SIXTY_FOUR_BIT) {
            let what = format!("size_bytes: {blocks} blocks need the feature 64bit, or larger blocks");
            return Err(refused(Errno::EFBIG, what));
        }
        if wide && self.features.compat.contains(Compat::RESIZE_INODE) {
            self.features.compat.remove(Compat::RESIZE_INODE);
            notes.push("without resize_inode, whose block numbers have 32 bits".into());
        }
        let descriptors = groups.div_ceil(self.block_size() / self.desc_size());
        let too_many = descriptors > self.blocks_per_group() * 3 / 4;
        if too_many && !self.features.incompat.contains(Incompat::META_BG) {
            self.features.incompat.insert(Incompat::META_BG);
            self.features.compat.remove(Compat::RESIZE_INODE);
            notes
                .push("with meta_bg and without resize_inode: descriptors would fill the first group".into());
        }
        let pointers = self.block_size() / 4;
        let resize_bytes = pointers * pointers * self.block_size();
        if self.features.compat.contains(Compat::RESIZE_INODE) && resize_bytes >= 1 << 31 {
            self.features.ro_compat.insert(RoCompat::LARGE_FILE);
        }
        Ok(())
    }

    fn journal(
        &mut self,
        options: &Options,
        blocks: u64,
        notes: &mut Vec<String>,
    ) -> KResult<Option<Journal>> {
        if !self.features.compat.contains(Compat::HAS_JOURNAL) {
            return match options.journal_bytes {
                Some(_) => Err(invalid("journal_bytes: needs the feature has_journal")),
                None => Ok(None),
            };
        }
        let wanted = match options.journal_bytes {
            Some(bytes) => bytes >> self.block_bits,
            None => default_journal_blocks(blocks),
        };
        if wanted == 0 && options.journal_bytes.is_none() {
            if self.features.compat.intersects(Compat::ORPHAN_FILE | Compat::FAST_COMMIT) {
                return Err(refused(Errno::ENOSPC, "size_bytes: too small for a journal"));
            }
            self.features.compat.remove(Compat::HAS_JOURNAL);
            notes.push("without has_journal: too small for a journal".into());
            return Ok(None);
        }
        let fast = if self.features.compat.contains(Compat::FAST_COMMIT) { wanted / 64 } else { 0 };
        if !(MIN_JOURNAL..=MAX_JOURNAL).contains(&wanted) || wanted + fast > blocks / 2 {
            let what = format!(
                "journal_bytes: {wanted} blocks; from {MIN_JOURNAL} to {MAX_JOURNAL} blocks, and at most half \
                 of the volume"
            );
            return Err(invalid(what));
        }
        if (wanted + fast) << self.block_bits >= 1 << 31 {
            self.features.ro_compat.insert(RoCompat::LARGE_FILE);
        }
        Ok(Some(Journal { log: wanted as u32, fast_commit: fast as u32 }))
    }

    /// The geometry with this many blocks, of which the last group may turn out to be too small.
    fn at(&self, options: &Options, blocks: u64, journal: Option<Journal>) -> KResult<Geometry> {
        let groups = self.groups(blocks);
        let has_orphan_file = self.features.compat.contains(Compat::ORPHAN_FILE);
        let least = u64::from(FIRST_INO) + u64::from(has_orphan_file) + 1;
        let inodes_per_group = self.inodes_per_group(options, groups, least)?;
        let mut raw = self.superblock(options, blocks, groups);
        raw.s_inodes_per_group.set(inodes_per_group as u32);
        raw.s_inodes_count.set((inodes_per_group * groups) as u32);
        if journal.is_some() {
            raw.s_journal_inum.set(super::files::JOURNAL_INO.0);
            raw.s_jnl_backup_type = 1;
        }
        if has_orphan_file {
            raw.s_orphan_file_inum.set(FIRST_INO + 1);
        }
        let superblock = Superblock::parse(raw.as_bytes())?;
        Ok(Geometry {
            superblock,
            table_blocks: (inodes_per_group * u64::from(self.inode_size)).div_ceil(self.block_size()),
            descriptor_blocks: groups.div_ceil(self.block_size() / self.desc_size()),
            journal,
            orphan_blocks: has_orphan_file.then(|| (blocks / 4096).clamp(32, 512) as u32),
            notes: Vec::new(),
        })
    }

    /// Whole blocks of inodes, and whole bytes of the bitmap.
    fn inodes_per_group(&self, options: &Options, groups: u64, least: u64) -> KResult<u64> {
        let in_block = self.block_size() / u64::from(self.inode_size);
        let most = (self.block_size() * 8).min(65536 - in_block) & !7;
        let wanted = self.inodes.max(least).div_ceil(groups);
        if matches!(options.inodes, Inodes::Count(_)) && wanted > most {
            return Err(invalid(format!("inodes: {wanted} in a group, which has at most {most}")));
        }
        let most = most.min((u64::from(u32::MAX) / groups) & !7);
        let mut inodes = (wanted.next_multiple_of(in_block) & !7).min(most);
        if inodes * groups < least {
            inodes = least.div_ceil(groups).next_multiple_of(8);
        }
        Ok(inodes)
    }
}

/// Blocks of the log by the size of the volume; none for the smallest.
fn default_journal_blocks(blocks: u64) -> u64 {
    match blocks {
        0..0x800 => 0,
        0x800..0x8000 => 1024,
        0x8000..0x4_0000 => 4096,
        0x4_0000..0x8_0000 => 8192,
        0x8_0000..0x40_0000 => 16384,
        0x40_0000..0x80_0000 => 32768,
        0x80_0000..0x100_0000 => 65536,
        0x100_0000..0x200_0000 => 131_072,
        _ => 262_144,
    }
}

fn too_small(options: &Options) -> rump_kpi::KError {
    let what = format!("size_bytes {}: too small for the metadata of a volume", options.size_bytes);
    refused(Errno::ENOSPC, what)
}
