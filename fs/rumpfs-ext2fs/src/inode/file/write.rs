//! Writing.
//!
//! Small writes stay in memory, with a promise of the space that they will need, until they are flushed together.
//! Large ones go from the caller's buffer to the device. A write of blocks that are mapped already needs no
//! operation on metadata but for the time, which waits with the content.

pub use super::allocate::allocate;
pub use super::dirty::Enough;
pub use super::flush::{balance, discard, flush, flush_ahead, flush_all};
pub use super::size::set_size;

use super::content::Content;
use super::flush::flush_content;
use super::promise::nodes_for;
use super::store::{Job, Pieces, store};
use super::{check_plain, limits};
use crate::cell::Cell;
use crate::error::Error;
use crate::inode::map::{Mapping, find_run};
use crate::inode::{FLAG_VERITY, Inode};
use crate::transaction::{Kind, When, Writer};
use crate::units::FileBlock;
use crate::volume::Volume;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use rump_kpi::Errno;

/// Whole blocks of this many bytes and more are not copied.
const DIRECT_BYTES: u64 = 256 << 10;

/// A file that has this many bytes in memory is flushed: the processor still has them at hand, and its memory is used
/// again.
const ENOUGH_BYTES: usize = 2 << 20;

/// Writes all of `buf` at `offset`. Errors: EROFS, ENOTSUP (encrypted, compressed, verity), EFBIG, ENOSPC, EFTYPE,
/// EIO.
pub fn write_at(volume: &Volume, cell: &Arc<Cell>, offset: u64, buf: &[u8]) -> Result<usize, Error> {
    let writer = writer_for(volume, &cell.inode())?;
    let end = limits::check(volume, &cell.inode(), offset.checked_add(buf.len() as u64))?;
    if buf.is_empty() {
        return Ok(0);
    }
    let write = || {
        let mut content = cell.content.write();
        Change { volume, writer, cell }.write(&mut content, offset, end, buf)?;
        if content.bytes() >= ENOUGH_BYTES {
            // This write is done; what goes wrong here is kept for whoever asks for durability.
            let _ = flush_content(volume, writer, cell, &mut content);
        }
        Ok(())
    };
    retrying(volume, write)?;
    writer.ask(if writer.dirty().is_much(Enough::ForThread) { When::Now } else { When::Later });
    balance(volume, writer, Enough::ForCaller);
    Ok(buf.len())
}

/// Runs `change`; if it finds no space, again once all content in memory has its place, since promises are cautious; and
/// again after a commit, if that gives something back. The caller holds no content of a file.
pub fn retrying<R>(volume: &Volume, change: impl Fn() -> Result<R, Error>) -> Result<R, Error> {
    match change() {
        Err(Error::Refused(Errno::ENOSPC)) => {
            // Its own error is kept for whoever asks; here only the space counts.
            let _ = flush_all(volume);
            volume.retrying(change)
        }
        result => result,
    }
}

/// The writer of a volume, if this file's content may change. Errors: EROFS, ENOTSUP.
pub fn writer_for<'v>(volume: &'v Volume, inode: &Inode) -> Result<&'v Writer, Error> {
    let writer = volume.writer().filter(|writer| !writer.is_stopped()).ok_or(Error::Refused(Errno::EROFS))?;
    check_plain(inode)?;
    if inode.has_flag(FLAG_VERITY) {
        return Err(Error::unsupported("writing a file that is protected by fs-verity"));
    }
    Ok(writer)
}

/// A change of the content of one file. The caller holds `content` alone.
pub struct Change<'a> {
    pub volume: &'a Volume,
    pub writer: &'a Writer,
    pub cell: &'a Arc<Cell>,
}

