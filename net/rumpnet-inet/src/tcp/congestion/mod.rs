//! How much may be on its way: slow start (RFC 5681, section 3.1, counted in bytes as RFC 3465 has it, left in time by
//! HyStart++, RFC 9406), and then as one of the algorithms says.
//!
//! Nothing grows that was not used (RFC 7661): a window tells what the network takes only as long as it is full. During a
//! recovery the window is what proportional rate reduction makes it (`recovery`).

mod cubic;
mod hystart;
mod new_reno;

use crate::time::Instant;
use core::time::Duration;
use cubic::Cubic;
use hystart::HyStart;
use new_reno::NewReno;

/// What was acknowledged, and when.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// The time.
    pub now: Instant,
    /// Bytes that arrived.
    pub bytes: u32,
    /// Bytes of a segment.
    pub segment: u32,
    /// How long an answer takes.
    pub rtt: Duration,
}

/// What an algorithm decides once slow start is over.
pub trait Algorithm {
    /// The window after bytes arrived that filled it.
    fn grow(&mut self, window: u32, growth: &Growth) -> u32;

    /// The window after the network said that it is crowded, with `flight` bytes on their way.
    fn reduce(&mut self, window: u32, flight: u32, segment: u32) -> u32;

    /// Nothing was sent for so long.
    fn rested(&mut self, rest: Duration);
}

/// Which algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// NewReno (RFC 5681, RFC 6582).
    NewReno,
    /// CUBIC (RFC 9438).
    #[default]
    Cubic,
}

impl Kind {
    /// What programs call it (`TCP_CONGCTL`).
    pub fn name(self) -> &'static str {
        match self {
            Self::NewReno => "newreno",
            Self::Cubic => "cubic",
        }
    }

    /// The one of this name, NetBSD's or Linux's.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "newreno" | "reno" => Some(Self::NewReno),
            "cubic" => Some(Self::Cubic),
            _ => None,
        }
    }

    fn begin(self) -> Avoidance {
        match self {
            Self::NewReno => Avoidance::NewReno(NewReno::default()),
            Self::Cubic => Avoidance::Cubic(Cubic::default()),
        }
    }
}

/// An algorithm at work.
#[derive(Clone, Copy, Debug)]
enum Avoidance {
    NewReno(NewReno),
    Cubic(Cubic),
}

impl Avoidance {
    fn algorithm(&mut self) -> &mut dyn Algorithm {
        match self {
            Self::NewReno(algorithm) => algorithm,
            Self::Cubic(algorithm) => algorithm,
        }
    }
}

/// What the network seems to take.
#[derive(Clone, Copy, Debug)]
pub struct Congestion {
    window: u32,
    threshold: u32,
    avoidance: Avoidance,
    hystart: HyStart,
}

/// The window at the beginning (RFC 6928).
pub fn first_window(segment: u32) -> u32 {
    (10 * segment).min((2 * segment).max(14_600))
}

impl Congestion {
    /// Before anything was sent; the window is that of the beginning.
    pub fn new(kind: Kind, window: u32) -> Self {
        Self { window, threshold: u32::MAX, avoidance: kind.begin(), hystart: HyStart::default() }
    }

    /// Begins another algorithm with what is known.
    pub fn choose(&mut self, kind: Kind) {
        self.avoidance = kind.begin();
    }

    /// Bytes that may be on their way.
    pub fn window(&self) -> u32 {
        self.window
    }

    /// Where growth slows down.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// Whether the window still doubles.
    pub fn is_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    /// Bytes arrived that filled the window.
    pub fn grow(&mut self, growth: &Growth) {
        if self.is_slow_start() {
            let step = self.hystart.step(growth.bytes, growth.segment);
            self.window = self.window.saturating_add(step);
        } else {
            self.window = self.avoidance.algorithm().grow(self.window, growth);
        }
    }

    /// An answer took so long; what is acknowledged ends at `place`, what was sent at `end`.
    pub fn measured(&mut self, rtt: Duration, place: u64, end: u64) {
        if self.threshold == u32::MAX && self.hystart.measured(rtt, place, end) {
            self.threshold = self.window;
        }
    }

    /// The network is crowded, `flight` bytes are on their way. The window follows the threshold.
    pub fn reduce(&mut self, flight: u32, segment: u32) {
        let reduced = self.avoidance.algorithm().reduce(self.window, flight, segment);
        self.threshold = reduced.max(2 * segment);
    }

