//! RACK-TLP (RFC 8985): what was sent earlier than something that arrived is lost, once it had its time; and where nothing
//! tells, the last segment is sent again early, to be told.

use super::header::clock;
use super::output::{Cut, Sending};
use super::pcb::Pcb;
use super::recovery::{DUPLICATES, News, Phase};
use super::scoreboard::Arrived;
use crate::time::Instant;
use core::time::Duration;

/// How long the shortest round trip is remembered.
const MIN_RTT_AGE: Duration = Duration::from_secs(300);
/// How long an acknowledgement of a single segment may be held back (`TLP.max_ack_delay`).
const HELD_BACK: Duration = Duration::from_millis(200);
/// Recoveries for which a wider window for disorder stays (section 6.2, step 4).
const PERSIST: u8 = 16;

/// A probe that was sent (section 7).
#[derive(Clone, Copy, Debug)]
struct Probe {
    end: u64,
    is_again: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Rack {
    /// Of all that arrived, which sending was the last.
    newest: u64,
    /// How long it took.
    rtt: Duration,
    /// The shortest round trip, and when it was.
    shortest: Option<(Duration, Instant)>,
    /// Where the highest ends that arrived.
    highest: u64,
    /// How often the order was seen to be mixed up, and by how many bytes at most.
    disorders: u32,
    most_disorder: u32,
    /// How many quarters of the round trip are waited for.
    quarters: u8,
    persists: u8,
    /// No second widening before this is acknowledged.
    widened_until: Option<u64>,
    probe: Option<Probe>,
}

impl Default for Rack {
    fn default() -> Self {
        Self {
            newest: 0,
            rtt: Duration::ZERO,
            shortest: None,
            highest: 0,
            disorders: 0,
            most_disorder: 0,
            quarters: 1,
            persists: 0,
            widened_until: None,
            probe: None,
        }
    }
}

impl Rack {
    /// Bytes arrived (section 6.2, steps 1 to 3). Answers how long that took, if it says something.
    pub fn arrived(&mut self, now: Instant, arrived: &Arrived, echo: Option<u32>) -> Option<Duration> {
        let rtt = now.saturating_sub(arrived.sent);
        if arrived.again {
            let answers_an_earlier =
                echo.is_some_and(|echo| (echo.wrapping_sub(clock(arrived.sent)) as i32) < 0);
            if answers_an_earlier || self.shortest.is_some_and(|(shortest, _)| rtt < shortest) {
                return None;
            }
        } else {
            if self.shortest.is_none_or(|(shortest, at)| rtt <= shortest || now - at > MIN_RTT_AGE) {
                self.shortest = Some((rtt, now));
            }
            if arrived.end < self.highest {
                self.disorders = self.disorders.saturating_add(1);
                self.most_disorder = self.most_disorder.max((self.highest - arrived.end) as u32);
            }
        }
        self.highest = self.highest.max(arrived.end);
        if arrived.turn > self.newest {
            (self.newest, self.rtt) = (arrived.turn, rtt);
        }
        (!arrived.again).then_some(rtt)
    }

    /// The other side got something twice: more disorder is to be waited for (step 4). `place` is what is acknowledged,
    /// `end` what was sent.
    fn widen(&mut self, place: u64, end: u64) {
        if self.widened_until.is_none_or(|until| place >= until) {
            self.quarters = self.quarters.saturating_add(1);
            self.persists = PERSIST;
            self.widened_until = Some(end);
        }
    }

    /// Whatever was sent before this moment had its time when a timer runs out.
    pub fn settled_before(&self, now: Instant) -> Instant {
        let shortest = self.shortest.map_or(Duration::ZERO, |(shortest, _)| shortest);
        now.saturating_sub(self.rtt + shortest / 4)
    }

    /// How often the order was seen to be mixed up.
    pub fn disorders(&self) -> u32 {
        self.disorders
    }

    /// By how many bytes.
    pub fn most_disorder(&self) -> u32 {
        self.most_disorder
    }

    /// The shortest round trip.
    pub fn shortest(&self) -> Option<Duration> {
        self.shortest.map(|(shortest, _)| shortest)
    }

