//! The stack of one kernel: packets and calls go in, packets and wake-ups come out.
//!
//! It is driven by [`input`](Stack::input), by calls on sockets, and by [`poll`](Stack::poll) at the latest at
//! [`next_deadline`](Stack::next_deadline); after each of them, [`take_sent`](Stack::take_sent) answers what is to be
//! sent. It has no clock, no lock and no randomness of its own.

mod config;
mod icmp;
mod input;
mod output;

pub use output::{Options, Path};

use crate::interface::{Interface, InterfaceId};
use crate::neighbour::Action;
use crate::reassembly::Reassembly;
use crate::route::RoutingTable;
use crate::sockets::Sockets;
use crate::tcp::Table;
use crate::time::Instant;
use crate::wire::Malformed;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::Ipv4Addr;
use hashbrown::HashMap;
use icmp::Limit;
use rump_kpi::WaitQueue;
use rump_kpi::packet::Packet;

/// The interface through which a host talks to itself. It is there from the beginning.
pub const LOOPBACK: InterfaceId = InterfaceId(1);
/// Bytes of its packets.
const LOOPBACK_MTU: u32 = 65_536;

/// What an administrator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many routers may pass a packet on that does not say so itself.
    pub hop_limit: u8,
    /// Packets for others are passed on.
    pub forwarding: bool,
    /// Echo requests that went to all are answered.
    pub answers_broadcast_echo: bool,
    /// Complaints that are sent within a second.
    pub icmp_per_second: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hop_limit: 64, forwarding: false, answers_broadcast_echo: false, icmp_per_second: 100 }
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
    /// Its routes.
    pub routes: RoutingTable<Ipv4Addr>,
    /// What an administrator chose.
    pub settings: Settings,
    /// Its sockets of datagrams.
    pub sockets: Sockets,
    /// Its sockets of TCP.
    pub tcp: Table,
    reassembly: Reassembly,
    limit: Limit,
    /// Packets to itself.
    looped: VecDeque<Packet>,
    sent: Vec<(InterfaceId, Packet)>,
    dropped: HashMap<Dropped, u64>,
    next_interface: u32,
    /// For the identification of packets.
    identification: u16,
}

impl Stack {
    /// A stack with a loopback interface that is up. `seed` is unpredictable.
    pub fn new(seed: u64) -> Self {
        let mut stack = Self {
            interfaces: BTreeMap::new(),
            routes: RoutingTable::default(),
            settings: Settings::default(),
            sockets: Sockets::new(seed),
            tcp: Table::new(seed),
            reassembly: Reassembly::default(),
            limit: Limit::default(),
            looped: VecDeque::new(),
            sent: Vec::new(),
            dropped: HashMap::new(),
            next_interface: LOOPBACK.0,
            identification: seed as u16,
        };
        stack.add_loopback(LOOPBACK_MTU);
        stack
    }

    fn drop_packet(&mut self, why: Dropped) {
        *self.dropped.entry(why).or_insert(0) += 1;
    }

    /// How many packets were dropped for a reason.
    pub fn dropped(&self, why: Dropped) -> u64 {
        self.dropped.get(&why).copied().unwrap_or(0)
    }

    /// What is to be sent, in order. Missing checksums are left to devices that make them.
    pub fn take_sent(&mut self) -> Vec<(InterfaceId, Packet)> {
        core::mem::take(&mut self.sent)
    }

    /// Who is to be woken, once whoever drives the stack has let go of it.
    pub fn take_changed(&mut self) -> Vec<Arc<WaitQueue>> {
        let mut changed = self.sockets.take_changed();
        changed.append(&mut self.tcp.take_changed());
        changed
    }

    /// When [`poll`](Self::poll) has something to do at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let of_neighbours =
            self.interfaces.values().filter_map(|interface| interface.neighbours()?.next_deadline());
        of_neighbours.chain(self.reassembly.next_deadline()).chain(self.tcp.next_deadline()).min()
    }

    /// Does what is due.
    pub fn poll(&mut self, now: Instant) {
        while let Some(expired) = self.reassembly.poll(now) {
            self.complain_of_reassembly(now, expired);
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
        }
        self.poll_tcp(now);
        self.loop_back(now);
    }

    fn do_action(&mut self, now: Instant, id: InterfaceId, action: Action<Ipv4Addr>) {
        match action {
            Action::Ask { address, at } => self.ask(id, address, at),
            Action::Unreachable { packets, .. } => {
                packets.into_iter().for_each(|packet| self.complain_of_unresolved(now, packet));
            }
        }
    }

    /// Takes in what it sent to itself. What that brings about is taken in as well, to a bound: two sockets may keep each
    /// other busy for ever.
    fn loop_back(&mut self, now: Instant) {
        for _ in 0..MOST_LOOPED {
            let Some(packet) = self.looped.pop_front() else { break };
            self.input(now, LOOPBACK, packet);
        }
    }
}

/// Packets to itself that are taken in at once.
const MOST_LOOPED: usize = 4096;
