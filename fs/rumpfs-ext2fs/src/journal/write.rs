//! Writing the journal: transactions, and the superblock that says where the log begins.
//!
//! Reference: Documentation/filesystems/ext4/journal.rst ("Descriptor Block", "Revocation Block", "Commit Block").
//!
//! Order: descriptor, data and revocation blocks, with all content of files that was written before; a flush; the
//! commit block; a flush. The log's superblock moves on only when every block is at home and flushed, and the room
//! that this frees is used only when the superblock is flushed.

use super::superblock::{JournalSuperblock, seal, store_features};
use super::{HEADER_LEN, Log, MAGIC, ReplayConfig};
use crate::error::Error;
use crate::features::{Features, Incompat};
use crate::transaction::Sealed;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use rump_checksum::crc32c;
use rump_kpi::{BlockDevice, TimeSpec};

const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOKE: u32 = 5;
const FLAG_ESCAPED: u32 = 1;
const FLAG_SAME_UUID: u32 = 2;
const FLAG_LAST: u32 = 8;
const UUID_LEN: usize = 16;
const TAIL_LEN: usize = 4;
/// Bytes that go to the device in one piece.
const PIECE_BYTES: usize = 1 << 20;

/// A run of the log on the device.
#[derive(Clone, Copy)]
struct Run {
    log: u32,
    disk: u64,
    len: u32,
}

/// A journal that is written to.
pub struct Journal {
    runs: Vec<Run>,
    area: Range<u32>,
    block_size: usize,
    /// Block 0 of the log, as it is on the device.
    superblock: Vec<u8>,
    seed: u32,
    sums: bool,
    wide: bool,
    /// Where the next transaction goes.
    head: u32,
    /// Blocks between the begin of the log and `head`.
    used: u32,
    /// Whether the superblock says where the log begins: else it says that it is empty.
    begun: bool,
    /// The number of the next transaction.
    next: u32,
}

impl Journal {
    /// Takes over a log in which nothing is left to replay; `next` is the number of the next transaction. The
    /// superblock of the log gets the features that `volume` asks for, is written and flushed. Errors: EFTYPE (damaged), EIO.
    pub fn open(
        device: &dyn BlockDevice,
        log: &dyn Log,
        config: &ReplayConfig,
        next: u32,
        volume: &Features,
    ) -> Result<Self, Error> {
        let (wide, sums) =
            (volume.incompat.contains(Incompat::SIXTY_FOUR_BIT), volume.has_metadata_checksums());
        let found = JournalSuperblock::read(log, config)?;
        let block_size = log.block_size() as usize;
        let mut superblock = vec![0; block_size];
        log.read(0, &mut superblock)?;
        store_features(&mut superblock, wide, sums);
        let mut journal = Self {
            runs: runs(log, found.area.end)?,
            seed: crc32c(!0, superblock.get(0x30..0x40).unwrap_or_default()),
            head: found.area.start,
            area: found.area,
            block_size,
            superblock,
            sums,
            wide,
            used: 0,
            begun: false,
            next,
        };
        journal.close(device)?;
        Ok(journal)
    }

    /// The number of the next transaction.
    pub fn next(&self) -> u32 {
        self.next
    }

    /// Blocks that one transaction may change.
    pub fn most_blocks(&self) -> usize {
        (self.area.len() / 3).saturating_sub(16)
    }

    /// Whether a transaction fits behind those that are in the log.
    pub fn has_room(&self, sealed: &Sealed) -> bool {
        self.blocks_for(sealed) < self.area.len() - self.used as usize
    }

    fn blocks_for(&self, sealed: &Sealed) -> usize {
        let descriptors = sealed.blocks.len().div_ceil(self.tags_per_block());
        let revocations = sealed.revoked.len().div_ceil(self.records_per_block());
        sealed.blocks.len() + descriptors + revocations + 1
    }

