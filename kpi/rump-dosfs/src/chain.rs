//! A chain of clusters as runs of consecutive ones, so that a place in a long file is found without walking there.
//!
//! Nothing here knows how a chain is stored.

use alloc::vec::Vec;

/// Consecutive clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub start: u32,
    /// How many.
    pub count: u32,
}

impl Run {
    /// The cluster after the last.
    pub fn end(self) -> u32 {
        self.start + self.count
    }
}

/// The beginning of a chain, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Each run with the number of clusters before it.
    runs: Vec<(u32, Run)>,
}

impl Chain {
    /// How many clusters.
    pub fn len(&self) -> u32 {
        self.runs.last().map_or(0, |(before, run)| before + run.count)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The first cluster.
    pub fn first(&self) -> Option<u32> {
        self.runs.first().map(|(_, run)| run.start)
    }

    /// The last cluster.
    pub fn last(&self) -> Option<u32> {
        self.runs.last().map(|(_, run)| run.end() - 1)
    }

    /// Adds clusters behind the last.
    pub fn push(&mut self, added: Run) {
        let before = self.len();
        match self.runs.last_mut() {
            Some((_, run)) if run.end() == added.start => run.count += added.count,
            _ => self.runs.push((before, added)),
        }
    }

    /// The clusters from number `index` of the chain on that are consecutive.
    pub fn find(&self, index: u32) -> Option<Run> {
        let at = self.runs.partition_point(|(before, _)| *before <= index).checked_sub(1)?;
        let (before, run) = self.runs.get(at)?;
        let skip = index - before;
        (skip < run.count).then(|| Run { start: run.start + skip, count: run.count - skip })
    }

    /// Takes away all but the first `count` clusters.
    pub fn truncate(&mut self, count: u32) {
        while let Some((before, run)) = self.runs.last_mut() {
            if *before < count {
                run.count = run.count.min(count - *before);
                return;
            }
            self.runs.pop();
        }
    }

    /// A cluster that is in the chain twice.
    pub fn repeated(&self) -> Option<u32> {
        let mut runs: Vec<Run> = self.runs.iter().map(|(_, run)| *run).collect();
        runs.sort_unstable_by_key(|run| run.start);
        runs.windows(2).find(|pair| pair[0].end() > pair[1].start).map(|pair| pair[1].start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(runs: &[(u32, u32)]) -> Chain {
        let mut chain = Chain::default();
        runs.iter().for_each(|&(start, count)| chain.push(Run { start, count }));
        chain
    }

    #[test]
    fn neighbours_become_one_run() {
        let chain = chain(&[(5, 1), (6, 2), (20, 3)]);
        assert_eq!(chain.runs.len(), 2);
        assert_eq!((chain.len(), chain.first(), chain.last()), (6, Some(5), Some(22)));
        assert_eq!(chain.find(1), Some(Run { start: 6, count: 2 }));
        assert_eq!(chain.find(3), Some(Run { start: 20, count: 3 }));
        assert_eq!(chain.find(6), None);
    }

    #[test]
    fn a_cut_leaves_the_beginning() {
        let mut chain = chain(&[(5, 3), (20, 3)]);
        chain.truncate(4);
        assert_eq!((chain.len(), chain.last()), (4, Some(20)));
        chain.truncate(3);
        assert_eq!((chain.len(), chain.last()), (3, Some(7)));
        chain.truncate(0);
        assert_eq!((chain.len(), chain.first()), (0, None));
    }

    #[test]
    fn a_loop_is_seen() {
        assert_eq!(chain(&[(5, 3), (2, 2), (7, 1)]).repeated(), Some(7));
        assert_eq!(chain(&[(5, 3), (2, 2), (8, 1)]).repeated(), None);
    }
}
