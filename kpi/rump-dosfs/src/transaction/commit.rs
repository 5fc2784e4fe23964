//! Bringing an epoch to the device, in the order that [`super`] gives.

use super::{Dirty, Epoch, Freed, Kind, Operation, Space, State, Transactional};
use crate::Error;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

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

/// Returns once everything that was changed before is durable, content included. Errors: EROFS, EIO: from then on
/// nothing can be changed.
pub fn commit<V: Transactional>(volume: &V) -> Result<(), Error> {
    let writer = volume.writer()?;
    let _alone = writer.committing.lock();
    writer.check()?;
    let (epoch, snapshot, space) = {
        let mut state = writer.state.lock();
        let epoch = core::mem::take(&mut state.epoch);
        let cached = |sector: &u64| {
            volume.sectors().cache().find(*sector).map(|block| (*sector, block.bytes().clone()))
        };
        let snapshot: Snapshot = epoch.dirty.keys().filter_map(cached).collect();
        (epoch, snapshot, state.space)
    };
    let written = write_epoch(volume, &epoch, &snapshot, space);
    if let Err(error) = written {
        writer.has_failed.store(true, Ordering::Release);
        volume.note(&alloc::format!("a commit failed, and no change is taken any more: {error}"));
        return Err(error);
    }
    let mut state = writer.state.lock();
    epoch.dirty.keys().for_each(|sector| volume.sectors().cache().unpin(*sector));
    for place in &epoch.resting {
        state.resting.remove(place);
    }
    free(volume, &mut state, epoch.freed);
    Ok(())
}

fn write_epoch<V: Transactional>(
    volume: &V,
    epoch: &Epoch<V::Freed>,
    snapshot: &Snapshot,
    space: Space,
) -> Result<(), Error> {
    if !epoch.dirty.is_empty() {
        volume.write_hint(space)?;
    }
    for kind in [Kind::Table, Kind::Directory] {
        let changed = || epoch.dirty.iter().filter(move |(_, dirty)| dirty.kind == kind);
        if kind == Kind::Directory && changed().next().is_none() {
            continue;
        }
        write_round(volume, changed(), snapshot, kind, Round::First)?;
        volume.sectors().device().flush()?;
        if changed().any(|(_, dirty)| !dirty.late.is_empty()) {
            write_round(volume, changed(), snapshot, kind, Round::Second)?;
            volume.sectors().device().flush()?;
        }
    }
    Ok(())
}

/// Writes sectors of one kind: all of them, or in the second round those that have more to show.
fn write_round<'a>(
    volume: &impl Transactional,
    changed: impl Iterator<Item = (&'a u64, &'a Dirty)>,
    snapshot: &Snapshot,
    kind: Kind,
    round: Round,
) -> Result<(), Error> {
    let size = volume.sectors().size() as usize;
    let (mut first, mut bytes) = (0, Vec::new());
    for (&sector, dirty) in changed {
        if round == Round::Second && dirty.late.is_empty() {
            continue;
        }
        let Some(now) = snapshot.get(&sector) else { continue };
        let follows = sector == first + (bytes.len() / size) as u64;
        if !follows || bytes.len() >= WRITE_BYTES {
            write_sectors(volume, first, &bytes, kind)?;
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
    write_sectors(volume, first, &bytes, kind)
}

fn write_sectors(volume: &impl Transactional, first: u64, bytes: &[u8], kind: Kind) -> Result<(), Error> {
    if bytes.is_empty() {
        return Ok(());
    }
    let byte = first * volume.sectors().size();
    if kind == Kind::Directory {
        return Ok(volume.sectors().device().write_at(byte, bytes)?);
    }
    for copy in volume.table_copies(byte) {
        volume.sectors().device().write_at(copy, bytes)?;
    }
    Ok(())
}

/// Makes clusters free that no durable name leads to. Damage is noted: what cannot be freed stays taken.
fn free<V: Transactional>(volume: &V, state: &mut State<V::Freed>, freed: Vec<V::Freed>) {
    let mut left = MOST_FREED;
    for freed in freed {
        if left == 0 {
            state.epoch.freed.push(freed);
            continue;
        }
        let count = freed.count();
        state.space.pending = state.space.pending.saturating_sub(count);
        let mut operation = Operation::new(volume, state);
        match volume.release(&mut operation, &freed, &mut left) {
            Ok(()) => operation.finish(),
            Err(error) => {
                operation.undo();
                volume.note(&alloc::format!("{count} clusters are not freed: {error}"));
            }
        }
    }
}

/// Everything is durable, what was freed is free, and the volume is marked as left in order, if it was so at the
/// mount. Errors: EIO.
pub fn close<V: Transactional>(volume: &V) -> Result<(), Error> {
    let writer = volume.writer()?;
    loop {
        commit(volume)?;
        let state = writer.state.lock();
        if state.epoch.dirty.is_empty() && state.epoch.freed.is_empty() {
            break;
        }
    }
    let mut state = writer.state.lock();
    if state.is_marked {
        volume.unmark()?;
        state.is_marked = false;
    }
    Ok(())
}

/// Puts back what is late.
fn hold_back(bytes: &mut [u8], dirty: &Dirty) {
    for late in &dirty.late {
        for at in late.bytes.clone() {
            bytes[at] = bytes[at] & !late.mask | dirty.durable[at] & late.mask;
        }
    }
}
