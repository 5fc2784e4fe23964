//! Making, removing and moving names.
//!
//! The kernel has checked types, loops and permissions, and lets no two calls change one directory at once. Here each
//! call is one operation; what the tables of [`crate::nodes`] say is changed once it succeeded.

use crate::dir::{self, Found, Removal, Slots};
use crate::file::touch;
use crate::layout::{Attributes, DirEntry};
use crate::names;
use crate::nodes::{Cell, ROOT, Slot};
use crate::transaction::Operation;
use crate::volume::Volume;
use alloc::sync::Arc;
use core::ops::ControlFlow;
use rump_dosfs::Error;
use rump_dosfs::nodes::Numbered;
use rump_dosfs::transaction::Transactional;
use rump_kpi::{Errno, FileType};
use zerocopy::FromZeros;

/// What `name` names. Errors: ENOTDIR, ENOENT, EFTYPE, EIO.
pub fn lookup(volume: &Volume, directory: &Arc<Cell>, name: &[u8]) -> Result<u64, Error> {
    match name {
        b"." => return Ok(directory.number()),
        b".." => return parent(volume, directory),
        _ => {}
    }
    let found = find(&Slots::of(volume, directory)?, name)?;
    let number = volume.nodes.number_at(found.place);
    if found.entry.attr & Attributes::DIRECTORY != 0 {
        volume.nodes.set_parent(number, directory.number());
    }
    Ok(number)
}

fn find(slots: &Slots<'_>, name: &[u8]) -> Result<Found, Error> {
    let name = names::sought(name)?;
    dir::find(slots, &name)?.ok_or(Errno::ENOENT.into())
}

/// The parent of a directory: remembered, or found in its own parent by its first cluster. Errors: EFTYPE, EIO.
pub fn parent(volume: &Volume, directory: &Arc<Cell>) -> Result<u64, Error> {
    if directory.is_root() {
        return Ok(ROOT);
    }
    if let Some(parent) = volume.nodes.parent(directory.number()) {
        return Ok(parent);
    }
    let cluster = dir::parent_cluster(&Slots::of(volume, directory)?, directory)?;
    let above = Cell::directory_at(volume, cluster);
    if above.is_root() {
        return Ok(ROOT);
    }
    let slots = Slots::of(volume, &above)?;
    let top = Cell::directory_at(volume, dir::parent_cluster(&slots, &above)?);
    let mut place = None;
    dir::scan(&Slots::of(volume, &top)?, 0, &mut |visit| match visit {
        dir::Visit::File(file)
            if file.entry.attr & Attributes::DIRECTORY != 0 && file.entry.first_cluster() == cluster =>
        {
            place = Some(file.place);
            Ok(ControlFlow::Break(()))
        }
        _ => Ok(ControlFlow::Continue(())),
    })?;
    let place = place.ok_or_else(|| {
        Error::corrupt("directory", rump_dosfs::Place::Cluster(cluster), "its parent does not know it")
    })?;
    let number = volume.nodes.number_at(place);
    volume.nodes.set_parent(directory.number(), number);
    Ok(number)
}

/// Makes a file or directory. Errors: EROFS, EINVAL, ENAMETOOLONG, EEXIST, EPERM (another type), ENOSPC, EFTYPE, EIO.
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
        _ => return Err(Error::Explained(Errno::EPERM, "FAT has files and directories alone")),
    };
    if dir::find(&Slots::of(volume, directory)?, &name)?.is_some() {
        return Err(Errno::EEXIST.into());
    }
    let mut entry = DirEntry::new_zeroed();
    entry.attr = if is_directory { Attributes::DIRECTORY } else { Attributes::ARCHIVE };
    touch(volume, &mut entry);
    let now = volume.options().zone.stamp(volume.now());
    entry.crt_date.set(now.date);
    entry.crt_time.set(now.time);
    entry.crt_time_tenth = now.hundredths;
    let added = volume.change_with_space(|operation| {
        if is_directory {
            let cluster = dir::make(operation, directory, &entry)?;
            entry.set_first_cluster(cluster);
        }
        let added = dir::add(operation, directory, &name, entry, None)?;
        touch_directory(operation, directory)?;
        Ok(added)
    })?;
    let number = volume.nodes.add(added.place);
    if is_directory {
        volume.nodes.set_parent(number, directory.number());
    }
    Ok(number)
}

/// The names in a directory changed. To be called last, since the cell is not put back.
fn touch_directory(operation: &mut Operation<'_>, directory: &Arc<Cell>) -> Result<(), Error> {
    let volume = operation.volume;
    directory.update(operation, |entry| touch(volume, entry))
}

/// Removes the name of a file. Errors: EROFS, ENOENT, EPERM (a directory), EFTYPE, EIO.
pub fn unlink(volume: &Volume, directory: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    volume.writer()?;
    let slots = Slots::of(volume, directory)?;
    let found = find(&slots, name)?;
    if found.entry.attr & Attributes::DIRECTORY != 0 {
        return Err(Errno::EPERM.into());
    }
    remove(volume, directory, &slots, &found)
}

/// Removes an empty directory. Errors: EROFS, ENOENT, ENOTDIR, ENOTEMPTY, EFTYPE, EIO.
pub fn rmdir(volume: &Volume, directory: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    volume.writer()?;
    let slots = Slots::of(volume, directory)?;
    let found = find(&slots, name)?;
    if found.entry.attr & Attributes::DIRECTORY == 0 {
        return Err(Errno::ENOTDIR.into());
    }
    let victim = volume.cell(volume.nodes.number_at(found.place))?;
    if !dir::is_empty(&Slots::of(volume, &victim)?)? {
        return Err(Errno::ENOTEMPTY.into());
    }
    remove(volume, directory, &slots, &found)
}

