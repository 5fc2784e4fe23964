//! Names: the operations that change directories. Each is one operation of the running transaction, so it happens as
//! a whole or not at all.
//!
//! The kernel has checked permissions, and holds the directories for itself. What a damaged directory names is not
//! trusted: the inodes of the volume itself, and what is not in use, are refused.

mod make;
mod rename;

use crate::allocation::inodes;
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::RoCompat;
use crate::inode::attr::{self, Clock};
use crate::inode::dir::{self, change, change::Slot};
use crate::inode::file::write::retrying;
use crate::inode::{FLAG_INDEX, symlink};
use crate::orphan;
use crate::transaction::Handle;
use crate::units::Ino;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{Errno, FileType, NewNode};

pub use make::generation;
pub use rename::{exchange, rename};

/// Most names of an inode, and most subdirectories of a directory that are counted.
pub const LINK_MAX: u16 = 65_000;

/// Creates `name` in `dir`; the name is not there. Errors: ENOENT (`dir` was removed), ENOSPC, EMLINK, ENAMETOOLONG
/// (a target), EOVERFLOW (an owner that this volume cannot store), ENOTSUP (encrypted, case-insensitive), EFTYPE, EIO.
pub fn create(volume: &Volume, dir: &Arc<Cell>, name: &[u8], new: NewNode<'_>) -> Result<Ino, Error> {
    if new.file_type == FileType::Symlink {
        symlink::check(volume, new.target)?;
    }
    retrying(volume, || {
        check_directory(dir)?;
        let mut handle = volume.begin()?;
        let ino = inodes::allocate(&mut handle, &dir.inode(), new.file_type)?;
        let cell = make::make(&mut handle, dir, ino, &new)?;
        change::insert(&mut handle, dir, name, ino, new.file_type)?;
        if new.file_type == FileType::Directory {
            gain_subdirectory(&mut handle, dir)?;
        }
        touch(&mut handle, dir)?;
        volume.add_cell(&cell);
        handle.finish();
        Ok(ino)
    })
}

/// Adds `name` in `dir` for `target`. Errors: ENOENT (`dir` or `target` was removed), EPERM (a directory), ENOSPC,
/// EMLINK, ENOTSUP, EFTYPE, EIO.
pub fn link(volume: &Volume, dir: &Arc<Cell>, name: &[u8], target: Ino) -> Result<(), Error> {
    retrying(volume, || {
        check_directory(dir)?;
        let mut handle = volume.begin()?;
        let cell = volume.cell(target)?;
        let inode = cell.inode();
        let file_type = attr::file_type(&inode)?;
        match inode.base().i_links_count.get() {
            _ if file_type == FileType::Directory => return Err(Error::Refused(Errno::EPERM)),
            0 => return Err(Error::Refused(Errno::ENOENT)),
            links if links >= LINK_MAX => return Err(Error::Refused(Errno::EMLINK)),
            links => set_links(&mut handle, &cell, links + 1)?,
        }
        change::insert(&mut handle, dir, name, target, file_type)?;
        touch(&mut handle, dir)?;
        handle.finish();
        Ok(())
    })
}

/// Removes `name`, no directory. The inode stays, as an orphan, until it is forgotten. Errors: ENOENT, EISDIR,
/// ENOTSUP, EFTYPE, EIO.
pub fn unlink(volume: &Volume, dir: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let mut handle = volume.begin()?;
    let (cell, slot) = find(volume, dir, name)?;
    if attr::file_type(&cell.inode())? == FileType::Directory {
        return Err(Error::Refused(Errno::EISDIR));
    }
    change::remove(&mut handle, dir, name, slot)?;
    touch(&mut handle, dir)?;
    lose_name(&mut handle, &cell)?;
    handle.finish();
    Ok(())
}

