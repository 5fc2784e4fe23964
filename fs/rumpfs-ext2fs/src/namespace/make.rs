//! New inodes.

use crate::cell::Cell;
use crate::error::Error;
use crate::inode::attr::{self, Clock};
use crate::inode::dir::change;
use crate::inode::xattr::acl;
use crate::inode::{FLAG_JOURNAL_DATA, FLAG_NO_DUMP, Inode, inline, symlink};
use crate::transaction::Handle;
use crate::units::Ino;
use alloc::sync::Arc;
use rump_checksum::crc32c;
use rump_kpi::{FileType, NewNode};

// Flags that a new inode takes over from its directory (chattr(1)).
const FLAG_SECURE_DELETION: u32 = 0x1;
const FLAG_UNDELETE: u32 = 0x2;
const FLAG_SYNC: u32 = 0x8;
const FLAG_NO_ATIME: u32 = 0x80;
const FLAG_NO_COMPRESSION: u32 = 0x400;
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

/// Makes the inode of a new node, with what it holds from the beginning.
pub fn make(
    handle: &mut Handle<'_>,
    dir: &Arc<Cell>,
    ino: Ino,
    new: &NewNode<'_>,
) -> Result<Arc<Cell>, Error> {
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
    let cell = handle.store_new(inode)?;
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
