//! Moving names.

use super::{
    check_directory, check_removable, child, find, gain_subdirectory, lose_name, lose_subdirectory, touch,
};
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::attr::{self, Clock};
use crate::inode::dir::{self, change};
use crate::inode::file::write::{flush_ahead, retrying};
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{Errno, FileType};

/// Moves `name` of `from` to `to_name` of `to`, over what is there. Errors: ENOENT, ENOTDIR, EISDIR, ENOTEMPTY,
/// EMLINK, ENOSPC, ENOTSUP, EFTYPE, EIO.
pub fn rename(
    volume: &Volume,
    from: &Arc<Cell>,
    name: &[u8],
    to: &Arc<Cell>,
    to_name: &[u8],
) -> Result<(), Error> {
    if dir::locate(volume, &to.inode(), to_name)?.is_some() {
        // What takes the place of another is often its new version: after a crash there is one or the other, whole.
        flush_ahead(volume, &find(volume, from, name)?.0);
    }
    retrying(volume, || {
        check_directory(to)?;
        let mut handle = volume.begin()?;
        let (moved, _) = find(volume, from, name)?;
        let file_type = attr::file_type(&moved.inode())?;
        let is_directory = file_type == FileType::Directory;
        let victim = match dir::locate(volume, &to.inode(), to_name)? {
            // Two names of one inode: POSIX has both stay.
            Some((ino, _)) if ino == moved.number() => return Ok(()),
            Some((ino, slot)) => Some((child(volume, ino)?, slot)),
            None => None,
        };
        let crosses = from.number() != to.number();
        if let Some((victim, slot)) = &victim {
            check_victim(volume, victim, is_directory)?;
            change::replace(&mut handle, to, to_name, *slot, moved.number(), file_type)?;
            lose_name(&mut handle, victim)?;
            if is_directory {
                lose_subdirectory(&mut handle, to)?;
            }
        } else {
            change::insert(&mut handle, to, to_name, moved.number(), file_type)?;
        }
        // The insertion may have moved the old entry.
        let slot = dir::locate(volume, &from.inode(), name)?.ok_or(Error::Refused(Errno::ENOENT))?.1;
        change::remove(&mut handle, from, name, slot)?;
        if is_directory && crosses {
            move_subdirectory(&mut handle, &moved, from, to)?;
        }
        let now = handle.now();
        handle.update(&moved, |inode| attr::set_time(volume, inode, Clock::Change, now))?;
        touch(&mut handle, from)?;
        if crosses {
            touch(&mut handle, to)?;
        }
        handle.finish();
        Ok(())
    })
}

/// Lets `name` of `from` and `to_name` of `to` change places. Errors: ENOENT, EMLINK, ENOTSUP, EFTYPE, EIO.
pub fn exchange(
    volume: &Volume,
    from: &Arc<Cell>,
    name: &[u8],
    to: &Arc<Cell>,
    to_name: &[u8],
) -> Result<(), Error> {
    check_directory(from)?;
    check_directory(to)?;
    let mut handle = volume.begin()?;
    let (first, first_slot) = find(volume, from, name)?;
    let (second, second_slot) = find(volume, to, to_name)?;
    if first.number() == second.number() {
        return Ok(());
    }
    let types = (attr::file_type(&first.inode())?, attr::file_type(&second.inode())?);
    change::replace(&mut handle, from, name, first_slot, second.number(), types.1)?;
    change::replace(&mut handle, to, to_name, second_slot, first.number(), types.0)?;
    if from.number() != to.number() {
        // Of two that go opposite ways the count must not be at its limit in between.
        let (first_is, second_is) = (types.0 == FileType::Directory, types.1 == FileType::Directory);
        match (first_is, second_is) {
            (true, true) => {
                change::set_parent(&mut handle, &first, to.number())?;
                change::set_parent(&mut handle, &second, from.number())?;
            }
            (true, false) => move_subdirectory(&mut handle, &first, from, to)?,
            (false, true) => move_subdirectory(&mut handle, &second, to, from)?,
            (false, false) => {}
        }
    }
    let now = handle.now();
    for cell in [&first, &second] {
        handle.update(cell, |inode| attr::set_time(volume, inode, Clock::Change, now))?;
    }
    touch(&mut handle, from)?;
    touch(&mut handle, to)?;
    handle.finish();
    Ok(())
}

/// What moves to another directory gets another parent.
fn move_subdirectory(
    handle: &mut Handle<'_>,
    moved: &Arc<Cell>,
    from: &Arc<Cell>,
    to: &Arc<Cell>,
) -> Result<(), Error> {
    change::set_parent(handle, moved, to.number())?;
    lose_subdirectory(handle, from)?;
    gain_subdirectory(handle, to)
}

/// Whether a rename may put something in the place of `victim`.
fn check_victim(volume: &Volume, victim: &Arc<Cell>, by_directory: bool) -> Result<(), Error> {
    if by_directory {
        return check_removable(volume, victim);
    }
    match attr::file_type(&victim.inode())? {
        FileType::Directory => Err(Error::Refused(Errno::EISDIR)),
        _ => Ok(()),
    }
}
