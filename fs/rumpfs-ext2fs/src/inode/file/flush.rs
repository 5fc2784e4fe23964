//! Content leaves memory: for one file, for all, or for some because there is too much.
//!
//! Many small files go together. Only the first of them is waited for: who holds one file's content never waits for
//! another's.

use super::content::Content;
use super::dirty::Enough;
use super::store::{Job, Pieces, store};
use crate::cell::Cell;
use crate::error::Error;
use crate::transaction::Writer;
use crate::volume::Volume;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::DerefMut;
use rump_kpi::Errno;

/// Files that are flushed together at most.
const BATCH_FILES: usize = 1024;
/// Content that is flushed together, unless one file has more.
const BATCH_BYTES: usize = 16 << 20;

/// Brings content that is still in memory to the device and into the map; nothing is durable yet. A loss that
/// happened before counts as well, once. Errors: ENOSPC, EIO.
pub fn flush(volume: &Volume, cell: &Arc<Cell>) -> Result<(), Error> {
    let Some(writer) = volume.writer() else { return Ok(()) };
    let mut content = cell.content.write();
    let result = flush_content(volume, writer, cell, &mut content);
    match content.error.take() {
        Some(error) => Err(error),
        None => result,
    }
}

/// Brings content to the device before anyone asks for it. Errors are kept for those who ask.
pub fn flush_ahead(volume: &Volume, cell: &Arc<Cell>) {
    if let Some(writer) = volume.writer() {
        // What fails is noted in the file.
        let _ = flush_content(volume, writer, cell, &mut cell.content.write());
    }
}

/// Flushes every file. Goes on after an error and answers the first. Errors: ENOSPC, EIO.
pub fn flush_all(volume: &Volume) -> Result<(), Error> {
    let Some(writer) = volume.writer() else { return Ok(()) };
    let end = writer.dirty().next_ticket();
    let mut result = Ok(());
    let mut last = None;
    loop {
        let files = writer.dirty().behind(last, BATCH_FILES);
        let Some((ticket, _)) = files.iter().rev().find(|(ticket, _)| *ticket < end) else { break };
        last = Some(*ticket);
        result = result.and(flush_batch(volume, writer, &files, Wait::ForEach));
    }
    result.and(writer.dirty().take_lost().map_or(Ok(()), Err))
}

/// Flushes the oldest files while there is more than enough content in memory. Errors are kept for those who ask.
pub fn balance(volume: &Volume, writer: &Writer, enough: Enough) {
    let mut last = None;
    while writer.dirty().is_over(enough, writer.now()) {
        let files = writer.dirty().behind(last, BATCH_FILES);
        let Some((ticket, _)) = files.last() else { break };
        last = Some(*ticket);
        // Whoever waits for a file reports its loss; the list does for those that nobody has open.
        if let Err(error) = flush_batch(volume, writer, &files, Wait::ForFirst) {
            writer.note(&format!("ext2fs: content in memory could not be written: {error}"));
        }
    }
}

/// Drops what is in memory of a file that nobody will read again. Not to be called with a handle.
pub fn discard(volume: &Volume, cell: &Arc<Cell>) {
    let Some(writer) = volume.writer() else { return };
    let mut content = cell.content.write();
    // A write that failed may have left a promise.
    if content.ticket.is_some() || *content.promised.get_mut() > 0 {
        forget(writer, &mut content);
    }
    cell.set_ahead(|ahead| *ahead = Default::default());
}

/// Whether files of a batch that are in use are waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    ForFirst,
    ForEach,
}

