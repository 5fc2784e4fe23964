//! Which numbers are taken, so that the lowest free one is found without looking at each.

use alloc::vec::Vec;

const BITS: u32 = u64::BITS;

/// A set of numbers.
#[derive(Clone, Default)]
pub(super) struct Numbers {
    /// A bit for each number.
    taken: Vec<u64>,
    /// A bit for each word of `taken` that is full.
    full: Vec<u64>,
}

impl Numbers {
    pub(super) fn insert(&mut self, number: u32) {
        let word = (number / BITS) as usize;
        if self.taken.len() <= word {
            self.taken.resize(word + 1, 0);
            self.full.resize(word / BITS as usize + 1, 0);
        }
        self.taken[word] |= 1 << (number % BITS);
        if self.taken[word] == u64::MAX {
            self.full[word / BITS as usize] |= 1 << (word as u32 % BITS);
        }
    }

    pub(super) fn remove(&mut self, number: u32) {
        let word = (number / BITS) as usize;
        if let Some(bits) = self.taken.get_mut(word) {
            *bits &= !(1 << (number % BITS));
            self.full[word / BITS as usize] &= !(1 << (word as u32 % BITS));
        }
    }

    /// The lowest number that is neither taken nor below `least`.
    pub(super) fn lowest_free(&self, least: u32) -> u32 {
        let word = least / BITS;
        let below = (1_u64 << (least % BITS)) - 1;
        let bits = self.taken.get(word as usize).copied().unwrap_or(0) | below;
        if bits != u64::MAX {
            return word * BITS + bits.trailing_ones();
        }
        let word = self.first_not_full(word + 1);
        let bits = self.taken.get(word as usize).copied().unwrap_or(0);
        word * BITS + bits.trailing_ones()
    }

    fn first_not_full(&self, least: u32) -> u32 {
        let mut summary = (least / BITS) as usize;
        let mut below = (1_u64 << (least % BITS)) - 1;
        while let Some(full) = self.full.get(summary) {
            if full | below != u64::MAX {
                return summary as u32 * BITS + (full | below).trailing_ones();
            }
            (summary, below) = (summary + 1, 0);
        }
        (summary as u32 * BITS).max(least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn the_lowest_free_number_is_that_of_a_plain_set() {
        let (mut numbers, mut plain, mut random) = (Numbers::default(), BTreeSet::new(), 1_u64);
        for round in 0..60_000_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) as u32 % 9_000;
            // Filled at first, so that whole words and their summaries are full.
            if round < 9_000 {
                numbers.insert(round);
                plain.insert(round);
            } else if random % 2 == 0 {
                numbers.remove(number);
                plain.remove(&number);
            } else {
                numbers.insert(number);
                plain.insert(number);
            }
            if round % 97 == 0 {
                let least = (random >> 40) as u32 % 10_000;
                let expected = (least..).find(|number| !plain.contains(number));
                assert_eq!(Some(numbers.lowest_free(least)), expected, "from {least} on");
            }
        }
    }

    #[test]
    fn an_empty_set_has_all_numbers_free() {
        assert_eq!([0, 63, 64, 5_000].map(|least| Numbers::default().lowest_free(least)), [0, 63, 64, 5_000]);
    }
}
