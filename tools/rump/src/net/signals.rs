//! Signals that end a command which waits in a kernel of its own: SIGINT, SIGTERM and SIGHUP, heard by a thread, unless they
//! were ignored when the program began.

use crate::session::Failure;
use rump_cli::signals::heeded;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals as Iterator};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::JoinHandle;

/// See the module. Dropping it ends the thread; signals stay without effect until the program ends.
pub struct Signals {
    number: Arc<AtomicI32>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Signals {
    /// Calls `wake` whenever a signal comes. Errors: the host has no room for a thread.
    pub fn watch(wake: impl Fn() + Send + 'static) -> Result<Self, Failure> {
        Self::watch_with(None, move |_| wake())
    }

    /// The same with the number of the signal, which may be another one, too, that does not end the command.
    pub fn watch_with(other: Option<i32>, wake: impl Fn(i32) + Send + 'static) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::Network(format!("cannot watch for signals: {error}"));
        let all = heeded([SIGHUP, SIGINT, SIGTERM]).chain(other);
        let mut signals = Iterator::new(all).map_err(cannot)?;
        let (number, handle) = (Arc::new(AtomicI32::new(0)), signals.handle());
        let noted = number.clone();
        let hear = move || {
            for signal in signals.forever() {
                if other != Some(signal) {
                    noted.store(signal, Ordering::Release);
                }
                wake(signal);
            }
        };
        let thread = std::thread::Builder::new().name("signals".into()).spawn(hear).map_err(cannot)?;
        Ok(Self { number, handle, thread: Some(thread) })
    }

    /// How the command ends because of a signal. Errors: one came.
    pub fn check(&self) -> Result<(), Failure> {
        match self.number.load(Ordering::Acquire) {
            0 => Ok(()),
            SIGINT => Err(Failure::Interrupted("interrupted".into())),
            _ => Err(Failure::Terminated("terminated".into())),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}
