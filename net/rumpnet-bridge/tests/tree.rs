//! Spanning trees of arbitrary networks of bridges, in virtual time: no instant has a loop, everybody who can be reached is,
//! and a bridge or cable that fails is got around in time.

use proptest::prelude::*;
use rump_kpi::link::MemberState;
use rumpnet_bridge::tree::bpdu::Bpdu;
use rumpnet_bridge::tree::{PortConfig, Times, Tree};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A port: its bridge, and its number there.
type At = (usize, u16);

const fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

/// Bridges, and cables that each join any number of ports.
struct Site {
    now: Duration,
    times: Times,
    bridges: Vec<Tree>,
    cables: Vec<BTreeSet<At>>,
    /// Nothing passes these, and nobody notices.
    mute: BTreeSet<usize>,
    /// Until then there may be a loop: a cable came back, and nobody was told.
    loops_until: Duration,
    sent: u64,
}

fn config(cost: u32) -> PortConfig {
    PortConfig { spans: true, has_carrier: true, priority: 0x80, path_cost: cost }
}

impl Site {
    fn new(priorities: &[u16], times: Times) -> Self {
        let bridge = |(number, priority): (usize, &u16)| {
            Tree::new(u64::from(*priority) << 48 | 0x0200_0000_0000 | number as u64)
        };
        let mut bridges: Vec<Tree> = priorities.iter().enumerate().map(bridge).collect();
        for (number, bridge) in bridges.iter_mut().enumerate() {
            bridge.set_times(times);
            // They are not switched on at once.
            bridge.set_on(Duration::from_millis(number as u64), true);
        }
        Self {
            now: seconds(1),
            times,
            bridges,
            cables: Vec::new(),
            mute: BTreeSet::new(),
            loops_until: Duration::ZERO,
            sent: 0,
        }
    }

    fn lay(&mut self, ports: &[(usize, u32)]) {
        let mut cable = BTreeSet::new();
        for (bridge, cost) in ports {
            let number = 1 + self.cables.iter().flatten().chain(&cable).filter(|at| at.0 == *bridge).count();
            self.bridges[*bridge].add_port(self.now, number as u16, config(*cost));
            cable.insert((*bridge, number as u16));
        }
        self.cables.push(cable);
    }

    fn cable_of(&self, at: At) -> Option<usize> {
        self.cables.iter().position(|cable| cable.contains(&at))
    }

    /// Until nobody says anything at this instant.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "they keep each other busy for ever");
            let sent: Vec<(At, Bpdu)> = (0..self.bridges.len())
                .flat_map(|bridge| {
                    self.bridges[bridge]
                        .take_sent()
                        .into_iter()
                        .map(move |(port, bpdu)| ((bridge, port), bpdu))
                })
                .collect();
            if sent.is_empty() {
                return;
            }
            for (from, bpdu) in sent {
                self.sent += 1;
                let frame = bpdu.emit([2; 6]);
                let Some(cable) = self.cable_of(from).filter(|cable| !self.mute.contains(cable)) else {
                    continue;
                };
                for &(bridge, port) in self.cables[cable].iter().filter(|at| **at != from) {
                    let heard = Bpdu::parse(&frame).expect("a message is understood");
                    self.bridges[bridge].receive(self.now, port, &heard);
                }
            }
        }
    }

    /// Lets time pass; no instant has a loop.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.settle();
            self.check_loops();
            let next = self.bridges.iter().filter_map(Tree::next_deadline).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let now = self.now;
            self.bridges.iter_mut().for_each(|bridge| bridge.poll(now));
        }
        self.now = end;
    }

    /// Nodes of the graph that frames see: cables and bridges; each port that forwards is an edge.
    fn edges(&self) -> Vec<(usize, usize)> {
        let mut edges = Vec::new();
        for (cable, ports) in self.cables.iter().enumerate().filter(|(cable, _)| !self.mute.contains(cable)) {
            for &(bridge, port) in ports {
                if self.bridges[bridge].state(port) == MemberState::Forwarding {
                    edges.push((cable, self.cables.len() + bridge));
                }
            }
        }
        edges
    }

    /// A cable comes back that nobody saw fail: it is the next messages that tell.
    fn unmute(&mut self, cable: usize) {
        if self.mute.remove(&cable) {
            self.loops_until = self.now + 2 * self.times.hello_time;
        }
    }

    fn check_loops(&self) {
        if self.now <= self.loops_until {
            return;
        }
        let mut parents: BTreeMap<usize, usize> = BTreeMap::new();
        for (a, b) in self.edges() {
            let (a, b) = (top(&parents, a), top(&parents, b));
            assert_ne!(a, b, "a loop at {:?}", self.now);
            parents.insert(a, b);
        }
    }

    /// Those that can be reached from each cable over all ports, or over those that forward.
    fn groups(&self, edges: impl Iterator<Item = (usize, usize)>) -> Vec<usize> {
        let mut parents: BTreeMap<usize, usize> = BTreeMap::new();
        for (a, b) in edges {
            let (a, b) = (top(&parents, a), top(&parents, b));
            if a != b {
                parents.insert(a.max(b), a.min(b));
            }
        }
        (0..self.cables.len()).map(|cable| top(&parents, cable)).collect()
    }

    /// Everybody who can be reached is, and all agree who the root is.
    fn check_converged(&self) {
        let physical = self.cables.iter().enumerate().filter(|(cable, _)| !self.mute.contains(cable));
        let physical = physical.flat_map(|(cable, ports)| {
            let connected = ports
                .iter()
                .filter(|(bridge, port)| self.bridges[*bridge].state(*port) != MemberState::Disabled);
            connected.map(move |(bridge, _)| (cable, self.cables.len() + bridge))
        });
        let physical: Vec<_> = physical.collect();
        assert_eq!(self.groups(self.edges().into_iter()), self.groups(physical.iter().copied()));
        for (cable, ports) in self.cables.iter().enumerate() {
            let root = |at: &At| self.bridges[at.0].root();
            let roots: BTreeSet<u64> =
                ports.iter().filter(|_| !self.mute.contains(&cable)).map(root).collect();
            let is_whole = ports
                .iter()
                .all(|(bridge, port)| self.bridges[*bridge].state(*port) != MemberState::Disabled);
            assert!(!is_whole || roots.len() <= 1, "two roots on a cable");
        }
    }

    /// The longest that a change takes.
    fn patience(&self) -> Duration {
        self.times.max_age + 2 * self.times.forward_delay + seconds(1)
    }
}

