//! What comes to a connection, in the steps of RFC 9293, section 3.10.7.

use super::output::{Sending, clock};
use super::pcb::{FIN_WAIT_2, Pcb, State, TIME_WAIT};
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::packet::Packet;

/// Acknowledgements that say nothing new before a segment is taken for lost.
const DUPLICATES: u32 = 3;
/// A timestamp older than this says nothing (RFC 7323, section 5.5).
const OLD_TIMESTAMP: Duration = Duration::from_secs(24 * 24 * 3600);

/// What became of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Who waits may find something new.
    pub wakes: bool,
    /// The connection has just been made.
    pub is_made: bool,
    /// The connection is gone.
    pub is_gone: bool,
}

impl Effect {
    pub(super) fn gone() -> Self {
        Self { wakes: true, is_made: false, is_gone: true }
    }
}

impl Pcb {
    /// Takes a segment, in any state but closed and listening.
    pub fn input(&mut self, now: Instant, segment: Segment, content: Packet) -> Effect {
        self.heard = now;
        if self.timers.keep_alive.is_some() {
            self.timers.keep_alive = self.choices.keep_alive.map(|after| now + after);
        }
        if self.state == State::SynSent {
            return self.input_syn_sent(now, segment, content);
        }
        let length = content.len() as u32
            + u32::from(segment.flags.contains(Flags::SYN))
            + u32::from(segment.flags.contains(Flags::FIN));
        if !self.is_fresh(now, &segment) {
            // PAWS (RFC 7323, section 5.3): an old duplicate.
            self.must_acknowledge |= !segment.flags.contains(Flags::RST);
            return Effect::default();
        }
        if !self.is_acceptable(segment.sequence, length) {
            // First: check the sequence number.
            self.must_acknowledge |= !segment.flags.contains(Flags::RST);
            if self.state == State::TimeWait {
                self.timers.forget = Some(now + TIME_WAIT);
            }
            return Effect::default();
        }
        if segment.flags.contains(Flags::RST) {
            return self.input_reset(segment.sequence);
        }
        // Fourth: check the SYN bit. It may be blind (RFC 5961, section 4), or the peer's, who forgot us.
        if segment.flags.contains(Flags::SYN) {
            self.must_acknowledge = true;
            return Effect::default();
        }
        // Fifth: check the ACK field.
        if !segment.flags.contains(Flags::ACK) {
            return Effect::default();
        }
        self.note_timestamp(now, &segment);
        let mut effect = Effect::default();
        if self.state == State::SynReceived {
            if segment.acknowledgment != self.send.initial + 1 {
                // It is refused by whoever called.
                return Effect::gone();
            }
            self.enter_established(now, &segment);
            effect = Effect { wakes: true, is_made: true, is_gone: false };
        }
        if segment.acknowledgment.is_after(self.send.highest) {
            self.must_acknowledge = true;
            return effect;
        }
        effect.wakes |= self.input_acknowledgment(now, &segment, length);
        if self.has_ended(now) {
            return Effect::gone();
        }
        effect.wakes |= self.input_text(now, &segment, content);
        effect.wakes |= self.input_fin(now);
        effect
    }

    /// RFC 9293, section 3.10.7.3.
    fn input_syn_sent(&mut self, now: Instant, segment: Segment, content: Packet) -> Effect {
        let has_ack = segment.flags.contains(Flags::ACK);
        let is_ours = has_ack && segment.acknowledgment == self.send.initial + 1;
        if has_ack && !is_ours {
            // The answer to an older connection: it is reset by whoever called.
            return Effect::default();
        }
        if segment.flags.contains(Flags::RST) {
            if is_ours {
                self.error = Some(Errno::ECONNREFUSED);
                return Effect::gone();
            }
            return Effect::default();
        }
        if !segment.flags.contains(Flags::SYN) {
            return Effect::default();
        }
        self.take_syn(now, &segment);
        if !is_ours {
            // Both sides have begun (section 3.5, figure 7).
            self.state = State::SynReceived;
            self.send.next = self.send.initial;
            return Effect::default();
        }
        self.enter_established(now, &segment);
        self.input_acknowledgment(now, &segment, 1);
        self.must_acknowledge = true;
        self.input_text(now, &Segment { sequence: segment.sequence + 1, ..segment }, content);
        self.input_fin(now);
        Effect { wakes: true, is_made: true, is_gone: false }
    }

