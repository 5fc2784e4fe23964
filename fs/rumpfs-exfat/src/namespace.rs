//! Making, removing and moving names.
//!
//! The kernel has checked types, loops and permissions, and lets no two calls change one directory at once. Here each
//! call is one operation; what is remembered of numbers and names is changed once it succeeded.

use crate::dir::{self, Added, Found, Removal, Slots, Visit};
use crate::file::touch;
use crate::layout::{Attributes, FileEntry, StreamEntry};
use crate::names;
use crate::nodes::{Cell, ROOT, Slot};
use crate::set::{EntrySet, Extent};
use crate::stamps;
use crate::transaction::Operation;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use hashbrown::HashSet;
use rump_dosfs::nodes::Numbered;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place, SLOT_BYTES};
use rump_kpi::{Errno, FileType};
use zerocopy::FromZeros;

/// What `name` names. Errors: ENOTDIR, ENOENT, ENAMETOOLONG, EFTYPE, EIO.
pub fn lookup(volume: &Volume, directory: &Cell, name: &[u8]) -> Result<u64, Error> {
    match name {
        b"." => return Ok(directory.number()),
        b".." => return parent(volume, directory),
        _ => {}
    }
    let found = find(volume, directory, &Slots::of(&volume.disk, directory)?, name)?;
    let number = volume.nodes.number_at(found.places[0]);
    if found.set.is_directory() {
        volume.nodes.set_parent(number, directory.number());
    }
    Ok(number)
}

fn find(volume: &Volume, directory: &Cell, slots: &Slots<'_>, name: &[u8]) -> Result<Found, Error> {
    let name = names::sought(name)?;
    dir::find(volume, directory, slots, &name)?.ok_or(Errno::ENOENT.into())
}

/// The parent of a directory: remembered, or looked for from the root on, since nothing in a directory leads to it.
/// Errors: ESTALE, EFTYPE, EIO.
pub fn parent(volume: &Volume, directory: &Cell) -> Result<u64, Error> {
    if directory.is_root() {
        return Ok(ROOT);
    }
    if let Some(parent) = volume.nodes.parent(directory.number()) {
        return Ok(parent);
    }
    let [place, _] = directory.slot().places.ok_or(Errno::ESTALE)?;
    let (mut left, mut seen) = (vec![ROOT], HashSet::new());
    // Directories that overlap are damage, and would take long.
    let geometry = &volume.disk.geometry;
    let mut budget = u64::from(geometry.clusters) << geometry.cluster_bits;
    while let Some(above) = left.pop() {
        let Ok(cell) = volume.cell(above) else { continue };
        // A directory that is met twice is a loop.
        if !seen.insert(cell.slot().set.content().first) {
            continue;
        }
        // Damage elsewhere is no answer here.
        let Ok(slots) = Slots::of(&volume.disk, &cell) else { continue };
        let Some(rest) = budget.checked_sub(u64::from(slots.count()) * SLOT_BYTES as u64) else { break };
        budget = rest;
        let below = directories(&slots).unwrap_or_default();
        if below.contains(&place) {
            volume.nodes.set_parent(directory.number(), above);
            return Ok(above);
        }
        left.extend(below.into_iter().map(|place| volume.nodes.number_at(place)));
    }
    Err(Error::corrupt("directory", Place::Byte(place * SLOT_BYTES as u64), "no directory leads to it"))
}

