//! What a connection sends (RFC 9293, section 3.10.2 and 3.8; RFC 5681; RFC 6675).

use super::pcb::{DELAYED_ACK, Pcb, State};
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Options, Segment};
use alloc::vec::Vec;
use bytes::Bytes;
use rump_kpi::packet::Packet;

/// Bytes of a segment that a device or the loopback cuts, or does not need cut.
const MOST_UNCUT: u32 = 64_000;
/// What timestamps take of every segment.
const TIMESTAMP_BYTES: u32 = 12;

/// A segment to send.
pub struct Sending {
    /// Its header.
    pub segment: Segment,
    /// Its content.
    pub content: Packet,
    /// Into which pieces it is to be cut, if it is longer than a segment.
    pub cut: Option<u16>,
}

impl Pcb {
    /// Bytes of content in a segment.
    pub fn segment_bytes(&self) -> u32 {
        let options = if self.timestamps.on { TIMESTAMP_BYTES } else { 0 };
        self.send.segment.saturating_sub(options).max(1)
    }

    /// Bytes of content in a segment that tells what lies behind gaps, too, if there are any.
    fn content_bytes(&self) -> u32 {
        let blocks =
            if self.sack && self.incoming.has_gap() { self.incoming.blocks().len() as u32 } else { 0 };
        let most = if self.timestamps.on { 3 } else { 4 };
        let told = if blocks > 0 { 4 + 8 * blocks.min(most) } else { 0 };
        self.segment_bytes().saturating_sub(told).max(1)
    }

    /// All that may be sent now. `uncut`: the way takes segments that are longer than a packet.
    pub fn output(&mut self, now: Instant, uncut: bool) -> Vec<Sending> {
        let mut all = Vec::new();
        match self.state {
            State::Closed | State::Listen | State::TimeWait => {}
            State::SynSent | State::SynReceived => {
                if self.send.next == self.send.initial {
                    all.push(self.syn(now));
                }
            }
            _ => {
                while let Some(sending) = self.next_again(now).or_else(|| self.next_new(now, uncut)) {
                    all.push(sending);
                }
                self.arm_persist(now);
            }
        }
        if self.must_acknowledge && self.state != State::Closed && self.state != State::Listen {
            all.push(self.sending(now, self.sequence_of_nothing(), Flags::ACK, Vec::new()));
        }
        all
    }

    /// The number of a segment without content. It is not one that was sent before, though a timer ran out: where the other
    /// side has received that, it drops what comes with such a number, and if both sides do so, no acknowledgement is ever
    /// heard. A probe beyond the window was most likely not received.
    fn sequence_of_nothing(&self) -> SeqNumber {
        let send = &self.send;
        let edge = send.unacknowledged + send.window;
        if send.highest.is_after(edge) { send.next } else { send.highest }
    }

    /// The SYN, with or without an acknowledgement.
    fn syn(&mut self, now: Instant) -> Sending {
        let is_answer = self.state == State::SynReceived;
        let flags = if is_answer { Flags::SYN | Flags::ACK } else { Flags::SYN };
        let first = self.send.initial;
        let mut sending = self.sending(now, first, flags, Vec::new());
        // What an answer offers, the other side offered before.
        let offers = |agreed: bool| !is_answer || agreed;
        sending.segment.options = Options {
            maximum_segment_size: Some(self.send.segment.min(u16::MAX.into()) as u16),
            window_scale: offers(self.receive.scale > 0).then(|| scale_for(self.choices.receive_bytes)),
            sack_permitted: offers(self.sack),
            sack: Vec::new(),
            timestamps: offers(self.timestamps.on).then(|| (clock(now), self.timestamps.recent)),
        };
        // The window of a SYN is not scaled.
        sending.segment.window = self.receive_window().min(u16::MAX.into()) as u16;
        self.receive.advertised = self.receive.next + u32::from(sending.segment.window);
        self.sent(now, first, first + 1);
        sending
    }

