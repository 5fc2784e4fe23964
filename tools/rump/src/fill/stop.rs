//! The wish to stop: SIGINT and SIGTERM, asked for between pieces of work. A second one ends at once.

use crate::session::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Added to the number of a signal, it is the exit status.
const SIGNALLED: i32 = 128;

/// See the module.
#[derive(Clone)]
pub struct Stop {
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// Watches from now on.
    pub fn watch() -> Result<Self, Failure> {
        let (signal, again) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        for number in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(number, SIGNALLED + number, again.clone())
                .and_then(|_| flag::register(number, again.clone()))
                .and_then(|_| flag::register_usize(number, signal.clone(), number as usize))
                .map_err(|error| Failure::Other(format!("cannot watch for signals: {error}")))?;
        }
        Ok(Self { signal })
    }

    /// Whether a signal came: it ends what is being done.
    pub fn check(&self) -> Result<(), Failure> {
        match self.signal.load(Ordering::Relaxed) as i32 {
            0 => Ok(()),
            SIGTERM => Err(Failure::Terminated("terminated".into())),
            _ => Err(Failure::Interrupted("interrupted".into())),
        }
    }
}