    fn tag_len(&self) -> usize {
        match (self.sums, self.wide) {
            (true, _) => 16,
            (false, true) => 12,
            (false, false) => 8,
        }
    }

    fn tail_len(&self) -> usize {
        if self.sums { TAIL_LEN } else { 0 }
    }

    fn tags_per_block(&self) -> usize {
        (self.block_size - HEADER_LEN - UUID_LEN - self.tail_len()) / self.tag_len()
    }

    fn records_per_block(&self) -> usize {
        (self.block_size - HEADER_LEN - 4 - self.tail_len()) / if self.wide { 8 } else { 4 }
    }

    /// Writes a transaction and returns once it is durable. Errors: EIO; the log may then end with half of it,
    /// which recovery ignores.
    pub fn write(&mut self, device: &dyn BlockDevice, sealed: &Sealed, now: TimeSpec) -> Result<(), Error> {
        if !self.begun {
            self.store_superblock(device, self.head)?;
            self.begun = true;
        }
        let mut writer =
            LogWriter { device, journal: self, position: self.head, piece: Vec::new(), at: self.head };
        for part in sealed.blocks.chunks(self.tags_per_block()) {
            writer.push(&self.descriptor(sealed.number, part))?;
            for (_, _, bytes) in part {
                if is_escaped(bytes) {
                    writer.push(&escape(bytes))?;
                } else {
                    writer.push(bytes)?;
                }
            }
        }
        for part in sealed.revoked.chunks(self.records_per_block()) {
            writer.push(&self.revocation(sealed.number, part))?;
        }
        writer.flush_piece()?;
        device.flush()?;
        writer.push(&self.commit_block(sealed.number, now))?;
        writer.flush_piece()?;
        device.flush()?;
        self.head = writer.position;
        self.used += self.blocks_for(sealed) as u32;
        self.next = sealed.number.wrapping_add(1);
        Ok(())
    }

    /// Says that the log begins behind what it holds: all of that is at home. Errors: EIO.
    pub fn empty(&mut self, device: &dyn BlockDevice) -> Result<(), Error> {
        self.store_superblock(device, self.head)?;
        device.flush()?;
        self.used = 0;
        self.begun = true;
        Ok(())
    }

    /// Says that there is nothing to recover. Errors: EIO.
    pub fn close(&mut self, device: &dyn BlockDevice) -> Result<(), Error> {
        self.store_superblock(device, 0)?;
        device.flush()?;
        (self.used, self.begun) = (0, false);
        Ok(())
    }

    fn store_superblock(&mut self, device: &dyn BlockDevice, start: u32) -> Result<(), Error> {
        self.superblock[0x18..0x1c].copy_from_slice(&self.next.to_be_bytes());
        self.superblock[0x1c..0x20].copy_from_slice(&start.to_be_bytes());
        if self.sums {
            seal(&mut self.superblock);
        }
        Ok(device.write_at(self.disk_block(0) * self.block_size as u64, &self.superblock)?)
    }

    /// The block of the device where a block of the log is.
    fn disk_block(&self, log_block: u32) -> u64 {
        let index = self.runs.partition_point(|run| run.log + run.len <= log_block);
        self.runs.get(index).map_or(0, |run| run.disk + u64::from(log_block - run.log))
    }

