//! All sockets of TCP: who has which address, and whose timer is next.

use super::cookies::Cookies;
use super::info::Totals;
use super::memory::Memory;
use super::pcb::{Pcb, State};
use super::seq::SeqNumber;
use crate::address;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};
use hashbrown::HashMap;
use rump_kpi::{Errno, WaitQueue};
use rump_random::Random;
use siphasher::sip::SipHasher13;

/// A socket of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TcpId(pub(super) u64);

impl TcpId {
    /// What tells it from all other sockets, of datagrams too.
    pub fn pcb(self) -> u64 {
        self.0 << 2 | 1
    }
}

/// Ports that are given to who asks for none.
const EPHEMERAL: core::ops::RangeInclusive<u16> = 49_152..=65_535;

/// How many they are.
const PORTS: u64 = 65_535 - 49_152 + 1;

fn write_address(hasher: &mut SipHasher13, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => hasher.write(&ip.octets()),
        IpAddr::V6(ip) => hasher.write(&ip.octets()),
    }
    hasher.write(&address.port().to_le_bytes());
}

/// See the module.
pub struct Table {
    all: HashMap<TcpId, Box<Pcb>>,
    /// Connections, by their own address and the other's.
    connections: HashMap<(SocketAddr, SocketAddr), TcpId>,
    /// All that have a port and no connection: bound, or listening.
    by_port: HashMap<u16, Vec<TcpId>>,
    /// How many connections have a port, and how many of an address.
    connected: HashMap<(Option<IpAddr>, u16), u32>,
    deadlines: BTreeSet<(Instant, TcpId)>,
    /// Those that have ended, the oldest first; some may be gone.
    waiting: VecDeque<TcpId>,
    /// Ports that were given, by where they lead (RFC 6056, section 3.3.4).
    given: [u16; 16],
    /// What was counted for sockets that are gone.
    gone: Totals,
    next: u64,
    secret: [u64; 2],
    random: Random,
    changed: Vec<Arc<WaitQueue>>,
    /// Where all have what is to be sent.
    pub(super) memory: Memory,
}

