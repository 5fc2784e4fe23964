//! What the options say of sizes, checked one by one.

use super::options::{Inodes, Usage};
use super::{Options, features, invalid};
use crate::features::{Features, Incompat, RoCompat};
use alloc::format;
use rump_kpi::KResult;

/// Free clusters of a group are counted in 16 bits by descriptors of 32 bytes, and by bytes of a bitmap.
const MAX_CLUSTERS_PER_GROUP: u32 = 65528;

/// What is decided before the number of groups is known.
pub struct Sizes {
    /// Features, as far as the options decide.
    pub features: Features,
    /// Binary logarithm of the block size.
    pub block_bits: u32,
    /// Binary logarithm of the blocks in a cluster.
    pub ratio_bits: u32,
    /// In bytes.
    pub inode_size: u16,
    /// The first block of group 0.
    pub first_data_block: u32,
    /// Clusters of each group but the last.
    pub clusters_per_group: u32,
    /// Inodes that are wanted in all.
    pub inodes: u64,
    /// Binary logarithm of the groups whose metadata lie together.
    pub flex_bits: u8,
}

impl Sizes {
    /// Errors: EINVAL, ENOTSUP.
    pub fn new(options: &Options) -> KResult<Self> {
        check_plain(options)?;
        let features = features::choose(options)?;
        let usage = options.usage.unwrap_or_else(|| Usage::of_size(options.size_bytes));
        let block_size = options.block_size.unwrap_or_else(|| usage.block_size());
        if !block_size.is_power_of_two() || !(1024..=65536).contains(&block_size) {
            return Err(invalid(format!("block_size {block_size}: a power of two from 1024 to 65536")));
        }
        let inode_size = options.inode_size.unwrap_or(256);
        if !inode_size.is_power_of_two() || inode_size < 128 || u32::from(inode_size) > block_size {
            let what = format!("inode_size {inode_size}: a power of two from 128 to the block size");
            return Err(invalid(what));
        }
        if inode_size == 128 && features.incompat.contains(Incompat::INLINE_DATA) {
            return Err(invalid("inode_size 128: the feature inline_data needs more"));
        }
        let cluster_size = cluster_size(options, &features, block_size)?;
        let ratio_bits = cluster_size.ilog2() - block_size.ilog2();
        Ok(Self {
            inodes: inodes(options, usage, cluster_size)?,
            flex_bits: flex_bits(options, &features)?,
            features,
            block_bits: block_size.ilog2(),
            ratio_bits,
            inode_size,
            // The superblock has a block of its own, unless that is part of a cluster.
            first_data_block: u32::from(cluster_size == 1024),
            clusters_per_group: (block_size * 8).min(MAX_CLUSTERS_PER_GROUP),
        })
    }

    /// In bytes.
    pub fn block_size(&self) -> u64 {
        1 << self.block_bits
    }

    /// Blocks of each group but the last.
    pub fn blocks_per_group(&self) -> u64 {
        u64::from(self.clusters_per_group) << self.ratio_bits
    }

    /// Bytes of a descriptor.
    pub fn desc_size(&self) -> u64 {
        if self.features.incompat.contains(Incompat::SIXTY_FOUR_BIT) { 64 } else { 32 }
    }

    /// Groups of so many blocks.
    pub fn groups(&self, blocks: u64) -> u64 {
        (blocks - u64::from(self.first_data_block)).div_ceil(self.blocks_per_group())
    }
}

fn check_plain(options: &Options) -> KResult<()> {
    if options.label.len() > 16 || options.label.contains('\0') {
        return Err(invalid(format!("label {:?}: at most 16 bytes, none of them zero", options.label)));
    }
    if options.reserved_percent > 50 {
        return Err(invalid(format!("reserved_percent {}: at most 50", options.reserved_percent)));
    }
    if options.root.mode > 0o7777 {
        return Err(invalid(format!("root.mode {:#o}: permission bits only", options.root.mode)));
    }
    Ok(())
}

fn cluster_size(options: &Options, features: &Features, block_size: u32) -> KResult<u32> {
    match (options.cluster_size, features.ro_compat.contains(RoCompat::BIGALLOC)) {
        (None, false) => Ok(block_size),
        (Some(_), false) => Err(invalid("cluster_size: needs the feature bigalloc")),
        (None, true) => Ok(block_size * 16),
        (Some(size), true) if size.is_power_of_two() && size >= block_size && size <= 1 << 28 => {
            match size / block_size {
                0..=32768 => Ok(size),
                _ => Err(invalid(format!("cluster_size {size}: at most 32768 blocks"))),
            }
        }
        (Some(size), true) => {
            Err(invalid(format!("cluster_size {size}: a power of two from the block size to 256 MiB")))
        }
    }
}

fn inodes(options: &Options, usage: Usage, cluster_size: u32) -> KResult<u64> {
    let ratio = match options.inodes {
        Inodes::Count(0) => return Err(invalid("inodes: none")),
        Inodes::Count(count) => return Ok(count.into()),
        Inodes::BytesPerInode(bytes) if !(1024..=1 << 26).contains(&bytes) => {
            return Err(invalid(format!("inodes: {bytes} bytes for each; from 1024 to 67108864")));
        }
        Inodes::BytesPerInode(bytes) => bytes,
        Inodes::Default => usage.bytes_per_inode(),
    };
    Ok((options.size_bytes / ratio.max(cluster_size.into())).min(u32::MAX.into()))
}

fn flex_bits(options: &Options, features: &Features) -> KResult<u8> {
    let flex = features.incompat.contains(Incompat::FLEX_BG);
    match options.flex_groups {
        None => Ok(if flex { 4 } else { 0 }),
        Some(_) if !flex => Err(invalid("flex_groups: needs the feature flex_bg")),
        Some(groups) if groups.is_power_of_two() => Ok(groups.ilog2() as u8),
        Some(groups) => Err(invalid(format!("flex_groups {groups}: a power of two"))),
    }
}
