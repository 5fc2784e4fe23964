//! Numbers that follow from a seed.

use std::ops::Range;

/// Such numbers, in the ways in which scenarios need them.
#[derive(Clone, Debug)]
pub struct Random(rump_random::Random);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(rump_random::Random::new(seed))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0.number()
    }

    /// A number of a range that is not empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.number() % (range.end - range.start)
    }

    /// Whether something happens that happens once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.number() % times == 0
    }

    /// Bytes of a stream of their own: those at `offset` and behind. The same seed gives the same stream, so that who reads
    /// it can tell each byte.
    pub fn fill_stream(seed: u64, offset: u64, bytes: &mut [u8]) {
        let word =
            |at: u64| Self::new(seed ^ (at >> 3).wrapping_mul(0xd6e8_feb8_6659_fd93)).number().to_le_bytes();
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let within = (at & 7) as usize;
            let count = rest.len().min(8 - within);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&word(at)[within..within + count]);
            (at, rest) = (at + count as u64, later);
        }
    }
}
