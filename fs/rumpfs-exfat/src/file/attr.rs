//! Attributes: what exFAT has of them, and what the mount adds.
//!
//! Modes: the permissions that the mount leaves; a file with the attribute "read-only" loses those for writing, and
//! gets it when all of them are taken away. Other changes of modes, and of owners, cannot be stored. The attribute has
//! no such meaning for directories. "Archive" is set by every change of content; "hidden" and "system" stay as they
//! are.
//!
//! Times: see [`crate::stamps`]. There is no time of the change of attributes: that of modification stands for it.

use crate::dir::Slots;
use crate::layout::{Attributes, FileEntry};
use crate::nodes::Cell;
use crate::set::EntrySet;
use crate::stamps;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, SLOT_BYTES};
use rump_kpi::{Attr, DevNumber, Errno, FileFlags, FileType, Mode, SetAttr, SetTime};

const WRITE_BITS: u16 = 0o222;

/// Attributes of a file in use. Errors: EFTYPE, EIO (the length of the root directory is that of its chain).
pub fn attr(volume: &Volume, cell: &Cell) -> Result<Attr, Error> {
    let slot = cell.slot();
    let mut attr = attr_of(volume, &slot.set);
    if cell.is_root() {
        attr.size = u64::from(Slots::of(&volume.disk, cell)?.count()) * SLOT_BYTES as u64;
    }
    let cluster_size = volume.disk.geometry.cluster_size();
    attr.blocks = attr.size.checked_next_multiple_of(cluster_size).unwrap_or(u64::MAX) / 512;
    attr.nlink = u64::from(!cell.is_nameless());
    Ok(attr)
}

fn attr_of(volume: &Volume, set: &EntrySet) -> Attr {
    let options = &volume.options;
    let mtime = stamps::modified(&set.file, options.zone).unwrap_or_default();
    Attr {
        file_type: if set.is_directory() { FileType::Directory } else { FileType::Regular },
        mode: Mode::new(u32::from(mode(volume, set))),
        nlink: 1,
        uid: options.uid,
        gid: options.gid,
        rdev: DevNumber::default(),
        size: set.content().bytes,
        blocks: 0,
        blksize: volume.disk.geometry.cluster_size() as u32,
        atime: stamps::accessed(&set.file, options.zone).unwrap_or_default(),
        mtime,
        ctime: mtime,
        birthtime: stamps::created(&set.file, options.zone),
        flags: FileFlags::empty(),
    }
}

fn mode(volume: &Volume, set: &EntrySet) -> u16 {
    let options = &volume.options;
    if set.is_directory() {
        return 0o777 & !options.dir_mask;
    }
    let is_read_only = set.file.file_attributes.get() & Attributes::READ_ONLY != 0;
    0o777 & !options.file_mask & !if is_read_only { WRITE_BITS } else { 0 }
}

/// A file was changed now.
pub fn touch(volume: &Volume, file: &mut FileEntry) {
    let (now, zone) = (volume.now(), volume.options.zone);
    stamps::set_modified(file, now, zone);
    stamps::set_accessed(file, now, zone);
}

/// Sets attributes other than the length.
///
/// Errors: EROFS, EPERM (an owner or mode that cannot be stored, unless the mount is quiet), EFTYPE, EIO.
pub fn set_attr(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> Result<(), Error> {
    let options = &volume.options;
    volume.writer()?;
    let other_owner =
        set.uid.is_some_and(|uid| uid != options.uid) || set.gid.is_some_and(|gid| gid != options.gid);
    let attribute = set.mode.map_or(Ok(None), |mode| read_only(volume, cell, mode.bits() as u16));
    let refused = other_owner || attribute.is_err();
    if refused && !options.quiet {
        return Err(Error::Explained(
            Errno::EPERM,
            "exFAT stores no owners, and of modes whether a file can be written",
        ));
    }
    let attribute = attribute.unwrap_or(None);
    if attribute.is_none() && set.atime.is_none() && set.mtime.is_none() {
        return Ok(());
    }
    volume.change(|operation| {
        cell.update(operation, |entries| {
            if let Some(bits) = attribute {
                let others = entries.file.file_attributes.get() & !Attributes::READ_ONLY;
                entries.file.file_attributes.set(others | bits);
            }
            set_times(volume, &mut entries.file, set);
        })
    })
}

/// The attribute that a mode stands for, if it is to change. Errors: EPERM.
fn read_only(volume: &Volume, cell: &Cell, wanted: u16) -> Result<Option<u16>, Errno> {
    let set = cell.slot().set;
    let options = &volume.options;
    let all = 0o777 & !if set.is_directory() { options.dir_mask } else { options.file_mask };
    match wanted {
        wanted if wanted == mode(volume, &set) => Ok(None),
        _ if set.is_directory() => Err(Errno::EPERM),
        wanted if wanted == all => Ok(Some(0)),
        wanted if wanted == all & !WRITE_BITS => Ok(Some(Attributes::READ_ONLY)),
        _ => Err(Errno::EPERM),
    }
}

fn set_times(volume: &Volume, file: &mut FileEntry, set: SetAttr) {
    let moment = |time: SetTime| match time {
        SetTime::Now => volume.now(),
        SetTime::To(moment) => moment,
    };
    let zone = volume.options.zone;
    if let Some(moment) = set.atime.map(moment) {
        stamps::set_accessed(file, moment, zone);
    }
    if let Some(moment) = set.mtime.map(moment) {
        stamps::set_modified(file, moment, zone);
    }
}
