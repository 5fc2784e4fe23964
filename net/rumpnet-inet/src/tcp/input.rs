//! What comes to a connection, in the steps of RFC 9293, section 3.10.7.

use super::congestion::Congestion;
use super::ecn::Mark;
use super::pcb::{LEAST_SEGMENT, Pcb, State};
use super::seq::SeqNumber;
use super::timers::Timers;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};
use core::time::Duration;
use rump_kpi::Errno;
use rump_kpi::packet::Packet;

/// A timestamp older than this says nothing (RFC 7323, section 5.5).
const OLD_TIMESTAMP: Duration = Duration::from_secs(24 * 24 * 3600);

/// How often it is said that who is next on the way answers.
const CONFIRMATION: Duration = Duration::from_secs(1);

/// A segment that came.
pub struct Arriving {
    /// Its header.
    pub segment: Segment,
    /// Its content.
    pub content: Packet,
    /// What routers said of the way.
    pub mark: Mark,
}

/// What became of a segment.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Who waits may find something new.
    pub wakes: bool,
    /// The connection has just been made.
    pub is_made: bool,
    /// The connection is gone.
    pub is_gone: bool,
    /// The other side is told so, by a reset of this number.
    pub resets: Option<SeqNumber>,
    /// The other side answers: so does who is next on the way to it.
    pub confirms: bool,
}

impl Effect {
    /// The connection is gone.
    pub(super) fn gone() -> Self {
        Self { wakes: true, is_gone: true, ..Self::default() }
    }
}

impl Pcb {
    /// Takes a segment, in any state but closed and listening.
    pub fn input(&mut self, now: Instant, arriving: Arriving) -> Effect {
        let segment = &arriving.segment;
        let bytes = arriving.content.len() as u32;
        self.heard = now;
        if self.keep_asked > 0 {
            // It is there: the silence begins anew.
            self.arm_keep_alive(now);
        }
        let segment_bytes = arriving.content.segmentation.map(|it| it.size);
        self.counts.note_received(now, bytes, segment_bytes);
        if self.state == State::SynSent {
            return self.input_syn_sent(now, arriving);
        }
        let length = bytes
            + u32::from(segment.flags.contains(Flags::SYN))
            + u32::from(segment.flags.contains(Flags::FIN));
        if !self.is_fresh(now, segment) {
            // PAWS (RFC 7323, section 5.3): an old duplicate.
            self.note_unacceptable(now, segment, bytes);
            return Effect::default();
        }
        if !self.is_acceptable(segment.sequence, length) {
            // First: check the sequence number.
            self.note_unacceptable(now, segment, bytes);
            if self.state == State::TimeWait && segment.flags.contains(Flags::FIN) {
                self.timers.forget = Some(now + self.choices.time_wait);
            }
            return Effect::default();
        }
        if segment.flags.contains(Flags::RST) {
            return self.input_reset(now, segment.sequence);
        }
        // Fourth: check the SYN bit. It may be blind (RFC 5961, section 4), or the peer's, who forgot us.
        if segment.flags.contains(Flags::SYN) {
            return self.input_late_syn(now, segment);
        }
        // Fifth: check the ACK field.
        if !segment.flags.contains(Flags::ACK) {
            return Effect::default();
        }
        self.note_timestamp(now, segment);
        let mut effect = Effect::default();
        if self.state == State::SynReceived {
            if segment.acknowledgment != self.send.initial + 1 {
                // It is refused by whoever called.
                return Effect::default();
            }
            self.enter_established(now, segment);
            effect = Effect { wakes: true, is_made: true, ..Effect::default() };
        }
        // What acknowledges more than was sent, or what is long gone, may be blind (RFC 5961, section 5).
        let oldest = SeqNumber(self.send.unacknowledged.0.wrapping_sub(self.send.largest_window.max(65_535)));
        if segment.acknowledgment.is_after(self.send.highest) || segment.acknowledgment.is_before(oldest) {
            self.challenge(now);
            return effect;
        }
        if bytes > 0 && self.would_lose(segment.sequence + bytes) {
            return Effect { resets: Some(segment.acknowledgment), ..Effect::gone() };
        }
        self.ecn.received(arriving.mark, segment.flags);
        if self.input_acknowledgment(now, &arriving, length) {
            effect.wakes |= self.makes_room();
            effect.confirms = self.confirms(now);
        }
        if self.has_ended(now) {
            return Effect::gone();
        }
        effect.wakes |= self.input_urgent(&arriving.segment);
        // Who gave way may be able to send very little, and should not wait for an acknowledgement that is held back.
        let gave_way = self.ecn.on && bytes > 0 && arriving.segment.flags.contains(Flags::CWR);
        if self.input_text(now, arriving) {
            effect.wakes = true;
            effect.confirms = effect.confirms || self.confirms(now);
        }
        self.must_acknowledge |= gave_way;
        effect.wakes |= self.input_fin(now);
        effect
    }

    /// Whether bytes up to a number are new, and nobody will ever read them: the program closed the connection (RFC 1122,
    /// section 4.2.2.13).
    fn would_lose(&self, end: SeqNumber) -> bool {
        let is_closed = !self.is_held && self.parent.is_none();
        is_closed && self.state.may_receive() && end.is_after(self.receive.next)
    }

    /// Whether it is time to say that whoever is next on the way answers: seldom is enough for that (RFC 4861, section
    /// 7.3.1).
    fn confirms(&mut self, now: Instant) -> bool {
        let is_due = self.confirmed.is_none_or(|at| now.saturating_sub(at) >= CONFIRMATION);
        if is_due {
            self.confirmed = Some(now);
        }
        is_due
    }