    /// What the other side's SYN says.
    pub fn take_syn(&mut self, now: Instant, segment: &Segment) {
        let options = &segment.options;
        self.receive.initial = segment.sequence;
        self.receive.next = segment.sequence + 1;
        self.receive.advertised = self.receive.next;
        let theirs = u32::from(options.maximum_segment_size.unwrap_or(super::pcb::DEFAULT_SEGMENT as u16));
        self.send.segment = self.send.segment.min(theirs.max(64));
        self.congestion = super::congestion::Congestion::new(self.send.segment);
        if let Some(scale) = options.window_scale {
            self.send.scale = scale;
            self.receive.scale = super::output::scale_for(self.choices.receive_bytes);
        }
        self.sack = options.sack_permitted;
        if let Some((value, _)) = options.timestamps {
            self.timestamps = super::pcb::Timestamps { on: true, recent: value, recent_at: now };
        }
        // The window of a SYN is not scaled.
        self.send.window = segment.window.into();
        self.send.largest_window = self.send.window;
        self.send.window_told = (segment.sequence, segment.acknowledgment);
    }

    fn enter_established(&mut self, now: Instant, segment: &Segment) {
        self.state = State::Established;
        if !segment.flags.contains(Flags::SYN) {
            self.send.window = u32::from(segment.window) << self.send.scale;
            self.send.largest_window = self.send.largest_window.max(self.send.window);
        }
        self.send.window_told = (segment.sequence, segment.acknowledgment);
        self.timers.keep_alive = self.choices.keep_alive.map(|after| now + after);
    }

    /// Whether a segment lies in the window (RFC 9293, section 3.4, table 6).
    fn is_acceptable(&self, sequence: SeqNumber, length: u32) -> bool {
        // What was told once holds, even if there is less room now.
        let (next, window) = (self.receive.next, self.told_window().max(self.receive_window()));
        let is_inside = |number: SeqNumber| !number.is_before(next) && number.is_before(next + window);
        match (length, window) {
            (0, 0) => sequence == next,
            (0, _) => is_inside(sequence),
            // Nothing of it is taken, but what it acknowledges counts.
            (_, 0) => sequence == next,
            _ => is_inside(sequence) || is_inside(sequence + (length - 1)),
        }
    }

    /// RFC 7323, section 5.3: whether a segment is not older than what came before.
    fn is_fresh(&self, now: Instant, segment: &Segment) -> bool {
        let Some((value, _)) = segment.options.timestamps.filter(|_| self.timestamps.on) else { return true };
        let is_older = (value.wrapping_sub(self.timestamps.recent) as i32) < 0;
        let is_outdated = now.saturating_sub(self.timestamps.recent_at) > OLD_TIMESTAMP;
        !is_older || is_outdated || segment.flags.contains(Flags::RST)
    }

    /// RFC 7323, section 4.3: the timestamp of the segment that the next acknowledgement is about.
    fn note_timestamp(&mut self, now: Instant, segment: &Segment) {
        let Some((value, _)) = segment.options.timestamps.filter(|_| self.timestamps.on) else { return };
        let is_newer = (value.wrapping_sub(self.timestamps.recent) as i32) >= 0;
        if is_newer && !segment.sequence.is_after(self.receive.next) {
            (self.timestamps.recent, self.timestamps.recent_at) = (value, now);
        }
    }

    /// Second: check the RST bit (RFC 5961, section 3.2).
    fn input_reset(&mut self, sequence: SeqNumber) -> Effect {
        if sequence != self.receive.next {
            self.must_acknowledge = true;
            return Effect::default();
        }
        self.error = match self.state {
            State::SynReceived => Some(Errno::ECONNREFUSED),
            State::Closing | State::LastAck | State::TimeWait => None,
            _ => Some(Errno::ECONNRESET),
        };
        Effect::gone()
    }

    /// Answers whether there is more room for what the program writes.
    fn input_acknowledgment(&mut self, now: Instant, segment: &Segment, length: u32) -> bool {
        let acknowledged = segment.acknowledgment;
        let is_new = acknowledged.is_after(self.send.unacknowledged);
        let window =
            u32::from(segment.window) << if segment.flags.contains(Flags::SYN) { 0 } else { self.send.scale };
        let is_duplicate = acknowledged == self.send.unacknowledged
            && length == 0
            && window == self.send.window
            && self.send.unacknowledged != self.send.highest;
        self.note_held(segment);
        if is_new {
            self.acknowledge(now, segment);
        } else if is_duplicate {
            self.note_duplicate(now);
        }
        self.note_window(segment, window);
        is_new
    }

