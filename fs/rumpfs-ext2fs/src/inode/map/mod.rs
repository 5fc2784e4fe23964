//! From blocks of a file to blocks of the device, by either kind of map, with a cache per inode.
//!
//! The cache holds runs, sorted by file block and without overlap. A miss reads one leaf of the map and adds
//! all that the leaf says, holes included, so that later reads of the same range do no I/O for metadata. A change
//! of the map changes the cache with it; when an operation is taken back, the cache is cleared.

pub mod extent;
pub mod indirect;
pub mod space;
pub mod write;

use super::{FLAG_EXTENTS, Inode};
use crate::error::Error;
use crate::journal::ExtentChange;
use crate::units::{DiskBlock, FileBlock, GroupNo, Ino};
use crate::volume::Volume;
use alloc::vec::Vec;
use rump_kpi::sync::RwLock;

const MAX_RUNS: usize = 16 << 10;

/// Where a run of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Nowhere; reads as zeros.
    Hole,
    /// Allocated from this block on, but never written; reads as zeros.
    Unwritten(DiskBlock),
    /// From this block on.
    At(DiskBlock),
}

impl Mapping {
    /// The block of the device, written or not.
    pub fn block(self) -> Option<DiskBlock> {
        match self {
            Self::Hole => None,
            Self::Unwritten(block) | Self::At(block) => Some(block),
        }
    }

    /// The same, `blocks` further on.
    fn advance(self, blocks: u64) -> Self {
        match self {
            Self::Hole => Self::Hole,
            Self::Unwritten(block) => Self::Unwritten(DiskBlock(block.0 + blocks)),
            Self::At(block) => Self::At(DiskBlock(block.0 + blocks)),
        }
    }
}

/// A run of blocks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First block in the file.
    pub start: u64,
    /// Number of blocks, at least one.
    pub len: u64,
    /// Where it is.
    pub mapping: Mapping,
}

impl Run {
    /// The block behind it.
    pub fn end(&self) -> u64 {
        self.start + self.len
    }

    /// The part from `start` to `end`, if any of it is there.
    fn part(&self, start: u64, end: u64) -> Option<Run> {
        let (from, to) = (self.start.max(start), self.end().min(end));
        // Only what is there has a place on the device: what is not may be further off than numbers reach.
        (from < to).then(|| Run {
            start: from,
            len: to - from,
            mapping: self.mapping.advance(from - self.start),
        })
    }
}

/// The runs of one leaf of a map: they cover `start..end` without a gap.
pub struct Region {
    /// First block covered.
    pub start: u64,
    runs: Vec<Run>,
}

impl Region {
    /// An empty region from `start` on.
    pub fn new(start: u64) -> Self {
        Self { start, runs: Vec::new() }
    }

    /// The block behind what is covered so far.
    pub fn end(&self) -> u64 {
        self.runs.last().map_or(self.start, Run::end)
    }

    /// Adds the next run, joined to the last where they touch on the device as well.
    pub fn push(&mut self, len: u64, mapping: Mapping) {
        if len == 0 {
            return;
        }
        let start = self.end();
        if let Some(last) = self.runs.last_mut() {
            if last.mapping.advance(last.len) == mapping {
                last.len += len;
                return;
            }
        }
        self.runs.push(Run { start, len, mapping });
    }

    /// Fills with a hole up to `end`.
    pub fn fill_to(&mut self, end: u64) {
        self.push(end.saturating_sub(self.end()), Mapping::Hole);
    }

    /// Lays the range `start..start + len` over what is there.
    fn replace(&mut self, start: u64, len: u64, mapping: Mapping) {
        let changed = Run { start, len, mapping };
        let Some(part) = changed.part(self.start, self.end()) else { return };
        let old = core::mem::take(&mut self.runs);
        let end = old.last().map_or(self.start, Run::end);
        for run in old.iter().filter_map(|run| run.part(0, part.start)) {
            self.push(run.len, run.mapping);
        }
        self.push(part.len, part.mapping);
        for run in old.iter().filter_map(|run| run.part(part.end(), end)) {
            self.push(run.len, run.mapping);
        }
    }
}

/// What is known of one inode's map.
pub struct MapCache {
    runs: RwLock<Vec<Run>>,
}

impl MapCache {
    /// Nothing is known.
    pub fn new() -> Self {
        Self { runs: RwLock::new(Vec::new()) }
    }

    /// Forgets everything: the map has changed.
    pub fn clear(&self) {
        self.runs.write().clear();
    }

    /// Takes in a change of the map.
    fn change(&self, start: u64, len: u64, mapping: Mapping) {
        let end = start + len;
        let mut runs = self.runs.write();
        if runs.len() >= MAX_RUNS {
            runs.clear();
        }
        let first = runs.partition_point(|run| run.end() <= start);
        let behind = runs.partition_point(|run| run.start < end);
        let head = runs.get(first).and_then(|run| run.part(0, start));
        let tail =
            behind.checked_sub(1).and_then(|last| runs.get(last)).and_then(|run| run.part(end, u64::MAX));
        let mut fresh = Run { start, len, mapping };
        let before = head.or_else(|| first.checked_sub(1).and_then(|index| runs.get(index)).copied());
        let mut from = first;
        let mut kept = head;
        // Appending makes the run before longer, so that it stays one.
        if let Some(run) = before.filter(|run| run.end() == start && run.mapping.advance(run.len) == mapping)
        {
            fresh = Run { start: run.start, len: run.len + len, mapping: run.mapping };
            from = if head.is_some() { first } else { first - 1 };
            kept = None;
        }
        runs.splice(from..behind.max(from), kept.into_iter().chain([fresh]).chain(tail));
    }

