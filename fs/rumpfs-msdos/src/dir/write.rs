//! Adding and removing names, within an operation.

use super::scan::{DELETED, Found, NOTHING_FOLLOWS, Visit, scan};
use super::slots::{MOST_SLOTS, Slots};
use crate::fat::{self, When};
use crate::layout::{Attributes, DirEntry};
use crate::names::long;
use crate::names::short::{self, Tails, Wanted};
use crate::nodes::Cell;
use crate::transaction::Operation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use rump_dosfs::SLOT_BYTES;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place};
use rump_kpi::Errno;
use zerocopy::IntoBytes;

/// What is known of a directory before a name is added.
struct Survey {
    tails: Tails,
    /// The first free run that is long enough for one slot, and for all that the name may take.
    single: Option<u32>,
    whole: Option<u32>,
    /// Where the free slots at the end begin.
    end: u32,
}

/// Looks at a directory. `leaving` is a name in it that does not count.
fn survey(
    operation: &Operation<'_>,
    slots: &Slots<'_>,
    wanted: &Wanted,
    most: u32,
    leaving: Option<&Found>,
) -> Result<Survey, Error> {
    let mut survey =
        Survey { tails: Tails::new(wanted.basis), single: None, whole: None, end: slots.count() };
    let (mut start, mut length) = (0, 0);
    let mut end = None;
    scan(slots, 0, &mut |visit| {
        match visit {
            Visit::Free(index) if slots.place(index).is_some_and(|place| !operation.is_resting(place)) => {
                if index != start + length {
                    (start, length) = (index, 0);
                }
                length += 1;
                survey.single = survey.single.or(Some(index));
                survey.whole = survey.whole.or((length >= most).then_some(start));
            }
            Visit::File(file) if leaving.is_none_or(|leaving| leaving.place != file.place) => {
                survey.tails.note(&file.entry.name);
            }
            Visit::End(index) => end = Some(index),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let end = end.unwrap_or(slots.count());
    survey.end = if length > 0 && start + length == end { start } else { end };
    Ok(survey)
}

/// The slots of a name, the last one that of the short name.
fn slots_of(name: &[u16], wanted: &Wanted, short: [u8; 11], mut entry: DirEntry) -> Vec<[u8; SLOT_BYTES]> {
    let is_exact = wanted.is_exact && short == wanted.basis;
    entry.name = short;
    entry.ntres = if is_exact { wanted.ntres } else { 0 };
    let mut all = if is_exact { Vec::new() } else { long::slots(name, &short) };
    let mut last = [0; SLOT_BYTES];
    last.copy_from_slice(entry.as_bytes());
    all.push(last);
    all
}

/// Adds a name to a directory; `entry` is all that its slot says but for the name. `leaving` is a name that is about
/// to be removed. Answers where the slot is.
///
/// Errors: ENOSPC, EFTYPE, EIO.
pub fn add(
    operation: &mut Operation<'_>,
    directory: &Arc<Cell>,
    name: &[u16],
    entry: DirEntry,
    leaving: Option<&Found>,
) -> Result<Added, Error> {
    let mut slots = Slots::of(operation.volume, directory)?;
    let wanted = short::wanted(name, operation.volume.options().page);
    let most = long::slots_for(name) as u32 + 1;
    let survey = survey(operation, &slots, &wanted, most, leaving)?;
    let short = survey.tails.free(&wanted).ok_or(FULL)?;
    let added = slots_of(name, &wanted, short, entry);
    let count = added.len() as u32;
    let first = if count == 1 { survey.single } else { survey.whole }.unwrap_or(survey.end);
    if first + count > slots.count() {
        grow(operation, directory, &mut slots, first + count)?;
    }
    for (index, slot) in (first..).zip(&added) {
        let place = slots.place(index).ok_or(Errno::ENOSPC)?;
        operation.put_slot(place, slot)?;
    }
    let last = first + count - 1;
    if first + count > survey.end {
        end_behind(operation, &slots, last)?;
    }
    let place = slots.place(last).ok_or(Errno::ENOSPC)?;
    Ok(Added { place, sectors: sectors(&slots, first, last) })
}

/// A name that was added.
#[derive(Clone, Debug)]
pub struct Added {
    /// Where its slot is.
    pub place: u64,
    /// The only sector that it is in.
    sectors: Option<u64>,
}

const FULL: Error = Error::Explained(Errno::ENOSPC, "the directory is full");

/// The only sector that some slots are in.
fn sectors(slots: &Slots<'_>, first: u32, last: u32) -> Option<u64> {
    let size = u64::from(slots.volume.geometry().sector_size);
    let sector = |index| Some(slots.byte(index)? / size);
    (first..=last).all(|index| sector(index) == sector(first)).then(|| sector(first)).flatten()
}

/// What lies behind the last slot of a directory may be anything: it must not become slots.
fn end_behind(operation: &mut Operation<'_>, slots: &Slots<'_>, last: u32) -> Result<(), Error> {
    match (slots.read(last + 1)?, slots.place(last + 1)) {
        (Some(next), Some(place)) if next[0] != NOTHING_FOLLOWS => {
            operation.mark_slot(place, NOTHING_FOLLOWS)
        }
        _ => Ok(()),
    }
}

/// Adds clusters until a directory has `count` slots. Errors: ENOSPC, EFTYPE, EIO.
fn grow(
    operation: &mut Operation<'_>,
    directory: &Arc<Cell>,
    slots: &mut Slots<'_>,
    count: u32,
) -> Result<(), Error> {
    let Some(last) = slots.last_cluster().filter(|_| count <= MOST_SLOTS) else { return Err(FULL) };
    let geometry = operation.volume.geometry();
    let missing = u64::from(count - slots.count()) * SLOT_BYTES as u64;
    let added = fat::allocate(operation, Some(last), geometry.clusters_for(missing), When::ContentIsDurable)?;
    operation.is_seen_by(directory);
    for run in added {
        for cluster in run.start..run.end() {
            put_cluster(operation, cluster, &[])?;
        }
        directory.chain.write().push(run);
        slots.extend(run);
    }
    Ok(())
}

/// Makes a cluster of a directory: these bytes, and zeros. It is on the device before anything can lead there, and in
/// the cache, which may have what was there long ago.
fn put_cluster(operation: &Operation<'_>, cluster: u32, head: &[u8]) -> Result<(), Error> {
    let volume = operation.volume;
    let geometry = volume.geometry();
    let mut bytes = vec![0; geometry.cluster_size() as usize];
    bytes[..head.len()].copy_from_slice(head);
    let at = volume.cluster_offset(cluster)?;
    volume.sectors().device().write_at(at, &bytes)?;
    let size = geometry.sector_size as usize;
    for (sector, part) in (at / size as u64..).zip(bytes.chunks_exact(size)) {
        volume.sectors().cache().put(sector, part.into());
        volume.sectors().cache().unpin(sector);
    }
    Ok(())
}

/// Makes an empty directory below `parent`, to which nothing leads yet. Answers its cluster. `entry` gives its times.
///
/// Errors: ENOSPC, EFTYPE, EIO.
pub fn make(operation: &mut Operation<'_>, parent: &Cell, entry: &DirEntry) -> Result<u32, Error> {
    let runs = fat::allocate(operation, None, 1, When::EntryIsDurable)?;
    let cluster = runs.first().ok_or(Errno::ENOSPC)?.start;
    let mut here = DirEntry { name: *b".          ", attr: Attributes::DIRECTORY, ..*entry };
    here.set_first_cluster(cluster);
    let mut above = DirEntry { name: *b"..         ", ..here };
    above.set_first_cluster(cluster_as_parent(parent));
    put_cluster(operation, cluster, &[here.as_bytes(), above.as_bytes()].concat())?;
    Ok(cluster)
}

/// What `..` says in a directory below `parent`: the root has no number there.
fn cluster_as_parent(parent: &Cell) -> u32 {
    if parent.is_root() { 0 } else { parent.first_cluster() }
}

/// Lets `..` of a directory lead to another parent. Errors: EFTYPE, EIO.
pub fn set_parent(operation: &mut Operation<'_>, directory: &Cell, parent: &Cell) -> Result<(), Error> {
    let slots = Slots::of(operation.volume, directory)?;
    let (Some(bytes), Some(place)) = (slots.read(1)?, slots.place(1)) else {
        return Err(no_parent(directory));
    };
    let mut entry: DirEntry = zerocopy::transmute!(bytes);
    if entry.name != *b"..         " {
        return Err(no_parent(directory));
    }
    entry.set_first_cluster(cluster_as_parent(parent));
    operation.put_slot(place, &zerocopy::transmute!(entry))
}

/// The first cluster of the parent, as `..` says; zero for the root. Errors: EFTYPE, EIO.
pub fn parent_cluster(slots: &Slots<'_>, directory: &Cell) -> Result<u32, Error> {
    let bytes = slots.read(1)?.ok_or_else(|| no_parent(directory))?;
    let entry: DirEntry = zerocopy::transmute!(bytes);
    if entry.name == *b"..         " { Ok(entry.first_cluster()) } else { Err(no_parent(directory)) }
}

fn no_parent(directory: &Cell) -> Error {
    Error::corrupt("directory", Place::Cluster(directory.first_cluster()), "has no ..")
}

/// When the slots of a name go.
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
        let is_one_write = added.sectors.is_some() && added.sectors == sectors(slots, old.first, old.last);
        if is_one_write { Self::Now } else { Self::Late }
    }
}

/// The file of one name takes the place of that of another, which keeps its spelling. Answers the name that it has.
///
/// Errors: EFTYPE, EIO.
pub fn replace(
    operation: &mut Operation<'_>,
    slots: &Slots<'_>,
    old: &Found,
    entry: &DirEntry,
) -> Result<Added, Error> {
    let entry = DirEntry { name: old.entry.name, ntres: old.entry.ntres, ..*entry };
    operation.put_slot(old.place, &zerocopy::transmute!(entry))?;
    Ok(Added { place: old.place, sectors: sectors(slots, old.last, old.last) })
}

/// Removes a name. Errors: EFTYPE, EIO.
pub fn remove(
    operation: &mut Operation<'_>,
    slots: &Slots<'_>,
    name: &Found,
    removal: Removal,
) -> Result<(), Error> {
    for place in (name.first..=name.last).filter_map(|index| slots.place(index)) {
        operation.mark_slot(place, DELETED)?;
        if removal == Removal::Late {
            operation.rest(place);
        }
    }
    Ok(())
}

/// Spells a name anew in the slots that it has. Answers whether they were enough. Errors: EFTYPE, EIO.
pub fn respell(
    operation: &mut Operation<'_>,
    slots: &Slots<'_>,
    old: &Found,
    name: &[u16],
) -> Result<bool, Error> {
    let wanted = short::wanted(name, operation.volume.options().page);
    let survey = survey(operation, slots, &wanted, MOST_SLOTS, Some(old))?;
    let Some(short) = survey.tails.free(&wanted) else { return Ok(false) };
    let new = slots_of(name, &wanted, short, old.entry);
    let Some(spare) = (old.last - old.first + 1).checked_sub(new.len() as u32) else { return Ok(false) };
    for (index, slot) in (old.first + spare..).zip(&new) {
        operation.put_slot(slots.place(index).ok_or(Errno::ENOSPC)?, slot)?;
    }
    for place in (old.first..old.first + spare).filter_map(|index| slots.place(index)) {
        operation.mark_slot(place, DELETED)?;
    }
    Ok(true)
}

/// Whether a directory has no names but the two that every one has. Errors: EFTYPE, EIO.
pub fn is_empty(slots: &Slots<'_>) -> Result<bool, Error> {
    let mut is_empty = true;
    scan(slots, 0, &mut |visit| {
        is_empty = !matches!(visit, Visit::File(_));
        Ok(if is_empty { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(is_empty)
}
