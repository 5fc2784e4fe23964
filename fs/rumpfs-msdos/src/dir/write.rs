//! Adding and removing names, within an operation.

use super::gaps::Taken;
use super::scan::{DELETED, File, Found, NOTHING_FOLLOWS, Visit, scan};
use super::slots::{MOST_SLOTS, Slots};
use crate::fat::{self, When};
use crate::layout::{Attributes, DirEntry};
use crate::names::long;
use crate::names::short::{self, Wanted};
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
    operation.is_seen_by(directory);
    let wanted = short::wanted(name, operation.volume.options().page);
    let leaving = leaving.map(|found| &found.entry.name);
    let short = slots.index(|index| index.short_name(&wanted, leaving))?.ok_or(FULL)?;
    let added = slots_of(name, &wanted, short, entry);
    let count = added.len() as u32;
    let rests = |index| slots.place(index).is_some_and(|place| operation.is_resting(place));
    let Taken { first, is_end } = slots.index(|index| index.take(count, rests))?;
    if first + count > slots.count() {
        grow(operation, directory, &mut slots, first + count)?;
    }
    let last = first + count - 1;
    put(operation, &slots, first, &added, name)?;
    if is_end {
        end_behind(operation, &slots, last)?;
    }
    let place = slots.place(last).ok_or(Errno::ENOSPC)?;
    Ok(Added { place, sectors: sectors(&slots, first, last) })
}

/// Writes the slots of a name. Errors: ENOSPC, EFTYPE, EIO.
fn put(
    operation: &mut Operation<'_>,
    slots: &Slots<'_>,
    first: u32,
    bytes: &[[u8; SLOT_BYTES]],
    name: &[u16],
) -> Result<(), Error> {
    let (mut last, mut place) = (first, 0);
    for (index, slot) in (first..).zip(bytes) {
        (last, place) = (index, slots.place(index).ok_or(Errno::ENOSPC)?);
        operation.put_slot(place, slot)?;
    }
    if let Some(slot) = bytes.last() {
        let entry: DirEntry = zerocopy::transmute!(*slot);
        slots.index(|index| index.add(slots, &File { first, last, place, entry: &entry, name }))?;
    }
    Ok(())
}

/// The index forgets a name whose slots are still as they were. Errors: EFTYPE, EIO.
fn forget(operation: &mut Operation<'_>, slots: &Slots<'_>, name: &Found) -> Result<(), Error> {
    operation.is_seen_by(slots.cell);
    scan(slots, name.first, &mut |visit| {
        if let Visit::File(file) = visit {
            slots.index(|index| index.remove(slots, &file))?;
        }
        Ok(ControlFlow::Break(()))
    })
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
pub fn set_parent(operation: &mut Operation<'_>, directory: &Arc<Cell>, parent: &Cell) -> Result<(), Error> {
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
    forget(operation, slots, name)?;
    slots.index(|index| index.free(name.first, name.last - name.first + 1))?;
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
    let Some(short) = slots.index(|index| index.short_name(&wanted, Some(&old.entry.name)))? else {
        return Ok(false);
    };
    let new = slots_of(name, &wanted, short, old.entry);
    let Some(spare) = (old.last - old.first + 1).checked_sub(new.len() as u32) else { return Ok(false) };
    forget(operation, slots, old)?;
    put(operation, slots, old.first + spare, &new, name)?;
    if spare > 0 {
        slots.index(|index| index.free(old.first, spare))?;
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
