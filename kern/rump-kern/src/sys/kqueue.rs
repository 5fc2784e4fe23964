//! Queues of events: kqueue(2), kevent(2).

use crate::descriptors::Object;
use crate::queue::Queue;
use crate::waiting::Sleeper;
use crate::{Fd, Process};
use alloc::vec::Vec;
use core::time::Duration;
use rump_abi::event::{Event, EventFlags};
use rump_abi::{AccessMode, Errno, OpenFlags};
use rump_kpi::KResult;

impl Process {
    /// Makes a queue of events, which processes that are forked do not get. Errors: ENXIO (halted), ESRCH (the
    /// process ended), EMFILE.
    pub fn kqueue(&self) -> KResult<Fd> {
        self.check_alive()?;
        let queue = Queue::new(self, self.new_identity());
        self.enter_file(Object::Queue(queue), AccessMode::Read, OpenFlags::empty())
    }

    /// Does `changes`, and answers up to `max` events, for which it waits for `timeout` at most, or for ever.
    ///
    /// A change that fails, or asks for RECEIPT, answers an event with ERROR and the number in `data`, and then nothing
    /// is waited for. Without room for it, the error is that of the call.
    ///
    /// Errors: EBADF (no queue), those of changes: EBADF, EINVAL (a time, or a queue in a queue), ENOENT, ENOMEM;
    /// ENXIO (halted), EINTR, EBADF (the queue was closed meanwhile).
    pub fn kevent(
        &self,
        fd: Fd,
        changes: &[Event],
        max: usize,
        timeout: Option<Duration>,
    ) -> KResult<Vec<Event>> {
        let file = self.file(fd)?;
        let Object::Queue(queue) = &file.object else { return Err(Errno::EBADF.into()) };
        let receipts = self.change_events(queue, changes, max)?;
        if !receipts.is_empty() || max == 0 {
            return Ok(receipts);
        }
        let events = queue.collect(self, max);
        if !events.is_empty() || timeout == Some(Duration::ZERO) {
            return Ok(events);
        }
        let mut sleeper = Sleeper::new(self, timeout);
        sleeper.watch(queue.waiters());
        loop {
            sleeper.check()?;
            self.check_still(fd, &file)?;
            let events = queue.collect(self, max);
            if !events.is_empty() {
                return Ok(events);
            }
            if !sleeper.sleep(queue.deadline())? {
                return Ok(queue.collect(self, max));
            }
        }
    }

    fn change_events(&self, queue: &Queue, changes: &[Event], max: usize) -> KResult<Vec<Event>> {
        let mut receipts = Vec::new();
        for change in changes {
            let done = queue.change(self, change);
            let number = match &done {
                Ok(()) if change.flags.contains(EventFlags::RECEIPT) => 0,
                Ok(()) => continue,
                Err(error) => error.errno as i64,
            };
            if receipts.len() < max {
                receipts.push(Event { flags: EventFlags::ERROR, data: number, ..*change });
            } else {
                done?;
            }
        }
        Ok(receipts)
    }
}
