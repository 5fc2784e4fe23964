//! Changing maps: what both kinds have in common.
//! stub: to be written
use crate::cell::Cell;
use crate::error::Error;
use crate::transaction::{Handle, Kind};
use crate::units::{DiskBlock, Extent, FileBlock};
use alloc::sync::Arc;
use rump_kpi::Errno;

/// Whether mapped blocks hold content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// They do.
    Written,
    /// They read as zeros (extents only).
    Unwritten,
}

/// Maps blocks that are in use by now at a hole of the file, and counts them in `i_blocks`. Errors: EFTYPE (not a
/// hole), EFBIG, ENOSPC (for blocks of the map), EIO.
pub fn insert(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    at: FileBlock,
    extent: Extent,
    state: State,
) -> Result<(), Error> {
    let _ = (handle, cell, at, extent, state);
    Err(Error::Refused(Errno::EIO))
}

/// Maps one new block of metadata (of a directory, a link's target) at a hole, allocated near its neighbour before
/// it, and fills it from zeros as [`Handle::create`] does. Errors: as [`insert`].
pub fn grow(
    handle: &mut Handle<'_>,
    cell: &Arc<Cell>,
    at: FileBlock,
    kind: Kind,
    fill: impl FnOnce(&mut [u8]),
) -> Result<DiskBlock, Error> {
    let _ = (handle, cell, at, kind, fill);
    Err(Error::Refused(Errno::EIO))
}

/// Unmaps `start..end` from its end towards its start and frees the blocks, as far as the handle has room. Answers
/// the block from which everything is a hole now: `start` when done. Blocks of directories and links (whatever is
/// not a regular file's) are forgotten as metadata. Errors: EFTYPE, EIO.
pub fn remove(handle: &mut Handle<'_>, cell: &Arc<Cell>, start: FileBlock, end: u64) -> Result<u64, Error> {
    let _ = (handle, cell, start, end);
    Err(Error::Refused(Errno::EIO))
}
