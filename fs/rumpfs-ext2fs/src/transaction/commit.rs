//! Making transactions durable.

use super::seal::{Kind, Sealed};
use super::{Handle, Writer};
use crate::error::Error;
use crate::journal::Journal;
use crate::orphan;
use crate::volume::Volume;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use hashbrown::HashMap;
use rump_kpi::{Errno, TimeSpec};

/// Bytes of blocks that wait for their way home before they are written there in any case.
const MOST_WAITING_BYTES: usize = 64 << 20;
/// Bytes that go to the device in one piece.
const PIECE_BYTES: usize = 1 << 20;

/// Where commits go.
pub struct Log {
    journal: Option<Journal>,
    /// Durable in the journal, but not yet at home: the newest committed content of each block.
    waiting: HashMap<u64, (Kind, Arc<[u8]>)>,
    most_blocks: usize,
}

impl Log {
    /// Commits through a journal, or straight home.
    pub fn new(volume: &Volume, journal: Option<Journal>) -> Self {
        let most = MOST_WAITING_BYTES / 4 / volume.block_size() as usize;
        let most_blocks = journal.as_ref().map_or(most, |journal| journal.most_blocks().min(most)).max(64);
        Self { journal, waiting: HashMap::new(), most_blocks }
    }

    /// Blocks that one transaction may hold.
    pub fn most_blocks(&self) -> usize {
        self.most_blocks
    }

    /// Whether commits go through a journal.
    pub fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    fn commit(&mut self, volume: &Volume, sealed: &Sealed, now: TimeSpec) -> Result<(), Error> {
        let Some(journal) = &mut self.journal else { return write_in_order(volume, sealed) };
        let bytes = (self.waiting.len() + sealed.blocks.len()) * volume.block_size() as usize;
        if !journal.has_room(sealed) || bytes > MOST_WAITING_BYTES {
            self.write_home(volume)?;
        }
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.write(volume.device(), sealed, now)?;
        for block in &sealed.revoked {
            self.waiting.remove(block);
        }
        for (block, kind, bytes) in &sealed.blocks {
            if self.waiting.insert(*block, (*kind, bytes.clone())).is_some() {
                // One pin for as long as it waits is enough.
                volume.cache().unpin(*block);
            }
        }
        Ok(())
    }

    /// Brings every committed block home and empties the journal.
    fn write_home(&mut self, volume: &Volume) -> Result<(), Error> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let mut blocks: alloc::vec::Vec<_> = self.waiting.iter().collect();
        blocks.sort_unstable_by_key(|(block, _)| **block);
        write_blocks(volume, blocks.iter().map(|(block, (_, bytes))| (**block, &**bytes)))?;
        volume.device().flush()?;
        journal.empty(volume.device())?;
        for (block, (kind, _)) in self.waiting.drain() {
            if kind == Kind::Content {
                volume.cache().release(block);
            } else {
                volume.cache().unpin(block);
            }
        }
        Ok(())
    }

    /// Says on the device that there is nothing to recover; everything was brought home before. Errors: EIO.
    fn close(&mut self, volume: &Volume) -> Result<(), Error> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.close(volume.device()))
    }
}

/// Without a journal: first what names lead to, then the names.
fn write_in_order(volume: &Volume, sealed: &Sealed) -> Result<(), Error> {
    volume.device().flush()?;
    for last in [false, true] {
        let part = sealed.blocks.iter().filter(|(_, kind, _)| kind.is_last() == last);
        write_blocks(volume, part.map(|(block, _, bytes)| (*block, &**bytes)))?;
        volume.device().flush()?;
    }
    for (block, ..) in &sealed.blocks {
        volume.cache().unpin(*block);
    }
    Ok(())
}

/// Writes blocks that come in order of number, neighbours in one piece.
fn write_blocks<'a>(volume: &Volume, blocks: impl Iterator<Item = (u64, &'a [u8])>) -> Result<(), Error> {
    let bits = volume.superblock().block_bits;
    let mut piece = alloc::vec::Vec::new();
    let mut start = 0;
    for (block, bytes) in blocks {
        let end = start + (piece.len() as u64 >> bits);
        if (block != end || piece.len() >= PIECE_BYTES) && !piece.is_empty() {
            volume.device().write_at(start << bits, &piece)?;
            piece.clear();
        }
        if piece.is_empty() {
            start = block;
        }
        piece.extend_from_slice(bytes);
    }
    if piece.is_empty() { Ok(()) } else { Ok(volume.device().write_at(start << bits, &piece)?) }
}

impl Volume {
    /// Returns once transaction `number` is durable; what others finished meanwhile is, too. Errors: EIO (then the
    /// volume takes no more changes).
    pub fn commit_until(&self, number: u32) -> Result<(), Error> {
        let Some(writer) = self.writer() else { return Ok(()) };
        let mut log = writer.log.lock();
        let left = number.wrapping_sub(writer.durable.load(Ordering::Acquire)) as i32;
        if left <= 0 {
            return Ok(());
        }
        if writer.is_stopped() {
            return Err(Error::Refused(Errno::EIO));
        }
        let sealed = self.seal(writer).and_then(|sealed| {
            log.commit(self, &sealed, writer.now())?;
            Ok(sealed)
        });
        let sealed = sealed.inspect_err(|error| {
            writer.stop();
            writer.note(&alloc::format!("ext2fs: a commit failed, nothing more is written: {error}"));
        })?;
        let mut running = writer.running.lock();
        for extent in &sealed.freed {
            running.space.give_back(extent.start.0, extent.len);
        }
        drop(running);
        writer.durable.store(sealed.number, Ordering::Release);
        Ok(())
    }

    /// Ends the running transaction and begins the next. Errors: EFTYPE, EIO.
    fn seal(&self, writer: &Writer) -> Result<Sealed, Error> {
        let mut handle = Handle::new(self, writer, writer.running.lock());
        orphan::list(&mut handle)?;
        handle.store_times()?;
        Ok(handle.seal())
    }

    /// Makes every finished operation durable. Errors: EIO.
    pub fn commit(&self) -> Result<(), Error> {
        let Some(writer) = self.writer() else { return Ok(()) };
        let running = writer.running.lock();
        // What is empty has nothing to wait for but the commit before it.
        let number = if running.is_empty() { running.number.wrapping_sub(1) } else { running.number };
        drop(running);
        self.commit_until(number)
    }

    /// Makes every finished operation durable and brings it home, so that the journal is empty. Errors: EIO.
    pub fn settle(&self) -> Result<(), Error> {
        let Some(writer) = self.writer() else { return Ok(()) };
        self.commit()?;
        if writer.is_stopped() {
            return Err(Error::Refused(Errno::EIO));
        }
        writer.log.lock().write_home(self)
    }

    /// As [`settle`](Self::settle), for content that went through the journal, whose readers look at the device next.
    /// Errors: EIO (then the volume takes no more changes, and they look at the cache first).
    pub fn settle_content(&self) -> Result<(), Error> {
        let result = self.settle();
        if let (Err(error), Some(writer)) = (&result, self.writer().filter(|writer| !writer.is_stopped())) {
            writer.stop();
            writer.note(&alloc::format!(
                "ext2fs: content stays in the journal, nothing more is written: {error}"
            ));
        }
        result
    }

    /// As [`settle`](Self::settle), and the journal says that there is nothing to recover. Errors: EIO.
    pub fn settle_and_close(&self) -> Result<(), Error> {
        self.settle()?;
        self.writer().map_or(Ok(()), |writer| writer.log.lock().close(self))
    }
}
