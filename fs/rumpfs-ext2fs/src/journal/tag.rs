//! The tags of a descriptor block: which data block of the log belongs where.
//!
//! Reference: Documentation/filesystems/ext4/journal.rst, "Descriptor Block" and "Revocation Block".

use super::superblock::{Checksums, JournalSuperblock};
use super::{HEADER_LEN, be32, be64};
use rump_checksum::crc32c;

const FLAG_ESCAPED: u32 = 0x1;
const FLAG_SAME_UUID: u32 = 0x2;
const FLAG_LAST: u32 = 0x8;
const UUID_LEN: usize = 16;
const TAIL_LEN: usize = 4;

/// One data block's destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Where the block belongs on the volume.
    pub(super) disk_block: u64,
    /// Whether the block's first word was the journal's magic, and was cleared in the log.
    pub(super) escaped: bool,
    /// The checksum, as wide as the version makes it.
    checksum: u32,
}

impl Tag {
    /// Whether `data`, as it lies in the log, is what the tag was written for.
    pub(super) fn matches(&self, superblock: &JournalSuperblock, sequence: u32, data: &[u8]) -> bool {
        let seed = crc32c(superblock.checksum_seed, &sequence.to_be_bytes());
        match superblock.checksums {
            Checksums::V3 => crc32c(seed, data) == self.checksum,
            Checksums::V2 => crc32c(seed, data) & 0xffff == self.checksum,
            Checksums::V1 | Checksums::None => true,
        }
    }
}

/// The tags of one descriptor block, in the order of their data blocks.
pub(super) struct Tags<'a> {
    block: &'a [u8],
    offset: usize,
    checksums: Checksums,
    wide: bool,
    done: bool,
}

impl<'a> Tags<'a> {
    /// The tags of `block`, a whole descriptor block.
    pub(super) fn new(superblock: &JournalSuperblock, block: &'a [u8]) -> Self {
        let usable = block.len().saturating_sub(tail_len(superblock));
        Self {
            block: block.get(..usable).unwrap_or_default(),
            offset: HEADER_LEN,
            checksums: superblock.checksums,
            wide: superblock.wide,
            done: false,
        }
    }

    /// Length of a tag without its UUID.
    fn tag_len(&self) -> usize {
        match (self.checksums, self.wide) {
            (Checksums::V3, _) => 16,
            (Checksums::V2, true) => 14,
            (Checksums::V2, false) => 10,
            (_, true) => 12,
            (_, false) => 8,
        }
    }
}

impl Iterator for Tags<'_> {
    type Item = Tag;

    fn next(&mut self) -> Option<Tag> {
        if self.done {
            return None;
        }
        let end = self.offset.checked_add(self.tag_len())?;
        let tag = self.block.get(self.offset..end)?;
        let low = be32(tag, 0)?;
        let word = be32(tag, 4)?;
        let (flags, checksum) = match self.checksums {
            Checksums::V3 => (word, be32(tag, 12)?),
            _ => (word & 0xffff, word >> 16),
        };
        let high = if self.wide { be32(tag, 8)? } else { 0 };
        self.offset = if flags & FLAG_SAME_UUID == 0 { end.checked_add(UUID_LEN)? } else { end };
        self.done = flags & FLAG_LAST != 0;
        let disk_block = u64::from(high) << 32 | u64::from(low);
        Some(Tag { disk_block, escaped: flags & FLAG_ESCAPED != 0, checksum })
    }
}

/// The blocks that a revoke block names, or `None` if its length makes no sense.
pub(super) fn revoked<'a>(
    superblock: &JournalSuperblock,
    block: &'a [u8],
) -> Option<impl Iterator<Item = u64> + use<'a>> {
    let records_start = HEADER_LEN + 4;
    let used = be32(block, HEADER_LEN)? as usize;
    if used > block.len().saturating_sub(tail_len(superblock)) {
        return None;
    }
    let width = if superblock.wide { 8 } else { 4 };
    let records = block.get(records_start..used)?;
    Some(
        records.chunks_exact(width).filter_map(move |record| {
            if width == 8 { be64(record, 0) } else { be32(record, 0).map(u64::from) }
        }),
    )
}

/// Whether the checksum at the end of a descriptor or revoke block holds.
pub(super) fn tail_is_sound(superblock: &JournalSuperblock, block: &[u8]) -> bool {
    if !superblock.checksums.per_block() {
        return true;
    }
    let Some((body, tail)) = block.split_last_chunk::<TAIL_LEN>() else { return false };
    let sum = crc32c(crc32c(superblock.checksum_seed, body), &[0; TAIL_LEN]);
    sum == u32::from_be_bytes(*tail)
}

fn tail_len(superblock: &JournalSuperblock) -> usize {
    if superblock.checksums.per_block() { TAIL_LEN } else { 0 }
}
