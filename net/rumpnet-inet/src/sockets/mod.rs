//! Sockets of datagrams: UDP, and raw ones. Those of connections come with TCP.
//!
//! Finding the socket of a datagram costs the same however many there are: by both addresses for those that are
//! connected, by the port for the others.

mod binding;
mod calls;
mod deliver;
mod send;

pub use calls::SourceChange;
pub use deliver::Delivery;
pub use send::{Ancillary, Datagram};

use crate::address::{self, Version};
use crate::interface::InterfaceId;
use crate::multicast::Filter;
use crate::time::Instant;
use crate::wire::checksum::pseudo;
use crate::wire::ip::IpHeader;
use crate::wire::ipv4::Protocol;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use hashbrown::HashMap;
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, PollEvents, WaitQueue};
use rump_random::Random;

/// Bytes that a socket may hold for its reader, unless it is told otherwise.
const RECEIVE_BYTES: usize = 208 << 10;
/// What it costs to hold a datagram, besides its bytes.
const OVERHEAD: usize = 256;

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(u64);

impl SocketId {
    /// What tells it from all other sockets, of connections too.
    pub fn pcb(self) -> u64 {
        self.0 << 2 | 2
    }
}

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Datagrams of UDP.
    Udp,
    /// All packets of a protocol.
    Raw(Protocol),
}

/// A datagram that waits for its reader.
#[derive(Clone, Debug)]
pub struct Received {
    /// Who sent it.
    pub from: SocketAddr,
    /// To which address.
    pub to: IpAddr,
    /// Through which interface it came.
    pub interface: InterfaceId,
    /// When.
    pub arrived: Instant,
    /// How many more routers might have passed it on.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Its content; of a raw socket, the whole packet.
    pub content: Packet,
    /// It is several datagrams of so many bytes, but for the last.
    pub segment_bytes: Option<u16>,
}

/// What a program chose for a socket.
#[derive(Clone, Debug)]
pub struct SocketOptions {
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `SO_BROADCAST`.
    pub broadcast: bool,
    /// `SO_DONTROUTE`.
    pub dont_route: bool,
    /// `IP_TTL`.
    pub hop_limit: Option<u8>,
    /// `IP_TOS`.
    pub traffic_class: u8,
    /// `IP_MULTICAST_TTL`.
    pub group_hop_limit: u8,
    /// `IP_MULTICAST_LOOP`.
    pub group_loops: bool,
    /// `IP_MULTICAST_IF`.
    pub group_interface: Option<InterfaceId>,
    /// `IP_DONTFRAG`.
    pub dont_fragment: bool,
    /// `IPV6_V6ONLY`.
    pub v6_only: bool,
    /// `IP_PKTINFO`.
    pub tells_address: bool,
    /// `IP_RECVDSTADDR`.
    pub tells_destination: bool,
    /// `IP_RECVTTL`.
    pub tells_hop_limit: bool,
    /// `SO_TIMESTAMP`.
    pub tells_time: bool,
    /// `IPV6_RECVTCLASS`.
    pub tells_traffic_class: bool,
    /// `IP_HDRINCL`: what is sent begins with the header of IP.
    pub has_header: bool,
    /// `IPV6_CHECKSUM`: where the checksum of a raw socket's packets is.
    pub checksum_at: Option<u16>,
    /// `ICMP6_FILTER`: types of messages that are kept away, a bit for each.
    pub blocked_types: [u32; 8],
    /// `UDP_SEGMENT`: what is sent becomes datagrams of so many bytes, unless it is zero.
    pub segment_bytes: u16,
    /// `UDP_GRO`: datagrams that came together are received together.
    pub coalesces: bool,
    /// `SO_RCVBUF`.
    pub receive_bytes: usize,
    /// `SO_SNDBUF`: the longest datagram.
    pub send_bytes: usize,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            reuse_address: false,
            reuse_port: false,
            broadcast: false,
            dont_route: false,
            hop_limit: None,
            traffic_class: 0,
            group_hop_limit: 1,
            group_loops: true,
            group_interface: None,
            dont_fragment: false,
            v6_only: false,
            tells_address: false,
            tells_destination: false,
            tells_hop_limit: false,
            tells_time: false,
            tells_traffic_class: false,
            has_header: false,
            checksum_at: None,
            blocked_types: [0; 8],
            segment_bytes: 0,
            coalesces: false,
            receive_bytes: RECEIVE_BYTES,
            send_bytes: usize::from(u16::MAX),
        }
    }
}

/// What of a socket's own address its program chose.
#[derive(Clone, Copy, Debug, Default)]
struct Chosen {
    ip: bool,
    port: bool,
}

/// A group that a socket wants to hear.
#[derive(Clone, Debug)]
struct Membership {
    group: IpAddr,
    interface: InterfaceId,
    filter: Filter,
}

/// A socket of datagrams.
pub struct Socket {
    /// Of which version its addresses are, as its program sees them.
    pub version: Version,
    /// What it carries.
    pub kind: Kind,
    /// Its own address; port zero before it has one.
    pub local: SocketAddr,
    /// Whom it talks to, if that is settled.
    pub remote: Option<SocketAddr>,
    /// Its program chose the address, or the port; else they are the stack's to take back.
    chosen: Chosen,
    /// What was chosen for it.
    pub options: SocketOptions,
    queue: VecDeque<Received>,
    queued: usize,
    /// What went wrong since the last call.
    error: Option<Errno>,
    reads: bool,
    writes: bool,
    memberships: Vec<Membership>,
    waiters: Arc<WaitQueue>,
}

