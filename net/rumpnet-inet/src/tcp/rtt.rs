//! How long an answer takes, and how long to wait for one (RFC 6298).

use core::time::Duration;

/// The shortest wait. The RFC asks for a second; everybody takes less, since clocks are finer now.
const LEAST: Duration = Duration::from_millis(200);
/// The longest (section 2.5).
const MOST: Duration = Duration::from_secs(60);
/// Before anything was measured (section 2.1).
const INITIAL: Duration = Duration::from_secs(1);

/// After a SYN was lost (section 5.7).
const AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// What was measured.
#[derive(Clone, Debug)]
pub struct Rtt {
    smoothed: Option<Duration>,
    variation: Duration,
    timeout: Duration,
    /// How often the timer ran out since the last answer.
    backoff: u32,
}

impl Default for Rtt {
    fn default() -> Self {
        Self { smoothed: None, variation: Duration::ZERO, timeout: INITIAL, backoff: 0 }
    }
}

impl Rtt {
    /// An answer took so long (sections 2.2 and 2.3).
    pub fn measured(&mut self, sample: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(sample);
                self.variation = sample / 2;
            }
            Some(smoothed) => {
                self.variation = (self.variation * 3 + smoothed.abs_diff(sample)) / 4;
                self.smoothed = Some((smoothed * 7 + sample) / 8);
            }
        }
        let smoothed = self.smoothed.unwrap_or(sample);
        self.timeout = (smoothed + (self.variation * 4).max(Duration::from_millis(1))).clamp(LEAST, MOST);
        self.backoff = 0;
    }

    /// How long to wait for an answer now.
    pub fn timeout(&self) -> Duration {
        self.timeout.saturating_mul(1 << self.backoff.min(16)).min(MOST)
    }

    /// A SYN was lost, and nothing is known of the way: a wait as long as it used to be (section 5.7).
    pub fn note_lost_syn(&mut self) {
        self.backoff = 0;
        if self.smoothed.is_none() {
            self.timeout = AFTER_LOST_SYN;
        }
    }

    /// None came: the next wait is twice as long (section 5.5).
    pub fn back_off(&mut self) {
        self.backoff += 1;
    }

    /// Something new was acknowledged.
    pub fn answered(&mut self) {
        self.backoff = 0;
    }

    /// How often none came.
    pub fn backoff(&self) -> u32 {
        self.backoff
    }

    /// How long it was waited since the last answer, once the timer has run out again.
    pub fn waited(&self) -> Duration {
        (0..=self.backoff.min(16)).map(|times| self.timeout.saturating_mul(1 << times).min(MOST)).sum()
    }

    /// How much it varies.
    pub fn variation(&self) -> Duration {
        self.variation
    }

    /// The mean.
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_what_is_measured_and_doubles_in_silence() {
        let mut rtt = Rtt::default();
        assert_eq!(rtt.timeout(), INITIAL);
        let mut silent = rtt.clone();
        (0..7).for_each(|_| silent.back_off());
        assert_eq!(silent.waited(), Duration::from_secs(1 + 2 + 4 + 8 + 16 + 32 + 60 + 60));
        rtt.measured(Duration::from_millis(100));
        assert_eq!(rtt.timeout(), Duration::from_millis(300));
        for _ in 0..100 {
            rtt.measured(Duration::from_millis(100));
        }
        assert_eq!(rtt.timeout(), LEAST);
        let waits: [u128; 4] = core::array::from_fn(|_| {
            rtt.back_off();
            rtt.timeout().as_millis()
        });
        assert_eq!(waits, [400, 800, 1600, 3200]);
        (0..100).for_each(|_| rtt.back_off());
        assert_eq!(rtt.timeout(), MOST);
        rtt.answered();
        assert_eq!(rtt.timeout(), LEAST);
    }
}
