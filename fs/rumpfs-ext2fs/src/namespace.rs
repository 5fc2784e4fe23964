//! stub: Names: operations that change directories.
use crate::cell::Cell;
use crate::error::Error;
use crate::units::Ino;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::{Errno, NewNode};

/// Creates `name` in `dir`; the name is not there. Errors: ENOSPC, EMLINK, ENAMETOOLONG (a target), EFTYPE, EIO.
pub fn create(volume: &Volume, dir: &Arc<Cell>, name: &[u8], new: NewNode<'_>) -> Result<Ino, Error> {
    let _ = (volume, dir, name, new);
    Err(Error::Refused(Errno::EROFS))
}

/// Adds `name` in `dir` for `target`. Errors: ENOSPC, EMLINK, EFTYPE, EIO.
pub fn link(volume: &Volume, dir: &Arc<Cell>, name: &[u8], target: Ino) -> Result<(), Error> {
    let _ = (volume, dir, name, target);
    Err(Error::Refused(Errno::EROFS))
}

/// Removes `name`, no directory. The inode stays, as an orphan, until it is forgotten. Errors: ENOENT, EFTYPE, EIO.
pub fn unlink(volume: &Volume, dir: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let _ = (volume, dir, name);
    Err(Error::Refused(Errno::EROFS))
}

/// Removes the empty directory `name`. Errors: ENOENT, ENOTEMPTY, EFTYPE, EIO.
pub fn rmdir(volume: &Volume, dir: &Arc<Cell>, name: &[u8]) -> Result<(), Error> {
    let _ = (volume, dir, name);
    Err(Error::Refused(Errno::EROFS))
}

/// Moves `name` of `from` to `to_name` of `to`, over what is there. Errors: ENOENT, ENOTEMPTY, EMLINK, ENOSPC, EIO.
pub fn rename(
    volume: &Volume,
    from: &Arc<Cell>,
    name: &[u8],
    to: &Arc<Cell>,
    to_name: &[u8],
) -> Result<(), Error> {
    let _ = (volume, from, name, to, to_name);
    Err(Error::Refused(Errno::EROFS))
}