impl Table {
    /// None yet.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x7463_7000);
        Self {
            all: HashMap::new(),
            connections: HashMap::new(),
            by_port: HashMap::new(),
            connected: HashMap::new(),
            deadlines: BTreeSet::new(),
            waiting: VecDeque::new(),
            given: core::array::from_fn(|_| random.number() as u16),
            gone: Totals::default(),
            next: 0,
            secret: [random.number(), random.number()],
            random,
            changed: Vec::new(),
            memory: Memory::default(),
        }
    }

    /// Adds a socket.
    pub fn add(&mut self, pcb: Pcb) -> TcpId {
        let id = TcpId(self.next);
        self.next += 1;
        self.all.insert(id, Box::new(pcb));
        id
    }

    /// A socket. Errors: EBADF.
    pub fn find(&self, id: TcpId) -> Result<&Pcb, Errno> {
        self.all.get(&id).map(|pcb| &**pcb).ok_or(Errno::EBADF)
    }

    /// A socket, to be changed. Errors: EBADF.
    pub fn find_mut(&mut self, id: TcpId) -> Result<&mut Pcb, Errno> {
        self.all.get_mut(&id).map(|pcb| &mut **pcb).ok_or(Errno::EBADF)
    }

    /// What was counted for all, for those that are gone as well.
    pub fn totals(&self) -> Totals {
        let mut totals = self.gone;
        self.all.values().for_each(|pcb| totals.add(pcb));
        totals
    }

    /// All sockets, in the order in which they were made.
    pub fn in_order(&self) -> Vec<(TcpId, &Pcb)> {
        let mut all: Vec<(&TcpId, &Box<Pcb>)> = self.all.iter().collect();
        all.sort_unstable_by_key(|(id, _)| **id);
        all.into_iter().map(|(id, pcb)| (*id, &**pcb)).collect()
    }

    /// The socket that a segment is for: a connection, else whoever listens at its address, else at any.
    pub fn receiver(&self, local: SocketAddr, remote: SocketAddr) -> Option<TcpId> {
        if let Some(id) = self.connections.get(&(local, remote)) {
            return Some(*id);
        }
        let listens = |id: &&TcpId| self.all.get(*id).is_some_and(|pcb| pcb.state == State::Listen);
        let same_port = self.by_port.get(&local.port())?;
        let having = |suits: &dyn Fn(&Pcb) -> bool| {
            same_port
                .iter()
                .filter(listens)
                .find(|id| self.all.get(*id).is_some_and(|pcb| suits(pcb)))
                .copied()
        };
        having(&|pcb| pcb.local.ip() == local.ip())
            .or_else(|| having(&|pcb| address::covers(pcb.local.ip(), true, local.ip())))
            .or_else(|| having(&|pcb| pcb.has(local.ip())))
    }

    /// Whose readiness changed.
    pub fn take_changed(&mut self) -> Vec<Arc<WaitQueue>> {
        core::mem::take(&mut self.changed)
    }

    /// Whoever waits for a socket is to be woken.
    pub fn wake(&mut self, id: TcpId) {
        if let Some(pcb) = self.all.get(&id) {
            self.changed.push(pcb.waiters.clone());
        }
    }

    /// The timers of a socket may have changed. One that runs out later than it did is looked at when it did: most are moved
    /// on with every segment.
    pub fn rearm(&mut self, id: TcpId) {
        let Some(pcb) = self.all.get_mut(&id) else { return };
        let deadline = pcb.timers.next();
        match (pcb.armed, deadline) {
            (Some(armed), Some(deadline)) if armed <= deadline => return,
            (Some(_), None) | (None, None) => return,
            (Some(armed), Some(_)) => drop(self.deadlines.remove(&(armed, id))),
            (None, Some(_)) => {}
        }
        pcb.armed = deadline;
        self.deadlines.extend(deadline.map(|deadline| (deadline, id)));
    }

    /// When the first timer runs out.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A socket whose timer may have run out; it is armed no more.
    pub fn due(&mut self, now: Instant) -> Option<TcpId> {
        let (deadline, id) = *self.deadlines.first()?;
        if deadline > now {
            return None;
        }
        self.deadlines.pop_first();
        if let Some(pcb) = self.all.get_mut(&id) {
            pcb.armed = None;
        }
        Some(id)
    }

    /// A connection has ended. Answers one that is to be forgotten, if there are more than `most`.
    pub fn note_waiting(&mut self, id: TcpId, most: usize) -> Option<TcpId> {
        if self.waiting.back() != Some(&id) {
            self.waiting.push_back(id);
        }
        let is_waiting = |id: &TcpId| self.all.get(id).is_some_and(|pcb| pcb.state == State::TimeWait);
        while self.waiting.len() > most || self.waiting.front().is_some_and(|first| !is_waiting(first)) {
            if let Some(oldest) = self.waiting.pop_front().filter(is_waiting) {
                return Some(oldest);
            }
        }
        None
    }

    /// What cookies are made with.
    pub(super) fn cookies(&self) -> Cookies {
        Cookies { key: [self.secret[1], self.secret[0]] }
    }

    /// Gives a socket an address; with port zero, one that nobody has. Errors: EBADF, EINVAL (it has one), EADDRINUSE.
    pub fn bind(&mut self, id: TcpId, address: SocketAddr) -> Result<(), Errno> {
        if self.find(id)?.local.port() != 0 {
            return Err(Errno::EINVAL);
        }
        let address = match address.port() {
            0 => self.free_port(id, address)?,
            _ if self.conflicts(id, address) => return Err(Errno::EADDRINUSE),
            _ => address,
        };
        self.find_mut(id)?.local = address;
        self.by_port.entry(address.port()).or_default().push(id);
        Ok(())
    }

    /// An address with a port that no socket has there: the first from a random one on (RFC 6056, section 3.3.1).
    fn free_port(&mut self, id: TcpId, address: SocketAddr) -> Result<SocketAddr, Errno> {
        let start = self.random.number() % PORTS;
        let mut address = address;
        for step in 0..PORTS {
            address.set_port(EPHEMERAL.start() + ((start + step) % PORTS) as u16);
            let ip = Some(address.ip()).filter(|ip| !ip.is_unspecified());
            let is_free = !self.connected.contains_key(&(ip, address.port()))
                && (!self.by_port.contains_key(&address.port()) || !self.conflicts(id, address));
            if is_free {
                return Ok(address);
            }
        }
        Err(Errno::EADDRINUSE)
    }

    /// A port for a connection to somebody: one after the other for each of them, from where nobody else can tell (RFC
    /// 6056, section 3.3.4, double-hash). One that another connection has, to somebody else, will do. Errors: EADDRINUSE.
    pub fn port_to(&mut self, own: IpAddr, remote: SocketAddr) -> Result<u16, Errno> {
        let mut hasher = SipHasher13::new_with_keys(self.secret[1], !self.secret[0]);
        write_address(&mut hasher, SocketAddr::new(own, 0));
        write_address(&mut hasher, remote);
        let hash = hasher.finish();
        let (offset, row) = (hash % PORTS, (hash >> 32) as usize % self.given.len());
        for _ in 0..PORTS {
            self.given[row] = self.given[row].wrapping_add(1);
            let port = EPHEMERAL.start() + ((offset + u64::from(self.given[row])) % PORTS) as u16;
            let local = SocketAddr::new(own, port);
            if !self.by_port.contains_key(&port) && !self.connections.contains_key(&(local, remote)) {
                return Ok(port);
            }
        }
        Err(Errno::EADDRINUSE)
    }

    /// As BSD has it: `SO_REUSEPORT` lets all share who want to, `SO_REUSEADDR` lets a port be taken of which there are
    /// but connections, or sockets with other addresses.
    fn conflicts(&self, id: TcpId, address: SocketAddr) -> bool {
        let Some(own) = self.all.get(&id) else { return false };
        let bound = self.by_port.get(&address.port()).into_iter().flatten();
        let with_bound = bound.filter(|other| **other != id).filter_map(|id| self.all.get(id)).any(|other| {
            let theirs = other.local.ip();
            let overlaps =
                other.has(address.ip()) || address::covers(address.ip(), own.choices.v6_only, theirs);
            let both_reuse_port = own.choices.reuse_port && other.choices.reuse_port;
            let both_reuse_address = own.choices.reuse_address && other.choices.reuse_address;
            overlaps && !both_reuse_port && !(both_reuse_address && theirs != address.ip())
        });
        let reuses = own.choices.reuse_address || own.choices.reuse_port;
        let ip = Some(address.ip()).filter(|ip| !ip.is_unspecified());
        with_bound || (!reuses && self.connected.contains_key(&(ip, address.port())))
    }

    /// Puts a socket among the connections. Errors: EBADF, EADDRINUSE (there is one between the two).
    pub fn connect(&mut self, id: TcpId, local: SocketAddr, remote: SocketAddr) -> Result<(), Errno> {
        if self.connections.contains_key(&(local, remote)) {
            return Err(Errno::EADDRINUSE);
        }
        self.unbind(id);
        let pcb = self.find_mut(id)?;
        (pcb.local, pcb.remote) = (local, remote);
        self.connections.insert((local, remote), id);
        for ip in [None, Some(local.ip())] {
            *self.connected.entry((ip, local.port())).or_insert(0) += 1;
        }
        Ok(())
    }

    /// A connection between two addresses that has ended, and of which only the memory is kept.
    pub fn waiting(&self, local: SocketAddr, remote: SocketAddr) -> Option<TcpId> {
        let id = self.connections.get(&(local, remote))?;
        self.all.get(id).filter(|pcb| pcb.state == State::TimeWait).map(|_| *id)
    }

    fn unbind(&mut self, id: TcpId) {
        let Some(port) = self.all.get(&id).map(|pcb| pcb.local.port()) else { return };
        if let Some(same) = self.by_port.get_mut(&port) {
            same.retain(|other| *other != id);
            if same.is_empty() {
                self.by_port.remove(&port);
            }
        }
    }

    /// Takes a socket from among the connections; it keeps its addresses.
    pub fn disconnect(&mut self, id: TcpId) {
        let Some(pcb) = self.all.get(&id) else { return };
        let (key, port) = ((pcb.local, pcb.remote), pcb.local.port());
        if self.connections.get(&key) != Some(&id) {
            return;
        }
        self.connections.remove(&key);
        for key in [(None, port), (Some(key.0.ip()), port)] {
            if let Some(count) = self.connected.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.connected.remove(&key);
                }
            }
        }
    }

    /// Puts one that was removed back in, in whatever state it is now.
    pub(super) fn put_back(&mut self, id: TcpId, pcb: Box<Pcb>) {
        self.all.insert(id, pcb);
    }

    /// Removes a socket.
    pub fn remove(&mut self, id: TcpId) -> Option<Box<Pcb>> {
        self.disconnect(id);
        self.unbind(id);
        let pcb = self.all.remove(&id)?;
        self.gone.add(&pcb);
        if let Some(armed) = pcb.armed {
            self.deadlines.remove(&(armed, id));
        }
        Some(pcb)
    }

    /// Where the numbers of a connection begin: a clock of four microseconds, moved by what cannot be foreseen (RFC 6528).
    pub fn initial_number(&self, now: Instant, local: SocketAddr, remote: SocketAddr) -> SeqNumber {
        let mut hasher = SipHasher13::new_with_keys(self.secret[0], self.secret[1]);
        write_address(&mut hasher, local);
        write_address(&mut hasher, remote);
        SeqNumber((now.as_micros() / 4) as u32) + hasher.finish() as u32
    }

    /// How many sockets there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }
}
