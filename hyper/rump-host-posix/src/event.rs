//! Waiting for another thread.

use rump_hyper::Event;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A flag under a lock of its own, which is a leaf.
#[derive(Default)]
pub struct Flag {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Event for Flag {
    fn set(&self) {
        *self.is_set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self, timeout: Option<Duration>) -> bool {
        let is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        let unset = |is_set: &mut bool| !*is_set;
        let mut is_set = match timeout {
            None => self.changed.wait_while(is_set, unset).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.changed.wait_timeout_while(is_set, timeout, unset);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        std::mem::take(&mut *is_set)
    }
}
