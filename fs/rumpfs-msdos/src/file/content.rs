//! Reading and writing content. It goes to the device at once, run by run; a commit comes after it.
//!
//! There are no holes: what lies between the old end of a file and a later write is filled with zeros. What lies behind
//! the end in the last cluster is never shown, and filled when the file grows over it.

use super::attr::touch;
use super::size;
use crate::fat;
use crate::layout::Attributes;
use crate::nodes::Cell;
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use rump_dosfs::chain::Chain;
use rump_dosfs::transaction::Transactional;
use rump_dosfs::{Error, Place};
use rump_kpi::Errno;

/// Bytes of zeros that are written at once.
const ZEROS: u64 = 256 << 10;

/// Reads up to `buf.len()` bytes; fewer only at the end of the file. Errors: EFTYPE, EIO.
pub fn read(volume: &Volume, cell: &Cell, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
    loop {
        let chain = cell.chain.read();
        let size = u64::from(cell.size());
        let count = size.saturating_sub(offset).min(buf.len() as u64);
        let want = volume.geometry().clusters_for(offset.saturating_add(count));
        if count == 0 {
            return Ok(0);
        }
        if chain.len() >= want {
            for_runs(volume, &chain, offset, count, |at, done, length| {
                volume.sectors().read_bytes(at, &mut buf[done..done + length])
            })?;
            return Ok(count as usize);
        }
        drop(chain);
        load(volume, cell, &mut cell.chain.write(), want)?;
    }
}

/// Makes the first `want` clusters of a file known, and with them all that its length needs. Errors: EFTYPE, EIO.
pub fn load(volume: &Volume, cell: &Cell, chain: &mut Chain, want: u32) -> Result<(), Error> {
    let all = volume.geometry().clusters_for(cell.size().into());
    if chain.len() >= want.max(all) {
        return Ok(());
    }
    let first = cell.first_cluster();
    let followed = if first == 0 { Ok(false) } else { fat::follow(volume, first, chain, want.max(all)) };
    match followed {
        _ if chain.len() >= want => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            let why = format!("ends after {} clusters of {all}", chain.len());
            Err(Error::corrupt("cluster chain", Place::Cluster(first), why))
        }
    }
}

/// Calls `each` with the byte on the volume, the distance from `offset`, and the length of every consecutive part.
fn for_runs(
    volume: &Volume,
    chain: &Chain,
    offset: u64,
    count: u64,
    mut each: impl FnMut(u64, usize, usize) -> Result<(), Error>,
) -> Result<(), Error> {
    let geometry = volume.geometry();
    let mut done = 0;
    while done < count {
        let at = offset + done;
        let index = (at >> geometry.cluster_bits) as u32;
        let run = chain.find(index).ok_or_else(|| {
            Error::corrupt("cluster chain", Place::Cluster(chain.first().unwrap_or(0)), "ends too early")
        })?;
        let within = at % geometry.cluster_size();
        let length = ((u64::from(run.count) << geometry.cluster_bits) - within).min(count - done);
        each(geometry.cluster_offset(run.start) + within, done as usize, length as usize)?;
        done += length;
    }
    Ok(())
}

/// Writes zeros to clusters that are there.
pub fn zero(volume: &Volume, chain: &Chain, from: u64, to: u64) -> Result<(), Error> {
    let zeros = vec![0; to.saturating_sub(from).min(ZEROS) as usize];
    let mut at = from;
    while at < to {
        let count = (to - at).min(ZEROS);
        for_runs(volume, chain, at, count, |byte, _, length| {
            Ok(volume.sectors().device().write_at(byte, &zeros[..length])?)
        })?;
        at += count;
    }
    Ok(())
}

/// Writes all of `buf`. Errors: EROFS, EFBIG, ENOSPC, EFTYPE, EIO.
pub fn write(volume: &Volume, cell: &Arc<Cell>, offset: u64, buf: &[u8]) -> Result<(), Error> {
    volume.writer()?;
    let end =
        offset.checked_add(buf.len() as u64).filter(|end| *end <= u32::MAX.into()).ok_or(Errno::EFBIG)?;
    if buf.is_empty() {
        return Ok(());
    }
    let mut chain = cell.chain.write();
    let size = u64::from(cell.size());
    let before = size::grow_chain(volume, cell, &mut chain, volume.geometry().clusters_for(end.max(size)))?;
    let written = (|| {
        if offset > size {
            zero(volume, &chain, size, offset)?;
        }
        for_runs(volume, &chain, offset, buf.len() as u64, |at, done, length| {
            Ok(volume.sectors().device().write_at(at, &buf[done..done + length])?)
        })?;
        set_length(volume, cell, &chain, end.max(size) as u32)
    })();
    if written.is_err() {
        size::shed(volume, cell, &mut chain, before);
    }
    written
}

/// The directory gets to know how long a file is, where it begins, and that it was changed. Errors: EFTYPE, EIO.
pub fn set_length(volume: &Volume, cell: &Cell, chain: &Chain, size: u32) -> Result<(), Error> {
    volume.change(|operation| {
        cell.update(operation, |entry| {
            entry.set_first_cluster(chain.first().unwrap_or(0));
            entry.file_size.set(size);
            entry.attr |= Attributes::ARCHIVE;
            touch(volume, entry);
        })
    })
}
