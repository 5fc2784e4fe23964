//! Changing attributes: mode, owners, times.

use super::attr::{self, Clock};
use super::xattr::acl;
use crate::cell::Cell;
use crate::error::Error;
use crate::orphan;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{SetAttr, SetTime};

const ALL_BITS: u16 = 0o7777;

/// Changes attributes, but for the size. A time that the inode cannot hold becomes the nearest that it can. Errors:
/// EOVERFLOW (an owner that this volume cannot store), EFTYPE, EIO.
pub fn set_attr(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> Result<(), Error> {
    // An access control list goes with the mode.
    let alone = set.mode.map(|_| cell.content.write());
    let mut handle = volume.begin()?;
    let now = handle.now();
    let time = |set| match set {
        SetTime::Now => now,
        SetTime::To(time) => time,
    };
    let old = attr::attr(volume, &cell.inode())?;
    handle.update(cell, |inode| {
        if let Some(mode) = set.mode {
            inode.edit(volume, |base, _| {
                base.i_mode.set(base.i_mode.get() & !ALL_BITS | mode.bits() as u16 & ALL_BITS);
            });
        }
        attr::set_owners(volume, inode, set.uid.unwrap_or(old.uid), set.gid.unwrap_or(old.gid))?;
        let changed = [(Clock::Access, set.atime), (Clock::Modification, set.mtime)];
        for (clock, value) in changed.into_iter().filter_map(|(clock, value)| Some((clock, value?))) {
            attr::set_time(volume, inode, clock, time(value));
        }
        attr::set_time(volume, inode, Clock::Change, now);
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
