//! Taking the changes of an operation back.

use super::{Handle, Kind, Orphan};
use crate::cell::{Cell, Times};
use crate::inode::Inode;
use crate::units::{Extent, Ino};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashSet;
use rump_kpi::cache::{Block, BlockCache};

/// What a handle remembers of its changes. Handles are many and short: each takes the memory of the one before.
#[derive(Default)]
pub struct Memory {
    pub undo: Vec<Undo>,
    /// Blocks whose whole content before is in `undo`.
    pub touched: HashSet<u64>,
    /// What changed parts of blocks held before.
    pub parts: Vec<u8>,
}

impl Memory {
    /// To empty a set takes as long as it is large, and few handles touch many blocks.
    const MOST_TOUCHED: usize = 64;

    /// Forgets everything, for the next handle.
    pub fn empty(&mut self, cache: &BlockCache) {
        for undo in self.undo.drain(..) {
            if let Undo::Content(_, before) = undo {
                cache.recycle(before);
            }
        }
        if self.touched.len() > Self::MOST_TOUCHED {
            *self = Self::default();
        }
        self.touched.clear();
        self.parts.clear();
    }
}

/// What takes one change back.
pub enum Undo {
    /// A block's content before.
    Content(u64, Block),
    /// The bytes of a block from this one on, the last of `parts` up to there.
    Part { block: u64, from: usize, kept: usize },
    /// A block that was not there before.
    Fresh(u64),
    /// A block that was not part of the running transaction before, or was of another kind.
    Joined(u64, Option<Kind>),
    /// An inode before.
    Inode(Arc<Cell>, Arc<Inode>),
    /// Times that were ahead of an inode, and went into it.
    Times(Arc<Cell>, Times),
    /// What was ahead of an inode that is touched, and whether it was before.
    Touched(Arc<Cell>, Times, bool),
    /// What was known of an inode on the list of orphans.
    Orphan(Ino, Option<Orphan>),
    /// Whether an inode was to go there.
    NewOrphan(Ino, Option<Arc<Cell>>),
    /// Blocks that were not set aside.
    Reserved(Extent),
    /// Blocks that were.
    Unreserved(Extent),
}

impl Handle<'_> {
    /// Takes all changes back, the last first.
    pub(super) fn take_back(&mut self) {
        let cache = self.volume.cache();
        let mut undo = core::mem::take(&mut self.memory.undo);
        for undo in undo.drain(..).rev() {
            match undo {
                Undo::Content(block, before) => cache.restore(block, before),
                Undo::Part { block, from, kept } => {
                    let before = &self.memory.parts[kept..];
                    cache.change(block, |bytes| {
                        if let Some(place) = bytes.get_mut(from..from + before.len()) {
                            place.copy_from_slice(before);
                        }
                    });
                    self.memory.parts.truncate(kept);
                }
                Undo::Fresh(block) => cache.discard(block),
                Undo::Joined(block, Some(kind)) => {
                    self.running.blocks.insert(block, kind);
                }
                Undo::Joined(block, None) => {
                    self.running.blocks.remove(&block);
                    cache.unpin(block);
                }
                Undo::Orphan(ino, Some(before)) => {
                    self.running.orphans.insert(ino, before);
                }
                Undo::Orphan(ino, None) => {
                    self.running.orphans.remove(&ino);
                }
                Undo::NewOrphan(ino, Some(before)) => {
                    self.running.new_orphans.insert(ino, before);
                }
                Undo::NewOrphan(ino, None) => {
                    self.running.new_orphans.remove(&ino);
                }
                Undo::Reserved(extent) => self.running.space.give_back(extent.start.0, extent.len),
                Undo::Unreserved(extent) => self.running.space.set_aside(extent.start.0, extent.len),
                Undo::Inode(cell, before) => {
                    before.map().clear();
                    cell.replace(before);
                }
                Undo::Times(cell, times) => cell.restore_times(times),
                Undo::Touched(cell, times, was_touched) => {
                    cell.set_ahead(|ahead| ahead.times = times);
                    if !was_touched {
                        self.running.touched.remove(&cell.number());
                    }
                }
            }
        }
    }
}