/// Places of the directories in a directory.
fn directories(slots: &Slots<'_>) -> Result<Vec<u64>, Error> {
    let mut places = Vec::new();
    dir::scan(slots, 0, &mut |visit| {
        if let Visit::File(file) = visit {
            places.extend(slots.place(file.first).filter(|_| file.set.is_directory()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(places)
}

/// Makes a file or directory.
///
/// Errors: EROFS, EINVAL, ENAMETOOLONG, EPERM (another type), EEXIST, ENOSPC, EFTYPE, EIO.
pub fn create(
    volume: &Volume,
    directory: &Arc<Cell>,
    name: &[u8],
    file_type: FileType,
) -> Result<u64, Error> {
    volume.writer()?;
    let name = names::checked(name)?;
    let is_directory = match file_type {
        FileType::Directory => true,
        FileType::Regular => false,
        _ => return Err(Error::Explained(Errno::EPERM, "exFAT has files and directories alone")),
    };
    if dir::find(volume, directory, &Slots::of(&volume.disk, directory)?, &name)?.is_some() {
        return Err(Errno::EEXIST.into());
    }
    let mut file = FileEntry::new_zeroed();
    file.file_attributes.set(if is_directory { Attributes::DIRECTORY } else { Attributes::ARCHIVE });
    stamps::set_created(&mut file, volume.now(), volume.options.zone);
    touch(volume, &mut file);
    let mut stream = StreamEntry::new_zeroed();
    stream.set_content(Extent { first: 0, bytes: 0, is_contiguous: false });
    let set = EntrySet::new(file, stream, &name, &volume.upcase);
    let added = volume.change_with_space(|operation| {
        let mut set = set.clone();
        if is_directory {
            let content = dir::make(operation, directory)?;
            set.stream.set_content(content);
            set.stream.valid_data_length.set(content.bytes);
        }
        let added = dir::add(operation, directory, &set)?;
        touch_directory(operation, directory)?;
        Ok(added)
    })?;
    added.remember(directory, volume.upcase.hash(&name));
    let number = volume.nodes.add(added.places[0]);
    if is_directory {
        volume.nodes.set_parent(number, directory.number());
    }
    Ok(number)
}

/// The names in a directory changed, and with them its length. To be called last, since the cell is not put back.
fn touch_directory(operation: &mut Operation<'_>, directory: &Cell) -> Result<(), Error> {
    let volume = operation.volume;
    if directory.is_root() {
        return Ok(());
    }
    let slots = Slots::of(&volume.disk, directory)?;
    directory.update(operation, |set| {
        dir::settle(set, slots.chain(), volume.disk.geometry.cluster_size());
        touch(volume, &mut set.file);
    })
}

/// Removes the name of a file. Errors: EROFS, ENOENT, ENAMETOOLONG, EPERM (a directory), EFTYPE, EIO.
pub fn unlink(volume: &Volume, directory: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    volume.writer()?;
    let slots = Slots::of(&volume.disk, directory)?;
    let found = find(volume, directory, &slots, name)?;
    if found.set.is_directory() {
        return Err(Errno::EPERM.into());
    }
    remove(volume, directory, &slots, &found)
}

/// Removes an empty directory. Errors: EROFS, ENOENT, ENAMETOOLONG, ENOTDIR, ENOTEMPTY, EFTYPE, EIO.
pub fn rmdir(volume: &Volume, directory: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    volume.writer()?;
    let slots = Slots::of(&volume.disk, directory)?;
    let found = find(volume, directory, &slots, name)?;
    if !found.set.is_directory() {
        return Err(Errno::ENOTDIR.into());
    }
    let victim = cell_of(volume, &found)?;
    if !dir::is_empty(&Slots::of(&volume.disk, &victim)?)? {
        return Err(Errno::ENOTEMPTY.into());
    }
    remove(volume, directory, &slots, &found)
}

fn cell_of(volume: &Volume, found: &Found) -> Result<Arc<Cell>, Error> {
    volume.cell(volume.nodes.number_at(found.places[0]))
}

fn remove(volume: &Volume, directory: &Arc<Cell>, slots: &Slots<'_>, found: &Found) -> Result<(), Error> {
    let victim = cell_of(volume, found)?;
    volume.change(|operation| {
        operation.is_seen_by(directory);
        dir::remove(operation, slots, found.first..found.end(), Removal::Now)?;
        touch_directory(operation, directory)?;
        victim.set_slot(Slot { places: None, ..victim.slot() });
        Ok(())
    })?;
    forget_name(directory, found);
    lose_name(volume, &victim, found);
    Ok(())
}

/// A directory does not remember a name any more.
fn forget_name(directory: &Cell, found: &Found) {
    if let Some(index) = &mut *directory.index.lock() {
        index.remove(found.set.stream.name_hash.get(), found.first);
    }
}

/// A file lost its name; it lives as long as it is in use.
fn lose_name(volume: &Volume, cell: &Arc<Cell>, found: &Found) {
    volume.nodes.remove(found.places[0]);
    // Who holds it besides is told to forget it. Nobody may.
    if Arc::strong_count(cell) == 1 {
        release(volume, cell);
    }
}

/// Frees the space of a file without a name.
pub fn release(volume: &Volume, cell: &Arc<Cell>) {
    if let Err(error) = crate::file::release(volume, cell) {
        volume.note(&alloc::format!("the clusters of a removed file are lost: {error}"));
    }
}

/// Moves a name, over what is there.
///
/// Errors: EROFS, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, EISDIR, ENOTEMPTY, ENOSPC, EFTYPE, EIO.
pub fn rename(
    volume: &Volume,
    from: &Arc<Cell>,
    name: &[u8],
    to: &Arc<Cell>,
    to_name: &[u8],
) -> Result<(), Error> {
    volume.writer()?;
    let new_name = names::checked(to_name)?;
    let from_slots = Slots::of(&volume.disk, from)?;
    let to_slots = Slots::of(&volume.disk, to)?;
    let source = find(volume, from, &from_slots, name)?;
    let target = dir::find(volume, to, &to_slots, &new_name)?;
    let moved = cell_of(volume, &source)?;
    let target = target.filter(|target| target.places != source.places);
    let victim = target.as_ref().map(|target| cell_of(volume, target)).transpose()?;
    if let Some(victim) = &victim {
        check_replace(volume, &moved, victim)?;
    }
    // What is replaced keeps its spelling.
    let mut spelling = new_name;
    if let Some(target) = &target {
        target.set.name(&mut spelling);
    }
    let plan = Move { from, from_slots, source, to, to_slots, target };
    let added = volume.change_with_space(|operation| {
        let set = moved.slot().set.renamed(&spelling, &volume.upcase);
        let added = plan.carry_out(operation, &set)?;
        touch_directory(operation, from)?;
        if from.number() != to.number() {
            touch_directory(operation, to)?;
        }
        moved.set_slot(Slot { set, places: Some(added.places) });
        if let Some(victim) = &victim {
            victim.set_slot(Slot { places: None, ..victim.slot() });
        }
        Ok(added)
    })?;
    forget_name(from, &plan.source);
    if let (Some(target), Some(victim)) = (&plan.target, &victim) {
        forget_name(to, target);
        lose_name(volume, victim, target);
    }
    added.remember(to, volume.upcase.hash(&spelling));
    volume.nodes.relocate(plan.source.places[0], added.places[0]);
    if moved.is_directory() {
        volume.nodes.set_parent(moved.number(), to.number());
    }
    Ok(())
}

/// Errors: ENOTDIR, EISDIR, ENOTEMPTY, EFTYPE, EIO.
fn check_replace(volume: &Volume, moved: &Cell, victim: &Cell) -> Result<(), Error> {
    match (moved.is_directory(), victim.is_directory()) {
        (true, false) => Err(Errno::ENOTDIR.into()),
        (false, true) => Err(Errno::EISDIR.into()),
        (true, true) if !dir::is_empty(&Slots::of(&volume.disk, victim)?)? => Err(Errno::ENOTEMPTY.into()),
        _ => Ok(()),
    }
}

/// A name on its way.
struct Move<'a> {
    from: &'a Arc<Cell>,
    from_slots: Slots<'a>,
    source: Found,
    to: &'a Arc<Cell>,
    to_slots: Slots<'a>,
    target: Option<Found>,
}

impl Move<'_> {
    /// Gives the file its new entries, then takes the old ones away: at once if they are in one sector, else so that it
    /// has a name at every moment.
    fn carry_out(&self, operation: &mut Operation<'_>, set: &EntrySet) -> Result<Added, Error> {
        operation.is_seen_by(self.from);
        let source = &self.source;
        if self.target.is_none() && self.from.number() == self.to.number() {
            if let Some(added) = dir::add_beside(operation, self.from, &self.from_slots, source, set)? {
                return Ok(added);
            }
        }
        let replaced = match &self.target {
            Some(target) => dir::replace(operation, self.to, &self.to_slots, target, set)?,
            None => None,
        };
        let added = match replaced {
            Some(added) => added,
            None => {
                let added = dir::add(operation, self.to, set)?;
                if let Some(target) = &self.target {
                    let entries = target.first..target.end();
                    dir::remove(operation, &self.to_slots, entries, Removal::Late)?;
                }
                added
            }
        };
        let removal = Removal::after(&added, &self.from_slots, source);
        dir::remove(operation, &self.from_slots, source.first..source.end(), removal)?;
        Ok(added)
    }
}
