//! NewReno: a segment more in each round, half when one is lost (RFC 5681, sections 3.1 and 3.2; RFC 3465).

use super::{Algorithm, Growth};
use core::time::Duration;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewReno {
    /// Bytes that were acknowledged towards the next segment.
    acknowledged: u32,
}

impl Algorithm for NewReno {
    fn grow(&mut self, window: u32, growth: &Growth) -> u32 {
        self.acknowledged = self.acknowledged.saturating_add(growth.bytes);
        if self.acknowledged < window {
            return window;
        }
        self.acknowledged -= window;
        window.saturating_add(growth.segment)
    }

    fn reduce(&mut self, _window: u32, flight: u32, _segment: u32) -> u32 {
        self.acknowledged = 0;
        flight / 2
    }

    fn rested(&mut self, _rest: Duration) {}
}