impl Socket {
    fn new(version: Version, kind: Kind) -> Self {
        Self {
            version,
            kind,
            local: SocketAddr::new(version.unspecified(), 0),
            remote: None,
            chosen: Chosen::default(),
            options: SocketOptions::default(),
            queue: VecDeque::new(),
            queued: 0,
            error: None,
            reads: true,
            writes: true,
            memberships: Vec::new(),
            waiters: Arc::default(),
        }
    }

    /// Whether it receives at an address.
    fn has(&self, address: IpAddr) -> bool {
        address::covers(self.local.ip(), self.options.v6_only, address)
    }

    /// Whether it wants what a source sent to a group. One that is member of none hears all that others here are.
    fn wants(&self, group: IpAddr, interface: InterfaceId, source: IpAddr) -> bool {
        let is_it = |member: &&Membership| (member.group, member.interface) == (group, interface);
        self.memberships.is_empty()
            || self.memberships.iter().find(is_it).is_some_and(|member| member.filter.accepts(source))
    }

    /// Whether a raw socket of IPv6 takes a packet: by its type, or its checksum.
    fn passes(&self, header: &IpHeader, packet: &Packet) -> bool {
        if self.version == Version::V4 {
            return true;
        }
        if header.protocol == Protocol::ICMPV6 {
            let kind = packet.chunks().next().and_then(<[u8]>::first).copied().unwrap_or(0);
            return self.options.blocked_types[usize::from(kind >> 5)] & 1 << (kind & 31) == 0;
        }
        let Some(at) = self.options.checksum_at else { return true };
        let mut sum = pseudo(header.source, header.destination, header.protocol, packet.len());
        sum.add_packet(packet, 0);
        packet.len() >= usize::from(at) + 2 && sum.finish() == 0
    }

    /// What can be done now.
    pub fn ready(&self) -> PollEvents {
        let mut events = PollEvents::OUT;
        events.set(PollEvents::IN | PollEvents::RDNORM, !self.queue.is_empty() || !self.reads);
        events.set(PollEvents::ERR, self.error.is_some());
        events
    }

    /// Bytes that wait for their reader.
    pub fn queued_bytes(&self) -> usize {
        self.queue.iter().map(|received| received.content.len()).sum()
    }

    /// Those who wait for that to change.
    pub fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }

    /// The error that waits.
    pub fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    /// Bytes of the first datagram that waits.
    pub fn first_bytes(&self) -> usize {
        self.queue.front().map_or(0, |received| received.content.len())
    }

    /// Answers whether there was room.
    fn push(&mut self, received: Received) -> bool {
        let cost = received.content.len() + OVERHEAD;
        if !self.reads || self.queued + cost > self.options.receive_bytes.max(cost.min(2048)) {
            return false;
        }
        self.queued += cost;
        self.queue.push_back(received);
        true
    }
}

/// All sockets of a stack.
pub struct Sockets {
    all: HashMap<SocketId, Socket>,
    /// Of those that are connected, by their own address and the other's.
    connected: HashMap<(SocketAddr, SocketAddr), SocketId>,
    /// Of UDP, by port, connected ones as well.
    by_port: HashMap<u16, Vec<SocketId>>,
    raw: Vec<SocketId>,
    next: u64,
    random: Random,
    /// Whose readiness changed.
    changed: Vec<Arc<WaitQueue>>,
}

impl Sockets {
    /// None yet.
    pub fn new(seed: u64) -> Self {
        Self {
            all: HashMap::new(),
            connected: HashMap::new(),
            by_port: HashMap::new(),
            raw: Vec::new(),
            next: 0,
            random: Random::new(seed),
            changed: Vec::new(),
        }
    }

    /// A socket. Errors: EBADF (it was closed).
    pub fn find(&self, id: SocketId) -> Result<&Socket, Errno> {
        self.all.get(&id).ok_or(Errno::EBADF)
    }

    /// All of them, in the order in which they were made.
    pub fn in_order(&self) -> Vec<(SocketId, &Socket)> {
        let mut all: Vec<(&SocketId, &Socket)> = self.all.iter().collect();
        all.sort_unstable_by_key(|(id, _)| **id);
        all.into_iter().map(|(id, socket)| (*id, socket)).collect()
    }

    /// A socket to change options of. Errors: EBADF.
    pub fn find_mut(&mut self, id: SocketId) -> Result<&mut Socket, Errno> {
        self.all.get_mut(&id).ok_or(Errno::EBADF)
    }

    /// Who is to be woken: by whoever drives the stack, once he has let go of it.
    pub fn take_changed(&mut self) -> Vec<Arc<WaitQueue>> {
        core::mem::take(&mut self.changed)
    }

    fn add(&mut self, version: Version, kind: Kind) -> SocketId {
        let id = SocketId(self.next);
        self.next += 1;
        if let Kind::Raw(_) = kind {
            self.raw.push(id);
        }
        self.all.insert(id, Socket::new(version, kind));
        id
    }
}
