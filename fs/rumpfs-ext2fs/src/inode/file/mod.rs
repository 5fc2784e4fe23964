//! Content of files: one device read per contiguous run, straight into the caller's buffer. What was written and
//! is still in memory lies over what the device holds.

mod allocate;
mod content;
mod dirty;
mod flush;
mod inline;
mod limits;
mod plan;
mod promise;
mod runs;
mod size;
mod store;
pub mod write;

pub use content::Content;
pub use dirty::DirtyFiles;

use super::attr::Clock;
use super::map::{self, Mapping};
use super::{FLAG_COMPRESSED, FLAG_ENCRYPTED, Inode, attr, xattr};
use crate::cell::Cell;
use crate::error::Error;
use crate::units::{DiskBlock, FileBlock};
use crate::volume::Volume;
use alloc::format;
use alloc::vec::Vec;
use rump_kpi::{Attr, TimeSpec};

/// Reads up to `buf.len()` bytes from `offset` on; fewer only at the end of the file.
pub fn read_at(volume: &Volume, inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
    check_plain(inode)?;
    let Some(left) = inode.size().checked_sub(offset).filter(|left| *left > 0) else { return Ok(0) };
    let want = left.min(buf.len() as u64) as usize;
    let buf = &mut buf[..want];
    if inode.is_inline(volume) {
        let content = inline_content(volume, inode)?;
        buf.fill(0);
        let stored = content.get(offset.min(content.len() as u64) as usize..).unwrap_or(&[]);
        let len = stored.len().min(want);
        buf[..len].copy_from_slice(&stored[..len]);
        return Ok(want);
    }
    let mut done = 0;
    while done < want {
        done += read_run(volume, inode, offset + done as u64, &mut buf[done..])?;
    }
    Ok(want)
}

/// Reads up to `buf.len()` bytes of a file in use; fewer only at its end. Errors: ENOTSUP, EFTYPE, EIO.
pub fn read(volume: &Volume, cell: &Cell, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
    let content = cell.content.read();
    let inode = cell.inode();
    if inode.is_inline(volume) {
        return read_at(volume, &inode, offset, buf);
    }
    check_plain(&inode)?;
    let Some(left) = cell.size().checked_sub(offset).filter(|left| *left > 0) else { return Ok(0) };
    let want = left.min(buf.len() as u64) as usize;
    let bits = volume.superblock().block_bits;
    let mut done = 0;
    while done < want {
        let (at, rest) = (offset + done as u64, &mut buf[done..want]);
        // What is not held goes to the next run that is, or to the end. Sizes may be anything: no block is behind all.
        let held = content.next_run(at >> bits, bits).map(|(start, run)| (start << bits, run));
        done += match held {
            Some((start, run)) if start <= at => {
                let run = &run[(at - start) as usize..];
                let len = run.len().min(rest.len());
                rest[..len].copy_from_slice(&run[..len]);
                len
            }
            held => {
                let room = held.map_or(u64::MAX, |(start, _)| start - at);
                let len = rest.len().min(usize::try_from(room).unwrap_or(usize::MAX));
                read_run(volume, &inode, at, &mut rest[..len])?
            }
        };
    }
    Ok(want)
}

/// The attributes of a file in use, content in memory included. Errors: EFTYPE.
pub fn attr(volume: &Volume, cell: &Cell) -> Result<Attr, Error> {
    let ahead = cell.ahead();
    let inode = cell.inode();
    let mut attr = attr::attr(volume, &inode)?;
    attr.size = ahead.size.unwrap_or(attr.size);
    attr.blocks += ahead.blocks << (volume.superblock().block_bits - 9);
    let kept = |clock, set: Option<TimeSpec>| set.map(|set| attr::kept_time(&inode, clock, set));
    attr.atime = kept(Clock::Access, ahead.times.access).unwrap_or(attr.atime);
    attr.mtime = kept(Clock::Modification, ahead.times.modification).unwrap_or(attr.mtime);
    attr.ctime = kept(Clock::Change, ahead.times.change).unwrap_or(attr.ctime);
    Ok(attr)
}

/// Reads what lies in one piece on the device; at least one byte.
fn read_run(volume: &Volume, inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
    let bits = volume.superblock().block_bits;
    let (block, within) = (offset >> bits, offset & ((1 << bits) - 1));
    let run = map::find_run(volume, inode, FileBlock(block))?;
    let wanted_blocks = (within + buf.len() as u64).div_ceil(1 << bits);
    let mut blocks = run.len.min(wanted_blocks);
    let Mapping::At(start) = run.mapping else {
        let len = bytes_of(blocks, bits, within, buf.len());
        buf[..len].fill(0);
        return Ok(len);
    };
    // Leaves of the map break runs that go on behind them.
    while blocks < wanted_blocks {
        let next = map::find_run(volume, inode, FileBlock(block + blocks))?;
        if next.mapping != Mapping::At(DiskBlock(start.0 + blocks)) {
            break;
        }
        blocks = (blocks + next.len).min(wanted_blocks);
    }
    let len = bytes_of(blocks, bits, within, buf.len());
    volume.read_content(start, within, &mut buf[..len])?;
    Ok(len)
}

fn bytes_of(blocks: u64, bits: u32, within: u64, most: usize) -> usize {
    ((blocks << bits) - within).min(most as u64) as usize
}

/// The content of an inline file: what is in `i_block`, and what the attribute `system.data` adds.
pub fn inline_content(volume: &Volume, inode: &Inode) -> Result<Vec<u8>, Error> {
    let mut content = inode.base().i_block.to_vec();
    if let Some(more) = xattr::inline_continuation(volume, inode)? {
        content.extend_from_slice(&more);
    }
    Ok(content)
}

/// What [`seek`] looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// Blocks with content.
    Data,
    /// Blocks without.
    Hole,
}

/// The first offset at or after `offset` of what is looked for; the end of the file if there is none. Errors:
/// EFTYPE, EIO.
pub fn seek(volume: &Volume, cell: &Cell, offset: u64, what: Seek) -> Result<u64, Error> {
    let bits = volume.superblock().block_bits;
    let hole = what == Seek::Hole;
    let content = cell.content.read();
    let (inode, size) = (cell.inode(), cell.size());
    if inode.is_inline(volume) {
        return Ok(if hole { size } else { offset });
    }
    let mut at = offset;
    while at < size {
        let block = at >> bits;
        let held = content.next_run(block, bits);
        let (has_data, end) = match held {
            Some((start, run)) if start <= block => (true, start + (run.len() >> bits) as u64),
            _ => {
                let run = map::find_run(volume, &inode, FileBlock(block))?;
                let end = held.map_or(run.end(), |(start, _)| start.min(run.end()));
                (matches!(run.mapping, Mapping::At(_)), end)
            }
        };
        if hole != has_data {
            return Ok(at);
        }
        at = end.saturating_mul(1 << bits);
    }
    Ok(size)
}

/// Refuses content that only its key or its compressor could give.
pub fn check_plain(inode: &Inode) -> Result<(), Error> {
    for (flag, what) in [(FLAG_ENCRYPTED, "encrypted"), (FLAG_COMPRESSED, "compressed")] {
        if inode.has_flag(flag) {
            return Err(Error::unsupported(format!("content of {} is {what}", inode.number())));
        }
    }
    Ok(())
}
