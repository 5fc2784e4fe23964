//! The journal's superblock, versions 1 and 2.
//!
//! Reference: Documentation/filesystems/ext4/journal.rst, "Super Block". All numbers are big-endian.

use super::{HEADER_LEN, Log, MAGIC, ReplayConfig, be32, corrupt};
use crate::error::Error;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use rump_checksum::crc32c;

const VERSION_1: u32 = 3;
const VERSION_2: u32 = 4;
const CHECKSUM_TYPE_CRC32C: u8 = 4;
/// Length of the superblock's structure, which its checksum covers.
const SUPERBLOCK_LEN: usize = 1024;
const CHECKSUM_OFFSET: usize = 0xfc;
const USERS_OFFSET: usize = 0x100;
/// Most volumes that one journal lists.
const MAX_USERS: u32 = 48;
/// Length of the fast-commit area where the superblock gives none.
const DEFAULT_FAST_COMMIT_BLOCKS: u32 = 256;
/// A log shorter than this gives nothing to the fast-commit area.
const MIN_LOG_BLOCKS: u32 = 1024;

const COMPAT_CHECKSUM: u32 = 0x1;
const INCOMPAT_REVOKE: u32 = 0x1;
const INCOMPAT_64BIT: u32 = 0x2;
const INCOMPAT_ASYNC_COMMIT: u32 = 0x4;
const INCOMPAT_CSUM_V2: u32 = 0x8;
const INCOMPAT_CSUM_V3: u32 = 0x10;
const INCOMPAT_FAST_COMMIT: u32 = 0x20;
const INCOMPAT_KNOWN: u32 = INCOMPAT_REVOKE
    | INCOMPAT_64BIT
    | INCOMPAT_ASYNC_COMMIT
    | INCOMPAT_CSUM_V2
    | INCOMPAT_CSUM_V3
    | INCOMPAT_FAST_COMMIT;

/// How the log's blocks are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checksums {
    /// Not at all.
    None,
    /// One sum over descriptors and data, in the commit block.
    V1,
    /// A sum in every administrative block and half a sum in every tag.
    V2,
    /// A sum in every administrative block and in every tag.
    V3,
}

impl Checksums {
    /// Whether administrative blocks carry a sum of their own.
    pub(super) fn per_block(self) -> bool {
        matches!(self, Self::V2 | Self::V3)
    }
}

/// What replay needs of the superblock, checked.
#[derive(Debug)]
pub(super) struct JournalSuperblock {
    /// Blocks that the circular log uses; not empty.
    pub(super) area: Range<u32>,
    /// Where the first transaction starts; 0 if the log is clean, else within `area`.
    pub(super) start: u32,
    /// The sequence number of the first transaction.
    pub(super) sequence: u32,
    /// An error number that the last user recorded, or 0.
    pub(super) error: u32,
    /// How blocks are checked.
    pub(super) checksums: Checksums,
    /// Seed of the log's own CRC-32C sums.
    pub(super) checksum_seed: u32,
    /// Whether block numbers have 64 bits.
    pub(super) wide: bool,
    /// Whether a commit block may reach the log before the blocks that it commits.
    pub(super) async_commit: bool,
    /// Blocks of the fast-commit area.
    pub(super) fast_commit_area: Option<Range<u32>>,
}

