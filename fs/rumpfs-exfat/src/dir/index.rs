//! Finding a name: by its hash, once all names of a directory were read. What is found is compared, so that nothing is
//! believed that is no longer so.

use super::scan::{Visit, file_at, scan};
use super::slots::Slots;
use crate::nodes::Cell;
use crate::set::EntrySet;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicUsize, Ordering};
use hashbrown::HashMap;
use rump_dosfs::Error;
use rump_kpi::Errno;

/// Of directories with more names than this none are remembered.
const MOST_NAMES: usize = 1 << 20;
/// Nor where all directories in use had more than this when they were read.
const MOST_OF_ALL: usize = 4 << 20;
/// Entries of the longest set that this driver makes, and one.
const LENGTHS: usize = 20;

/// What is remembered of a directory while it is in use.
pub struct Index {
    /// Indices of the first entries of names, by hash; `None` if there are too many.
    by_hash: Option<HashMap<u16, Vec<u32>>>,
    /// For each length of a set the index before which no free entries are enough for one.
    room: [u32; LENGTHS],
    /// What of [`Remembered`] this takes; given back when it is dropped.
    _share: Option<Share>,
    /// A file whose name cannot be read.
    damage: Option<Error>,
    /// There are entries that must be known to whoever writes.
    has_unknown: bool,
}

/// How many names the directories of a volume remember.
#[derive(Clone, Default)]
pub struct Remembered(Arc<AtomicUsize>);

struct Share(Remembered, usize);

impl Remembered {
    fn take(&self, count: usize) -> Option<Share> {
        let more = |all: usize| all.checked_add(count).filter(|all| *all <= MOST_OF_ALL);
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.ok().map(|_| Share(self.clone(), count))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.0.fetch_sub(self.1, Ordering::AcqRel);
    }
}

/// What a name was found to stand for.
#[derive(Clone, Debug)]
pub struct Found {
    /// Index of its first entry.
    pub first: u32,
    /// Where on the volume the first two are.
    pub places: [u64; 2],
    /// All of them.
    pub set: EntrySet,
}

impl Found {
    /// Index of the entry behind its last.
    pub fn end(&self) -> u32 {
        self.first + self.set.len()
    }
}

impl Index {
    fn build(volume: &Volume, slots: &Slots<'_>) -> Result<Self, Error> {
        let mut names = HashMap::<u16, Vec<u32>>::new();
        let (mut count, mut damage, mut has_unknown) = (0, None, false);
        scan(slots, 0, &mut |visit| {
            match visit {
                Visit::File(file) if count < MOST_NAMES => {
                    names.entry(volume.upcase.hash(file.name)).or_default().push(file.first);
                    count += 1;
                }
                Visit::File(_) => count += 1,
                Visit::Damaged(error) => drop(damage.get_or_insert(error)),
                Visit::Unknown => has_unknown = true,
                Visit::Other(_) => {}
            }
            if count > MOST_NAMES {
                names = HashMap::new();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let share = if count <= MOST_NAMES { volume.remembered.take(count) } else { None };
        let by_hash = share.is_some().then_some(names);
        Ok(Self { by_hash, room: [0; LENGTHS], _share: share, damage, has_unknown })
    }

    /// A name came.
    pub fn add(&mut self, hash: u16, first: u32) {
        let Some(names) = &mut self.by_hash else { return };
        let same = names.entry(hash).or_default();
        if !same.contains(&first) {
            same.push(first);
        }
    }

    /// A name went.
    pub fn remove(&mut self, hash: u16, first: u32) {
        if let Some(same) = self.by_hash.as_mut().and_then(|names| names.get_mut(&hash)) {
            same.retain(|index| *index != first);
        }
        // A longer set may begin up to two sectors before what is free now.
        let from = first.saturating_sub(2 * LENGTHS as u32);
        self.room.iter_mut().for_each(|room| *room = from.min(*room));
    }

    /// Where to look for this many free entries.
    pub fn room_for(&self, count: u32) -> u32 {
        self.room.get(count as usize).copied().unwrap_or(0)
    }

    /// There are not so many before this.
    pub fn set_room(&mut self, count: u32, from: u32) {
        if let Some(room) = self.room.get_mut(count as usize) {
            *room = from;
        }
    }

    /// Whether names may be added. Errors: EROFS, EFTYPE.
    pub fn check(&self) -> Result<(), Error> {
        if self.has_unknown {
            let why = "the directory has entries that must be known to whoever changes it";
            return Err(Error::Explained(Errno::EROFS, why));
        }
        self.damage.clone().map_or(Ok(()), Err)
    }
}

/// The index of a directory, made if need be, is shown to `look`. Errors: EFTYPE, EIO.
pub fn with_index<T>(
    volume: &Volume,
    cell: &Cell,
    slots: &Slots<'_>,
    look: impl FnOnce(&mut Index) -> T,
) -> Result<T, Error> {
    let mut index = cell.index.lock();
    let known = match index.take() {
        Some(known) => known,
        None => Index::build(volume, slots)?,
    };
    Ok(look(index.insert(known)))
}

/// Whether all files of a directory are sound. Errors: EFTYPE, EIO.
pub fn check(volume: &Volume, cell: &Cell) -> Result<(), Error> {
    let slots = Slots::of(&volume.disk, cell)?;
    let damage = with_index(volume, cell, &slots, |index| index.damage.clone())?;
    damage.map_or(Ok(()), Err)
}

/// The file of this name in any case. Errors: EFTYPE (or a damaged file may have the name), EIO.
pub fn find(volume: &Volume, cell: &Cell, slots: &Slots<'_>, name: &[u16]) -> Result<Option<Found>, Error> {
    let hash = volume.upcase.hash(name);
    let (candidates, damage) = with_index(volume, cell, slots, |index| {
        let same = index.by_hash.as_ref().map(|names| names.get(&hash).cloned().unwrap_or_default());
        (same, index.damage.clone())
    })?;
    let found = match candidates {
        Some(candidates) => find_among(volume, slots, name, &candidates)?,
        None => find_by_scan(volume, slots, name)?,
    };
    match (found, damage) {
        (None, Some(damage)) => Err(damage),
        (found, _) => Ok(found),
    }
}

fn find_among(
    volume: &Volume,
    slots: &Slots<'_>,
    name: &[u16],
    candidates: &[u32],
) -> Result<Option<Found>, Error> {
    let mut units = Vec::new();
    for first in candidates {
        if let (Some(set), Some(places)) = (file_at(slots, *first)?, slots.places(*first)) {
            set.name(&mut units);
            if volume.upcase.is_same(&units, name) {
                return Ok(Some(Found { first: *first, places, set }));
            }
        }
    }
    Ok(None)
}

fn find_by_scan(volume: &Volume, slots: &Slots<'_>, name: &[u16]) -> Result<Option<Found>, Error> {
    let mut found = None;
    scan(slots, 0, &mut |visit| match visit {
        Visit::File(file) if volume.upcase.is_same(file.name, name) => {
            let places = slots.places(file.first);
            found = places.map(|places| Found { first: file.first, places, set: file.set.clone() });
            Ok(ControlFlow::Break(()))
        }
        _ => Ok(ControlFlow::Continue(())),
    })?;
    Ok(found)
}
