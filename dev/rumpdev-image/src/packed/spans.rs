//! What a packed file has itself for reading at any place: the blocks of xz, by its indexes, and the frames of zstd, by
//! their heads or by a table of them.
//!
//! Sources: "The .xz File Format" 1.2.1; RFC 8878; "Zstandard Seekable Format" 0.1.0, of which the table ends the file.

use super::codec::{Xz, Zstd, exactly};
use super::feed::Feed;
use super::{CACHE_BYTES, LARGEST_SPAN};
use crate::bytes::{read_padded, read_vec};
use crate::damaged;
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::open::Format;
use crate::unpack::Unpacked;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{le16, le32, le64};
use rump_checksum::crc32;
use rump_kpi::{BlockDevice, KResult};

/// Of blocks or frames.
const MOST: usize = 1 << 20;
const LONGEST_INDEX: u64 = 32 << 20;
/// Of heads of frames and blocks that are looked at.
const LOOKS: u32 = 4 << 20;
/// Of zeros between streams of xz.
const LONGEST_PADDING: u64 = 1 << 20;
/// The head of a stream of xz, and its footer.
const ENDS: u64 = 12;

/// Content that can be unpacked alone.
struct Span {
    /// Of the content.
    start: u64,
    len: u64,
    /// Of the file.
    at: u64,
    packed: u64,
    /// Of xz: the head of its stream.
    head: [u8; ENDS as usize],
}

/// The content of a file that is made of spans. `None`: it is not, they are too long, or damaged, which who unpacks all of it
/// will find. Errors: EIO.
pub fn open(file: &Arc<dyn BlockDevice>, format: Format) -> KResult<Option<(Arc<dyn BlockDevice>, String)>> {
    let (spans, what) = match format {
        Format::Xz => (blocks(&**file)?, "block"),
        Format::Zstd => (frames(&**file)?, "frame"),
        _ => return Ok(None),
    };
    let Some(mut spans) = spans else { return Ok(None) };
    spans.retain(|span| span.len > 0);
    let mut size = 0_u64;
    for span in &mut spans {
        span.start = size;
        size = size.saturating_add(span.len);
    }
    let format = format.name();
    let detail = match spans.len() {
        1 => format!("1 {what}"),
        many => format!("{many} {what}s"),
    };
    let map = Spans { file: file.clone(), spans, unpacked: Unpacked::keeping(CACHE_BYTES) };
    let sources = Sources { data: file.clone(), backing: None };
    Ok(Some((Arc::new(Disk { format, size, map, sources }), detail)))
}

struct Spans {
    file: Arc<dyn BlockDevice>,
    spans: Vec<Span>,
    unpacked: Unpacked,
}

impl Spans {
    fn unpack(&self, span: &Span) -> KResult<Vec<u8>> {
        let mut feed = Feed::new(self.file.clone(), span.at, span.at + span.packed);
        match span.head[0] {
            0 => exactly(&mut Zstd::new()?, &[], &mut feed, span.len as usize),
            _ => exactly(&mut Xz::block()?, &span.head, &mut feed, span.len as usize),
        }
    }
}

impl Map for Spans {
    fn find(&self, offset: u64) -> KResult<Run> {
        let next = self.spans.partition_point(|span| span.start <= offset);
        let span = &self.spans[next - 1];
        let bytes = self.unpacked.at(span.start, || self.unpack(span))?;
        let within = offset - span.start;
        Ok(Run { len: span.len - within, place: Place::Unpacked(bytes, within as usize) })
    }
}

/// The blocks of all streams, in the order of the file.
fn blocks(file: &dyn BlockDevice) -> KResult<Option<Vec<Span>>> {
    let mut streams = Vec::new();
    let (mut end, mut padding, mut count) = (file.size_bytes(), 0, 0);
    // From the last stream to the first: each ends with the length of its index.
    while end > 0 {
        if end < 2 * ENDS || end % 4 != 0 {
            return Ok(None);
        }
        let footer = read_vec(file, end - ENDS, ENDS as usize, "footer")?;
        if footer[8..] == [0; 4] && padding < LONGEST_PADDING {
            (end, padding) = (end - 4, padding + 4);
            continue;
        }
        let Some(stream) = stream(file, end, &footer)? else { return Ok(None) };
        count += stream.0.len();
        if count > MOST || streams.len() >= MOST {
            return Ok(None);
        }
        end = stream.1;
        streams.push(stream.0);
    }
    Ok((!streams.is_empty()).then(|| streams.into_iter().rev().flatten().collect()))
}

/// The blocks of the stream that ends at `end`, and where it begins.
fn stream(file: &dyn BlockDevice, end: u64, footer: &[u8]) -> KResult<Option<(Vec<Span>, u64)>> {
    let index_bytes = (u64::from(le32(footer, 4)) + 1) * 4;
    let room = end - 2 * ENDS;
    if footer[10..] != *b"YZ"
        || crc32(&footer[4..10]) != le32(footer, 0)
        || index_bytes > room.min(LONGEST_INDEX)
    {
        return Ok(None);
    }
    let index_at = end - ENDS - index_bytes;
    let index = read_vec(file, index_at, index_bytes as usize, "index of the xz")?;
    let (records, sum) = index.split_at(index.len() - 4);
    if crc32(records) != le32(sum, 0) {
        return Ok(None);
    }
    let Some(sizes) = records_of(records) else { return Ok(None) };
    let packed: Option<u64> =
        sizes.iter().try_fold(0_u64, |sum, (packed, _)| sum.checked_add(packed.checked_next_multiple_of(4)?));
    let begin = packed.and_then(|packed| index_at.checked_sub(packed)?.checked_sub(ENDS));
    let Some(begin) = begin else { return Ok(None) };
    let mut head = [0; ENDS as usize];
    head.copy_from_slice(&read_vec(file, begin, ENDS as usize, "head of the xz")?);
    if !head.starts_with(b"\xfd7zXZ\0") || head[6..8] != footer[8..10] {
        return Ok(None);
    }
    let mut at = begin + ENDS;
    let mut spans = Vec::with_capacity(sizes.len());
    for (packed, len) in sizes {
        let packed = packed.next_multiple_of(4);
        spans.push(Span { start: 0, len, at, packed, head });
        at += packed;
    }
    Ok(Some((spans, begin)))
}

