//! The spanning tree: of all ways between networks, bridges leave open those that make a tree.
//!
//! Pure: messages and time go in, messages and states of ports come out. The root of the tree is the bridge with the least
//! identifier; every other one keeps its best way to the root open, and each network the bridge that is nearest to the root.
//! What says so is a [`Vector`], and the least of those that were heard counts.
//!
//! Reference: IEEE 802.1D-1998, clause 8. Names of procedures there are told at the functions that do them.

pub mod bpdu;
mod election;
mod time;

use crate::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use bpdu::{Bpdu, Configuration};
use core::time::Duration;
use rump_kpi::link::MemberState;

/// What a message says of the way to the root: the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vector {
    /// Identifier of the root.
    pub root: u64,
    /// What the way to it costs.
    pub cost: u32,
    /// Identifier of the bridge that says so.
    pub bridge: u64,
    /// And of its port.
    pub port: u16,
}

/// The times of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long a message of the root counts.
    pub max_age: Duration,
    /// Between two of them.
    pub hello_time: Duration,
    /// How long a port listens, and then learns.
    pub forward_delay: Duration,
}

impl Default for Times {
    fn default() -> Self {
        let [max_age, hello_time, forward_delay] = [20, 2, 15].map(Duration::from_secs);
        Self { max_age, hello_time, forward_delay }
    }
}

/// What table 8-3 allows, in seconds.
const MAX_AGES: [u64; 2] = [6, 40];
const HELLO_TIMES: [u64; 2] = [1, 10];
const FORWARD_DELAYS: [u64; 2] = [4, 30];

impl Times {
    /// Whether the standard allows them (section 8.10.2).
    pub fn are_allowed(&self) -> bool {
        let second = Duration::from_secs(1);
        *self == self.nearest_allowed()
            && 2 * (self.forward_delay - second) >= self.max_age
            && self.max_age >= 2 * (self.hello_time + second)
    }

    /// Each of them as near as what is allowed comes.
    pub fn nearest_allowed(&self) -> Self {
        let clamp = |time: Duration, bounds: [u64; 2]| {
            let [least, most] = bounds.map(Duration::from_secs);
            time.clamp(least, most)
        };
        Self {
            max_age: clamp(self.max_age, MAX_AGES),
            hello_time: clamp(self.hello_time, HELLO_TIMES),
            forward_delay: clamp(self.forward_delay, FORWARD_DELAYS),
        }
    }
}

/// What an administrator chose of a port, and whether it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// It takes part.
    pub spans: bool,
    /// There is somebody.
    pub has_carrier: bool,
    /// The first part of its identifier.
    pub priority: u8,
    /// What a way over it costs.
    pub path_cost: u32,
}

/// A port (section 8.5.5).
#[derive(Debug)]
struct Port {
    config: PortConfig,
    state: MemberState,
    /// The best that is said on its network.
    best: Vector,
    /// When that was said, and how old it was then; `None`: we say it ourselves.
    heard: Option<(Instant, Duration)>,
    /// The next message acknowledges a notification.
    acknowledges: bool,
    /// A message waits for `hold`.
    is_pending: bool,
    /// When it learns, or forwards.
    delay: Option<Instant>,
    /// No message is sent before.
    hold: Option<Instant>,
}

impl Port {
    /// Whether it takes part now.
    fn is_active(&self) -> bool {
        self.state != MemberState::Disabled && self.config.spans
    }

    fn id(&self, number: u16) -> u16 {
        u16::from(self.config.priority) << 8 | number & 0xff
    }
}

/// See the module.
#[derive(Debug)]
pub struct Tree {
    /// The bridge's own identifier.
    own: u64,
    is_on: bool,
    own_times: Times,
    root: u64,
    root_cost: u32,
    root_port: Option<u16>,
    /// The root's.
    times: Times,
    /// The root says that the tree changes.
    is_changing: bool,
    /// A change was seen that the root does not know of yet.
    has_seen_change: bool,
    hello: Option<Instant>,
    /// When the root is notified again.
    notification: Option<Instant>,
    /// When the root calls the change done.
    change_ends: Option<Instant>,
    ports: BTreeMap<u16, Port>,
    outbox: Vec<(u16, Bpdu)>,
    changes: u64,
}

