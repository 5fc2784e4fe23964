//! The index of a gzip file: points where unpacking can begin, about one for each MiB of content, with the content before
//! each, packed. It is made by unpacking the file once, which checks the sums of its members.
//!
//! The content from one point to the next is a span. It is unpacked as a whole, and compared with its sum, before any of it
//! is given out: neither a file that changed nor an index that is damaged gives wrong content.

use super::feed::Feed;
use super::gzip::{Entry, Inflater, Step, WINDOW};
use super::kept::{HEAD, Head};
use super::{CACHE_BYTES, Decoder, LARGEST_SPAN};
use crate::bytes::read_vec;
use crate::damaged;
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::table::write_growing;
use crate::unpack::{Codec, Unpacked};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use miniz_oxide::deflate::compress_to_vec;
use rump_bytes::{le16, le32, le64};
use rump_checksum::crc32c;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Between two points, at least.
const SPACING: u64 = 1 << 20;
/// From here on points lie wider apart, so that the table stays short.
const EVEN: u64 = 64 << 30;
/// Of packed content before a point.
const LARGEST_WINDOW: usize = 40 << 10;
const ENTRY: usize = 40;
const MEMBER: u8 = 0xff;
const LEVEL: u8 = 1;

/// Where unpacking can begin.
#[derive(Clone, Copy)]
struct Point {
    /// Of the content.
    start: u64,
    /// Of the file.
    at: u64,
    entry: Entry,
    /// Where the content before is kept, its length there, and unpacked.
    window: (u64, u16, u16),
    window_sum: u32,
    /// Of the span that begins here.
    sum: u32,
}

impl Point {
    fn emit(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let (bits, rest) = match self.entry {
            Entry::Member => (MEMBER, 0),
            Entry::Block(bits, rest) => (bits, rest),
        };
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.window.0.to_le_bytes());
        bytes[24..26].copy_from_slice(&self.window.1.to_le_bytes());
        bytes[26..28].copy_from_slice(&self.window.2.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.window_sum.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.sum.to_le_bytes());
        (bytes[36], bytes[37]) = (bits, rest);
        bytes
    }

    /// `None` if it cannot be one.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let entry = match (bytes[36], bytes[37]) {
            (MEMBER, _) => Entry::Member,
            (bits @ 0..8, rest) if u32::from(rest) < 1 << bits => Entry::Block(bits, rest),
            _ => return None,
        };
        let window = (le64(bytes, 16), le16(bytes, 24), le16(bytes, 26));
        let point = Self {
            start: le64(bytes, 0),
            at: le64(bytes, 8),
            entry,
            window,
            window_sum: le32(bytes, 28),
            sum: le32(bytes, 32),
        };
        (usize::from(window.1) <= LARGEST_WINDOW && usize::from(window.2) <= WINDOW).then_some(point)
    }
}

/// Makes the index of `file` in `kept`; answers its head, which is not written. `None`: spans would be too long.
/// Errors: EFTYPE, EIO, ENOSPC, those of `told`, which is told how far in the file it is.
pub fn build(
    file: &Arc<dyn BlockDevice>,
    kept: &dyn BlockDevice,
    told: &mut dyn FnMut(u64) -> KResult<()>,
) -> KResult<Option<Head>> {
    let feed = Feed::new(file.clone(), 0, file.size_bytes());
    let mut inflater = Inflater::new(feed, Entry::Member, &[]);
    let mut points = Vec::new();
    let mut last = Point { start: 0, at: 0, entry: Entry::Member, window: (0, 0, 0), window_sum: 0, sum: !0 };
    let (mut size, mut end) = (0_u64, HEAD);
    loop {
        let step = inflater.step()?;
        let bytes = inflater.take();
        last.sum = crc32c(last.sum, bytes);
        size = size.checked_add(bytes.len() as u64).ok_or(Errno::EFBIG)?;
        told(inflater.position())?;
        if size - last.start > LARGEST_SPAN {
            return Ok(None);
        }
        let entry = match step {
            Step::Bytes => continue,
            Step::Block(bits, rest) => Entry::Block(bits, rest),
            Step::Member => Entry::Member,
            Step::End => break,
        };
        if size - last.start < SPACING.max(size / (EVEN / SPACING)) {
            continue;
        }
        let before = if entry == Entry::Member { &[] } else { inflater.window() };
        let packed = if before.is_empty() { Vec::new() } else { compress_to_vec(before, LEVEL) };
        write_growing(kept, end, &packed)?;
        let window = (end, packed.len() as u16, before.len() as u16);
        let window_sum = crc32c(!0, &packed);
        let next = Point { start: size, at: inflater.position(), entry, window, window_sum, sum: !0 };
        end += packed.len() as u64;
        points.push(core::mem::replace(&mut last, next));
    }
    if size > last.start || points.is_empty() {
        points.push(last);
    }
    let table: Vec<u8> = points.iter().flat_map(|point| point.emit()).collect();
    write_growing(kept, end, &table)?;
    Ok(Some(Head { size, table: end, table_bytes: table.len() as u64, table_sum: crc32c(!0, &table) }))
}