impl JournalSuperblock {
    /// Reads and checks block 0 of the log.
    pub(super) fn read(log: &dyn Log, config: &ReplayConfig) -> Result<Self, Error> {
        let block_size = log.block_size() as usize;
        if block_size < SUPERBLOCK_LEN {
            return Err(corrupt(log, 0, 0, "blocks too small for a superblock"));
        }
        let mut block = vec![0; block_size];
        log.read(0, &mut block)?;
        let field = |offset| be32(&block, offset).unwrap_or_default();
        if field(0) != MAGIC {
            return Err(corrupt(log, 0, 0, format!("magic {:#x}", field(0))));
        }
        let version_2 = match field(4) {
            VERSION_1 => false,
            VERSION_2 => true,
            other => return Err(corrupt(log, 0, 4, format!("block type {other}"))),
        };
        if field(HEADER_LEN) as usize != block_size {
            return Err(corrupt(log, 0, 12, format!("block size {}", field(HEADER_LEN))));
        }
        let features = if version_2 { Features::parse(log, &block)? } else { Features::default() };
        if version_2 {
            check_users(log, &block, config)?;
        }
        let (area, fast_commit_area) = areas(log, &block, &features)?;
        let start = field(0x1c);
        if start != 0 && !area.contains(&start) {
            return Err(corrupt(log, 0, 0x1c, format!("log starts at {start}, outside of {area:?}")));
        }
        Ok(Self {
            area,
            start,
            sequence: field(0x18),
            error: field(0x20),
            checksums: features.checksums()?,
            checksum_seed: crc32c(!0, block.get(0x30..0x40).unwrap_or_default()),
            wide: features.incompat & INCOMPAT_64BIT != 0,
            async_commit: features.incompat & INCOMPAT_ASYNC_COMMIT != 0,
            fast_commit_area,
        })
    }
}

#[derive(Default)]
struct Features {
    compat: u32,
    incompat: u32,
}

impl Features {
    fn parse(log: &dyn Log, block: &[u8]) -> Result<Self, Error> {
        let field = |offset| be32(block, offset).unwrap_or_default();
        let (compat, incompat, ro_compat) = (field(0x24), field(0x28), field(0x2c));
        let unknown = incompat & !INCOMPAT_KNOWN;
        if unknown != 0 {
            return Err(Error::unsupported(format!("journal with incompatible features {unknown:#x}")));
        }
        if ro_compat != 0 {
            let what = format!("journal with read-only compatible features {ro_compat:#x}");
            return Err(Error::unsupported(what));
        }
        let features = Self { compat, incompat };
        if features.checksums()?.per_block() {
            check_sum(log, block)?;
        }
        Ok(features)
    }

    fn checksums(&self) -> Result<Checksums, Error> {
        let v2 = self.incompat & INCOMPAT_CSUM_V2 != 0;
        let v3 = self.incompat & INCOMPAT_CSUM_V3 != 0;
        match (v2, v3) {
            (true, true) => Err(Error::unsupported("journal with checksums of versions 2 and 3 at once")),
            (true, false) => Ok(Checksums::V2),
            (false, true) => Ok(Checksums::V3),
            (false, false) if self.compat & COMPAT_CHECKSUM != 0 => Ok(Checksums::V1),
            (false, false) => Ok(Checksums::None),
        }
    }
}

