//! Runs of content by their first block. The only run of a file, which is what most files have, takes no memory but its
//! own.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// See the module. At most one of both holds anything.
#[derive(Default)]
pub struct Runs {
    only: Option<(u64, Vec<u8>)>,
    many: BTreeMap<u64, Vec<u8>>,
}

impl Runs {
    /// Adds a run that begins where none does.
    pub fn insert(&mut self, start: u64, run: Vec<u8>) -> &mut Vec<u8> {
        if self.only.is_none() && self.many.is_empty() {
            return &mut self.only.insert((start, run)).1;
        }
        self.many.extend(self.only.take());
        let place = self.many.entry(start).or_default();
        *place = run;
        place
    }

    /// Takes out the run that begins at `start`.
    pub fn remove(&mut self, start: u64) -> Option<Vec<u8>> {
        match self.only.take_if(|(only, _)| *only == start) {
            Some((_, run)) => Some(run),
            None => self.many.remove(&start),
        }
    }

    /// The last run that begins at or before `block`.
    pub fn at_or_before(&self, block: u64) -> Option<(u64, &[u8])> {
        let only = self.only.as_ref().filter(|(start, _)| *start <= block).map(|(start, run)| (start, run));
        let found = only.or_else(|| self.many.range(..=block).next_back());
        found.map(|(start, run)| (*start, run.as_slice()))
    }

    /// As [`at_or_before`](Self::at_or_before), to be changed.
    pub fn at_or_before_mut(&mut self, block: u64) -> Option<(u64, &mut Vec<u8>)> {
        match &mut self.only {
            Some((start, run)) => (*start <= block).then_some((*start, run)),
            None => self.many.range_mut(..=block).next_back().map(|(start, run)| (*start, run)),
        }
    }

    /// The first run that begins at or behind `block`.
    pub fn at_or_behind(&self, block: u64) -> Option<(u64, &[u8])> {
        let only = self.only.as_ref().filter(|(start, _)| *start >= block).map(|(start, run)| (start, run));
        let found = only.or_else(|| self.many.range(block..).next());
        found.map(|(start, run)| (*start, run.as_slice()))
    }

    /// All in order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let only = self.only.iter().map(|(start, run)| (*start, run.as_slice()));
        only.chain(self.many.iter().map(|(start, run)| (*start, run.as_slice())))
    }

    /// The memory of all.
    pub fn into_values(self) -> impl Iterator<Item = Vec<u8>> {
        self.only.into_iter().map(|(_, run)| run).chain(self.many.into_values())
    }
}