/// Removes the empty directory `name`. Errors: ENOENT, ENOTDIR, ENOTEMPTY, ENOTSUP, EFTYPE, EIO.
pub fn rmdir(volume: &Volume, dir: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let mut handle = volume.begin()?;
    let (cell, slot) = find(volume, dir, name)?;
    check_removable(volume, &cell)?;
    change::remove(&mut handle, dir, name, slot)?;
    lose_subdirectory(&mut handle, dir)?;
    touch(&mut handle, dir)?;
    lose_name(&mut handle, &cell)?;
    handle.finish();
    Ok(())
}

/// A name must not come to a directory that has none itself: it would never be found, nor freed.
fn check_directory(dir: &Arc<Cell>) -> Result<(), Error> {
    let inode = dir.inode();
    if inode.base().i_links_count.get() == 0 {
        return Err(Error::Refused(Errno::ENOENT));
    }
    change::check(&inode)
}

/// The inode that `name` names, and where its entry is.
fn find(volume: &Volume, dir: &Arc<Cell>, name: &[u8]) -> Result<(Arc<Cell>, Slot), Error> {
    let (ino, slot) = dir::locate(volume, &dir.inode(), name)?.ok_or(Error::Refused(Errno::ENOENT))?;
    Ok((child(volume, ino)?, slot))
}

/// An inode that a directory names, if it may be named and is in use.
fn child(volume: &Volume, ino: Ino) -> Result<Arc<Cell>, Error> {
    let wrong = |why| Error::corrupt("directory entry", Place::Inode(ino), 0, why);
    if volume.superblock().locate_inode(ino).is_none() || ino.0 < volume.superblock().first_inode() {
        return Err(wrong("named, but no inode of a file"));
    }
    let cell = volume.cell(ino)?;
    if cell.inode().base().i_links_count.get() == 0 {
        return Err(wrong("named, but not in use"));
    }
    Ok(cell)
}

fn check_removable(volume: &Volume, cell: &Arc<Cell>) -> Result<(), Error> {
    let inode = cell.inode();
    if attr::file_type(&inode)? != FileType::Directory {
        return Err(Error::Refused(Errno::ENOTDIR));
    }
    if dir::is_empty(volume, &inode)? { Ok(()) } else { Err(Error::Refused(Errno::ENOTEMPTY)) }
}

/// An inode has one name less; a directory has no other. Without names it is an orphan.
fn lose_name(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let inode = cell.inode();
    let left = match attr::file_type(&inode)? {
        FileType::Directory => 0,
        _ => inode.base().i_links_count.get().saturating_sub(1),
    };
    set_links(handle, cell, left)?;
    if left == 0 {
        orphan::add(handle, cell);
    }
    Ok(())
}

fn set_links(handle: &mut Handle<'_>, cell: &Arc<Cell>, links: u16) -> Result<(), Error> {
    let (volume, now) = (handle.volume(), handle.now());
    handle.update(cell, |inode| {
        inode.edit(volume, |base, _| base.i_links_count.set(links));
        attr::set_time(volume, inode, Clock::Change, now);
    })
}

/// A directory has one more `..` in it. Where the volume allows it, a directory with a hash tree that has more than
/// can be counted has a count of one. Errors: EMLINK.
fn gain_subdirectory(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    let inode = dir.inode();
    let uncounted = volume.features().ro_compat.contains(RoCompat::DIR_NLINK) && inode.has_flag(FLAG_INDEX);
    let links = match inode.base().i_links_count.get() {
        1 => return Ok(()),
        links if links < LINK_MAX => links + 1,
        _ if uncounted => 1,
        _ => return Err(Error::Refused(Errno::EMLINK)),
    };
    handle.update(dir, |inode| inode.edit(volume, |base, _| base.i_links_count.set(links)))
}

fn lose_subdirectory(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    let volume = handle.volume();
    handle.update(dir, |inode| {
        let links = inode.base().i_links_count.get();
        // One is the count of a directory whose subdirectories are not counted.
        if links > 2 {
            inode.edit(volume, |base, _| base.i_links_count.set(links - 1));
        }
    })
}

/// The content of a directory changed. Its times are stored with the commit, for all that happens in it until then.
fn touch(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    handle.store_times_later(dir)
}
