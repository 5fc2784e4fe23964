//! stub
use crate::error::Error;
use crate::transaction::Handle;
use crate::units::{DiskBlock, Extent};
use rump_kpi::Errno;

/// Sets up to `most` free blocks in one piece aside for the caller, as near behind `goal` as there are; fewer if no
/// piece of that length is free. With bigalloc the piece consists of whole clusters, and `goal` names the first.
/// The caller writes to them, and then takes or cancels them. Errors: ENOSPC, EFTYPE, EIO.
pub fn reserve(handle: &mut Handle<'_>, goal: DiskBlock, most: u64) -> Result<Extent, Error> {
    let _ = (handle, goal, most);
    Err(Error::Refused(Errno::ENOSPC))
}

/// Marks reserved blocks as in use (whole clusters) and ends the reservation. Errors: EFTYPE, EIO.
pub fn take(handle: &mut Handle<'_>, extent: Extent) -> Result<(), Error> {
    let _ = (handle, extent);
    Err(Error::Refused(Errno::ENOSPC))
}

/// Ends a reservation of blocks that are not needed.
pub fn cancel(handle: &mut Handle<'_>, extent: Extent) {
    handle.end_reservation(extent);
}

/// Takes up to `most` free blocks in one piece near `goal` at once: for metadata. Errors: ENOSPC, EFTYPE, EIO.
pub fn allocate(handle: &mut Handle<'_>, goal: DiskBlock, most: u64) -> Result<Extent, Error> {
    let extent = reserve(handle, goal, most)?;
    take(handle, extent)?;
    Ok(extent)
}

/// Marks blocks (with bigalloc: whole clusters) as free. They are given out again once that is durable. Blocks that
/// held metadata (directories, extent nodes, pointers, attributes) are also to be said to [`Handle::forget`].
/// Errors: EFTYPE (not in use, or not on the volume), EIO.
pub fn free(handle: &mut Handle<'_>, extent: Extent) -> Result<(), Error> {
    let _ = (handle, extent);
    Err(Error::Refused(Errno::EIO))
}
