//! Asynchronous input and output: requests that a pool of threads of the kernel does (aio(7)).
//!
//! The pool is begun with the first request; without threads, the calls that submit and ask do the work. No thread of the
//! pool blocks: a request that would, at a pipe for example, waits at the file's queue and comes back to the pool. A
//! synchronisation comes after all earlier requests to its file, and requests to what has no offsets, or that append, come
//! one after the other.
//!
//! Requests belong to their process, and keep neither it nor its kernel. Lock order: jobs of a process, then the state of a
//! request; that of the pool is a leaf. None is held while I/O is done, or while somebody is woken or signalled.

mod buffer;
mod job;
mod pool;

pub use buffer::{AioBuffer, AioBytes};
pub(crate) use job::{Action, Job, JobState, List, Stage};
pub(crate) use pool::Pool;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::Errno;
use rump_kpi::sync::Mutex;
use rump_kpi::{KError, KResult, WaitQueue};

/// Requests of a process that are not done.
const ACTIVE_MAX: usize = 512;

/// Requests of a process whose results nobody took.
const KEPT_MAX: usize = 65_536;

/// What a request is known by: a number of the process's choice, such as the address of its `struct aiocb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AioKey(pub u64);

/// What a synchronisation makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AioSync {
    /// Content and attributes (`O_SYNC`).
    All,
    /// The content (`O_DSYNC`).
    Data,
}

/// The requests of a process.
#[derive(Default)]
pub(crate) struct Jobs {
    table: Mutex<Table>,
    /// Woken when one is done.
    done: Arc<WaitQueue>,
}

#[derive(Default)]
struct Table {
    next: u64,
    /// Those that are not done, in order.
    active: BTreeMap<u64, Arc<Job>>,
    /// All, until their results are taken.
    kept: BTreeMap<AioKey, Arc<Job>>,
}

impl Table {
    /// Whether a request has to wait for an earlier one.
    fn is_held(&self, job: &Job) -> bool {
        job.is_in_order() && self.active.range(..job.number).any(|(_, earlier)| job.follows(earlier))
    }

    /// Errors: EINVAL (a request of this key is not done), EAGAIN.
    fn check_key(&self, key: AioKey) -> KResult<()> {
        match self.kept.get(&key) {
            Some(job) if !job.is_done() => Err(KError::new(Errno::EINVAL, "the request is in progress")),
            None if self.kept.len() >= KEPT_MAX => Err(Errno::EAGAIN.into()),
            _ => Ok(()),
        }
    }
}

impl Jobs {
    pub(crate) fn done(&self) -> &Arc<WaitQueue> {
        &self.done
    }

    /// Takes a request in, which `make` makes by its number; answers it if it can begin. Errors: EINVAL (one of this key is
    /// not done), EAGAIN (too many).
    pub(crate) fn enter(&self, key: AioKey, make: impl FnOnce(u64) -> Job) -> KResult<Option<Arc<Job>>> {
        let mut table = self.table.lock();
        table.check_key(key)?;
        if table.active.len() >= ACTIVE_MAX {
            return Err(Errno::EAGAIN.into());
        }
        let job = Arc::new(make(table.next));
        table.next += 1;
        let is_held = table.is_held(&job);
        job.set_stage(if is_held { Stage::Held } else { Stage::Queued });
        table.active.insert(job.number, job.clone());
        let replaced = table.kept.insert(key, job.clone());
        drop(table);
        drop(replaced);
        Ok((!is_held).then_some(job))
    }

    /// Takes in one that failed before it began. Errors: as [`Jobs::enter`].
    pub(crate) fn enter_failed(
        &self,
        key: AioKey,
        make: impl FnOnce(u64) -> Job,
        error: KError,
    ) -> KResult<()> {
        let mut table = self.table.lock();
        table.check_key(key)?;
        let job = Arc::new(make(table.next));
        table.next += 1;
        drop(job.finish(Err(error)));
        let replaced = table.kept.insert(key, job);
        drop(table);
        drop(replaced);
        Ok(())
    }

    /// Errors: EINVAL.
    pub(crate) fn find(&self, key: AioKey) -> KResult<Arc<Job>> {
        self.table.lock().kept.get(&key).cloned().ok_or_else(|| Errno::EINVAL.into())
    }

    /// Takes the result of a request that is done. Errors: EINVAL (none, or not done), that of the request.
    pub(crate) fn take(&self, key: AioKey) -> KResult<usize> {
        let mut table = self.table.lock();
        let result = table.kept.get(&key).and_then(|job| job.result()).ok_or(Errno::EINVAL)?;
        let taken = table.kept.remove(&key);
        drop(table);
        drop(taken);
        result
    }

    /// Those that are not done.
    pub(crate) fn active(&self) -> Vec<Arc<Job>> {
        self.table.lock().active.values().cloned().collect()
    }

    /// A request is done; answers those that can begin now. None: it was forgotten.
    pub(crate) fn leave(&self, job: &Job) -> Option<Vec<Arc<Job>>> {
        let mut table = self.table.lock();
        let left = table.active.remove(&job.number)?;
        let is_free = |held: &&Arc<Job>| !table.is_held(held) && held.release();
        let free: Vec<_> = table.active.values().filter(is_free).cloned().collect();
        drop(table);
        drop(left);
        Some(free)
    }

    /// Forgets all: none waits any more, and nobody hears of what a thread is about.
    pub(crate) fn clear(&self) {
        let mut table = self.table.lock();
        let next = table.next;
        // No later one has the number of one that goes on.
        let all = core::mem::replace(&mut *table, Table { next, ..Table::default() });
        drop(table);
        all.active.values().for_each(|job| job.forget());
        drop(all);
    }
}
