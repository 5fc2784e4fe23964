//! Adding and removing names, within an operation.

use super::index::{Found, with_index};
use super::room::{self, Room};
use super::slots::{PER_WRITE, Slots, most_clusters};
use crate::bitmap;
use crate::fat;
use crate::layout::{ENTRY_BYTES, EntryType};
use crate::nodes::Cell;
use crate::set::{EntrySet, Extent};
use crate::transaction::Operation;
use alloc::sync::Arc;
use alloc::vec;
use core::ops::Range;
use rump_dosfs::Error;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::transaction::Transactional;
use rump_kpi::Errno;

/// Bytes of zeros that are written at once.
const ZEROS: u64 = 256 << 10;

const FULL: Error = Error::Explained(Errno::ENOSPC, "the directory is full");

/// A name that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// Index of its first entry.
    pub first: u32,
    /// Where on the volume the first two are.
    pub places: [u64; 2],
    /// Its length, and the index before which there is no room for as many.
    room: Option<(u32, u32)>,
    /// The only sector of 512 bytes that was changed for it.
    sector: Option<u64>,
}

impl Added {
    fn new(
        slots: &Slots<'_>,
        first: u32,
        changed: Range<u32>,
        room: Option<(u32, u32)>,
    ) -> Result<Self, Error> {
        let places = slots.places(first).ok_or(Errno::ENOSPC)?;
        Ok(Self { first, places, room, sector: sector(slots, changed) })
    }

    /// The directory remembers it. To be called once the operation has succeeded.
    pub fn remember(&self, directory: &Cell, hash: u16) {
        if let Some(index) = &mut *directory.index.lock() {
            index.add(hash, self.first);
            if let Some((count, passed)) = self.room {
                index.set_room(count, passed);
            }
        }
    }
}

/// The only sector of 512 bytes that some entries are in.
fn sector(slots: &Slots<'_>, entries: Range<u32>) -> Option<u64> {
    let is_one = entries.start / PER_WRITE == (entries.end - 1) / PER_WRITE;
    Some(slots.place(entries.start)? / u64::from(PER_WRITE)).filter(|_| is_one)
}

/// Adds a file to a directory. Errors: EROFS (nobody here may change it), ENOSPC, EFTYPE, EIO.
pub fn add(operation: &mut Operation<'_>, directory: &Arc<Cell>, set: &EntrySet) -> Result<Added, Error> {
    let volume = operation.volume;
    let mut slots = Slots::of(&volume.disk, directory)?;
    let count = set.len();
    let from = with_index(volume, directory, &slots, |index| index.check().map(|()| index.room_for(count)))??;
    operation.is_seen_by(directory);
    let room = room::find(operation, &slots, from, count)?;
    if room.first + count > slots.count() {
        grow(operation, directory, &mut slots, room.first + count)?;
    }
    put(operation, &slots, room, set)?;
    Added::new(&slots, room.first, room.first..room.first + count, Some((count, room.passed)))
}

/// Puts a set where there is room.
fn put(operation: &mut Operation<'_>, slots: &Slots<'_>, room: Room, set: &EntrySet) -> Result<(), Error> {
    let end = room.first + set.len();
    for (index, entry) in (room.first..).zip(set.entries()) {
        operation.put_slot(slots.place(index).ok_or(Errno::ENOSPC)?, &entry)?;
    }
    let Some(old_end) = room.end else { return Ok(()) };
    for place in (old_end..room.first).filter_map(|index| slots.place(index)) {
        operation.mark_slot(place, EntryType::FREE)?;
    }
    // What lies behind the last entry of a directory may be anything: it must not become a file.
    match (slots.read(end)?, slots.place(end)) {
        (Some(next), Some(place)) if end > old_end && next[0] != EntryType::END => {
            operation.mark_slot(place, EntryType::END)
        }
        _ => Ok(()),
    }
}

/// Gives a file of this directory another name within the sector that it is in, by one write. `None` if there is no
/// room. Errors: EROFS, EFTYPE, EIO.
pub fn add_beside(
    operation: &mut Operation<'_>,
    directory: &Arc<Cell>,
    slots: &Slots<'_>,
    old: &Found,
    set: &EntrySet,
) -> Result<Option<Added>, Error> {
    with_index(operation.volume, directory, slots, |index| index.check())??;
    operation.is_seen_by(directory);
    let start = old.first - old.first % PER_WRITE;
    let bounds = start..start + PER_WRITE;
    if old.end() > bounds.end {
        return Ok(None);
    }
    let (mut run, mut end, mut first) = (None, None, None);
    for index in bounds.clone() {
        let Some(entry) = slots.read(index)? else { break };
        if entry[0] == EntryType::END {
            end = end.or(Some(index));
        }
        let is_own = (old.first..old.end()).contains(&index);
        let rests = slots.place(index).is_none_or(|place| operation.is_resting(place));
        if !is_own && (entry[0] & EntryType::IN_USE != 0 || rests) {
            run = None;
        } else if index + 1 - *run.get_or_insert(index) == set.len() {
            first = run;
            break;
        }
    }
    let Some(first) = first else { return Ok(None) };
    for place in (old.first..old.end()).filter_map(|index| slots.place(index)) {
        operation.mark_slot(place, EntryType::FREE)?;
    }
    let room = Room { first, end: end.filter(|end| *end < first + set.len()), passed: 0 };
    put(operation, slots, room, set)?;
    Ok(Some(Added::new(slots, first, bounds, None)?))
}

