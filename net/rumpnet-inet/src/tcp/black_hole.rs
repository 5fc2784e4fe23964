//! Ways that swallow long packets and say nothing (RFC 2923; RFC 4821 and RFC 8899 for what is done): if long segments time
//! out again and again, shorter ones are sent; later a longer one is tried, and if it arrives, others follow.

use super::pcb::Pcb;
use super::seq::SeqNumber;
use crate::time::Instant;
use core::time::Duration;

/// Time-outs of long segments in a row before shorter ones are tried.
const TIMEOUTS: u32 = 2;
/// Segments that are tried: of the least packet of IPv6 with room for its headers and options, and of what every host takes.
const STEPS: [u32; 2] = [1220, 536];
/// How long before a longer segment is tried again (RFC 4821, section 7.4; RFC 1191, section 6.3).
const PATIENCE: Duration = Duration::from_secs(600);

/// What is known of the way.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlackHole {
    /// The longest segment that was agreed on, if shorter ones are sent.
    longest: Option<u32>,
    /// When it is tried again.
    retry: Instant,
    /// The number behind a longer segment that was sent to try.
    trying: Option<SeqNumber>,
}

impl Pcb {
    /// A timer ran out.
    pub(super) fn look_for_black_hole(&mut self, now: Instant) {
        if self.black_hole.trying.take().is_some() {
            self.black_hole.retry = now + PATIENCE;
        }
        // A segment need not be a full one to be too long.
        let longest = self.scoreboard.flight().min(self.send.segment);
        if self.rtt.backoff() < TIMEOUTS {
            return;
        }
        let Some(shorter) = STEPS.into_iter().find(|step| *step < longest) else { return };
        self.shorten(now, shorter);
    }

    fn shorten(&mut self, now: Instant, segment: u32) {
        self.black_hole.longest.get_or_insert(self.send.segment);
        self.black_hole.retry = now + PATIENCE;
        self.send.segment = segment;
    }

    /// The way takes packets of so many bytes, as a router told (RFC 1191, RFC 8201). What is on its way and too long is
    /// sent again; the network is not crowded.
    pub fn told_path_mtu(&mut self, now: Instant, mtu: u32) {
        let segment = mtu.saturating_sub(self.header_bytes()).max(super::pcb::LEAST_SEGMENT);
        if segment < self.send.segment {
            self.shorten(now, segment);
            self.scoreboard.lose_longer(self.segment_bytes());
        }
    }

    /// Bytes of a longer segment to be tried now, if so many wait.
    pub(super) fn bytes_to_try(&mut self, now: Instant, waiting: u32) -> Option<u32> {
        let longest = self.black_hole.longest.filter(|_| now >= self.black_hole.retry)?;
        let bytes = self.segment_bytes_of(longest);
        (self.black_hole.trying.is_none() && self.scoreboard.lost_bytes() == 0 && waiting >= bytes)
            .then_some(bytes)
    }

    /// It was sent, up to a number.
    pub(super) fn note_trying(&mut self, end: SeqNumber) {
        self.black_hole.trying = Some(end);
    }

    /// Bytes were acknowledged up to a number.
    pub(super) fn note_big_probe(&mut self, acknowledged: SeqNumber) {
        if self.black_hole.trying.is_none_or(|end| acknowledged.is_before(end)) {
            return;
        }
        self.black_hole.trying = None;
        // If something had been sent again, it went in shorter segments.
        if let Some(longest) = self.black_hole.longest.take() {
            self.send.segment = longest;
        }
    }

    /// A segment that was sent to try is lost.
    pub(super) fn note_lost_probe(&mut self, now: Instant) {
        if self.black_hole.trying.take().is_some() {
            self.black_hole.retry = now + PATIENCE;
        }
    }
}