fn remove(volume: &Volume, directory: &Arc<Cell>, slots: &Slots<'_>, found: &Found) -> Result<(), Error> {
    let victim = volume.cell(volume.nodes.number_at(found.place))?;
    volume.change(|operation| {
        dir::remove(operation, slots, found, Removal::Now)?;
        touch_directory(operation, directory)
    })?;
    lose_name(volume, &victim, found.place);
    Ok(())
}

/// A file lost its name; it lives as long as it is in use.
fn lose_name(volume: &Volume, cell: &Arc<Cell>, place: u64) {
    volume.nodes.remove(place);
    cell.set_slot(Slot { place: None, ..cell.slot() });
    // Who holds it besides is told to forget it. Nobody may.
    release_if_unused(volume, cell);
}

/// Frees the space of a file without a name that only the caller uses.
pub fn release_if_unused(volume: &Volume, cell: &Arc<Cell>) {
    if cell.is_nameless() && Arc::strong_count(cell) == 1 {
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
/// Errors: EROFS, ENOENT, EINVAL, ENAMETOOLONG, ENOTEMPTY, ENOTDIR, EISDIR, ENOSPC, EFTYPE, EIO.
pub fn rename(
    volume: &Volume,
    from: &Arc<Cell>,
    name: &[u8],
    to: &Arc<Cell>,
    to_name: &[u8],
) -> Result<(), Error> {
    volume.writer()?;
    let new_name = names::checked(to_name)?;
    let from_slots = Slots::of(volume, from)?;
    let to_slots = Slots::of(volume, to)?;
    let source = find(&from_slots, name)?;
    let target = dir::find(&to_slots, &new_name)?;
    let moved = volume.cell(volume.nodes.number_at(source.place))?;
    match &target {
        Some(target) if target.place == source.place => respell(volume, from, &moved, &source, &new_name),
        Some(target) => {
            let victim = volume.cell(volume.nodes.number_at(target.place))?;
            check_replace(volume, &moved, &victim)?;
            let place = move_to(volume, [from, to], &from_slots, &source, &moved, |operation| {
                dir::replace(operation, &to_slots, target, &moved.slot().entry)
            })?;
            lose_name(volume, &victim, target.place);
            settle(volume, &moved, source.place, place, to);
            Ok(())
        }
        None => {
            let place = move_to(volume, [from, to], &from_slots, &source, &moved, |operation| {
                dir::add(operation, to, &new_name, moved.slot().entry, None)
            })?;
            settle(volume, &moved, source.place, place, to);
            Ok(())
        }
    }
}

/// Errors: ENOTDIR, EISDIR, ENOTEMPTY, EFTYPE, EIO.
fn check_replace(volume: &Volume, moved: &Cell, victim: &Arc<Cell>) -> Result<(), Error> {
    match (moved.is_directory(), victim.is_directory()) {
        (true, false) => Err(Errno::ENOTDIR.into()),
        (false, true) => Err(Errno::EISDIR.into()),
        (true, true) if !dir::is_empty(&Slots::of(volume, victim)?)? => Err(Errno::ENOTEMPTY.into()),
        _ => Ok(()),
    }
}

/// Gives a file another name by `give`, then takes its old one away. Answers where it is now.
fn move_to(
    volume: &Volume,
    [from, to]: [&Arc<Cell>; 2],
    from_slots: &Slots<'_>,
    source: &Found,
    moved: &Arc<Cell>,
    mut give: impl FnMut(&mut Operation<'_>) -> Result<dir::Added, Error>,
) -> Result<u64, Error> {
    volume.change_with_space(|operation| {
        let added = give(operation)?;
        dir::remove(operation, from_slots, source, Removal::after(&added, from_slots, source))?;
        if moved.is_directory() && from.number() != to.number() {
            dir::set_parent(operation, moved, to)?;
        }
        touch_directory(operation, from)?;
        if from.number() != to.number() {
            touch_directory(operation, to)?;
        }
        Ok(added.place)
    })
}

/// A file is at another place now.
fn settle(volume: &Volume, moved: &Cell, old: u64, place: u64, to: &Cell) {
    volume.nodes.relocate(old, place);
    // What its slot says of its name matters to nobody but the slot.
    if let Ok(entry) = crate::nodes::read_slot(volume, place) {
        moved.set_slot(Slot { entry, place: Some(place) });
    }
    if moved.is_directory() {
        volume.nodes.set_parent(moved.number(), to.number());
    }
}

/// Gives a file another spelling of its name.
fn respell(
    volume: &Volume,
    directory: &Arc<Cell>,
    cell: &Cell,
    found: &Found,
    name: &[u16],
) -> Result<(), Error> {
    let place = volume.change_with_space(|operation| {
        let slots = Slots::of(volume, directory)?;
        let mut place = found.place;
        if !dir::respell(operation, &slots, found, name)? {
            let added = dir::add(operation, directory, name, cell.slot().entry, Some(found))?;
            dir::remove(operation, &slots, found, Removal::after(&added, &slots, found))?;
            place = added.place;
        }
        touch_directory(operation, directory)?;
        Ok(place)
    })?;
    settle(volume, cell, found.place, place, directory);
    Ok(())
}
