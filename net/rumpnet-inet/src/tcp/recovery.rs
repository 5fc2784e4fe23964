//! Going on after a loss: what is sent again, how fast meanwhile (proportional rate reduction, RFC 6937), and what is
//! taken back if nothing was lost: that is seen by timestamps (Eifel, RFC 3522), or by the other side's word that it got
//! everything twice (DSACK, RFC 2883 and RFC 3708).

use super::congestion::Congestion;
use super::pcb::Pcb;
use crate::time::Instant;
use alloc::boxed::Box;

/// Acknowledgements that say nothing new, or segments behind a gap, before something is taken for lost.
pub const DUPLICATES: u32 = 3;

/// What is being done about the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing.
    #[default]
    Open,
    /// It said that it is crowded (RFC 3168): the window goes down.
    Crowded,
    /// Something is lost, and is sent again.
    Recovery,
    /// A timer ran out: all is sent again, as slowly as at the beginning.
    Loss,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// What is being done.
    pub phase: Phase,
    /// Until this place is acknowledged.
    pub until: u64,
    /// Acknowledgements that said nothing new.
    pub duplicates: u32,
    /// Bytes that arrived, and that were sent, since it began; what was on its way then.
    delivered: u32,
    sent: u32,
    flight: u32,
    /// What there was before, as long as that may come back.
    undo: Option<Box<Undo>>,
}

#[derive(Clone, Debug)]
struct Undo {
    congestion: Congestion,
    /// The clock of timestamps when something was first sent again.
    stamp: Option<u32>,
    /// Where what was on its way began.
    begin: u64,
    /// Segments that were sent again, and that nobody said have arrived twice.
    pending: u32,
    was_sent_again: bool,
}

/// What an acknowledgement said.
#[derive(Clone, Copy, Debug, Default)]
pub struct News {
    /// Bytes that are acknowledged in order.
    pub acknowledged: u32,
    /// Bytes that arrived, in order or not.
    pub delivered: u32,
    /// The acknowledgement said nothing new.
    pub is_duplicate: bool,
    /// The window had been full.
    pub was_full: bool,
    /// Bytes arrived twice, from this place on.
    pub twice: Option<u64>,
    /// The network is crowded, as the other side heard.
    pub crowded: bool,
    /// What was echoed of the clock of timestamps.
    pub echo: Option<u32>,
}

impl Recovery {
    /// Whether the window is being reduced.
    pub fn is_reducing(&self) -> bool {
        matches!(self.phase, Phase::Recovery | Phase::Crowded)
    }

    /// Bytes were sent, again or for the first time.
    pub fn note_sent(&mut self, bytes: u32) {
        self.sent = self.sent.saturating_add(bytes);
    }

    /// A segment was sent again, by a clock of timestamps.
    pub fn note_again(&mut self, clock: u32) {
        if let Some(undo) = &mut self.undo {
            undo.stamp.get_or_insert(clock);
            undo.pending += 1;
            undo.was_sent_again = true;
        }
    }

    fn remember(&mut self, congestion: Congestion, begin: u64) {
        self.undo =
            Some(Box::new(Undo { congestion, stamp: None, begin, pending: 0, was_sent_again: false }));
    }
}

impl Pcb {
    /// Bytes that are thought to be on their way.
    pub fn pipe(&self) -> u32 {
        let pipe = self.scoreboard.pipe();
        if self.sack {
            return pipe;
        }
        // Each acknowledgement that says nothing new says that a segment arrived.
        pipe.saturating_sub(self.recovery.duplicates.saturating_mul(self.segment_bytes()))
    }

    /// What an acknowledgement changes.
    pub fn react(&mut self, now: Instant, news: &News) {
        let place = self.send.place;
        if news.acknowledged > 0 {
            self.recovery.duplicates = 0;
        } else if news.is_duplicate {
            self.recovery.duplicates += 1;
        }
        if self.is_spurious(news) {
            self.take_back();
        }
        let is_over = self.recovery.phase != Phase::Open && place >= self.recovery.until;
        if is_over {
            self.end_recovery();
        }
        let lost = self.scoreboard.lost_bytes();
        self.look_for_losses(now, news);
        let is_worse = self.scoreboard.lost_bytes() > lost && !self.is_probe_lost(now, lost);
        if is_worse && matches!(self.recovery.phase, Phase::Open | Phase::Crowded) {
            self.begin_recovery();
        } else if news.crowded && self.recovery.phase == Phase::Open {
            self.give_way();
        }
        match self.recovery.phase {
            Phase::Recovery | Phase::Crowded => {
                let delivered = match (self.sack, news.is_duplicate) {
                    (false, true) => self.segment_bytes(),
                    _ => news.delivered,
                };
                self.reduce_rate(delivered, news.acknowledged > 0 && !is_worse);
            }
            Phase::Open | Phase::Loss if news.was_full && !is_over && news.acknowledged > 0 => {
                self.grow(now, news.acknowledged);
            }
            _ => {}
        }
    }

