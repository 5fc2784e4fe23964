//! Names: the operations that change directories. Each is one operation of the running transaction, so it happens as
//! a whole or not at all.
//!
//! The kernel has checked permissions, and holds the directories for itself. What a damaged directory names is not
//! trusted: the inodes of the volume itself, and what is not in use, are refused.

use crate::allocation::inodes;
use crate::cell::Cell;
use crate::error::{Error, Place};
use crate::features::RoCompat;
use crate::inode::attr::{self, Clock};
use crate::inode::dir::{self, change, change::Slot};
use crate::inode::xattr::acl;
use crate::inode::{FLAG_INDEX, Inode, inline, symlink};
use crate::orphan;
use crate::transaction::Handle;
use crate::units::Ino;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_checksum::crc32c;
use rump_kpi::{Errno, FileType, NewNode};

/// Most names of an inode, and most subdirectories of a directory that are counted.
const LINK_MAX: u16 = 65_000;

// Flags that a new inode takes over from its directory (chattr(1)).
const FLAG_SECURE_DELETION: u32 = 0x1;
const FLAG_UNDELETE: u32 = 0x2;
const FLAG_SYNC: u32 = 0x8;
const FLAG_NO_DUMP: u32 = 0x40;
const FLAG_NO_ATIME: u32 = 0x80;
const FLAG_NO_COMPRESSION: u32 = 0x400;
const FLAG_JOURNAL_DATA: u32 = 0x4000;
const FLAG_NO_TAIL: u32 = 0x8000;
const FLAG_DIR_SYNC: u32 = 0x1_0000;
const FLAG_DAX: u32 = 0x200_0000;
const FLAG_PROJECT_INHERIT: u32 = 0x2000_0000;
const INHERITED: u32 = FLAG_SECURE_DELETION
    | FLAG_UNDELETE
    | FLAG_SYNC
    | FLAG_NO_DUMP
    | FLAG_NO_ATIME
    | FLAG_NO_COMPRESSION
    | FLAG_JOURNAL_DATA
    | FLAG_NO_TAIL
    | FLAG_DIR_SYNC
    | FLAG_DAX
    | FLAG_PROJECT_INHERIT;
const ONLY_DIRECTORIES: u32 = FLAG_DIR_SYNC | FLAG_PROJECT_INHERIT;
const ALL_TYPES: u32 = FLAG_NO_DUMP | FLAG_NO_ATIME;

/// Creates `name` in `dir`; the name is not there. Errors: ENOENT (`dir` was removed), ENOSPC, EMLINK, ENAMETOOLONG
/// (a target), EOVERFLOW (an owner that this volume cannot store), ENOTSUP (encrypted, case-insensitive), EFTYPE, EIO.
pub fn create(volume: &Volume, dir: &Arc<Cell>, name: &[u8], new: NewNode<'_>) -> Result<Ino, Error> {
    if new.file_type == FileType::Symlink {
        symlink::check(volume, new.target)?;
    }
    volume.retrying(|| {
        check_directory(dir)?;
        let mut handle = volume.begin()?;
        let ino = inodes::allocate(&mut handle, &dir.inode(), new.file_type)?;
        let cell = make(&mut handle, dir, ino, &new)?;
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

/// Makes the inode of a new node, with what it holds from the beginning.
fn make(handle: &mut Handle<'_>, dir: &Arc<Cell>, ino: Ino, new: &NewNode<'_>) -> Result<Arc<Cell>, Error> {
    let volume = handle.volume();
    let mut inode = Inode::blank(volume, ino)?;
    let generation = generation(handle, ino);
    let is_directory = new.file_type == FileType::Directory;
    let mode = new.file_type.mode_bits() | new.mode.bits() & 0o7777;
    let inherited = inherited_flags(&dir.inode(), new.file_type);
    attr::set_owners(volume, &mut inode, new.uid, new.gid)?;
    for clock in [Clock::Access, Clock::Modification, Clock::Change, Clock::Birth] {
        attr::set_time(volume, &mut inode, clock, handle.now());
    }
    if matches!(new.file_type, FileType::Regular | FileType::Directory | FileType::Symlink) {
        inline::end(volume, &mut inode);
    }
    inode.edit(volume, |base, _| {
        base.i_mode.set(mode as u16);
        base.i_links_count.set(if is_directory { 2 } else { 1 });
        base.i_generation.set(generation);
        base.i_flags.set(base.i_flags.get() | inherited);
        if matches!(new.file_type, FileType::BlockDevice | FileType::CharDevice) {
            base.i_block = attr::device_words(new.rdev);
        }
    });
    if matches!(new.file_type, FileType::Regular | FileType::Directory) {
        inline::begin(volume, &mut inode)?;
    }
    let cell = Cell::new(inode);
    handle.update(&cell, |_| ())?;
    acl::inherit(handle, dir, &cell)?;
    match new.file_type {
        FileType::Directory => change::start(handle, &cell, dir.number())?,
        FileType::Symlink => symlink::write(handle, &cell, new.target)?,
        _ => {}
    }
    Ok(cell)
}

/// A generation for a new inode: not the one that its number had before, and hard to guess.
pub fn generation(handle: &mut Handle<'_>, ino: Ino) -> u32 {
    let (now, birth) = (handle.now(), handle.number_birth());
    let seed = crc32c(handle.volume().checksum_seed(), &now.sec.to_le_bytes());
    [now.nsec, birth, ino.0].iter().fold(seed, |sum, word| crc32c(sum, &word.to_le_bytes()))
}

fn inherited_flags(dir: &Inode, file_type: FileType) -> u32 {
    dir.base().i_flags.get()
        & match file_type {
            FileType::Directory => INHERITED,
            FileType::Regular => INHERITED & !ONLY_DIRECTORIES,
            _ => ALL_TYPES,
        }
}

/// Adds `name` in `dir` for `target`. Errors: ENOENT (`dir` or `target` was removed), EPERM (a directory), ENOSPC,
/// EMLINK, ENOTSUP, EFTYPE, EIO.
pub fn link(volume: &Volume, dir: &Arc<Cell>, name: &[u8], target: Ino) -> Result<(), Error> {
    volume.retrying(|| {
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

/// Moves `name` of `from` to `to_name` of `to`, over what is there. Errors: ENOENT, ENOTDIR, EISDIR, ENOTEMPTY,
/// EMLINK, ENOSPC, ENOTSUP, EFTYPE, EIO.
pub fn rename(
    volume: &Volume,
    from: &Arc<Cell>,
    name: &[u8],
    to: &Arc<Cell>,
    to_name: &[u8],
) -> Result<(), Error> {
    volume.retrying(|| {
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

/// An inode has one name less; a directory has no other. Without names it is an orphan.
fn lose_name(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let inode = cell.inode();
    let left = match attr::file_type(&inode)? {
        FileType::Directory => 0,
        _ => inode.base().i_links_count.get().saturating_sub(1),
    };
    set_links(handle, cell, left)?;
    if left == 0 { orphan::add(handle, cell) } else { Ok(()) }
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

/// The content of a directory changed.
fn touch(handle: &mut Handle<'_>, dir: &Arc<Cell>) -> Result<(), Error> {
    let (volume, now) = (handle.volume(), handle.now());
    handle.update(dir, |inode| {
        attr::set_time(volume, inode, Clock::Modification, now);
        attr::set_time(volume, inode, Clock::Change, now);
    })
}
