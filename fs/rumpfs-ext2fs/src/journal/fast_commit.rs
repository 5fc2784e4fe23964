//! Fast commits: small logical records behind the last full commit.
//!
//! Reference: Documentation/filesystems/ext4/journal.rst, "Fast commits". All numbers are
//! little-endian. Records are a tag, a length and a value; a tail record closes each fast commit
//! with its transaction and a checksum over the records since the tail before.
//!
//! Invariant: only records that a sound tail closes reach the overlay.

use super::{DentryChange, ExtentChange, Log, Overlay, ReplayConfig};
use crate::error::Error;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use rump_checksum::crc32c;

const ADD_RANGE: u16 = 1;
const DEL_RANGE: u16 = 2;
const CREAT: u16 = 3;
const LINK: u16 = 4;
const UNLINK: u16 = 5;
const INODE: u16 = 6;
const PAD: u16 = 7;
const TAIL: u16 = 8;
const HEAD: u16 = 9;

const RECORD_HEADER_LEN: usize = 4;
const DENTRY_HEADER_LEN: usize = 8;
const MAX_NAME_LEN: usize = 255;
const MIN_INODE_LEN: usize = 128;
/// Longest written extent; a longer length marks an unwritten one.
const MAX_WRITTEN_LEN: u32 = 32768;

/// A record's meaning, checked.
#[derive(Debug)]
enum Change {
    Extent { ino: u32, change: ExtentChange },
    Dentry { dir: u32, change: DentryChange, created: Option<u32> },
    Inode { ino: u32, raw: Vec<u8> },
}

/// What to do after a record.
enum Step {
    Next,
    /// The rest of this area belongs to no fast commit of this transaction.
    End,
}

/// Adds the fast commits of transaction `sequence` in `area` to the overlay.
///
/// Fails if the area cannot be read or its records need features that this driver does not know.
pub(super) fn run(
    log: &dyn Log,
    config: &ReplayConfig,
    area: Range<u32>,
    sequence: u32,
    overlay: &mut Overlay,
) -> Result<(), Error> {
    let mut reader = Reader { config, sequence, sum: 0, started: false, pending: Vec::new() };
    let mut block = vec![0; log.block_size() as usize];
    for log_block in area {
        log.read(log_block, &mut block)?;
        if let Step::End = reader.block(&block, overlay)? {
            break;
        }
    }
    Ok(())
}

struct Reader<'a> {
    config: &'a ReplayConfig,
    sequence: u32,
    sum: u32,
    started: bool,
    pending: Vec<Change>,
}

impl Reader<'_> {
    fn block(&mut self, block: &[u8], overlay: &mut Overlay) -> Result<Step, Error> {
        let mut rest = block;
        while let Some((header, after)) = rest.split_first_chunk::<RECORD_HEADER_LEN>() {
            let tag = u16::from_le_bytes([header[0], header[1]]);
            let len = usize::from(u16::from_le_bytes([header[2], header[3]]));
            let Some((value, next)) = after.split_at_checked(len) else { return Ok(Step::End) };
            if !self.started && tag != HEAD {
                return Ok(Step::End);
            }
            let record = rest.get(..RECORD_HEADER_LEN + len).unwrap_or_default();
            if let Step::End = self.record(tag, value, record, overlay)? {
                return Ok(Step::End);
            }
            rest = next;
        }
        Ok(Step::Next)
    }

    fn record(
        &mut self,
        tag: u16,
        value: &[u8],
        record: &[u8],
        overlay: &mut Overlay,
    ) -> Result<Step, Error> {
        match tag {
            HEAD => {
                let Some([features, sequence]) = words::<2>(value) else { return Ok(Step::End) };
                if value.len() != 8 || sequence != self.sequence {
                    return Ok(Step::End);
                }
                if features != 0 {
                    return Err(Error::unsupported(format!("fast commits with features {features:#x}")));
                }
                self.started = true;
            }
            TAIL => return Ok(self.tail(value, record, overlay)),
            PAD => {}
            _ => match self.change(tag, value) {
                Some(change) => self.pending.push(change),
                None => return Ok(Step::End),
            },
        }
        self.sum = crc32c(self.sum, record);
        Ok(Step::Next)
    }

    fn tail(&mut self, value: &[u8], record: &[u8], overlay: &mut Overlay) -> Step {
        let Some([sequence, stored]) = words::<2>(value) else { return Step::End };
        let summed = record.get(..RECORD_HEADER_LEN + 4).unwrap_or_default();
        if sequence != self.sequence {
            return Step::End;
        }
        if crc32c(self.sum, summed) != stored {
            overlay.note(format!("journal: bad checksum of a fast commit of transaction {sequence}"));
            return Step::End;
        }
        self.sum = 0;
        for change in self.pending.drain(..) {
            match change {
                Change::Extent { ino, change } => overlay.push_extent(ino, change),
                Change::Dentry { dir, change, created } => {
                    created.into_iter().for_each(|ino| overlay.insert_created(ino, dir));
                    overlay.push_dentry(dir, change);
                }
                Change::Inode { ino, raw } => overlay.insert_inode(ino, &raw),
            }
        }
        Step::Next
    }

    /// The meaning of a record, or `None` if it has none.
    fn change(&self, tag: u16, value: &[u8]) -> Option<Change> {
        match tag {
            ADD_RANGE => self.added_range(value),
            DEL_RANGE => {
                let [ino, logical, len] = words::<3>(value).filter(|_| value.len() == 12)?;
                logical.checked_add(len)?;
                Some(Change::Extent { ino, change: ExtentChange::Remove { logical, len } })
            }
            CREAT | LINK | UNLINK => dentry(tag, value),
            INODE => {
                let (ino, raw) = value.split_first_chunk::<4>()?;
                if raw.len() < MIN_INODE_LEN || raw.len() > usize::from(self.config.inode_size) {
                    return None;
                }
                Some(Change::Inode { ino: u32::from_le_bytes(*ino), raw: raw.to_vec() })
            }
            _ => None,
        }
    }

    fn added_range(&self, value: &[u8]) -> Option<Change> {
        let [ino, logical, sizes, low] = words::<4>(value).filter(|_| value.len() == 16)?;
        let (coded, high) = (sizes & 0xffff, sizes >> 16);
        let unwritten = coded > MAX_WRITTEN_LEN;
        let len = if unwritten { coded - MAX_WRITTEN_LEN } else { coded };
        let physical = u64::from(high) << 32 | u64::from(low);
        logical.checked_add(len)?;
        if len == 0 || physical == 0 || physical + u64::from(len) > self.config.volume_blocks {
            return None;
        }
        Some(Change::Extent { ino, change: ExtentChange::Add { logical, len, physical, unwritten } })
    }
}

fn dentry(tag: u16, value: &[u8]) -> Option<Change> {
    let [dir, ino] = words::<2>(value)?;
    let name = value.get(DENTRY_HEADER_LEN..)?;
    if name.is_empty() || name.len() > MAX_NAME_LEN || name.contains(&b'/') || name.contains(&0) {
        return None;
    }
    let name = name.to_vec();
    let change = match tag {
        UNLINK => DentryChange::Remove { name },
        _ => DentryChange::Add { name, ino },
    };
    let created = (tag == CREAT).then_some(ino);
    Some(Change::Dentry { dir, change, created })
}

/// The first `N` little-endian words of `value`.
fn words<const N: usize>(value: &[u8]) -> Option<[u32; N]> {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(value.get(..N * 4)?.chunks_exact(4)) {
        *word = u32::from_le_bytes(bytes.try_into().ok()?);
    }
    Some(words)
}
