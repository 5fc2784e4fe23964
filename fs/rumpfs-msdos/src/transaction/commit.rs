//! Bringing an epoch to the device, in the order that [`super`] gives.

use super::{Dirty, Epoch, Freed, Kind, Operation, State, flags};
use crate::fat::{self, Cursor, Link};
use crate::volume::Volume;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use rump_dosfs::Error;

/// What is written at once.
const WRITE_BYTES: usize = 256 << 10;
/// Clusters that become free with one commit: more would pin too much of the table.
const MOST_FREED: u32 = 1 << 20;

/// Sectors as they were when the commit began.
type Snapshot = BTreeMap<u64, Arc<[u8]>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    First,
    Second,
}

impl Volume {
    /// Returns once everything that was changed before is durable, content included. Errors: EROFS, EIO: from then on
    /// nothing can be changed.
    pub fn commit(&self) -> Result<(), Error> {
        let writer = self.writer()?;
        let _alone = writer.committing.lock();
        writer.check()?;
        let (epoch, snapshot, space) = {
            let mut state = writer.state.lock();
            let epoch = core::mem::take(&mut state.epoch);
            let cached =
                |sector: &u64| self.cache().find(*sector).map(|block| (*sector, block.bytes().clone()));
            let snapshot: Snapshot = epoch.dirty.keys().filter_map(cached).collect();
            (epoch, snapshot, state.space)
        };
        let written = self.write_epoch(&epoch, &snapshot, space);
        if let Err(error) = written {
            writer.has_failed.store(true, Ordering::Release);
            self.note(&alloc::format!("a commit failed, and no change is taken any more: {error}"));
            return Err(error);
        }
        let mut state = writer.state.lock();
        epoch.dirty.keys().for_each(|sector| self.cache().unpin(*sector));
        for place in &epoch.resting {
            state.resting.remove(place);
        }
        self.free(&mut state, epoch.freed);
        Ok(())
    }

    fn write_epoch(&self, epoch: &Epoch, snapshot: &Snapshot, space: super::Space) -> Result<(), Error> {
        if !epoch.dirty.is_empty() {
            flags::write_hint(self, space)?;
        }
        for kind in [Kind::Table, Kind::Directory] {
            let changed = || epoch.dirty.iter().filter(move |(_, dirty)| dirty.kind == kind);
            if kind == Kind::Directory && changed().next().is_none() {
                continue;
            }
            self.write_round(changed(), snapshot, kind, Round::First)?;
            self.device().flush()?;
            if changed().any(|(_, dirty)| !dirty.late.is_empty()) {
                self.write_round(changed(), snapshot, kind, Round::Second)?;
                self.device().flush()?;
            }
        }
        Ok(())
    }

    /// Writes sectors of one kind: all of them, or in the second round those that have more to show.
    fn write_round<'a>(
        &self,
        changed: impl Iterator<Item = (&'a u64, &'a Dirty)>,
        snapshot: &Snapshot,
        kind: Kind,
        round: Round,
    ) -> Result<(), Error> {
        let size = self.geometry().sector_size as usize;
        let (mut first, mut bytes) = (0, Vec::new());
        for (&sector, dirty) in changed {
            if round == Round::Second && dirty.late.is_empty() {
                continue;
            }
            let Some(now) = snapshot.get(&sector) else { continue };
            let follows = sector == first + (bytes.len() / size) as u64;
            if !follows || bytes.len() >= WRITE_BYTES {
                self.write_sectors(first, &bytes, kind)?;
                bytes.clear();
            }
            if bytes.is_empty() {
                first = sector;
            }
            let begin = bytes.len();
            bytes.extend_from_slice(now);
            if round == Round::First {
                hold_back(&mut bytes[begin..], dirty);
            }
        }
        self.write_sectors(first, &bytes, kind)
    }

    fn write_sectors(&self, first: u64, bytes: &[u8], kind: Kind) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        let geometry = self.geometry();
        let byte = first * u64::from(geometry.sector_size);
        if kind == Kind::Directory {
            return Ok(self.device().write_at(byte, bytes)?);
        }
        let within = byte - geometry.active_start();
        for start in geometry.written_fats() {
            self.device().write_at(start + within, bytes)?;
        }
        Ok(())
    }

    /// Makes clusters free that no durable name leads to. Damage is noted: what cannot be freed stays taken.
    fn free(&self, state: &mut State, freed: Vec<Freed>) {
        let mut left = MOST_FREED;
        for freed in freed {
            if left == 0 {
                state.epoch.freed.push(freed);
                continue;
            }
            let count = freed.count();
            state.space.pending = state.space.pending.saturating_sub(count);
            let mut operation = Operation::new(self, state);
            let result = match &freed {
                Freed::Chain { first, count } => free_chain(&mut operation, *first, *count, &mut left),
                Freed::Tail { cell, last, count } => {
                    let cut = cut(&mut operation, *last, *count);
                    cell.set_cut(false);
                    cut
                }
            };
            match result {
                Ok(()) => operation.finish(),
                Err(error) => {
                    operation.undo();
                    self.note(&alloc::format!("{count} clusters are not freed: {error}"));
                }
            }
        }
    }

    /// Everything is durable, what was freed is free, and the volume is marked as left in order, if it was so at the
    /// mount. Errors: EIO.
    pub fn close(&self) -> Result<(), Error> {
        let writer = self.writer()?;
        loop {
            self.commit()?;
            let state = writer.state.lock();
            if state.epoch.dirty.is_empty() && state.epoch.freed.is_empty() {
                break;
            }
        }
        let mut state = writer.state.lock();
        if state.is_marked {
            flags::clear(self)?;
            state.is_marked = false;
        }
        Ok(())
    }
}

/// Puts back what is late.
fn hold_back(bytes: &mut [u8], dirty: &Dirty) {
    for late in &dirty.late {
        for at in late.bytes.clone() {
            bytes[at] = bytes[at] & !late.mask | dirty.durable[at] & late.mask;
        }
    }
}

/// Ends a chain with `last`; the rest is freed with the next commit.
fn cut(operation: &mut Operation<'_>, last: u32, count: u32) -> Result<(), Error> {
    if let Link::Next(first) = Cursor::new(operation.volume).link(last)? {
        fat::set(operation, last, fat::END)?;
        operation.free_chain(first, count);
    }
    Ok(())
}

/// Frees a chain, at most `left` clusters of it now.
fn free_chain(operation: &mut Operation<'_>, first: u32, count: u32, left: &mut u32) -> Result<(), Error> {
    let mut at = first;
    let mut done = 0;
    loop {
        if *left == 0 {
            operation.free_chain(at, count.saturating_sub(done));
            return Ok(());
        }
        let Ok(next) = Cursor::new(operation.volume).link(at) else { return Ok(()) };
        if matches!(next, Link::Free | Link::Bad) {
            return Ok(());
        }
        fat::set(operation, at, fat::FREE)?;
        let space = operation.space();
        space.free = space.free.map(|free| free + 1);
        *left -= 1;
        done += 1;
        let Link::Next(next) = next else { return Ok(()) };
        at = next;
    }
}
