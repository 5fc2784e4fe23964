//! Content of a file that is not yet on the device: runs of whole blocks, in order and without overlap.
//!
//! What a block holds behind the end of the file is zeros.

use super::runs::Runs;
use crate::error::Error;
use alloc::vec::Vec;
use core::sync::atomic::AtomicU64;
use rump_kpi::sync::Mutex;

/// A run grows to this many bytes; then the next begins.
pub const MOST_RUN_BYTES: usize = 1 << 20;
/// Buffers that are kept for the next long run.
const MOST_LONG: usize = 4;
/// A buffer of one block or a few, for what small files have.
const SHORT_BYTES: usize = 4 << 10;
/// Buffers that are kept for the next short runs.
const MOST_SHORT: usize = 1024;

/// Memory of runs that are gone, to be used again: fresh memory costs as much as the copy.
#[derive(Default)]
pub struct Buffers {
    long: Mutex<Vec<Vec<u8>>>,
    short: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// An empty buffer of [`MOST_RUN_BYTES`].
    pub fn take_long(&self) -> Vec<u8> {
        let kept = self.long.lock().pop();
        kept.unwrap_or_else(|| Vec::with_capacity(MOST_RUN_BYTES))
    }

    /// An empty buffer of whatever size.
    fn take_short(&self) -> Vec<u8> {
        self.short.lock().pop().unwrap_or_default()
    }

    /// Takes buffers that nobody needs any more.
    pub fn give(&self, runs: impl IntoIterator<Item = Vec<u8>>) {
        let (mut long, mut short) = (self.long.lock(), self.short.lock());
        for mut run in runs {
            let (kept, most) = match run.capacity() {
                MOST_RUN_BYTES => (&mut *long, MOST_LONG),
                1..=SHORT_BYTES => (&mut *short, MOST_SHORT),
                _ => continue,
            };
            if kept.len() < most {
                run.clear();
                kept.push(run);
            }
        }
    }
}

/// What a file has in memory. Guarded by [`Cell::content`](crate::cell::Cell::content).
#[derive(Default)]
pub struct Content {
    /// By first block.
    runs: Runs,
    bytes: usize,
    /// The block behind the last full run. What goes on there will make another.
    stream: Option<u64>,
    /// Clusters and records of the map that the runs will need.
    pub need: Need,
    /// Clusters that are promised for that. A flush, which holds this alone, takes off what it took.
    pub promised: AtomicU64,
    /// The place on the list of files with content in memory.
    pub ticket: Option<u64>,
    /// What became of content that could not be brought to the device; said once.
    pub error: Option<Error>,
}

/// What content will need on the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Clusters of content.
    pub clusters: u64,
    /// Records of an extent tree, or blocks of pointers.
    pub records: u64,
}

impl Content {
    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first run with a block at or behind `block`.
    pub fn next_run(&self, block: u64, bits: u32) -> Option<(u64, &[u8])> {
        let before = self.runs.at_or_before(block).filter(|(start, run)| *start + blocks(run, bits) > block);
        before.or_else(|| self.runs.at_or_behind(block))
    }

    /// Whether a block of `start..end` is here.
    pub fn overlaps(&self, start: u64, end: u64, bits: u32) -> bool {
        start < end && self.next_run(start, bits).is_some_and(|(first, _)| first < end)
    }

    /// All runs in order.
    pub fn runs(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.runs.iter()
    }

    /// Lays `buf` at byte `offset` over what is here. What is not here of the first and the last block becomes
    /// zeros.
    pub fn write(&mut self, mut offset: u64, mut buf: &[u8], bits: u32, buffers: &Buffers) {
        while !buf.is_empty() {
            let (block, within) = (offset >> bits, (offset & ((1 << bits) - 1)) as usize);
            let done = match self.run_with(block, bits) {
                Some((start, run)) => {
                    let at = ((block - start) << bits) as usize + within;
                    let len = (run.len() - at).min(buf.len());
                    run[at..at + len].copy_from_slice(&buf[..len]);
                    len
                }
                None => self.add(block, within, buf, bits, buffers),
            };
            (offset, buf) = (offset + done as u64, &buf[done..]);
        }
    }

    fn run_with(&mut self, block: u64, bits: u32) -> Option<(u64, &mut Vec<u8>)> {
        let found = self.runs.at_or_before_mut(block);
        found.filter(|(start, run)| *start + blocks(run, bits) > block)
    }