    /// The next gap that is to be sent again while a loss is mended: one that lies before something that arrived, or
    /// the first segment (RFC 6675, section 4, NextSeg, rules 1 and 3).
    fn next_again(&mut self, now: Instant) -> Option<Sending> {
        self.recovery.until?;
        let (first, segment) = (self.send.unacknowledged, self.content_bytes());
        let mut at = self.recovery.again_from.max(first);
        if at != first && self.pipe() >= self.congestion.window() {
            return None;
        }
        let limit = self.recovery.held.last().map_or(first + segment, |held| held.0).min(self.end_of_data());
        for (begin, end) in &self.recovery.held {
            if !at.is_before(*begin) {
                at = at.max(*end);
            }
        }
        if !at.is_before(limit) {
            return None;
        }
        let next_held = self.recovery.held.iter().map(|held| held.0).find(|begin| begin.is_after(at));
        let length = (next_held.unwrap_or(limit).min(limit) - at).min(segment);
        self.recovery.again_from = at + length;
        let content = self.outgoing.slice((at - self.first_byte()) as usize, length as usize);
        self.measuring = None;
        self.arm_retransmit(now);
        Some(self.sending(now, at, Flags::ACK, content))
    }

    /// Bytes that are thought to be on their way: neither arrived nor lost.
    fn pipe(&self) -> u32 {
        let held = &self.recovery.held;
        let Some(last) = held.last() else {
            // Each acknowledgement that says nothing new says that a segment arrived.
            return self
                .flight()
                .saturating_sub(self.recovery.duplicates.saturating_mul(self.segment_bytes()));
        };
        let from = self.recovery.again_from.max(self.send.unacknowledged);
        let behind = |from: SeqNumber| -> u32 {
            held.iter().filter(|held| held.1.is_after(from)).map(|(begin, end)| *end - begin.max(from)).sum()
        };
        let lost = if from.is_before(last.0) { (last.1 - from).saturating_sub(behind(from)) } else { 0 };
        self.flight().saturating_sub(behind(self.send.unacknowledged)).saturating_sub(lost)
    }

    /// The next segment that was never sent, or has to be sent again since a timer ran out.
    fn next_new(&mut self, now: Instant, uncut: bool) -> Option<Sending> {
        let (next, end) = (self.send.next, self.end_of_data());
        let fin_is_sent = next.is_after(end);
        if fin_is_sent {
            return None;
        }
        let in_flight = next - self.send.unacknowledged;
        let held: u32 = self.recovery.held.iter().map(|(begin, end)| *end - *begin).sum();
        let allowed = if self.recovery.until.is_some() {
            let room = self.congestion.window().saturating_sub(self.pipe());
            self.send.window.min(in_flight.saturating_add(room))
        } else {
            self.send.window.min(self.congestion.window().saturating_add(held))
        };
        let room = allowed.saturating_sub(in_flight);
        let waiting = end - next;
        let segment = self.content_bytes();
        let most = if uncut { (MOST_UNCUT / segment).max(1) * segment } else { segment };
        let length = waiting.min(room).min(most);
        let takes_all = length == waiting;
        let sends_fin = self.is_ending && takes_all && self.may_send_fin();
        if !self.is_worth_sending(length, takes_all, in_flight, segment) && !sends_fin {
            return None;
        }
        // What is short goes with the last of what is long, not before it is known that it must.
        let length = if takes_all || length < segment { length } else { length - length % segment };
        let mut flags = Flags::ACK;
        flags.set(Flags::PSH, takes_all && length > 0);
        flags.set(Flags::FIN, sends_fin);
        let content = self.outgoing.slice((next - self.first_byte()) as usize, length as usize);
        let mut sending = self.sending(now, next, flags, content);
        sending.cut = (length > segment).then_some(segment as u16);
        if sends_fin {
            self.state = match self.state {
                State::Established => State::FinWait1,
                State::CloseWait => State::LastAck,
                state => state,
            };
        }
        self.sent(now, next, next + length + u32::from(sends_fin));
        Some(sending)
    }

    fn may_send_fin(&self) -> bool {
        matches!(
            self.state,
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck
        )
    }

    /// Nagle's algorithm, and the sender's part against silly windows (RFC 9293, sections 3.7.4 and 3.8.6.2.1).
    fn is_worth_sending(&self, length: u32, takes_all: bool, in_flight: u32, segment: u32) -> bool {
        if length == 0 {
            return false;
        }
        let is_again = self.send.next.is_before(self.send.highest);
        let may_be_short = in_flight == 0 || self.choices.no_delay || self.is_ending;
        length >= segment
            || is_again
            || (takes_all && may_be_short)
            || length >= self.send.largest_window.div_ceil(2).max(1)
    }

    /// Something was sent up to `end`.
    fn sent(&mut self, now: Instant, begin: SeqNumber, end: SeqNumber) {
        self.send.next = end;
        if end.is_after(self.send.highest) {
            if self.measuring.is_none() && !begin.is_before(self.send.highest) {
                self.measuring = Some((end, now));
            }
            self.send.highest = end;
        }
        if self.timers.retransmit.is_none() {
            self.arm_retransmit(now);
        }
        self.timers.persist = None;
    }

