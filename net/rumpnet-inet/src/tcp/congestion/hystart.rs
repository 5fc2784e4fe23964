//! HyStart++ (RFC 9406): leaves slow start when answers begin to take longer, before anything is lost.

use core::time::Duration;

/// `MIN_RTT_THRESH` and `MAX_RTT_THRESH`.
const THRESHOLDS: (Duration, Duration) = (Duration::from_millis(4), Duration::from_millis(16));
/// `MIN_RTT_DIVISOR`.
const DIVISOR: u32 = 8;
/// `N_RTT_SAMPLE`.
const SAMPLES: u32 = 8;
/// `CSS_GROWTH_DIVISOR`.
const SLOWER: u32 = 4;
/// `CSS_ROUNDS`.
const SLOW_ROUNDS: u32 = 5;
/// `L`, of a sender that does not pace.
const MOST_SEGMENTS: u32 = 8;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct HyStart {
    /// What is acknowledged when a round ends.
    round_end: u64,
    /// The shortest answers of the last round and of this one.
    last: Option<Duration>,
    current: Option<Duration>,
    samples: u32,
    /// Conservative slow start: the answer that it began at, and how many rounds it has lasted.
    slow: Option<(Duration, u32)>,
}

impl HyStart {
    /// By how much the window grows when bytes arrive (section 4.2; RFC 3465, section 2.2).
    pub fn step(&self, bytes: u32, segment: u32) -> u32 {
        let step = bytes.min(MOST_SEGMENTS * segment);
        if self.slow.is_some() { step / SLOWER } else { step }
    }

    /// An answer took `rtt`; what is acknowledged ends at `place`, what was sent at `end`. Answers whether slow start is
    /// over.
    pub fn measured(&mut self, rtt: Duration, place: u64, end: u64) -> bool {
        let ends_round = place >= self.round_end;
        if ends_round {
            (self.round_end, self.samples) = (end, 0);
            self.last = self.current.take();
        }
        self.samples += 1;
        let current = self.current.map_or(rtt, |current| current.min(rtt));
        self.current = Some(current);
        match self.slow {
            // It was but a disturbance.
            Some((baseline, _)) if self.samples >= SAMPLES && current < baseline => self.slow = None,
            Some((baseline, rounds)) if ends_round => {
                self.slow = Some((baseline, rounds + 1));
                return rounds + 1 >= SLOW_ROUNDS;
            }
            Some(_) => {}
            None => self.look_for_delay(current),
        }
        false
    }

    fn look_for_delay(&mut self, current: Duration) {
        let Some(last) = self.last.filter(|_| self.samples >= SAMPLES) else { return };
        let threshold = (last / DIVISOR).clamp(THRESHOLDS.0, THRESHOLDS.1);
        if current >= last + threshold {
            self.slow = Some((current, 0));
        }
    }
}
