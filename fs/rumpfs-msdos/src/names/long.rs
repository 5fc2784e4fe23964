//! Long names: slots before that of the short name, the last part first, bound to it by a sum over its bytes.

use crate::layout::{Attributes, LastLong, LongEntry};
use crate::names::MOST_UNITS;
use alloc::vec::Vec;
use rump_dosfs::SLOT_BYTES;
use zerocopy::little_endian::U16;
use zerocopy::{FromBytes, IntoBytes};

/// Units in a slot.
pub const UNITS_PER_SLOT: usize = 13;
/// Slots of the longest name.
const MOST_SLOTS: u8 = 20;
/// Stands behind the end of a name in the rest of its slot.
const PADDING: u16 = 0xffff;

/// The sum that binds a long name to a short one.
pub fn checksum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Gathers a long name while slots are read in order.
#[derive(Default)]
pub struct Gatherer {
    units: Vec<u16>,
    checksum: u8,
    /// Slots that are still to come; `None` while there is no name.
    missing: Option<u8>,
}

impl Gatherer {
    /// Takes the next slot of a name. Answers whether it begins one.
    pub fn take(&mut self, slot: &LongEntry) -> bool {
        let number = slot.ord & LastLong::ORDER;
        let begins = slot.ord & LastLong::FLAG != 0 && (1..=MOST_SLOTS).contains(&number);
        if begins {
            self.units.clear();
            self.units.resize(usize::from(number) * UNITS_PER_SLOT, 0);
            self.checksum = slot.chksum;
        } else if number == 0
            || self.missing != Some(number)
            || self.checksum != slot.chksum
            || slot.ord != number
        {
            self.missing = None;
            return false;
        }
        let at = usize::from(number - 1) * UNITS_PER_SLOT;
        let parts = slot.name1.iter().chain(&slot.name2).chain(&slot.name3);
        for (unit, stored) in self.units[at..].iter_mut().zip(parts) {
            *unit = stored.get();
        }
        self.missing = Some(number - 1);
        begins
    }

    /// Forgets what was gathered.
    pub fn reset(&mut self) {
        self.missing = None;
    }

    /// The name, if all of it was there and it belongs to this short one.
    pub fn finish(&mut self, short: &[u8; 11]) -> Option<&[u16]> {
        let complete = self.missing.take() == Some(0) && self.checksum == checksum(short);
        let end = self.units.iter().position(|unit| *unit == 0).unwrap_or(self.units.len());
        (complete && (1..=MOST_UNITS).contains(&end)).then(|| &self.units[..end])
    }
}

/// How many slots a long name takes.
pub fn slots_for(units: &[u16]) -> usize {
    units.len().div_ceil(UNITS_PER_SLOT)
}

/// The slots of a name, in the order in which they are stored.
pub fn slots(units: &[u16], short: &[u8; 11]) -> Vec<[u8; SLOT_BYTES]> {
    let sum = checksum(short);
    let count = slots_for(units);
    let slot = |index: usize| {
        let part = &units[index * UNITS_PER_SLOT..units.len().min((index + 1) * UNITS_PER_SLOT)];
        let unit =
            |at: usize| U16::new(part.get(at).copied().unwrap_or(if at == part.len() { 0 } else { PADDING }));
        let last = if index + 1 == count { LastLong::FLAG } else { 0 };
        let entry = LongEntry {
            ord: (index + 1) as u8 | last,
            name1: core::array::from_fn(unit),
            attr: Attributes::LONG_NAME,
            kind: 0,
            chksum: sum,
            name2: core::array::from_fn(|at| unit(at + 5)),
            fst_clus_lo: U16::ZERO,
            name3: core::array::from_fn(|at| unit(at + 11)),
        };
        let mut bytes = [0; SLOT_BYTES];
        bytes.copy_from_slice(entry.as_bytes());
        bytes
    };
    (0..count).rev().map(slot).collect()
}

/// Whether a slot holds a part of a long name.
pub fn parse(slot: &[u8; SLOT_BYTES]) -> Option<&LongEntry> {
    let entry = LongEntry::ref_from_bytes(slot).ok()?;
    (entry.attr & Attributes::LONG_NAME_MASK == Attributes::LONG_NAME).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &[u8; 11] = b"A~1        ";

    fn gather(slots: &[[u8; SLOT_BYTES]], short: &[u8; 11]) -> Option<Vec<u16>> {
        let mut gatherer = Gatherer::default();
        for slot in slots.iter().filter_map(parse) {
            gatherer.take(slot);
        }
        gatherer.finish(short).map(<[u16]>::to_vec)
    }

    #[test]
    fn names_of_every_length_come_back() {
        for length in 1..=MOST_UNITS {
            let units: Vec<u16> = (0..length).map(|at| 0x61 + (at % 26) as u16).collect();
            assert_eq!(gather(&slots(&units, SHORT), SHORT), Some(units));
        }
    }

    #[test]
    fn a_name_that_lacks_a_part_or_belongs_to_another_is_none() {
        let units = [0x62; 40];
        let whole = slots(&units, SHORT);
        assert_eq!(gather(&whole[1..], SHORT), None);
        assert_eq!(gather(&whole[..whole.len() - 1], SHORT), None);
        assert_eq!(gather(&whole, b"B~1        "), None);
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert_eq!(gather(&swapped, SHORT), None);
    }
}
