//! Work that goes on in the background: by a thread of the host, or by whoever polls where the host wants no threads.

use crate::hyper::{Event, Hypervisor};
use rump_vfs::has_threads;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

/// What is done.
pub(super) trait Work: Send + 'static {
    /// Does what is due; answers when to come again, by the monotonic clock. It is called when its waker was woken, too.
    fn work(&mut self) -> Option<Duration>;
}

/// See the module. Dropping it ends the thread.
pub(super) struct Task<W: Work> {
    shared: Arc<Shared<W>>,
}

struct Shared<W> {
    host: Arc<dyn Hypervisor>,
    event: Arc<dyn Event>,
    has_thread: bool,
    is_ending: AtomicBool,
    has_ended: Arc<dyn Event>,
    work: Mutex<W>,
}

/// Sets an event.
pub(super) struct EventWaker(pub(super) Arc<dyn Event>);

impl Wake for EventWaker {
    fn wake(self: Arc<Self>) {
        self.0.set();
    }
}

impl<W: Work> Task<W> {
    /// Begins what `make` makes, which may keep the waker. Errors: those of `make`, WouldBlock (no thread can be had).
    pub(super) fn begin(
        host: &Arc<dyn Hypervisor>,
        name: &str,
        make: impl FnOnce(Waker) -> io::Result<W>,
    ) -> io::Result<Self> {
        let event = host.event();
        let work = Mutex::new(make(Waker::from(Arc::new(EventWaker(event.clone()))))?);
        let shared = Arc::new(Shared {
            host: host.clone(),
            event,
            has_thread: has_threads(&**host),
            is_ending: AtomicBool::new(false),
            has_ended: host.event(),
            work,
        });
        if shared.has_thread {
            let of_thread = shared.clone();
            let body = Box::new(move || of_thread.run());
            host.spawn(name, body).map_err(|error| io::Error::new(io::ErrorKind::WouldBlock, error.what))?;
        }
        Ok(Self { shared })
    }

    /// Whether a thread does it.
    pub(super) fn has_thread(&self) -> bool {
        self.shared.has_thread
    }

    /// Does what is due, by whoever calls.
    pub(super) fn poll(&self) -> Option<Duration> {
        self.work().work()
    }

    /// The work, which does nothing meanwhile.
    pub(super) fn work(&self) -> MutexGuard<'_, W> {
        self.shared.work()
    }
}

impl<W: Work> Shared<W> {
    fn work(&self) -> MutexGuard<'_, W> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while !self.is_ending.load(Ordering::Acquire) {
            let due = self.work().work();
            self.event.wait(due.map(|due| due.saturating_sub(self.host.monotonic())));
        }
        self.has_ended.set();
    }
}

impl<W: Work> Drop for Task<W> {
    fn drop(&mut self) {
        self.shared.is_ending.store(true, Ordering::Release);
        self.shared.event.set();
        if self.shared.has_thread {
            self.shared.has_ended.wait(None);
        }
    }
}