    /// Waits for an answer, if there is something to be answered.
    pub fn arm_retransmit(&mut self, now: Instant) {
        let is_waiting = self.send.unacknowledged != self.send.highest;
        self.timers.retransmit = is_waiting.then(|| now + self.rtt.timeout());
    }

    /// Asks for the window, if it is closed and nothing is on its way whose answer would open it.
    fn arm_persist(&mut self, now: Instant) {
        let has_more = self.send.next.is_before(self.end_of_data());
        let is_stuck = has_more && self.timers.retransmit.is_none();
        if !is_stuck {
            self.timers.persist = None;
        } else if self.timers.persist.is_none() {
            self.timers.persist = Some(now + self.rtt.timeout());
        }
    }

    /// A byte beyond the window, to be told of the window (RFC 9293, section 3.8.6.1).
    pub fn probe(&mut self, now: Instant) -> Option<Sending> {
        if self.outgoing.is_empty() {
            return None;
        }
        let content = self.outgoing.slice((self.send.next - self.first_byte()) as usize, 1);
        let next = self.send.next;
        let sending = self.sending(now, next, Flags::ACK, content);
        // It counts as sent once it is acknowledged.
        self.send.highest = self.send.highest.max(next + 1);
        Some(sending)
    }

    /// A segment from `sequence` on, which acknowledges all that came.
    pub fn sending(
        &mut self,
        now: Instant,
        sequence: SeqNumber,
        flags: Flags,
        content: Vec<Bytes>,
    ) -> Sending {
        let blocks = if self.sack && self.incoming.has_gap() { self.incoming.blocks() } else { Vec::new() };
        let options = Options {
            sack: blocks.iter().map(|(begin, end)| (self.number_of(*begin), self.number_of(*end))).collect(),
            timestamps: self.timestamps.on.then(|| (clock(now), self.timestamps.recent)),
            ..Options::default()
        };
        let acknowledges = flags.contains(Flags::ACK);
        let window = if acknowledges { self.announce() } else { 0 };
        if acknowledges {
            self.must_acknowledge = false;
            self.timers.acknowledge = None;
            self.receive.unacknowledged = 0;
        }
        Sending {
            segment: Segment {
                source: self.local.port(),
                destination: self.remote.port(),
                sequence,
                acknowledgment: if acknowledges { self.receive.next } else { SeqNumber(0) },
                flags,
                window,
                urgent: 0,
                options,
            },
            content: Packet::with_content(content),
            cut: None,
        }
    }

    /// The window to tell: it never goes back, and grows by no less than is worth a segment (RFC 9293, section 3.8.6.2.2).
    fn announce(&mut self) -> u16 {
        let told = self.told_window();
        let now = self.receive_window();
        let step = self.segment_bytes().min(self.choices.receive_bytes as u32 / 2).max(1);
        let window = if now >= told.saturating_add(step) || now > told && told == 0 && now >= step {
            now
        } else {
            told
        };
        let scaled = (window >> self.receive.scale).min(u16::MAX.into());
        self.receive.advertised = self.receive.next + (scaled << self.receive.scale);
        scaled as u16
    }

    /// The program read: is the window so much larger that the other side should know?
    pub fn note_read(&mut self) {
        let told = self.told_window();
        let step = (2 * self.segment_bytes()).min(self.choices.receive_bytes as u32 / 2);
        if self.state.may_receive() && self.receive_window() >= told.saturating_add(step) {
            self.must_acknowledge = true;
        }
    }

    /// Something came that may be acknowledged a little later, with others (RFC 9293, section 3.8.6.3).
    pub fn delay_acknowledgement(&mut self, now: Instant, bytes: u32) {
        self.receive.unacknowledged = self.receive.unacknowledged.saturating_add(bytes);
        if self.receive.unacknowledged >= 2 * self.segment_bytes() {
            self.must_acknowledge = true;
        } else if self.timers.acknowledge.is_none() {
            self.timers.acknowledge = Some(now + DELAYED_ACK);
        }
    }
}

/// The clock of timestamps: milliseconds (RFC 7323, section 5.4).
pub fn clock(now: Instant) -> u32 {
    now.as_millis() as u32
}

/// The shift by which a buffer fits into sixteen bits.
pub fn scale_for(bytes: usize) -> u8 {
    (1..14).find(|shift| bytes >> shift <= usize::from(u16::MAX)).unwrap_or(14)
}
