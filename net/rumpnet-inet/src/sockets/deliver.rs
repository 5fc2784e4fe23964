//! Which socket gets what came.

use super::{Kind, Received, Socket, SocketId, Sockets};
use crate::address::{Version, endpoint};
use crate::interface::InterfaceId;
use crate::stack::Told;
use crate::time::Instant;
use crate::wire::Malformed;
use crate::wire::checksum::pseudo;
use crate::wire::ip::IpHeader;
use crate::wire::ipv4::Protocol;
use crate::wire::udp::Udp;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use rump_kpi::Errno;
use rump_kpi::packet::Packet;

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Somebody has it.
    Done,
    /// Whoever it is for has no room.
    Full,
    /// It is for nobody.
    Nobody,
}

impl Sockets {
    /// Gives a datagram to its socket; one for many, to all who want it. Errors: it is malformed.
    pub fn deliver_udp(
        &mut self,
        now: Instant,
        header: &IpHeader,
        mut packet: Packet,
        interface: InterfaceId,
        is_for_many: bool,
    ) -> Result<Delivery, Malformed> {
        let (source, destination) = (header.source, header.destination);
        let ports = Udp::take(&mut packet, |length| pseudo(source, destination, Protocol::UDP, length))?;
        let from = endpoint(source, ports.source, interface);
        let to = endpoint(destination, ports.destination, interface);
        let receivers = if is_for_many {
            self.all_for(to, from, interface)
        } else {
            self.one_for(to, from).into_iter().collect()
        };
        let mut delivery = Delivery::Nobody;
        let segment_bytes = packet.segmentation.take().map(|cut| cut.size);
        let received = Received {
            from,
            to: destination,
            interface,
            arrived: now,
            hop_limit: header.hop_limit,
            traffic_class: header.traffic_class,
            content: packet,
            segment_bytes,
        };
        let last = receivers.len().saturating_sub(1);
        let mut received = Some(received);
        for (count, id) in receivers.into_iter().enumerate() {
            // Most datagrams are for one, who needs no copy.
            let own = if count == last { received.take() } else { received.clone() };
            let was_taken = own.is_some_and(|own| self.push_datagrams(id, own));
            let taken = if was_taken { Delivery::Done } else { Delivery::Full };
            delivery = if delivery == Delivery::Done { Delivery::Done } else { taken };
        }
        Ok(delivery)
    }

    /// Gives a socket what may be several datagrams: one by one, unless it takes them together. Answers whether it took
    /// any.
    fn push_datagrams(&mut self, id: SocketId, received: Received) -> bool {
        let coalesces = self.all.get(&id).is_some_and(|socket| socket.options.coalesces);
        let Some(size) = received.segment_bytes.filter(|size| !coalesces && *size != 0) else {
            return self.push(id, received);
        };
        let (total, size) = (received.content.len(), usize::from(size));
        let mut was_taken = false;
        for at in (0..total).step_by(size) {
            let content = received.content.slice(at, size.min(total - at));
            was_taken |= self.push(id, Received { content, segment_bytes: None, ..received });
        }
        was_taken
    }

    fn push(&mut self, id: SocketId, received: Received) -> bool {
        let Some(socket) = self.all.get_mut(&id) else { return false };
        let was_taken = socket.push(received);
        if was_taken {
            self.changed.push(socket.waiters.clone());
        }
        was_taken
    }

    /// The socket that a datagram suits best: connected to its sender, else with just that address, else with any. Of
    /// several that share a port, its sender decides which.
    fn one_for(&self, to: SocketAddr, from: SocketAddr) -> Option<SocketId> {
        if let Some(id) = self.connected.get(&(to, from)) {
            return Some(*id);
        }
        let same_port = self.by_port.get(&to.port())?;
        let suits = |id: &&SocketId| {
            let socket = self.all.get(*id);
            socket.is_some_and(|socket| socket.remote.is_none() && socket.has(to.ip()))
        };
        let is_exact = |id: &SocketId| self.all.get(id).is_some_and(|socket| socket.local.ip() == to.ip());
        let suitable: Vec<SocketId> = same_port.iter().filter(suits).copied().collect();
        let exact: Vec<SocketId> = suitable.iter().copied().filter(is_exact).collect();
        let best = if exact.is_empty() { suitable } else { exact };
        let choice = spread(from);
        best.get(choice % best.len().max(1)).copied()
    }

