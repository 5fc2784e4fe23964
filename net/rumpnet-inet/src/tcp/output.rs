//! What a connection sends (RFC 9293, sections 3.10.2 and 3.8; RFC 5681): first what is lost, then what is new.

use super::ecn::Mark;
use super::pcb::{Pcb, State};
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};
use alloc::vec::Vec;
use core::time::Duration;
use rump_kpi::packet::Packet;
use rump_kpi::packet::offload::MOST_SEGMENTS;

/// Bytes of a segment that is cut by its device, or before it, or by nobody.
const MOST_UNCUT: u32 = 64_000;
/// How long a program may hold back a short segment (`TCP_NOPUSH`).
const CORK: Duration = Duration::from_millis(200);

/// A segment to send.
pub struct Sending {
    /// Its header.
    pub segment: Segment,
    /// Its content.
    pub content: Packet,
    /// Into which pieces it is to be cut, if it is longer than a segment.
    pub cut: Option<u16>,
    /// Whether routers may mark it.
    pub mark: Mark,
}

/// Whether segments that are longer than a packet may be made, to be cut on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// They may not.
    Never,
    /// They may, if nothing of them is to be told apart.
    Later,
}

impl Pcb {
    /// All that may be sent now.
    pub fn output(&mut self, now: Instant, mut send: impl FnMut(Sending)) {
        match self.state {
            State::Closed | State::Listen | State::TimeWait => {}
            State::SynSent | State::SynReceived => {
                if self.send.next == self.send.initial {
                    send(self.syn(now));
                }
            }
            _ => {
                while let Some(sending) = self.next_again(now).or_else(|| self.next_new(now, Cut::Later)) {
                    send(sending);
                }
                self.is_overdue = false;
                self.arm_persist(now);
            }
        }
        if self.must_acknowledge && !matches!(self.state, State::Closed | State::Listen | State::SynSent) {
            send(self.sending(now, self.send.next, Flags::ACK, Vec::new()));
        }
    }

    /// The first of what is lost, if that may be sent again now (RFC 6675, section 4, NextSeg, rule 1).
    fn next_again(&mut self, now: Instant) -> Option<Sending> {
        let lost = self.scoreboard.lost_bytes();
        if lost == 0 {
            return None;
        }
        let segment = self.content_bytes();
        let room = self.congestion.window().saturating_sub(self.pipe());
        if room < segment.min(lost) {
            if self.recovery.phase == super::recovery::Phase::Loss {
                // What is to be sent again fills the window as well.
                self.send.filled = self.place_of_number(self.send.highest);
            }
            return None;
        }
        let run = self.scoreboard.take_lost(now, segment)?;
        let stamp = super::header::clock(now);
        self.recovery.note_again(stamp);
        Some(self.send_again(now, run))
    }

    /// Sends what is on the scoreboard between two places.
    pub(super) fn send_again(&mut self, now: Instant, (begin, end): (u64, u64)) -> Sending {
        let (first, behind) = (self.number_at(begin), self.number_at(end));
        let has_fin = behind.is_after(self.end_of_data());
        let length = behind - first - u32::from(has_fin);
        let mut flags = Flags::ACK;
        flags.set(Flags::FIN, has_fin);
        // The last that is to be sent tells so (RFC 9293, section 3.9.1.2).
        flags.set(Flags::PSH, length > 0 && first + length == self.end_of_data());
        let content = self.outgoing.slice((first - self.first_byte()) as usize, length as usize);
        self.counts.note_again(length, self.segment_bytes());
        self.recovery.note_sent(behind - first);
        self.note_probe_again(now, (begin, end));
        if self.timers.retransmit.is_none() || first == self.send.unacknowledged {
            self.arm_retransmit(now);
        }
        self.sending(now, first, flags, content)
    }

    /// The next segment that was never sent.
    pub(super) fn next_new(&mut self, now: Instant, cut: Cut) -> Option<Sending> {
        let (next, end) = (self.send.next, self.end_of_data());
        if next.is_after(end) || (next == end && !self.is_ending) {
            return None;
        }
        self.note_rest(now);
        let (waiting, in_flight) = (end - next, self.flight());
        let offered = self.send.window.saturating_sub(in_flight);
        let allowed = self.congestion.window().saturating_sub(self.pipe());
        let segment = self.content_bytes();
        if allowed < offered.min(waiting) && allowed < segment {
            self.send.filled = self.place_of_number(next);
        }
        let trying = self.segment_to_try(now, waiting, offered.min(allowed));
        let is_cut = cut == Cut::Later && !self.ecn.must_answer && self.send.urgent.is_none();
        let most = match trying {
            Some((_, bytes)) => bytes,
            None if is_cut => (MOST_UNCUT / segment).clamp(1, MOST_SEGMENTS as u32) * segment,
            None => segment,
        };
        let length = waiting.min(offered).min(allowed).min(most);
        // A short end is judged by itself, behind what is long.
        let length = if length < segment || trying.is_some() { length } else { length - length % segment };
        let takes_all = length == waiting;
        let sends_fin = self.is_ending && takes_all && self.may_send_fin();
        if !self.is_worth_sending(now, length, takes_all, segment) && !sends_fin {
            return None;
        }
        let mut flags = Flags::ACK;
        flags.set(Flags::PSH, takes_all && length > 0);
        flags.set(Flags::FIN, sends_fin);
        if core::mem::take(&mut self.ecn.must_answer) && self.ecn.on && length > 0 {
            flags |= Flags::CWR;
        }
        let content = self.outgoing.slice((next - self.first_byte()) as usize, length as usize);
        let mut sending = self.sending(now, next, flags, content);
        if let Some((tried, _)) = trying {
            self.note_trying(tried, (self.place_of_number(next), self.place_of_number(next + length)));
        } else {
            sending.cut = (length > segment).then_some(segment as u16);
        }
        if self.ecn.on && length > 0 {
            sending.mark = Mark::Capable;
        }
        if sends_fin {
            self.state = match self.state {
                State::Established => State::FinWait1,
                State::CloseWait => State::LastAck,
                state => state,
            };
        }
        if length > 0 {
            self.note_sent(now, next + length, segment);
        }
        if sends_fin {
            // It has a run of its own on the scoreboard: nobody tells that it lies behind a gap.
            self.note_sent(now, next + length + 1, segment);
        }
        Some(sending)
    }

