//! Bringing content to the device: of many files at once, in three steps.
//!
//! 1. Each piece gets its blocks: those that the map names, or free ones, which are reserved in memory.
//! 2. The bytes are written, neighbours in one piece.
//! 3. What is new enters the maps, together with the lengths and times of the files.
//!
//! So a map never names a block whose content is not on the device, and after a crash a file is not longer than what
//! reached it. The caller holds `content` of each file alone.
//!
//! Content that goes through the journal is left out of step 2. In step 3 it is part of the operation that enters it
//! into the map, also what is mapped already; and then it is brought home, before anyone reads it there. What fits in
//! one operation is there after a crash as a whole or not at all; more than that is cut at borders of blocks.

use super::content::{Buffers, Content, MOST_RUN_BYTES};
use super::limits;
use super::plan::{Plan, Segment, Target};
use crate::allocation::{RangeSet, blocks};
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::Inode;
use crate::inode::map::write::{self, ROOM_FOR_A_STEP, State, cluster_mask};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, FileBlock};
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

/// Pieces from this size on are written from where they are.
const LARGE_BYTES: usize = 64 << 10;

/// What is to be stored of one file.
pub struct Job<'a> {
    /// The file.
    pub cell: &'a Arc<Cell>,
    /// Whole blocks, by their first, in order.
    pub pieces: Pieces<'a>,
    /// The length of the file when all is stored, if that is more than the inode's.
    pub size: u64,
    /// Clusters that are promised to the pieces. Those that were taken are promised no more.
    pub promised: &'a AtomicU64,
}

/// Where the bytes of a job are.
pub enum Pieces<'a> {
    /// In memory.
    Content(&'a Content),
    /// In the buffer of whoever writes: all, from a block on.
    Buffer(u64, &'a [u8]),
}

impl<'a> Pieces<'a> {
    /// All in order, by their first block.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        let (content, buffer) = match *self {
            Self::Content(content) => (Some(content), None),
            Self::Buffer(start, bytes) => (None, Some((start, bytes))),
        };
        content.into_iter().flat_map(Content::runs).chain(buffer)
    }
}

