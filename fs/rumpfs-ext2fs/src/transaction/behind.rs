//! What nobody waits for: content that is old or much leaves memory, a transaction that is old or large is committed. A
//! thread of the kernel does it, where there is one, at half of what makes a caller do it.

use super::{MOST_SECONDS, Writer};
use crate::inode::file::write::{Enough, balance};
use crate::volume::Volume;
use core::sync::atomic::{AtomicU8, Ordering};
use core::time::Duration;

/// Nothing was asked for.
const QUIET: u8 = 0;
/// The thread comes by when something has become old.
const LATER: u8 = 1;
/// The thread was called.
const NOW: u8 = 2;

/// What was asked of the thread, so that it is asked once.
#[derive(Default)]
pub struct Behind(AtomicU8);

/// How soon something is to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Once it is old.
    Later,
    /// As soon as possible.
    Now,
}

impl Writer {
    /// Lets the thread know that there is something for it.
    pub fn ask(&self, when: When) {
        let level = if when == When::Now { NOW } else { LATER };
        if self.behind.0.load(Ordering::Relaxed) < level
            && self.behind.0.fetch_max(level, Ordering::AcqRel) < level
        {
            (self.environment.write_behind)();
        }
    }

    /// Whether the running transaction is to be committed before anyone asks.
    fn is_commit_due(&self) -> bool {
        let running = self.running.lock();
        !running.is_empty()
            && (running.blocks.len() > self.most_blocks / 2
                || self.now().sec - running.since.sec >= MOST_SECONDS)
    }

    /// When the next of what is in memory becomes old.
    fn next_due(&self) -> Option<Duration> {
        let now = self.now();
        let running = self.running.lock();
        let commit = (!running.is_empty()).then(|| running.since.sec + MOST_SECONDS - now.sec);
        drop(running);
        let content = self.dirty.oldest_due(now);
        let seconds = commit.into_iter().chain(content).min()?;
        // What could not be done is tried again, but not at once.
        Some(Duration::from_secs(seconds.clamp(1, MOST_SECONDS) as u64))
    }
}

/// Does what is due; answers when to come again. What goes wrong is kept for those who sync.
pub fn write_behind(volume: &Volume) -> Option<Duration> {
    let writer = volume.writer().filter(|writer| !writer.is_stopped())?;
    writer.behind.0.store(LATER, Ordering::Release);
    balance(volume, writer, Enough::ForThread);
    if writer.is_commit_due() {
        // A failure stops the volume, and is in the log of the kernel.
        let _ = volume.commit();
    }
    if let Some(due) = writer.next_due() {
        return Some(due);
    }
    writer.behind.0.store(QUIET, Ordering::Release);
    // What came between the look and this found that it need not ask.
    let due = writer.next_due();
    if due.is_some() {
        writer.behind.0.store(LATER, Ordering::Release);
    }
    due
}
