//! Space ahead of content, and holes behind it: what `fallocate` offers.

use super::content::Content;
use super::flush::flush_content;
use super::limits;
use super::promise::nodes_for;
use super::write::{Change, retrying, writer_for};
use crate::allocation::blocks;
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::map::write::{
    ROOM_FOR_A_STEP, State, cluster_mask, edit, goal_for, insert_into, remove_from, set_state, shared_cluster,
};
use crate::inode::map::{Mapping, find_run};
use crate::inode::{FLAG_EXTENTS, Inode, attr};
use crate::transaction::Handle;
use crate::units::{DiskBlock, Extent, FileBlock};
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{Allocation, Errno};

/// Changes the space of `offset..offset + len`, which is not empty. Errors: EROFS, ENOTSUP (encrypted, compressed,
/// verity; space without content, for a file that is not mapped by extents), EFBIG, ENOSPC, EFTYPE, EIO.
pub fn allocate(
    volume: &Volume,
    cell: &Arc<Cell>,
    offset: u64,
    len: u64,
    how: Allocation,
) -> Result<(), Error> {
    let inode = cell.inode();
    let writer = writer_for(volume, &inode)?;
    let end = limits::check(volume, &inode, offset.checked_add(len))?;
    retrying(volume, || {
        let mut content = cell.content.write();
        let change = Change { volume, writer, cell };
        match (change.is_inline(), how) {
            (true, Allocation::PunchHole) => return change.punch_inline(offset, end),
            (true, _) => change.move_out()?,
            (false, _) => {}
        }
        if how != Allocation::PunchHole && !cell.inode().has_flag(FLAG_EXTENTS) {
            return Err(Error::unsupported(
                "space without content, for a file that is not mapped by extents",
            ));
        }
        match how {
            Allocation::Extend => change.fill(&mut content, offset, end, Some(end)),
            Allocation::Reserve => change.fill(&mut content, offset, end, None),
            Allocation::PunchHole => change.punch(&mut content, offset, end),
            Allocation::Zero => change.zero(&mut content, offset, end, Some(end)),
            Allocation::ZeroKeepSize => change.zero(&mut content, offset, end, None),
        }
    })
}

impl Change<'_> {
    fn fill(&self, content: &mut Content, offset: u64, end: u64, size: Option<u64>) -> Result<(), Error> {
        flush_content(self.volume, self.writer, self.cell, content)?;
        let bits = self.volume.superblock().block_bits;
        if let Some(size) = size {
            self.zero_behind_end(content, size.next_multiple_of(1 << bits))?;
        }
        self.in_steps(offset >> bits, end.div_ceil(1 << bits), size, fill_step)
    }

    fn punch(&self, content: &mut Content, offset: u64, end: u64) -> Result<(), Error> {
        // What is in memory was promised space by the map as it is.
        flush_content(self.volume, self.writer, self.cell, content)?;
        let (first, mut behind) = self.zero_edges(content, offset, end)?;
        loop {
            let mut handle = self.volume.begin()?;
            let now = handle.now();
            let left = edit(&mut handle, self.cell, |handle, inode| {
                attr::set_write_time(self.volume, inode, now);
                if first < behind { remove_from(handle, inode, FileBlock(first), behind) } else { Ok(first) }
            })?;
            handle.finish();
            if left <= first {
                return Ok(());
            }
            behind = left;
        }
    }

    fn zero(&self, content: &mut Content, offset: u64, end: u64, size: Option<u64>) -> Result<(), Error> {
        flush_content(self.volume, self.writer, self.cell, content)?;
        let (first, behind) = self.zero_edges(content, offset, end)?;
        let bits = self.volume.superblock().block_bits;
        if let Some(size) = size {
            self.zero_behind_end(content, size.next_multiple_of(1 << bits))?;
        }
        if first < behind {
            self.in_steps(first, behind, None, zero_step)?;
        }
        self.in_steps(offset >> bits, end.div_ceil(1 << bits), size, fill_step)
    }

    /// Makes zeros of what is cut of the first and the last block of a range; answers the whole blocks.
    fn zero_edges(&self, content: &mut Content, offset: u64, end: u64) -> Result<(u64, u64), Error> {
        let bits = self.volume.superblock().block_bits;
        let (first, size) = (offset.div_ceil(1 << bits), self.cell.size());
        // Nothing of a last block is left if nothing of the file is behind the range.
        let behind = (end >> bits).max(size.min(end).div_ceil(1 << bits) * u64::from(end >= size));
        self.zero_in_block(content, offset, end.min(first << bits))?;
        if behind >= first {
            self.zero_in_block(content, behind << bits, end.max(behind << bits))?;
        }
        Ok((first, behind))
    }

    /// Runs `step` over `from..to` in as many operations as it takes; the length changes with the last.
    fn in_steps(
        &self,
        from: u64,
        to: u64,
        size: Option<u64>,
        step: fn(&mut Handle<'_>, &mut Inode, u64, u64) -> Result<u64, Error>,
    ) -> Result<(), Error> {
        let mut at = from;
        loop {
            let mut handle = self.volume.begin()?;
            let now = handle.now();
            at = edit(&mut handle, self.cell, |handle, inode| {
                let mut at = at;
                while at < to {
                    at = step(handle, inode, at, to)?;
                    if handle.room() < ROOM_FOR_A_STEP {
                        break;
                    }
                }
                if let Some(size) = size.filter(|size| at >= to && *size > inode.size()) {
                    limits::set_size(handle, inode, size)?;
                }
                attr::set_write_time(self.volume, inode, now);
                Ok(at)
            })?;
            handle.finish();
            if at >= to {
                return Ok(());
            }
        }
    }
}

/// Allocates at `at`, if there is a hole; answers where to go on.
fn fill_step(handle: &mut Handle<'_>, inode: &mut Inode, at: u64, to: u64) -> Result<u64, Error> {
    let volume = handle.volume();
    let mask = cluster_mask(volume);
    let run = find_run(volume, inode, FileBlock(at))?;
    let mut len = run.len.min(to - at);
    if run.mapping != Mapping::Hole {
        return Ok(at + len);
    }
    let lead = at & mask;
    let block = match shared_cluster(volume, inode, FileBlock(at))? {
        Some(block) => {
            len = len.min(mask + 1 - lead);
            block
        }
        None => {
            // The last cluster may be one that the file has.
            let end = at + len;
            let inner = (end & !mask).saturating_sub(at);
            if end & mask != 0 && inner > 0 && shared_cluster(volume, inode, FileBlock(end))?.is_some() {
                len = inner;
            }
            let clusters = (lead + len).div_ceil(mask + 1);
            if clusters + nodes_for(volume, inode, 1) > handle.available() {
                return Err(Error::Refused(Errno::ENOSPC));
            }
            let near = goal_for(volume, inode, FileBlock(at))?;
            let extent = blocks::allocate(handle, near, lead + len)?;
            len = len.min(extent.len - lead);
            DiskBlock(extent.start.0 + lead)
        }
    };
    insert_into(handle, inode, FileBlock(at), Extent { start: block, len }, State::Unwritten)?;
    Ok(at + len)
}

/// Says of what is written at `at` that it is not; answers where to go on.
fn zero_step(handle: &mut Handle<'_>, inode: &mut Inode, at: u64, to: u64) -> Result<u64, Error> {
    let run = find_run(handle.volume(), inode, FileBlock(at))?;
    let len = run.len.min(to - at);
    if let Mapping::At(start) = run.mapping {
        set_state(handle, inode, FileBlock(at), Extent { start, len }, State::Unwritten)?;
    }
    Ok(at + len)
}