fn top(parents: &BTreeMap<usize, usize>, mut node: usize) -> usize {
    while let Some(parent) = parents.get(&node) {
        node = *parent;
    }
    node
}

const SHORT: Times = Times { max_age: seconds(6), hello_time: seconds(1), forward_delay: seconds(4) };

fn triangle() -> Site {
    let mut site = Site::new(&[0x8000, 0x9000, 0xa000], Times::default());
    site.lay(&[(0, 4), (1, 4)]);
    site.lay(&[(1, 4), (2, 4)]);
    site.lay(&[(2, 4), (0, 4)]);
    site
}

#[test]
fn a_ring_of_three_blocks_one_port() {
    let mut site = triangle();
    site.pass(seconds(29));
    assert!(site.edges().is_empty(), "nothing is passed before two delays");
    site.pass(seconds(2));
    site.check_converged();
    let roots: BTreeSet<u64> = site.bridges.iter().map(Tree::root).collect();
    assert_eq!(roots, BTreeSet::from([site.bridges[0].own()]));
    assert_eq!(site.bridges[1].state(2), MemberState::Forwarding);
    assert_eq!(site.bridges[2].state(1), MemberState::Blocking, "the least bridge speaks for its cable");
    assert_eq!((site.bridges[2].root_port(), site.bridges[2].root_cost()), (Some(2), 4));
}

#[test]
fn a_cable_that_fails_unnoticed_is_got_around_in_time() {
    let mut site = triangle();
    site.pass(seconds(40));
    site.mute.insert(2);
    site.pass(site.patience());
    site.check_converged();
    assert_eq!(site.bridges[2].root_port(), Some(1));
    // It is seen that addresses are elsewhere, and then they are known longer again.
    assert!(site.bridges.iter().all(|bridge| bridge.fast_ageing() == Some(seconds(15))));
    site.pass(seconds(36));
    assert!(site.bridges.iter().all(|bridge| bridge.fast_ageing().is_none()));
    site.unmute(2);
    site.pass(site.patience());
    site.check_converged();
    assert_eq!(site.bridges[2].state(1), MemberState::Blocking);
}

#[test]
fn a_cable_that_is_seen_to_fail_costs_two_delays() {
    let mut site = triangle();
    site.pass(seconds(40));
    for (bridge, port) in site.cables[2].clone() {
        let now = site.now;
        site.bridges[bridge].set_port(now, port, PortConfig { has_carrier: false, ..config(4) });
    }
    site.pass(seconds(31));
    site.check_converged();
    assert_eq!(site.bridges[2].state(1), MemberState::Forwarding);
}

