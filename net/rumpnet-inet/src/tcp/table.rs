//! All sockets of TCP: who has which address, and whose timer is next.

use super::pcb::{Pcb, State};
use super::seq::SeqNumber;
use crate::address;
use crate::sockets::Random;
use crate::time::Instant;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::Hasher;
use core::net::{IpAddr, SocketAddr};
use hashbrown::HashMap;
use rump_kpi::{Errno, WaitQueue};
use siphasher::sip::SipHasher13;

/// A socket of TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TcpId(pub(super) u64);

/// Ports that are given to who asks for none.
const EPHEMERAL: core::ops::RangeInclusive<u16> = 49_152..=65_535;

/// See the module.
pub struct Table {
    all: HashMap<TcpId, Pcb>,
    /// Connections, by their own address and the other's.
    connections: HashMap<(SocketAddr, SocketAddr), TcpId>,
    /// All that have a port and no connection: bound, or listening.
    by_port: HashMap<u16, Vec<TcpId>>,
    /// How many connections have a port.
    connected: HashMap<u16, u32>,
    deadlines: BTreeSet<(Instant, TcpId)>,
    /// What `deadlines` has of each.
    armed: HashMap<TcpId, Instant>,
    next: u64,
    secret: [u64; 2],
    random: Random,
    changed: Vec<Arc<WaitQueue>>,
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
            armed: HashMap::new(),
            next: 0,
            secret: [random.number(), random.number()],
            random,
            changed: Vec::new(),
        }
    }

    /// Adds a socket.
    pub fn add(&mut self, pcb: Pcb) -> TcpId {
        let id = TcpId(self.next);
        self.next += 1;
        self.all.insert(id, pcb);
        id
    }

    /// A socket. Errors: EBADF.
    pub fn find(&self, id: TcpId) -> Result<&Pcb, Errno> {
        self.all.get(&id).ok_or(Errno::EBADF)
    }

    /// A socket, to be changed. Errors: EBADF.
    pub fn find_mut(&mut self, id: TcpId) -> Result<&mut Pcb, Errno> {
        self.all.get_mut(&id).ok_or(Errno::EBADF)
    }

    /// The socket that a segment is for: a connection, else whoever listens at its address, else at any.
    pub fn receiver(&self, local: SocketAddr, remote: SocketAddr) -> Option<TcpId> {
        if let Some(id) = self.connections.get(&(local, remote)) {
            return Some(*id);
        }
        let listens = |id: &&TcpId| self.all.get(*id).is_some_and(|pcb| pcb.state == State::Listen);
        let same_port = self.by_port.get(&local.port())?;
        let having = |suits: &dyn Fn(&Pcb) -> bool| {
            same_port.iter().filter(listens).find(|id| self.all.get(*id).is_some_and(suits)).copied()
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

    /// The timers of a socket may have changed.
    pub fn rearm(&mut self, id: TcpId) {
        let deadline = self.all.get(&id).and_then(|pcb| pcb.timers.next());
        if self.armed.get(&id).copied() == deadline {
            return;
        }
        if let Some(before) = self.armed.remove(&id) {
            self.deadlines.remove(&(before, id));
        }
        if let Some(deadline) = deadline {
            self.armed.insert(id, deadline);
            self.deadlines.insert((deadline, id));
        }
    }

    /// When the first timer runs out.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// A socket whose timer ran out.
    pub fn due(&self, now: Instant) -> Option<TcpId> {
        self.deadlines.first().filter(|(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    /// Gives a socket an address; with port zero, one that nobody has. Errors: EBADF, EINVAL (it has one), EADDRINUSE.
    pub fn bind(&mut self, id: TcpId, address: SocketAddr) -> Result<(), Errno> {
        if self.find(id)?.local.port() != 0 {
            return Err(Errno::EINVAL);
        }
        let address = match address.port() {
            0 => {
                let port = self.free_port()?;
                let mut address = address;
                address.set_port(port);
                address
            }
            _ if self.conflicts(id, address) => return Err(Errno::EADDRINUSE),
            _ => address,
        };
        self.find_mut(id)?.local = address;
        self.by_port.entry(address.port()).or_default().push(id);
        Ok(())
    }

    /// A port that no socket has: the first from a random one on (RFC 6056, section 3.3.1).
    fn free_port(&mut self) -> Result<u16, Errno> {
        let count = u64::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        let start = self.random.number() % count;
        (0..count)
            .map(|step| EPHEMERAL.start() + ((start + step) % count) as u16)
            .find(|port| !self.by_port.contains_key(port) && !self.connected.contains_key(port))
            .ok_or(Errno::EADDRINUSE)
    }

    /// As BSD has it: `SO_REUSEPORT` lets all share who want to, `SO_REUSEADDR` lets a port be taken of which there are
    /// but connections, or sockets with other addresses.
    fn conflicts(&self, id: TcpId, address: SocketAddr) -> bool {
        let Some(own) = self.all.get(&id) else { return false };
        let bound = self.by_port.get(&address.port()).into_iter().flatten();
        let with_bound = bound.filter_map(|id| self.all.get(id)).any(|other| {
            let theirs = other.local.ip();
            let overlaps =
                other.has(address.ip()) || address::covers(address.ip(), own.choices.v6_only, theirs);
            let both_reuse_port = own.choices.reuse_port && other.choices.reuse_port;
            let both_reuse_address = own.choices.reuse_address && other.choices.reuse_address;
            overlaps && !both_reuse_port && !(both_reuse_address && theirs != address.ip())
        });
        let reuses = own.choices.reuse_address || own.choices.reuse_port;
        with_bound || (!reuses && self.connected.contains_key(&address.port()))
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
        *self.connected.entry(local.port()).or_insert(0) += 1;
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
        if let Some(count) = self.connected.get_mut(&port) {
            *count -= 1;
            if *count == 0 {
                self.connected.remove(&port);
            }
        }
    }

    /// Removes a socket.
    pub fn remove(&mut self, id: TcpId) -> Option<Pcb> {
        self.disconnect(id);
        self.unbind(id);
        let pcb = self.all.remove(&id);
        self.rearm(id);
        pcb
    }

    /// Where the numbers of a connection begin: a clock of four microseconds, moved by what cannot be foreseen (RFC 6528).
    pub fn initial_number(&self, now: Instant, local: SocketAddr, remote: SocketAddr) -> SeqNumber {
        let mut hasher = SipHasher13::new_with_keys(self.secret[0], self.secret[1]);
        for address in [local, remote] {
            match address.ip() {
                IpAddr::V4(ip) => hasher.write(&ip.octets()),
                IpAddr::V6(ip) => hasher.write(&ip.octets()),
            }
            hasher.write(&address.port().to_le_bytes());
        }
        SeqNumber((now.as_micros() / 4) as u32) + hasher.finish() as u32
    }

    /// How many sockets there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }
}
