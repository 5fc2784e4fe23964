//! What an acknowledgement says: fifth of the steps of RFC 9293, section 3.10.7.4.

use super::congestion::Growth;
use super::header::clock;
use super::input::Arriving;
use super::pcb::Pcb;
use super::recovery::{News, Phase};
use super::scoreboard::Arrived;
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::{Flags, Segment};
use alloc::vec::Vec;
use core::time::Duration;

/// An echo of the clock of timestamps that says of an answer that it took longer says nothing.
const LONGEST_ANSWER: u32 = 600_000;

impl Pcb {
    /// Answers whether something was acknowledged.
    pub(super) fn input_acknowledgment(&mut self, now: Instant, arriving: &Arriving, length: u32) -> bool {
        let segment = &arriving.segment;
        let acknowledged = segment.acknowledgment;
        let is_new = acknowledged.is_after(self.send.unacknowledged);
        let is_syn = segment.flags.contains(Flags::SYN);
        let window = u32::from(segment.window) << if is_syn { 0 } else { self.send.scale };
        let echo = segment.options.timestamps.filter(|(_, echo)| self.timestamps.on && *echo != 0);
        let mut news = News {
            is_duplicate: acknowledged == self.send.unacknowledged
                && length == 0
                // The answer to who asks for a closed window says nothing of losses.
                && window != 0
                && window == self.send.window
                && self.send.unacknowledged != self.send.highest,
            was_full: self.send.place < self.send.filled,
            crowded: self.ecn.on && segment.flags.contains(Flags::ECE) && !is_syn,
            echo: echo.map(|(_, echo)| echo),
            ..News::default()
        };
        self.counts.acknowledged_at = now;
        if news.crowded {
            self.counts.delivered_crowded = self.counts.delivered_crowded.wrapping_add(1);
        }
        let mut took = None;
        if is_new {
            took = self.advance(now, acknowledged, &mut news);
        }
        if self.sack && !segment.options.sack.is_empty() {
            took = self.note_blocks(now, segment, &mut news).or(took);
        }
        self.measure(now, took, &news);
        self.react(now, &news);
        self.note_probe(&news);
        self.note_window(segment, window, is_new);
        if is_new {
            self.timers.retransmit = None;
            self.arm_retransmit(now);
        }
        if is_new || news.delivered > 0 {
            self.arm_probe(now);
        }
        is_new
    }

    /// Whether somebody waits for what is acknowledged: to write, once there is room worth a change of threads, or for the end.
    pub(super) fn makes_room(&mut self) -> bool {
        let makes_room = self.send.lacks_room && self.has_room();
        self.send.lacks_room &= !makes_room;
        makes_room || self.is_ending
    }

    /// Everything before a number is acknowledged. Answers how long that took.
    fn advance(&mut self, now: Instant, acknowledged: SeqNumber, news: &mut News) -> Option<Duration> {
        let before = self.send.unacknowledged;
        let count = acknowledged - before;
        let is_syn = before == self.send.initial;
        self.outgoing.advance((count - u32::from(is_syn)) as usize);
        self.send.unacknowledged = acknowledged;
        self.send.next = self.send.next.max(acknowledged);
        self.send.place += u64::from(count);
        self.counts.bytes_acknowledged += u64::from(count - u32::from(is_syn));
        self.counts.probes = 0;
        let has_more = acknowledged != self.send.highest;
        self.send.stalled = has_more.then_some(now);
        news.acknowledged = count;
        let mut took = None;
        let (echo, rack) = (news.echo, &mut self.rack);
        let delivered = &mut news.delivered;
        self.scoreboard.acknowledge(self.send.place, |arrived| {
            *delivered += arrived.bytes;
            took = rack.arrived(now, &arrived, echo).or(took);
        });
        if let Some(sent) = self.send.syn_sent.take().filter(|_| is_syn) {
            took = Some(now.saturating_sub(sent));
        }
        self.note_big_probe(now, self.send.place);
        took
    }