    /// After a rest, the network is no longer known (RFC 5681, section 4.1).
    fn note_rest(&mut self, now: Instant) {
        let rest = now.saturating_sub(self.counts.sent_at);
        let is_new = self.counts.bytes_sent > 0 && self.rested != self.counts.sent_at;
        if is_new && self.flight() == 0 && rest > self.rtt.timeout() {
            self.rested = self.counts.sent_at;
            let first = self.choices.first_window(self.segment_bytes());
            self.congestion.rested(rest, first);
        }
    }

    fn may_send_fin(&self) -> bool {
        matches!(
            self.state,
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck
        )
    }

    /// Nagle's algorithm, the sender's part against silly windows (RFC 9293, sections 3.7.4 and 3.8.6.2.1), and what a
    /// program holds back.
    fn is_worth_sending(&mut self, now: Instant, length: u32, takes_all: bool, segment: u32) -> bool {
        if length == 0 {
            return false;
        }
        if length >= segment || self.is_overdue {
            return true;
        }
        if self.choices.cork && takes_all && !self.is_ending {
            self.timers.cork.get_or_insert(now + CORK);
            return false;
        }
        let is_urgent = self.send.urgent.is_some_and(|end| end.is_after(self.send.next));
        let may_be_short = self.flight() == 0 || self.choices.no_delay || self.is_ending || is_urgent;
        (takes_all && may_be_short) || length >= self.send.largest_window.div_ceil(2).max(1)
    }

    /// New bytes were sent up to `end`, in segments of `segment`.
    fn note_sent(&mut self, now: Instant, end: SeqNumber, segment: u32) {
        let (from, to) = (self.place_of_number(self.send.next), self.place_of_number(end));
        self.scoreboard.sent(now, from, to, segment);
        self.recovery.note_sent((to - from) as u32);
        self.send.next = end;
        self.send.highest = self.send.highest.max(end);
        if self.send.urgent.is_some_and(|urgent| !urgent.is_after(end)) {
            self.send.urgent = None;
        }
        if self.timers.retransmit.is_none() {
            self.arm_retransmit(now);
        }
        self.timers.persist = None;
        self.timers.cork = None;
        self.arm_probe(now);
    }

    /// Waits for an answer, if there is something to be answered.
    pub fn arm_retransmit(&mut self, now: Instant) {
        let is_waiting = self.send.unacknowledged != self.send.next;
        self.timers.retransmit = is_waiting.then(|| now + self.rtt.timeout());
        if is_waiting {
            self.send.stalled.get_or_insert(now);
        }
    }

    /// Asks for the window, if it is closed and nothing is on its way whose answer would open it.
    fn arm_persist(&mut self, now: Instant) {
        let waiting = if self.send.next.is_before(self.end_of_data()) {
            self.end_of_data() - self.send.next
        } else {
            0
        };
        let offered = self.send.window.saturating_sub(self.flight());
        let is_stuck = self.timers.retransmit.is_none() && offered < waiting.min(self.segment_bytes());
        if !is_stuck {
            self.timers.persist = None;
        } else {
            self.timers.persist.get_or_insert(now + self.rtt.timeout());
            self.send.stalled.get_or_insert(now);
        }
    }

    /// Bytes beyond the window, or what of it was too little to be worth it: to be told of the window (RFC 9293, sections
    /// 3.8.6.1 and 3.8.6.2.1).
    pub(super) fn probe_window(&mut self, now: Instant) -> Option<Sending> {
        if self.send.window > self.flight() {
            self.is_overdue = true;
            return self.next_new(now, Cut::Never);
        }
        let next = self.send.next;
        let offset = (next - self.first_byte()) as usize;
        if self.outgoing.len() <= offset {
            return None;
        }
        let content = self.outgoing.slice(offset, 1);
        let sending = self.sending(now, next, Flags::ACK, content);
        // It counts as sent once it is acknowledged.
        self.send.highest = self.send.highest.max(next + 1);
        Some(sending)
    }

    /// The program read: is the window so much larger that the other side should know?
    pub fn note_read(&mut self) {
        let told = self.told_window();
        let step = (2 * self.segment_bytes()).min(self.choices.receive_bytes as u32 / 2);
        // No more can be told than sixteen bits say.
        let window = self.receive_window().min(u32::from(u16::MAX) << self.receive.scale);
        if self.state.may_receive() && window >= told.saturating_add(step) {
            self.must_acknowledge = true;
        }
    }
}
