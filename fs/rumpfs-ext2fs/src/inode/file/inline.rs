//! Files whose content is in the inode: changed there while it fits, else moved to a block.

use super::write::Change;
use crate::allocation::blocks;
use crate::error::Error;
use crate::inode::map::{goal, write};
use crate::inode::{Inode, attr, file, inline};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, FileBlock};

impl Change<'_> {
    /// Whether the content is in the inode.
    pub fn is_inline(&self) -> bool {
        self.cell.inode().is_inline(self.volume)
    }

    /// Writes into the inode; if that does not fit, moves the content out and answers false. Errors: ENOSPC, EFTYPE,
    /// EIO.
    pub fn write_inline(&self, offset: u64, buf: &[u8]) -> Result<bool, Error> {
        self.change_inline(|handle| inline::write(handle, self.cell, offset, buf))
    }

    /// The same for the length.
    pub fn resize_inline(&self, size: u64) -> Result<bool, Error> {
        self.change_inline(|handle| inline::resize(handle, self.cell, size))
    }

    /// Makes zeros of a part of the content.
    pub fn punch_inline(&self, offset: u64, end: u64) -> Result<(), Error> {
        let (from, to) = (offset.min(self.cell.size()), end.min(self.cell.size()));
        let zeros = alloc::vec![0; (to - from) as usize];
        self.write_inline(from, &zeros).map(|_| ())
    }

    fn change_inline(
        &self,
        change: impl FnOnce(&mut Handle<'_>) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let mut handle = self.volume.begin()?;
        let fits = change(&mut handle)?;
        if fits {
            let now = handle.now();
            handle.update(self.cell, |inode| attr::set_write_time(self.volume, inode, now))?;
            handle.finish();
        } else {
            drop(handle);
            self.move_out()?;
        }
        Ok(fits)
    }

    /// Moves the content to a block of its own, which has it before the inode loses it. Errors: ENOSPC, EFTYPE, EIO.
    pub fn move_out(&self) -> Result<(), Error> {
        let inode = self.cell.inode();
        let size = inode.size();
        if size == 0 {
            let mut handle = self.volume.begin()?;
            inline::to_blocks(&mut handle, self.cell)?;
            handle.finish();
            return Ok(());
        }
        let mut block = alloc::vec![0; self.volume.block_size() as usize];
        file::read_at(self.volume, &inode, 0, &mut block)?;
        self.writer.with_space(|space| space.promise(1))?;
        let moved = self.move_to_block(&inode, &block);
        self.writer.with_space(|space| space.redeem(1));
        moved
    }

    fn move_to_block(&self, inode: &Inode, block: &[u8]) -> Result<(), Error> {
        let mut handle = self.volume.begin()?;
        let extent = blocks::reserve(&mut handle, goal(self.volume, inode.number()), 1)?;
        handle.finish();
        let journaled = self.writer.journals(inode);
        let written = if journaled {
            Ok(())
        } else {
            let bits = self.volume.superblock().block_bits;
            self.volume.device().write_at(extent.start.0 << bits, block).map_err(Error::from)
        };
        let moved = written.and_then(|()| self.enter_moved(extent, journaled.then_some(block)));
        if moved.is_err() {
            self.writer.with_space(|space| space.give_back(extent.start.0, extent.len));
        }
        moved?;
        if journaled { self.volume.settle_content() } else { Ok(()) }
    }

    /// Takes the block into use, with `content` if that goes through the journal.
    fn enter_moved(&self, extent: Extent, content: Option<&[u8]>) -> Result<(), Error> {
        let mut handle = self.volume.begin()?;
        if let Some(content) = content {
            handle.create(extent.start, Kind::Content, |block| block.copy_from_slice(content));
        }
        inline::to_blocks(&mut handle, self.cell)?;
        blocks::take(&mut handle, extent)?;
        let first = Extent { start: DiskBlock(extent.start.0), len: 1 };
        write::insert(&mut handle, self.cell, FileBlock(0), first, write::State::Written)?;
        handle.finish();
        Ok(())
    }
}
