//! Where content goes: the blocks that the map names, and free ones for the holes.
//!
//! Content behind mapped blocks goes behind them; what has no neighbour is given blocks one behind the other, in the
//! group of its inode, so that many small files lie together.

use super::store::Job;
use crate::allocation::{RangeSet, blocks};
use crate::error::Error;
use crate::inode::map::write::{cluster_mask, goal_for, shared_cluster};
use crate::inode::map::{self, Mapping, find_run};
use crate::transaction::Handle;
use crate::units::{DiskBlock, Extent, FileBlock};
use crate::volume::Volume;
use alloc::vec::Vec;
use rump_kpi::Errno;

/// What a segment's blocks are to the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Mapped and written.
    InPlace,
    /// Mapped as not written.
    Unwritten,
    /// Not mapped.
    Hole {
        /// False if the blocks are in one cluster of a bigalloc volume, which the file has already.
        cluster_is_new: bool,
    },
}

/// Blocks that lie together in the file and on the device.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Which job it is of.
    pub job: usize,
    /// The first block in the file.
    pub at: u64,
    /// Whole blocks.
    pub bytes: &'a [u8],
    /// The first block on the device.
    pub block: u64,
    /// What it is to the map.
    pub target: Target,
    /// Whether it goes through the journal.
    pub journaled: bool,
}

/// See the module.
pub struct Plan<'a> {
    /// By job, and by block of the file.
    pub segments: Vec<Segment<'a>>,
    /// What is set aside and not yet in use.
    pub reserved: RangeSet,
    /// Of `reserved`, what has no content yet.
    pool: Option<Extent>,
    /// Where the pool was looked for.
    pool_goal: Option<DiskBlock>,
}