/// When the entries of a name go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// With everything else.
    Now,
    /// Once everything else of the epoch is durable: the file has another name by then.
    Late,
}

impl Removal {
    /// That of a name whose file was given another one.
    pub fn after(added: &Added, slots: &Slots<'_>, old: &Found) -> Self {
        let is_one_write = added.sector.is_some() && added.sector == sector(slots, old.first..old.end());
        if is_one_write { Self::Now } else { Self::Late }
    }
}

/// A file takes the place of another, whose name it has already. `None` if that cannot be done by one write.
///
/// Errors: EFTYPE, EIO.
pub fn replace(
    operation: &mut Operation<'_>,
    directory: &Arc<Cell>,
    slots: &Slots<'_>,
    old: &Found,
    set: &EntrySet,
) -> Result<Option<Added>, Error> {
    let is_as_long = set.len() == old.set.len() && !set.has_additions() && !old.set.has_additions();
    let changed = if is_as_long { old.first..old.first + 2 } else { old.first..old.end() };
    if set.len() > old.set.len() || sector(slots, changed.clone()).is_none() {
        return Ok(None);
    }
    operation.is_seen_by(directory);
    put(operation, slots, Room { first: old.first, end: None, passed: 0 }, set)?;
    remove(operation, slots, old.first + set.len()..old.end(), Removal::Now)?;
    Ok(Some(Added::new(slots, old.first, changed, None)?))
}

/// Removes entries. Errors: EFTYPE, EIO.
pub fn remove(
    operation: &mut Operation<'_>,
    slots: &Slots<'_>,
    entries: Range<u32>,
    removal: Removal,
) -> Result<(), Error> {
    for index in entries {
        if let (Some(entry), Some(place)) = (slots.read(index)?, slots.place(index)) {
            operation.mark_slot(place, entry[0] & !EntryType::IN_USE)?;
            if removal == Removal::Late {
                operation.rest(place);
            }
        }
    }
    Ok(())
}

/// Adds clusters until a directory has `count` entries. Errors: ENOSPC, EFTYPE, EIO.
fn grow(
    operation: &mut Operation<'_>,
    directory: &Arc<Cell>,
    slots: &mut Slots<'_>,
    count: u32,
) -> Result<(), Error> {
    let disk = &operation.volume.disk;
    let before = slots.chain().len();
    let want = disk.geometry.clusters_for(u64::from(count) * ENTRY_BYTES as u64);
    if want > most_clusters(disk) {
        return Err(FULL);
    }
    for run in bitmap::allocate(operation, directory, slots.chain().last(), want - before)? {
        make_zero(operation, run)?;
        directory.chain.write().push(run);
        slots.extend(run);
    }
    if directory.is_root() {
        return fat::link_root(operation, slots.chain(), before);
    }
    let was_linked = before > 0 && !directory.slot().set.content().is_contiguous;
    let from = if was_linked { before - 1 } else { 0 };
    if was_linked || !is_one_run(slots.chain()) {
        fat::link(operation, slots.chain(), from..slots.chain().len())?;
    }
    Ok(())
}

/// Whether clusters are consecutive.
fn is_one_run(chain: &Chain) -> bool {
    chain.find(0).is_none_or(|run| run.count == chain.len())
}

/// What a directory's own entries say of its content. A table that led to its clusters goes on to do so.
pub fn settle(set: &mut EntrySet, chain: &Chain, cluster_size: u64) {
    let old = set.content();
    let is_contiguous = is_one_run(chain) && !chain.is_empty() && (old.is_contiguous || old.first == 0);
    let bytes = u64::from(chain.len()) * cluster_size;
    set.stream.set_content(Extent { first: chain.first().unwrap_or(0), bytes, is_contiguous });
    set.stream.valid_data_length.set(bytes);
}

/// Makes clusters of a directory: zeros. They are on the device before anything can lead there; the cache may have
/// what was there long ago, and forgets it.
fn make_zero(operation: &Operation<'_>, run: Run) -> Result<(), Error> {
    let disk = &operation.volume.disk;
    let start = disk.cluster_offset(run.start)?;
    let end = start + u64::from(run.count) * disk.geometry.cluster_size();
    let zeros = vec![0; (end - start).min(ZEROS) as usize];
    for at in (start..end).step_by(zeros.len()) {
        let length = (end - at).min(zeros.len() as u64) as usize;
        disk.sectors.device().write_at(at, &zeros[..length])?;
    }
    let sectors = disk.sectors.position(start).0..disk.sectors.position(end).0;
    sectors.for_each(|sector| operation.volume.sectors().cache().discard(sector));
    Ok(())
}

/// Makes the content of an empty directory, to which nothing leads yet. Errors: ENOSPC, EFTYPE, EIO.
pub fn make(operation: &mut Operation<'_>, parent: &Arc<Cell>) -> Result<Extent, Error> {
    let runs = bitmap::allocate(operation, parent, None, 1)?;
    let run = *runs.first().ok_or(Errno::ENOSPC)?;
    make_zero(operation, run)?;
    let bytes = operation.volume.disk.geometry.cluster_size();
    Ok(Extent { first: run.start, bytes, is_contiguous: true })
}