    /// The window, as a recovery has it.
    pub fn set_window(&mut self, bytes: u32) {
        self.window = bytes;
    }

    /// Nothing was sent for longer than an answer is waited for (RFC 5681, section 4.1).
    pub fn rested(&mut self, rest: Duration, first_window: u32) {
        self.window = self.window.min(first_window);
        self.avoidance.algorithm().rested(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn growth(millis: u64, bytes: u32) -> Growth {
        let (now, rtt) = (Duration::from_millis(millis), Duration::from_millis(100));
        Growth { now, bytes, segment: 1000, rtt }
    }

    #[test]
    fn the_window_of_newreno_doubles_then_grows_by_a_segment_and_halves() {
        let mut congestion = Congestion::new(Kind::NewReno, first_window(1000));
        assert_eq!(congestion.window(), 10_000);
        (0..10).for_each(|_| congestion.grow(&growth(0, 1000)));
        assert_eq!(congestion.window(), 20_000);
        congestion.reduce(20_000, 1000);
        congestion.set_window(congestion.threshold());
        assert_eq!(congestion.window(), 10_000);
        (0..10).for_each(|_| congestion.grow(&growth(0, 1000)));
        assert_eq!(congestion.window(), 11_000);
        congestion.rested(Duration::from_secs(1), first_window(1000));
        assert_eq!(congestion.window(), 10_000);
    }

    #[test]
    fn cubic_comes_back_to_where_it_lost_and_stays_there_for_a_while() {
        let mut congestion = Congestion::new(Kind::Cubic, first_window(1000));
        congestion.set_window(100_000);
        congestion.reduce(100_000, 1000);
        congestion.set_window(congestion.threshold());
        assert_eq!(congestion.window(), 70_000);
        let mut windows = Vec::new();
        for round in 0..100_u64 {
            let window = congestion.window();
            for ack in 0..window / 2000 {
                congestion.grow(&growth(round * 100 + u64::from(ack), 2000));
            }
            windows.push(congestion.window());
        }
        // K is the cube root of 30 segments / 0.4, 4.2 seconds: growth is quick, then slow, then quick.
        let gained = |from: usize, to: usize| windows[to] - windows[from];
        assert!((95_000..=102_000).contains(&windows[42]), "{windows:?}");
        assert!(gained(0, 10) > 3 * gained(35, 45), "{windows:?}");
        assert!(gained(70, 80) > 3 * gained(35, 45), "{windows:?}");
        assert!(windows.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn cubic_is_no_slower_than_newreno_on_a_short_way() {
        let mut congestion = Congestion::new(Kind::Cubic, first_window(1000));
        congestion.set_window(10_000);
        congestion.reduce(10_000, 1000);
        congestion.set_window(congestion.threshold());
        // A millisecond each: the cubic curve is flat, what NewReno would do is not.
        for round in 0..200 {
            for _ in 0..congestion.window() / 1000 {
                let now = Duration::from_millis(round);
                congestion.grow(&Growth { now, bytes: 1000, segment: 1000, rtt: Duration::from_millis(1) });
            }
        }
        assert!(congestion.window() > 100_000, "{}", congestion.window());
    }

    #[test]
    fn slow_start_ends_when_answers_begin_to_take_longer() {
        let mut congestion = Congestion::new(Kind::Cubic, first_window(1000));
        let (mut place, mut rounds) = (0, 0);
        while congestion.is_slow_start() && rounds < 30 {
            let end = place + u64::from(congestion.window());
            // A queue fills once more than 64 segments are on their way.
            let queued = u64::from(congestion.window().saturating_sub(64_000)) / 1000;
            while place < end {
                place += 1000;
                let rtt = Duration::from_millis(50 + queued);
                congestion.measured(rtt, place, place + u64::from(congestion.window()));
                congestion.grow(&growth(0, 1000));
            }
            rounds += 1;
        }
        assert!((64_000..600_000).contains(&congestion.window()), "{} after {rounds}", congestion.window());
        assert!(!congestion.is_slow_start());
    }

    #[test]
    fn names_are_those_that_programs_know() {
        for kind in [Kind::NewReno, Kind::Cubic] {
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
        assert_eq!((Kind::named("reno"), Kind::named("bbr")), (Some(Kind::NewReno), None));
    }
}