/// Block 0 of an empty log within a volume. It has no features; whoever writes to the log first sets them.
pub fn emit_superblock(block_size: usize, blocks: u32, fast_commit_blocks: u32, uuid: &[u8; 16]) -> Vec<u8> {
    let mut block = vec![0; block_size];
    let fields = [
        (0, MAGIC),
        (4, VERSION_2),
        (HEADER_LEN, block_size as u32),
        (0x10, blocks),
        (0x14, 1),
        (0x18, 1),
        (0x40, 1),
        (0x54, fast_commit_blocks),
    ];
    for (at, value) in fields {
        block[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    block[0x30..0x40].copy_from_slice(uuid);
    block
}

/// Sets the features that a log has which is written by this driver: revocations, wide numbers and sums as the
/// volume has them, and no commit that may come before its blocks. What sets fast commits aside stays.
pub(super) fn store_features(block: &mut [u8], wide: bool, sums: bool) {
    let version_2 = be32(block, 4) == Some(VERSION_2);
    let mut incompat = INCOMPAT_REVOKE;
    if version_2 {
        incompat |= be32(block, 0x28).unwrap_or_default() & INCOMPAT_FAST_COMMIT;
    }
    if wide {
        incompat |= INCOMPAT_64BIT;
    }
    if sums {
        incompat |= INCOMPAT_CSUM_V3;
        block[0x50] = CHECKSUM_TYPE_CRC32C;
    }
    if !version_2 {
        // Version 1 ends before these fields.
        block[0x24..0x50].fill(0);
        block[0x40..0x44].copy_from_slice(&1u32.to_be_bytes());
    }
    block[4..8].copy_from_slice(&VERSION_2.to_be_bytes());
    let compat = be32(block, 0x24).unwrap_or_default() & !COMPAT_CHECKSUM;
    block[0x24..0x28].copy_from_slice(&compat.to_be_bytes());
    block[0x28..0x2c].copy_from_slice(&incompat.to_be_bytes());
}

/// Makes the checksum of the superblock anew.
pub(super) fn seal(block: &mut [u8]) {
    let sum = sum_of(block);
    block[CHECKSUM_OFFSET..CHECKSUM_OFFSET + 4].copy_from_slice(&sum.to_be_bytes());
}

fn sum_of(block: &[u8]) -> u32 {
    let mut sum = crc32c(!0, block.get(..CHECKSUM_OFFSET).unwrap_or_default());
    sum = crc32c(sum, &[0; 4]);
    crc32c(sum, block.get(CHECKSUM_OFFSET + 4..SUPERBLOCK_LEN).unwrap_or_default())
}

fn check_sum(log: &dyn Log, block: &[u8]) -> Result<(), Error> {
    let kind = block.get(0x50).copied().unwrap_or_default();
    if kind != CHECKSUM_TYPE_CRC32C {
        return Err(Error::unsupported(format!("journal with checksum type {kind}")));
    }
    let stored = be32(block, CHECKSUM_OFFSET).unwrap_or_default();
    let sum = sum_of(block);
    if sum != stored {
        let why = format!("superblock checksum {stored:#x}, computed {sum:#x}");
        return Err(corrupt(log, 0, CHECKSUM_OFFSET as u64, why));
    }
    Ok(())
}

/// Refuses a journal device that belongs to other volumes only.
///
/// A journal inside a volume leaves its list of users empty or filled with zeros.
fn check_users(log: &dyn Log, block: &[u8], config: &ReplayConfig) -> Result<(), Error> {
    let count = be32(block, 0x40).unwrap_or_default().min(MAX_USERS) as usize;
    let table = block.get(USERS_OFFSET..SUPERBLOCK_LEN).unwrap_or_default();
    let mut listed = table.chunks_exact(16).take(count).filter(|user| user.iter().any(|&byte| byte != 0));
    let Some(first) = listed.next() else { return Ok(()) };
    if first == config.uuid || listed.any(|user| user == config.uuid) {
        return Ok(());
    }
    Err(corrupt(log, 0, USERS_OFFSET as u64, "the journal belongs to another volume"))
}

/// The circular log and the fast-commit area behind it.
fn areas(
    log: &dyn Log,
    block: &[u8],
    features: &Features,
) -> Result<(Range<u32>, Option<Range<u32>>), Error> {
    let field = |offset| be32(block, offset).unwrap_or_default();
    let (length, first) = (field(0x10), field(0x14));
    if length > log.block_count() {
        let why = format!("{length} blocks in a log of {}", log.block_count());
        return Err(corrupt(log, 0, 0x10, why));
    }
    if first == 0 || first >= length {
        return Err(corrupt(log, 0, 0x14, format!("first block {first} of {length}")));
    }
    if features.incompat & INCOMPAT_FAST_COMMIT == 0 {
        return Ok((first..length, None));
    }
    let wanted = match field(0x54) {
        0 => DEFAULT_FAST_COMMIT_BLOCKS,
        blocks => blocks,
    };
    match length.checked_sub(wanted) {
        // The block between the two areas stays unused.
        Some(end) if end >= MIN_LOG_BLOCKS && end > first => {
            Ok((first..end, Some(end.saturating_add(1)..length)))
        }
        _ => Ok((first..length, None)),
    }
}
