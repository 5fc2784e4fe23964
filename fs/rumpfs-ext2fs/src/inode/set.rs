//! stub: Changing attributes: mode, owners, times.
use crate::cell::Cell;
use crate::error::Error;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{Errno, SetAttr};

/// Changes attributes, but for the size. Errors: EFTYPE, EIO, EOVERFLOW (a time or id that the inode cannot hold).
pub fn set_attr(volume: &Volume, cell: &Arc<Cell>, set: SetAttr) -> Result<(), Error> {
    let _ = (volume, cell, set);
    Err(Error::Refused(Errno::EROFS))
}
