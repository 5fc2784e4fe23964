//! What content in memory will need on the device, at the worst. That much space is promised to it, so that a later
//! flush finds it.
//!
//! Metadata takes only what is promised to nobody ([`allocate`](crate::allocation::blocks::allocate)), but for the nodes of the
//! map into which a flush enters content. A promise is of the map as it is: what changes it by blocks before content in memory
//! flushes that first, or promises more.

use super::content::{Content, Need};
use super::write::Change;
use crate::error::Error;
use crate::inode::map::write::{cluster_mask, shared_cluster};
use crate::inode::map::{Mapping, extent, find_run, indirect};
use crate::inode::{FLAG_EXTENTS, Inode};
use crate::units::FileBlock;
use crate::volume::Volume;

impl Change<'_> {
    /// Promises space for the blocks `first..behind` that are not in memory yet. Errors: ENOSPC, EFTYPE, EIO.
    pub fn promise(&self, content: &mut Content, first: u64, behind: u64) -> Result<(), Error> {
        let inode = self.cell.inode();
        let more = self.need(content, &inode, first, behind)?;
        if more == Need::default() {
            return Ok(());
        }
        let (clusters, records) =
            (content.need.clusters + more.clusters, content.need.records + more.records);
        self.promise_in_all(content, clusters + nodes_for(self.volume, &inode, records))?;
        content.need = Need { clusters, records };
        let ratio = self.volume.superblock().cluster_ratio_bits();
        self.cell.set_ahead(|ahead| ahead.blocks = clusters << ratio);
        Ok(())
    }

    /// Promises what content in memory will need besides, once the map has these records more. Errors: ENOSPC.
    pub fn promise_beside(&self, content: &mut Content, inode: &Inode, records: u64) -> Result<(), Error> {
        let need = content.need;
        if need.records == 0 || !inode.has_flag(FLAG_EXTENTS) {
            return Ok(());
        }
        let nodes = nodes_for(self.volume, inode, need.records + records);
        self.promise_in_all(content, need.clusters + nodes)
    }

    fn promise_in_all(&self, content: &mut Content, clusters: u64) -> Result<(), Error> {
        let promised = content.promised.get_mut();
        let missing = clusters.saturating_sub(*promised);
        self.writer.with_space(|space| space.promise(missing))?;
        *promised += missing;
        Ok(())
    }

    /// What the blocks `first..behind` will need on top of what is in memory.
    pub fn need(&self, content: &Content, inode: &Inode, first: u64, behind: u64) -> Result<Need, Error> {
        let bits = self.volume.superblock().block_bits;
        let mut need = Need::default();
        let mut at = first;
        while at < behind {
            let next = content.next_run(at, bits);
            if let Some((_, run)) = next.filter(|(start, _)| *start <= at) {
                at = next.map_or(at, |(start, _)| start) + (run.len() >> bits) as u64;
                continue;
            }
            let gap = next.map_or(behind, |(start, _)| start.min(behind));
            let run = find_run(self.volume, inode, FileBlock(at))?;
            let to = gap.min(run.end());
            match run.mapping {
                Mapping::At(_) => {}
                Mapping::Unwritten(_) => need.records += 2 * (to - at),
                Mapping::Hole => {
                    need.clusters += self.clusters_of_hole(content, inode, at, to)?;
                    need.records += self.records_of_hole(content, inode, at, to)?;
                }
            }
            at = to;
        }
        Ok(need)
    }

    /// Clusters for a hole that is not in memory: those in which the file has nothing, there or here.
    fn clusters_of_hole(&self, content: &Content, inode: &Inode, from: u64, to: u64) -> Result<u64, Error> {
        let (bits, mask) = (self.volume.superblock().block_bits, cluster_mask(self.volume));
        if mask == 0 {
            return Ok(to - from);
        }
        let mut clusters = 0;
        for cluster in from & !mask..=(to - 1) & !mask {
            if cluster & mask == 0
                && !content.overlaps(cluster, cluster + mask + 1, bits)
                && shared_cluster(self.volume, inode, FileBlock(cluster))?.is_none()
            {
                clusters += 1;
            }
        }
        Ok(clusters)
    }

    /// Records of an extent tree, each block on its own at the worst; or blocks of pointers.
    fn records_of_hole(&self, content: &Content, inode: &Inode, from: u64, to: u64) -> Result<u64, Error> {
        if inode.has_flag(FLAG_EXTENTS) {
            return Ok(to - from);
        }
        if to <= 12 {
            return Ok(0);
        }
        let pointer_block = |block: u64| (block - 12) >> indirect::per_block_bits(self.volume);
        let first = from.max(12);
        let crossed = pointer_block(to - 1) - pointer_block(first);
        let bits = self.volume.superblock().block_bits;
        let has_neighbour = first > 12 && pointer_block(first - 1) == pointer_block(first) && {
            content.overlaps(first - 1, first, bits)
                || find_run(self.volume, inode, FileBlock(first - 1))?.mapping != Mapping::Hole
        };
        // Up to three blocks of pointers lead to one block.
        Ok(3 * (crossed + u64::from(!has_neighbour)))
    }
}

/// Blocks of the map that this many new records may need at the worst.
pub fn nodes_for(volume: &Volume, inode: &Inode, records: u64) -> u64 {
    if !inode.has_flag(FLAG_EXTENTS) || records == 0 {
        return records;
    }
    let (depth, entries) = extent::shape(inode);
    if depth == 0 && entries as u64 + records <= 4 {
        return 0;
    }
    let half = (extent::capacity(volume.block_size() as usize) / 2) as u64;
    records.div_ceil(half) + records / (half * half) + u64::from(depth) + 2
}
