//! Ways that swallow long packets and say nothing (RFC 2923; RFC 4821, section 7.7, and RFC 8899 for what is done).
//!
//! If long segments time out again and again, shorter ones are sent: that is a suspicion, no more, for losses by chance look
//! the same. It is tested at once, and then ever more seldom, by single longer segments; the first that arrives ends it. One
//! that does not arrive says something of its length, and nothing of how crowded the network is: the congestion window
//! stays as it was (RFC 4821, section 7.6.2).

use super::pcb::Pcb;
use crate::time::Instant;
use core::time::Duration;

/// Time-outs of long segments in a row before shorter ones are tried.
const TIMEOUTS: u32 = 2;
/// Segments that are tried: of the least packet of IPv6 with room for its headers and options, and of what every host takes.
const STEPS: [u32; 2] = [1220, 536];
/// How long before a longer segment is tried: at first, if that is suspicion only; twice as long after each that is lost.
const FIRST_PATIENCE: Duration = Duration::from_secs(1);
/// The longest, and that after a router said so (RFC 4821, section 7.4; RFC 1191, section 6.3).
const LAST_PATIENCE: Duration = Duration::from_secs(600);
/// Segments that wait behind a longer one, so that they tell whether it is lost (RFC 4821, section 7.4), and how many of
/// them must be allowed to go at once: one tells by time, but without selective acknowledgement three have to.
const SEGMENTS_BEHIND: u32 = 4;
const SEGMENTS_AT_ONCE: [u32; 2] = [3, 1];

/// What is known of the way.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlackHole {
    /// The longest segment that was agreed on, if shorter ones are sent.
    longest: Option<u32>,
    /// When it is tried again, and how long that is from the last time.
    retry: Instant,
    patience: Duration,
    /// A longer segment that was sent to try.
    probe: Option<Probe>,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    /// The segment's length, options included.
    segment: u32,
    begin: u64,
    end: u64,
    is_lost: bool,
}

impl BlackHole {
    /// A probe is lost, or will never be known to have arrived.
    fn note_lost(&mut self, now: Instant) {
        let Some(probe) = self.probe.as_mut().filter(|probe| !probe.is_lost) else { return };
        probe.is_lost = true;
        self.patience = (2 * self.patience).clamp(FIRST_PATIENCE, LAST_PATIENCE);
        self.retry = now + self.patience;
    }

    /// Where the probe is that nothing is known of yet, or that was lost.
    pub fn probe(&self) -> Option<(u64, u64)> {
        self.probe.map(|probe| (probe.begin, probe.end))
    }
}

impl Pcb {
    /// A timer ran out.
    pub(super) fn look_for_black_hole(&mut self, now: Instant) {
        self.black_hole.note_lost(now);
        self.black_hole.probe = None;
        // A segment need not be a full one to be too long.
        let longest = self.scoreboard.flight().min(self.send.segment);
        if self.rtt.backoff() < TIMEOUTS {
            return;
        }
        let Some(shorter) = STEPS.into_iter().find(|step| *step < longest) else { return };
        self.shorten(now, shorter, FIRST_PATIENCE);
    }

    fn shorten(&mut self, now: Instant, segment: u32, patience: Duration) {
        self.black_hole.longest.get_or_insert(self.send.segment);
        (self.black_hole.retry, self.black_hole.patience) = (now + patience, patience);
        self.send.segment = segment;
    }

    /// The way takes packets of so many bytes, as a router told (RFC 1191, RFC 8201). What is on its way and too long is
    /// sent again; the network is not crowded.
    pub fn told_path_mtu(&mut self, now: Instant, mtu: u32) {
        let segment = mtu.saturating_sub(self.header_bytes()).max(super::pcb::LEAST_SEGMENT);
        if segment < self.send.segment {
            self.shorten(now, segment, LAST_PATIENCE);
            self.scoreboard.lose_longer(self.segment_bytes());
        }
    }

    /// A longer segment to be tried now, if so many bytes wait, and so many may go at once: its length with and without
    /// options.
    pub(super) fn segment_to_try(&self, now: Instant, waiting: u32, allowed: u32) -> Option<(u32, u32)> {
        let longest = self.black_hole.longest.filter(|_| now >= self.black_hole.retry)?;
        let is_between = |step: &u32| (self.send.segment + 1..longest).contains(step);
        let segment = STEPS.into_iter().rev().find(is_between).unwrap_or(longest);
        let bytes = self.segment_bytes_of(segment);
        let is_calm = self.black_hole.probe.is_none() && self.scoreboard.lost_bytes() == 0;
        let behind = |segments: u32| bytes + segments * self.segment_bytes();
        let tells =
            waiting >= behind(SEGMENTS_BEHIND) && allowed >= behind(SEGMENTS_AT_ONCE[usize::from(self.sack)]);
        (is_calm && tells).then_some((segment, bytes))
    }

    /// It was sent, between two places.
    pub(super) fn note_trying(&mut self, segment: u32, (begin, end): (u64, u64)) {
        self.black_hole.probe = Some(Probe { segment, begin, end, is_lost: false });
    }

    /// Everything before a place was acknowledged.
    pub(super) fn note_big_probe(&mut self, now: Instant, place: u64) {
        let Some(probe) = self.black_hole.probe.filter(|probe| place >= probe.end) else { return };
        self.black_hole.probe = None;
        // Otherwise it arrived in shorter segments.
        if !probe.is_lost {
            self.send.segment = self.send.segment.max(probe.segment);
            self.black_hole.longest = self.black_hole.longest.filter(|longest| *longest > probe.segment);
            self.black_hole.retry = now;
        }
    }

    /// What lies between two places is sent again: if it was a probe, in shorter segments.
    pub(super) fn note_probe_again(&mut self, now: Instant, (begin, end): (u64, u64)) {
        if self.black_hole.probe().is_some_and(|probe| begin < probe.1 && probe.0 < end) {
            self.black_hole.note_lost(now);
        }
    }

    /// Whether all that has just been found lost is a probe; `before` is what was lost before.
    pub(super) fn is_probe_lost(&mut self, now: Instant, before: u32) -> bool {
        let Some((begin, end)) = self.black_hole.probe() else { return false };
        let is_only = before == 0 && self.scoreboard.is_lost_only_in(begin, end);
        if is_only {
            self.black_hole.note_lost(now);
        }
        is_only
    }
}
