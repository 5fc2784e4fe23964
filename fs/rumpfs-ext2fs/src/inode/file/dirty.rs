//! The files with content in memory, the oldest first, and how much that is.
//!
//! The list keeps them alive. A file leaves it only once its content is on the device or given up, so whoever goes
//! through the list misses none. Lock: a leaf.

use super::content::Buffers;
use crate::cell::Cell;
use crate::error::Error;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use rump_kpi::TimeSpec;
use rump_kpi::sync::Mutex;

/// Content in memory that is too much, unless a mount says otherwise.
const DEFAULT_LIMIT: usize = 64 << 20;
/// Seconds after which content leaves memory: by the thread that writes behind, else when other content is written.
const MOST_SECONDS: i64 = 30;

/// Places of files that left the list, beside as many as there are files.
const MOST_GONE: usize = 64;
const NEVER: i64 = i64::MAX;
/// Files that leave the list under one lock.
const REMOVED_AT_ONCE: usize = 32;

/// How much content in memory is enough, and how old it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enough {
    /// For the thread that writes behind.
    ForThread,
    /// For whoever writes: the thread does not keep up, or there is none.
    ForCaller,
}

/// See the module.
pub struct DirtyFiles {
    list: Mutex<List>,
    /// The second in which the oldest content was written; [`NEVER`] if there is none.
    oldest: AtomicI64,
    bytes: AtomicUsize,
    limit: AtomicUsize,
    lost: Mutex<Option<Error>>,
    /// Memory for runs of content.
    pub buffers: Buffers,
}

/// Files in order of their tickets, some of which are gone; the first is not.
#[derive(Default)]
struct List {
    next: u64,
    files: VecDeque<Listed>,
    /// How many are not gone.
    count: usize,
}

struct Listed {
    ticket: u64,
    /// None once it left the list.
    cell: Option<Arc<Cell>>,
    /// The time of the first write.
    since: TimeSpec,
}

impl List {
    fn remove(&mut self, ticket: u64) -> Option<Arc<Cell>> {
        let at = self.files.binary_search_by_key(&ticket, |listed| listed.ticket).ok()?;
        let removed = self.files[at].cell.take()?;
        self.count -= 1;
        while self.files.front().is_some_and(|listed| listed.cell.is_none()) {
            self.files.pop_front();
        }
        if self.files.len() > 2 * self.count + MOST_GONE {
            self.files.retain(|listed| listed.cell.is_some());
        }
        Some(removed)
    }

    /// Those behind a ticket.
    fn behind(&self, ticket: Option<u64>) -> impl Iterator<Item = (u64, &Arc<Cell>)> {
        let from = ticket.map_or(0, |ticket| self.files.partition_point(|listed| listed.ticket <= ticket));
        self.files.range(from..).filter_map(|listed| Some((listed.ticket, listed.cell.as_ref()?)))
    }
}

impl DirtyFiles {
    /// No files.
    pub fn new() -> Self {
        Self {
            list: Mutex::new(List::default()),
            oldest: AtomicI64::new(NEVER),
            bytes: AtomicUsize::new(0),
            limit: AtomicUsize::new(DEFAULT_LIMIT),
            lost: Mutex::new(None),
            buffers: Buffers::default(),
        }
    }

    /// Sets how much is too much.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// Whether there is so much that some has to go, or some that is too old.
    pub fn is_over(&self, enough: Enough, now: TimeSpec) -> bool {
        let most_late = if enough == Enough::ForThread { 0 } else { 1 };
        self.is_much(enough) || self.oldest_due(now).is_some_and(|seconds| seconds + most_late <= 0)
    }

    /// Whether there is more than enough in memory.
    pub fn is_much(&self, enough: Enough) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let limit = if enough == Enough::ForThread { limit / 4 } else { limit };
        self.bytes.load(Ordering::Relaxed) > limit
    }

    /// In how many seconds the oldest content will be too old.
    pub fn oldest_due(&self, now: TimeSpec) -> Option<i64> {
        let oldest = self.oldest.load(Ordering::Relaxed);
        (oldest != NEVER).then(|| oldest.saturating_add(MOST_SECONDS).saturating_sub(now.sec))
    }

    /// Counts bytes that came to memory.
    pub fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that left it.
    pub fn remove_bytes(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Puts a file on the list; answers its ticket.
    pub fn add(&self, cell: &Arc<Cell>, now: TimeSpec) -> u64 {
        let mut list = self.list.lock();
        let ticket = list.next;
        list.next += 1;
        list.files.push_back(Listed { ticket, cell: Some(cell.clone()), since: now });
        list.count += 1;
        self.note_oldest(&list);
        ticket
    }

    /// Takes files off the list.
    pub fn remove(&self, tickets: &[u64]) {
        // Some at a time: whoever writes to a new file waits for the list, and this may be the last use of a cell.
        for tickets in tickets.chunks(REMOVED_AT_ONCE) {
            let mut list = self.list.lock();
            let removed: Vec<_> = tickets.iter().map(|ticket| list.remove(*ticket)).collect();
            self.note_oldest(&list);
            drop(list);
            drop(removed);
        }
    }

    fn note_oldest(&self, list: &List) {
        let oldest = list.files.front().map_or(NEVER, |listed| listed.since.sec);
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// The ticket that the next file on the list will get.
    pub fn next_ticket(&self) -> u64 {
        self.list.lock().next
    }

    /// Up to `most` files behind a ticket, the oldest first.
    pub fn behind(&self, ticket: Option<u64>, most: usize) -> Vec<(u64, Arc<Cell>)> {
        let list = self.list.lock();
        list.behind(ticket).take(most).map(|(ticket, cell)| (ticket, cell.clone())).collect()
    }

    /// Notes that content was lost which nobody waits for.
    pub fn note_lost(&self, error: Error) {
        self.lost.lock().get_or_insert(error);
    }

    /// The first loss since this was asked last.
    pub fn take_lost(&self) -> Option<Error> {
        self.lost.lock().take()
    }
}