    /// What the other side has behind gaps.
    fn note_held(&mut self, segment: &Segment) {
        if !self.sack {
            return;
        }
        let first = self.send.unacknowledged.max(segment.acknowledgment);
        for &(begin, end) in &segment.options.sack {
            let is_sound =
                begin.is_before(end) && !begin.is_before(first) && !end.is_after(self.send.highest);
            if is_sound {
                self.recovery.held.push((begin, end));
            }
        }
        self.recovery.held.retain(|held| held.1.is_after(first));
        let base = first;
        self.recovery.held.sort_by_key(|held| held.0.0.wrapping_sub(base.0));
        self.recovery.held.dedup_by(|next, held| {
            let touches = !next.0.is_after(held.1);
            if touches {
                held.1 = held.1.max(next.1);
            }
            touches
        });
    }

    fn acknowledge(&mut self, now: Instant, segment: &Segment) {
        let acknowledged = segment.acknowledgment;
        let before = self.send.unacknowledged;
        let count = acknowledged - before;
        let syn = u32::from(before == self.send.initial);
        self.outgoing.advance((count - syn) as usize);
        self.send.unacknowledged = acknowledged;
        self.send.next = self.send.next.max(acknowledged);
        self.measure(now, segment);
        self.recovery.duplicates = 0;
        self.recovery.held.retain(|held| held.1.is_after(acknowledged));
        let bytes = self.segment_bytes();
        match self.recovery.until {
            Some(until) if acknowledged.is_before(until) => {
                // Not all: the next one is missing, too (RFC 6582, section 3.2, step 3).
                if !self.sack || self.recovery.held.is_empty() {
                    self.recovery.again_from = acknowledged;
                }
            }
            Some(_) => self.recovery.until = None,
            None => self.congestion.acknowledged(count, bytes),
        }
        self.timers.retransmit = None;
        self.arm_retransmit(now);
    }

    /// How long the answer took (RFC 7323, section 4.1; RFC 6298, section 3).
    fn measure(&mut self, now: Instant, segment: &Segment) {
        let by_timestamp = segment.options.timestamps.filter(|(_, echo)| self.timestamps.on && *echo != 0);
        if let Some((_, echo)) = by_timestamp {
            let elapsed = clock(now).wrapping_sub(echo);
            if elapsed < 600_000 {
                self.rtt.measured(Duration::from_millis(elapsed.into()));
                self.measuring = None;
                return;
            }
        }
        match self.measuring {
            Some((number, since)) if !segment.acknowledgment.is_before(number) => {
                self.measuring = None;
                // What was sent twice says nothing (Karn).
                if self.rtt.backoff() == 0 {
                    self.rtt.measured(now.saturating_sub(since));
                } else {
                    self.rtt.answered();
                }
            }
            _ => {}
        }
        if self.measuring.is_none() {
            self.rtt.answered();
        }
    }

    fn note_duplicate(&mut self, now: Instant) {
        self.recovery.duplicates += 1;
        let is_lost = self.recovery.duplicates == DUPLICATES;
        if !is_lost || self.recovery.until.is_some() {
            return;
        }
        let flight = self.flight();
        self.congestion.lost(flight, self.segment_bytes());
        self.recovery.until = Some(self.send.highest);
        self.recovery.again_from = self.send.unacknowledged;
        self.arm_retransmit(now);
    }

    /// RFC 9293, section 3.10.7.4, "update the send window".
    fn note_window(&mut self, segment: &Segment, window: u32) {
        let (told_by, acknowledged) = self.send.window_told;
        let is_newer = told_by.is_before(segment.sequence)
            || (told_by == segment.sequence && !segment.acknowledgment.is_before(acknowledged));
        if is_newer {
            self.send.window = window;
            self.send.largest_window = self.send.largest_window.max(window);
            self.send.window_told = (segment.sequence, segment.acknowledgment);
        }
    }