impl Change<'_> {
    fn write(&self, content: &mut Content, offset: u64, end: u64, buf: &[u8]) -> Result<(), Error> {
        if self.is_inline() && self.write_inline(offset, buf)? {
            return Ok(());
        }
        self.zero_behind_end(content, offset)?;
        let size = u64::from(self.volume.block_size());
        let (first, behind) = (offset.next_multiple_of(size).min(end), end - end % size);
        if behind.saturating_sub(first) < DIRECT_BYTES {
            self.write_to_memory(content, offset, buf)?;
        } else {
            let (head, rest) = buf.split_at((first - offset) as usize);
            let (body, tail) = rest.split_at((behind - first) as usize);
            self.write_to_memory(content, offset, head)?;
            self.write_through(content, first, body)?;
            self.write_to_memory(content, behind, tail)?;
        }
        Ok(())
    }

    /// Keeps bytes in memory. Errors: ENOSPC, EFTYPE, EIO.
    fn write_to_memory(&self, content: &mut Content, offset: u64, buf: &[u8]) -> Result<(), Error> {
        if buf.is_empty() {
            return Ok(());
        }
        let bits = self.volume.superblock().block_bits;
        let end = offset + buf.len() as u64;
        let (first, behind) = (offset >> bits, end.div_ceil(1 << bits));
        self.promise(content, first, behind)?;
        let edges = [self.read_edge(content, offset)?, self.read_edge(content, end)?];
        let held = content.bytes();
        for (start, bytes) in edges.iter().flatten() {
            content.write(*start, bytes, bits, &self.writer.dirty().buffers);
        }
        content.write(offset, buf, bits, &self.writer.dirty().buffers);
        self.writer.dirty().add_bytes(content.bytes() - held);
        self.note(content, end);
        Ok(())
    }

    /// Reads the block that `edge` cuts, if it has something besides what is written. Errors: EFTYPE, EIO.
    fn read_edge(&self, content: &Content, edge: u64) -> Result<Option<(u64, Vec<u8>)>, Error> {
        let bits = self.volume.superblock().block_bits;
        let block = edge >> bits;
        let start = block << bits;
        let kept = self.cell.size().saturating_sub(start).min(1 << bits) as usize;
        if edge == start || kept == 0 || content.overlaps(block, block + 1, bits) {
            return Ok(None);
        }
        let run = find_run(self.volume, &self.cell.inode(), FileBlock(block))?;
        let Mapping::At(at) = run.mapping else { return Ok(None) };
        let mut bytes = vec![0; 1 << bits];
        self.volume.read_blocks(at, &mut bytes)?;
        bytes[kept..].fill(0);
        Ok(Some((start, bytes)))
    }

    /// Writes whole blocks from where they are. Errors: ENOSPC, EFTYPE, EIO.
    fn write_through(&self, content: &mut Content, offset: u64, buf: &[u8]) -> Result<(), Error> {
        let bits = self.volume.superblock().block_bits;
        let (first, end) = (offset >> bits, offset + buf.len() as u64);
        let behind = end >> bits;
        let inode = self.cell.inode();
        let need = self.need(content, &inode, first, behind)?;
        let clusters = need.clusters + nodes_for(self.volume, &inode, need.records);
        self.writer.with_space(|space| space.promise(clusters))?;
        if let Err(error) = self.promise_beside(content, &inode, need.records) {
            self.writer.with_space(|space| space.redeem(clusters));
            return Err(error);
        }
        self.cell.set_ahead(|ahead| ahead.times.set_written(self.writer.now()));
        let pieces = Pieces::Buffer(first, buf);
        let promised = AtomicU64::new(clusters);
        let stored = store(self.volume, &[Job { cell: self.cell, pieces, size: end, promised: &promised }]);
        self.writer.with_space(|space| space.redeem(promised.into_inner()));
        stored?;
        // What was in memory of these blocks is older.
        let held = content.bytes();
        content.remove(first, behind, bits);
        self.writer.dirty().remove_bytes(held - content.bytes());
        self.note(content, end);
        Ok(())
    }

    /// Notes a write that ended at `end`; what the inode does not say yet waits with the content.
    pub fn note(&self, content: &mut Content, end: u64) {
        let now = self.writer.now();
        let (size, stored) = (self.cell.size().max(end), self.cell.inode().size());
        self.cell.set_ahead(|ahead| {
            ahead.size = (size != stored).then_some(size);
            ahead.times.set_written(now);
        });
        if content.ticket.is_none() {
            content.ticket = Some(self.writer.dirty().add(self.cell, now));
        }
    }

    /// Sees that zeros follow the present end of the file up to `offset`, if that is behind it. What other drivers
    /// left there is of no file.
    pub fn zero_behind_end(&self, content: &mut Content, offset: u64) -> Result<(), Error> {
        let bits = self.volume.superblock().block_bits;
        let size = self.cell.size();
        let block_end = size.next_multiple_of(1 << bits);
        // A write that begins in the same block loads it, zeros included.
        if offset < block_end || size == block_end {
            return Ok(());
        }
        self.zero_in_block(content, size, block_end)
    }

    /// Makes zeros of the bytes `from..to` of one block, in memory or on the device; through the journal in an operation
    /// of its own, so that they come before what they are made for in either case.
    pub fn zero_in_block(&self, content: &mut Content, from: u64, to: u64) -> Result<(), Error> {
        let bits = self.volume.superblock().block_bits;
        let block = from >> bits;
        if from >= to {
            return Ok(());
        }
        if content.overlaps(block, block + 1, bits) {
            content.zero(from, to, bits);
            return Ok(());
        }
        let inode = self.cell.inode();
        if let Mapping::At(at) = find_run(self.volume, &inode, FileBlock(block))?.mapping {
            let within = (from - (block << bits)) as usize..(to - (block << bits)) as usize;
            if self.writer.journals(&inode) {
                let mut bytes = vec![0; 1 << bits];
                self.volume.read_blocks(at, &mut bytes)?;
                bytes[within].fill(0);
                let mut handle = self.volume.begin()?;
                handle.create(at, Kind::Content, |content| content.copy_from_slice(&bytes));
                handle.finish();
                return self.volume.settle_content();
            }
            let zeros = vec![0; within.len()];
            self.volume.device().write_at((at.0 << bits) + within.start as u64, &zeros)?;
        }
        Ok(())
    }
}
