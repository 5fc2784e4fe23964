//! The stack of one kernel: packets and calls go in, packets and wake-ups come out.
//!
//! It is driven by [`input`](Stack::input), by calls on sockets, and by [`poll`](Stack::poll) at the latest at
//! [`next_deadline`](Stack::next_deadline); after each of them, [`take_sent`](Stack::take_sent) answers what is to be
//! sent. It has no clock, no lock and no randomness of its own.

mod addresses_v6;
mod carrier;
mod claim_v4;
mod config;
mod counters;
mod discovery;
mod forward_v6;
mod groups;
mod icmp;
mod icmpv6;
mod input;
mod input_v6;
mod output;
mod output_v6;
mod router_advertisement;
mod told;

pub use output::{Options, Path};
pub use told::Told;

use crate::destination::Destinations;
use crate::interface::{Interface, InterfaceId};
use crate::neighbour::Action;
use crate::reassembly::{FragmentV6, Reassembly};
use crate::route::RoutingTable;
use crate::routers::Routers;
use crate::sockets::Sockets;
use crate::tcp::{Sending, Table, TcpId};
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::ipv4::Ipv4;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};
use counters::Counters;
use hashbrown::HashMap;
use icmp::Limit;
use rump_kpi::WaitQueue;
use rump_kpi::netbsd::statistics::Counted;
use rump_kpi::packet::Packet;
use rump_random::Random;

/// The interface through which a host talks to itself. It is there from the beginning.
pub const LOOPBACK: InterfaceId = InterfaceId(1);
/// Bytes of its packets.
pub(crate) const LOOPBACK_MTU: u32 = 65_536;

/// How the last 64 bits of an address that an interface makes itself come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identifiers {
    /// Of its hardware address (RFC 4291, appendix A).
    Hardware,
    /// They are another number for each network, which cannot be foreseen (RFC 7217).
    Opaque,
}

/// What an administrator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many routers may pass a packet on that does not say so itself.
    pub hop_limit: u8,
    /// Packets of IPv4 for others are passed on.
    pub forwarding: bool,
    /// The same of IPv6. Who does that learns nothing from other routers.
    pub forwarding_v6: bool,
    /// Echo requests that went to all, or to a group, are answered.
    pub answers_broadcast_echo: bool,
    /// Complaints that are sent within a second.
    pub icmp_per_second: u32,
    /// Better routers that others tell of are used, for IPv4: nobody can tell a true message from a false one.
    pub accepts_redirects: bool,
    /// The same for IPv6, where the message comes from the link at least.
    pub accepts_redirects_v6: bool,
    /// What routers of IPv6 tell is followed.
    pub accepts_advertisements: bool,
    /// An interface of Ethernet that comes up makes an address for its link.
    pub makes_link_local: bool,
    /// How it makes addresses.
    pub identifiers: Identifiers,
    /// How often others are asked whether they have an address of IPv6; zero: never.
    pub claims_v6: u8,
    /// The same of IPv4.
    pub claims_v4: u8,
    /// Of TCP.
    pub tcp: crate::tcp::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hop_limit: 64,
            forwarding: false,
            forwarding_v6: false,
            answers_broadcast_echo: false,
            icmp_per_second: 100,
            accepts_redirects: false,
            accepts_redirects_v6: true,
            accepts_advertisements: true,
            makes_link_local: true,
            identifiers: Identifiers::Hardware,
            claims_v6: 1,
            claims_v4: 0,
            tcp: crate::tcp::Settings::default(),
        }
    }
}

/// Why packets were dropped, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// It is malformed.
    Malformed(Malformed),
    /// The interface is down, or not there.
    InterfaceDown,
    /// Nobody here speaks its protocol, or is at its port.
    Nobody,
    /// It is for somebody else.
    NotForUs,
    /// There is no route to where it goes.
    NoRoute,
    /// It went through too many routers.
    TimeToLive,
    /// It has options that are not followed.
    SourceRoute,
    /// A socket has no room for it.
    Full,
    /// Nobody has the hardware address that it needs.
    Unresolved,
    /// A complaint too many.
    Limited,
}