#[test]
fn a_cable_between_two_ports_of_a_bridge_is_no_loop() {
    let mut site = Site::new(&[0x8000], SHORT);
    site.lay(&[(0, 4), (0, 4)]);
    site.pass(seconds(10));
    let states = [1, 2].map(|port| site.bridges[0].state(port));
    assert_eq!(states, [MemberState::Forwarding, MemberState::Blocking]);
}

#[test]
fn priority_and_cost_choose_the_root_and_the_way() {
    let mut site = Site::new(&[0x9000, 0x8000, 0xa000], SHORT);
    site.lay(&[(0, 4), (1, 4)]);
    site.lay(&[(1, 100), (2, 100)]);
    site.lay(&[(2, 4), (0, 4)]);
    site.pass(site.patience());
    site.check_converged();
    assert_eq!(site.bridges[0].root(), site.bridges[1].own());
    assert_eq!((site.bridges[2].root_port(), site.bridges[2].root_cost()), (Some(2), 8));
    let now = site.now;
    site.bridges[2].set_port(now, 1, config(7));
    site.pass(site.patience());
    site.check_converged();
    assert_eq!((site.bridges[2].root_port(), site.bridges[2].root_cost()), (Some(1), 7));
}

#[test]
fn nothing_is_sent_but_in_its_time() {
    let mut site = triangle();
    site.pass(seconds(60));
    let before = site.sent;
    site.pass(seconds(200));
    // Each cable has one who speaks, every two seconds.
    assert!((299..=301).contains(&(site.sent - before)), "{}", site.sent - before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_network_becomes_a_tree_and_heals(
        priorities in proptest::collection::vec(0..4_u16, 1..8),
        cables in proptest::collection::vec(proptest::collection::vec((0..8_usize, 1..20_u32), 1..4), 1..14),
        failing in proptest::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..4),
    ) {
        let count = priorities.len();
        let mut site = Site::new(&priorities, SHORT);
        for ports in &cables {
            let ports: Vec<(usize, u32)> = ports.iter().map(|(bridge, cost)| (bridge % count, *cost)).collect();
            site.lay(&ports);
        }
        // A message ages by a second at each bridge: the tree may not be higher than max_age.
        prop_assume!(count <= 5);
        let patience = site.patience();
        site.pass(patience);
        site.check_converged();
        for (is_unnoticed, which) in failing {
            let cable = which.index(site.cables.len());
            if is_unnoticed {
                if site.mute.contains(&cable) {
                    site.unmute(cable);
                } else {
                    site.mute.insert(cable);
                }
            } else {
                let now = site.now;
                for (bridge, port) in site.cables[cable].clone() {
                    let is_down = site.bridges[bridge].state(port) == MemberState::Disabled;
                    let changed = PortConfig { has_carrier: is_down, ..config(4) };
                    site.bridges[bridge].set_port(now, port, changed);
                }
            }
            let patience = site.patience();
            site.pass(patience);
            site.check_converged();
        }
    }

    #[test]
    fn what_liars_bring_about_is_bounded_and_ends(
        messages in proptest::collection::vec((1..4_u16, proptest::collection::vec(any::<u8>(), 35..36)), 1..60),
    ) {
        let mut site = triangle();
        site.pass(seconds(40));
        for (port, bytes) in messages {
            let mut frame = Bpdu::Notification.emit([2; 6]);
            frame.splice(17.., bytes);
            frame[12..14].copy_from_slice(&38_u16.to_be_bytes());
            frame[17..20].fill(0);
            frame[20] &= 0x80;
            if let Some(bpdu) = Bpdu::parse(&frame) {
                let now = site.now;
                site.bridges[0].receive(now, port, &bpdu);
            }
            let before = site.sent;
            site.settle();
            prop_assert!(site.sent - before < 40, "one message brings about {}", site.sent - before);
            site.now += Duration::from_millis(10);
        }
        // Who may speak to bridges may make loops, as long as his messages count. Then all is as it was.
        site.loops_until = site.now + seconds(40 + 2 * 30);
        site.pass(seconds(40 + 2 * 30 + 80));
        site.check_converged();
        let root = site.bridges[0].own();
        prop_assert!(site.bridges.iter().all(|bridge| bridge.root() == root));
    }
}
