//! Headers of segments: what each says of what came, of windows and of clocks (RFC 9293, section 3.1; RFC 7323).

use super::ecn::Mark;
use super::output::Sending;
use super::pcb::{DEFAULT_SEGMENT, Pcb, State};
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Options, Segment};
use alloc::vec::Vec;
use bytes::Bytes;
use rump_kpi::packet::Packet;

/// What timestamps take of every segment.
pub(super) const TIMESTAMP_BYTES: u32 = 12;

impl Pcb {
    /// Bytes of content in a segment.
    pub fn segment_bytes(&self) -> u32 {
        self.segment_bytes_of(self.send.segment)
    }

    /// Bytes of content in a segment that has so many with its options.
    pub fn segment_bytes_of(&self, segment: u32) -> u32 {
        let options = if self.timestamps.on { TIMESTAMP_BYTES } else { 0 };
        segment.saturating_sub(options).max(1)
    }

    /// Bytes of content in a segment that tells what lies behind gaps, too, if there are any.
    pub(super) fn content_bytes(&self) -> u32 {
        let twice = usize::from(self.receive.twice.is_some());
        let has_gap = self.sack && self.incoming.has_gap();
        let blocks = if has_gap { self.incoming.blocks().len() + twice } else { twice };
        let most = if self.timestamps.on { 3 } else { 4 };
        let told = if blocks > 0 { 4 + 8 * blocks.min(most) } else { 0 };
        self.segment_bytes().saturating_sub(told as u32).max(1)
    }

    /// The SYN, with or without an acknowledgement.
    pub(super) fn syn(&mut self, now: Instant) -> Sending {
        let is_answer = self.state == State::SynReceived;
        let is_first = self.rtt.backoff() == 0;
        let flags = match is_answer {
            true => Flags::SYN | Flags::ACK | self.ecn.answer_flags(),
            false => Flags::SYN | self.ecn.syn_flags(is_first),
        };
        let first = self.send.initial;
        let mut sending = self.sending(now, first, flags, Vec::new());
        // What an answer offers, the other side offered before.
        let offers = |agreed: bool| !is_answer || agreed;
        let own_segment = self.receive.offered_segment;
        sending.segment.options = Options {
            maximum_segment_size: Some(own_segment.min(u16::MAX.into()) as u16),
            window_scale: (self.choices.window_scale && offers(self.receive.scale > 0))
                .then(|| scale_for(self.largest_receive_buffer())),
            sack_permitted: self.choices.sack && offers(self.sack),
            sack: Vec::new(),
            timestamps: (self.choices.timestamps && offers(self.timestamps.on))
                .then(|| (clock(now), self.timestamps.recent)),
        };
        // The window of a SYN is not scaled.
        sending.segment.window = self.receive_window().min(u16::MAX.into()) as u16;
        self.receive.advertised = self.receive.next + u32::from(sending.segment.window);
        self.send.next = first + 1;
        self.send.highest = first + 1;
        if is_first {
            self.send.syn_sent = Some(now);
        }
        if self.timers.retransmit.is_none() {
            self.arm_retransmit(now);
        }
        sending
    }

    /// A segment from `sequence` on, which acknowledges all that came.
    pub fn sending(
        &mut self,
        now: Instant,
        sequence: SeqNumber,
        flags: Flags,
        content: Vec<Bytes>,
    ) -> Sending {
        let acknowledges = flags.contains(Flags::ACK);
        let mut options = Options {
            sack: if acknowledges { self.told_blocks() } else { Vec::new() },
            timestamps: self.timestamps.on.then(|| (clock(now), self.timestamps.recent)),
            ..Options::default()
        };
        if !acknowledges {
            options.timestamps = options.timestamps.map(|(value, _)| (value, 0));
        }
        let content_bytes = content.iter().map(Bytes::len).sum::<usize>() as u32;
        self.counts.note_sent(now, content_bytes, self.segment_bytes());
        let window = if acknowledges { self.announce() } else { 0 };
        let mut flags = flags;
        if acknowledges {
            self.must_acknowledge = false;
            self.timers.acknowledge = None;
            self.receive.unacknowledged = 0;
            flags.set(Flags::ECE, flags.contains(Flags::ECE) || self.ecn.echoes);
        }
        let urgent = self.urgent_pointer(sequence);
        flags.set(Flags::URG, urgent.is_some());
        Sending {
            segment: Segment {
                source: self.local.port(),
                destination: self.remote.port(),
                sequence,
                acknowledgment: if acknowledges { self.receive.next } else { SeqNumber(0) },
                flags,
                window,
                urgent: urgent.unwrap_or(0),
                options,
            },
            content: Packet::with_content(content),
            cut: None,
            mark: Mark::NotCapable,
        }
    }

    /// What came twice (RFC 2883), and what lies behind gaps (RFC 2018).
    fn told_blocks(&mut self) -> Vec<(SeqNumber, SeqNumber)> {
        let twice = self.receive.twice.take().filter(|_| self.sack);
        if twice.is_none() && !(self.sack && self.incoming.has_gap()) {
            return Vec::new();
        }
        let blocks = self.incoming.blocks();
        let behind = blocks.iter().map(|(begin, end)| (self.number_of(*begin), self.number_of(*end)));
        twice.into_iter().chain(behind).collect()
    }

    /// The window to tell: it never goes back, and grows by no less than is worth a segment (RFC 9293, section 3.8.6.2.2).
    fn announce(&mut self) -> u16 {
        let told = self.told_window();
        let now = self.receive_window();
        let step = self.receive.segment.min(self.choices.receive_bytes as u32 / 2).max(1);
        let window = if now >= told.saturating_add(step) || now > told && told == 0 && now >= step {
            now
        } else {
            told
        };
        let scaled = (window >> self.receive.scale).min(u16::MAX.into());
        self.counts.zero_windows += u32::from(window == 0);
        // Scaling rounds down; what was told before is taken nevertheless.
        let end = self.receive.next + (scaled << self.receive.scale);
        if end.is_after(self.receive.advertised) {
            self.receive.advertised = end;
        }
        scaled as u16
    }

    /// Something came that may be acknowledged a little later, with others (RFC 9293, section 3.8.6.3).
    pub fn delay_acknowledgement(&mut self, now: Instant, bytes: u32) {
        self.receive.unacknowledged = self.receive.unacknowledged.saturating_add(bytes);
        // A full segment is as long as the way takes, which may be less than was offered.
        self.receive.longest = self.receive.longest.max(bytes).max(DEFAULT_SEGMENT).min(self.receive.segment);
        if self.receive.unacknowledged >= 2 * self.receive.longest || self.choices.delayed_ack.is_zero() {
            self.must_acknowledge = true;
        } else if self.timers.acknowledge.is_none() {
            self.timers.acknowledge = Some(now + self.choices.delayed_ack);
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