    fn header(&self, kind: u32, number: u32) -> Vec<u8> {
        let mut block = vec![0; self.block_size];
        for (at, word) in [(0, MAGIC), (4, kind), (8, number)] {
            block[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        block
    }

    fn descriptor(&self, number: u32, part: &[SealedBlock]) -> Vec<u8> {
        let mut block = self.header(DESCRIPTOR, number);
        let seed = crc32c(self.seed, &number.to_be_bytes());
        let mut at = HEADER_LEN;
        for (index, (home, _, bytes)) in part.iter().enumerate() {
            let mut flags = if index == 0 { 0 } else { FLAG_SAME_UUID };
            if index + 1 == part.len() {
                flags |= FLAG_LAST;
            }
            let mut sum = 0;
            if is_escaped(bytes) {
                flags |= FLAG_ESCAPED;
                sum = if self.sums { crc32c(seed, &escape(bytes)) } else { 0 };
            } else if self.sums {
                sum = crc32c(seed, bytes);
            }
            let words = [*home as u32, flags, (*home >> 32) as u32, sum];
            for (index, word) in words.iter().take(self.tag_len() / 4).enumerate() {
                block[at + index * 4..at + index * 4 + 4].copy_from_slice(&word.to_be_bytes());
            }
            at += self.tag_len();
            if index == 0 {
                at += UUID_LEN;
            }
        }
        self.put_tail(&mut block);
        block
    }

    fn revocation(&self, number: u32, part: &[u64]) -> Vec<u8> {
        let mut block = self.header(REVOKE, number);
        let mut at = HEADER_LEN + 4;
        for home in part {
            if self.wide {
                block[at..at + 8].copy_from_slice(&home.to_be_bytes());
                at += 8;
            } else {
                block[at..at + 4].copy_from_slice(&(*home as u32).to_be_bytes());
                at += 4;
            }
        }
        block[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&(at as u32).to_be_bytes());
        self.put_tail(&mut block);
        block
    }

    fn put_tail(&self, block: &mut [u8]) {
        if self.sums {
            let sum = crc32c(self.seed, block);
            if let Some(tail) = block.last_chunk_mut::<TAIL_LEN>() {
                *tail = sum.to_be_bytes();
            }
        }
    }

    fn commit_block(&self, number: u32, now: TimeSpec) -> Vec<u8> {
        let mut block = self.header(COMMIT, number);
        block[0x30..0x38].copy_from_slice(&now.sec.to_be_bytes());
        block[0x38..0x3c].copy_from_slice(&now.nsec.to_be_bytes());
        if self.sums {
            let sum = crc32c(self.seed, &block);
            block[0x10..0x14].copy_from_slice(&sum.to_be_bytes());
        }
        block
    }
}

type SealedBlock = (u64, crate::transaction::Kind, alloc::sync::Arc<[u8]>);

/// Whether the first word looks like that of an administrative block.
fn is_escaped(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC.to_be_bytes())
}

fn escape(bytes: &[u8]) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    copy[..4].fill(0);
    copy
}

fn runs(log: &dyn Log, end: u32) -> Result<Vec<Run>, Error> {
    let mut runs: Vec<Run> = Vec::new();
    for block in 0..end {
        let disk = log.disk_block(block)?;
        match runs.last_mut() {
            Some(last) if last.disk + u64::from(last.len) == disk => last.len += 1,
            _ => runs.push(Run { log: block, disk, len: 1 }),
        }
    }
    Ok(runs)
}

/// Gathers consecutive blocks of the log.
struct LogWriter<'a> {
    device: &'a dyn BlockDevice,
    journal: &'a Journal,
    /// Where the next block goes.
    position: u32,
    piece: Vec<u8>,
    /// Where the piece begins.
    at: u32,
}

impl LogWriter<'_> {
    fn push(&mut self, block: &[u8]) -> Result<(), Error> {
        self.piece.extend_from_slice(block);
        let here = self.journal.disk_block(self.position);
        self.position += 1;
        let wraps = self.position == self.journal.area.end;
        if wraps {
            self.position = self.journal.area.start;
        }
        if wraps || self.piece.len() >= PIECE_BYTES || self.journal.disk_block(self.position) != here + 1 {
            self.flush_piece()?;
        }
        Ok(())
    }

    fn flush_piece(&mut self) -> Result<(), Error> {
        if !self.piece.is_empty() {
            let offset = self.journal.disk_block(self.at) * self.journal.block_size as u64;
            self.device.write_at(offset, &self.piece)?;
            self.piece.clear();
        }
        self.at = self.position;
        Ok(())
    }
}
