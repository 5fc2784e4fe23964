//! Writing out what nobody waits for, by a thread of the kernel: one for each mount, begun when its driver first asks.
//!
//! The thread keeps neither the kernel nor the file system. Lock order: `fs` comes before everything of the driver's.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use rump_hyper::{Event, Hypervisor};
use rump_kpi::FileSystem;
use rump_kpi::sync::Mutex;

/// The parameter that says, with 0, that kernels have no threads of their own.
const PARAMETER: &str = "RUMP_THREADS";

/// Whether kernels on this host have threads of their own.
pub fn has_threads(host: &dyn Hypervisor) -> bool {
    host.find(PARAMETER).is_none_or(|value| value.trim() != "0")
}

/// See the module.
pub struct WriteBehind {
    host: Arc<dyn Hypervisor>,
    event: Arc<dyn Event>,
    /// No thread is to be begun: there is one, or nothing to look after yet.
    has_thread: AtomicBool,
    /// Whose content it is; held while the thread is at work.
    fs: Mutex<Option<Weak<dyn FileSystem>>>,
}

impl WriteBehind {
    /// Without a thread so far; none if `host` says that kernels have none.
    pub fn new(host: &Arc<dyn Hypervisor>) -> Option<Arc<Self>> {
        if !has_threads(&**host) {
            return None;
        }
        let (event, has_thread) = (host.event(), AtomicBool::new(true));
        Some(Arc::new(Self { host: host.clone(), event, has_thread, fs: Mutex::new(None) }))
    }

    /// Lets the thread look after a file system that was mounted.
    pub(crate) fn serve(self: &Arc<Self>, fs: &Arc<dyn FileSystem>) {
        *self.fs.lock() = Some(Arc::downgrade(fs));
        self.has_thread.store(false, Ordering::Release);
        let asked_before = self.event.wait(Some(Duration::ZERO));
        if asked_before {
            self.ask();
        }
    }

    /// Ends the thread. When this returns, it is not in the driver and will not be again.
    pub(crate) fn stop(&self) {
        *self.fs.lock() = None;
        self.event.set();
    }

    /// Lets the thread call the driver soon.
    pub fn ask(self: &Arc<Self>) {
        if !self.has_thread.swap(true, Ordering::AcqRel) {
            let behind = self.clone();
            // A host that has no threads left is one without: a driver does its work when it must.
            let _ = self.host.spawn("write-behind", Box::new(move || behind.run()));
        }
        self.event.set();
    }

    fn run(&self) {
        let mut due = None;
        loop {
            self.event.wait(due);
            let fs = self.fs.lock();
            let Some(fs) = fs.as_ref().and_then(Weak::upgrade) else { return };
            due = fs.write_behind();
        }
    }
}
