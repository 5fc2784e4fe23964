//! Who is the root, which way leads there, and what that makes of the ports (IEEE 802.1D-1998, section 8.6).

use super::{Port, Tree, Vector};
use crate::Instant;
use rump_kpi::link::MemberState;

impl Tree {
    /// Whether what is said on a port's network counts more than what was said before (section 8.6.2).
    pub(super) fn supersedes(&self, number: u16, told: &Vector) -> bool {
        let Some(port) = self.ports.get(&number) else { return false };
        let known = &port.best;
        let way = |vector: &Vector| (vector.root, vector.cost, vector.bridge);
        match way(told).cmp(&way(known)) {
            core::cmp::Ordering::Less => true,
            // The same bridge says it again, over another port perhaps.
            core::cmp::Ordering::Equal => told.bridge != self.own || told.port <= known.port,
            core::cmp::Ordering::Greater => false,
        }
    }

    /// Whether this bridge speaks for the network of a port.
    pub(super) fn is_designated(&self, number: u16) -> bool {
        self.ports.get(&number).is_some_and(|port| self.speaks_at(number, port))
    }

    fn speaks_at(&self, number: u16, port: &Port) -> bool {
        port.best.bridge == self.own && port.best.port == port.id(number)
    }

    /// Finds the root, the way to it, and what that makes of the ports ("configuration update" and "port state selection").
    pub(super) fn elect(&mut self, now: Instant) {
        self.elect_root();
        self.elect_designated();
        self.elect_states(now);
    }

    /// Section 8.6.8, "root selection".
    fn elect_root(&mut self) {
        let leads = |(number, port): (&u16, &Port)| {
            let is_candidate =
                port.is_active() && !self.speaks_at(*number, port) && port.best.root < self.own;
            let Vector { root, cost, bridge, port: theirs } = port.best;
            let cost = cost.saturating_add(port.config.path_cost);
            is_candidate.then(|| ((root, cost, bridge, theirs, port.id(*number)), *number))
        };
        match self.ports.iter().filter_map(leads).min() {
            Some(((root, cost, ..), number)) => {
                (self.root, self.root_cost, self.root_port) = (root, cost, Some(number));
            }
            None => (self.root, self.root_cost, self.root_port) = (self.own, 0, None),
        }
    }

    /// Section 8.6.10, "designated port selection".
    fn elect_designated(&mut self) {
        let is_ours = |(number, port): (&u16, &Port)| {
            let own =
                Vector { root: self.root, cost: self.root_cost, bridge: self.own, port: port.id(*number) };
            let is_ours = self.speaks_at(*number, port) || port.best.root != self.root || own <= port.best;
            (port.is_active() && is_ours).then_some(*number)
        };
        let ours: alloc::vec::Vec<u16> = self.ports.iter().filter_map(is_ours).collect();
        ours.into_iter().for_each(|number| self.become_designated(number));
    }

    /// Section 8.6.11, "become designated port".
    pub(super) fn become_designated(&mut self, number: u16) {
        let (root, cost, bridge) = (self.root, self.root_cost, self.own);
        if let Some(port) = self.ports.get_mut(&number) {
            port.best = Vector { root, cost, bridge, port: port.id(number) };
            port.heard = None;
        }
    }

    /// Section 8.6.12, "port state selection".
    pub(super) fn elect_states(&mut self, now: Instant) {
        let numbers: alloc::vec::Vec<u16> = self.ports.keys().copied().collect();
        for number in numbers {
            let (is_root, is_designated) = (self.root_port == Some(number), self.is_designated(number));
            let forward_delay = self.times.forward_delay;
            let Some(port) = self.ports.get_mut(&number).filter(|port| port.is_active()) else { continue };
            if !is_designated {
                (port.is_pending, port.acknowledges) = (false, false);
            }
            match port.state {
                MemberState::Blocking if is_root || is_designated => {
                    port.state = MemberState::Listening;
                    port.delay = Some(now + forward_delay);
                }
                _ if is_root || is_designated => {}
                before => {
                    port.state = MemberState::Blocking;
                    port.delay = None;
                    if matches!(before, MemberState::Learning | MemberState::Forwarding) {
                        self.see_change(now);
                    }
                }
            }
        }
    }

    /// This bridge is the root from now on (sections 8.7.4 and 8.8.3).
    pub(super) fn become_root(&mut self, now: Instant) {
        self.times = self.own_times;
        self.see_change(now);
        self.notification = None;
        self.generate(now);
        self.hello = Some(now + self.times.hello_time);
    }
}