/// See the module.
pub struct Stack {
    /// Its interfaces.
    pub interfaces: BTreeMap<InterfaceId, Interface>,
    /// Its routes of IPv4.
    pub routes: RoutingTable<Ipv4Addr>,
    /// Its routes of IPv6, but for those over default routers that are heard of.
    pub routes_v6: RoutingTable<Ipv6Addr>,
    /// What routers of IPv6 told.
    pub routers: Routers,
    /// What an administrator chose.
    pub settings: Settings,
    /// Its sockets of datagrams.
    pub sockets: Sockets,
    /// Its sockets of TCP.
    pub tcp: Table,
    destinations: Destinations,
    reassembly: Reassembly<Ipv4>,
    reassembly_v6: Reassembly<FragmentV6>,
    limit: Limit,
    /// Segments that are being sent, so that no call allocates for them.
    pub(crate) outbox: Vec<Sending>,
    /// Connections that send once all of what came at once is taken in; none while nothing is.
    pub(crate) gathered: Option<BTreeSet<TcpId>>,
    /// Packets to itself, and the interface that they come in by.
    looped: VecDeque<(InterfaceId, Packet)>,
    /// They are being taken in.
    is_looping: bool,
    /// Somebody looks on at the loopback: what goes over it is also sent there, where it is shown and dropped.
    pub(crate) is_overheard: bool,
    sent: Vec<(InterfaceId, Packet)>,
    dropped: HashMap<Dropped, u64>,
    pub(crate) counters: Counters,
    next_interface: u32,
    /// For the identification of packets.
    identification: u16,
    random: Random,
    /// For numbers that are the same each time, and cannot be foreseen.
    secret: [u64; 2],
    /// Who waits for another configuration, and whether he is to be woken.
    configuration: Arc<WaitQueue>,
    is_reconfigured: bool,
    /// When addresses, routers, groups and what was learned of destinations have something to do; may be too early.
    due: Option<Instant>,
}

