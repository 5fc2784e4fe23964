//! The walk along the circular log.
//!
//! Reference: Documentation/filesystems/ext4/journal.rst, "Layout", "Commit Block".
//!
//! Recovery is defined as three passes: find the last commit, collect the revocations, write the
//! blocks that no later or same transaction revokes. Transactions follow one another in the log, so
//! one walk does the same: when a transaction turns out to be committed, its blocks replace older
//! copies and then its revocations remove what they name. Only the copies that survive are read.

use super::superblock::{Checksums, JournalSuperblock};
use super::tag::{Tag, Tags, revoked, tail_is_sound};
use super::{HEADER_LEN, Log, MAGIC, Overlay, ReplayConfig, be32, be64};
use crate::error::Error;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use rump_checksum::{crc32_be, crc32c};

const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const REVOKE: u32 = 5;

const COMMIT_SUM: usize = 0x10;
const COMMIT_TIME: usize = 0x30;
const COMMIT_CRC32: u8 = 1;
const COMMIT_CRC32_LEN: u8 = 4;

/// Where in the log a block's newest copy lies.
#[derive(Clone, Copy)]
struct Copy {
    log_block: u32,
    escaped: bool,
}

/// A transaction that has no commit block yet.
struct Pending {
    writes: Vec<(u64, Copy)>,
    /// Log blocks that hold revocations.
    revokes: Vec<u32>,
    /// The running sum of checksum version 1.
    sum: u32,
    /// What is wrong with the transaction, if anything.
    damage: Option<String>,
}

impl Pending {
    fn new() -> Self {
        Self { writes: Vec::new(), revokes: Vec::new(), sum: !0, damage: None }
    }
}

/// Whether the walk goes on.
#[derive(PartialEq, Eq)]
enum Step {
    Next,
    End,
}

/// Lays the committed blocks into `overlay`; returns the sequence of the first missing transaction.
pub(super) fn run(
    log: &dyn Log,
    config: &ReplayConfig,
    superblock: &JournalSuperblock,
    overlay: &mut Overlay,
) -> Result<u32, Error> {
    let block_size = log.block_size() as usize;
    let mut walk = Walk {
        log,
        config,
        superblock,
        position: superblock.start,
        left: superblock.area.end - superblock.area.start,
        sequence: superblock.sequence,
        last_commit_time: 0,
        pending: Pending::new(),
        copies: BTreeMap::new(),
        data: vec![0; block_size],
    };
    let mut block = vec![0; block_size];
    while let Some(position) = walk.advance() {
        log.read(position, &mut block)?;
        if walk.administrative_block(position, &block, overlay)? == Step::End {
            break;
        }
    }
    for (&disk_block, copy) in &walk.copies {
        log.read(copy.log_block, &mut block)?;
        if copy.escaped {
            block[..4].copy_from_slice(&MAGIC.to_be_bytes());
        }
        overlay.insert_block(disk_block, block.as_slice().into());
    }
    Ok(walk.sequence)
}

struct Walk<'a> {
    log: &'a dyn Log,
    config: &'a ReplayConfig,
    superblock: &'a JournalSuperblock,
    position: u32,
    /// Blocks until the walk has gone round once.
    left: u32,
    sequence: u32,
    last_commit_time: u64,
    pending: Pending,
    copies: BTreeMap<u64, Copy>,
    data: Vec<u8>,
}