impl<'a> Plan<'a> {
    /// Looks up what is mapped; holes have no blocks yet. Errors: EFTYPE, EIO.
    pub fn new(volume: &Volume, jobs: &[Job<'a>]) -> Result<Self, Error> {
        let bits = volume.superblock().block_bits;
        let mut segments = Vec::with_capacity(jobs.len());
        for (job, work) in jobs.iter().enumerate() {
            let inode = work.cell.inode();
            let journaled = volume.writer().is_some_and(|writer| writer.journals(&inode));
            for (mut at, mut bytes) in work.pieces.iter() {
                while !bytes.is_empty() {
                    let run = find_run(volume, &inode, FileBlock(at))?;
                    let len = run.len.min((bytes.len() >> bits) as u64);
                    let (part, rest) = bytes.split_at((len as usize) << bits);
                    let (block, target) = match run.mapping {
                        Mapping::At(block) => (block.0, Target::InPlace),
                        Mapping::Unwritten(block) => (block.0, Target::Unwritten),
                        Mapping::Hole => (0, Target::Hole { cluster_is_new: true }),
                    };
                    segments.push(Segment { job, at, bytes: part, block, target, journaled });
                    (at, bytes) = (at + len, rest);
                }
            }
        }
        Ok(Self { segments, reserved: RangeSet::default(), pool: None, pool_goal: None })
    }

    /// Finds blocks for the holes and sets them aside. Errors: ENOSPC, EFTYPE, EIO.
    pub fn reserve(&mut self, volume: &Volume, jobs: &[Job<'a>]) -> Result<(), Error> {
        let bits = volume.superblock().block_bits;
        let is_hole = |segment: &Segment<'_>| matches!(segment.target, Target::Hole { .. });
        if !self.segments.iter().any(is_hole) {
            return Ok(());
        }
        let mask = cluster_mask(volume);
        let wanted = |segment: &Segment<'_>| ((segment.bytes.len() >> bits) as u64 + mask) & !mask;
        let mut left: u64 = self.segments.iter().filter(|segment| is_hole(segment)).map(wanted).sum();
        let mut handle = volume.begin()?;
        for mut segment in core::mem::take(&mut self.segments) {
            let (hole, wanted) = (is_hole(&segment), wanted(&segment));
            while hole && !segment.bytes.is_empty() {
                let found = match self.place(&mut handle, jobs, &segment, left) {
                    Err(Error::Refused(Errno::ENOSPC)) => {
                        // What was freed a moment ago may be given out after a commit.
                        handle.finish();
                        volume.commit()?;
                        handle = volume.begin()?;
                        self.place(&mut handle, jobs, &segment, left)
                    }
                    found => found,
                };
                let (block, len, cluster_is_new) = match found {
                    Ok(found) => found,
                    Err(error) => {
                        // The reservations stay until they are cancelled.
                        handle.finish();
                        return Err(error);
                    }
                };
                let (part, rest) = segment.bytes.split_at((len as usize) << bits);
                let target = Target::Hole { cluster_is_new };
                self.segments.push(Segment { bytes: part, block, target, ..segment });
                (segment.at, segment.bytes) = (segment.at + len, rest);
            }
            if hole {
                left -= wanted;
            } else {
                self.segments.push(segment);
            }
        }
        handle.finish();
        Ok(())
    }

    /// Cuts what goes through the journal into pieces of at most `most` blocks, which enter the maps one by one.
    pub fn cut(&mut self, volume: &Volume, most: u64) {
        let (bits, mask) = (volume.superblock().block_bits, cluster_mask(volume));
        for mut segment in core::mem::take(&mut self.segments) {
            loop {
                let len = (segment.bytes.len() >> bits) as u64;
                let to_cluster_end = (mask + 1) - (segment.block & mask);
                let part = match segment.target {
                    _ if !segment.journaled => len,
                    Target::Hole { cluster_is_new: false } => len.min(most).min(to_cluster_end),
                    _ => len.min(most),
                };
                let (bytes, rest) = segment.bytes.split_at((part as usize) << bits);
                self.segments.push(Segment { bytes, ..segment });
                if rest.is_empty() {
                    break;
                }
                (segment.at, segment.block, segment.bytes) = (segment.at + part, segment.block + part, rest);
                if let Target::Hole { cluster_is_new } = &mut segment.target {
                    // The piece before took the cluster that it ends in.
                    *cluster_is_new = segment.block & mask == 0;
                }
            }
        }
    }

    /// The blocks for the beginning of a hole: the first, how many, and whether its cluster is new.
    fn place(
        &mut self,
        handle: &mut Handle<'_>,
        jobs: &[Job<'a>],
        segment: &Segment<'a>,
        left: u64,
    ) -> Result<(u64, u64, bool), Error> {
        let volume = handle.volume();
        let (bits, mask) = (volume.superblock().block_bits, cluster_mask(volume));
        let len = (segment.bytes.len() >> bits) as u64;
        let inode = jobs[segment.job].cell.inode();
        let before = self.segments.last().filter(|before| before.job == segment.job);
        let before = before.map(|before| (before.at + (before.bytes.len() >> bits) as u64 - 1, before));
        let before = before.map(|(last, before)| (last, before.block + (last - before.at)));
        let to_cluster_end = (mask + 1) - (segment.at & mask);
        if mask > 0 {
            if let Some((last, block)) = before.filter(|(last, _)| (last ^ segment.at) & !mask == 0) {
                return Ok((block + (segment.at - last), len.min(to_cluster_end), false));
            }
            if let Some(block) = shared_cluster(volume, &inode, FileBlock(segment.at))? {
                return Ok((block.0, len.min(to_cluster_end), false));
            }
        }
        let lead = segment.at & mask;
        let mut most = len;
        // The last cluster may be one that the file has.
        let end = segment.at + len;
        let inner = (end & !mask).saturating_sub(segment.at);
        if end & mask != 0 && inner > 0 && shared_cluster(volume, &inode, FileBlock(end))?.is_some() {
            most = inner;
        }
        let near = match before {
            Some((last, block)) if last + 1 == segment.at => Some(DiskBlock((block | mask) + 1)),
            _ => match goal_for(volume, &inode, FileBlock(segment.at))? {
                near if near == map::goal(volume, inode.number()) => None,
                near => Some(near),
            },
        };
        self.fill_pool(handle, near, map::goal(volume, inode.number()), left)?;
        let Some(pool) = self.pool.as_mut() else { return Err(Error::Refused(Errno::ENOSPC)) };
        let most = most.min(pool.len - lead);
        let block = pool.start.0 + lead;
        let used = (lead + most + mask) & !mask;
        (pool.start.0, pool.len) = (pool.start.0 + used, pool.len - used);
        Ok((block, most, true))
    }

    /// Sees that there is something in the pool, near where it is wanted.
    fn fill_pool(
        &mut self,
        handle: &mut Handle<'_>,
        near: Option<DiskBlock>,
        group: DiskBlock,
        left: u64,
    ) -> Result<(), Error> {
        let pool = self.pool.filter(|pool| pool.len > 0);
        let fits =
            pool.is_some_and(|pool| near.map_or(self.pool_goal == Some(group), |near| near == pool.start));
        if fits {
            return Ok(());
        }
        if let Some(old) = pool {
            blocks::cancel(handle, old);
            self.reserved.remove(old.start.0, old.start.0 + old.len);
            self.pool = None;
        }
        let extent = blocks::reserve(handle, near.unwrap_or(group), left)?;
        self.reserved.insert(extent.start.0, extent.start.0 + extent.len);
        self.pool = Some(extent);
        self.pool_goal = near.is_none().then_some(group);
        Ok(())
    }

    /// Gives back what was set aside and is not in use.
    pub fn cancel(&mut self, volume: &Volume) {
        let Some(writer) = volume.writer() else { return };
        writer.with_space(|space| {
            while let Some((start, end)) = self.reserved.overlapping(0, u64::MAX) {
                space.give_back(start, end - start);
                self.reserved.remove(start, end);
            }
        });
    }
}