    fn find(&self, block: u64) -> Option<Run> {
        let runs = self.runs.read();
        let index = runs.partition_point(|run| run.end() <= block);
        runs.get(index).filter(|run| run.start <= block).copied()
    }

    fn insert(&self, region: &Region) {
        let mut runs = self.runs.write();
        if runs.len() + region.runs.len() > MAX_RUNS {
            runs.clear();
        }
        // What is here of the same range is no newer.
        let first = runs.partition_point(|run| run.end() <= region.start);
        let behind = runs.partition_point(|run| run.start < region.end());
        let head = runs.get(first).and_then(|run| run.part(0, region.start));
        let last = behind.checked_sub(1).and_then(|last| runs.get(last));
        let tail = last.and_then(|run| run.part(region.end(), u64::MAX));
        runs.splice(
            first..behind.max(first),
            head.into_iter().chain(region.runs.iter().copied()).chain(tail),
        );
    }
}

impl Default for MapCache {
    fn default() -> Self {
        Self::new()
    }
}

/// The rest of the run that holds `block`, from `block` on.
pub fn find_run(volume: &Volume, inode: &Inode, block: FileBlock) -> Result<Run, Error> {
    let rest = |run: Run| run.part(block.0, u64::MAX);
    if let Some(run) = inode.map().find(block.0).and_then(rest) {
        return Ok(run);
    }
    let mut region = if inode.has_flag(FLAG_EXTENTS) {
        extent::read_region(volume, inode, block)?
    } else {
        indirect::read_region(volume, inode, block)?
    };
    apply_changes(volume, inode, &mut region);
    inode.map().insert(&region);
    let found = region.runs.iter().find(|run| run.start <= block.0 && block.0 < run.end());
    // Regions hold the block that was asked for; a hole is the safe answer all the same.
    Ok(found.copied().and_then(rest).unwrap_or(Run { start: block.0, len: 1, mapping: Mapping::Hole }))
}

/// Where blocks of an inode are looked for when nothing better is known: in its group.
pub fn goal(volume: &Volume, inode: Ino) -> DiskBlock {
    let superblock = volume.superblock();
    let group = superblock.locate_inode(inode).map_or(GroupNo(0), |(group, _)| group);
    DiskBlock(superblock.group_start(group))
}

/// Fast commits of the journal, in their order.
fn apply_changes(volume: &Volume, inode: &Inode, region: &mut Region) {
    let Some(overlay) = volume.overlay() else { return };
    for change in overlay.extents(inode.number().0) {
        match change {
            ExtentChange::Add { logical, len, physical, unwritten } => {
                let block = DiskBlock(*physical);
                let mapping = if *unwritten { Mapping::Unwritten(block) } else { Mapping::At(block) };
                region.replace(u64::from(*logical), u64::from(*len), mapping);
            }
            ExtentChange::Remove { logical, len } => {
                region.replace(u64::from(*logical), u64::from(*len), Mapping::Hole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_runs_are_joined() {
        let mut region = Region::new(0);
        region.push(2, Mapping::At(DiskBlock(10)));
        region.push(3, Mapping::At(DiskBlock(12)));
        region.fill_to(8);
        assert_eq!(region.runs.len(), 2);
        assert_eq!(region.runs[0].len, 5);
    }

    #[test]
    fn a_change_splits_a_run() {
        let mut region = Region::new(0);
        region.push(10, Mapping::At(DiskBlock(100)));
        region.replace(3, 2, Mapping::Hole);
        assert_eq!(region.runs[2], Run { start: 5, len: 5, mapping: Mapping::At(DiskBlock(105)) });
    }

    #[test]
    fn the_cache_takes_a_region_that_goes_to_the_end_of_all_numbers() {
        let cache = MapCache::new();
        let mut written = Region::new(0);
        written.push(1 << 32, Mapping::At(DiskBlock(30)));
        cache.insert(&written);
        let mut behind = Region::new(1 << 32);
        behind.fill_to(u64::MAX);
        cache.insert(&behind);
        assert_eq!(cache.find(5).unwrap().mapping, Mapping::At(DiskBlock(30)));
        assert_eq!(cache.find(1 << 40).unwrap().mapping, Mapping::Hole);
    }

    #[test]
    fn the_cache_answers_for_inserted_regions_only() {
        let cache = MapCache::new();
        let mut region = Region::new(4);
        region.push(4, Mapping::Unwritten(DiskBlock(30)));
        cache.insert(&region);
        assert_eq!(cache.find(3), None);
        assert_eq!(cache.find(7).unwrap().mapping, Mapping::Unwritten(DiskBlock(30)));
        assert_eq!(cache.find(8), None);
    }

    #[test]
    fn a_change_of_the_map_changes_what_is_cached() {
        let cache = MapCache::new();
        let mut region = Region::new(0);
        region.push(10, Mapping::Hole);
        cache.insert(&region);
        cache.change(4, 3, Mapping::At(DiskBlock(70)));
        cache.change(7, 1, Mapping::At(DiskBlock(73)));
        cache.change(20, 2, Mapping::At(DiskBlock(90)));
        assert_eq!(cache.find(3).unwrap().end(), 4);
        assert_eq!(cache.find(5), Some(Run { start: 4, len: 4, mapping: Mapping::At(DiskBlock(70)) }));
        assert_eq!(cache.find(9).unwrap().mapping, Mapping::Hole);
        assert_eq!(cache.find(10), None);
        assert_eq!(cache.find(21).unwrap().start, 20);
    }
}
