//! One operation: what it changes, and how that is put back.

use super::{Dirty, Epoch, Freed, Kind, Late, Space, State, Transactional};
use crate::{Error, Place, SLOT_BYTES};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use rump_kpi::cache::Block;

/// A sector before the operation.
struct Before {
    block: Block,
    /// It was changed in this epoch already, and this many of its parts were late.
    was_dirty: Option<usize>,
}

/// See the module.
pub struct Operation<'a, V: Transactional> {
    /// The volume.
    pub volume: &'a V,
    state: &'a mut State<V::Freed>,
    before: BTreeMap<u64, Before>,
    space: Space,
    freed: usize,
    resting: usize,
    /// Directories that remember what this changed.
    seen_by: Vec<Arc<V::Cell>>,
}

impl<'a, V: Transactional> Operation<'a, V> {
    pub(super) fn new(volume: &'a V, state: &'a mut State<V::Freed>) -> Self {
        let (space, freed, resting) = (state.space, state.epoch.freed.len(), state.epoch.resting.len());
        Self { volume, state, before: BTreeMap::new(), space, freed, resting, seen_by: Vec::new() }
    }

    pub(super) fn finish(self) {
        for before in self.before.into_values() {
            if before.was_dirty.is_some() {
                self.volume.sectors().cache().recycle(before.block);
            }
        }
    }

    pub(super) fn undo(self) {
        let Self { volume, state, before, space, freed, resting, seen_by } = self;
        let Epoch { dirty, .. } = &mut state.epoch;
        for (sector, before) in before {
            volume.sectors().cache().restore(sector, before.block);
            match before.was_dirty {
                Some(late) => {
                    if let Some(dirty) = dirty.get_mut(&sector) {
                        dirty.late.truncate(late);
                    }
                }
                None => {
                    dirty.remove(&sector);
                    volume.sectors().cache().unpin(sector);
                }
            }
        }
        state.space = space;
        state.epoch.freed.truncate(freed);
        for place in state.epoch.resting.drain(resting..) {
            state.resting.remove(&place);
        }
        seen_by.iter().for_each(|cell| volume.take_back(cell));
    }

    /// A directory remembers what this changes of it, already.
    pub fn is_seen_by(&mut self, cell: &Arc<V::Cell>) {
        self.seen_by.push(cell.clone());
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
        let cache = self.volume.sectors().cache();
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
        self.volume.sectors().cache().change(sector, change).ok_or_else(|| lost(sector))
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

    /// Puts bytes into the slot at a place. Errors: EFTYPE, EIO.
    pub fn put_slot(&mut self, place: u64, bytes: &[u8; SLOT_BYTES]) -> Result<(), Error> {
        let (sector, within) = self.volume.sectors().position(place * SLOT_BYTES as u64);
        self.change(sector, Kind::Directory, |block| {
            if let Some(slot) = block.get_mut(within..within + SLOT_BYTES) {
                slot.copy_from_slice(bytes);
            }
        })
    }

    /// Puts a byte at the beginning of the slot at a place. Errors: EFTYPE, EIO.
    pub fn mark_slot(&mut self, place: u64, mark: u8) -> Result<(), Error> {
        let (sector, within) = self.volume.sectors().position(place * SLOT_BYTES as u64);
        self.change(sector, Kind::Directory, |block| {
            if let Some(first) = block.get_mut(within) {
                *first = mark;
            }
        })
    }

    /// The slot at a place, which was changed, stays durable as it was until all else of this epoch is. Nobody may
    /// take it before.
    pub fn rest(&mut self, place: u64) {
        let (sector, within) = self.volume.sectors().position(place * SLOT_BYTES as u64);
        self.set_late(sector, within..within + SLOT_BYTES, 0xff);
        self.state.resting.insert(place);
        self.state.epoch.resting.push(place);
    }

    /// Whether a slot rests.
    pub fn is_resting(&self, place: u64) -> bool {
        self.state.resting.contains(&place)
    }

    /// These become free once this epoch is durable.
    pub fn free(&mut self, freed: V::Freed) {
        self.state.space.pending = self.state.space.pending.saturating_add(freed.count());
        self.state.epoch.freed.push(freed);
    }
}

fn lost(sector: u64) -> Error {
    Error::corrupt("cache", Place::Byte(sector), "a sector that is being changed is not there")
}
