//! Reading and writing content. It goes to the device at once, run by run; a commit comes after it.
//!
//! There are no holes, but a file has a length to which its content is valid: what lies behind that is read as zeros,
//! and filled with them when something is written farther on. So what clusters held before is never shown.

use super::attr::touch;
use super::size;
use crate::fat;
use crate::layout::Attributes;
use crate::nodes::Cell;
use crate::set::Extent;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec;
use rump_dosfs::Error;
use rump_dosfs::chain::Chain;
use rump_dosfs::transaction::Transactional;
use rump_kpi::Errno;

/// Bytes of zeros that are written at once.
const ZEROS: u64 = 256 << 10;

/// Reads up to `buf.len()` bytes; fewer only at the end of the file. Errors: EFTYPE, EIO.
pub fn read(volume: &Volume, cell: &Cell, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
    let disk = &volume.disk;
    loop {
        let chain = cell.chain.read();
        let set = cell.slot().set;
        let count = set.content().bytes.saturating_sub(offset).min(buf.len() as u64);
        let valid = set.stream.valid_data_length.get().saturating_sub(offset).min(count);
        let want = if valid == 0 { 0 } else { disk.geometry.clusters_for(offset + valid) };
        if chain.len() >= want {
            fat::for_runs(disk, &chain, offset, valid, |at, done, length| {
                disk.sectors.read_bytes(at, &mut buf[done..done + length])
            })?;
            buf[valid as usize..count as usize].fill(0);
            return Ok(count as usize);
        }
        drop(chain);
        let mut chain = cell.chain.write();
        let content = cell.slot().set.content();
        fat::load(disk, content, &mut chain, want)?;
    }
}

/// Writes zeros to clusters that are there.
fn zero(volume: &Volume, chain: &Chain, from: u64, to: u64) -> Result<(), Error> {
    let zeros = vec![0; to.saturating_sub(from).min(ZEROS) as usize];
    let mut at = from;
    while at < to {
        let count = (to - at).min(ZEROS);
        fat::for_runs(&volume.disk, chain, at, count, |byte, _, length| {
            Ok(volume.sectors().device().write_at(byte, &zeros[..length])?)
        })?;
        at += count;
    }
    Ok(())
}

/// Writes all of `buf`. Errors: EROFS, EFBIG, ENOSPC, EFTYPE, EIO.
pub fn write(volume: &Volume, cell: &Arc<Cell>, offset: u64, buf: &[u8]) -> Result<(), Error> {
    volume.writer()?;
    let end = offset.checked_add(buf.len() as u64).ok_or(Errno::EFBIG)?;
    if buf.is_empty() {
        return Ok(());
    }
    let mut chain = cell.chain.write();
    let set = cell.slot().set;
    let (size, valid) = (set.content().bytes, set.stream.valid_data_length.get());
    let before = size::grow_chain(volume, cell, &mut chain, end.max(size))?;
    let written = (|| {
        zero(volume, &chain, valid, offset)?;
        fat::for_runs(&volume.disk, &chain, offset, buf.len() as u64, |at, done, length| {
            Ok(volume.sectors().device().write_at(at, &buf[done..done + length])?)
        })?;
        set_length(volume, cell, &chain, end.max(size), end.max(valid))
    })();
    if written.is_err() {
        size::shed(volume, cell, &mut chain, before);
    }
    written
}

/// The directory gets to know how long a file is, how much of it is valid, where it is, and that it was changed. The
/// table is needed once a file is in several places; a file that it leads through stays so.
///
/// Errors: EFTYPE, EIO.
pub fn set_length(volume: &Volume, cell: &Cell, chain: &Chain, size: u64, valid: u64) -> Result<(), Error> {
    volume.change(|operation| {
        cell.update(operation, |set| {
            let is_contiguous = size::is_contiguous(&set.content(), chain) && size > 0;
            set.stream.set_content(Extent { first: chain.first().unwrap_or(0), bytes: size, is_contiguous });
            set.stream.valid_data_length.set(valid);
            let attributes = set.file.file_attributes.get() | Attributes::ARCHIVE;
            set.file.file_attributes.set(attributes);
            touch(volume, &mut set.file);
        })
    })
}
