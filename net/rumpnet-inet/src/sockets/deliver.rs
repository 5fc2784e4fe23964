//! Which socket gets what came.

use super::{Kind, Received, Socket, SocketId, Sockets};
use crate::interface::InterfaceId;
use crate::wire::checksum::pseudo_v4;
use crate::wire::ipv4::{Ipv4, Protocol};
use crate::wire::udp::Udp;
use crate::wire::{Malformed, icmpv4};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
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
        header: &Ipv4,
        mut packet: Packet,
        interface: InterfaceId,
        is_for_many: bool,
    ) -> Result<Delivery, Malformed> {
        let (source, destination) = (header.source, header.destination);
        let ports = Udp::take(&mut packet, |length| pseudo_v4(source, destination, Protocol::UDP, length))?;
        let from = SocketAddrV4::new(source, ports.source);
        let to = SocketAddrV4::new(destination, ports.destination);
        let receivers = if is_for_many {
            self.all_for(to, from, interface)
        } else {
            self.one_for(to, from).into_iter().collect()
        };
        let mut delivery = Delivery::Nobody;
        for id in receivers {
            let received = Received {
                from,
                to: destination,
                interface,
                time_to_live: header.time_to_live,
                traffic_class: header.traffic_class,
                content: packet.clone(),
            };
            let taken = if self.push(id, received) { Delivery::Done } else { Delivery::Full };
            delivery = if delivery == Delivery::Done { Delivery::Done } else { taken };
        }
        Ok(delivery)
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
    fn one_for(&self, to: SocketAddrV4, from: SocketAddrV4) -> Option<SocketId> {
        if let Some(id) = self.connected.get(&(to, from)) {
            return Some(*id);
        }
        let same_port = self.by_port.get(&to.port())?;
        let suits = |id: &&SocketId| {
            let socket = self.all.get(*id);
            socket.is_some_and(|socket| socket.remote.is_none() && socket.has(*to.ip()))
        };
        let is_exact = |id: &SocketId| self.all.get(id).is_some_and(|socket| socket.local.ip() == to.ip());
        let suitable: Vec<SocketId> = same_port.iter().filter(suits).copied().collect();
        let exact: Vec<SocketId> = suitable.iter().copied().filter(is_exact).collect();
        let best = if exact.is_empty() { suitable } else { exact };
        let choice = from.ip().to_bits() as usize ^ usize::from(from.port());
        best.get(choice % best.len().max(1)).copied()
    }

    fn all_for(&self, to: SocketAddrV4, from: SocketAddrV4, interface: InterfaceId) -> Vec<SocketId> {
        let same_port = self.by_port.get(&to.port()).into_iter().flatten();
        let wants = |id: &&SocketId| {
            self.all.get(*id).is_some_and(|socket| {
                let is_member = !to.ip().is_multicast()
                    || socket.memberships.is_empty()
                    || socket.memberships.contains(&(*to.ip(), interface));
                is_member && socket.has(*to.ip()) && socket.remote.is_none_or(|remote| remote == from)
            })
        };
        same_port.filter(wants).copied().collect()
    }

    /// Gives a packet to the raw sockets of its protocol. Answers whether there were any.
    pub fn deliver_raw(&mut self, header: &Ipv4, original: &Packet, interface: InterfaceId) -> bool {
        let is_answered = header.protocol == Protocol::ICMP && is_echo_request(original, header);
        let wants = |id: &&SocketId| {
            self.all.get(*id).is_some_and(|socket| {
                let speaks = socket.kind == Kind::Raw(header.protocol);
                let is_peer = socket.remote.is_none_or(|remote| *remote.ip() == header.source);
                speaks && is_peer && socket.has(header.destination)
            })
        };
        let receivers: Vec<SocketId> = self.raw.iter().filter(wants).copied().collect();
        for id in receivers.iter().filter(|_| !is_answered) {
            let received = Received {
                from: SocketAddrV4::new(header.source, 0),
                to: header.destination,
                interface,
                time_to_live: header.time_to_live,
                traffic_class: header.traffic_class,
                content: original.clone(),
            };
            self.push(*id, received);
        }
        !receivers.is_empty()
    }

    /// A datagram that was sent from `local` to `remote` did not arrive.
    pub fn tell_udp(&mut self, local: (Ipv4Addr, u16), remote: (Ipv4Addr, u16), errno: Errno) {
        let local = SocketAddrV4::new(local.0, local.1);
        let remote = SocketAddrV4::new(remote.0, remote.1);
        // A socket that talks to many would not know what it is about (RFC 1122, section 4.1.3.3, leaves it so).
        let Some(id) = self.connected.get(&(local, remote)) else { return };
        if let Some(socket) = self.all.get_mut(id) {
            socket.error = Some(errno);
            self.changed.push(socket.waiters.clone());
        }
    }
}

impl Socket {
    fn has(&self, address: Ipv4Addr) -> bool {
        self.local.ip().is_unspecified() || *self.local.ip() == address
    }
}

/// The stack answers those itself; programs get all other messages.
fn is_echo_request(original: &Packet, header: &Ipv4) -> bool {
    let mut original = original.clone();
    original.advance(header.header_bytes());
    original.first(icmpv4::HEADER_BYTES).is_some_and(|bytes| bytes[0] == 8)
}