    /// What the acknowledgement of our FIN changes. Answers whether the connection is gone.
    fn has_ended(&mut self, now: Instant) -> bool {
        let fin_is_acknowledged = self.outgoing.is_empty()
            && self.send.unacknowledged == self.send.highest
            && self.send.unacknowledged == self.send.next;
        if !fin_is_acknowledged {
            return false;
        }
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                if !self.is_held {
                    self.timers.forget = Some(now + FIN_WAIT_2);
                }
            }
            State::Closing => self.enter_time_wait(now),
            State::LastAck => return true,
            _ => {}
        }
        false
    }

    fn enter_time_wait(&mut self, now: Instant) {
        self.state = State::TimeWait;
        self.timers = super::pcb::Timers { forget: Some(now + TIME_WAIT), ..Default::default() };
    }

    /// Seventh: process the segment text. Answers whether there is more to read.
    fn input_text(&mut self, now: Instant, segment: &Segment, content: Packet) -> bool {
        if !self.state.may_receive() {
            return false;
        }
        let place = self.place_of(segment.sequence);
        let length = content.len() as i64;
        if segment.flags.contains(Flags::FIN) {
            if let Ok(end) = u64::try_from(place + length) {
                self.receive.end.get_or_insert(end);
            }
        }
        if length == 0 {
            return false;
        }
        let mut content = content;
        // What lies behind the window is not taken, nor what lies behind a FIN.
        let window_end =
            self.incoming.next() as i64 + i64::from(self.receive_window().max(self.told_window()));
        let limit = self.receive.end.map_or(window_end, |end| window_end.min(end as i64));
        content.truncate((limit - place).clamp(0, length) as usize);
        let skipped = (-place).max(0);
        content.advance(skipped as usize);
        let place = (place + skipped) as u64;
        let before = self.incoming.next();
        let had_gap = self.incoming.has_gap();
        let moved = self.incoming.insert(place, content);
        self.receive.next += (self.incoming.next() - before) as u32;
        if self.is_deaf {
            self.incoming.forget_ready();
        }
        if moved && !had_gap {
            self.delay_acknowledgement(now, length as u32);
        } else {
            // A gap, or one that was filled (RFC 5681, section 4.2).
            self.must_acknowledge = true;
        }
        moved
    }

    /// Eighth: check the FIN bit, once all before it is there.
    fn input_fin(&mut self, now: Instant) -> bool {
        let is_due = self.receive.end == Some(self.incoming.next()) && self.state.may_receive();
        if !is_due || !self.state.is_synchronized() {
            return false;
        }
        self.receive.next += 1;
        self.must_acknowledge = true;
        match self.state {
            State::Established => self.state = State::CloseWait,
            State::FinWait1 => self.state = State::Closing,
            State::FinWait2 => self.enter_time_wait(now),
            _ => {}
        }
        true
    }

    /// A timer ran out. Answers what is to be sent, and what became of the connection.
    pub fn timeout(&mut self, now: Instant) -> (Option<Sending>, Effect) {
        let is_due = |timer: Option<Instant>| timer.is_some_and(|deadline| deadline <= now);
        if is_due(self.timers.forget) {
            return (None, Effect::gone());
        }
        if is_due(self.timers.acknowledge) {
            self.must_acknowledge = true;
            self.timers.acknowledge = None;
        }
        if is_due(self.timers.retransmit) {
            if self.gives_up() {
                // A host that says that it is out of reach explains the silence.
                self.error = Some(self.soft_error.unwrap_or(Errno::ETIMEDOUT));
                return (None, Effect::gone());
            }
            self.retransmit();
            self.timers.retransmit = None;
        }
        let mut sending = None;
        if is_due(self.timers.persist) {
            self.rtt.back_off();
            sending = self.probe(now);
            self.timers.persist = Some(now + self.rtt.timeout());
        }
        if is_due(self.timers.keep_alive) {
            sending = self.keep_alive(now);
            if self.error.is_some() {
                return (None, Effect::gone());
            }
        }
        (sending, Effect::default())
    }

    fn gives_up(&self) -> bool {
        let most = if self.state.is_synchronized() {
            super::pcb::MOST_RETRIES
        } else {
            super::pcb::MOST_SYN_RETRIES
        };
        self.rtt.backoff() >= most
    }

    /// Everything that is not acknowledged is sent again, as slowly as at the beginning (RFC 5681, section 3.1).
    fn retransmit(&mut self) {
        let is_first = self.rtt.backoff() == 0;
        self.congestion.timed_out(self.flight(), self.segment_bytes(), is_first);
        self.rtt.back_off();
        self.send.next = self.send.unacknowledged;
        self.recovery = super::pcb::Recovery::default();
        self.measuring = None;
        // The FIN is sent again by whoever sends what comes before it.
    }

    /// Is anybody there? A segment before the window asks for an answer (RFC 9293, section 3.8.4).
    fn keep_alive(&mut self, now: Instant) -> Option<Sending> {
        let after = self.choices.keep_alive?;
        let silence = now.saturating_sub(self.heard);
        let interval = (after / 8).max(Duration::from_secs(1));
        if silence >= after + interval * 8 {
            self.error = Some(Errno::ETIMEDOUT);
            return None;
        }
        self.timers.keep_alive = Some(now + if silence >= after { interval } else { after - silence });
        let before = SeqNumber(self.send.unacknowledged.0.wrapping_sub(1));
        (silence >= after).then(|| self.sending(now, before, Flags::ACK, alloc::vec::Vec::new()))
    }
}
