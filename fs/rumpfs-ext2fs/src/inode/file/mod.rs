//! Content of files: one device read per contiguous run, straight into the caller's buffer.

pub mod write;

use super::map::{self, Mapping};
use super::{FLAG_COMPRESSED, FLAG_ENCRYPTED, Inode, xattr};
use crate::error::Error;
use crate::units::{DiskBlock, FileBlock};
use crate::volume::Volume;
use alloc::format;
use alloc::vec::Vec;

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
    volume.read_bytes(start, within, &mut buf[..len])?;
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

/// The first offset at or after `offset` of what is looked for; the end of the file if there is none.
pub fn seek(volume: &Volume, inode: &Inode, offset: u64, what: Seek) -> Result<u64, Error> {
    let bits = volume.superblock().block_bits;
    let hole = what == Seek::Hole;
    if inode.is_inline(volume) {
        return Ok(if hole { inode.size() } else { offset });
    }
    let mut at = offset;
    while at < inode.size() {
        let run = map::find_run(volume, inode, FileBlock(at >> bits))?;
        if hole != matches!(run.mapping, Mapping::At(_)) {
            return Ok(at);
        }
        at = run.end().saturating_mul(1 << bits);
    }
    Ok(inode.size())
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
