//! stub: Writing content
use crate::cell::Cell;
use crate::error::Error;
use crate::volume::Volume;
use alloc::sync::Arc;
use rump_kpi::Errno;

/// Writes all of `buf` at `offset`. Errors: EFBIG, ENOSPC, EFTYPE, EIO, ENOTSUP (encrypted, compressed, verity).
pub fn write_at(volume: &Volume, cell: &Arc<Cell>, offset: u64, buf: &[u8]) -> Result<usize, Error> {
    let _ = (volume, cell, offset, buf);
    Err(Error::Refused(Errno::EROFS))
}

/// Cuts or extends. Errors: EFBIG, EFTYPE, EIO.
pub fn set_size(volume: &Volume, cell: &Arc<Cell>, size: u64) -> Result<(), Error> {
    let _ = (volume, cell, size);
    Err(Error::Refused(Errno::EROFS))
}

/// Brings content that is still in memory to the device and into the map; nothing is durable yet. Errors: ENOSPC, EIO.
pub fn flush(volume: &Volume, cell: &Arc<Cell>) -> Result<(), Error> {
    let _ = (volume, cell);
    Ok(())
}

/// Flushes every file. Goes on after an error and answers the first. Errors: ENOSPC, EIO.
pub fn flush_all(volume: &Volume) -> Result<(), Error> {
    let _ = volume;
    Ok(())
}

/// Drops what is in memory of a file that nobody will read again.
pub fn discard(volume: &Volume, cell: &Arc<Cell>) {
    let _ = (volume, cell);
}
