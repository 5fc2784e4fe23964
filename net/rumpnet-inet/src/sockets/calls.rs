//! What programs do with sockets of datagrams.

use super::{Kind, OVERHEAD, Received, Socket, SocketId};
use crate::address::{self, Version};
use crate::interface::InterfaceId;
use crate::stack::{Options, Path, Stack};
use crate::time::Instant;
use crate::wire::checksum::pseudo;
use crate::wire::ipv4::{self, Protocol};
use crate::wire::udp::{self, Udp};
use core::net::{IpAddr, SocketAddr};
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, Shutdown};

/// The longest content of a packet of IP without options.
const MOST_CONTENT: usize = ipv4::MOST_BYTES - ipv4::HEADER_BYTES;

impl Stack {
    /// A socket of UDP.
    pub fn udp_socket(&mut self, version: Version) -> SocketId {
        self.sockets.add(version, Kind::Udp)
    }

    /// A raw socket of a protocol.
    pub fn raw_socket(&mut self, version: Version, protocol: Protocol) -> SocketId {
        self.sockets.add(version, Kind::Raw(protocol))
    }

    /// Gives a socket an address. Errors: EBADF, EADDRNOTAVAIL (it is not one of this host, of all, or of a group),
    /// EINVAL (it has one), EADDRINUSE.
    pub fn bind(&mut self, id: SocketId, address: SocketAddr) -> Result<(), Errno> {
        let ip = address.ip();
        let kind = self.sockets.find(id)?.kind;
        let is_of_all = || match ip {
            IpAddr::V4(ip) => self.interfaces.values().any(|interface| interface.is_broadcast(ip)),
            IpAddr::V6(_) => false,
        };
        if !ip.is_unspecified() && !ip.is_multicast() && !self.is_local(ip) && !is_of_all() {
            return Err(Errno::EADDRNOTAVAIL);
        }
        match kind {
            Kind::Udp => self.sockets.bind_udp(id, address),
            Kind::Raw(_) => {
                let local = &mut self.sockets.find_mut(id)?.local;
                *local = address;
                local.set_port(0);
                Ok(())
            }
        }
    }

