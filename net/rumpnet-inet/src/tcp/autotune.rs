//! Buffers that grow with what is needed, up to a limit, unless the program said how large they are to be.
//!
//! The receiver measures how much its program takes in a round trip, and offers twice as much (dynamic right-sizing; Fisk
//! and Feng, 2001). The sender has room for two congestion windows, for what is on its way and what comes next.

use super::pcb::Pcb;
use crate::time::Instant;
use core::time::Duration;

/// Largest buffers that come of themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes to send.
    pub send: usize,
    /// Bytes that came.
    pub receive: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { send: 4 << 20, receive: 6 << 20 }
    }
}

/// How fast the program reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReceiveRate {
    /// Since when, and what it had read then.
    since: Instant,
    read: u64,
    /// When a round began, and where it ends in the count of the buffer.
    round: Option<(Instant, u64)>,
    /// How long a round trip takes, seen from the receiver.
    rtt: Option<Duration>,
}

impl ReceiveRate {
    /// How long a round trip takes.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }
}

impl Pcb {
    /// Bytes came in order: a window full of them takes a round trip, at most.
    pub(super) fn measure_round(&mut self, now: Instant) {
        let next = self.incoming.next();
        match self.rate.round {
            Some((_, end)) if next < end => return,
            Some((begin, _)) => {
                let sample = now.saturating_sub(begin);
                self.rate.rtt = Some(self.rate.rtt.map_or(sample, |rtt| rtt.min(sample)));
            }
            None => (self.rate.since, self.rate.read) = (now, self.incoming.read_bytes()),
        }
        self.rate.round = Some((now, next + u64::from(self.told_window())));
    }

    /// The program read: once in a round trip it is seen how much that was.
    pub(super) fn grow_receive_buffer(&mut self, now: Instant) {
        let rtt = match (self.rate.rtt, self.rtt.smoothed()) {
            (Some(round), Some(smoothed)) => round.min(smoothed),
            (round, smoothed) => match round.or(smoothed) {
                Some(rtt) => rtt,
                None => return,
            },
        };
        if self.choices.receive_is_fixed || now.saturating_sub(self.rate.since) < rtt {
            return;
        }
        let read = self.incoming.read_bytes();
        let taken = (read - self.rate.read) as usize;
        (self.rate.since, self.rate.read) = (now, read);
        let wanted = taken.saturating_mul(2).min(self.limits.receive);
        self.choices.receive_bytes = self.choices.receive_bytes.max(wanted);
    }

    /// The congestion window grew.
    pub(super) fn grow_send_buffer(&mut self) {
        if !self.choices.send_is_fixed {
            let wanted = (self.congestion.window() as usize).saturating_mul(2).min(self.limits.send);
            self.choices.send_bytes = self.choices.send_bytes.max(wanted);
        }
    }

    /// The largest window that may come to be told.
    pub(super) fn largest_receive_buffer(&self) -> usize {
        match self.choices.receive_is_fixed {
            true => self.choices.receive_bytes,
            false => self.choices.receive_bytes.max(self.limits.receive),
        }
    }
}