    /// A segment is old, or lies outside the window.
    fn note_unacceptable(&mut self, now: Instant, segment: &Segment, bytes: u32) {
        if segment.flags.contains(Flags::RST) {
            return;
        }
        let end = segment.sequence + bytes;
        if bytes == 0 {
            return self.challenge(now);
        }
        if !end.is_after(self.receive.next) {
            self.receive.twice = Some((segment.sequence, end));
        }
        self.must_acknowledge = true;
    }

    /// A SYN where there is a connection. If it is one that is being made, that is the peer's again (RFC 9293, section
    /// 3.10.7.4, fourth): it did not get our answer.
    fn input_late_syn(&mut self, now: Instant, segment: &Segment) -> Effect {
        if self.state == State::SynReceived && segment.sequence == self.receive.initial {
            self.send.next = self.send.initial;
        } else {
            self.challenge(now);
        }
        Effect::default()
    }

    /// RFC 9293, section 3.10.7.3.
    fn input_syn_sent(&mut self, now: Instant, arriving: Arriving) -> Effect {
        let Arriving { segment, content, mark } = arriving;
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
        let arriving = Arriving { segment, content, mark };
        self.input_acknowledgment(now, &arriving, 1);
        self.must_acknowledge = true;
        let Arriving { segment, content, mark } = arriving;
        let segment = Segment { sequence: segment.sequence + 1, ..segment };
        self.input_text(now, Arriving { segment, content, mark });
        self.input_fin(now);
        Effect { wakes: true, is_made: true, confirms: self.confirms(now), ..Effect::default() }
    }

    /// What the other side's SYN says.
    pub fn take_syn(&mut self, now: Instant, segment: &Segment) {
        let options = &self.choices.agreed(&segment.options);
        self.receive.initial = segment.sequence;
        self.receive.next = segment.sequence + 1;
        self.receive.advertised = self.receive.next;
        let theirs = u32::from(options.maximum_segment_size.unwrap_or(super::pcb::DEFAULT_SEGMENT as u16));
        self.send.segment = self.send.segment.min(theirs.max(LEAST_SEGMENT));
        self.ecn.take_syn(segment.flags);
        if let Some(scale) = options.window_scale {
            self.send.scale = scale;
            self.receive.scale = super::header::scale_for(self.largest_receive_buffer());
        } else {
            self.receive.scale = 0;
        }
        self.sack = options.sack_permitted;
        self.timestamps = match options.timestamps {
            Some((value, _)) => super::pcb::Timestamps { on: true, recent: value, recent_at: now },
            None => super::pcb::Timestamps::default(),
        };
        self.congestion =
            Congestion::new(self.choices.congestion, self.choices.first_window(self.segment_bytes()));
        // The window of a SYN is not scaled.
        self.send.window = segment.window.into();
        self.send.largest_window = self.send.window;
        self.send.window_told = (segment.sequence, segment.acknowledgment);
        self.receive.segment = self.segment_bytes_of(self.receive.offered_segment);
    }

    fn enter_established(&mut self, now: Instant, segment: &Segment) {
        self.state = State::Established;
        if !segment.flags.contains(Flags::SYN) {
            self.send.window = u32::from(segment.window) << self.send.scale;
            self.send.largest_window = self.send.largest_window.max(self.send.window);
        }
        self.send.window_told = (segment.sequence, segment.acknowledgment);
        if self.rtt.backoff() > 1 {
            // RFC 5681, section 3.1: the way is not as good as it might be.
            self.congestion.set_window(self.segment_bytes());
        }
        if self.rtt.backoff() > 0 {
            self.rtt.note_lost_syn();
        }
        self.timers.retransmit = None;
        self.send.stalled = None;
        self.arm_keep_alive(now);
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
    fn input_reset(&mut self, now: Instant, sequence: SeqNumber) -> Effect {
        if sequence != self.receive.next {
            self.challenge(now);
            return Effect::default();
        }
        self.error = match self.state {
            State::SynReceived => Some(Errno::ECONNREFUSED),
            State::Closing | State::LastAck | State::TimeWait => None,
            _ => Some(Errno::ECONNRESET),
        };
        Effect::gone()
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
                    self.timers.forget = Some(now + self.choices.fin_wait);
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
        self.timers = Timers { forget: Some(now + self.choices.time_wait), ..Default::default() };
    }

    /// Seventh: process the segment text. Answers whether there is more to read.
    fn input_text(&mut self, now: Instant, arriving: Arriving) -> bool {
        let Arriving { segment, mut content, .. } = arriving;
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
        let next = self.incoming.next() as i64;
        if length == 0 {
            // The end behind a gap (RFC 5681, section 4.2).
            self.must_acknowledge |= segment.flags.contains(Flags::FIN) && place > next;
            return false;
        }
        if place > next {
            self.counts.out_of_order = self.counts.out_of_order.wrapping_add(1);
        }
        // What lies behind the window is not taken, nor what lies behind a FIN.
        let window_end = next + i64::from(self.receive_window().max(self.told_window()));
        let limit = self.receive.end.map_or(window_end, |end| window_end.min(end as i64));
        content.truncate((limit - place).clamp(0, length) as usize);
        let skipped = (-place).max(0);
        content.advance(skipped as usize);
        let place = (place + skipped) as u64;
        if self.sack {
            let twice = self.incoming.overlap(place, content.len() as u64);
            self.receive.twice = twice.map(|(begin, end)| (self.number_of(begin), self.number_of(end)));
        }
        let had_gap = self.incoming.has_gap();
        let moved = self.incoming.insert(place, content);
        self.receive.next += (self.incoming.next() - next as u64) as u32;
        if moved {
            self.take_urgent();
            self.measure_round(now);
        }
        if self.is_deaf {
            self.incoming.forget_ready();
        }
        if moved && !had_gap && self.receive.twice.is_none() {
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
}