impl Stack {
    /// A stack with a loopback interface that is up. `seed` is unpredictable.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x6970_7636);
        let mut stack = Self {
            interfaces: BTreeMap::new(),
            routes: RoutingTable::default(),
            routes_v6: RoutingTable::default(),
            routers: Routers::default(),
            settings: Settings::default(),
            sockets: Sockets::new(seed),
            tcp: Table::new(seed),
            destinations: Destinations::default(),
            reassembly: Reassembly::default(),
            reassembly_v6: Reassembly::default(),
            limit: Limit::default(),
            outbox: Vec::new(),
            gathered: None,
            looped: VecDeque::new(),
            is_looping: false,
            is_overheard: false,
            sent: Vec::new(),
            dropped: HashMap::new(),
            counters: Counters::default(),
            next_interface: LOOPBACK.0,
            identification: seed as u16,
            secret: [random.number(), random.number()],
            random,
            configuration: Arc::default(),
            is_reconfigured: false,
            due: None,
        };
        stack.add_loopback(LOOPBACK_MTU);
        stack
    }

    fn drop_packet(&mut self, why: Dropped) {
        *self.dropped.entry(why).or_insert(0) += 1;
    }

    /// A protocol does not take a packet.
    fn drop_of(&mut self, of: Counted, why: Dropped) {
        self.counters.note_dropped(of, why);
        self.drop_packet(why);
    }

    /// How many packets were dropped for a reason.
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(&why).copied().unwrap_or(0)
    }

    /// What is to be sent, in order. Missing checksums are left to devices that make them.
    pub fn take_sent(&mut self) -> Vec<(InterfaceId, Packet)> {
        core::mem::take(&mut self.sent)
    }

    /// A device had no room for so many packets.
    pub fn note_lost(&mut self, id: InterfaceId, count: usize) {
        if let Some(interface) = self.interfaces.get_mut(&id) {
            interface.statistics.drops_out += count as u64;
        }
    }

    /// Who is to be woken, once whoever drives the stack has let go of it.
    pub fn take_changed(&mut self) -> Vec<Arc<WaitQueue>> {
        let mut changed = self.sockets.take_changed();
        changed.append(&mut self.tcp.take_changed());
        if core::mem::take(&mut self.is_reconfigured) {
            changed.push(self.configuration.clone());
        }
        // A batch of packets changes a socket many times: who waits for it is woken once.
        changed.sort_unstable_by_key(Arc::as_ptr);
        changed.dedup_by(|a, b| Arc::ptr_eq(a, b));
        changed
    }

    /// Where to wait for another configuration: of addresses, interfaces that are up, resolvers.
    pub fn configuration(&self) -> &Arc<WaitQueue> {
        &self.configuration
    }

    /// Whether that is another since [`take_changed`](Self::take_changed) was asked last.
    pub(crate) fn is_reconfigured(&self) -> bool {
        self.is_reconfigured
    }

    /// When [`poll`](Self::poll) has something to do at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let of_neighbours = self.interfaces.values().flat_map(|interface| {
            let v4 = interface.neighbours().and_then(|neighbours| neighbours.next_deadline());
            v4.into_iter().chain(interface.neighbours_v6().and_then(|neighbours| neighbours.next_deadline()))
        });
        let of_reassembly = [self.reassembly.next_deadline(), self.reassembly_v6.next_deadline()];
        let of_reassembly = of_reassembly.into_iter().flatten();
        of_neighbours.chain(of_reassembly).chain(self.tcp.next_deadline()).chain(self.due).min()
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Instant) {
        while let Some(expired) = self.reassembly.poll(now) {
            self.complain_of_reassembly(now, expired);
        }
        while let Some(expired) = self.reassembly_v6.poll(now) {
            self.complain_of_reassembly_v6(now, expired);
        }
        let ids: Vec<InterfaceId> = self.interfaces.keys().copied().collect();
        for id in ids {
            while let Some(action) = self
                .interfaces
                .get_mut(&id)
                .and_then(Interface::neighbours_mut)
                .and_then(|neighbours| neighbours.poll(now))
            {
                self.do_action(now, id, action);
            }
            while let Some(action) = self
                .interfaces
                .get_mut(&id)
                .and_then(Interface::neighbours_v6_mut)
                .and_then(|neighbours| neighbours.poll(now))
            {
                self.do_action_v6(now, id, action);
            }
        }
        if self.due.is_some_and(|due| due <= now) {
            self.poll_configuration(now);
        }
        self.poll_tcp(now);
        self.loop_back(now);
    }

    /// Something is to be done then, at the latest. What nobody knows the time of is done at once: at `Instant::ZERO`.
    fn wake_at(&mut self, when: Instant) {
        self.due = Some(self.due.map_or(when, |due| due.min(when)));
    }

    /// What time brings about besides packets.
    fn poll_configuration(&mut self, now: Instant) {
        self.destinations.poll(now);
        self.expire_routers(now);
        let is_up = |(id, interface): (&InterfaceId, &Interface)| interface.is_up.then_some(*id);
        let ids: Vec<InterfaceId> = self.interfaces.iter().filter_map(is_up).collect();
        for id in &ids {
            self.poll_claims_v4(now, *id);
            self.poll_addresses_v6(now, *id);
            self.poll_solicitation(now, *id);
            self.poll_groups(now, *id);
            self.poll_resolver(now, *id);
        }
        let of_interface = |interface: &Interface| {
            let groups = [interface.groups.next_deadline(), interface.groups_v6.next_deadline()];
            let solicits = interface.v6.solicits.map(|(_, due)| due);
            let claims = interface.claims.iter().map(|claim| claim.due);
            let addresses = interface.v6.addresses.iter().filter_map(|own| own.next_deadline());
            let others = [solicits, interface.resolver.next_deadline()];
            groups.into_iter().chain(others).flatten().chain(claims).chain(addresses).min()
        };
        let of_interfaces = self.interfaces.values().filter(|interface| interface.is_up);
        let of_all = [self.destinations.next_deadline(), self.routers.next_deadline()];
        self.due = of_interfaces.filter_map(of_interface).chain(of_all.into_iter().flatten()).min();
    }

    fn do_action(&mut self, now: Instant, id: InterfaceId, action: Action<Ipv4Addr>) {
        match action {
            Action::Ask { address, at } => self.ask(id, address, at),
            Action::Unreachable { address, packets } => {
                self.destinations.forget_redirects(|to, on| on == id && to == address);
                packets.into_iter().for_each(|packet| self.complain_of_unresolved(now, packet));
            }
        }
    }

    /// Takes in what it sent to itself, from a queue, not by recursion. What that brings about is taken in as well, to a
    /// bound: two sockets may keep each other busy for ever.
    pub(crate) fn loop_back(&mut self, now: Instant) {
        if core::mem::replace(&mut self.is_looping, true) {
            return;
        }
        for _ in 0..MOST_LOOPED {
            let Some((id, packet)) = self.looped.pop_front() else { break };
            if self.is_overheard {
                self.sent.push((LOOPBACK, packet.clone()));
            }
            self.input_looped(now, id, packet);
        }
        self.is_looping = false;
    }
}

/// Packets to itself that are taken in at once.
const MOST_LOOPED: usize = 4096;