    /// Adds blocks from `block` on, none of which is here, up to the next run or the end of one; answers how many
    /// bytes of `buf` they took.
    fn add(&mut self, block: u64, within: usize, buf: &[u8], bits: u32, buffers: &Buffers) -> usize {
        let gap = self.runs.at_or_behind(block).map_or(u64::MAX, |(next, _)| next - block);
        let before = self.runs.at_or_before_mut(block);
        let before = before.filter(|(start, run)| *start + blocks(run, bits) == block);
        let run = match before.filter(|(_, run)| run.len() < MOST_RUN_BYTES) {
            Some((_, run)) => run,
            None if self.stream == Some(block) => self.runs.insert(block, buffers.take_long()),
            None => self.runs.insert(block, buffers.take_short()),
        };
        let room = (MOST_RUN_BYTES - run.len())
            .min(usize::try_from(gap.saturating_mul(1 << bits)).unwrap_or(usize::MAX));
        let len = buf.len().min(room - within);
        let whole = (within + len).next_multiple_of(1 << bits);
        let old = run.len();
        run.reserve(whole);
        run.resize(old + within, 0);
        run.extend_from_slice(&buf[..len]);
        run.resize(old + whole, 0);
        if run.len() == MOST_RUN_BYTES {
            self.stream = Some(block + (whole >> bits) as u64);
        }
        self.bytes += whole;
        len
    }

    /// Drops the blocks `start..end`.
    pub fn remove(&mut self, start: u64, end: u64, bits: u32) {
        while let Some(first) =
            self.next_run(start, bits).map(|(first, _)| first).filter(|first| *first < end)
        {
            let Some(mut run) = self.runs.remove(first) else { break };
            self.bytes -= run.len();
            let behind = first + blocks(&run, bits);
            if behind > end {
                let rest = run.split_off(((end - first) << bits) as usize);
                self.keep(end, rest);
            }
            if first < start {
                run.truncate(((start - first) << bits) as usize);
                self.keep(first, run);
            }
        }
    }

    fn keep(&mut self, start: u64, run: Vec<u8>) {
        self.bytes += run.len();
        self.runs.insert(start, run);
    }

    /// Makes zeros of what is here of the bytes `from..to`.
    pub fn zero(&mut self, from: u64, to: u64, bits: u32) {
        let mut at = from;
        while let Some(start) = self.next_run(at >> bits, bits).map(|(start, _)| start) {
            let Some((_, run)) = self.runs.at_or_before_mut(start) else { break };
            let (first, behind) = (start << bits, (start << bits) + run.len() as u64);
            let (zero_from, zero_to) = (at.max(first), to.min(behind));
            if zero_from >= zero_to {
                break;
            }
            run[(zero_from - first) as usize..(zero_to - first) as usize].fill(0);
            at = behind;
        }
    }

    /// Empties it, but for what is said of it: the error, the ticket, the promise.
    pub fn take_runs(&mut self) -> impl Iterator<Item = Vec<u8>> + use<> {
        self.bytes = 0;
        self.need = Need::default();
        core::mem::take(&mut self.runs).into_values()
    }
}

fn blocks(run: &[u8], bits: u32) -> u64 {
    (run.len() >> bits) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const BITS: u32 = 10;

    fn read(content: &Content, len: usize) -> Vec<u8> {
        let mut all = vec![0; len];
        for (start, run) in content.runs() {
            let at = (start << BITS) as usize;
            all[at..at + run.len()].copy_from_slice(run);
        }
        all
    }

    #[test]
    fn appending_makes_long_runs() {
        let (mut content, buffers) = (Content::default(), Buffers::default());
        for index in 0..3000u64 {
            content.write(index * 1000, &[index as u8; 1000], BITS, &buffers);
        }
        assert_eq!(content.runs().count(), 3);
        assert_eq!(content.bytes(), 3_000_320);
        let all = read(&content, content.bytes());
        assert!((0..3000).all(|index| all[index * 1000..(index + 1) * 1000] == [index as u8; 1000]));
        assert_eq!(all[3_000_000..], [0; 320]);
        buffers.give(content.take_runs());
        assert_eq!((content.bytes(), content.runs().count()), (0, 0));
        assert!(!buffers.long.lock().is_empty(), "the memory of full runs is kept");
    }

    #[test]
    fn every_operation_agrees_with_plain_bytes() {
        const LEN: usize = 64 << BITS;
        let (mut content, mut model) = (Content::default(), vec![0u8; LEN]);
        let buffers = Buffers::default();
        let mut state = 11u64;
        for step in 0..5000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (a, b) = ((state >> 20) as usize % LEN, (state >> 36) as usize % LEN);
            let (from, to) = (a.min(b), a.max(b));
            match state >> 60 {
                0..=9 => {
                    let to = to.min(from + 3000);
                    let bytes = vec![step as u8 | 1; to - from];
                    content.write(from as u64, &bytes, BITS, &buffers);
                    model[from..to].copy_from_slice(&bytes);
                }
                10..=12 => {
                    let (first, behind) = (from >> BITS, to >> BITS);
                    content.remove(first as u64, behind as u64, BITS);
                    model[first << BITS..behind << BITS].fill(0);
                }
                _ => {
                    content.zero(from as u64, to as u64, BITS);
                    model[from..to].fill(0);
                }
            }
            assert_eq!(content.bytes(), content.runs().map(|(_, run)| run.len()).sum::<usize>());
            assert!(read(&content, LEN) == model, "step {step}");
        }
    }
}
