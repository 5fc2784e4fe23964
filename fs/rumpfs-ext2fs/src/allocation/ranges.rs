//! A set of ranges of numbers, as few as describe it.

use alloc::collections::BTreeMap;

/// Disjoint ranges that do not touch, by their first number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet {
    /// First number to the number behind the last.
    ranges: BTreeMap<u64, u64>,
}

impl RangeSet {
    /// Adds `start..end`; what is in the set already stays.
    pub fn insert(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        while let Some((&first, &behind)) = self.ranges.range(..=end).next_back() {
            if behind < start {
                break;
            }
            start = start.min(first);
            end = end.max(behind);
            self.ranges.remove(&first);
        }
        self.ranges.insert(start, end);
    }

    /// Removes `start..end`; what is not in the set is no error.
    pub fn remove(&mut self, start: u64, end: u64) {
        while let Some((&first, &behind)) = self.ranges.range(..end).next_back() {
            if start >= end || behind <= start {
                break;
            }
            self.ranges.remove(&first);
            if end < behind {
                self.ranges.insert(end, behind);
            }
            if first < start {
                self.ranges.insert(first, start);
            }
        }
    }

    /// The first range that has a number in `start..end`, whole.
    pub fn overlapping(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let before = self.ranges.range(..=start).next_back().filter(|(_, behind)| **behind > start);
        let found = before.or_else(|| self.ranges.range(start..end).next());
        found.filter(|_| start < end).map(|(first, behind)| (*first, *behind))
    }

    /// Whether `number` is in the set.
    #[cfg(test)]
    pub fn contains(&self, number: u64) -> bool {
        self.overlapping(number, number.saturating_add(1)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut set = RangeSet::default();
        set.insert(10, 20);
        set.insert(30, 40);
        set.insert(20, 30);
        assert_eq!(set.overlapping(0, 100), Some((10, 40)));
        assert_eq!(set.ranges.len(), 1);
        set.insert(5, 50);
        assert_eq!(set.overlapping(49, 50), Some((5, 50)));
    }

    #[test]
    fn removal_splits() {
        let mut set = RangeSet::default();
        set.insert(0, 100);
        set.remove(40, 60);
        assert!(set.contains(39) && !set.contains(40) && !set.contains(59) && set.contains(60));
        set.remove(0, 1000);
        assert_eq!(set, RangeSet::default());
    }

    #[test]
    fn every_operation_agrees_with_a_set_of_numbers() {
        let (mut set, mut model) = (RangeSet::default(), [false; 64]);
        let mut state = 7u64;
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (a, b) = ((state >> 20) % 64, (state >> 40) % 64);
            let inserts = state >> 60 & 1 == 0;
            if inserts {
                set.insert(a, b)
            } else {
                set.remove(a, b)
            }
            (a..b).for_each(|number| model[number as usize] = inserts);
            for (number, expected) in (0u64..).zip(model) {
                assert_eq!(set.contains(number), expected);
            }
        }
    }
}
