//! What is known of a directory while it is in use, so that neither looking for a name nor adding one reads all slots.
//!
//! It is made by reading them once, and follows every change; if an operation is taken back, it is dropped. Names are
//! not in it, but sums of them: what it finds is compared with the slots.

use super::gaps::{Gaps, Taken};
use super::scan::{File, Visit, scan};
use super::slots::Slots;
use crate::names::short::{self, Wanted};
use crate::names::{MOST_ALIAS, fold::fold};
use alloc::vec::Vec;
use core::hash::{BuildHasher, Hasher};
use core::ops::ControlFlow;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use rump_dosfs::Error;

/// Numbers of short names are remembered from here on.
const REMEMBERED: u32 = 16;

/// What is known of a directory.
pub struct Index {
    sums: DefaultHashBuilder,
    names: HashTable<Name>,
    /// How many files have each short name: one, if nothing is damaged.
    shorts: HashMap<[u8; 11], u32>,
    /// Of a basis for short names: all numbers below are taken.
    tails: HashMap<[u8; 11], u32>,
    gaps: Gaps,
}

/// A name of a file, of the two that it may have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    /// The short name of a file that has a long one.
    is_alias: bool,
    /// The slots; there are no more than 65,536.
    first: u16,
    last: u16,
    sum: u32,
}

impl Index {
    /// Reads all slots. Errors: EFTYPE, EIO.
    pub fn read(slots: &Slots<'_>) -> Result<Self, Error> {
        let mut index = Self {
            sums: DefaultHashBuilder::default(),
            names: HashTable::new(),
            shorts: HashMap::new(),
            tails: HashMap::new(),
            gaps: Gaps::new(slots.count()),
        };
        let (mut free, mut end) = (Vec::new(), slots.count());
        scan(slots, 0, &mut |visit| {
            match visit {
                Visit::File(file) => index.add(slots, &file),
                Visit::Free(slot) => free.push(slot),
                Visit::End(slot) => end = slot,
                Visit::Other(_) => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        index.gaps = Gaps::new(end);
        free.into_iter().for_each(|slot| index.gaps.add(slot, 1));
        Ok(index)
    }

    fn sum(&self, name: &[u16]) -> u32 {
        let mut hasher = self.sums.build_hasher();
        name.iter().for_each(|unit| hasher.write_u16(fold(*unit)));
        hasher.finish() as u32
    }

    /// A file is there.
    pub fn add(&mut self, slots: &Slots<'_>, file: &File<'_>) {
        for name in self.names_of(slots, file) {
            self.names.insert_unique(name.sum.into(), name, |name| name.sum.into());
        }
        *self.shorts.entry(file.entry.name).or_insert(0) += 1;
    }

    /// A file is not there any more; its slots are free, or something of the caller's.
    pub fn remove(&mut self, slots: &Slots<'_>, file: &File<'_>) {
        for name in self.names_of(slots, file) {
            if let Ok(found) = self.names.find_entry(name.sum.into(), |other| *other == name) {
                found.remove();
            }
        }
        let short = &file.entry.name;
        match self.shorts.get_mut(short) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.shorts.remove(short)),
        }
        if let Some(number) = short::number(short) {
            self.tails.values_mut().for_each(|from| *from = number.min(*from));
        }
    }

    fn names_of(&self, slots: &Slots<'_>, file: &File<'_>) -> impl Iterator<Item = Name> + use<> {
        let (first, last) = (file.first as u16, file.last as u16);
        let name = Name { is_alias: false, first, last, sum: self.sum(file.name) };
        let alias = (file.first < file.last).then(|| {
            let mut alias = Vec::new();
            short::shown(&file.entry.name, 0, slots.volume.options().page, &mut alias);
            Name { is_alias: true, sum: self.sum(&alias), ..name }
        });
        [Some(name), alias].into_iter().flatten()
    }

    /// The first slots of all that may be of this name, those that it would be the long name of first.
    pub fn candidates(&self, name: &[u16]) -> Vec<u32> {
        let sum = self.sum(name);
        let mut found: Vec<Name> = self
            .names
            .iter_hash(sum.into())
            .filter(|other| other.sum == sum && !(other.is_alias && name.len() > MOST_ALIAS))
            .copied()
            .collect();
        found.sort_unstable();
        found.iter().map(|name| name.first.into()).collect()
    }

    /// A short name that nobody has, but for the file of `leaving`.
    pub fn short_name(&mut self, wanted: &Wanted, leaving: Option<&[u8; 11]>) -> Option<[u8; 11]> {
        let from = self.tails.get(&wanted.basis).copied().unwrap_or(1);
        let is_taken = |name: &[u8; 11]| {
            self.shorts.get(name).is_some_and(|count| *count > u32::from(leaving == Some(name)))
        };
        let (name, number) = short::free(wanted, from, is_taken)?;
        if number >= REMEMBERED {
            self.tails.insert(wanted.basis, number);
        }
        Some(name)
    }

    /// Takes `count` slots. See [`Gaps::take`].
    pub fn take(&mut self, count: u32, rests: impl Fn(u32) -> bool) -> Taken {
        self.gaps.take(count, rests)
    }

    /// Slots are free.
    pub fn free(&mut self, first: u32, count: u32) {
        self.gaps.add(first, count);
    }
}
