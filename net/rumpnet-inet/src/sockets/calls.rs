//! What programs do with sockets of datagrams.

use super::{Kind, OVERHEAD, Received, Socket, SocketId};
use crate::interface::InterfaceId;
use crate::stack::{Options, Path, Stack};
use crate::time::Instant;
use crate::wire::checksum::pseudo_v4;
use crate::wire::ipv4::{self, Protocol};
use crate::wire::udp::{self, Udp};
use core::net::{Ipv4Addr, SocketAddrV4};
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, Shutdown};

/// The longest content of a packet of IP without options.
const MOST_CONTENT: usize = ipv4::MOST_BYTES - ipv4::HEADER_BYTES;

impl Stack {
    /// A socket of UDP.
    pub fn udp_socket(&mut self) -> SocketId {
        self.sockets.add(Kind::Udp)
    }

    /// A raw socket of a protocol.
    pub fn raw_socket(&mut self, protocol: Protocol) -> SocketId {
        self.sockets.add(Kind::Raw(protocol))
    }

    /// Gives a socket an address. Errors: EBADF, EADDRNOTAVAIL (it is not one of this host, of all, or of a group),
    /// EINVAL (it has one), EADDRINUSE.
    pub fn bind(&mut self, id: SocketId, address: SocketAddrV4) -> Result<(), Errno> {
        let ip = *address.ip();
        let kind = self.sockets.find(id)?.kind;
        let is_of_all = || self.interfaces.values().any(|interface| interface.is_broadcast(ip));
        if !ip.is_unspecified() && !ip.is_multicast() && !self.is_local(ip) && !is_of_all() {
            return Err(Errno::EADDRNOTAVAIL);
        }
        match kind {
            Kind::Udp => self.sockets.bind_udp(id, address),
            Kind::Raw(_) => {
                self.sockets.find_mut(id)?.local = SocketAddrV4::new(ip, 0);
                Ok(())
            }
        }
    }

    /// Settles whom a socket talks to. Errors: EBADF, EADDRNOTAVAIL (port zero), those of [`Stack::path`], EADDRINUSE.
    pub fn connect(&mut self, id: SocketId, remote: SocketAddrV4) -> Result<(), Errno> {
        let socket = self.sockets.find(id)?;
        if remote.port() == 0 && socket.kind == Kind::Udp {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let remote = match remote.ip().is_unspecified() {
            true => SocketAddrV4::new(Ipv4Addr::LOCALHOST, remote.port()),
            false => remote,
        };
        let path = self.path(*remote.ip(), &socket.path_options(*remote.ip()))?;
        self.sockets.connect(id, path.source, remote)
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
        to: Option<SocketAddrV4>,
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
        let to =
            if to.ip().is_unspecified() { SocketAddrV4::new(Ipv4Addr::LOCALHOST, to.port()) } else { to };
        let options = socket.path_options(*to.ip());
        let path = self.path(*to.ip(), &options)?;
        let protocol = match kind {
            Kind::Raw(protocol) => protocol,
            Kind::Udp => {
                if to.port() == 0 {
                    return Err(Errno::EADDRNOTAVAIL);
                }
                if self.sockets.find(id)?.local.port() == 0 {
                    self.sockets.bind_udp(id, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0))?;
                }
                let ports = Udp { source: self.sockets.find(id)?.local.port(), destination: to.port() };
                ports.emit(&mut packet, |length| pseudo_v4(path.source, *to.ip(), Protocol::UDP, length));
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
    pub fn join(&mut self, id: SocketId, group: Ipv4Addr, on: Option<InterfaceId>) -> Result<(), Errno> {
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
    pub fn leave(&mut self, id: SocketId, group: Ipv4Addr, on: Option<InterfaceId>) -> Result<(), Errno> {
        let socket = self.sockets.find_mut(id)?;
        let is_it = |(member, interface): &(Ipv4Addr, InterfaceId)| {
            *member == group && on.is_none_or(|on| on == *interface)
        };
        let at = socket.memberships.iter().position(is_it).ok_or(Errno::EADDRNOTAVAIL)?;
        let (group, interface) = socket.memberships.remove(at);
        self.leave_group(interface, group);
        Ok(())
    }

    fn leave_group(&mut self, interface: InterfaceId, group: Ipv4Addr) {
        let Some(interface) = self.interfaces.get_mut(&interface) else { return };
        interface.groups.retain_mut(|(member, count)| {
            *count -= u32::from(*member == group);
            *count > 0
        });
    }
}

impl Socket {
    fn path_options(&self, to: Ipv4Addr) -> Options {
        let options = &self.options;
        let is_group = to.is_multicast();
        Options {
            source: Some(*self.local.ip()).filter(|own| !own.is_unspecified() && !own.is_multicast()),
            interface: options.group_interface.filter(|_| is_group),
            time_to_live: if is_group { Some(options.group_time_to_live) } else { options.time_to_live },
            traffic_class: options.traffic_class,
            dont_fragment: options.dont_fragment,
            may_broadcast: options.broadcast,
            dont_route: options.dont_route,
        }
    }
}
