//! What is free, in numbers, and what is set aside in memory.

use super::RangeSet;
use crate::error::Error;
use rump_kpi::Errno;

/// Counts in clusters; ranges in blocks.
#[derive(Debug, Default)]
pub struct Space {
    free_clusters: u64,
    free_inodes: u64,
    /// Clusters that content in memory will need.
    promised: u64,
    /// Blocks that are reserved, or freed by what is not yet durable.
    aside: RangeSet,
    /// Blocks of the volume's own: superblocks, descriptors, bitmaps, inode tables, the journal.
    system: RangeSet,
}

impl Space {
    /// Space as the descriptors count it.
    pub fn new(free_clusters: u64, free_inodes: u64, system: RangeSet) -> Self {
        Self { free_clusters, free_inodes, system, ..Self::default() }
    }

    /// Free clusters by the bitmaps.
    pub fn free_clusters(&self) -> u64 {
        self.free_clusters
    }

    /// Free inodes by the bitmaps.
    pub fn free_inodes(&self) -> u64 {
        self.free_inodes
    }

    /// Clusters that are free and not promised to anybody.
    pub fn available(&self) -> u64 {
        self.free_clusters.saturating_sub(self.promised)
    }

    /// Promises clusters to content in memory. Errors: ENOSPC.
    pub fn promise(&mut self, clusters: u64) -> Result<(), Error> {
        if clusters > self.available() {
            return Err(Error::Refused(Errno::ENOSPC));
        }
        self.promised += clusters;
        Ok(())
    }

    /// Takes back a promise that was kept or is not needed.
    pub fn redeem(&mut self, clusters: u64) {
        self.promised = self.promised.saturating_sub(clusters);
    }

    pub(crate) fn count(&mut self, clusters: i64, inodes: i64) {
        self.free_clusters = self.free_clusters.saturating_add_signed(clusters);
        self.free_inodes = self.free_inodes.saturating_add_signed(inodes);
    }

    /// Keeps blocks from being given out.
    pub fn set_aside(&mut self, start: u64, len: u64) {
        self.aside.insert(start, start.saturating_add(len));
    }

    /// Gives them back.
    pub fn give_back(&mut self, start: u64, len: u64) {
        self.aside.remove(start, start.saturating_add(len));
    }

    /// The first range of blocks with a part in `start..end` that may not be given out whatever the bitmaps say.
    pub fn unusable(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let (aside, system) = (self.aside.overlapping(start, end), self.system.overlapping(start, end));
        match (aside, system) {
            (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
            (a, b) => a.or(b),
        }
    }

    /// Whether a block of `start..end` is the volume's own.
    pub fn is_system(&self, start: u64, end: u64) -> bool {
        self.system.overlapping(start, end).is_some()
    }
}
