//! The wish to stop: SIGINT, SIGTERM and SIGHUP, asked for between pieces of work.
//!
//! An image that is being changed is written out and closed first, so that a signal never ends the process itself. Signals that
//! were ignored when the program began stay so.

use crate::session::Failure;
use rump_cli::signals::heeded;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Exit status after Ctrl-C.
const INTERRUPTED: i32 = 130;

/// See the module. Until it watches, signals do what they always do. Clones are told, too.
#[derive(Clone, Default)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
    is_watching: Arc<AtomicBool>,
    is_registered: Arc<AtomicBool>,
    /// Whether signals do what they always do, though there are handlers.
    is_over: Arc<AtomicBool>,
}

impl Stop {
    /// Watches from now on.
    pub fn watch(&mut self) -> Result<(), Failure> {
        self.is_watching.store(true, Ordering::Relaxed);
        self.register()
    }

    /// Watches while a piece of work is done that leaves something behind unless it ends by itself.
    pub fn begin_work(&self) -> Result<(), Failure> {
        self.register()
    }

    /// Unless it watches anyway, signals do again what they always do.
    pub fn end_work(&self) {
        self.is_over.store(!self.is_watching(), Ordering::SeqCst);
    }

    fn register(&self) -> Result<(), Failure> {
        self.is_over.store(false, Ordering::SeqCst);
        if self.is_registered.load(Ordering::Relaxed) {
            return Ok(());
        }
        for number in heeded([SIGINT, SIGTERM, SIGHUP]) {
            signal_hook::flag::register_conditional_default(number, self.is_over.clone())
                .and_then(|_| signal_hook::flag::register_usize(number, self.signal.clone(), number as usize))
                .map_err(|error| Failure::Other(format!("cannot watch for signals: {error}")))?;
        }
        self.is_registered.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn is_watching(&self) -> bool {
        self.is_watching.load(Ordering::Relaxed)
    }

    /// Watches from now on, and unless it did so before, a second signal ends the program at once: for who changes no image.
    pub fn watch_impatiently(&mut self) -> Result<(), Failure> {
        if self.is_watching() {
            return Ok(());
        }
        let is_second = Arc::new(AtomicBool::new(false));
        for number in heeded([SIGINT, SIGTERM]) {
            signal_hook::flag::register_conditional_shutdown(number, INTERRUPTED, is_second.clone())
                .and_then(|_| signal_hook::flag::register(number, is_second.clone()))
                .map_err(|error| Failure::Other(format!("cannot watch for signals: {error}")))?;
        }
        self.watch()
    }

    /// Has the work end as by Ctrl-C, if it is watched.
    pub fn interrupt(&self) {
        if self.is_watching() {
            self.signal.store(SIGINT as usize, Ordering::Relaxed);
        }
    }

    /// Takes Ctrl-C as not pressed.
    pub fn forget_interrupt(&self) {
        // Unless another signal came: then there is nothing to forget.
        let _ = self.signal.compare_exchange(SIGINT as usize, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether a signal came.
    pub fn is_wanted(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// Errors: a signal came.
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_wanted() { Err(self.failure("")) } else { Ok(()) }
    }

    /// How a run ends that was stopped. `note` is added to the text.
    pub fn failure(&self, note: &str) -> Failure {
        match self.signal.load(Ordering::Relaxed) as i32 {
            SIGINT => Failure::Interrupted(format!("interrupted{note}")),
            _ => Failure::Terminated(format!("terminated{note}")),
        }
    }
}
