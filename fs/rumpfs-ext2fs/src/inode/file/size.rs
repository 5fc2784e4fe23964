//! Cutting and extending.

use super::content::Content;
use super::flush::flush_content;
use super::limits;
use super::write::{Change, retrying, writer_for};
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::attr;
use crate::inode::map::write::{cluster_mask, edit, remove_from};
use crate::orphan;
use crate::units::FileBlock;
use crate::volume::Volume;
use alloc::sync::Arc;

/// Cuts or extends. Errors: EROFS, ENOTSUP, EFBIG, ENOSPC, EFTYPE, EIO.
pub fn set_size(volume: &Volume, cell: &Arc<Cell>, size: u64) -> Result<(), Error> {
    let writer = writer_for(volume, &cell.inode())?;
    limits::check(volume, &cell.inode(), Some(size))?;
    retrying(volume, || {
        let mut content = cell.content.write();
        let change = Change { volume, writer, cell };
        if change.is_inline() && change.resize_inline(size)? {
            return Ok(());
        }
        if size >= cell.size() { change.extend(&mut content, size) } else { change.cut(&mut content, size) }
    })
}

impl Change<'_> {
    /// The new part is a hole.
    pub fn extend(&self, content: &mut Content, size: u64) -> Result<(), Error> {
        self.zero_behind_end(content, size.next_multiple_of(self.volume.block_size().into()))?;
        if content.bytes() > 0 {
            // The length follows what is in memory before it.
            self.note(content, size);
            return Ok(());
        }
        let mut handle = self.volume.begin()?;
        let mut inode = handle.working_copy(self.cell);
        limits::set_size(&mut handle, &mut inode, size)?;
        let now = handle.now();
        attr::set_write_time(self.volume, &mut inode, now);
        handle.store(self.cell, inode)?;
        handle.finish();
        self.cell.set_ahead(|ahead| ahead.size = None);
        Ok(())
    }

    /// First the length, then the blocks from the end; on the list of orphans where one step is not enough.
    fn cut(&self, content: &mut Content, size: u64) -> Result<(), Error> {
        if cluster_mask(self.volume) > 0 {
            // What is in memory may be to share a cluster with what is cut.
            flush_content(self.volume, self.writer, self.cell, content)?;
        }
        let bits = self.volume.superblock().block_bits;
        let first = size.div_ceil(1 << bits);
        let held = content.bytes();
        content.remove(first, u64::MAX, bits);
        self.writer.dirty().remove_bytes(held - content.bytes());
        self.zero_in_block(content, size, size.next_multiple_of(1 << bits))?;
        if content.bytes() == 0 {
            self.redeem(content);
        }
        let stored = self.cell.inode().size();
        if stored <= size {
            // Only content in memory was longer.
            self.cell.set_ahead(|ahead| ahead.size = (stored != size).then_some(size));
        }
        let mut listed = false;
        let mut end = u64::MAX;
        loop {
            let mut handle = self.volume.begin()?;
            let now = handle.now();
            end = edit(&mut handle, self.cell, |handle, inode| {
                if size < inode.size() {
                    limits::set_size(handle, inode, size)?;
                }
                attr::set_write_time(self.volume, inode, now);
                remove_from(handle, inode, FileBlock(first), end)
            })?;
            if end > first && !listed {
                orphan::add(&mut handle, self.cell);
                listed = true;
            } else if end <= first && listed && self.cell.inode().base().i_links_count.get() > 0 {
                orphan::remove(&mut handle, self.cell)?;
            }
            handle.finish();
            if stored > size {
                self.cell.set_ahead(|ahead| ahead.size = None);
            }
            if end <= first {
                return Ok(());
            }
        }
    }

    /// Nothing is in memory any more that space was promised for.
    fn redeem(&self, content: &mut Content) {
        let promised = core::mem::take(content.promised.get_mut());
        self.writer.dirty().buffers.give(content.take_runs());
        self.writer.with_space(|space| space.redeem(promised));
        self.cell.set_ahead(|ahead| ahead.blocks = 0);
    }
}
