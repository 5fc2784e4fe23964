//! Entries of a directory.
//!
//! Every entry gets a sequence number that is never used again. It is the cursor of `read_dir`, so a listing
//! in several calls sees each entry that stays exactly once, whatever comes and goes meanwhile.
//! Invariant: `by_name` and `by_sequence` hold the same entries.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{FileType, Ino};

/// Cursors 0 and 1 stand for `.` and `..`.
pub(crate) const FIRST_SEQUENCE: u64 = 2;

/// What a name stands for.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// The inode.
    pub ino: Ino,
    /// Its type.
    pub file_type: FileType,
}

/// One entry as a listing gives it.
pub(crate) struct Listed {
    /// Its number.
    pub sequence: u64,
    /// Its name.
    pub name: Arc<[u8]>,
    /// What it names.
    pub target: Target,
}

/// A directory.
pub(crate) struct Directory {
    /// What `..` names.
    pub parent: Ino,
    by_name: BTreeMap<Arc<[u8]>, (u64, Target)>,
    by_sequence: BTreeMap<u64, (Arc<[u8]>, Target)>,
    next_sequence: u64,
}

impl Directory {
    /// An empty directory.
    pub fn new(parent: Ino) -> Self {
        Self { parent, by_name: BTreeMap::new(), by_sequence: BTreeMap::new(), next_sequence: FIRST_SEQUENCE }
    }

    /// Count of entries without `.` and `..`.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is nothing but `.` and `..`.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// What `name` stands for.
    pub fn find(&self, name: &[u8]) -> Option<Target> {
        self.by_name.get(name).map(|&(_, target)| target)
    }

    /// Adds `name`, or gives it another target; a name that stays keeps its place in listings.
    pub fn set(&mut self, name: &[u8], target: Target) {
        if let Some((sequence, old)) = self.by_name.get_mut(name) {
            *old = target;
            if let Some((_, old)) = self.by_sequence.get_mut(sequence) {
                *old = target;
            }
            return;
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let name: Arc<[u8]> = name.into();
        self.by_name.insert(name.clone(), (sequence, target));
        self.by_sequence.insert(sequence, (name, target));
    }

    /// Removes `name`.
    pub fn remove(&mut self, name: &[u8]) -> Option<Target> {
        let (sequence, target) = self.by_name.remove(name)?;
        self.by_sequence.remove(&sequence);
        Some(target)
    }

    /// Up to `count` entries from sequence number `from` on.
    pub fn list(&self, from: u64, count: usize) -> Vec<Listed> {
        let entries = self.by_sequence.range(from..).take(count);
        entries
            .map(|(&sequence, (name, target))| Listed { sequence, name: name.clone(), target: *target })
            .collect()
    }
}
