//! Attributes: what FAT has of them, and what the mount adds.
//!
//! Modes: the permissions that the mount leaves; a file with the attribute "read-only" loses those for writing, and
//! gets it when all of them are taken away. Other changes of modes, and of owners, cannot be stored. The attribute has
//! no such meaning for directories. "Archive" is set by every change of content; "hidden" and "system" stay as they
//! are.
//!
//! Times: access has a date alone, modification two seconds, creation ten milliseconds. There is no time of the change
//! of attributes: that of modification stands for it.

use crate::layout::{Attributes, DirEntry};
use crate::nodes::Cell;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_dosfs::Error;
use rump_dosfs::time::Stamp;
use rump_dosfs::transaction::Transactional;
use rump_kpi::{Attr, DevNumber, Errno, FileFlags, FileType, Mode, SetAttr, SetTime, TimeSpec};

const WRITE_BITS: u16 = 0o222;

/// Attributes of a file in use. Errors: EFTYPE, EIO (the length of a directory is that of its chain).
pub fn attr(volume: &Volume, cell: &Arc<Cell>) -> Result<Attr, Error> {
    let slot = cell.slot();
    let mut attr = attr_of(volume, &slot.entry);
    if attr.file_type == FileType::Directory {
        attr.size = u64::from(crate::dir::Slots::of(volume, cell)?.count()) * 32;
    }
    attr.blocks = attr.size.next_multiple_of(volume.geometry().cluster_size()) / 512;
    attr.nlink = u64::from(!cell.is_nameless());
    Ok(attr)
}

/// What a slot says, without the length of a directory.
fn attr_of(volume: &Volume, entry: &DirEntry) -> Attr {
    let options = volume.options();
    let is_directory = entry.attr & Attributes::DIRECTORY != 0;
    let zone = options.zone;
    let stamp = |date: u16, time: u16, hundredths| zone.moment(Stamp { date, time, hundredths });
    let is_known = |date: u16, moment| if date == 0 { TimeSpec::default() } else { moment };
    let written = entry.wrt_date.get();
    let mtime = is_known(written, stamp(written, entry.wrt_time.get(), 0));
    let accessed = entry.lst_acc_date.get();
    let created = entry.crt_date.get();
    let birthtime = (created != 0).then(|| stamp(created, entry.crt_time.get(), entry.crt_time_tenth));
    Attr {
        file_type: if is_directory { FileType::Directory } else { FileType::Regular },
        mode: Mode::new(u32::from(mode(volume, entry))),
        nlink: 1,
        uid: options.uid,
        gid: options.gid,
        rdev: DevNumber::default(),
        size: if is_directory { 0 } else { entry.file_size.get().into() },
        blocks: 0,
        blksize: volume.geometry().cluster_size() as u32,
        atime: is_known(accessed, stamp(accessed, 0, 0)),
        mtime,
        ctime: mtime,
        birthtime,
        flags: FileFlags::empty(),
    }
}

fn mode(volume: &Volume, entry: &DirEntry) -> u16 {
    let options = volume.options();
    if entry.attr & Attributes::DIRECTORY != 0 {
        return 0o777 & !options.dir_mask;
    }
    let read_only = if entry.attr & Attributes::READ_ONLY != 0 { WRITE_BITS } else { 0 };
    0o777 & !options.file_mask & !read_only
}

/// Moves the times of an entry that was changed.
pub fn touch(volume: &Volume, entry: &mut DirEntry) {
    let now = volume.options().zone.stamp(volume.now());
    entry.wrt_date.set(now.date);
    entry.wrt_time.set(now.time);
    entry.lst_acc_date.set(now.date);
}

/// Changes attributes other than the length. Errors: EROFS, EPERM (what cannot be stored, unless the mount is quiet),
/// EFTYPE, EIO.
pub fn set_attr(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> Result<(), Error> {
    let options = volume.options();
    volume.writer()?;
    let other_owner =
        set.uid.is_some_and(|uid| uid != options.uid) || set.gid.is_some_and(|gid| gid != options.gid);
    let attribute = set.mode.map_or(Ok(None), |mode| read_only(volume, cell, mode.bits() as u16));
    let refused = other_owner || attribute.is_err();
    if refused && !options.quiet {
        return Err(Error::Explained(
            Errno::EPERM,
            "FAT stores no owners, and of modes whether a file can be written",
        ));
    }
    let attribute = attribute.unwrap_or(None);
    if attribute.is_none() && set.atime.is_none() && set.mtime.is_none() {
        return Ok(());
    }
    volume.change(|operation| {
        cell.update(operation, |entry| {
            if let Some(bits) = attribute {
                entry.attr = entry.attr & !Attributes::READ_ONLY | bits;
            }
            set_times(volume, entry, set);
        })
    })
}

/// The attribute that a mode stands for, if it is to change. Errors: EPERM.
fn read_only(volume: &Volume, cell: &Cell, wanted: u16) -> Result<Option<u8>, Errno> {
    let entry = cell.slot().entry;
    let options = volume.options();
    let is_directory = entry.attr & Attributes::DIRECTORY != 0;
    let all = 0o777 & !if is_directory { options.dir_mask } else { options.file_mask };
    match wanted {
        wanted if wanted == mode(volume, &entry) => Ok(None),
        _ if is_directory || cell.is_root() => Err(Errno::EPERM),
        wanted if wanted == all => Ok(Some(0)),
        wanted if wanted == all & !WRITE_BITS => Ok(Some(Attributes::READ_ONLY)),
        _ => Err(Errno::EPERM),
    }
}

fn set_times(volume: &Volume, entry: &mut DirEntry, set: SetAttr) {
    let stamp = |time: SetTime| {
        let moment = match time {
            SetTime::Now => volume.now(),
            SetTime::To(moment) => moment,
        };
        volume.options().zone.stamp(moment)
    };
    if let Some(stamp) = set.atime.map(stamp) {
        entry.lst_acc_date.set(stamp.date);
    }
    if let Some(stamp) = set.mtime.map(stamp) {
        entry.wrt_date.set(stamp.date);
        entry.wrt_time.set(stamp.time);
    }
}
