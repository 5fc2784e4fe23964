//! Addresses of sockets: who may have which.

use super::{Kind, SocketId, Sockets};
use crate::address;
use core::net::{IpAddr, SocketAddr};
use rump_kpi::Errno;

/// Ports that are given to who asks for none (RFC 6335, section 6).
const EPHEMERAL: core::ops::RangeInclusive<u16> = 49_152..=65_535;

impl Sockets {
    /// Gives a socket of UDP an address; with port zero, one that nobody has.
    ///
    /// Errors: EBADF, EINVAL (it has one), EADDRINUSE.
    pub fn bind_udp(&mut self, id: SocketId, address: SocketAddr) -> Result<(), Errno> {
        if self.find(id)?.local.port() != 0 {
            return Err(Errno::EINVAL);
        }
        let address = match address.port() {
            0 => self.with_free_port(id, address)?,
            _ if self.conflicts(id, address) => return Err(Errno::EADDRINUSE),
            _ => address,
        };
        self.find_mut(id)?.local = address;
        self.by_port.entry(address.port()).or_default().push(id);
        Ok(())
    }

    /// A port that nobody has: the first from a random one on (RFC 6056, section 3.3.1).
    fn with_free_port(&mut self, id: SocketId, mut address: SocketAddr) -> Result<SocketAddr, Errno> {
        let count = u64::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        let start = self.random.number() % count;
        for step in 0..count {
            address.set_port(EPHEMERAL.start() + ((start + step) % count) as u16);
            if self.sharers(id, address).next().is_none() {
                return Ok(address);
            }
        }
        Err(Errno::EADDRINUSE)
    }

    /// Those who have a port with an address that overlaps.
    fn sharers(&self, id: SocketId, address: SocketAddr) -> impl Iterator<Item = (SocketId, IpAddr)> + '_ {
        let v6_only = self.all.get(&id).is_some_and(|own| own.options.v6_only);
        let same_port = self.by_port.get(&address.port()).into_iter().flatten();
        same_port.filter_map(move |id| {
            let other = self.all.get(id)?;
            let theirs = other.local.ip();
            let overlaps = other.has(address.ip()) || address::covers(address.ip(), v6_only, theirs);
            overlaps.then_some((*id, theirs))
        })
    }

    /// As BSD has it: `SO_REUSEPORT` lets all share who want to; `SO_REUSEADDR` lets one have all addresses and another
    /// one of them, and many a group.
    fn conflicts(&self, id: SocketId, address: SocketAddr) -> bool {
        let Some(own) = self.all.get(&id) else { return false };
        self.sharers(id, address).any(|(sharer, theirs)| {
            let Some(other) = self.all.get(&sharer) else { return false };
            let both_reuse_port = own.options.reuse_port && other.options.reuse_port;
            let both_reuse_address = own.options.reuse_address && other.options.reuse_address;
            let may_overlap = theirs != address.ip() || address.ip().is_multicast();
            !(both_reuse_port || (both_reuse_address && may_overlap))
        })
    }

    /// Settles whom a socket talks to, and from where; `source` has no port. Errors: EBADF, EADDRINUSE.
    pub(super) fn connect(
        &mut self,
        id: SocketId,
        source: SocketAddr,
        remote: SocketAddr,
    ) -> Result<(), Errno> {
        self.disconnect(id)?;
        let kind = self.find(id)?.kind;
        if kind == Kind::Udp && self.find(id)?.local.port() == 0 {
            self.bind_udp(id, source)?;
        }
        let socket = self.find_mut(id)?;
        if socket.local.ip().is_unspecified() {
            let port = socket.local.port();
            socket.local = source;
            socket.local.set_port(port);
        }
        socket.remote = Some(remote);
        let local = socket.local;
        if kind == Kind::Udp {
            self.connected.entry((local, remote)).or_insert(id);
        }
        Ok(())
    }

    /// Takes that back. Errors: EBADF.
    pub(super) fn disconnect(&mut self, id: SocketId) -> Result<(), Errno> {
        let socket = self.find_mut(id)?;
        if let Some(remote) = socket.remote.take() {
            let key = (socket.local, remote);
            if self.connected.get(&key) == Some(&id) {
                self.connected.remove(&key);
            }
        }
        Ok(())
    }

    /// The same; what of its own address the program did not choose is taken back as well. Errors: EBADF.
    pub(super) fn dissolve(&mut self, id: SocketId) -> Result<(), Errno> {
        self.disconnect(id)?;
        let socket = self.find_mut(id)?;
        let (chosen, port) = (socket.chosen, socket.local.port());
        if !chosen.ip {
            socket.local = SocketAddr::new(socket.version.unspecified(), port);
        }
        if !chosen.port {
            socket.local.set_port(0);
            self.leave_port(id, port);
        }
        Ok(())
    }

    fn leave_port(&mut self, id: SocketId, port: u16) {
        if let Some(same) = self.by_port.get_mut(&port) {
            same.retain(|other| *other != id);
            if same.is_empty() {
                self.by_port.remove(&port);
            }
        }
    }

    /// Removes a socket. Errors: EBADF.
    pub(super) fn remove(&mut self, id: SocketId) -> Result<super::Socket, Errno> {
        self.disconnect(id)?;
        let socket = self.all.remove(&id).ok_or(Errno::EBADF)?;
        self.raw.retain(|other| *other != id);
        self.leave_port(id, socket.local.port());
        Ok(socket)
    }
}
