//! The way to a leaf, and what keeps a tree in shape: nodes that are split, filled, emptied and freed.
//!
//! The inode is a copy that the caller stores when all is done. After an error the handle must be dropped: what
//! was changed so far is half of something.

use super::node::{self, Record};
use super::read::{check_tail, parse_node};
use crate::allocation::blocks;
use crate::error::{Error, Place};
use crate::inode::Inode;
use crate::inode::map::{goal, space};
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent};
use alloc::vec::Vec;
use rump_kpi::Errno;

/// One node on the way from the root to a leaf.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The node's block; the root is in the inode.
    pub block: Option<DiskBlock>,
    /// In a leaf, the number of records at or before the target; above, the record that was followed.
    pub index: usize,
    /// The file blocks that the node answers for.
    pub start: u64,
    /// The one behind them.
    pub end: u64,
}

/// The way to a leaf, the root first.
pub type Path = Vec<Step>;

/// A tree while it is changed.
pub struct Tree<'a, 'v> {
    pub handle: &'a mut Handle<'v>,
    pub inode: &'a mut Inode,
}

/// Depth of the tree, and records in its root.
pub fn shape(inode: &Inode) -> (u16, usize) {
    (node::depth(&inode.base().i_block), node::entries(&inode.base().i_block))
}

impl Tree<'_, '_> {
    /// The way to the leaf that answers for `target`.
    pub fn descend(&self, target: u64) -> Result<Path, Error> {
        let mut path = Path::new();
        let (mut block, mut start, mut end, mut depth) = (None, 0, 1 << 32, None);
        loop {
            let step = |bytes: &[u8]| -> Result<_, Error> {
                let place = block.map_or(Place::Inode(self.inode.number()), Place::Block);
                let found = parse_node(bytes, place, depth)?;
                let position = node::position(bytes, target);
                if found.depth == 0 {
                    return Ok((Step { block, index: position, start, end }, None));
                }
                // What is before the first record belongs to its child, whose key moves when it comes.
                let index = position.saturating_sub(1);
                let child = node::child(bytes, index);
                let child = child.ok_or_else(|| Error::corrupt("extent node", place, 2, "no records"))?;
                let from = if index == 0 { start } else { node::key(bytes, index) };
                let to = if index + 1 < found.entries { node::key(bytes, index + 1) } else { end };
                Ok((Step { block, index, start, end }, Some((child, from, to, found.depth - 1))))
            };
            let (step, below) = match block {
                None => step(&self.inode.base().i_block)?,
                Some(block) => self.read(block, step)?,
            };
            path.push(step);
            match below {
                None => return Ok(path),
                Some((child, from, to, below)) => {
                    (block, start, end, depth) = (Some(child), from, to, Some(below));
                }
            }
        }
    }

    fn read<R>(&self, block: DiskBlock, look: impl FnOnce(&[u8]) -> Result<R, Error>) -> Result<R, Error> {
        let volume = self.handle.volume();
        let bytes = volume.read_block(block)?;
        let check = |bytes: &[u8]| {
            parse_node(bytes, Place::Block(block), None)?;
            check_tail(volume, self.inode, block, bytes)
        };
        volume.verify(block, &bytes, check)?;
        look(&bytes)
    }

    /// Looks at a node.
    pub fn look<R>(&self, block: Option<DiskBlock>, look: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        match block {
            None => Ok(look(&self.inode.base().i_block)),
            Some(block) => self.read(block, |bytes| Ok(look(bytes))),
        }
    }

