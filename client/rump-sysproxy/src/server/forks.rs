//! Children that clients announced: a process waits under a cookie that only its parent was told.

use parking_lot::Mutex;
use rump_abi::Errno;
use rump_kern::Process;
use rump_kpi::{KError, KResult};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What a child comes with.
pub(super) type Cookie = [u8; 16];

/// How long a child may take after its parent has gone, as a daemon's parent does at once. A server that
/// listens looks as often for those that are late.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Processes of children that did not come yet.
#[derive(Default)]
pub(super) struct Forks(Mutex<HashMap<Cookie, Announced>>);

struct Announced {
    process: Process,
    /// The number of the parent's connection.
    parent: u64,
    /// The parent has gone.
    until: Option<Instant>,
}

impl Forks {
    /// A copy of a process waits for who comes with the cookie. None: the parent has `most` that wait already. Errors: EIO
    /// (the host has no randomness).
    pub(super) fn announce(&self, parent: u64, process: &Process, most: usize) -> KResult<Option<Cookie>> {
        let mut cookie = [0; 16];
        process
            .host()
            .fill(&mut cookie)
            .map_err(|_| KError::new(Errno::EIO, "the host has no randomness"))?;
        self.forget_late();
        let mut waiting = self.0.lock();
        if waiting.values().filter(|announced| announced.parent == parent).count() >= most {
            return Ok(None);
        }
        waiting.insert(cookie, Announced { process: process.fork(), parent, until: None });
        Ok(Some(cookie))
    }

    /// The process of who came with a cookie.
    pub(super) fn take(&self, cookie: &Cookie) -> Option<Process> {
        self.forget_late();
        self.0.lock().remove(cookie).map(|announced| announced.process)
    }

    /// A parent has gone.
    pub(super) fn orphan(&self, parent: u64) {
        let until = Instant::now() + GRACE;
        let mut waiting = self.0.lock();
        let of_parent = waiting.values_mut().filter(|announced| announced.parent == parent);
        of_parent.for_each(|announced| announced.until = Some(until));
        drop(waiting);
        self.forget_late();
    }

    /// Ends processes whose children did not come.
    pub(super) fn forget_late(&self) {
        let now = Instant::now();
        let mut late = Vec::new();
        self.0.lock().retain(|_, announced| {
            let is_late = announced.until.is_some_and(|until| until < now);
            if is_late {
                late.push(announced.process.clone());
            }
            !is_late
        });
        late.iter().for_each(Process::exit);
    }
}