/// The lengths of blocks, packed and not, if none is too long.
fn records_of(index: &[u8]) -> Option<Vec<(u64, u64)>> {
    let mut rest = index.strip_prefix(&[0])?;
    let count = usize::try_from(number(&mut rest)?).ok().filter(|count| *count <= MOST.min(index.len()))?;
    let mut sizes = Vec::with_capacity(count);
    for _ in 0..count {
        let (packed, len) = (number(&mut rest)?, number(&mut rest)?);
        if len > LARGEST_SPAN {
            return None;
        }
        sizes.push((packed, len));
    }
    Some(sizes)
}

/// A number in groups of seven bits, the last of which has no mark.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (first, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

const SKIPPABLE: u32 = 0x184d_2a50;

/// The frames of a file of zstd.
fn frames(file: &dyn BlockDevice) -> KResult<Option<Vec<Span>>> {
    if let Some(spans) = seek_table(file)? {
        return Ok(Some(spans));
    }
    let (mut spans, mut at, mut looks) = (Vec::new(), 0, LOOKS);
    while at < file.size_bytes() && looks > 0 {
        looks -= 1;
        let mut head = [0; 18];
        read_padded(file, at, &mut head)?;
        let magic = le32(&head, 0);
        if magic & !0xf == SKIPPABLE {
            at = at.saturating_add(8 + u64::from(le32(&head, 4)));
            continue;
        }
        let Some((head_bytes, len)) = frame_head(&head) else { return Ok(None) };
        if magic != 0xfd2f_b528 || len > LARGEST_SPAN || spans.len() >= MOST {
            return Ok(None);
        }
        let packed = frame_bytes(file, at, (head_bytes, head[4] & 4 != 0), &mut looks)?;
        let Some(packed) = packed else { return Ok(None) };
        spans.push(Span { start: 0, len, at, packed, head: [0; ENDS as usize] });
        at += packed;
    }
    Ok((at == file.size_bytes() && !spans.is_empty()).then_some(spans))
}

/// Length of the head of a frame, and of its content, if that is said.
fn frame_head(head: &[u8]) -> Option<(u64, u64)> {
    let descriptor = head[4];
    let is_single = descriptor & 0x20 != 0;
    let at = 5 + usize::from(!is_single) + [0, 1, 2, 4][usize::from(descriptor & 3)];
    let (bytes, len) = match descriptor >> 6 {
        0 if is_single => (1, head[at].into()),
        0 => return None,
        1 => (2, u64::from(le16(head, at)) + 256),
        2 => (4, le32(head, at).into()),
        _ => (8, le64(head, at)),
    };
    Some((at as u64 + bytes, len))
}

/// Length of a frame in the file, by the heads of its blocks.
fn frame_bytes(
    file: &dyn BlockDevice,
    start: u64,
    (head, has_sum): (u64, bool),
    looks: &mut u32,
) -> KResult<Option<u64>> {
    let mut at = start + head;
    while *looks > 0 {
        *looks -= 1;
        if at.checked_add(3).is_none_or(|end| end > file.size_bytes()) {
            return Ok(None);
        }
        let mut block = [0; 4];
        file.read_at(at, &mut block[..3])?;
        let block = le32(&block, 0);
        at += 3 + match block >> 1 & 3 {
            // One byte, many times.
            1 => 1,
            _ => u64::from(block >> 3),
        };
        if block & 1 != 0 {
            let end = at + if has_sum { 4 } else { 0 };
            return Ok((end <= file.size_bytes()).then_some(end - start));
        }
    }
    Ok(None)
}

/// The frames by the table that ends the file, in a frame to be skipped.
fn seek_table(file: &dyn BlockDevice) -> KResult<Option<Vec<Span>>> {
    let size = file.size_bytes();
    let Some(end) = size.checked_sub(9) else { return Ok(None) };
    let footer = read_vec(file, end, 9, "table of frames")?;
    let count = le32(&footer, 0) as usize;
    if le32(&footer, 5) != 0x8f92_eab1 || footer[4] & 0x7c != 0 || count > MOST {
        return Ok(None);
    }
    let entry = if footer[4] & 0x80 != 0 { 12 } else { 8 };
    let table_bytes = (count * entry) as u64 + 9;
    let Some(begin) = size.checked_sub(table_bytes + 8) else { return Ok(None) };
    let table = read_vec(file, begin, table_bytes as usize - 1, "table of frames")?;
    if le32(&table, 0) != SKIPPABLE | 0xe || u64::from(le32(&table, 4)) != table_bytes {
        return Ok(None);
    }
    let mut at = 0;
    let mut spans = Vec::with_capacity(count);
    for entry in table[8..8 + count * entry].chunks_exact(entry) {
        let (packed, len) = (u64::from(le32(entry, 0)), u64::from(le32(entry, 4)));
        if len > LARGEST_SPAN {
            return Ok(None);
        }
        spans.push(Span { start: 0, len, at, packed, head: [0; ENDS as usize] });
        at += packed;
    }
    if at != begin {
        return Err(damaged("zstd: the table of frames is not that of this file"));
    }
    Ok(Some(spans))
}
