//! An exchange with servers: its number, and when to ask again (RFC 2131, section 4.1).

use core::time::Duration;
use rump_random::Random;

/// Before the first repetition; doubled with each.
const FIRST_WAIT: Duration = Duration::from_secs(4);
const MOST_WAIT: Duration = Duration::from_secs(64);
/// Each wait is longer or shorter by up to so much.
const JITTER: Duration = Duration::from_secs(1);
/// Between two messages for a lease that lasts (section 4.4.5).
const LEAST_RENEWAL_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Exchange {
    pub number: u32,
    /// When it began.
    pub begins: Duration,
    /// What is said of that in each message.
    pub seconds: u16,
    /// When the first message of this kind was sent.
    pub sent: Option<Duration>,
    /// How many were.
    pub count: u32,
    /// When there is something to do.
    pub due: Duration,
}

impl Exchange {
    /// One that has something to do at once.
    pub fn new(now: Duration, random: &mut Random) -> Self {
        Self { number: random.number() as u32, begins: now, seconds: 0, sent: None, count: 0, due: now }
    }

    /// Messages of another kind follow.
    pub fn restart(&mut self, now: Duration) {
        (self.sent, self.count, self.due) = (None, 0, now);
    }

    /// Enough was sent, and the last answer was waited for.
    pub fn is_over(&self, now: Duration, most: u32) -> bool {
        self.due <= now && self.count >= most
    }

    /// A message is being sent. Answers how long to wait.
    pub fn count(&mut self, now: Duration, random: &mut Random) -> Duration {
        let wait = FIRST_WAIT.saturating_mul(1 << self.count.min(10)).min(MOST_WAIT);
        let wait = wait + below(random, JITTER * 2) - JITTER;
        self.sent = self.sent.or(Some(now));
        self.count = self.count.saturating_add(1);
        self.due = now + wait;
        wait
    }

    /// A message is being sent that asks to go on, until `end` at most; it has a number of its own, so that the time of
    /// the lease counts from just this one. Answers how long to wait.
    pub fn count_renewal(&mut self, now: Duration, end: Option<Duration>, random: &mut Random) -> Duration {
        if self.count > 0 {
            self.number = random.number() as u32;
        }
        let left = end.map_or(Duration::MAX, |end| end.saturating_sub(now));
        let wait = (left / 2).max(LEAST_RENEWAL_WAIT).min(left.max(JITTER));
        self.sent = Some(now);
        self.count = self.count.saturating_add(1);
        self.due = now.saturating_add(wait);
        wait
    }

    /// For how many seconds the client has been trying.
    pub fn elapsed(&self, now: Duration) -> u16 {
        u16::try_from(now.saturating_sub(self.begins).as_secs()).unwrap_or(u16::MAX)
    }
}

/// A time that is less than `limit`, to the millisecond.
pub fn below(random: &mut Random, limit: Duration) -> Duration {
    let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(random.number() % milliseconds)
}
