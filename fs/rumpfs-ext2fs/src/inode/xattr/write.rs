//! stub: Setting and removing attributes.
use crate::cell::Cell;
use crate::error::Error;
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{Errno, XattrFlags};

/// Sets an attribute. Errors: ENOTSUP (prefix), EEXIST, ENOATTR, ENOSPC (no room), E2BIG, EFTYPE, EIO.
pub fn set(
    volume: &Volume,
    cell: &Arc<Cell>,
    name: &[u8],
    value: &[u8],
    flags: XattrFlags,
) -> Result<(), Error> {
    let _ = (volume, cell, name, value, flags);
    Err(Error::Refused(Errno::EROFS))
}

/// Removes an attribute. Errors: ENOATTR, EFTYPE, EIO.
pub fn remove(volume: &Volume, cell: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let _ = (volume, cell, name);
    Err(Error::Refused(Errno::EROFS))
}

/// Frees the attribute block and the inodes of values of an inode that is released. Errors: EFTYPE, EIO.
pub fn release(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let _ = (handle, cell);
    Ok(())
}