    fn all_for(&self, to: SocketAddr, from: SocketAddr, interface: InterfaceId) -> Vec<SocketId> {
        let same_port = self.by_port.get(&to.port()).into_iter().flatten();
        let wants = |id: &&SocketId| {
            self.all.get(*id).is_some_and(|socket| {
                let is_member = !to.ip().is_multicast() || socket.wants(to.ip(), interface, from.ip());
                is_member && socket.has(to.ip()) && socket.remote.is_none_or(|remote| remote == from)
            })
        };
        same_port.filter(wants).copied().collect()
    }

    /// Gives a packet, or its content, to the raw sockets of its protocol. Those of `is_answered` the stack answers
    /// itself. Answers whether there were any.
    pub fn deliver_raw(
        &mut self,
        now: Instant,
        header: &IpHeader,
        packet: &Packet,
        interface: InterfaceId,
        is_answered: bool,
    ) -> bool {
        let wants = |id: &&SocketId| {
            self.all.get(*id).is_some_and(|socket| {
                let speaks =
                    socket.kind == Kind::Raw(header.protocol) && socket.version == Version::of(header.source);
                let is_peer = socket.remote.is_none_or(|remote| remote.ip() == header.source);
                let is_member = !header.destination.is_multicast()
                    || socket.wants(header.destination, interface, header.source);
                speaks
                    && is_peer
                    && is_member
                    && socket.has(header.destination)
                    && socket.passes(header, packet)
            })
        };
        let receivers: Vec<SocketId> = self.raw.iter().filter(wants).copied().collect();
        for id in receivers.iter().filter(|_| !is_answered) {
            let received = Received {
                from: endpoint(header.source, 0, interface),
                to: header.destination,
                interface,
                arrived: now,
                hop_limit: header.hop_limit,
                traffic_class: header.traffic_class,
                content: packet.clone(),
                segment_bytes: None,
            };
            self.push(*id, received);
        }
        !receivers.is_empty()
    }

    /// Whether a datagram from `local` to `remote` can have been sent by a socket.
    pub fn may_have_sent(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        let may_be = |id: &SocketId| {
            self.all.get(id).is_some_and(|socket| {
                socket.remote.is_none_or(|other| other == remote) && socket.has(local.ip())
            })
        };
        self.by_port.get(&local.port()).into_iter().flatten().any(may_be)
    }

    /// A datagram that was sent from `local` to `remote` did not arrive.
    pub fn tell_udp(&mut self, local: SocketAddr, remote: SocketAddr, what: Told) {
        // A socket that talks to many would not know what it is about (RFC 1122, section 4.1.3.3, leaves it so).
        let Some(id) = self.connected.get(&(local, remote)).copied() else { return };
        self.tell(id, what);
    }

    /// Whether there are raw sockets of a protocol.
    pub fn has_raw(&self, protocol: Protocol, version: Version) -> bool {
        self.raw_of(protocol, version).next().is_some()
    }

    fn raw_of(&self, protocol: Protocol, version: Version) -> impl Iterator<Item = SocketId> + '_ {
        let is_it = move |id: &&SocketId| {
            let is_it = |socket: &Socket| socket.kind == Kind::Raw(protocol) && socket.version == version;
            self.all.get(*id).is_some_and(is_it)
        };
        self.raw.iter().filter(is_it).copied()
    }

    /// A packet that raw sockets sent to `remote` did not arrive.
    pub fn tell_raw(&mut self, protocol: Protocol, remote: IpAddr, what: Told) {
        let all: Vec<SocketId> = self.raw_of(protocol, Version::of(remote)).collect();
        for id in all {
            let is_his = |socket: &Socket| socket.remote.is_some_and(|other| other.ip() == remote);
            if self.all.get(&id).is_some_and(is_his) {
                self.tell(id, what);
            }
        }
    }

    fn tell(&mut self, id: SocketId, what: Told) {
        let Some(socket) = self.all.get_mut(&id) else { return };
        let errno = match what {
            Told::Unreachable { errno, .. } => errno,
            // What is sent next is cut, unless that is not wanted.
            Told::PacketTooBig { .. } if socket.options.dont_fragment => Errno::EMSGSIZE,
            Told::PacketTooBig { .. } => return,
        };
        socket.error = Some(errno);
        self.changed.push(socket.waiters.clone());
    }
}

/// A number that tells senders apart.
fn spread(from: SocketAddr) -> usize {
    let address = match from.ip() {
        IpAddr::V4(address) => address.to_bits() as usize,
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (bits ^ (bits >> 64)) as usize
        }
    };
    address ^ usize::from(from.port())
}
