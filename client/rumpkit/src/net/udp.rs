//! UDP, as `std::net` has it.

use super::address::{ToSocketAddr, family_of, to_kernel};
use super::socket::{Socket, content_methods, socket_methods};
use super::tcp::ttl;
use crate::sockopt::{
    IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_TTL, IPPROTO_IP,
    IPPROTO_IPV6, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, SO_BROADCAST,
    SOL_SOCKET,
};
use crate::{MessageFlags, OpenFlags, Process, SocketType};
use rump_kpi::socket::OptionValue;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

const NONE: MessageFlags = MessageFlags::empty();

/// A socket of datagrams.
#[derive(Debug)]
pub struct UdpSocket(pub(super) Socket);

socket_methods!(UdpSocket);
content_methods!(UdpSocket);

/// A socket with an address.
pub(super) fn bound(process: &Process, address: SocketAddr, flags: OpenFlags) -> io::Result<Socket> {
    let socket = Socket::new(process, family_of(&address), SocketType::Datagram, flags)?;
    socket.bind(&to_kernel(address))?;
    Ok(socket)
}

impl UdpSocket {
    /// A socket at an address; port zero stands for any that is free. Errors: InvalidInput (no address), AddrInUse,
    /// AddrNotAvailable, PermissionDenied (a port below 1024, but for the superuser).
    pub fn bind(process: &Process, address: impl ToSocketAddr) -> io::Result<Self> {
        bound(process, address.to_socket_addr()?, OpenFlags::empty()).map(Self)
    }

    /// Settles whom it sends to and receives from.
    pub fn connect(&self, address: impl ToSocketAddr) -> io::Result<()> {
        Ok(self.0.connect(&to_kernel(address.to_socket_addr()?))?)
    }

    /// Its address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Whom it is connected to.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Sends a datagram to an address.
    pub fn send_to(&self, bytes: &[u8], address: impl ToSocketAddr) -> io::Result<usize> {
        self.0.send_to(bytes, &to_kernel(address.to_socket_addr()?), NONE)
    }

    /// Receives a datagram, cut to the length of the buffer, and says from whom.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer, NONE)
    }

    /// As [`UdpSocket::recv_from`], and leaves the datagram where it is.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer, MessageFlags::PEEK)
    }

    /// Sends a datagram to whom it is connected to.
    pub fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes, NONE)
    }

    /// Receives a datagram, cut to the length of the buffer.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer, NONE)
    }

    /// As [`UdpSocket::recv`], and leaves the datagram where it is.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buffer, MessageFlags::PEEK)
    }

    /// Whether it may send to all hosts of a network.
    pub fn broadcast(&self) -> io::Result<bool> {
        Ok(self.0.number(SOL_SOCKET, SO_BROADCAST)? != 0)
    }

    /// Lets it send to all hosts of a network.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.0.set_number(SOL_SOCKET, SO_BROADCAST, broadcast)
    }

    /// How many routers may pass its packets on.
    pub fn ttl(&self) -> io::Result<u32> {
        ttl(&self.0)
    }

    /// Changes that.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.0.set_number(IPPROTO_IP, IP_TTL, ttl)
    }

    /// Whether members of a group on this host get what it sends there.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        Ok(self.0.number(IPPROTO_IP, IP_MULTICAST_LOOP)? != 0)
    }

    /// Changes that.
    pub fn set_multicast_loop_v4(&self, loops: bool) -> io::Result<()> {
        self.0.set_number(IPPROTO_IP, IP_MULTICAST_LOOP, loops)
    }

    /// How many routers may pass on what it sends to a group.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.0.number(IPPROTO_IP, IP_MULTICAST_TTL)?).unwrap_or_default())
    }

    /// Changes that.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.0.set_number(IPPROTO_IP, IP_MULTICAST_TTL, ttl)
    }

    /// Becomes a member of a group, on the interface with an address, or with 0.0.0.0 on that of the route there.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.set(IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership(group, interface))
    }

    /// Leaves a group.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.0.set(IPPROTO_IP, IP_DROP_MEMBERSHIP, &membership(group, interface))
    }

    /// As [`UdpSocket::multicast_loop_v4`], of IPv6.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        Ok(self.0.number(IPPROTO_IPV6, IPV6_MULTICAST_LOOP)? != 0)
    }

    /// Changes that.
    pub fn set_multicast_loop_v6(&self, loops: bool) -> io::Result<()> {
        self.0.set_number(IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loops)
    }

    /// How many routers may pass on what it sends to a group of IPv6. The standard library has no such method, socket2
    /// has it by this name.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        Ok(u32::try_from(self.0.number(IPPROTO_IPV6, IPV6_MULTICAST_HOPS)?).unwrap_or_default())
    }

    /// Changes that.
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.0.set_number(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops)
    }

    /// Becomes a member of a group of IPv6, on the interface of a number, or with zero on that of the route there.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.set(IPPROTO_IPV6, IPV6_JOIN_GROUP, &membership_v6(group, interface))
    }

    /// Leaves a group of IPv6.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.0.set(IPPROTO_IPV6, IPV6_LEAVE_GROUP, &membership_v6(group, interface))
    }
}

/// `struct ipv6_mreq`.
fn membership_v6(group: &Ipv6Addr, interface: u32) -> OptionValue {
    OptionValue::Bytes([&group.octets()[..], &interface.to_ne_bytes()].concat())
}

/// `struct ip_mreq`.
fn membership(group: &Ipv4Addr, interface: &Ipv4Addr) -> OptionValue {
    OptionValue::Bytes([group.octets(), interface.octets()].concat())
}