    /// With selective acknowledgement by time, else by counting (RFC 5681, section 3.2; RFC 6582).
    fn look_for_losses(&mut self, now: Instant, news: &News) {
        if self.sack {
            return self.detect(now);
        }
        // A longer segment that was sent to try is lost as a whole.
        let probe = self.black_hole.probe().filter(|(begin, _)| *begin == self.send.place);
        let segment = probe.map_or(self.segment_bytes(), |(begin, end)| (end - begin) as u32);
        let is_third = news.is_duplicate && self.recovery.duplicates == DUPLICATES;
        match self.recovery.phase {
            Phase::Open | Phase::Crowded if is_third => self.scoreboard.lose_first(segment),
            // Not all: the next one is missing, too (RFC 6582, section 3.2, step 3).
            Phase::Recovery if news.acknowledged > 0 => self.scoreboard.lose_first(segment),
            _ => {}
        }
    }

    /// Something is missing.
    pub fn begin_recovery(&mut self) {
        if self.recovery.phase == Phase::Open {
            self.recovery.remember(self.congestion, self.send.place);
            self.begin_reduction();
        }
        self.recovery.phase = Phase::Recovery;
        self.recovery.until = self.place_of_number(self.send.next);
    }

    /// The network is crowded, but nothing is lost (RFC 3168, section 6.1.2): once for what is on its way.
    fn give_way(&mut self) {
        self.recovery.undo = None;
        self.begin_reduction();
        self.recovery.phase = Phase::Crowded;
        self.recovery.until = self.place_of_number(self.send.next);
        self.ecn.must_answer = true;
    }

    fn begin_reduction(&mut self) {
        let flight = self.scoreboard.flight();
        self.congestion.reduce(flight, self.segment_bytes());
        (self.recovery.delivered, self.recovery.sent, self.recovery.flight) = (0, 0, flight.max(1));
        self.ecn.must_answer |= self.ecn.on;
    }

    /// RFC 6937, section 3, with the bound of its successor: what goes out follows what arrives.
    fn reduce_rate(&mut self, delivered: u32, is_safe: bool) {
        let (pipe, threshold, segment) = (self.pipe(), self.congestion.threshold(), self.segment_bytes());
        let recovery = &mut self.recovery;
        recovery.delivered = recovery.delivered.saturating_add(delivered);
        let mut allowed = if pipe > threshold {
            let share = u64::from(recovery.delivered) * u64::from(threshold);
            (share.div_ceil(recovery.flight.into()) as u32).saturating_sub(recovery.sent)
        } else {
            let bonus = if is_safe { segment } else { 0 };
            let limit = recovery.delivered.saturating_sub(recovery.sent).max(delivered) + bonus;
            limit.min(threshold - pipe)
        };
        if recovery.phase == Phase::Recovery && recovery.sent == 0 {
            allowed = allowed.max(segment);
        }
        self.congestion.set_window(pipe.saturating_add(allowed));
    }

    fn end_recovery(&mut self) {
        if self.recovery.is_reducing() {
            self.congestion.set_window(self.congestion.threshold());
        }
        self.recovery.phase = Phase::Open;
    }

    /// A timer ran out, and this is the first time for what is on its way, or not (RFC 5681, section 3.1; RFC 8985,
    /// section 6.3).
    pub fn lose_all(&mut self, now: Instant) {
        if self.recovery.phase == Phase::Open {
            self.recovery.remember(self.congestion, self.send.place);
        }
        if matches!(self.recovery.phase, Phase::Open | Phase::Crowded) {
            self.begin_reduction();
        }
        self.recovery.phase = Phase::Loss;
        self.recovery.until = self.place_of_number(self.send.next);
        self.recovery.duplicates = 0;
        if self.scoreboard.is_reneged() {
            self.scoreboard.forget_held();
        }
        let settled = if self.sack { self.rack.settled_before(now) } else { now };
        self.scoreboard.lose_until(settled);
        self.congestion.set_window(self.scoreboard.pipe() + self.segment_bytes());
    }

    /// Whether what was sent again had arrived, or would have.
    fn is_spurious(&mut self, news: &News) -> bool {
        let is_recovering = matches!(self.recovery.phase, Phase::Recovery | Phase::Loss);
        let Some(undo) = &mut self.recovery.undo else { return false };
        if news.twice.is_some_and(|place| place >= undo.begin) && undo.pending > 0 {
            undo.pending -= 1;
            if undo.pending == 0 {
                return true;
            }
        }
        let answers_the_first =
            |stamp: u32| news.echo.is_some_and(|echo| (echo.wrapping_sub(stamp) as i32) < 0);
        is_recovering
            && news.acknowledged > 0
            && undo.was_sent_again
            && undo.stamp.is_some_and(answers_the_first)
    }

    /// Nothing was lost: all is as it was.
    fn take_back(&mut self) {
        let Some(undo) = self.recovery.undo.take() else { return };
        let window = self.congestion.window().max(undo.congestion.window());
        self.congestion = undo.congestion;
        self.congestion.set_window(window);
        self.scoreboard.find_lost();
        self.recovery.phase = Phase::Open;
        self.recovery.duplicates = 0;
    }
}