    /// Settles whom a socket talks to. Errors: EBADF, EADDRNOTAVAIL (port zero), those of [`Stack::path`], EADDRINUSE.
    pub fn connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), Errno> {
        let socket = self.sockets.find(id)?;
        if remote.port() == 0 && socket.kind == Kind::Udp {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let remote = someone(remote);
        let path = self.path(remote.ip(), &socket.path_options(remote))?;
        self.sockets.connect(id, path.source_endpoint(0), remote)
    }

    /// Lets a socket talk to everybody again. Errors: EBADF.
    pub fn disconnect(&mut self, id: SocketId) -> Result<(), Errno> {
        self.sockets.disconnect(id)
    }

    /// Sends a datagram, whose content `packet` is.
    ///
    /// Errors: EBADF, the error that waits, EPIPE (shut down), EISCONN, EDESTADDRREQ, EMSGSIZE, those of
    /// [`Stack::path`].
    pub fn send_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        to: Option<SocketAddr>,
        mut packet: Packet,
    ) -> Result<(), Errno> {
        let socket = self.sockets.find_mut(id)?;
        if let Some(errno) = socket.take_error() {
            return Err(errno);
        }
        if !socket.writes {
            return Err(Errno::EPIPE);
        }
        let to = match (to, socket.remote) {
            (Some(to), None) | (None, Some(to)) => to,
            (Some(_), Some(_)) => return Err(Errno::EISCONN),
            (None, None) => return Err(Errno::EDESTADDRREQ),
        };
        let kind = socket.kind;
        let header = if kind == Kind::Udp { udp::HEADER_BYTES } else { 0 };
        if packet.len() > (MOST_CONTENT - header).min(socket.options.send_bytes) {
            return Err(Errno::EMSGSIZE);
        }
        let to = someone(to);
        let (version, options) = (socket.version, socket.path_options(to));
        let path = self.path(to.ip(), &options)?;
        let protocol = match kind {
            Kind::Raw(protocol) => protocol,
            Kind::Udp => {
                if to.port() == 0 {
                    return Err(Errno::EADDRNOTAVAIL);
                }
                if self.sockets.find(id)?.local.port() == 0 {
                    self.sockets.bind_udp(id, SocketAddr::new(version.unspecified(), 0))?;
                }
                let ports = Udp { source: self.sockets.find(id)?.local.port(), destination: to.port() };
                ports.emit(&mut packet, |length| pseudo(path.source, to.ip(), Protocol::UDP, length));
                Protocol::UDP
            }
        };
        self.loop_group(now, id, &path, protocol, &packet);
        self.send(now, &path, protocol, &options, packet)
    }

    /// What goes to a group comes back to its members here.
    fn loop_group(&mut self, now: Instant, id: SocketId, path: &Path, protocol: Protocol, packet: &Packet) {
        let loops = self.sockets.find(id).is_ok_and(|socket| socket.options.group_loops);
        let Some(interface) = self.interfaces.get(&path.interface) else { return };
        let comes_back = (loops && path.destination.is_multicast() && interface.is_member(path.destination))
            || path.is_broadcast;
        if comes_back {
            self.receive_own(now, path, protocol, packet.clone());
        }
    }

    /// Receives a datagram; `peek` leaves it where it is. Errors: EBADF, the error that waits, EAGAIN.
    pub fn receive_datagram(&mut self, id: SocketId, peek: bool) -> Result<Option<Received>, Errno> {
        let socket = self.sockets.find_mut(id)?;
        if let Some(errno) = socket.take_error() {
            return Err(errno);
        }
        let first = match peek {
            true => socket.queue.front().cloned(),
            false => socket.queue.pop_front(),
        };
        match first {
            Some(received) => {
                if !peek {
                    socket.queued -= received.content.len() + OVERHEAD;
                }
                Ok(Some(received))
            }
            None if !socket.reads => Ok(None),
            None => Err(Errno::EAGAIN),
        }
    }

    /// Ends one direction or both. Errors: EBADF, ENOTCONN.
    pub fn shutdown(&mut self, id: SocketId, how: Shutdown) -> Result<(), Errno> {
        let socket = self.sockets.find_mut(id)?;
        if socket.remote.is_none() {
            return Err(Errno::ENOTCONN);
        }
        socket.reads &= !how.reads();
        socket.writes &= !how.writes();
        let waiters = socket.waiters.clone();
        self.sockets.changed.push(waiters);
        Ok(())
    }

    /// Removes a socket, and it from its groups. Errors: EBADF.
    pub fn close(&mut self, id: SocketId) -> Result<(), Errno> {
        let socket = self.sockets.remove(id)?;
        for (group, interface) in socket.memberships {
            self.leave_group(interface, group);
        }
        Ok(())
    }

    /// Makes a socket a member of a group on an interface, by default that of the route there.
    ///
    /// Errors: EBADF, EINVAL (no group), EADDRNOTAVAIL (no interface), EADDRINUSE (it is one).
    pub fn join(&mut self, id: SocketId, group: IpAddr, on: Option<InterfaceId>) -> Result<(), Errno> {
        let options = Options { interface: on, ..Options::default() };
        if !group.is_multicast() {
            return Err(Errno::EINVAL);
        }
        let interface = self.path(group, &options).map_err(|_| Errno::EADDRNOTAVAIL)?.interface;
        let socket = self.sockets.find_mut(id)?;
        if socket.memberships.contains(&(group, interface)) {
            return Err(Errno::EADDRINUSE);
        }
        socket.memberships.push((group, interface));
        if let Some(interface) = self.interfaces.get_mut(&interface) {
            match interface.groups.iter_mut().find(|(member, _)| *member == group) {
                Some((_, count)) => *count += 1,
                None => interface.groups.push((group, 1)),
            }
        }
        Ok(())
    }

    /// Takes a socket out of a group. Errors: EBADF, EADDRNOTAVAIL (it is no member).
    pub fn leave(&mut self, id: SocketId, group: IpAddr, on: Option<InterfaceId>) -> Result<(), Errno> {
        let socket = self.sockets.find_mut(id)?;
        let is_it = |(member, interface): &(IpAddr, InterfaceId)| {
            *member == group && on.is_none_or(|on| on == *interface)
        };
        let at = socket.memberships.iter().position(is_it).ok_or(Errno::EADDRNOTAVAIL)?;
        let (group, interface) = socket.memberships.remove(at);
        self.leave_group(interface, group);
        Ok(())
    }

    fn leave_group(&mut self, interface: InterfaceId, group: IpAddr) {
        let Some(interface) = self.interfaces.get_mut(&interface) else { return };
        interface.groups.retain_mut(|(member, count)| {
            *count -= u32::from(*member == group);
            *count > 0
        });
    }
}

/// Who talks to the address of nobody talks to himself.
fn someone(mut end: SocketAddr) -> SocketAddr {
    if end.ip().is_unspecified() {
        end.set_ip(Version::of(end.ip()).loopback());
    }
    end
}

impl Socket {
    fn path_options(&self, to: SocketAddr) -> Options {
        let options = &self.options;
        let is_group = to.ip().is_multicast();
        Options {
            source: Some(self.local.ip()).filter(|own| !own.is_unspecified() && !own.is_multicast()),
            interface: address::zone(to).or(options.group_interface.filter(|_| is_group)),
            hop_limit: if is_group { Some(options.group_hop_limit) } else { options.hop_limit },
            traffic_class: options.traffic_class,
            dont_fragment: options.dont_fragment,
            may_broadcast: options.broadcast,
            dont_route: options.dont_route,
        }
    }
}
