//! The geometry of a volume, its superblock and its group descriptors.

use super::{le16, le32, put};
use crate::image::Image;
use rump_checksum::{crc16, crc32c};

/// Groups that are looked at.
const GROUPS_MAX: u64 = 256;
const SUPERBLOCK: u64 = 1024;

/// What the superblock says, believed.
pub struct Volume {
    superblock: Vec<u8>,
    pub block_size: usize,
    pub inode_size: usize,
    pub inodes_per_group: u32,
    pub journal_inode: u32,
    /// Whether metadata has checksums.
    pub checksums: bool,
    /// Seed of all checksums.
    pub seed: u32,
    desc_size: usize,
    first_block: u64,
    blocks_per_group: u64,
    groups: u64,
}

impl Volume {
    /// Reads the superblock; `None` if nothing can be found through it.
    pub fn read(image: &Image) -> Option<Self> {
        let mut superblock = vec![0; 1024];
        image.read(SUPERBLOCK, &mut superblock);
        let s = &superblock;
        let log = le32(s, 0x18);
        let (incompat, ro_compat) = (le32(s, 0x60), le32(s, 0x64));
        let wide = incompat & 0x80 != 0;
        let blocks_per_group = u64::from(le32(s, 0x20));
        let inode_size = if le32(s, 0x4c) == 0 { 128 } else { usize::from(le16(s, 0x58)) };
        if le16(s, 0x38) != 0xef53 || log > 6 || blocks_per_group == 0 || inode_size < 128 {
            return None;
        }
        let desc_size = if wide { usize::from(le16(s, 0xfe)).clamp(32, 1024) } else { 32 };
        let first_block = u64::from(le32(s, 0x14));
        let blocks = u64::from(le32(s, 4));
        Some(Self {
            block_size: 1024 << log,
            inode_size,
            inodes_per_group: le32(s, 0x28),
            journal_inode: le32(s, 0xe0),
            checksums: ro_compat & 0x400 != 0,
            seed: if incompat & 0x2000 != 0 { le32(s, 0x270) } else { crc32c(!0, &s[0x68..0x78]) },
            desc_size,
            first_block,
            blocks_per_group,
            groups: blocks.saturating_sub(first_block).div_ceil(blocks_per_group).min(GROUPS_MAX),
            superblock,
        })
    }

    /// Makes the checksum of the primary superblock right.
    pub fn repair_superblock(&self, image: &mut Image) {
        if self.checksums {
            let sum = crc32c(!0, &self.superblock[..1020]);
            image.write(SUPERBLOCK + 1020, &sum.to_le_bytes());
        }
    }

    /// Makes the checksums of the primary group descriptors right.
    pub fn repair_descriptors(&self, image: &mut Image) {
        for group in 0..self.groups {
            let at = self.descriptor_at(group);
            let mut bytes = vec![0; self.desc_size];
            image.read(at, &mut bytes);
            let number = (group as u32).to_le_bytes();
            let sum = if self.checksums {
                bytes[0x1e..0x20].fill(0);
                crc32c(crc32c(self.seed, &number), &bytes) as u16
            } else if le32(&self.superblock, 0x64) & 0x10 != 0 {
                let head = crc16(crc16(!0, &self.superblock[0x68..0x78]), &number);
                crc16(crc16(head, &bytes[..0x1e]), &bytes[0x20..])
            } else {
                return;
            };
            put(&mut bytes, 0x1e, &sum.to_le_bytes());
            image.write(at, &bytes);
        }
    }

    /// The first blocks of the inode tables, by group.
    pub fn inode_tables(&self, image: &Image) -> Vec<u64> {
        let table = |group| {
            let mut bytes = vec![0; self.desc_size.max(64)];
            image.read(self.descriptor_at(group), &mut bytes[..self.desc_size]);
            u64::from(le32(&bytes, 8)) | u64::from(le32(&bytes, 0x28)) << 32
        };
        (0..self.groups).map(table).collect()
    }

    fn descriptor_at(&self, group: u64) -> u64 {
        let block_size = self.block_size as u64;
        let per_block = (block_size / self.desc_size as u64).max(1);
        let (index, within) = (group / per_block, group % per_block * self.desc_size as u64);
        let meta_bg = le32(&self.superblock, 0x60) & 0x10 != 0;
        let block = if meta_bg && index >= u64::from(le32(&self.superblock, 0x104)) {
            // The first group of the set; group 0 has the superblock in front, and so have some others.
            let holder = index * per_block;
            let has_copy = holder == 0 || [3, 5, 7].iter().any(|base| is_power(holder, *base));
            holder.saturating_mul(self.blocks_per_group) + self.first_block + u64::from(has_copy)
        } else {
            SUPERBLOCK / block_size + 1 + index
        };
        block.saturating_mul(block_size).saturating_add(within)
    }
}

fn is_power(mut number: u64, base: u64) -> bool {
    while number > 1 && number % base == 0 {
        number /= base;
    }
    number == 1
}
