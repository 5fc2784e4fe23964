//! What happens when time has passed.

use super::input::Effect;
use super::output::Sending;
use super::pcb::{Pcb, State};
use super::seq::SeqNumber;
use crate::time::Instant;
use crate::wire::tcp::Flags;
use alloc::vec::Vec;
use rump_kpi::Errno;

/// How often a segment is sent again before the connection is given up (RFC 9293, section 3.8.3).
const MOST_RETRIES: u32 = 12;
/// The same of a SYN.
const MOST_SYN_RETRIES: u32 = 7;

/// Timers; each at most once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// To send again.
    pub retransmit: Option<Instant>,
    /// To send a probe for losses.
    pub probe: Option<Instant>,
    /// To take for lost what seemed to be out of order.
    pub reorder: Option<Instant>,
    /// To ask for the window.
    pub persist: Option<Instant>,
    /// To acknowledge.
    pub acknowledge: Option<Instant>,
    /// To forget the connection.
    pub forget: Option<Instant>,
    /// To see whether the other side is there.
    pub keep_alive: Option<Instant>,
    /// To send what a program held back.
    pub cork: Option<Instant>,
}

impl Timers {
    /// The first.
    pub fn next(&self) -> Option<Instant> {
        [
            self.retransmit,
            self.probe,
            self.reorder,
            self.persist,
            self.acknowledge,
            self.forget,
            self.keep_alive,
            self.cork,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl Pcb {
    /// A timer may have run out. Answers what is to be sent, and what became of the connection.
    pub fn timeout(&mut self, now: Instant) -> (Option<Sending>, Effect) {
        let is_due = |timer: Option<Instant>| timer.is_some_and(|deadline| deadline <= now);
        if is_due(self.timers.forget) {
            return (None, Effect::gone());
        }
        if is_due(self.timers.acknowledge) {
            self.must_acknowledge = true;
            self.timers.acknowledge = None;
        }
        if is_due(self.timers.cork) {
            self.timers.cork = None;
            self.is_overdue = true;
        }
        if is_due(self.timers.reorder) {
            self.timers.reorder = None;
            self.disorder_ended(now);
        }
        let mut sending = None;
        if is_due(self.timers.probe) {
            self.timers.probe = None;
            sending = self.probe_loss(now);
        }
        if is_due(self.timers.retransmit) {
            self.timers.retransmit = None;
            if self.gives_up(now) {
                return self.end_in(Errno::ETIMEDOUT);
            }
            self.send_again_soon(now);
        }
        if is_due(self.timers.persist) {
            let is_forgotten = !self.is_held && u32::from(self.counts.probes) >= MOST_RETRIES;
            if self.is_stalled(now) || is_forgotten {
                return self.end_in(Errno::ETIMEDOUT);
            }
            self.rtt.back_off();
            self.counts.probes = self.counts.probes.saturating_add(1);
            self.counts.window_probes = self.counts.window_probes.wrapping_add(1);
            sending = self.probe_window(now);
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

    fn end_in(&mut self, errno: Errno) -> (Option<Sending>, Effect) {
        // A host that says that it is out of reach explains the silence.
        self.error = Some(self.soft_error.unwrap_or(errno));
        (None, Effect::gone())
    }

    /// What is not acknowledged has waited longer than the program wants (RFC 5482).
    fn is_stalled(&self, now: Instant) -> bool {
        let Some(patience) = self.choices.user_timeout else { return false };
        self.send.stalled.is_some_and(|since| now.saturating_sub(since) >= patience)
    }

    fn gives_up(&self, now: Instant) -> bool {
        if !self.state.is_synchronized() {
            // By what the timers waited, not by the clock: the machine may have slept.
            let is_late = self.rtt.waited() >= self.choices.keep.begin;
            return self.rtt.backoff() >= MOST_SYN_RETRIES || is_late || self.is_stalled(now);
        }
        match self.choices.user_timeout {
            Some(_) => self.is_stalled(now),
            None => self.rtt.backoff() >= MOST_RETRIES,
        }
    }

    /// No answer came in time.
    fn send_again_soon(&mut self, now: Instant) {
        self.counts.timeouts = self.counts.timeouts.wrapping_add(1);
        self.send.syn_sent = None;
        if !self.state.is_synchronized() {
            self.send.next = self.send.initial;
        } else {
            self.look_for_black_hole(now);
            self.lose_all(now);
        }
        self.timers.probe = None;
        self.timers.reorder = None;
        self.rtt.back_off();
        self.timers.retransmit = None;
        self.arm_retransmit(now);
    }

    /// When the other side is to be asked whether it is there.
    pub fn arm_keep_alive(&mut self, now: Instant) {
        let is_on = self.choices.keep_alive && self.state.is_synchronized() && self.state != State::TimeWait;
        self.timers.keep_alive = is_on.then(|| now + self.choices.keep.idle);
        self.keep_asked = 0;
    }

    /// Is anybody there? A segment before the window asks for an answer (RFC 9293, section 3.8.4).
    fn keep_alive(&mut self, now: Instant) -> Option<Sending> {
        let keep = self.choices.keep;
        let silence = now.saturating_sub(self.heard);
        if silence < keep.idle {
            self.timers.keep_alive = Some(now + (keep.idle - silence));
            self.keep_asked = 0;
            return None;
        }
        let is_over = match self.choices.user_timeout {
            Some(patience) => self.keep_asked > 0 && silence >= patience,
            None => self.keep_asked >= keep.count,
        };
        if is_over {
            self.error = Some(Errno::ETIMEDOUT);
            return None;
        }
        self.keep_asked = self.keep_asked.saturating_add(1);
        self.counts.keep_probes = self.counts.keep_probes.wrapping_add(1);
        self.timers.keep_alive = Some(now + keep.interval);
        let before = SeqNumber(self.send.unacknowledged.0.wrapping_sub(1));
        Some(self.sending(now, before, Flags::ACK, Vec::new()))
    }
}
