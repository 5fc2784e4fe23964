//! Sequence numbers: they come round, and of two the one is later that lies less than half the way ahead (RFC 9293,
//! section 3.4).

use core::ops::{Add, AddAssign, Sub};

/// A number in a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SeqNumber(pub u32);

impl SeqNumber {
    /// Whether this comes before another.
    pub fn is_before(self, other: Self) -> bool {
        ((self.0.wrapping_sub(other.0)) as i32) < 0
    }

    /// Whether this comes after another.
    pub fn is_after(self, other: Self) -> bool {
        other.is_before(self)
    }

    /// The later of two.
    pub fn max(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    /// The earlier of two.
    pub fn min(self, other: Self) -> Self {
        if self.is_before(other) { self } else { other }
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, count: u32) {
        *self = *self + count;
    }
}

impl Sub for SeqNumber {
    type Output = u32;

    /// How far it is from `other`, which is not later.
    fn sub(self, other: Self) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_later_stays_so_when_numbers_come_round() {
        for start in [0, 1, 0x7fff_fff0, 0x8000_0000, 0xffff_fff0] {
            let first = SeqNumber(start);
            for step in [1, 100, 0x7fff_ffff] {
                let later = first + step;
                assert!(first.is_before(later) && later.is_after(first) && !later.is_before(first));
                assert_eq!((later - first, first.max(later), later.min(first)), (step, later, first));
            }
            assert!(!first.is_before(first) && !first.is_after(first));
        }
    }
}
