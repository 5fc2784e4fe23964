//! Where everything goes.
//!
//! Metadata of a flex group lie together, as near to its beginning as they fit: block bitmaps, inode bitmaps,
//! inode tables. Without flex_bg each group keeps its own. Clusters that hold metadata hold nothing else.

use super::geometry::Geometry;
use super::refused;
use crate::allocation::RangeSet;
use crate::features::Compat;
use crate::units::{DiskBlock, Extent, GroupNo};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;
use rump_kpi::{Errno, KResult};

/// Places of one group's metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its block bitmap.
    pub block_bitmap: u64,
    /// Its inode bitmap.
    pub inode_bitmap: u64,
    /// The first block of its inode table.
    pub inode_table: u64,
}

/// See the module.
pub struct Layout {
    /// By number.
    pub groups: Vec<Group>,
    /// Clusters of metadata outside of files.
    pub metadata_clusters: u64,
    used: RangeSet,
    first: u64,
    end: u64,
    ratio_bits: u32,
}

impl Layout {
    /// Places all metadata. Errors: ENOSPC.
    pub fn new(geometry: &Geometry) -> KResult<Self> {
        let superblock = &geometry.superblock;
        let mut layout = Self {
            groups: alloc::vec![Group::default(); superblock.groups as usize],
            metadata_clusters: 0,
            used: RangeSet::default(),
            first: superblock.raw.s_first_data_block.get().into(),
            end: superblock.blocks,
            ratio_bits: superblock.cluster_ratio_bits(),
        };
        for group in 0..superblock.groups {
            let fixed = layout.fixed_range(geometry, GroupNo(group));
            let shift = layout.resize_shift(geometry, GroupNo(group));
            layout.used.insert(fixed.start, fixed.end + shift);
        }
        for first in (0..superblock.groups).step_by(geometry.flex_groups() as usize) {
            layout.place_flex_group(geometry, first)?;
        }
        layout.metadata_clusters = layout.used_clusters(layout.first..layout.end);
        Ok(layout)
    }

    /// Blocks at the beginning of a group that are in use whatever else is. A volume that counts from block 0
    /// although its superblock is in block 1 has the block before that among them.
    pub fn fixed_range(&self, geometry: &Geometry, group: GroupNo) -> Range<u64> {
        let start = geometry.superblock.group_start(group);
        let len = geometry.fixed_blocks(group);
        let primary = geometry.superblock.primary_block().0;
        if group.0 == 0 { start..primary + len } else { start..start + len }
    }

    /// The resize inode counts blocks behind a backup as behind the primary superblock. Where the latter is not in
    /// the first block of its group, that ends one block behind those that are reserved.
    fn resize_shift(&self, geometry: &Geometry, group: GroupNo) -> u64 {
        let superblock = &geometry.superblock;
        let resizes = superblock.features.compat.contains(Compat::RESIZE_INODE);
        if !resizes || group.0 == 0 || !superblock.group_has_superblock(group) {
            return 0;
        }
        superblock.primary_block().0 - self.first
    }

    /// The first block, which no file has.
    pub fn first(&self) -> u64 {
        self.first
    }

    fn place_flex_group(&mut self, geometry: &Geometry, first: u64) -> KResult<()> {
        let last = (first + geometry.flex_groups()).min(geometry.superblock.groups) - 1;
        let within = geometry.superblock.group_start(GroupNo(first))..geometry.group_end(GroupNo(last));
        let members = first as usize..last as usize + 1;
        for member in members.clone() {
            self.groups[member].block_bitmap = self.place(within.clone(), 1)?;
        }
        for member in members.clone() {
            self.groups[member].inode_bitmap = self.place(within.clone(), 1)?;
        }
        for member in members {
            self.groups[member].inode_table = self.place(within.clone(), geometry.table_blocks)?;
        }
        Ok(())
    }

    /// Takes consecutive blocks, here or else anywhere (which only flex_bg can need).
    fn place(&mut self, within: Range<u64>, len: u64) -> KResult<u64> {
        let found = self.find(within, len, 0).or_else(|| self.find(self.first..self.end, len, 0));
        let start = found.ok_or_else(|| no_room(len))?;
        self.used.insert(start, start + len);
        Ok(start)
    }

