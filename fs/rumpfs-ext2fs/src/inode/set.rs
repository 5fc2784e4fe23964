//! Changing attributes: mode, owners, flags, times.

use super::attr;
use super::file::write::retrying;
use super::xattr::acl;
use crate::cell::{Cell, Times};
use crate::error::Error;
use crate::orphan;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{SetAttr, SetTime, TimeSpec};

const ALL_BITS: u16 = 0o7777;

/// Changes attributes, but for the size. A time that the inode cannot hold becomes the nearest that it can. Errors:
/// EOVERFLOW (an owner that this volume cannot store), ENOSPC (for a list that goes with the mode), EFTYPE, EIO.
pub fn set_attr(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> Result<(), Error> {
    let is_of_times = set == SetAttr { atime: set.atime, mtime: set.mtime, ..SetAttr::default() };
    if is_of_times && set_times_ahead(volume, cell, set) {
        return Ok(());
    }
    retrying(volume, || change(volume, cell, set))
}

fn change(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> Result<(), Error> {
    // An access control list goes with the mode.
    let alone = set.mode.map(|_| cell.content.write());
    let mut handle = volume.begin()?;
    let times = times(&set, handle.now());
    let old = attr::attr(volume, &cell.inode())?;
    handle.update(cell, |inode| {
        if let Some(mode) = set.mode {
            inode.edit(volume, |base, _| {
                base.i_mode.set(base.i_mode.get() & !ALL_BITS | mode.bits() as u16 & ALL_BITS);
            });
        }
        if let Some(flags) = set.flags {
            attr::set_flags(volume, inode, flags);
        }
        attr::set_owners(volume, inode, set.uid.unwrap_or(old.uid), set.gid.unwrap_or(old.gid))?;
        attr::set_times(volume, inode, times);
        Ok::<_, Error>(())
    })??;
    let orphans = match set.mode {
        Some(mode) => acl::follow_mode(&mut handle, cell, mode.bits())?,
        None => Vec::new(),
    };
    handle.finish();
    drop(alone);
    orphans.iter().try_for_each(|orphan| orphan::release(volume, orphan))
}

/// Sets times of a file with content in memory: they wait with it. Answers whether there is some.
fn set_times_ahead(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> bool {
    let Some(writer) = volume.writer().filter(|writer| !writer.is_stopped()) else { return false };
    // While it is held, nobody takes the content to the device, and the times with it.
    let content = cell.content.read();
    if content.ticket.is_none() {
        return false;
    }
    cell.set_ahead(|ahead| ahead.times = times(&set, writer.now()).or(ahead.times));
    true
}

/// What such a change sets at this moment.
fn times(set: &SetAttr, now: TimeSpec) -> Times {
    let time = |set| match set {
        SetTime::Now => now,
        SetTime::To(time) => time,
    };
    Times { access: set.atime.map(time), modification: set.mtime.map(time), change: Some(now) }
}
