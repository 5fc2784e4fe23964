//! The wish to stop: SIGINT, SIGTERM and SIGHUP, asked for between pieces of work.
//!
//! An image that is being changed is written out and closed first, so that a signal never ends the process itself.

use crate::session::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module. Until it watches, signals do what they always do.
#[derive(Clone, Default)]
pub struct Stop {
    signal: Option<Arc<AtomicUsize>>,
}

impl Stop {
    /// Watches from now on.
    pub fn watch(&mut self) -> Result<(), Failure> {
        if self.signal.is_some() {
            return Ok(());
        }
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register_usize(number, signal.clone(), number as usize)
                .map_err(|error| Failure::Other(format!("cannot watch for signals: {error}")))?;
        }
        self.signal = Some(signal);
        Ok(())
    }

    /// Takes Ctrl-C as not pressed.
    pub fn forget_interrupt(&self) {
        if let Some(signal) = &self.signal {
            // Unless another signal came: then there is nothing to forget.
            let _ = signal.compare_exchange(SIGINT as usize, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Whether a signal came.
    pub fn is_wanted(&self) -> bool {
        self.signal.as_ref().is_some_and(|signal| signal.load(Ordering::Relaxed) != 0)
    }

    /// Errors: a signal came.
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_wanted() { Err(self.failure("")) } else { Ok(()) }
    }

    /// How a run ends that was stopped. `note` is added to the text.
    pub fn failure(&self, note: &str) -> Failure {
        let signal = self.signal.as_ref().map_or(0, |signal| signal.load(Ordering::Relaxed));
        match signal as i32 {
            SIGINT => Failure::Interrupted(format!("interrupted{note}")),
            _ => Failure::Terminated(format!("terminated{note}")),
        }
    }
}
