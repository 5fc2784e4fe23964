//! How frames stand in what is read: a header (`struct bpf_hdr` of NetBSD on amd64), bytes to align, the frame.
//!
//! ```text
//!  0        8              16           20       24             26
//!  seconds  microseconds   bytes kept   length   header length  (nothing)  frame ...  up to a multiple of 8
//! ```
//!
//! The header is as long as it takes for what follows the link's header to be aligned.

use alloc::vec::Vec;
use rump_kpi::TimeSpec;
use rump_kpi::packet::Packet;

/// Bytes of the structure.
const HEADER_BYTES: usize = 32;
/// Bytes of what it has to say.
const FIELD_BYTES: usize = 26;
/// `BPF_ALIGNMENT`.
const ALIGNMENT: usize = 8;

/// `BPF_WORDALIGN`.
pub(crate) fn aligned(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

/// Bytes before a frame whose link has a header of `link` bytes.
pub(crate) fn header_bytes(link: usize) -> usize {
    aligned(HEADER_BYTES + link) - link
}

/// Adds the first `kept` bytes of a frame.
pub(crate) fn emit(into: &mut Vec<u8>, link: usize, time: TimeSpec, packet: &Packet, kept: usize) {
    let header = header_bytes(link);
    into.resize(aligned(into.len()), 0);
    let begin = into.len();
    into.extend_from_slice(&time.sec.to_le_bytes());
    into.extend_from_slice(&i64::from(time.nsec / 1000).to_le_bytes());
    into.extend_from_slice(&(kept as u32).to_le_bytes());
    into.extend_from_slice(&(packet.len() as u32).to_le_bytes());
    into.extend_from_slice(&(header as u16).to_le_bytes());
    into.resize(begin + header, 0);
    let mut left = kept;
    for chunk in packet.chunks() {
        let length = chunk.len().min(left);
        into.extend_from_slice(&chunk[..length]);
        left -= length;
    }
}

/// A frame in what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was heard, in microseconds.
    pub time: TimeSpec,
    /// What it had on the wire.
    pub length: usize,
    /// As many bytes as the filter wanted.
    pub bytes: &'a [u8],
}

/// The frames in what was read.
pub fn records(mut buffer: &[u8]) -> impl Iterator<Item = Record<'_>> {
    core::iter::from_fn(move || {
        let (record, length) = parse(buffer)?;
        buffer = buffer.get(aligned(length)..).unwrap_or_default();
        Some(record)
    })
}

fn parse(buffer: &[u8]) -> Option<(Record<'_>, usize)> {
    let word = |at: usize| buffer.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let long = |at: usize| buffer.get(at..)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
    let header = usize::from(u16::from_le_bytes(*buffer.get(24..)?.first_chunk()?));
    let kept = word(16)? as usize;
    if header < FIELD_BYTES {
        return None;
    }
    let bytes = buffer.get(header..)?.get(..kept)?;
    let nsec = u32::try_from(long(8)?).ok()?.checked_mul(1000)?;
    let time = TimeSpec { sec: long(0)?, nsec };
    Some((Record { time, length: word(20)? as usize, bytes }, header + kept))
}
