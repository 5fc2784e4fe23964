//! The mutator: changes fields of an image, then makes its checksums right again.
//!
//! Most mutants keep the geometry and change a few fields. One in sixteen keeps its wrong checksums, for the
//! code that meets them has to be met as well.

use crate::image::{BLOCK, Image, SIZE_MAX};

/// Changes in one mutant at most.
const CHANGES_MAX: u64 = 4;

/// Makes a mutant of `input`, no longer than `max_len`. `repair` makes its checksums right; `fuzzer` is the fuzzer's own mutation of a few bytes,
/// which knows what values the code under test compared with: it fills the window, and answers how much.
pub fn mutate(
    input: &[u8],
    max_len: usize,
    seed: u32,
    repair: fn(&mut Image),
    fuzzer: &mut dyn FnMut(&mut [u8]) -> usize,
) -> Option<Vec<u8>> {
    let mut image = Image::decode(input);
    let mut random = Random(rump_random::Random::new(u64::from(seed)));
    for _ in 0..=random.below(CHANGES_MAX) {
        change(&mut image, &mut random, fuzzer)?;
    }
    if random.below(16) != 0 {
        repair(&mut image);
    }
    let mutant = image.encode();
    (mutant.len() <= max_len).then_some(mutant)
}

fn change(image: &mut Image, random: &mut Random, fuzzer: &mut dyn FnMut(&mut [u8]) -> usize) -> Option<()> {
    let numbers = image.numbers();
    // Superblocks, descriptors and partition tables are at the front, and decide what the rest means.
    let front = &numbers[..numbers.len().min(3)];
    let among = if random.below(6) == 0 { front } else { &numbers };
    let number = *random.pick(among)?;
    match random.below(32) {
        0 => image.remove(number),
        1 => image.set_size((random.next() % SIZE_MAX) >> random.below(24)),
        2 => {
            let copy = *image.block_mut(number);
            *image.block_mut(*random.pick(&numbers)?) = copy;
        }
        3 => {
            let near = number.saturating_add(random.below(64) as u32).saturating_sub(32);
            let copy = *image.block_mut(number);
            *image.block_mut(near) = copy;
        }
        4..=6 => {
            let from = *image.block_mut(number);
            let to = image.block_mut(*random.pick(&numbers)?);
            let (len, at) = random.window(128);
            let source = random.below((BLOCK - len) as u64 + 1) as usize / 4 * 4;
            to[at..at + len].copy_from_slice(&from[source..source + len]);
        }
        7..=15 => {
            let (len, at) = random.busy_window(image.block_mut(number), 32);
            fuzzer(&mut image.block_mut(number)[at..at + len]);
        }
        _ => {
            let value = interesting(image, random, &numbers);
            let block = image.block_mut(number);
            let (_, at) = random.busy_window(block, 4);
            let width = [1, 2, 2, 4][random.below(4) as usize];
            let at = at + random.below(4) as usize / width * width;
            // Journals are big-endian.
            if random.below(4) == 0 {
                block[at..at + width].copy_from_slice(&value.to_be_bytes()[4 - width..]);
            } else {
                block[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            }
        }
    }
    Some(())
}

/// A value that fields of file systems are sensitive to.
fn interesting(image: &Image, random: &mut Random, numbers: &[u32]) -> u32 {
    const EDGES: &[u32] = &[0, 1, 2, 3, 4, 7, 8, 11, 12, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xfffc, 0xffff];
    match random.below(8) {
        0 => random.pick(EDGES).copied().unwrap_or(0),
        1 => 1 << random.below(32),
        2 => (1_u32 << random.below(32)).wrapping_sub(1 + random.below(2) as u32),
        3 => u32::MAX - random.below(2) as u32,
        4 => ((image.size() / BLOCK as u64) as u32).wrapping_add(random.below(3) as u32).wrapping_sub(1),
        5 => random.below(64) as u32,
        6 => random.next() as u32,
        _ => random.pick(numbers).copied().unwrap_or(0),
    }
}

/// A mutant follows from its input and the seed alone.
struct Random(rump_random::Random);

impl Random {
    fn next(&mut self) -> u64 {
        self.0.number()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len() as u64) as usize)
    }

    /// Length and place of some bytes of a block, on a border of four; often at its begin, where headers are.
    fn window(&mut self, longest: usize) -> (usize, usize) {
        let len = (1 + self.below(longest as u64 / 4) as usize) * 4;
        let room = if self.below(3) == 0 { 64 } else { BLOCK - len };
        (len, self.below(room as u64 / 4 + 1) as usize * 4)
    }

    /// The same, with something in it if that can be found: most bytes of metadata are zeros without meaning.
    fn busy_window(&mut self, block: &[u8; BLOCK], longest: usize) -> (usize, usize) {
        for _ in 0..8 {
            let (len, at) = self.window(longest);
            if block[at..at + len].iter().any(|byte| *byte != 0) {
                return (len, at);
            }
        }
        self.window(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_follows_from_its_seed_and_keeps_to_the_limit() {
        let raw: Vec<u8> = (0..8 * BLOCK).map(|at| (at / 7) as u8).collect();
        let input = Image::from_raw(&raw).encode();
        let make = |seed, max| mutate(&input, max, seed, |_| {}, &mut |window| window.len());
        assert_eq!(make(3, usize::MAX), make(3, usize::MAX));
        assert!((0..500).filter_map(|seed| make(seed, input.len())).all(|m| m.len() <= input.len()));
        assert!((0..500).filter_map(|seed| make(seed, input.len())).filter(|m| *m != input).count() > 400);
    }
}