    /// The first `len` consecutive free blocks of a range, in whole clusters of two to the power `bits` blocks.
    fn find(&self, within: Range<u64>, len: u64, bits: u32) -> Option<u64> {
        self.free_ranges(within, bits).find(|free| free.end - free.start >= len).map(|free| free.start)
    }

    /// Free ranges of whole clusters within a range.
    fn free_ranges(&self, within: Range<u64>, bits: u32) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = within.start;
        core::iter::from_fn(move || {
            while at < within.end {
                let (busy, next) = self.used.overlapping(at, within.end).unwrap_or((within.end, within.end));
                let free = at.next_multiple_of(1 << bits)..busy.min(within.end) >> bits << bits;
                at = next.max(at + 1);
                if free.start < free.end {
                    return Some(free);
                }
            }
            None
        })
    }

    /// Takes blocks for a file in whole clusters: consecutive ones from `goal` on or before it, else as they come.
    /// Errors: ENOSPC.
    pub fn take(&mut self, goal: u64, len: u64) -> KResult<Vec<Extent>> {
        let bits = self.ratio_bits;
        let behind = self.find(goal..self.end, len, bits);
        if let Some(start) = behind.or_else(|| self.find(self.first..goal, len, bits)) {
            self.used.insert(start, (start + len).next_multiple_of(1 << bits));
            return Ok(alloc::vec![Extent { start: DiskBlock(start), len }]);
        }
        let mut missing = len;
        let mut taken = Vec::new();
        for range in [goal..self.end, self.first..goal] {
            for free in self.free_ranges(range, bits) {
                let part = missing.min(free.end - free.start);
                if part > 0 {
                    taken.push(Extent { start: DiskBlock(free.start), len: part });
                    missing -= part;
                }
            }
        }
        if missing > 0 {
            return Err(no_room(len));
        }
        for part in &taken {
            self.used.insert(part.start.0, (part.start.0 + part.len).next_multiple_of(1 << bits));
        }
        Ok(taken)
    }

    /// Takes one block. Errors: ENOSPC.
    pub fn take_one(&mut self, goal: u64) -> KResult<DiskBlock> {
        self.take(goal, 1)?.first().map(|extent| extent.start).ok_or_else(|| no_room(1))
    }

    /// Ranges in use within a range, ascending.
    pub fn used_within(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = within.start;
        core::iter::from_fn(move || {
            let (start, end) = self.used.overlapping(at, within.end)?;
            let part = start.max(at)..end.min(within.end);
            at = part.end;
            Some(part)
        })
    }

    /// Clusters in use within a range of whole clusters.
    pub fn used_clusters(&self, within: Range<u64>) -> u64 {
        let mut counted = 0;
        let mut total = 0;
        for part in self.used_within(within) {
            let behind = part.end.div_ceil(1 << self.ratio_bits);
            total += behind - (part.start >> self.ratio_bits).max(counted);
            counted = behind;
        }
        total
    }

    /// Whether the only blocks in use of a group are those that its own descriptor tells of.
    pub fn holds_only_its_own(&self, geometry: &Geometry, group: GroupNo) -> bool {
        let within = geometry.superblock.group_start(group)..geometry.group_end(group);
        let used: u64 = self.used_within(within.clone()).map(|part| part.end - part.start).sum();
        let places = self.groups[group.0 as usize];
        let inside =
            |start: u64, len: u64| (start + len).min(within.end).saturating_sub(start.max(within.start));
        let fixed = self.fixed_range(geometry, group);
        let own = (fixed.end - fixed.start)
            + inside(places.block_bitmap, 1)
            + inside(places.inode_bitmap, 1)
            + inside(places.inode_table, geometry.table_blocks);
        used == own
    }
}

fn no_room(len: u64) -> rump_kpi::KError {
    refused(Errno::ENOSPC, format!("size_bytes: too small, no room for {len} more blocks"))
}