    /// Changes a node.
    pub fn change<R>(
        &mut self,
        block: Option<DiskBlock>,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R, Error> {
        match block {
            None => Ok(self.inode.edit(self.handle.volume(), |base, _| change(&mut base.i_block))),
            Some(block) => self.handle.modify(block, self.kind(), change),
        }
    }

    fn kind(&self) -> Kind {
        Kind::ExtentNode(self.inode.checksum_seed(self.handle.volume()))
    }

    /// After the first record of a node changed: the keys above it.
    pub fn fix_keys(&mut self, above: &[Step], key: u64) -> Result<(), Error> {
        for step in above.iter().rev() {
            self.change(step.block, |bytes| node::set_key(bytes, step.index, key))?;
            if step.index > 0 {
                break;
            }
        }
        Ok(())
    }

    /// Makes room where the leaf of `path` is full; the way is another one then, and more may be needed.
    pub fn make_room(&mut self, path: &[Step]) -> Result<(), Error> {
        // The lowest node whose parent takes one more record is split; else the root moves down.
        for (level, step) in path.iter().enumerate().skip(1).rev() {
            let parent = &path[level - 1];
            if !self.look(parent.block, node::is_full)? {
                return self.split(step, parent, level + 1 == path.len());
            }
        }
        self.push_root_down()
    }

    fn split(&mut self, step: &Step, parent: &Step, is_leaf: bool) -> Result<(), Error> {
        let (entries, depth) = self.look(step.block, |bytes| (node::entries(bytes), node::depth(bytes)))?;
        if entries < 2 {
            let place = step.block.map_or(Place::Inode(self.inode.number()), Place::Block);
            return Err(Error::corrupt("extent node", place, 4, "room for one record"));
        }
        // Files mostly grow at their end: nodes stay full then.
        let at_end = step.index + usize::from(!is_leaf) == entries;
        let keep = if at_end { entries - 1 } else { entries / 2 };
        let (key, moved) = self
            .look(step.block, |bytes| (node::key(bytes, keep), node::records_from(bytes, keep).to_vec()))?;
        let near = step.block.map(|block| DiskBlock(block.0 + 1));
        let fresh = self.new_node(near, depth, &moved)?;
        self.change(step.block, |bytes| node::truncate(bytes, keep))?;
        let record: Record = node::index_record(key, fresh);
        self.change(parent.block, |bytes| node::insert_record(bytes, parent.index + 1, &record))
    }

    fn push_root_down(&mut self) -> Result<(), Error> {
        let root = &self.inode.base().i_block;
        let (depth, key, records) =
            (node::depth(root), node::key(root, 0), node::records_from(root, 0).to_vec());
        if depth >= node::MAX_DEPTH {
            return Err(Error::Refused(Errno::EFBIG));
        }
        let fresh = self.new_node(None, depth, &records)?;
        let record = node::index_record(key, fresh);
        self.change(None, |bytes| node::init(bytes, depth + 1, &record))
    }

    fn new_node(&mut self, near: Option<DiskBlock>, depth: u16, records: &[u8]) -> Result<DiskBlock, Error> {
        let volume = self.handle.volume();
        let near = near.unwrap_or_else(|| goal(volume, self.inode.number()));
        let extent = blocks::allocate(self.handle, near, 1)?;
        space::add_blocks(volume, self.inode, extent.len as i64)?;
        let kind = self.kind();
        self.handle.create(extent.start, kind, |bytes| node::init(bytes, depth, records));
        Ok(extent.start)
    }

    fn free_node(&mut self, block: DiskBlock) -> Result<(), Error> {
        let volume = self.handle.volume();
        let len = 1 << volume.superblock().cluster_ratio_bits();
        let start = DiskBlock(block.0 & !(len - 1));
        blocks::free(self.handle, Extent { start, len })?;
        self.handle.forget(block);
        space::add_blocks(volume, self.inode, -(len as i64))
    }

    /// After the last record of the leaf at the end of `path` went: frees it, and the nodes above that have
    /// nothing else.
    pub fn prune(&mut self, path: &[Step]) -> Result<(), Error> {
        for (level, step) in path.iter().enumerate().rev() {
            let Some(block) = step.block else {
                return self.change(None, |bytes| node::init(bytes, 0, &[]));
            };
            self.free_node(block)?;
            let (parent, above) = (&path[level - 1], &path[..level - 1]);
            let left = self.change(parent.block, |bytes| {
                node::remove_record(bytes, parent.index);
                (node::entries(bytes) > 0).then(|| node::key(bytes, 0))
            })?;
            if let Some(key) = left {
                return if parent.index == 0 { self.fix_keys(above, key) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Takes the records of an only child into the root while they fit there.
    pub fn collapse(&mut self) -> Result<(), Error> {
        while let (1.., 1) = shape(self.inode) {
            let Some(child) = node::child(&self.inode.base().i_block, 0) else { break };
            let (depth, records) =
                self.read(child, |bytes| Ok((node::depth(bytes), node::records_from(bytes, 0).to_vec())))?;
            let room = node::capacity(self.inode.base().i_block.len()) * node::RECORD;
            if records.len() > room || records.is_empty() {
                break;
            }
            self.free_node(child)?;
            self.change(None, |bytes| node::init(bytes, depth, &records))?;
        }
        Ok(())
    }
}
