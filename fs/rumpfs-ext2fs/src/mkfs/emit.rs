//! From the plan to the device.
//!
//! Order: what may hold an old superblock is wiped, then come bitmaps and tables group by group, the blocks of
//! files, the descriptors, the backups of the superblock; after a flush the primary superblock.

use super::files::{File, Files};
use super::geometry::Geometry;
use super::layout::Layout;
use super::output::Output;
use super::{Options, Zeroed, content};
use crate::features::Incompat;
use crate::group::{self, Bitmap, Descriptor};
use crate::superblock;
use crate::units::{DiskBlock, GroupNo, Ino};
use alloc::vec;
use alloc::vec::Vec;
use rump_checksum::crc32c;
use rump_kpi::{BlockDevice, KResult};
use zerocopy::IntoBytes;

/// Where other formats keep a signature: in front of the superblock, and near the end of the device.
const SIGNATURE_BYTES: u64 = 64 << 10;

/// What is free in the end.
pub struct Counts {
    /// Blocks.
    pub free_blocks: u64,
    /// Inodes.
    pub free_inodes: u32,
}

struct Emitter<'a> {
    options: &'a Options,
    geometry: &'a Geometry,
    layout: &'a Layout,
    files: &'a Files,
    output: Output<'a>,
}

/// Writes the volume. Errors: EIO.
pub fn emit(
    device: &dyn BlockDevice,
    options: &Options,
    geometry: &Geometry,
    layout: &Layout,
    files: &Files,
) -> KResult<Counts> {
    let output = Output::new(device);
    let mut emitter = Emitter { options, geometry, layout, files, output };
    emitter.wipe()?;
    let (descriptors, counts) = emitter.groups()?;
    emitter.file_blocks()?;
    emitter.descriptors(&descriptors)?;
    emitter.superblocks(&counts)?;
    Ok(counts)
}

