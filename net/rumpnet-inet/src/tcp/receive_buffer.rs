//! What came: bytes in order for the program to read, and those that lie behind a gap.
//!
//! Places are counted from the first byte of the stream on, in 64 bits, so that nothing comes round. Memory is bounded
//! by the window, and by how many pieces there are.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::{Buf, Bytes};
use rump_kpi::packet::Packet;

/// Small pieces behind gaps: more have to be larger.
const MOST_PIECES: usize = 1024;
/// Bytes that a piece more costs.
const PIECE_BYTES: usize = 512;
/// Runs of pieces that are told, at most.
const MOST_BLOCKS: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub struct ReceiveBuffer {
    ready: VecDeque<Bytes>,
    ready_bytes: usize,
    /// Where the next byte belongs.
    next: u64,
    /// By their place; they do not overlap.
    later: BTreeMap<u64, Packet>,
    later_bytes: usize,
    /// Those that touch, as one: where they begin and end.
    runs: BTreeMap<u64, u64>,
    /// A place in each of those that came last behind a gap, the latest first.
    latest: [u64; MOST_BLOCKS],
}

impl ReceiveBuffer {
    /// Where the next byte belongs.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Bytes that can be read.
    pub fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Bytes that were read, or passed over.
    pub fn read_bytes(&self) -> u64 {
        self.next - self.ready_bytes as u64
    }

    /// The byte at a place, if it can be read.
    pub fn byte_at(&self, place: u64) -> Option<u8> {
        let mut left = usize::try_from(place.checked_sub(self.read_bytes())?).ok()?;
        for bytes in &self.ready {
            match bytes.get(left) {
                Some(byte) => return Some(*byte),
                None => left -= bytes.len(),
            }
        }
        None
    }

    /// The first of `length` bytes from `place` on that are there, and behind the last of those that follow it.
    pub fn overlap(&self, place: u64, length: u64) -> Option<(u64, u64)> {
        let end = place + length;
        if place < self.next {
            return Some((place, end.min(self.next))).filter(|_| length > 0);
        }
        let before = self.later.range(..=place).next_back();
        let covers = before.map(|(begin, piece)| (*begin, begin + piece.len() as u64));
        let found = covers.filter(|(_, behind)| *behind > place).or_else(|| {
            let (begin, piece) = self.later.range(place..end).next()?;
            Some((*begin, begin + piece.len() as u64))
        });
        let (begin, mut behind) = found?;
        // Pieces that touch are one.
        while let Some(piece) = self.later.get(&behind).filter(|_| behind < end) {
            behind += piece.len() as u64;
        }
        Some((begin.max(place), behind.min(end)))
    }

    /// Whether something lies behind a gap.
    pub fn has_gap(&self) -> bool {
        !self.later.is_empty()
    }

    /// Takes bytes that belong at `place`. Answers whether that moved [`next`](Self::next).
    pub fn insert(&mut self, place: u64, packet: Packet) -> bool {
        let (mut place, mut packet) = (place, packet);
        let skipped = self.next.saturating_sub(place);
        if skipped >= packet.len() as u64 {
            return false;
        }
        packet.advance(skipped as usize);
        place += skipped;
        if place > self.next {
            self.insert_later(place, packet);
            return false;
        }
        self.append(packet);
        while let Some(entry) = self.later.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (place, mut packet) = entry.remove_entry();
            self.later_bytes -= packet.len();
            packet.advance((self.next - place) as usize);
            self.append(packet);
        }
        while self.runs.first_key_value().is_some_and(|(begin, _)| *begin < self.next) {
            self.runs.pop_first();
        }
        true
    }

    fn append(&mut self, packet: Packet) {
        self.next += packet.len() as u64;
        self.ready_bytes += packet.len();
        self.ready.extend(packet.into_parts());
    }

    /// What of a packet is not there yet, in pieces between those that are.
    fn insert_later(&mut self, place: u64, packet: Packet) {
        let end = place + packet.len() as u64;
        let mut at = place;
        if let Some((before, piece)) = self.later.range(..=place).next_back() {
            at = at.max(before + piece.len() as u64);
        }
        let there: Vec<(u64, u64)> = self
            .later
            .range(at.min(end)..end)
            .map(|(begin, piece)| (*begin, begin + piece.len() as u64))
            .collect();
        for (begin, behind) in there.into_iter().chain([(end, end)]) {
            if at < begin && self.later.len() < MOST_PIECES + self.later_bytes / PIECE_BYTES {
                let length = (begin - at) as usize;
                self.later_bytes += length;
                self.later.insert(at, packet.slice((at - place) as usize, length));
                self.join(at, begin);
            }
            at = at.max(behind);
        }
        self.note_latest(place);
    }

    /// A piece is there: it makes one run with its neighbours.
    fn join(&mut self, begin: u64, end: u64) {
        let end = self.runs.remove(&end).unwrap_or(end);
        match self.runs.range_mut(..begin).next_back().filter(|(_, behind)| **behind == begin) {
            Some((_, behind)) => *behind = end,
            None => drop(self.runs.insert(begin, end)),
        }
    }

    /// The run that a place is in.
    fn run_at(&self, place: u64) -> Option<(u64, u64)> {
        let (begin, end) = self.runs.range(..=place).next_back()?;
        (*end > place).then_some((*begin, *end))
    }

    /// Something came at a place behind a gap.
    fn note_latest(&mut self, place: u64) {
        let Some(run) = self.run_at(place) else { return };
        let same = self.latest.iter().position(|other| self.run_at(*other) == Some(run));
        self.latest[..=same.unwrap_or(MOST_BLOCKS - 1)].rotate_right(1);
        self.latest[0] = place;
    }

    /// What lies behind gaps, the latest first (RFC 2018, section 4); no more than can be told.
    pub fn blocks(&self) -> Vec<(u64, u64)> {
        let mut blocks: Vec<(u64, u64)> = Vec::new();
        for run in self.latest.iter().filter_map(|place| self.run_at(*place)) {
            if !blocks.contains(&run) {
                blocks.push(run);
            }
        }
        blocks
    }

    /// The first bytes, no more than `limit`, which are taken away unless `peek` is set. They are shared, not copied: that
    /// is left to who holds no lock.
    pub fn read(&mut self, limit: usize, peek: bool) -> Vec<Bytes> {
        if peek {
            return self.peek_behind(0, limit);
        }
        let mut left = limit.min(self.ready_bytes);
        self.ready_bytes -= left;
        let mut pieces = Vec::new();
        while let Some(first) = self.ready.front_mut().filter(|_| left > 0) {
            let piece = first.split_to(left.min(first.len()));
            left -= piece.len();
            pieces.push(piece);
            if first.is_empty() {
                self.ready.pop_front();
            }
        }
        pieces
    }

    /// What lies behind the first `skip` bytes, which are no more than the first piece, and stays.
    pub fn peek_behind(&self, skip: usize, limit: usize) -> Vec<Bytes> {
        let (mut skip, mut left) = (skip, limit);
        let mut pieces = Vec::new();
        for piece in &self.ready {
            let end = piece.len().min(skip.saturating_add(left));
            if left == 0 {
                break;
            }
            if skip < end {
                pieces.push(piece.slice(skip..end));
                left -= end - skip;
            }
            skip = skip.saturating_sub(piece.len());
        }
        pieces
    }

    /// Takes the first byte away.
    pub fn skip_byte(&mut self) {
        let Some(first) = self.ready.front_mut() else { return };
        first.advance(1);
        self.ready_bytes -= 1;
        if first.is_empty() {
            self.ready.pop_front();
        }
    }

    /// Nobody reads what is ready.
    pub fn forget_ready(&mut self) {
        self.ready.clear();
        self.ready_bytes = 0;
    }

    /// Bytes of memory.
    pub fn held_bytes(&self) -> usize {
        self.ready_bytes + self.later_bytes
    }
}

