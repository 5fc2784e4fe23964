//! From blocks of a file to blocks of the device, by either kind of map, with a cache per inode.
//!
//! The cache holds runs, sorted by file block and without overlap. A miss reads one leaf of the map and adds
//! all that the leaf says, holes included, so that later reads of the same range do no I/O for metadata.

pub mod extent;
pub mod indirect;
pub mod write;

use super::{FLAG_EXTENTS, Inode};
use crate::error::Error;
use crate::journal::ExtentChange;
use crate::units::{DiskBlock, FileBlock};
use crate::volume::Volume;
use alloc::vec::Vec;
use rump_kpi::sync::RwLock;

const MAX_RUNS: usize = 16 << 10;

/// Where a run of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// Nowhere; reads as zeros.
    Hole,
    /// Allocated but never written; reads as zeros.
    Unwritten,
    /// From this block on.
    At(DiskBlock),
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
        let mapping = match self.mapping {
            Mapping::At(block) => Mapping::At(DiskBlock(block.0 + (from.saturating_sub(self.start)))),
            other => other,
        };
        (from < to).then(|| Run { start: from, len: to - from, mapping })
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
            let joined = match (last.mapping, mapping) {
                (Mapping::At(a), Mapping::At(b)) => a.0 + last.len == b.0,
                (a, b) => a == b,
            };
            if joined {
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
        let index = runs.partition_point(|run| run.end() <= region.start);
        // Another reader may have been faster, or the device may have changed under us.
        if runs.get(index).is_none_or(|next| region.end() <= next.start) {
            runs.splice(index..index, region.runs.iter().copied());
        }
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

/// Fast commits of the journal, in their order.
fn apply_changes(volume: &Volume, inode: &Inode, region: &mut Region) {
    let Some(overlay) = volume.overlay() else { return };
    for change in overlay.extents(inode.number().0) {
        match change {
            ExtentChange::Add { logical, len, physical, unwritten } => {
                let mapping = if *unwritten { Mapping::Unwritten } else { Mapping::At(DiskBlock(*physical)) };
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
    fn the_cache_answers_for_inserted_regions_only() {
        let cache = MapCache::new();
        let mut region = Region::new(4);
        region.push(4, Mapping::Unwritten);
        cache.insert(&region);
        assert_eq!(cache.find(3), None);
        assert_eq!(cache.find(7).unwrap().mapping, Mapping::Unwritten);
        assert_eq!(cache.find(8), None);
    }
}
