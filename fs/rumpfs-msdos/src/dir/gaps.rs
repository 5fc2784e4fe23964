//! Free slots of a directory: runs of them between those that are taken, and all behind the last.

use alloc::collections::{BTreeMap, VecDeque};

/// Slots that one name takes at most: twenty for the long name, one for the short.
const MOST_WANTED: usize = 21;

/// The free slots.
pub struct Gaps {
    /// Where each run begins, and its length.
    runs: BTreeMap<u32, u32>,
    /// No run of so many slots begins before.
    earliest: [u32; MOST_WANTED + 1],
    /// Runs with slots that nobody may take yet.
    resting: VecDeque<(u32, u32)>,
    /// Nobody has this slot or any behind it.
    end: u32,
}

/// Slots that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The first.
    pub first: u32,
    /// They reach behind all that was taken before.
    pub is_end: bool,
}

impl Gaps {
    /// None, but all from `end` on.
    pub fn new(end: u32) -> Self {
        Self { runs: BTreeMap::new(), earliest: [0; MOST_WANTED + 1], resting: VecDeque::new(), end }
    }

    /// These are free from now on.
    pub fn add(&mut self, first: u32, count: u32) {
        let (mut first, mut count) = (first, count);
        if let Some((&before, &length)) = self.runs.range(..first).next_back() {
            if before + length == first {
                (first, count) = (before, length + count);
            }
        }
        if let Some(behind) = self.runs.remove(&(first + count)) {
            count += behind;
        }
        self.runs.insert(first, count);
        for earliest in self.earliest.iter_mut().take(count as usize + 1) {
            *earliest = first.min(*earliest);
        }
    }

    /// Takes the first `count` that follow each other and of which none rests.
    pub fn take(&mut self, count: u32, rests: impl Fn(u32) -> bool) -> Taken {
        let rest = |first: u32, count: u32| (first..first + count).any(&rests);
        while let Some((first, count)) = self.resting.front().copied().filter(|run| !rest(run.0, run.1)) {
            self.resting.pop_front();
            self.add(first, count);
        }
        let wanted = (count as usize).min(MOST_WANTED);
        while let Some((first, length)) = self.find(self.earliest[wanted], count) {
            self.runs.remove(&first);
            if rest(first, length) {
                self.resting.push_back((first, length));
                continue;
            }
            self.earliest[wanted] = first;
            if length > count {
                self.runs.insert(first + count, length - count);
            }
            return Taken { first, is_end: false };
        }
        self.earliest[wanted] = self.end;
        let last = self.runs.last_key_value().map(|(first, count)| (*first, *count));
        let first = match last {
            Some((first, count)) if first + count == self.end && !rest(first, count) => {
                self.runs.remove(&first);
                first
            }
            _ => self.end,
        };
        self.end = first + count;
        Taken { first, is_end: true }
    }

    fn find(&self, from: u32, count: u32) -> Option<(u32, u32)> {
        let found = self.runs.range(from..).find(|(_, length)| **length >= count);
        found.map(|(first, length)| (*first, *length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(gaps: &mut Gaps, count: u32) -> (u32, bool) {
        let taken = gaps.take(count, |_| false);
        (taken.first, taken.is_end)
    }

    #[test]
    fn the_first_run_that_is_long_enough_is_taken() {
        let mut gaps = Gaps::new(100);
        gaps.add(10, 2);
        gaps.add(20, 4);
        assert_eq!(take(&mut gaps, 3), (20, false));
        assert_eq!(take(&mut gaps, 1), (10, false));
        assert_eq!(take(&mut gaps, 2), (100, true));
        assert_eq!(take(&mut gaps, 1), (11, false));
        assert_eq!(take(&mut gaps, 1), (23, false));
        assert_eq!(take(&mut gaps, 1), (102, true));
    }

    #[test]
    fn neighbours_become_one_run_and_the_last_goes_on_behind_the_end() {
        let mut gaps = Gaps::new(30);
        gaps.add(10, 2);
        gaps.add(14, 2);
        assert_eq!(take(&mut gaps, 5), (30, true));
        gaps.add(12, 2);
        assert_eq!(take(&mut gaps, 6), (10, false));
        gaps.add(33, 2);
        assert_eq!(take(&mut gaps, 3), (33, true));
        assert_eq!(take(&mut gaps, 1), (36, true));
    }

    #[test]
    fn what_rests_is_taken_once_it_does_not() {
        let mut gaps = Gaps::new(30);
        gaps.add(10, 3);
        assert_eq!(gaps.take(2, |slot| slot == 12), Taken { first: 30, is_end: true });
        assert_eq!(take(&mut gaps, 2), (10, false));
        gaps.add(31, 1);
        assert_eq!(gaps.take(2, |slot| slot == 31), Taken { first: 32, is_end: true });
    }
}