/// A gzip file by its index.
struct Indexed {
    file: Arc<dyn BlockDevice>,
    kept: Arc<dyn BlockDevice>,
    points: Vec<Point>,
    size: u64,
    unpacked: Unpacked,
}

/// The disk in `file` by the index in `kept`, and how many points that has. Errors: EFTYPE (it is none), EIO.
pub fn open(
    file: &Arc<dyn BlockDevice>,
    kept: Arc<dyn BlockDevice>,
    head: &Head,
) -> KResult<(Arc<dyn BlockDevice>, usize)> {
    let wrong = || damaged("the index is damaged");
    if head.table_bytes % ENTRY as u64 != 0 || head.table_bytes > kept.size_bytes() {
        return Err(wrong());
    }
    let table = read_vec(&*kept, head.table, head.table_bytes as usize, "table of the index")?;
    if crc32c(!0, &table) != head.table_sum {
        return Err(wrong());
    }
    let points: Option<Vec<Point>> = table.chunks_exact(ENTRY).map(Point::parse).collect();
    let points = points.ok_or_else(wrong)?;
    let ends = points.iter().skip(1).map(|point| point.start).chain([head.size]);
    let is_span = |(point, end): (&Point, u64)| {
        let len = end.checked_sub(point.start);
        // An empty file has a point all the same.
        len.is_some_and(|len| len <= LARGEST_SPAN && (len > 0 || head.size == 0))
            && point.at <= file.size_bytes()
    };
    let begins =
        points.first().is_some_and(|first| (first.start, first.at, first.entry) == (0, 0, Entry::Member));
    if !begins || !points.iter().zip(ends).all(is_span) {
        return Err(wrong());
    }
    let (count, size) = (points.len(), head.size);
    let unpacked = Unpacked::keeping(CACHE_BYTES);
    let map = Indexed { file: file.clone(), kept, points, size, unpacked };
    let sources = Sources { data: file.clone(), backing: None };
    Ok((Arc::new(Disk { format: "gzip", size, map, sources }), count))
}

impl Indexed {
    /// The content before a point, if it is still as it was kept.
    fn window(&self, point: &Point) -> Option<Vec<u8>> {
        let (at, packed, len) = point.window;
        if point.entry == Entry::Member || len == 0 {
            return Some(Vec::new());
        }
        let packed = read_vec(&*self.kept, at, packed.into(), "window of the index").ok()?;
        let is_whole = crc32c(!0, &packed) == point.window_sum;
        is_whole.then(|| Codec::Deflate.unpack(&packed, len.into()).ok()).flatten()
    }

    fn unpack(&self, index: usize, len: usize) -> KResult<Vec<u8>> {
        let wanted = &self.points[index];
        // From an earlier point it takes longer. The first needs nothing.
        let usable = |point: &Point| self.window(point).map(|window| (*point, window));
        let found = self.points[..=index].iter().rev().find_map(usable);
        let (from, window) = found.ok_or_else(|| damaged("the index is damaged"))?;
        let feed = Feed::new(self.file.clone(), from.at, self.file.size_bytes());
        let mut inflater = Inflater::new(feed, from.entry, &window);
        let mut bytes = vec![0; len];
        let mut before = wanted.start - from.start;
        while before > 0 {
            let piece = before.min(len as u64) as usize;
            fill(&mut inflater, &mut bytes[..piece])?;
            before -= piece as u64;
        }
        fill(&mut inflater, &mut bytes)?;
        if crc32c(!0, &bytes) != wanted.sum {
            let what = format!("gzip: the content from byte {} on is not what was indexed", wanted.start);
            return Err(KError::new(Errno::EIO, what));
        }
        Ok(bytes)
    }
}

