//! Changing metadata: one operation at a time, as a whole or not at all.
//!
//! An operation changes sectors of the table and of directories in the cache, where they stay pinned until a commit
//! brings them to the device. If it fails, everything it changed is put back.
//!
//! # Order
//! A commit writes what all operations since the last one changed (their epoch), so that whatever of it a crash
//! leaves, no file is longer than its chain and no cluster is in two chains:
//!
//! 1. the table (all copies; with it whatever says which clusters are free), then a flush, by which content and new directories are durable as well. Entries by which
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
mod operation;

pub use operation::Operation;

use crate::Error;
use crate::nodes::Numbered;
use crate::sectors::Sectors;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use hashbrown::HashSet;
use rump_kpi::cache::Block;
use rump_kpi::sync::Mutex;
use rump_kpi::{Environment, Errno, TimeSpec};

/// As many bytes of changed sectors make a commit due.
const MOST_DIRTY_BYTES: u64 = 8 << 20;
/// So long after the first change of an epoch its commit is due.
const MOST_AGE: Duration = Duration::from_secs(5);

/// Which of the two kinds of metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What says where chains go on, and which clusters are free.
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

/// Clusters that are to become free.
pub trait Freed {
    /// About how many.
    fn count(&self) -> u32;
}

/// A volume that is changed by transactions: what they ask of its format, and what they do for it.
pub trait Transactional: Sized {
    /// A file in use.
    type Cell: Numbered;
    /// Clusters that are to become free.
    type Freed: Freed;

    /// Its sectors.
    fn sectors(&self) -> &Sectors;

    /// A sector of the table or of a directory, read if need be. Errors: EFTYPE, EIO.
    fn sector(&self, sector: u64) -> Result<Block, Error>;

    /// What writing needs. Errors: EROFS.
    fn writer(&self) -> Result<&Writer<Self::Freed>, Error>;

    /// What the kernel gave to the mount.
    fn environment(&self) -> &Environment;

    /// Writes a line to the log.
    fn note(&self, text: &str);

    /// How many clusters there are.
    fn clusters(&self) -> u32;

    /// How many of them are free, by looking at all. Errors: EFTYPE, EIO.
    fn count_free(&self) -> Result<u32, Error>;

    /// Marks the volume, of which nothing was changed yet, as being written: durable when this returns. Errors: EIO.
    fn mark(&self) -> Result<(), Error>;

    /// Takes the mark away. Everything is durable, and so is this when it returns. Errors: EIO.
    fn unmark(&self) -> Result<(), Error>;

    /// Writes how much is free to where the format has a place for it. Errors: EIO.
    fn write_hint(&self, space: Space) -> Result<(), Error>;

    /// Where the table's bytes that are read at `byte` are written.
    fn table_copies(&self, byte: u64) -> impl Iterator<Item = u64>;

    /// Makes clusters free that nothing durable leads to, at most `left` of them, which is reduced; the rest is handed
    /// to [`Operation::free`] again. Errors: EFTYPE, EIO.
    fn release(
        &self,
        operation: &mut Operation<'_, Self>,
        freed: &Self::Freed,
        left: &mut u32,
    ) -> Result<(), Error>;

    /// An operation that changed what `cell` remembers of its directory was taken back.
    fn take_back(&self, cell: &Self::Cell);

