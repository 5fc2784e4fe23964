//! stub: Inodes without names: in use until they are forgotten, freed by whoever mounts next if that never comes.
use crate::cell::Cell;
use crate::error::Error;
use crate::transaction::Handle;
use crate::volume::Volume;
use alloc::sync::Arc;

/// Puts an inode on the list: it lost its last name, or is being cut. Errors: EFTYPE, EIO.
pub fn add(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let _ = (handle, cell);
    Ok(())
}

/// Takes an inode off the list. Errors: EFTYPE, EIO.
pub fn remove(handle: &mut Handle<'_>, cell: &Arc<Cell>) -> Result<(), Error> {
    let _ = (handle, cell);
    Ok(())
}

/// Frees the content, the attributes and the number of an inode without names that nobody uses. Errors: EFTYPE, EIO.
pub fn release(volume: &Volume, cell: &Arc<Cell>) -> Result<(), Error> {
    let _ = (volume, cell);
    Ok(())
}

/// After a crash: frees the inodes without names, and completes the cutting of those with. Errors: EFTYPE, EIO.
pub fn recover(volume: &Volume) -> Result<(), Error> {
    let _ = volume;
    Ok(())
}