/// Stores all jobs. After an error some may be stored, and some in part. Errors: ENOSPC, EFBIG, EFTYPE, EIO.
pub fn store(volume: &Volume, jobs: &[Job<'_>]) -> Result<(), Error> {
    let mut plan = Plan::new(volume, jobs)?;
    let reserved = plan.reserve(volume, jobs);
    let journaled = plan.segments.iter().any(|segment| segment.journaled);
    if let Some(writer) = volume.writer().filter(|_| journaled) {
        plan.cut(volume, writer.most_content());
    }
    let mut result = reserved
        .and_then(|()| write_out(volume, &plan.segments))
        .and_then(|()| enter(volume, jobs, &plan.segments, &mut plan.reserved));
    plan.cancel(volume);
    if journaled {
        // Also after an error: some of it may have entered.
        result = result.and(volume.settle_content());
    }
    if result.is_err() {
        jobs.iter().for_each(|job| job.cell.inode().map().clear());
    }
    result
}

/// Writes the segments where they belong, but for those that go through the journal.
fn write_out(volume: &Volume, segments: &[Segment<'_>]) -> Result<(), Error> {
    let bits = volume.superblock().block_bits;
    let mut order: Vec<&Segment<'_>> = segments.iter().filter(|segment| !segment.journaled).collect();
    order.sort_unstable_by_key(|segment| segment.block);
    let buffers = volume.writer().map(|writer| &writer.dirty().buffers);
    let mut piece = buffers.map(Buffers::take_long).unwrap_or_default();
    let mut start = 0;
    for segment in order {
        let behind = (start << bits) + piece.len() as u64;
        let goes_on = segment.block << bits == behind && piece.len() + segment.bytes.len() <= MOST_RUN_BYTES;
        if !piece.is_empty() && (!goes_on || segment.bytes.len() >= LARGE_BYTES) {
            volume.device().write_at(start << bits, &piece)?;
            piece.clear();
        }
        if segment.bytes.len() >= LARGE_BYTES {
            volume.device().write_at(segment.block << bits, segment.bytes)?;
            continue;
        }
        if piece.is_empty() {
            start = segment.block;
        }
        piece.extend_from_slice(segment.bytes);
    }
    if !piece.is_empty() {
        volume.device().write_at(start << bits, &piece)?;
    }
    if let Some(buffers) = buffers {
        buffers.give([piece]);
    }
    Ok(())
}

/// Enters what is new into the maps, with the lengths and times; in as many operations as it takes.
fn enter(
    volume: &Volume,
    jobs: &[Job<'_>],
    segments: &[Segment<'_>],
    reserved: &mut RangeSet,
) -> Result<(), Error> {
    let mut entry = Entry::begin(volume, jobs, reserved)?;
    for (index, job) in jobs.iter().enumerate() {
        let mut inode = entry.handle.working_copy(job.cell);
        let from = segments.partition_point(|segment| segment.job < index);
        let to = segments.partition_point(|segment| segment.job <= index);
        let has_part = |segment: &&Segment<'_>| segment.journaled || segment.target != Target::InPlace;
        for segment in segments[from..to].iter().filter(has_part) {
            if entry.is_full_for(segment) {
                let reached = (segment.at << volume.superblock().block_bits).min(job.size);
                entry.keep(job.cell, inode, reached)?;
                entry = entry.next(volume)?;
                inode = entry.handle.working_copy(job.cell);
            }
            entry.enter(&mut inode, segment)?;
        }
        entry.keep(job.cell, inode, job.size)?;
        if entry.is_full() && index + 1 < jobs.len() {
            entry = entry.next(volume)?;
        }
    }
    entry.finish().map(drop)
}

/// One operation of [`enter`].
struct Entry<'v, 'r> {
    handle: Handle<'v>,
    jobs: &'r [Job<'r>],
    /// Reserved blocks that entered a map and are to be marked as in use, neighbours together.
    taking: Option<Extent>,
    steps: u32,
    reserved: &'r mut RangeSet,
    /// Of `reserved`, what is in use once this operation is done; if it fails, all is still set aside.
    entered: Vec<Extent>,
    /// Clusters that jobs took of what was promised to them.
    kept: Vec<(usize, u64)>,
}

impl<'v, 'r> Entry<'v, 'r> {
    fn begin(volume: &'v Volume, jobs: &'r [Job<'r>], reserved: &'r mut RangeSet) -> Result<Self, Error> {
        let handle = volume.begin()?.with_promise();
        let (entered, kept) = (Vec::new(), Vec::new());
        Ok(Self { handle, jobs, taking: None, steps: 0, reserved, entered, kept })
    }

    fn is_full(&self) -> bool {
        self.steps > 0 && self.handle.room() < ROOM_FOR_A_STEP
    }

    fn is_full_for(&self, segment: &Segment<'_>) -> bool {
        let bits = self.handle.volume().superblock().block_bits;
        let content = if segment.journaled { segment.bytes.len() >> bits } else { 0 };
        self.steps > 0 && self.handle.room() < ROOM_FOR_A_STEP + content
    }

    fn enter(&mut self, inode: &mut Inode, segment: &Segment<'_>) -> Result<(), Error> {
        let volume = self.handle.volume();
        self.steps += 1;
        let bits = volume.superblock().block_bits;
        let len = (segment.bytes.len() >> bits) as u64;
        let extent = Extent { start: DiskBlock(segment.block), len };
        if segment.journaled {
            for (block, bytes) in (segment.block..).zip(segment.bytes.chunks_exact(1 << bits)) {
                self.handle.create(DiskBlock(block), Kind::Content, |content| content.copy_from_slice(bytes));
            }
        }
        if segment.target == (Target::Hole { cluster_is_new: true }) {
            let mask = cluster_mask(volume);
            let (start, end) = (extent.start.0 & !mask, (extent.start.0 + len + mask) & !mask);
            self.take(Extent { start: DiskBlock(start), len: end - start })?;
            self.kept.push((segment.job, (end - start) >> volume.superblock().cluster_ratio_bits()));
        }
        let at = FileBlock(segment.at);
        let before = self.handle.taken();
        match segment.target {
            Target::InPlace => {}
            Target::Unwritten => write::set_state(&mut self.handle, inode, at, extent, State::Written)?,
            Target::Hole { .. } => {
                write::insert_into(&mut self.handle, inode, at, extent, State::Written)?;
            }
        }
        self.kept.push((segment.job, self.handle.taken() - before));
        Ok(())
    }

    fn take(&mut self, extent: Extent) -> Result<(), Error> {
        match &mut self.taking {
            Some(before) if before.start.0 + before.len == extent.start.0 => before.len += extent.len,
            taking => {
                if let Some(before) = taking.replace(extent) {
                    blocks::take(&mut self.handle, before)?;
                }
            }
        }
        self.entered.push(extent);
        Ok(())
    }

    /// Stores an inode that has content up to `size` by now.
    fn keep(&mut self, cell: &Arc<Cell>, mut inode: Inode, size: u64) -> Result<(), Error> {
        if size > inode.size() {
            limits::set_size(&mut self.handle, &mut inode, size)?;
        }
        self.steps += 1;
        self.handle.store(cell, inode)
    }

    /// Answers what is still reserved.
    fn finish(mut self) -> Result<&'r mut RangeSet, Error> {
        if let Some(taking) = self.taking.take() {
            blocks::take(&mut self.handle, taking)?;
        }
        for (job, clusters) in self.kept {
            let promised = self.jobs[job].promised;
            let kept = clusters.min(promised.load(Ordering::Relaxed));
            promised.fetch_sub(kept, Ordering::Relaxed);
            self.handle.space().redeem(kept);
        }
        self.handle.finish();
        for extent in self.entered {
            self.reserved.remove(extent.start.0, extent.start.0 + extent.len);
        }
        Ok(self.reserved)
    }

    fn next(self, volume: &'v Volume) -> Result<Self, Error> {
        let jobs = self.jobs;
        let reserved = self.finish()?;
        Self::begin(volume, jobs, reserved)
    }
}
