//! The table of upper case that the volume brings along (specification, section 7.2): what of names differs in case
//! alone is the same.

use crate::sums;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Units that the table has a value for.
const UNITS: usize = 1 << 16;
/// Bytes of the longest table: one that is not compressed.
pub const MOST_BYTES: u64 = 2 * UNITS as u64;
/// In a compressed table: as many units as the next value says stay as they are.
const SKIP: u16 = 0xffff;

/// The table.
pub struct Upcase {
    table: Box<[u16]>,
}

impl Upcase {
    /// Units from `parse` on stand for themselves where the table says nothing. Errors: the rule that is broken.
    pub fn parse(bytes: &[u8], sum: u32) -> Result<Self, &'static str> {
        if bytes.len() as u64 > MOST_BYTES || bytes.len() % 2 != 0 {
            return Err("a length that no table has");
        }
        if sums::of_table(0, bytes) != sum {
            return Err("its sum is wrong");
        }
        let mut table: Vec<u16> = (0..=u16::MAX).collect();
        let mut values = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let is_plain = bytes.len() as u64 == MOST_BYTES;
        let mut at = 0;
        while let Some(value) = values.next() {
            match values.size_hint().0 {
                left if value == SKIP && !is_plain && left > 0 => {
                    at += usize::from(values.next().unwrap_or(0));
                }
                _ => {
                    *table.get_mut(at).ok_or("it says more than there are units")? = value;
                    at += 1;
                }
            }
        }
        if at > UNITS {
            return Err("it says more than there are units");
        }
        Ok(Self { table: table.into() })
    }

    /// The unit that stands for all that differ from this one in case alone.
    pub fn fold(&self, unit: u16) -> u16 {
        self.table.get(usize::from(unit)).copied().unwrap_or(unit)
    }

    /// The hash of a name.
    pub fn hash(&self, name: &[u16]) -> u16 {
        sums::of_name(name.iter().map(|unit| self.fold(*unit)))
    }

    /// Whether two names differ in case at most.
    pub fn is_same(&self, one: &[u16], other: &[u16]) -> bool {
        one.len() == other.len() && one.iter().zip(other).all(|(a, b)| self.fold(*a) == self.fold(*b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(values: &[u16]) -> Result<Upcase, &'static str> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Upcase::parse(&bytes, sums::of_table(0, &bytes))
    }

    #[test]
    fn what_is_passed_over_stays_as_it_is() {
        let table = parse(&[SKIP, 0x61, 0x41, 0x42, SKIP, 0xff9d]).unwrap();
        assert_eq!(
            [0x60, 0x61, 0x62, 0x63, 0xffff].map(|unit| table.fold(unit)),
            [0x60, 0x41, 0x42, 0x63, 0xffff]
        );
        assert!(table.is_same(&[0x61, 0x7a], &[0x41, 0x7a]) && !table.is_same(&[0x7a], &[0x5a]));
    }

    #[test]
    fn a_whole_table_is_taken_word_for_word() {
        let mut values: Vec<u16> = (0..=u16::MAX).collect();
        values[0x61] = SKIP;
        let table = parse(&values).unwrap();
        assert_eq!((table.fold(0x61), table.fold(0x62)), (SKIP, 0x62));
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(Upcase::parse(&[0, 0], 1).is_err() && Upcase::parse(&[0], 0).is_err());
        assert!(Upcase::parse(&alloc::vec![0; MOST_BYTES as usize + 2], 0).is_err());
        assert!(parse(&[SKIP, 0xffff, 1, 2]).is_err() && parse(&[SKIP, 0xffff, SKIP, 2]).is_err());
    }
}