    /// A recovery began.
    fn note_recovery(&mut self) {
        self.persists = self.persists.saturating_sub(1);
        if self.persists == 0 {
            self.quarters = 1;
        }
    }
}

impl Pcb {
    /// How long disorder is waited for (section 6.2, step 4).
    fn reorder_window(&self) -> Duration {
        let is_recovering = matches!(self.recovery.phase, Phase::Recovery | Phase::Loss);
        let is_clear = self.scoreboard.held_bytes() >= DUPLICATES * self.segment_bytes();
        if self.rack.disorders == 0 && (is_recovering || is_clear) {
            return Duration::ZERO;
        }
        let shortest = self.rack.shortest().unwrap_or(Duration::ZERO);
        let window = shortest / 4 * u32::from(self.rack.quarters);
        self.rtt.smoothed().map_or(window, |smoothed| window.min(smoothed))
    }

    /// Takes for lost what had its time (section 6.2, step 5).
    pub fn detect(&mut self, now: Instant) {
        if self.scoreboard.flight() == 0 {
            self.timers.reorder = None;
            return;
        }
        let patience = self.rack.rtt + self.reorder_window();
        let judge = |sent: Instant| Some(sent + patience).filter(|due| *due > now);
        let lost = self.scoreboard.lost_bytes();
        self.timers.reorder = self.scoreboard.judge(self.rack.newest, judge);
        if self.scoreboard.lost_bytes() > lost && self.recovery.phase == Phase::Open {
            self.rack.note_recovery();
        }
    }

    /// The time for disorder is over.
    pub fn disorder_ended(&mut self, now: Instant) {
        let lost = self.scoreboard.lost_bytes();
        self.detect(now);
        let is_worse = self.scoreboard.lost_bytes() > lost && !self.is_probe_lost(now, lost);
        if is_worse && matches!(self.recovery.phase, Phase::Open | Phase::Crowded) {
            self.begin_recovery();
            // Something is sent at once.
            let window = self.pipe().saturating_add(self.segment_bytes());
            self.congestion.set_window(window.max(self.congestion.threshold().min(self.congestion.window())));
        }
    }

    /// What an acknowledgement says of the last probe (section 7.4.2).
    pub fn note_probe(&mut self, news: &News) {
        if news.twice.is_some() {
            let end = self.place_of_number(self.send.next);
            self.rack.widen(self.send.place, end);
        }
        let Some(probe) = self.rack.probe.filter(|probe| self.send.place >= probe.end) else { return };
        let was_twice = news.twice.is_some_and(|begin| begin < probe.end);
        let says_nothing = news.acknowledged == 0 && news.is_duplicate;
        if !probe.is_again || was_twice || says_nothing {
            self.rack.probe = None;
        } else if self.send.place > probe.end {
            // The probe mended what was lost.
            self.rack.probe = None;
            if self.recovery.phase == Phase::Open {
                self.begin_recovery();
                self.recovery.until = self.send.place;
            }
        }
    }

    /// Waits for a probe, if one may be of use (section 7.2). `deadline` is that of the timer for sending again.
    pub fn arm_probe(&mut self, now: Instant) {
        self.timers.probe = None;
        let is_calm = self.recovery.phase == Phase::Open && self.rack.probe.is_none();
        let is_complete = self.scoreboard.held_bytes() == 0 && self.scoreboard.lost_bytes() == 0;
        if !self.sack
            || !self.choices.probes_tail
            || !is_calm
            || !is_complete
            || self.scoreboard.flight() == 0
        {
            return;
        }
        let Some(smoothed) = self.rtt.smoothed() else { return };
        let is_single = self.scoreboard.flight() <= self.segment_bytes();
        let wait =
            (2 * smoothed).max(Duration::from_millis(2)) + if is_single { HELD_BACK } else { Duration::ZERO };
        let deadline = now + wait;
        if self.timers.retransmit.is_some_and(|timer| deadline < timer) {
            self.timers.probe = Some(deadline);
        }
    }

    /// Sends a probe: what is new, or the last segment again (section 7.3).
    pub fn probe_loss(&mut self, now: Instant) -> Option<Sending> {
        let segment = self.segment_bytes();
        let window = self.congestion.window();
        self.congestion.set_window(window.max(self.pipe() + segment));
        let new = self.next_new(now, Cut::Never);
        self.congestion.set_window(window);
        let is_again = new.is_none();
        let sending = match new {
            Some(sending) => Some(sending),
            None => {
                let last = self.scoreboard.repeat_last(now, segment)?;
                Some(self.send_again(now, last))
            }
        };
        self.rack.probe = Some(Probe { end: self.place_of_number(self.send.next), is_again });
        self.arm_retransmit(now);
        sending
    }
}