impl Emitter<'_> {
    fn block_size(&self) -> u64 {
        self.geometry.superblock.block_size().into()
    }

    fn offset(&self, block: u64) -> u64 {
        block << self.geometry.superblock.block_bits
    }

    fn put(&mut self, block: u64, bytes: &[u8]) -> KResult<()> {
        self.output.put(self.offset(block), bytes)
    }

    /// Zeros where the device may hold something else.
    fn zero(&mut self, block: u64, blocks: u64) -> KResult<()> {
        match self.options.zeroed {
            Zeroed::Yes => Ok(()),
            Zeroed::No => self.output.zero(self.offset(block), blocks << self.geometry.superblock.block_bits),
        }
    }

    /// From here on the device holds no file system, until this one is complete.
    fn wipe(&mut self) -> KResult<()> {
        if self.options.zeroed == Zeroed::Yes {
            return Ok(());
        }
        let size = self.options.size_bytes;
        let head = SIGNATURE_BYTES.min(size);
        self.output.zero(0, head)?;
        self.output.zero(head.max(size - head), head.min(size - head))?;
        self.output.flush()
    }

    /// Bitmaps and tables; answers all descriptors.
    fn groups(&mut self) -> KResult<(Vec<u8>, Counts)> {
        let superblock = &self.geometry.superblock;
        let size = usize::from(superblock.desc_size);
        let per_block = self.geometry.descriptors_per_block() as usize;
        let mut descriptors = vec![0; (superblock.groups as usize).next_multiple_of(per_block) * size];
        let mut counts = Counts { free_blocks: 0, free_inodes: 0 };
        for (number, bytes) in (0..superblock.groups).zip(descriptors.chunks_exact_mut(size)) {
            let group = GroupNo(number);
            let descriptor = self.describe(group);
            descriptor.emit_places(bytes);
            descriptor.emit(bytes);
            self.bitmaps(group, &descriptor, bytes)?;
            if descriptor.flags & group::INODE_UNINIT == 0 {
                self.zero(descriptor.inode_table.0, self.geometry.table_blocks)?;
                self.inodes(group, &descriptor)?;
            }
            group::seal(superblock, group, bytes);
            counts.free_blocks += u64::from(descriptor.free_clusters) << superblock.cluster_ratio_bits();
            counts.free_inodes += descriptor.free_inodes;
        }
        Ok((descriptors, counts))
    }

    fn describe(&self, group: GroupNo) -> Descriptor {
        let superblock = &self.geometry.superblock;
        let places = self.layout.groups[group.0 as usize];
        let range = superblock.group_start(group)..self.geometry.group_end(group);
        let clusters = (range.end - range.start) >> superblock.cluster_ratio_bits();
        let inodes = superblock.raw.s_inodes_per_group.get();
        let used = self.used_inodes(group);
        let members = self.files.list.iter().filter(|file| self.group_of(file.ino) == Some(group));
        Descriptor {
            block_bitmap: DiskBlock(places.block_bitmap),
            inode_bitmap: DiskBlock(places.inode_bitmap),
            inode_table: DiskBlock(places.inode_table),
            free_clusters: (clusters - self.layout.used_clusters(range)) as u32,
            free_inodes: inodes - used,
            used_dirs: members.filter(|file| is_directory(file)).count() as u32,
            unused_inodes: if self.geometry.has_group_checksums() { inodes - used } else { 0 },
            flags: self.flags(group, used),
        }
    }

    /// Only descriptors with checksums can say that something was not written.
    fn flags(&self, group: GroupNo, used_inodes: u32) -> u16 {
        if !self.geometry.has_group_checksums() {
            return 0;
        }
        let mut flags = 0;
        if used_inodes == 0 {
            flags |= group::INODE_UNINIT;
        }
        let is_last = group.0 + 1 == self.geometry.superblock.groups;
        if !is_last && self.layout.holds_only_its_own(self.geometry, group) {
            flags |= group::BLOCK_UNINIT;
        }
        if self.options.zeroed == Zeroed::Yes || used_inodes > 0 {
            flags |= group::INODE_ZEROED;
        }
        flags
    }

    /// Inodes in use, which are the first of all.
    fn used_inodes(&self, group: GroupNo) -> u32 {
        let per_group = self.geometry.superblock.raw.s_inodes_per_group.get();
        let before = group.0 * u64::from(per_group);
        u64::from(self.geometry.used_inodes()).saturating_sub(before).min(per_group.into()) as u32
    }

    fn group_of(&self, ino: Ino) -> Option<GroupNo> {
        self.geometry.superblock.locate_inode(ino).map(|(group, _)| group)
    }

    fn bitmaps(&mut self, group: GroupNo, descriptor: &Descriptor, bytes: &mut [u8]) -> KResult<()> {
        let raw = &self.geometry.superblock.raw;
        if descriptor.flags & group::BLOCK_UNINIT == 0 {
            let bits = raw.s_clusters_per_group.get();
            let bitmap = self.block_bitmap(group);
            self.bitmap(descriptor.block_bitmap, &bitmap, Bitmap::Blocks, bits, bytes)?;
        }
        if descriptor.flags & group::INODE_UNINIT == 0 {
            let bits = raw.s_inodes_per_group.get();
            let mut bitmap = vec![0; self.block_size() as usize];
            set_bits(&mut bitmap, 0, self.used_inodes(group).into());
            set_bits(&mut bitmap, bits.into(), self.block_size() * 8);
            self.bitmap(descriptor.inode_bitmap, &bitmap, Bitmap::Inodes, bits, bytes)?;
        }
        Ok(())
    }

    fn bitmap(
        &mut self,
        at: DiskBlock,
        bitmap: &[u8],
        kind: Bitmap,
        bits: u32,
        desc: &mut [u8],
    ) -> KResult<()> {
        let superblock = &self.geometry.superblock;
        if superblock.features.has_metadata_checksums() {
            let sum = crc32c(superblock.checksum_seed, &bitmap[..bits as usize / 8]);
            group::set_bitmap_checksum(desc, kind, sum);
        }
        self.put(at.0, bitmap)
    }

    /// The clusters in use, and all that the group does not have.
    fn block_bitmap(&self, group: GroupNo) -> Vec<u8> {
        let superblock = &self.geometry.superblock;
        let bits = superblock.cluster_ratio_bits();
        let (start, end) = (superblock.group_start(group), self.geometry.group_end(group));
        let mut bitmap = vec![0; self.block_size() as usize];
        for part in self.layout.used_within(start..end) {
            set_bits(&mut bitmap, (part.start - start) >> bits, (part.end - start).div_ceil(1 << bits));
        }
        set_bits(&mut bitmap, (end - start) >> bits, self.block_size() * 8);
        bitmap
    }

    /// The inodes in use of a group, at the beginning of its table.
    fn inodes(&mut self, group: GroupNo, descriptor: &Descriptor) -> KResult<()> {
        let superblock = &self.geometry.superblock;
        let size = usize::from(superblock.inode_size);
        let used = self.used_inodes(group) as usize * size;
        let mut table = vec![0; used.next_multiple_of(self.block_size() as usize)];
        for file in &self.files.list {
            let place = superblock.locate_inode(file.ino).filter(|(owner, _)| *owner == group);
            if let Some((_, index)) = place {
                let raw = content::inode(superblock, self.options, file);
                table[index as usize * size..][..size].copy_from_slice(&raw);
            }
        }
        self.put(descriptor.inode_table.0, &table)
    }

    fn file_blocks(&mut self) -> KResult<()> {
        let files = self.files;
        for run in &files.zeros {
            self.zero(run.start.0, run.len)?;
        }
        let mut blocks: Vec<&(u64, Vec<u8>)> = files.blocks.iter().collect();
        blocks.sort_unstable_by_key(|(at, _)| *at);
        for (at, bytes) in blocks {
            self.put(*at, bytes)?;
        }
        Ok(())
    }

    /// All copies of the descriptors, and zeros where there is room for more.
    fn descriptors(&mut self, descriptors: &[u8]) -> KResult<()> {
        let superblock = &self.geometry.superblock;
        if superblock.features.incompat.contains(Incompat::META_BG) {
            return self.spread_descriptors(descriptors);
        }
        let reserved = superblock.raw.s_reserved_gdt_blocks.get();
        self.put(superblock.primary_block().0 + 1, descriptors)?;
        for group in (1..superblock.groups).map(GroupNo) {
            if superblock.group_has_superblock(group) {
                let at = superblock.group_start(group) + 1;
                self.put(at, descriptors)?;
                self.zero(at + self.geometry.descriptor_blocks, reserved.into())?;
            }
        }
        Ok(())
    }

    /// Each block of descriptors goes to three of the groups that it describes, behind their superblock.
    fn spread_descriptors(&mut self, descriptors: &[u8]) -> KResult<()> {
        let superblock = &self.geometry.superblock;
        let per_block = self.geometry.descriptors_per_block();
        for (index, block) in (0..).zip(descriptors.chunks_exact(self.block_size() as usize)) {
            let first = index * per_block;
            for group in [first, first + 1, first + per_block - 1].map(GroupNo) {
                if group.0 < superblock.groups {
                    self.put(self.layout.fixed_range(self.geometry, group).end - 1, block)?;
                }
            }
        }
        Ok(())
    }

    fn superblocks(&mut self, counts: &Counts) -> KResult<()> {
        let superblock = &self.geometry.superblock;
        let mut raw = superblock.raw.clone();
        raw.s_free_blocks_count_lo.set(counts.free_blocks as u32);
        raw.s_free_blocks_count_hi.set((counts.free_blocks >> 32) as u32);
        raw.s_free_inodes_count.set(counts.free_inodes);
        raw.s_overhead_clusters.set(self.overhead());
        if let Some(journal) = self.files.journal() {
            for (word, bytes) in raw.s_jnl_blocks.iter_mut().zip(journal.map.chunks_exact(4)) {
                word.as_mut_bytes().copy_from_slice(bytes);
            }
            raw.s_jnl_blocks[15].set((journal.size >> 32) as u32);
            raw.s_jnl_blocks[16].set(journal.size as u32);
        }
        for group in (1..superblock.groups).map(GroupNo) {
            if superblock.group_has_superblock(group) {
                raw.s_block_group_nr.set(group.0 as u16);
                self.superblock(self.offset(superblock.group_start(group)), &raw)?;
            }
        }
        self.output.flush()?;
        raw.s_block_group_nr.set(0);
        self.superblock(superblock::PRIMARY_OFFSET, &raw)?;
        self.output.flush()
    }

    fn superblock(&mut self, offset: u64, raw: &crate::layout::Superblock) -> KResult<()> {
        let mut raw = raw.clone();
        superblock::seal(&self.geometry.superblock.features, raw.as_mut_bytes());
        self.output.put(offset, raw.as_bytes())
    }

    /// Clusters that no file can have; zero, which has it counted at each mount, where there are too many to store.
    fn overhead(&self) -> u32 {
        let superblock = &self.geometry.superblock;
        let journal = self.geometry.journal.map_or(0, |journal| u64::from(journal.blocks()));
        let clusters = u64::from(superblock.raw.s_first_data_block.get())
            + self.layout.metadata_clusters
            + journal.div_ceil(1 << superblock.cluster_ratio_bits());
        u32::try_from(clusters).unwrap_or(0)
    }
}

fn is_directory(file: &File) -> bool {
    rump_kpi::FileType::from_mode(file.mode.into()) == Some(rump_kpi::FileType::Directory)
}

/// Sets the bits `from..to`.
fn set_bits(bitmap: &mut [u8], from: u64, to: u64) {
    let (mut at, to) = (from as usize, (to as usize).min(bitmap.len() * 8));
    while at < to {
        if at % 8 == 0 && to - at >= 8 {
            bitmap[at / 8..to / 8].fill(0xff);
            at = to / 8 * 8;
        } else {
            bitmap[at / 8] |= 1 << (at % 8);
            at += 1;
        }
    }
}