fn flush_batch(
    volume: &Volume,
    writer: &Writer,
    files: &[(u64, Arc<Cell>)],
    wait: Wait,
) -> Result<(), Error> {
    let mut result = Ok(());
    let mut rest = files.iter().map(|(_, cell)| cell).peekable();
    let mut busy = Vec::new();
    while let Some(first) = rest.next() {
        let mut batch = Vec::new();
        let guard = first.content.write();
        let mut bytes = guard.bytes();
        // A file that left the list meanwhile may be gone, and its inode another's.
        if guard.ticket.is_some() {
            batch.push((first, guard));
        }
        while let Some(cell) = rest.next_if(|_| bytes < BATCH_BYTES) {
            match cell.content.try_write() {
                Some(guard) if guard.ticket.is_none() => {}
                Some(guard) => {
                    bytes += guard.bytes();
                    batch.push((cell, guard));
                }
                None => busy.push(cell),
            }
        }
        result = result.and(flush_together(volume, writer, &mut batch));
        drop(batch);
        if wait == Wait::ForFirst {
            return result;
        }
        for cell in busy.drain(..) {
            result = result.and(flush_content(volume, writer, cell, &mut cell.content.write()));
        }
    }
    result
}

/// Flushes files together; if that fails, one by one, so that each has its own error.
fn flush_together<G: DerefMut<Target = Content>>(
    volume: &Volume,
    writer: &Writer,
    batch: &mut [(&Arc<Cell>, G)],
) -> Result<(), Error> {
    let stored = {
        let jobs: Vec<Job<'_>> = batch.iter().map(|(cell, content)| job(cell, content)).collect();
        store(volume, &jobs)
    };
    if stored.is_ok() {
        let mut left = Left::default();
        batch.iter_mut().for_each(|(cell, content)| done(&mut left, cell, content));
        left.give_back(writer);
        return Ok(());
    }
    let mut result = Ok(());
    for (cell, content) in batch {
        result = result.and(flush_content(volume, writer, cell, content));
    }
    result
}

/// Flushes one file whose content the caller holds alone. What cannot be written is lost, and the file keeps the
/// error; what has no space stays in memory. Errors: ENOSPC, EIO.
pub fn flush_content(
    volume: &Volume,
    writer: &Writer,
    cell: &Arc<Cell>,
    content: &mut Content,
) -> Result<(), Error> {
    if content.ticket.is_none() {
        return Ok(());
    }
    match volume.retrying(|| store(volume, &[job(cell, content)])) {
        Ok(()) => {
            let mut left = Left::default();
            done(&mut left, cell, content);
            left.give_back(writer);
            Ok(())
        }
        Err(Error::Refused(Errno::ENOSPC)) => Err(Error::Refused(Errno::ENOSPC)),
        Err(error) => {
            writer.dirty().note_lost(error.clone());
            content.error.get_or_insert(error.clone());
            forget(writer, content);
            cell.set_ahead(|ahead| *ahead = Default::default());
            Err(error)
        }
    }
}

fn job<'a>(cell: &'a Arc<Cell>, content: &'a Content) -> Job<'a> {
    Job { cell, pieces: Pieces::Content(content), size: cell.size(), promised: &content.promised }
}

fn done(left: &mut Left, cell: &Cell, content: &mut Content) {
    left.empty(content);
    cell.set_ahead(|ahead| {
        ahead.size = None;
        ahead.blocks = 0;
    });
}

/// Empties the memory of a file.
fn forget(writer: &Writer, content: &mut Content) {
    let mut left = Left::default();
    left.empty(content);
    left.give_back(writer);
}

/// What files had in memory, to be given back at once: whoever creates files meanwhile takes the same locks.
#[derive(Default)]
struct Left {
    bytes: usize,
    promised: u64,
    tickets: Vec<u64>,
    runs: Vec<Vec<u8>>,
}

impl Left {
    fn empty(&mut self, content: &mut Content) {
        self.bytes += content.bytes();
        self.promised += core::mem::take(content.promised.get_mut());
        self.tickets.extend(content.ticket.take());
        self.runs.extend(content.take_runs());
    }

    fn give_back(self, writer: &Writer) {
        writer.dirty().remove_bytes(self.bytes);
        writer.dirty().buffers.give(self.runs);
        if self.promised > 0 {
            writer.with_space(|space| space.redeem(self.promised));
        }
        writer.dirty().remove(&self.tickets);
    }
}
