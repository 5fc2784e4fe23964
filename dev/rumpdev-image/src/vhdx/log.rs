//! The log of VHDX (\[MS-VHDX\] 2.3): a ring of entries of whole 4 KiB, each of which says which sectors are to be what. The
//! newest sequence of entries that are whole, from the tail that its last one names, counts.

use super::is_whole;
use crate::bytes::{read_padded, read_vec};
use crate::damaged;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{le32, le64};
use rump_kpi::{BlockDevice, Errno, KResult};

const SECTOR: u64 = 4096;
/// The longest log that is replayed.
const LOG_BYTES: u64 = 16 << 20;
/// Entries are looked at so many times their log's length, which is enough for those that somebody wrote.
const LOOKS: u64 = 8;

/// An entry that is whole.
struct Entry {
    tail: u64,
    sequence: u64,
    bytes: Vec<u8>,
    file_bytes: u64,
}

/// A file with its log replayed over it.
struct Replayed {
    file: Arc<dyn BlockDevice>,
    size: u64,
    /// Sectors by offset.
    sectors: BTreeMap<u64, Vec<u8>>,
    /// Ranges of zeros that are older than no sector above.
    zeros: Vec<(u64, u64)>,
}

/// Replays the log that a header names. Errors: EFTYPE, EIO.
pub fn replayed(file: Arc<dyn BlockDevice>, header: &[u8]) -> KResult<Arc<dyn BlockDevice>> {
    let (id, len, at) = (&header[48..64], u64::from(le32(header, 68)), le64(header, 72));
    if len == 0 || len % (1 << 20) != 0 || len > LOG_BYTES {
        return Err(damaged(format!("vhdx: a log of {len} bytes")));
    }
    let log = read_vec(&*file, at, len as usize, "log of the vhdx")?;
    let sequence = newest(&log, id).ok_or_else(|| damaged("vhdx: nothing in the log is whole"))?;
    let mut replayed =
        Replayed { size: file.size_bytes(), file, sectors: BTreeMap::new(), zeros: Vec::new() };
    for entry in &sequence {
        replayed.apply(entry)?;
    }
    Ok(Arc::new(replayed))
}

/// The entry at `at` of the ring. `budget` is how many bytes may still be looked at.
fn entry(log: &[u8], at: u64, id: &[u8], budget: &mut u64) -> Option<Entry> {
    let head = &log[at as usize..][..SECTOR as usize];
    let len = le32(head, 8) as usize;
    if !head.starts_with(b"loge")
        || &head[32..48] != id
        || len == 0
        || len % SECTOR as usize != 0
        || len > log.len()
    {
        return None;
    }
    *budget = budget.checked_sub(len as u64)?;
    let (first, rest) = (len.min(log.len() - at as usize), len.saturating_sub(log.len() - at as usize));
    let bytes = [&log[at as usize..][..first], &log[..rest]].concat();
    let entry =
        Entry { tail: le32(head, 12).into(), sequence: le64(head, 16), file_bytes: le64(head, 56), bytes };
    is_whole(&entry.bytes, 4).then_some(entry)
}

/// The entries from the tail to the head of the newest sequence.
fn newest(log: &[u8], id: &[u8]) -> Option<Vec<Entry>> {
    let len = log.len() as u64;
    let mut budget = LOOKS * len;
    let mut best: Option<(u64, Vec<u64>)> = None;
    let mut at = 0;
    while at < len {
        let mut places = Vec::new();
        let mut last: Option<Entry> = None;
        let mut next = at;
        // Each entry is one further in number, and where the one before ended.
        while let Some(found) = entry(log, next, id, &mut budget) {
            if last.as_ref().is_some_and(|last| found.sequence != last.sequence.wrapping_add(1)) {
                break;
            }
            places.push(next);
            next = (next + found.bytes.len() as u64) % len;
            last = Some(found);
            if next == at {
                break;
            }
        }
        let Some(last) = last else {
            at += SECTOR;
            continue;
        };
        let from = places.iter().position(|place| *place == last.tail);
        if let Some(from) = from.filter(|_| best.as_ref().is_none_or(|(best, _)| last.sequence > *best)) {
            best = Some((last.sequence, places.split_off(from)));
        }
        // What begins within this sequence is no newer one.
        at = if next > at { next } else { len };
    }
    best?.1.into_iter().map(|at| entry(log, at, id, &mut budget)).collect()
}

impl Replayed {
    fn apply(&mut self, entry: &Entry) -> KResult<()> {
        let bytes = &entry.bytes;
        let count = le32(bytes, 24) as usize;
        let descriptors = (64 + count.min(bytes.len()) * 32).next_multiple_of(SECTOR as usize);
        if descriptors > bytes.len() {
            return Err(damaged(format!("vhdx: an entry of the log with {count} descriptors")));
        }
        let mut data = bytes[descriptors..].chunks_exact(SECTOR as usize);
        for descriptor in bytes[64..descriptors].chunks_exact(32).take(count) {
            let at = le64(descriptor, 16);
            if at % SECTOR != 0 || le64(descriptor, 24) != entry.sequence {
                return Err(damaged(format!("vhdx: the log changes byte {at}, which it cannot")));
            }
            match &descriptor[..4] {
                b"zero" => self.zero(at, le64(descriptor, 8)),
                b"desc" => {
                    let sector =
                        data.next().ok_or_else(|| damaged("vhdx: a sector is missing in the log"))?;
                    let halves = u64::from(le32(sector, 4)) << 32 | u64::from(le32(sector, 4092));
                    if !sector.starts_with(b"data") || halves != entry.sequence {
                        return Err(damaged("vhdx: a sector of the log is damaged"));
                    }
                    // Eight bytes at the begin and four at the end are in the descriptor.
                    let mut whole = sector.to_vec();
                    whole[..8].copy_from_slice(&descriptor[8..16]);
                    whole[4092..].copy_from_slice(&descriptor[4..8]);
                    self.sectors.insert(at, whole);
                }
                _ => return Err(damaged("vhdx: a descriptor of the log is damaged")),
            }
        }
        self.size = self.size.max(entry.file_bytes);
        Ok(())
    }

    fn zero(&mut self, at: u64, len: u64) {
        let end = at.saturating_add(len);
        self.sectors.retain(|sector, _| *sector < at || *sector >= end);
        self.zeros.push((at, end));
    }
}

impl BlockDevice for Replayed {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        crate::check_range(self, offset, buf.len())?;
        read_padded(&*self.file, offset, buf)?;
        let end = offset + buf.len() as u64;
        for (from, to) in &self.zeros {
            let (from, to) = ((*from).clamp(offset, end), (*to).clamp(offset, end));
            buf[(from - offset) as usize..(to - offset) as usize].fill(0);
        }
        for (at, sector) in self.sectors.range(offset.saturating_sub(SECTOR - 1)..end) {
            let (from, to) = ((*at).max(offset), (at + SECTOR).min(end));
            let part = &sector[(from - at) as usize..(to - at) as usize];
            buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
        }
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}