impl Walk<'_> {
    /// Takes the next block of the log, or `None` once round.
    fn advance(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let position = self.position;
        let next = position + 1;
        self.position = if next < self.superblock.area.end { next } else { self.superblock.area.start };
        Some(position)
    }

    fn administrative_block(
        &mut self,
        position: u32,
        block: &[u8],
        overlay: &mut Overlay,
    ) -> Result<Step, Error> {
        if be32(block, 0) != Some(MAGIC) || be32(block, 8) != Some(self.sequence) {
            return Ok(Step::End);
        }
        match be32(block, 4) {
            Some(DESCRIPTOR) => self.descriptor(position, block),
            Some(REVOKE) => {
                self.revoke(position, block);
                Ok(Step::Next)
            }
            Some(COMMIT) => self.commit(position, block, overlay),
            _ => Ok(Step::End),
        }
    }

    fn descriptor(&mut self, position: u32, block: &[u8]) -> Result<Step, Error> {
        if !tail_is_sound(self.superblock, block) {
            self.blame(format!("bad checksum of the descriptor in log block {position}"));
        }
        if self.superblock.checksums == Checksums::V1 {
            self.pending.sum = crc32_be(self.pending.sum, block);
        }
        for tag in Tags::new(self.superblock, block) {
            let Some(log_block) = self.advance() else { return Ok(Step::End) };
            self.data_block(log_block, tag)?;
        }
        Ok(Step::Next)
    }

    fn data_block(&mut self, log_block: u32, tag: Tag) -> Result<(), Error> {
        if self.superblock.checksums != Checksums::None {
            self.log.read(log_block, &mut self.data)?;
            if self.superblock.checksums == Checksums::V1 {
                self.pending.sum = crc32_be(self.pending.sum, &self.data);
            }
            if !tag.matches(self.superblock, self.sequence, &self.data) {
                self.blame(format!("bad checksum of the data in log block {log_block}"));
            }
        }
        if tag.disk_block >= self.config.volume_blocks {
            self.blame(format!("block {} lies outside of the volume", tag.disk_block));
        }
        self.pending.writes.push((tag.disk_block, Copy { log_block, escaped: tag.escaped }));
        Ok(())
    }

    fn revoke(&mut self, position: u32, block: &[u8]) {
        if !tail_is_sound(self.superblock, block) {
            self.blame(format!("bad checksum of the revocations in log block {position}"));
        } else if revoked(self.superblock, block).is_none() {
            self.blame(format!("bad length of the revocations in log block {position}"));
        }
        self.pending.revokes.push(position);
    }

    fn commit(&mut self, position: u32, block: &[u8], overlay: &mut Overlay) -> Result<Step, Error> {
        let commit_time = be64(block, COMMIT_TIME).unwrap_or_default();
        if !self.commit_is_sound(block) {
            self.blame(format!("bad checksum at the commit in log block {position}"));
        }
        if let Some(damage) = self.pending.damage.take() {
            // An older commit is left over from an earlier round; with asynchronous commits a
            // crash leaves such a transaction in the ordinary course of events.
            if commit_time >= self.last_commit_time && !self.superblock.async_commit {
                overlay.note(format!("journal: replay ends before transaction {}: {damage}", self.sequence));
            }
            return Ok(Step::End);
        }
        let pending = core::mem::replace(&mut self.pending, Pending::new());
        self.copies.extend(pending.writes);
        for revoke_block in pending.revokes {
            self.log.read(revoke_block, &mut self.data)?;
            for disk_block in revoked(self.superblock, &self.data).into_iter().flatten() {
                self.copies.remove(&disk_block);
            }
        }
        self.last_commit_time = commit_time;
        self.sequence = self.sequence.wrapping_add(1);
        Ok(Step::Next)
    }

    fn commit_is_sound(&self, block: &[u8]) -> bool {
        let stored = be32(block, COMMIT_SUM).unwrap_or_default();
        let kind = (block.get(HEADER_LEN).copied(), block.get(HEADER_LEN + 1).copied());
        match self.superblock.checksums {
            Checksums::None => true,
            Checksums::V1 => {
                let summed = kind == (Some(COMMIT_CRC32), Some(COMMIT_CRC32_LEN));
                let unused = kind == (Some(0), Some(0)) && stored == 0;
                unused || (summed && stored == self.pending.sum)
            }
            Checksums::V2 | Checksums::V3 => {
                let head = block.get(..COMMIT_SUM).unwrap_or_default();
                let tail = block.get(COMMIT_SUM + 4..).unwrap_or_default();
                let sum = crc32c(crc32c(self.superblock.checksum_seed, head), &[0; 4]);
                crc32c(sum, tail) == stored
            }
        }
    }

    /// Remembers the first thing that is wrong with the transaction.
    fn blame(&mut self, damage: String) {
        self.pending.damage.get_or_insert(damage);
    }
}
