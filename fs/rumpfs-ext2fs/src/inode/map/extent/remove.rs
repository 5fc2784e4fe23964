//! Unmapping.

use super::node::{self, Leaf};
use super::tree::{Step, Tree};
use crate::error::Error;
use crate::inode::Inode;
use crate::inode::map::write::{ROOM_FOR_A_STEP, release};
use crate::inode::map::{Mapping, find_run};
use crate::transaction::Handle;
use crate::units::{DiskBlock, Extent, FileBlock};

/// Unmaps `start..end` from its end towards its start and frees the blocks, as far as the handle has room. Answers
/// the block from which everything is a hole now.
pub fn remove(handle: &mut Handle<'_>, inode: &mut Inode, start: u64, end: u64) -> Result<u64, Error> {
    let mut end = end.min(1 << 32);
    let mut tree = Tree { handle, inode };
    while end > start {
        // Reading checks the records on the way.
        find_run(tree.handle.volume(), tree.inode, FileBlock(end - 1))?;
        end = tree.remove_last(start, end)?;
        if tree.handle.room() < ROOM_FOR_A_STEP {
            break;
        }
    }
    tree.collapse()?;
    Ok(end.max(start))
}

impl Tree<'_, '_> {
    /// Unmaps the last record of `start..end`, or a part of it; answers where what is left ends.
    fn remove_last(&mut self, start: u64, end: u64) -> Result<u64, Error> {
        let path = self.descend(end - 1)?;
        let Some(leaf) = path.last() else { return Ok(start) };
        let record = self
            .look(leaf.block, |bytes| leaf.index.checked_sub(1).and_then(|index| node::leaf(bytes, index)))?;
        let Some(record) = record else { return Ok(leaf.start) };
        if record.end() <= start {
            return Ok(start);
        }
        let to = record.end().min(end);
        let from = record
            .first
            .max(start)
            .max(to.saturating_sub(self.in_one_group(record.block + (to - record.first))));
        let part = record.part(from, to);
        self.cut(&path, &record, from, to)?;
        self.inode.map().change(from, to - from, Mapping::Hole);
        let extent = Extent { start: DiskBlock(part.block), len: part.len };
        release(self.handle, self.inode, FileBlock(from), extent)?;
        Ok(from)
    }

    /// How many blocks before `end` are in the same group: one bitmap changes in a step.
    fn in_one_group(&self, end: u64) -> u64 {
        let raw = &self.handle.volume().superblock().raw;
        let (first, per_group) = (raw.s_first_data_block.get(), u64::from(raw.s_blocks_per_group.get()));
        (end - 1).saturating_sub(u64::from(first)) % per_group + 1
    }

    /// Unmaps `from..to` of a record, the one before the position in the leaf of `path`. Nothing is freed but nodes.
    pub fn cut(&mut self, path: &[Step], record: &Leaf, from: u64, to: u64) -> Result<(), Error> {
        let Some((leaf, above)) = path.split_last() else { return Ok(()) };
        let Some(index) = leaf.index.checked_sub(1) else { return Ok(()) };
        let (left, right) = (record.part(record.first, from), record.part(to, record.end()));
        if left.len == 0 && right.len == 0 {
            let key = self.change(leaf.block, |bytes| {
                node::remove_record(bytes, index);
                (node::entries(bytes) > 0).then(|| node::key(bytes, 0))
            })?;
            return match key {
                None => self.prune(path),
                Some(key) if index == 0 => self.fix_keys(above, key),
                Some(_) => Ok(()),
            };
        }
        if left.len == 0 {
            self.change(leaf.block, |bytes| node::set_leaf(bytes, index, &right))?;
            return if index == 0 { self.fix_keys(above, right.first) } else { Ok(()) };
        }
        self.change(leaf.block, |bytes| node::set_leaf(bytes, index, &left))?;
        if right.len > 0 { self.insert(right) } else { Ok(()) }
    }
}
