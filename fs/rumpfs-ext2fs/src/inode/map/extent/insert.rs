//! Mapping holes, and saying that what was not written is (or the other way round).

use super::END;
use super::node::{self, Leaf, Put};
use super::tree::Tree;
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::inode::map::write::State;
use crate::transaction::Handle;
use crate::units::{Extent, FileBlock};
use alloc::format;
use rump_kpi::Errno;

/// Maps `extent` at a hole. Space is counted by the caller, but for new nodes. Errors: see [`super::super::write`].
pub fn insert(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    at: FileBlock,
    extent: Extent,
    state: State,
) -> Result<(), Error> {
    if at.0.checked_add(extent.len).is_none_or(|end| end > END) {
        return Err(Error::Refused(Errno::EFBIG));
    }
    let new = Leaf { first: at.0, len: extent.len, block: extent.start.0, state };
    Tree { handle, inode }.insert(new)
}

/// Changes the state of `len` mapped blocks.
pub fn set_state(
    handle: &mut Handle<'_>,
    inode: &mut Inode,
    at: FileBlock,
    len: u64,
    state: State,
) -> Result<(), Error> {
    let mut tree = Tree { handle, inode };
    let (mut from, end) = (at.0, at.0 + len);
    while from < end {
        from = tree.set_state(from, end, state)?;
    }
    Ok(())
}

impl Tree<'_, '_> {
    /// Maps all of `new`.
    pub fn insert(&mut self, new: Leaf) -> Result<(), Error> {
        let (mut at, end) = (new.first, new.end());
        while at < end {
            let path = self.descend(at)?;
            let Some((leaf, above)) = path.split_last() else { break };
            let rest = new.part(at, end);
            match self.change(leaf.block, |bytes| node::put(bytes, leaf.index, rest, leaf.end))? {
                Put::Done(len, key) => {
                    if let Some(key) = key {
                        self.fix_keys(above, key)?;
                    }
                    at += len;
                }
                Put::Full => self.make_room(&path)?,
                Put::Taken => return Err(self.damaged(at, "is mapped already")),
            }
        }
        Ok(())
    }

    /// Changes the state of what one record maps from `from` on; answers where that ends.
    fn set_state(&mut self, from: u64, end: u64, state: State) -> Result<u64, Error> {
        let path = self.descend(from)?;
        let Some(leaf) = path.last() else { return Ok(end) };
        let index = leaf.index.checked_sub(1);
        let record = self.look(leaf.block, |bytes| index.and_then(|index| node::leaf(bytes, index)))?;
        let (Some(index), Some(record)) = (index, record.filter(|record| record.end() > from)) else {
            return Err(self.damaged(from, "is not mapped"));
        };
        let to = record.end().min(end);
        if record.state == state {
            return Ok(to);
        }
        let to = to.min(from + Leaf { state, ..record }.longest());
        let changed = Leaf { state, ..record.part(from, to) };
        if changed.len == record.len {
            self.change(leaf.block, |bytes| {
                node::set_leaf(bytes, index, &changed);
                node::join(bytes, index);
                if let Some(before) = index.checked_sub(1) {
                    node::join(bytes, before);
                }
            })?;
        } else {
            self.cut(&path, &record, from, to)?;
            self.insert(changed)?;
        }
        Ok(to)
    }

    /// An error about a file block.
    pub fn damaged(&self, block: u64, why: &str) -> Error {
        Error::corrupt(
            "extent tree",
            Place::Inode(self.inode.number()),
            0,
            format!("file block {block} {why}"),
        )
    }
}
