//! What time brings about, and what is sent (IEEE 802.1D-1998, sections 8.6 and 8.7).

use super::bpdu::{Bpdu, Configuration};
use super::{Port, Tree};
use crate::Instant;
use alloc::vec::Vec;
use core::time::Duration;
use rump_kpi::link::MemberState;

/// No more than one configuration message in this time over a port (section 8.10.1).
const HOLD: Duration = Duration::from_secs(1);
/// What each bridge adds to the age of a message: more than it can have kept it.
const AGE_OF_ONE: Duration = Duration::from_secs(1);

impl Tree {
    /// When there is something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let of_port = |port: &Port| {
            let expires = port.heard.map(|(since, age)| since + self.times.max_age.saturating_sub(age));
            let hold = port.hold.filter(|_| port.is_pending);
            [port.delay, expires, hold].into_iter().flatten().min()
        };
        let of_ports = self.ports.values().filter(|port| port.is_active()).filter_map(of_port);
        let of_bridge = [self.hello, self.notification, self.change_ends];
        self.is_on.then(|| of_ports.chain(of_bridge.into_iter().flatten()).min()).flatten()
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Instant) {
        if !self.is_on {
            return;
        }
        let is_due = |timer: Option<Instant>| timer.is_some_and(|timer| timer <= now);
        if is_due(self.hello) {
            self.generate(now);
            self.hello = Some(now + self.times.hello_time);
        }
        if is_due(self.notification) {
            self.notify(now);
        }
        if is_due(self.change_ends) {
            (self.change_ends, self.has_seen_change, self.is_changing) = (None, false, false);
        }
        let active = self.ports.iter().filter(|(_, port)| port.is_active());
        let numbers: Vec<u16> = active.map(|(number, _)| *number).collect();
        for number in numbers {
            self.poll_port(now, number);
        }
    }

    fn poll_port(&mut self, now: Instant, number: u16) {
        let max_age = self.times.max_age;
        let Some(port) = self.ports.get_mut(&number) else { return };
        if port.heard.is_some_and(|(since, age)| since + max_age.saturating_sub(age) <= now) {
            self.forget_message(now, number);
        }
        let Some(port) = self.ports.get_mut(&number) else { return };
        if port.delay.is_some_and(|delay| delay <= now) {
            self.advance_port(now, number);
        }
        let Some(port) = self.ports.get_mut(&number) else { return };
        if port.is_pending && port.hold.is_none_or(|hold| hold <= now) {
            self.send_configuration(now, number);
        }
    }

    /// Section 8.7.4, "message age timer expiry": nobody says any more what was said on a network.
    fn forget_message(&mut self, now: Instant, number: u16) {
        let was_root = self.is_root();
        self.become_designated(number);
        self.elect(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// Section 8.7.5, "forward delay timer expiry".
    fn advance_port(&mut self, now: Instant, number: u16) {
        let forward_delay = self.times.forward_delay;
        let Some(port) = self.ports.get_mut(&number) else { return };
        match port.state {
            MemberState::Listening => {
                port.state = MemberState::Learning;
                port.delay = Some(now + forward_delay);
            }
            MemberState::Learning => {
                port.state = MemberState::Forwarding;
                port.delay = None;
                if self.ports.keys().any(|number| self.is_designated(*number)) {
                    self.see_change(now);
                }
            }
            _ => port.delay = None,
        }
    }

    /// Section 8.6.14, "topology change detection".
    pub(super) fn see_change(&mut self, now: Instant) {
        self.changes += 1;
        if self.is_root() {
            self.is_changing = true;
            self.change_ends = Some(now + self.own_times.max_age + self.own_times.forward_delay);
        } else if !self.has_seen_change {
            self.notify(now);
        }
        self.has_seen_change = true;
    }

    /// Section 8.6.6, "transmit topology change notification BPDU"; it is repeated until it is acknowledged.
    pub(super) fn notify(&mut self, now: Instant) {
        if let Some(number) = self.root_port {
            self.outbox.push((number, Bpdu::Notification));
        }
        self.notification = (!self.is_root()).then(|| now + self.own_times.hello_time);
    }

    /// Section 8.6.4, "configuration BPDU generation".
    pub(super) fn generate(&mut self, now: Instant) {
        let numbers: Vec<u16> = self.ports.keys().copied().collect();
        for number in numbers {
            let is_active = self.ports.get(&number).is_some_and(Port::is_active);
            if is_active && self.is_designated(number) {
                self.send_configuration(now, number);
            }
        }
    }

    /// Section 8.6.1, "transmit configuration BPDU".
    pub(super) fn send_configuration(&mut self, now: Instant, number: u16) {
        let age = match self.root_port.and_then(|root| self.ports.get(&root)).and_then(|port| port.heard) {
            Some((since, age)) => age + now.saturating_sub(since) + AGE_OF_ONE,
            None => Duration::ZERO,
        };
        let (times, is_change) = (self.times, self.is_changing);
        let Some(port) = self.ports.get_mut(&number) else { return };
        port.is_pending = port.hold.is_some_and(|hold| hold > now);
        if port.is_pending || age >= times.max_age {
            return;
        }
        let acknowledges = core::mem::take(&mut port.acknowledges);
        let told = Configuration { vector: port.best, age, times, is_change, acknowledges };
        port.hold = Some(now + HOLD);
        self.outbox.push((number, Bpdu::Configuration(told)));
    }
}