fn fill(inflater: &mut Inflater, mut buf: &mut [u8]) -> KResult<()> {
    while !buf.is_empty() {
        match inflater.read(buf)? {
            0 => return Err(damaged("gzip: less content than was indexed")),
            made => buf = &mut buf[made..],
        }
    }
    Ok(())
}

impl Map for Indexed {
    fn find(&self, offset: u64) -> KResult<Run> {
        let next = self.points.partition_point(|point| point.start <= offset);
        let end = self.points.get(next).map_or(self.size, |point| point.start);
        // The first point is at zero.
        let index = next - 1;
        let start = self.points[index].start;
        let bytes = self.unpacked.at(start, || self.unpack(index, (end - start) as usize))?;
        let within = offset - start;
        Ok(Run { len: end - offset, place: Place::Unpacked(bytes, within as usize) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;
    use rump_random::Random;

    fn memory(bytes: Vec<u8>) -> Arc<dyn BlockDevice> {
        Arc::new(Memory::new(bytes, 64 << 20))
    }

    /// Content of three spans or so, its file, the index, and the index's head.
    fn indexed() -> (Vec<u8>, Arc<dyn BlockDevice>, Vec<u8>, Head) {
        let mut random = Random::new(5);
        let content: Vec<u8> =
            (0..5 << 20).map(|at| (random.number() >> (56 + at / 4096 % 8)) as u8).collect();
        let mut packed = Vec::from(*b"\x1f\x8b\x08\0\0\0\0\0\0\xff");
        packed.extend(compress_to_vec(&content, 1));
        packed.extend(rump_checksum::crc32(&content).to_le_bytes());
        packed.extend((content.len() as u32).to_le_bytes());
        let (file, kept) = (memory(packed), memory(Vec::new()));
        let head = build(&file, &*kept, &mut |_| Ok(())).unwrap().unwrap();
        let mut index = vec![0; kept.size_bytes() as usize];
        kept.read_at(0, &mut index).unwrap();
        (content, file, index, head)
    }

    /// Reads every 64 KiB that can be read; answers how many cannot.
    fn agrees(device: &dyn BlockDevice, content: &[u8]) -> usize {
        let mut failed = 0;
        for (number, expected) in content.chunks(64 << 10).enumerate() {
            let mut bytes = vec![0; expected.len()];
            match device.read_at((number << 16) as u64, &mut bytes) {
                Ok(()) => assert!(bytes == expected, "piece {number} is another"),
                Err(_) => failed += 1,
            }
        }
        failed
    }

    #[test]
    fn an_index_leads_to_the_content() {
        let (content, file, index, head) = indexed();
        let (device, count) = open(&file, memory(index), &head).unwrap();
        assert!((3..=6).contains(&count) && device.size_bytes() == content.len() as u64, "{count}");
        assert_eq!(agrees(&*device, &content), 0);
    }

    #[test]
    fn a_forged_table_gives_the_content_or_an_error() {
        let (content, file, index, head) = indexed();
        let mut random = Random::new(9);
        for _ in 0..24 {
            let (mut index, mut head) = (index.clone(), head);
            let table = &mut index[head.table as usize..];
            let at = random.number() as usize % table.len();
            table[at] ^= 1 << (random.number() % 8);
            head.table_sum = crc32c(!0, table);
            if let Ok((device, _)) = open(&file, memory(index), &head) {
                agrees(&*device, &content);
            }
        }
    }

    #[test]
    fn a_damaged_window_is_done_without() {
        let (content, file, mut index, head) = indexed();
        for byte in &mut index[HEAD as usize..head.table as usize] {
            *byte ^= 0x55;
        }
        let (device, _) = open(&file, memory(index), &head).unwrap();
        assert_eq!(agrees(&*device, &content), 0);
    }
}
