//! Threads of the kernel, each begun with the first work that there is: they work when they are asked to, and when work is due.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_hyper::{Event, Hypervisor};
use rump_vfs::has_threads;

/// A thread, or one to be.
pub(crate) struct Worker {
    name: &'static str,
    pub(crate) host: Arc<dyn Hypervisor>,
    event: Arc<dyn Event>,
    /// No thread is to be begun: there is one, or the host wants none.
    has_thread: AtomicBool,
}

impl Worker {
    pub(crate) fn new(name: &'static str, host: &Arc<dyn Hypervisor>) -> Self {
        let has_thread = AtomicBool::new(!has_threads(&**host));
        Self { name, host: host.clone(), event: host.event(), has_thread }
    }

    /// Lets the thread look again, if there is one.
    pub(crate) fn wake(&self) {
        self.event.set();
    }
}

/// Work for a thread.
pub(crate) trait Work: Send + Sync + Sized + 'static {
    /// The thread.
    fn worker(&self) -> &Worker;

    /// Whether there will be no more: the thread ends.
    fn is_over(&self) -> bool;

    /// Does what is due; answers when something will be, by the monotonic clock.
    fn poll(&self) -> Option<Duration>;

    /// Lets the thread do what is due. Without one, whoever drives the kernel polls.
    fn ask(self: &Arc<Self>) {
        let worker = self.worker();
        if !worker.has_thread.swap(true, Ordering::AcqRel) {
            let work = self.clone();
            let _ = worker.host.spawn(worker.name, Box::new(move || run(&*work)));
        }
        worker.wake();
    }
}

fn run(work: &impl Work) {
    let worker = work.worker();
    let mut due = None;
    loop {
        let left = due.map(|due: Duration| due.saturating_sub(worker.host.monotonic()));
        worker.event.wait(left);
        if work.is_over() {
            return;
        }
        due = work.poll();
    }
}