    /// What the other side has behind gaps (RFC 2018), or got twice (RFC 2883). Answers how long something took.
    fn note_blocks(&mut self, now: Instant, segment: &Segment, news: &mut News) -> Option<Duration> {
        let first = self.send.unacknowledged;
        let blocks = &segment.options.sack;
        let is_sound = |(begin, end): (SeqNumber, SeqNumber)| {
            begin.is_before(end) && !begin.is_before(first) && !end.is_after(self.send.highest)
        };
        let twice = match blocks[..] {
            [(begin, end), ..] if begin.is_before(end) && begin.is_before(first) => Some(begin),
            [(begin, end), (outer, outer_end), ..]
                if is_sound((outer, outer_end)) && !begin.is_before(outer) && !end.is_after(outer_end) =>
            {
                Some(begin)
            }
            _ => None,
        };
        if let Some(begin) = twice {
            self.counts.twice = self.counts.twice.wrapping_add(1);
            news.twice = self.place_of_earlier(begin);
        }
        let mut sound: Vec<(u64, u64)> = blocks
            .iter()
            .filter(|block| is_sound(**block))
            .map(|(begin, end)| (self.place_of_number(*begin), self.place_of_number(*end)))
            .collect();
        sound.sort_unstable();
        let mut took = None;
        // The echo is that of what came in order: it says nothing of these.
        let (rack, delivered) = (&mut self.rack, &mut news.delivered);
        for (begin, end) in sound {
            self.scoreboard.hold(begin, end, |arrived: Arrived| {
                *delivered += arrived.bytes;
                took = rack.arrived(now, &arrived, None).or(took);
            });
        }
        took
    }

    /// Where a number that was sent belongs in the count of what was sent.
    pub fn place_of_number(&self, number: SeqNumber) -> u64 {
        self.send.place + u64::from(number - self.send.unacknowledged)
    }

    /// The same of one that is acknowledged, unless it is from before the connection.
    fn place_of_earlier(&self, number: SeqNumber) -> Option<u64> {
        let distance = number.0.wrapping_sub(self.send.unacknowledged.0) as i32;
        self.send.place.checked_add_signed(distance.into())
    }

    /// The number at a place.
    pub fn number_at(&self, place: u64) -> SeqNumber {
        self.send.unacknowledged + place.wrapping_sub(self.send.place) as u32
    }

    /// How long an answer took: by when what arrived was sent, and if that was sent twice by timestamps (RFC 6298, section
    /// 3; RFC 7323, section 4.1).
    fn measure(&mut self, now: Instant, took: Option<Duration>, news: &News) {
        self.counts.delivered =
            self.counts.delivered.wrapping_add(news.delivered.div_ceil(self.segment_bytes()));
        if news.twice.is_some() {
            // The acknowledgement that came first was lost: how long this one took says nothing.
            if news.acknowledged > 0 {
                self.rtt.answered();
            }
            return;
        }
        let by_echo = || {
            let elapsed = clock(now).wrapping_sub(news.echo?);
            (elapsed < LONGEST_ANSWER).then(|| Duration::from_millis(elapsed.into()))
        };
        let by_echo = by_echo().filter(|_| news.acknowledged > 0);
        if let Some(rtt) = took.or(by_echo) {
            self.rtt.measured(rtt);
            let end = self.place_of_number(self.send.next);
            self.congestion.measured(rtt, self.send.place, end);
        } else if news.acknowledged > 0 {
            self.rtt.answered();
        }
    }

    /// The window was full, and bytes arrived.
    pub(super) fn grow(&mut self, now: Instant, bytes: u32) {
        let rtt = self.rtt.smoothed().unwrap_or_default();
        self.congestion.grow(&Growth { now, bytes, segment: self.segment_bytes(), rtt });
        self.grow_send_buffer();
    }

    /// RFC 9293, section 3.10.7.4, "update the send window". What acknowledges more is newer, whatever its sequence number
    /// is: what is sent again says how things are now, and the older window, counted from what it acknowledges, would reach
    /// beyond what was ever told.
    fn note_window(&mut self, segment: &Segment, window: u32, acknowledges_more: bool) {
        let (told_by, acknowledged) = self.send.window_told;
        let is_newer = acknowledges_more
            || told_by.is_before(segment.sequence)
            || (told_by == segment.sequence && !segment.acknowledgment.is_before(acknowledged));
        if is_newer {
            self.send.window = window;
            self.send.largest_window = self.send.largest_window.max(window);
            self.send.window_told = (segment.sequence, segment.acknowledgment);
        }
    }

    /// What is being done, for `TCP_INFO`.
    pub(super) fn is_disordered(&self) -> bool {
        self.recovery.phase == Phase::Open
            && (self.recovery.duplicates > 0 || self.scoreboard.held_bytes() > 0)
    }
}
