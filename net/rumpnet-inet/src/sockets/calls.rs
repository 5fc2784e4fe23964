//! What programs do with sockets of datagrams.

use super::{Kind, Membership, OVERHEAD, Received, Socket, SocketId};
use crate::address::{self, Version};
use crate::interface::InterfaceId;
use crate::multicast::{Filter, MOST_SOURCES};
use crate::stack::{Options, Path, Stack};
use crate::time::Instant;
use crate::wire::checksum::{self, pseudo};
use crate::wire::icmpv6;
use crate::wire::ipv4::{self, Ipv4, Protocol};
use crate::wire::ipv6;
use crate::wire::udp::{self, Udp};
use core::net::{IpAddr, SocketAddr};
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, Shutdown};

/// Groups that one socket may be a member of.
const MOST_MEMBERSHIPS: usize = 256;

/// The longest content of a packet without options.
fn most_content(version: Version) -> usize {
    match version {
        Version::V4 => ipv4::MOST_BYTES - ipv4::HEADER_BYTES,
        Version::V6 => ipv6::MOST_CONTENT,
    }
}

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

    /// Settles whom a socket talks to; the address and port of nobody take that back.
    ///
    /// Errors: EBADF, EADDRNOTAVAIL (port zero), those of [`Stack::path`], EADDRINUSE.
    pub fn connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), Errno> {
        let socket = self.sockets.find(id)?;
        if remote.ip().is_unspecified() && remote.port() == 0 {
            // To the address of nobody: it is taken back (connect(2)).
            return self.disconnect(id);
        }
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

    /// Sends a datagram, whose content `packet` is. Errors: as [`Stack::send_datagram_by`].
    pub fn send_datagram(
        &mut self,
        now: Instant,
        id: SocketId,
        to: Option<SocketAddr>,
        packet: Packet,
    ) -> Result<(), Errno> {
        self.send_datagram_by(now, id, to, Way::default(), packet)
    }

    /// The same with a say in the way (`IP_PKTINFO`).
    ///
    /// Errors: EBADF, the error that waits, EPIPE (shut down), EISCONN, EDESTADDRREQ, EMSGSIZE, those of
    /// [`Stack::path`].
    pub fn send_datagram_by(
        &mut self,
        now: Instant,
        id: SocketId,
        to: Option<SocketAddr>,
        way: Way,
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
        let to = someone(to);
        let most = most_content(Version::of(to.ip())) - header;
        if packet.len() > most.min(socket.options.send_bytes) && !socket.options.has_header {
            return Err(Errno::EMSGSIZE);
        }
        let (version, mut options, checksum_at) =
            (socket.version, socket.path_options(to), socket.options.checksum_at);
        options.source = way.source.or(options.source);
        options.interface = way.interface.or(options.interface);
        let has_header = socket.options.has_header && version == Version::V4;
        let path = self.path(to.ip(), &options)?;
        if has_header {
            return self.send_whole(now, &path, packet);
        }
        let protocol = match kind {
            Kind::Raw(protocol) => {
                let at = if protocol == Protocol::ICMPV6 { Some(icmpv6::CHECKSUM_AT) } else { checksum_at };
                if let Some(at) = at.filter(|_| version == Version::V6) {
                    put_checksum(&mut packet, at, &path, protocol)?;
                }
                protocol
            }
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

    /// Sends a packet whose header is there: what it lacks is filled in (ip(4)). Errors: EINVAL (no header of IPv4),
    /// EMSGSIZE.
    fn send_whole(&mut self, now: Instant, path: &Path, mut packet: Packet) -> Result<(), Errno> {
        let bytes = packet.first(ipv4::HEADER_BYTES).ok_or(Errno::EINVAL)?;
        let lacks_source = bytes[12..16] == [0; 4];
        let lacks_identification = bytes[4..6] == [0; 2];
        // The checksum and the length are ours to make.
        let total = u16::try_from(packet.len()).map_err(|_| Errno::EMSGSIZE)?;
        packet.overwrite(2, &total.to_be_bytes());
        packet.overwrite(10, &[0; 2]);
        let header_bytes = packet.first(1).map_or(0, |bytes| usize::from(bytes[0] & 0xf) * 4);
        let sum = checksum::of(packet.first(header_bytes.max(ipv4::HEADER_BYTES)).ok_or(Errno::EINVAL)?);
        packet.overwrite(10, &sum.to_be_bytes());
        let mut header = Ipv4::take(&mut packet).map_err(|_| Errno::EINVAL)?;
        if lacks_identification && !header.is_fragment() {
            header.identification = self.next_identification();
        }
        if let (true, IpAddr::V4(source)) = (lacks_source, path.source) {
            header.source = source;
        }
        let path = Path { source: header.source.into(), ..*path };
        self.send_with_header(now, &path, &header, packet)?;
        self.loop_back(now);
        Ok(())
    }

    /// What goes to a group comes back to its members here.
    fn loop_group(&mut self, now: Instant, id: SocketId, path: &Path, protocol: Protocol, packet: &Packet) {
        let loops = self.sockets.find(id).is_ok_and(|socket| socket.options.group_loops);
        let Some(interface) = self.interfaces.get(&path.interface) else { return };
        let is_wanted = (loops && path.destination.is_multicast() && interface.is_member(path.destination))
            || path.is_broadcast;
        // What goes through the loopback is there already.
        if is_wanted && !path.comes_back {
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
        for Membership { group, interface, .. } in socket.memberships {
            self.want_group(interface, group, id, None);
        }
        Ok(())
    }

    /// Makes a socket a member of a group on an interface, by default that of the way there.
    ///
    /// Errors: EBADF, EINVAL (no group), EADDRNOTAVAIL (no interface), EADDRINUSE (it is one).
    pub fn join(&mut self, id: SocketId, group: IpAddr, on: Option<InterfaceId>) -> Result<(), Errno> {
        self.change_membership(id, group, on, |before| match before {
            None => Ok(Some(Filter::all())),
            Some(_) => Err(Errno::EADDRINUSE),
        })
    }

    /// Takes a socket out of a group. Errors: EBADF, EINVAL, EADDRNOTAVAIL (it is no member).
    pub fn leave(&mut self, id: SocketId, group: IpAddr, on: Option<InterfaceId>) -> Result<(), Errno> {
        // Of several interfaces, the first is meant.
        let is_it = |member: &&Membership| member.group == group;
        let first = || Some(self.sockets.find(id).ok()?.memberships.iter().find(is_it)?.interface);
        let on = on.or_else(first);
        self.change_membership(id, group, on, |before| match before {
            Some(_) => Ok(None),
            None => Err(Errno::EADDRNOTAVAIL),
        })
    }

    /// Adds a source to those that a socket wants a group from, or takes it away; with the last one the socket leaves.
    ///
    /// Errors: EBADF, EINVAL (no group, or all sources but some are wanted), EADDRNOTAVAIL (no interface, or the source
    /// is none), EADDRINUSE (it is one), ENOBUFS (there are too many).
    pub fn change_source(
        &mut self,
        id: SocketId,
        group: IpAddr,
        on: Option<InterfaceId>,
        change: SourceChange,
    ) -> Result<(), Errno> {
        self.change_membership(id, group, on, |before| {
            let mut filter = match (before, change) {
                (Some(filter), _) => filter.clone(),
                (None, SourceChange::Add(_)) => Filter::none(),
                (None, _) => return Err(Errno::EADDRNOTAVAIL),
            };
            let (source, adds) = match change {
                SourceChange::Add(source) | SourceChange::Block(source) => (source, true),
                SourceChange::Drop(source) | SourceChange::Unblock(source) => (source, false),
            };
            let excludes = matches!(change, SourceChange::Block(_) | SourceChange::Unblock(_));
            if filter.excludes != excludes || source.is_ipv4() != group.is_ipv4() {
                return Err(Errno::EINVAL);
            }
            let is_changed =
                if adds { filter.sources.insert(source) } else { filter.sources.remove(&source) };
            if !is_changed {
                return Err(Errno::EADDRNOTAVAIL);
            }
            if filter.sources.len() > MOST_SOURCES {
                return Err(Errno::ENOBUFS);
            }
            Ok(Some(filter).filter(|filter| *filter != Filter::none()))
        })
    }

    /// Changes what a socket wants of a group; `None`: nothing. Errors: those of `change`, besides what the callers say.
    fn change_membership(
        &mut self,
        id: SocketId,
        group: IpAddr,
        on: Option<InterfaceId>,
        change: impl FnOnce(Option<&Filter>) -> Result<Option<Filter>, Errno>,
    ) -> Result<(), Errno> {
        if !group.is_multicast() {
            return Err(Errno::EINVAL);
        }
        let interface = self.link_of_group(group, on).ok_or(Errno::EADDRNOTAVAIL)?;
        let socket = self.sockets.find_mut(id)?;
        let is_it = |member: &Membership| (member.group, member.interface) == (group, interface);
        let at = socket.memberships.iter().position(is_it);
        let filter = change(at.map(|at| &socket.memberships[at].filter))?;
        if let Some(at) = at {
            socket.memberships.remove(at);
        } else if socket.memberships.len() >= MOST_MEMBERSHIPS {
            return Err(Errno::ENOBUFS);
        }
        if let Some(filter) = filter.clone() {
            socket.memberships.push(Membership { group, interface, filter });
        }
        self.want_group(interface, group, id, filter);
        Ok(())
    }
}

/// What a sender asks for with a single datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The address to send from.
    pub source: Option<IpAddr>,
    /// The interface to send through: see [`Options`].
    pub interface: Option<InterfaceId>,
}

/// What becomes of a source of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceChange {
    /// It is wanted (`IP_ADD_SOURCE_MEMBERSHIP`).
    Add(IpAddr),
    /// No longer (`IP_DROP_SOURCE_MEMBERSHIP`).
    Drop(IpAddr),
    /// All but this are wanted (`IP_BLOCK_SOURCE`).
    Block(IpAddr),
    /// This as well (`IP_UNBLOCK_SOURCE`).
    Unblock(IpAddr),
}

/// Puts the checksum of a raw socket's packet into its place. Errors: EINVAL (it is shorter).
fn put_checksum(packet: &mut Packet, at: u16, path: &Path, protocol: Protocol) -> Result<(), Errno> {
    let place = usize::from(at);
    if packet.len() < place + 2 {
        return Err(Errno::EINVAL);
    }
    packet.overwrite(place, &[0; 2]);
    let mut sum = pseudo(path.source, path.destination, protocol, packet.len());
    sum.add_packet(packet, 0);
    packet.overwrite(place, &sum.finish().to_be_bytes());
    Ok(())
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