impl Tree {
    /// A tree that is off, of a bridge without ports.
    pub fn new(own: u64) -> Self {
        let times = Times::default();
        Self {
            own,
            is_on: false,
            own_times: times,
            root: own,
            root_cost: 0,
            root_port: None,
            times,
            is_changing: false,
            has_seen_change: false,
            hello: None,
            notification: None,
            change_ends: None,
            ports: BTreeMap::new(),
            outbox: Vec::new(),
            changes: 0,
        }
    }

    /// Its own identifier.
    pub fn own(&self) -> u64 {
        self.own
    }

    /// The root's.
    pub fn root(&self) -> u64 {
        self.root
    }

    /// What the way there costs.
    pub fn root_cost(&self) -> u32 {
        self.root_cost
    }

    /// The port that leads there, unless the bridge is the root.
    pub fn root_port(&self) -> Option<u16> {
        self.root_port
    }

    /// How often it changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// How short addresses are known while the tree changes.
    pub fn fast_ageing(&self) -> Option<Duration> {
        (self.is_on && self.is_changing).then_some(self.times.forward_delay)
    }

    /// What a port does.
    pub fn state(&self, number: u16) -> MemberState {
        self.ports.get(&number).map_or(MemberState::Disabled, |port| port.state)
    }

    /// What is to be sent, and over which port.
    pub fn take_sent(&mut self) -> Vec<(u16, Bpdu)> {
        core::mem::take(&mut self.outbox)
    }

    /// Adds a port.
    pub fn add_port(&mut self, now: Instant, number: u16, config: PortConfig) {
        let best = Vector { root: self.root, cost: self.root_cost, bridge: self.own, port: 0 };
        let port = Port {
            config: PortConfig { has_carrier: false, ..config },
            state: MemberState::Disabled,
            best,
            heard: None,
            acknowledges: false,
            is_pending: false,
            delay: None,
            hold: None,
        };
        self.ports.insert(number, port);
        self.set_port(now, number, config);
    }

    /// Takes a port away.
    pub fn remove_port(&mut self, now: Instant, number: u16) {
        self.disable_port(now, number);
        self.ports.remove(&number);
    }

    /// Changes what was chosen of a port, or whether it is connected.
    pub fn set_port(&mut self, now: Instant, number: u16, config: PortConfig) {
        let Some(port) = self.ports.get_mut(&number) else { return };
        let before = core::mem::replace(&mut port.config, config);
        if before.spans != config.spans {
            port.config.spans = before.spans;
            self.disable_port(now, number);
        } else if !config.has_carrier {
            self.disable_port(now, number);
        }
        let Some(port) = self.ports.get_mut(&number) else { return };
        port.config = config;
        if !config.has_carrier {
            return;
        }
        if port.state == MemberState::Disabled {
            return self.enable_port(now, number);
        }
        if port.is_active() && self.is_on {
            let was_designated = port.best.bridge == self.own && port.heard.is_none();
            if was_designated {
                port.best.port = port.id(number);
            }
            self.elect(now);
        }
    }

    /// The same, unless it is so already.
    pub fn set_port_if_changed(&mut self, now: Instant, number: u16, config: PortConfig) {
        if self.ports.get(&number).is_some_and(|port| port.config != config) {
            self.set_port(now, number, config);
        }
    }

    /// Section 8.8.2, "enable port".
    fn enable_port(&mut self, now: Instant, number: u16) {
        let is_on = self.is_on;
        let Some(port) = self.ports.get_mut(&number) else { return };
        if !is_on || !port.config.spans {
            port.state = MemberState::Forwarding;
            return;
        }
        port.state = MemberState::Blocking;
        self.become_designated(number);
        self.elect_states(now);
    }

