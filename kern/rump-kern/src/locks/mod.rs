//! Advisory locks of files: flock(2), fcntl(2), and who waits for whom.
//!
//! Reference: POSIX.1-2017, fcntl. As in BSD, locks of both kinds stand in each other's way. Processes that wait for
//! each other by locks of `fcntl` are found before one of them sleeps; those of `flock` are not looked at.
//!
//! A file is known by its mount and its inode. It is open as long as it is locked: locks of a process go with the first
//! close of the file by that process, those of an open file with the file.
//!
//! Lock order: `waits`, then one of the shards. Nobody is woken while either is held.

mod ranges;

pub use ranges::LockKind;
pub(crate) use ranges::{Held, Owner, Range};

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ranges::Ranges;
use rump_abi::Errno;
use rump_kpi::sync::Mutex;
use rump_kpi::{KError, KResult, WaitQueue};
use rump_vfs::Vnode;

const SHARDS: usize = 16;

/// A file: its mount and its inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileKey(u64, u64);

impl FileKey {
    pub(crate) fn of(vnode: &Vnode) -> Self {
        Self(vnode.mount().id(), vnode.ino().0)
    }
}

#[derive(Default)]
struct FileLocks {
    ranges: Ranges,
    waiters: Arc<WaitQueue>,
}

/// All locks of a kernel.
#[derive(Default)]
pub(crate) struct Locks {
    shards: [Mutex<BTreeMap<FileKey, FileLocks>>; SHARDS],
    /// Processes that wait.
    waits: Mutex<Waits>,
}

#[derive(Default)]
struct Waits {
    next: u64,
    all: BTreeMap<u64, (FileKey, Held)>,
    /// Numbers of those above, by processes.
    of_processes: BTreeSet<(u32, u64)>,
}

/// What comes of asking for a lock.
pub(crate) enum Asked {
    /// It is there.
    Locked,
    /// Another one is in the way; whoever waits here hears when that may be over.
    Conflict(Arc<WaitQueue>),
}

impl Locks {
    /// Locks a part of a file, if nothing is in the way. Errors: ENOLCK.
    pub(crate) fn lock(&self, key: FileKey, wanted: Held) -> KResult<Asked> {
        let mut shard = self.shard(key).lock();
        let file = shard.entry(key).or_default();
        if file.ranges.conflicts(wanted).next().is_some() {
            return Ok(Asked::Conflict(file.waiters.clone()));
        }
        let locked = file.ranges.lock(wanted);
        let waiters = file.waiters.clone();
        drop(shard);
        // What was exclusive may be shared now.
        waiters.wake();
        locked.map(|()| Asked::Locked)
    }

    /// Unlocks a part of a file. Errors: ENOLCK.
    pub(crate) fn unlock(&self, key: FileKey, owner: Owner, range: Range) -> KResult<()> {
        self.change(key, |ranges| ranges.unlock(owner, range)).unwrap_or(Ok(()))
    }

    /// The first lock that is in the way of another.
    pub(crate) fn conflict(&self, key: FileKey, wanted: Held) -> Option<Held> {
        self.shard(key).lock().get(&key)?.ranges.conflicts(wanted).next().copied()
    }

    /// A process with this table closed a file: those with the table have no locks of it any more, and whoever waits
    /// looks whether his descriptor is still there.
    pub(crate) fn after_close(&self, key: FileKey, table: usize) {
        self.change(key, |ranges| {
            ranges.unlock_where(
                |owner| matches!(owner, Owner::Process { table: other, .. } if *other == table),
            );
        });
    }

    /// A process ended while others have its table.
    pub(crate) fn after_exit(&self, pid: u32) {
        for shard in &self.shards {
            let keys: Vec<FileKey> = shard.lock().keys().copied().collect();
            for key in keys {
                self.change(key, |ranges| {
                    ranges.unlock_where(
                        |owner| matches!(owner, Owner::Process { pid: other, .. } if *other == pid),
                    );
                });
            }
        }
    }

    fn change<R>(&self, key: FileKey, change: impl FnOnce(&mut Ranges) -> R) -> Option<R> {
        let mut shard = self.shard(key).lock();
        let file = shard.get_mut(&key)?;
        let answer = change(&mut file.ranges);
        let waiters = file.waiters.clone();
        // Who waits registers with the next one, if there is again something to wait for.
        if file.ranges.is_empty() {
            shard.remove(&key);
        }
        drop(shard);
        waiters.wake();
        Some(answer)
    }

    /// Notes that a process waits for a lock, until the answer is dropped. Errors: EDEADLK (somebody whom it waits for
    /// waits for it).
    pub(crate) fn begin_waiting(&self, pid: u32, key: FileKey, wanted: Held) -> KResult<Waiting<'_>> {
        let mut waits = self.waits.lock();
        if self.leads_to(&waits, pid, key, wanted) {
            return Err(KError::new(Errno::EDEADLK, "processes would wait for each other's locks"));
        }
        let number = waits.next;
        waits.next += 1;
        waits.all.insert(number, (key, wanted));
        waits.of_processes.insert((pid, number));
        Ok(Waiting { locks: self, pid, number })
    }

    /// Whether waiting for a lock is waiting for `pid`, by whatever processes are in between.
    fn leads_to(&self, waits: &Waits, pid: u32, key: FileKey, wanted: Held) -> bool {
        let (mut seen, mut to_visit) = (BTreeSet::new(), alloc::vec![(key, wanted)]);
        while let Some((key, wanted)) = to_visit.pop() {
            for other in self.processes_in_the_way(key, wanted) {
                if other == pid {
                    return true;
                }
                if seen.insert(other) {
                    let theirs = waits.of_processes.range((other, 0)..=(other, u64::MAX));
                    to_visit.extend(theirs.filter_map(|(_, number)| waits.all.get(number).copied()));
                }
            }
        }
        false
    }

    fn processes_in_the_way(&self, key: FileKey, wanted: Held) -> Vec<u32> {
        let shard = self.shard(key).lock();
        let Some(file) = shard.get(&key) else { return Vec::new() };
        let process = |held: &Held| match held.owner {
            Owner::Process { pid, .. } => Some(pid),
            Owner::File(_) => None,
        };
        file.ranges.conflicts(wanted).filter_map(process).collect()
    }

    fn shard(&self, key: FileKey) -> &Mutex<BTreeMap<FileKey, FileLocks>> {
        &self.shards[(key.0 ^ key.1) as usize % SHARDS]
    }
}

/// A process that waits for a lock.
pub(crate) struct Waiting<'a> {
    locks: &'a Locks,
    pid: u32,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waits = self.locks.waits.lock();
        waits.all.remove(&self.number);
        waits.of_processes.remove(&(self.pid, self.number));
    }
}

/// The locks of an open file, which go with it.
pub(crate) struct OfFile {
    pub(crate) locks: Arc<Locks>,
    pub(crate) key: FileKey,
    pub(crate) owner: Owner,
}

impl Drop for OfFile {
    fn drop(&mut self) {
        // All of a file can always be unlocked.
        let _ = self.locks.unlock(self.key, self.owner, Range::ALL);
    }
}
