//! One operation: what it changes, and how that is put back.

use super::{Dirty, Epoch, Freed, Kind, Late, Space, State};
use crate::layout::{DirEntry, SLOT_BYTES};
use crate::nodes::Cell;
use crate::volume::Volume;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use rump_dosfs::{Error, Place};
use rump_kpi::cache::Block;
use zerocopy::IntoBytes;

/// A sector before the operation.
struct Before {
    block: Block,
    /// It was changed in this epoch already, and this many of its parts were late.
    was_dirty: Option<usize>,
}

/// See the module.
pub struct Operation<'a> {
    /// The volume.
    pub volume: &'a Volume,
    state: &'a mut State,
    before: BTreeMap<u64, Before>,
    space: Space,
    freed: usize,
    resting: usize,
    /// Directories that got more clusters.
    grown: Vec<Arc<Cell>>,
}

impl<'a> Operation<'a> {
    pub(super) fn new(volume: &'a Volume, state: &'a mut State) -> Self {
        let (space, freed, resting) = (state.space, state.epoch.freed.len(), state.epoch.resting.len());
        Self { volume, state, before: BTreeMap::new(), space, freed, resting, grown: Vec::new() }
    }

    pub(super) fn finish(self) {
        for before in self.before.into_values() {
            if before.was_dirty.is_some() {
                self.volume.cache().recycle(before.block);
            }
        }
    }

    pub(super) fn undo(self) {
        let Self { volume, state, before, space, freed, resting, grown } = self;
        let Epoch { dirty, .. } = &mut state.epoch;
        for (sector, before) in before {
            volume.cache().restore(sector, before.block);
            match before.was_dirty {
                Some(late) => {
                    if let Some(dirty) = dirty.get_mut(&sector) {
                        dirty.late.truncate(late);
                    }
                }
                None => {
                    dirty.remove(&sector);
                    volume.cache().unpin(sector);
                }
            }
        }
        state.space = space;
        state.epoch.freed.truncate(freed);
        for place in state.epoch.resting.drain(resting..) {
            state.resting.remove(&place);
        }
        grown.iter().for_each(|cell| cell.forget_chain());
    }

    /// A directory got more clusters, and knows of them already.
    pub fn note_growth(&mut self, cell: &Arc<Cell>) {
        self.grown.push(cell.clone());
    }

    /// Free clusters.
    pub fn space(&mut self) -> &mut Space {
        &mut self.state.space
    }

    /// Pins a sector that is about to change. Errors: EFTYPE, EIO.
    fn touch(&mut self, sector: u64, kind: Kind) -> Result<(), Error> {
        if self.before.contains_key(&sector) {
            return Ok(());
        }
        let cache = self.volume.cache();
        if let Some(dirty) = self.state.epoch.dirty.get(&sector) {
            let block = cache.find(sector).ok_or_else(|| lost(sector))?;
            self.before.insert(sector, Before { block, was_dirty: Some(dirty.late.len()) });
            return Ok(());
        }
        let block = loop {
            self.volume.sector(sector)?;
            if let Some(block) = cache.begin_change(sector) {
                break block;
            }
        };
        self.state
            .epoch
            .dirty
            .insert(sector, Dirty { kind, durable: block.clone(), late: Default::default() });
        self.before.insert(sector, Before { block, was_dirty: None });
        Ok(())
    }

    /// Changes a sector. Errors: EFTYPE, EIO.
    pub fn change(&mut self, sector: u64, kind: Kind, change: impl FnOnce(&mut [u8])) -> Result<(), Error> {
        self.touch(sector, kind)?;
        self.volume.cache().change(sector, change).ok_or_else(|| lost(sector))
    }

    /// Some bits of a sector, which was changed by this epoch, are written in the second round.
    pub fn set_late(&mut self, sector: u64, bytes: Range<usize>, mask: u8) {
        if let Some(dirty) = self.state.epoch.dirty.get_mut(&sector) {
            dirty.late.push(Late { bytes, mask });
        }
    }

    /// What of a sector is durable as long as this epoch is not.
    pub fn durable(&self, sector: u64) -> Option<&Block> {
        self.state.epoch.dirty.get(&sector).map(|dirty| &dirty.durable)
    }

    fn sector_of(&self, byte: u64) -> (u64, usize) {
        let size = u64::from(self.volume.geometry().sector_size);
        (byte / size, (byte % size) as usize)
    }

    /// Puts bytes into the slot at a place. Errors: EFTYPE, EIO.
    pub fn put_slot(&mut self, place: u64, bytes: &[u8; SLOT_BYTES]) -> Result<(), Error> {
        let (sector, within) = self.sector_of(place * SLOT_BYTES as u64);
        self.change(sector, Kind::Directory, |block| {
            if let Some(slot) = block.get_mut(within..within + SLOT_BYTES) {
                slot.copy_from_slice(bytes);
            }
        })
    }

    /// Puts a byte at the beginning of the slot at a place. Errors: EFTYPE, EIO.
    pub fn mark_slot(&mut self, place: u64, mark: u8) -> Result<(), Error> {
        let (sector, within) = self.sector_of(place * SLOT_BYTES as u64);
        self.change(sector, Kind::Directory, |block| {
            if let Some(first) = block.get_mut(within) {
                *first = mark;
            }
        })
    }

    /// The slot at a place, which was changed, stays durable as it was until all else of this epoch is. Nobody may
    /// take it before.
    pub fn rest(&mut self, place: u64) {
        let (sector, within) = self.sector_of(place * SLOT_BYTES as u64);
        self.set_late(sector, within..within + SLOT_BYTES, 0xff);
        self.state.resting.insert(place);
        self.state.epoch.resting.push(place);
    }

    /// Whether a slot rests.
    pub fn is_resting(&self, place: u64) -> bool {
        self.state.resting.contains(&place)
    }

    /// Changes what the directory says of a file. To be called last, since only the directory is put back on failure.
    /// Errors: EFTYPE, EIO.
    pub fn update(&mut self, cell: &Cell, change: impl FnOnce(&mut DirEntry)) -> Result<(), Error> {
        let mut slot = cell.slot();
        change(&mut slot.entry);
        if let Some(place) = slot.place {
            let mut bytes = [0; SLOT_BYTES];
            bytes.copy_from_slice(slot.entry.as_bytes());
            self.put_slot(place, &bytes)?;
        }
        cell.set_slot(slot);
        Ok(())
    }

    /// The chain from a cluster on, of about `count`, becomes free once this epoch is durable.
    pub fn free_chain(&mut self, first: u32, count: u32) {
        let count = count.max(1);
        self.state.space.pending = self.state.space.pending.saturating_add(count);
        self.state.epoch.freed.push(Freed::Chain { first, count });
    }

    /// So does what comes after a cluster; until then the file must not grow. To be called last, too.
    pub fn free_tail(&mut self, cell: &Arc<Cell>, last: u32, count: u32) {
        let count = count.max(1);
        self.state.space.pending = self.state.space.pending.saturating_add(count);
        cell.set_cut(true);
        self.state.epoch.freed.push(Freed::Tail { cell: cell.clone(), last, count });
    }
}

fn lost(sector: u64) -> Error {
    Error::corrupt("cache", Place::Byte(sector), "a sector that is being changed is not there")
}
