//! How much may be on its way: NewReno (RFC 5681, RFC 6582), counted in bytes (RFC 3465).

/// What the network seems to take.
#[derive(Clone, Debug)]
pub struct Congestion {
    window: u32,
    threshold: u32,
    /// Bytes that were acknowledged towards the next segment.
    acknowledged: u32,
}

impl Congestion {
    /// Before anything was sent (RFC 6928).
    pub fn new(segment: u32) -> Self {
        Self { window: (10 * segment).min((2 * segment).max(14_600)), threshold: u32::MAX, acknowledged: 0 }
    }

    /// Bytes that may be on their way.
    pub fn window(&self) -> u32 {
        self.window
    }

    /// Where growth slows down.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Bytes were acknowledged while nothing was missing.
    pub fn acknowledged(&mut self, bytes: u32, segment: u32) {
        if self.window < self.threshold {
            self.window = self.window.saturating_add(bytes.min(2 * segment));
            return;
        }
        self.acknowledged = self.acknowledged.saturating_add(bytes);
        if self.acknowledged >= self.window {
            self.acknowledged -= self.window;
            self.window = self.window.saturating_add(segment);
        }
    }

    /// A segment is missing, `flight` bytes are on their way.
    pub fn lost(&mut self, flight: u32, segment: u32) {
        self.threshold = (flight / 2).max(2 * segment);
        self.window = self.threshold;
        self.acknowledged = 0;
    }

    /// The timer ran out. `is_first`: not for the same segment again.
    pub fn timed_out(&mut self, flight: u32, segment: u32, is_first: bool) {
        if is_first {
            self.threshold = (flight / 2).max(2 * segment);
        }
        self.window = segment;
        self.acknowledged = 0;
    }

    /// Nothing was sent for long (RFC 5681, section 4.1).
    pub fn idle(&mut self, segment: u32) {
        self.window = self.window.min(Self::new(segment).window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_doubles_then_grows_by_a_segment_and_halves_when_one_is_lost() {
        let mut congestion = Congestion::new(1000);
        assert_eq!(congestion.window(), 10_000);
        (0..10).for_each(|_| congestion.acknowledged(1000, 1000));
        assert_eq!(congestion.window(), 20_000);
        congestion.lost(20_000, 1000);
        assert_eq!(congestion.window(), 10_000);
        (0..10).for_each(|_| congestion.acknowledged(1000, 1000));
        assert_eq!(congestion.window(), 11_000);
        congestion.timed_out(11_000, 1000, true);
        assert_eq!((congestion.window(), congestion.threshold()), (1000, 5500));
        congestion.timed_out(1000, 1000, false);
        assert_eq!(congestion.threshold(), 5500);
    }
}