    /// Section 8.8.3, "disable port".
    fn disable_port(&mut self, now: Instant, number: u16) {
        let was_root = self.is_root();
        let Some(port) = self.ports.get_mut(&number) else { return };
        let (was_active, before) = (port.is_active(), port.state);
        port.state = MemberState::Disabled;
        (port.acknowledges, port.is_pending, port.delay, port.hold) = (false, false, None, None);
        if !self.is_on || !was_active {
            return;
        }
        self.become_designated(number);
        if matches!(before, MemberState::Learning | MemberState::Forwarding) {
            self.see_change(now);
        }
        self.elect(now);
        if self.is_root() && !was_root {
            self.become_root(now);
        }
    }

    /// Begins to take part, or ends.
    pub fn set_on(&mut self, now: Instant, is_on: bool) {
        if is_on != self.is_on {
            self.is_on = is_on;
            self.restart(now);
        }
    }

    /// Gives the bridge another identifier.
    pub fn set_own(&mut self, now: Instant, own: u64) {
        if own != self.own {
            self.own = own;
            self.restart(now);
        }
    }

    /// Gives it other times, which count where it is the root.
    pub fn set_times(&mut self, times: Times) {
        self.own_times = times;
        if self.is_root() {
            self.times = times;
        }
    }

    /// Section 8.8.1, "initialization".
    fn restart(&mut self, now: Instant) {
        (self.root, self.root_cost, self.root_port) = (self.own, 0, None);
        self.times = self.own_times;
        (self.is_changing, self.has_seen_change) = (false, false);
        (self.hello, self.notification, self.change_ends) = (None, None, None);
        self.outbox.clear();
        let numbers: Vec<u16> = self.ports.keys().copied().collect();
        for number in &numbers {
            if let Some(port) = self.ports.get_mut(number) {
                port.state = MemberState::Disabled;
                (port.acknowledges, port.is_pending, port.delay, port.hold) = (false, false, None, None);
            }
            self.become_designated(*number);
        }
        for number in numbers {
            if self.ports.get(&number).is_some_and(|port| port.config.has_carrier) {
                self.enable_port(now, number);
            }
        }
        if self.is_on {
            self.generate(now);
            self.hello = Some(now + self.times.hello_time);
        }
    }

    /// Whether this bridge is the root.
    pub fn is_root(&self) -> bool {
        self.root == self.own
    }

    /// Takes what another bridge says.
    pub fn receive(&mut self, now: Instant, number: u16, bpdu: &Bpdu) {
        let is_active = self.ports.get(&number).is_some_and(Port::is_active);
        match bpdu {
            _ if !self.is_on || !is_active => {}
            Bpdu::Configuration(configuration) => self.receive_configuration(now, number, configuration),
            Bpdu::Notification => self.receive_notification(now, number),
        }
    }

    /// Section 8.7.1, "received configuration BPDU".
    fn receive_configuration(&mut self, now: Instant, number: u16, told: &Configuration) {
        if !self.supersedes(number, &told.vector) {
            if self.is_designated(number) {
                self.send_configuration(now, number);
            }
            return;
        }
        let was_root = self.is_root();
        if let Some(port) = self.ports.get_mut(&number) {
            port.best = told.vector;
            port.heard = Some((now, told.age));
        }
        self.elect(now);
        if was_root && !self.is_root() {
            self.hello = None;
            if self.has_seen_change {
                self.change_ends = None;
                self.notify(now);
            }
        }
        if self.root_port == Some(number) {
            (self.times, self.is_changing) = (told.times, told.is_change);
            self.generate(now);
            if told.acknowledges {
                (self.has_seen_change, self.notification) = (false, None);
            }
        }
    }

    /// Section 8.7.2, "received topology change notification BPDU".
    fn receive_notification(&mut self, now: Instant, number: u16) {
        if !self.is_designated(number) {
            return;
        }
        self.see_change(now);
        if let Some(port) = self.ports.get_mut(&number) {
            port.acknowledges = true;
        }
        self.send_configuration(now, number);
    }
}