    /// Does an operation. Errors: EROFS, EIO, those of `change`, after which nothing is changed.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Operation<'_, Self>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let writer = self.writer()?;
        writer.check()?;
        let mut state = writer.state.lock();
        if !state.is_marked && writer.was_clean {
            self.mark()?;
            state.is_marked = true;
        }
        let mut operation = Operation::new(self, &mut state);
        let result = change(&mut operation);
        match result {
            Ok(_) => operation.finish(),
            Err(_) => operation.undo(),
        }
        let began = state.epoch.since.is_none();
        let age = age_of(self, &mut state);
        let bytes = state.epoch.dirty.len() as u64 * self.sectors().size();
        drop(state);
        if bytes > MOST_DIRTY_BYTES || age.is_some_and(|age| age >= MOST_AGE) {
            self.commit()?;
        } else if began && age.is_some() {
            (self.environment().write_behind)();
        }
        result
    }

    /// Commits what is old. Answers when to look again, if there is anything.
    fn write_behind(&self) -> Option<Duration> {
        let writer = self.writer().ok()?;
        let age = age_of(self, &mut writer.state.lock())?;
        if age < MOST_AGE {
            return Some(MOST_AGE - age);
        }
        // What goes wrong, the next change and the next sync tell.
        self.commit().ok()?;
        age_of(self, &mut writer.state.lock()).map(|_| MOST_AGE)
    }

    /// As [`change`](Self::change); where there is no space, what was freed before is made free first.
    fn change_with_space<T>(
        &self,
        mut change: impl FnMut(&mut Operation<'_, Self>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        loop {
            let result = self.change(&mut change);
            let Err(Error::Refused(Errno::ENOSPC)) = result else { return result };
            if !reclaim(self)? {
                return result;
            }
        }
    }

    /// Returns once everything that was changed before is durable, content included. Errors: EROFS, EIO: from then on
    /// nothing can be changed.
    fn commit(&self) -> Result<(), Error> {
        commit::commit(self)
    }

    /// Everything is durable, what was freed is free, and the volume is marked as left in order, if it was so at the
    /// mount. Errors: EROFS, EIO.
    fn close(&self) -> Result<(), Error> {
        commit::close(self)
    }
}

/// What the operations of an epoch changed.
struct Epoch<F> {
    dirty: BTreeMap<u64, Dirty>,
    freed: Vec<F>,
    /// Places of slots that show their old content until the end of the commit.
    resting: Vec<u64>,
    since: Option<TimeSpec>,
}

impl<F> Default for Epoch<F> {
    fn default() -> Self {
        Self { dirty: BTreeMap::new(), freed: Vec::new(), resting: Vec::new(), since: None }
    }
}

/// Behind the lock.
struct State<F> {
    epoch: Epoch<F>,
    /// Slots that nobody may take yet, of all epochs.
    resting: HashSet<u64>,
    space: Space,
    /// The volume is marked as being written.
    is_marked: bool,
}

/// What a mount for writing needs.
pub struct Writer<F> {
    state: Mutex<State<F>>,
    committing: Mutex<()>,
    /// A commit failed: what is on the device is not known.
    has_failed: AtomicBool,
    /// The volume was left in order: it is marked while it is written.
    was_clean: bool,
}

impl<F> Writer<F> {
    /// For a volume that was left in order, or not.
    pub fn new(space: Space, was_clean: bool) -> Self {
        let state = State { epoch: Epoch::default(), resting: HashSet::new(), space, is_marked: false };
        Self {
            state: Mutex::new(state),
            committing: Mutex::new(()),
            has_failed: AtomicBool::new(false),
            was_clean,
        }
    }

    /// How many clusters are free, or will be with the next commits. Counted if nobody knows. Errors: EFTYPE, EIO.
    pub fn free_clusters(&self, volume: &impl Transactional) -> Result<u32, Error> {
        let mut state = self.state.lock();
        let free = match state.space.free {
            Some(free) => free,
            None => volume.count_free()?,
        };
        state.space.free = Some(free);
        Ok(free.saturating_add(state.space.pending).min(volume.clusters()))
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

/// How long ago the epoch began, if anything was changed.
fn age_of<V: Transactional>(volume: &V, state: &mut State<V::Freed>) -> Option<Duration> {
    if state.epoch.dirty.is_empty() && state.epoch.freed.is_empty() {
        return None;
    }
    let now = (volume.environment().now)();
    let since = *state.epoch.since.get_or_insert(now);
    Some(Duration::from_secs(now.sec.saturating_sub(since.sec).try_into().unwrap_or(0)))
}

/// Makes free what is on its way to it. Answers whether there was anything.
fn reclaim<V: Transactional>(volume: &V) -> Result<bool, Error> {
    let pending = |writer: &Writer<V::Freed>| writer.state.lock().space.pending;
    let writer = volume.writer()?;
    let is_pending = pending(writer) > 0;
    if is_pending {
        volume.commit()?;
    }
    Ok(is_pending)
}