/// Copies pieces to where they are wanted, as far as there is room; answers how much that was.
pub fn copy_out(pieces: &[Bytes], parts: &mut [&mut [u8]]) -> usize {
    let mut pieces = pieces.iter().map(|piece| &piece[..]);
    let (mut rest, mut total): (&[u8], usize) = (&[], 0);
    for part in parts {
        let mut filled = 0;
        while filled < part.len() {
            if rest.is_empty() {
                let Some(next) = pieces.next() else { return total };
                rest = next;
            }
            let (now, later) = rest.split_at(rest.len().min(part.len() - filled));
            part[filled..filled + now.len()].copy_from_slice(now);
            (filled, total, rest) = (filled + now.len(), total + now.len(), later);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_however_they_came_in() {
        let all: Vec<u8> = (0..20_000_u32).map(|n| (n * 13 % 251) as u8).collect();
        for seed in 0..50_u64 {
            let mut random = rump_random::Random::new(seed);
            let mut buffer = ReceiveBuffer::default();
            let mut out = Vec::new();
            while out.len() < all.len() {
                let start =
                    (buffer.next() + random.number() % 4000).saturating_sub(1500).min(all.len() as u64);
                let end = (start + 1 + random.number() % 1500).min(all.len() as u64);
                let packet = Packet::received(Bytes::copy_from_slice(&all[start as usize..end as usize]));
                buffer.insert(start, packet);
                let runs: Vec<(u64, u64)> = buffer.runs.iter().map(|(begin, end)| (*begin, *end)).collect();
                assert!(runs.windows(2).all(|pair| pair[0].1 < pair[1].0));
                assert_eq!(
                    runs.iter().map(|(begin, end)| (end - begin) as usize).sum::<usize>(),
                    buffer.later_bytes
                );
                let blocks = buffer.blocks();
                assert!(blocks.iter().all(|block| runs.contains(block)));
                if start > buffer.next() && start < end {
                    assert!(blocks[0].0 <= start && start < blocks[0].1, "the latest is the first");
                }
                let mut parts = [[0; 700], [0; 700]];
                let [first, second] = &mut parts;
                let peeked = copy_out(&buffer.read(1400, true), &mut [first, second]);
                let count = copy_out(&buffer.read(1400, false), &mut [first, second]);
                assert_eq!(peeked, count);
                out.extend_from_slice(&parts.concat()[..count]);
            }
            assert!(out == all, "seed {seed}");
            assert_eq!(buffer.held_bytes(), 0);
        }
    }

    #[test]
    fn many_small_pieces_are_bounded() {
        let mut buffer = ReceiveBuffer::default();
        for place in 0..10_000 {
            buffer.insert(place * 2 + 1, Packet::received(Bytes::from_static(b"x")));
        }
        assert!((MOST_PIECES..MOST_PIECES + 10).contains(&buffer.later.len()));
        assert_eq!(buffer.blocks().len(), MOST_BLOCKS);
    }
}
