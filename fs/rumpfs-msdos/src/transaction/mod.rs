//! Changing metadata: one operation at a time, as a whole or not at all.
//!
//! An operation changes sectors of the table and of directories in the cache, where they stay pinned until a commit
//! brings them to the device. If it fails, everything it changed is put back.
//!
//! # Order
//! A commit writes what all operations since the last one changed (their epoch), so that whatever of it a crash
//! leaves, no file is longer than its chain and no cluster is in two chains:
//!
//! 1. the table (all copies), then a flush, by which content and new directories are durable as well. Entries by which
//!    a chain that is durable goes on to another sector are still as they were: *late* entries;
//! 2. if there are such, the table as it is now, and a flush;
//! 3. the directories, and a flush. The slots that a rename leaves are still as they were: late as well;
//! 4. if there are such, the directories as they are now, and a flush;
//! 5. only now the clusters that the epoch freed become free in the table, and go to the device with the next commit.
//!    A chain that lost its end is cut first, and the end becomes free one commit later.
//!
//! Operations go on meanwhile: what a commit writes is what was in the cache when it began.
//!
//! Locks: `committing`, then `state`; leaves: the cache's. `state` is held for an operation, the reading of sectors
//! included, and never while a commit writes.

mod commit;
mod flags;
mod operation;

pub use operation::Operation;

use crate::fat;
use crate::nodes::Cell;
use crate::volume::Volume;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use hashbrown::HashSet;
use rump_dosfs::Error;
use rump_kpi::cache::Block;
use rump_kpi::sync::Mutex;
use rump_kpi::{Errno, TimeSpec};

/// As many bytes of changed sectors make a commit due.
const MOST_DIRTY_BYTES: usize = 8 << 20;
/// So long after the first change of an epoch its commit is due.
const MOST_AGE: Duration = Duration::from_secs(5);

/// Which of the two kinds of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The table.
    Table,
    /// Directories.
    Directory,
}

/// A changed sector.
struct Dirty {
    kind: Kind,
    /// What is durable before this epoch's commit.
    durable: Block,
    /// What is written in the second round.
    late: Vec<Late>,
}

/// A part of a sector.
#[derive(Clone)]
struct Late {
    bytes: Range<usize>,
    /// Which bits of each.
    mask: u8,
}

/// Clusters that are to become free.
enum Freed {
    /// The chain from a cluster on.
    Chain { first: u32, count: u32 },
    /// All after `last`, which stays.
    Tail { cell: Arc<Cell>, last: u32, count: u32 },
}

impl Freed {
    fn count(&self) -> u32 {
        match self {
            Self::Chain { count, .. } | Self::Tail { count, .. } => *count,
        }
    }
}

/// Free clusters, as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Space {
    /// How many, if it was counted or said.
    pub free: Option<u32>,
    /// Whether `free` was counted: then nobody looks for what is not there.
    pub is_counted: bool,
    /// Where to look.
    pub hint: u32,
    /// How many will become free.
    pub pending: u32,
}

/// What the operations of an epoch changed.
#[derive(Default)]
struct Epoch {
    dirty: BTreeMap<u64, Dirty>,
    freed: Vec<Freed>,
    /// Places of slots that show their old content until the end of the commit.
    resting: Vec<u64>,
    since: Option<TimeSpec>,
}

/// Behind the lock.
#[derive(Default)]
struct State {
    epoch: Epoch,
    /// Slots that nobody may take yet, of all epochs.
    resting: HashSet<u64>,
    space: Space,
    /// The volume is marked as being written.
    is_marked: bool,
}

/// What a mount for writing needs.
pub struct Writer {
    state: Mutex<State>,
    committing: Mutex<()>,
    /// A commit failed: what is on the device is not known.
    has_failed: AtomicBool,
    /// The volume was left in order: it is marked while it is written.
    was_clean: bool,
}

impl Writer {
    /// For a volume that was left in order, or not.
    pub fn new(space: Space, was_clean: bool) -> Self {
        let state = Mutex::new(State { space, ..State::default() });
        Self { state, committing: Mutex::new(()), has_failed: AtomicBool::new(false), was_clean }
    }

    /// How many clusters are free, or will be with the next commits. Counted if nobody knows. Errors: EFTYPE, EIO.
    pub fn free_clusters(&self, volume: &Volume) -> Result<u32, Error> {
        let mut state = self.state.lock();
        let free = match state.space.free {
            Some(free) => free,
            None => fat::count_free(volume)?,
        };
        state.space.free = Some(free);
        Ok(free.saturating_add(state.space.pending).min(volume.geometry().clusters))
    }

    fn check(&self) -> Result<(), Error> {
        if self.has_failed.load(Ordering::Acquire) {
            return Err(Error::Explained(
                Errno::EIO,
                "an earlier write failed: the volume takes no changes any more",
            ));
        }
        Ok(())
    }
}

impl Volume {
    /// Does an operation. Errors: EROFS, EIO, those of `change`, after which nothing is changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut Operation<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let writer = self.writer()?;
        writer.check()?;
        let mut state = writer.state.lock();
        if !state.is_marked && writer.was_clean {
            flags::mark(self)?;
            state.is_marked = true;
        }
        let mut operation = Operation::new(self, &mut state);
        let result = change(&mut operation);
        match result {
            Ok(_) => operation.finish(),
            Err(_) => operation.undo(),
        }
        let began = state.epoch.since.is_none();
        let age = self.age(&mut state);
        let bytes = state.epoch.dirty.len() * self.geometry().sector_size as usize;
        drop(state);
        if bytes > MOST_DIRTY_BYTES || age.is_some_and(|age| age >= MOST_AGE) {
            self.commit()?;
        } else if began && age.is_some() {
            self.ask_for_write_behind();
        }
        result
    }

    /// How long ago the epoch began, if anything was changed.
    fn age(&self, state: &mut State) -> Option<Duration> {
        if state.epoch.dirty.is_empty() && state.epoch.freed.is_empty() {
            return None;
        }
        let now = self.now();
        let since = *state.epoch.since.get_or_insert(now);
        Some(Duration::from_secs(now.sec.saturating_sub(since.sec).try_into().unwrap_or(0)))
    }

    /// Commits what is old. Answers when to look again, if there is anything.
    pub fn write_behind(&self) -> Option<Duration> {
        let writer = self.writer().ok()?;
        let age = self.age(&mut writer.state.lock())?;
        if age < MOST_AGE {
            return Some(MOST_AGE - age);
        }
        // What goes wrong, the next change and the next sync tell.
        self.commit().ok()?;
        self.age(&mut writer.state.lock()).map(|_| MOST_AGE)
    }

    /// As [`change`](Self::change); where there is no space, what was freed before is made free first.
    pub fn change_with_space<T>(
        &self,
        mut change: impl FnMut(&mut Operation<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let result = self.change(&mut change);
            let Err(Error::Refused(Errno::ENOSPC)) = result else { return result };
            if !self.reclaim()? {
                return result;
            }
        }
    }

    /// Makes free what is on its way to it. Answers whether there was anything.
    fn reclaim(&self) -> Result<bool, Error> {
        let pending = |writer: &Writer| writer.state.lock().space.pending;
        let writer = self.writer()?;
        let is_pending = pending(writer) > 0;
        if is_pending {
            self.commit()?;
        }
        Ok(is_pending)
    }
}
