//! Options of sockets, with NetBSD's numbers (setsockopt(2)).

use super::{options_v4, options_v6};
use crate::address::Version;
use crate::sockets::{SocketId, SocketOptions};
use crate::stack::Stack;
use rump_kpi::Errno;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{
    ICMP6_FILTER, IP_DONTFRAG, IP_HDRINCL, IP_MULTICAST_LOOP, IP_MULTICAST_TTL, IP_RECVDSTADDR,
    IP_RECVPKTINFO, IP_RECVTTL, IP_TOS, IP_TTL, IPPROTO_ICMPV6, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP,
    IPPROTO_UDP, IPV6_CHECKSUM, IPV6_DONTFRAG, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_LOOP,
    IPV6_PATHMTU, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_UNICAST_HOPS,
    IPV6_V6ONLY, SO_BROADCAST, SO_DONTROUTE, SO_ERROR, SO_PROTOCOL, SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT,
    SO_SNDBUF, SO_TIMESTAMP, SOL_SOCKET, UDP_GRO, UDP_SEGMENT,
};

/// Which protocol an option is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `SOL_SOCKET`.
    Socket,
    /// `IPPROTO_IP`.
    Ip,
    /// `IPPROTO_IPV6`.
    Ipv6,
    /// `IPPROTO_ICMPV6`.
    Icmpv6,
    /// `IPPROTO_TCP`.
    Tcp,
    /// `IPPROTO_UDP`.
    Udp,
}

impl Level {
    /// Errors: ENOPROTOOPT.
    pub fn of(number: i32) -> Result<Self, Errno> {
        match number {
            SOL_SOCKET => Ok(Self::Socket),
            IPPROTO_IP => Ok(Self::Ip),
            IPPROTO_IPV6 => Ok(Self::Ipv6),
            IPPROTO_ICMPV6 => Ok(Self::Icmpv6),
            IPPROTO_TCP => Ok(Self::Tcp),
            IPPROTO_UDP => Ok(Self::Udp),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }
}

/// The largest buffer.
const MOST_BUFFER: usize = 16 << 20;

/// Changes an option. Errors: ENOPROTOOPT, EINVAL, those of joining and leaving a group.
pub fn set(
    stack: &mut Stack,
    id: SocketId,
    (level, name): (Level, i32),
    value: &OptionValue,
) -> Result<(), Errno> {
    match level {
        Level::Ip => match options_v4::set(stack, id, name, value) {
            Err(Errno::ENOPROTOOPT) => {}
            done => return done,
        },
        Level::Ipv6 | Level::Icmpv6 => match options_v6::set(stack, id, (level, name), value) {
            Err(Errno::ENOPROTOOPT) => {}
            done => return done,
        },
        Level::Socket | Level::Tcp | Level::Udp => {}
    }
    let OptionValue::Number(number) = *value else { return Err(Errno::EINVAL) };
    let socket = stack.sockets.find_mut(id)?;
    let is_of_version = level != Level::Ipv6 || socket.version == Version::V6;
    if level == Level::Udp && !socket.kind.has_ports() {
        return Err(Errno::ENOPROTOOPT);
    }
    let options = &mut socket.options;
    if let Some(switch) = switch(options, level, name).filter(|_| is_of_version) {
        *switch = number != 0;
        return Ok(());
    }
    match (level, name) {
        (Level::Socket, SO_SNDBUF) => options.send_bytes = buffer_of(number)?,
        (Level::Socket, SO_RCVBUF) => options.receive_bytes = buffer_of(number)?,
        (Level::Udp, UDP_SEGMENT) => {
            options.segment_bytes = u16::try_from(number).map_err(|_| Errno::EINVAL)?;
        }
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// What an option is. Errors: ENOPROTOOPT.
pub fn find(stack: &mut Stack, id: SocketId, (level, name): (Level, i32)) -> Result<OptionValue, Errno> {
    let default = stack.settings.hop_limit;
    let socket = stack.sockets.find_mut(id)?;
    if level == Level::Udp && !socket.kind.has_ports() {
        return Err(Errno::ENOPROTOOPT);
    }
    let number = match (level, name) {
        (Level::Socket, SO_ERROR) => socket.take_error().map_or(0, |errno| errno as i64),
        (Level::Socket, SO_PROTOCOL) if socket.kind.has_ports() => 17,
        (Level::Socket, SO_SNDBUF) => socket.options.send_bytes as i64,
        (Level::Socket, SO_RCVBUF) => socket.options.receive_bytes as i64,
        (Level::Ip, IP_TOS) | (Level::Ipv6, IPV6_TCLASS) => socket.options.traffic_class.into(),
        (Level::Ip, IP_TTL) | (Level::Ipv6, IPV6_UNICAST_HOPS) => {
            socket.options.hop_limit.unwrap_or(default).into()
        }
        (Level::Ip, IP_MULTICAST_TTL) | (Level::Ipv6, IPV6_MULTICAST_HOPS) => {
            socket.options.group_hop_limit.into()
        }
        (Level::Ipv6, IPV6_MULTICAST_IF) => socket.options.group_interface.map_or(0, |id| id.0).into(),
        (Level::Ipv6, IPV6_V6ONLY) => socket.options.v6_only.into(),
        (Level::Ipv6, IPV6_CHECKSUM) => socket.options.checksum_at.map_or(-1, i64::from),
        (Level::Udp, UDP_SEGMENT) => socket.options.segment_bytes.into(),
        (Level::Ipv6, IPV6_PATHMTU) => return options_v6::path_mtu(stack, id),
        (Level::Icmpv6, ICMP6_FILTER) => return Ok(options_v6::filter(&socket.options)),
        _ => {
            let switch = switch(&mut socket.options, level, name).ok_or(Errno::ENOPROTOOPT)?;
            i64::from(*switch)
        }
    };
    Ok(OptionValue::Number(number))
}

pub(super) fn buffer_of(number: i64) -> Result<usize, Errno> {
    let bytes = usize::try_from(number).map_err(|_| Errno::EINVAL)?;
    if (1..=MOST_BUFFER).contains(&bytes) { Ok(bytes) } else { Err(Errno::EINVAL) }
}

fn switch(options: &mut SocketOptions, level: Level, name: i32) -> Option<&mut bool> {
    Some(match (level, name) {
        (Level::Socket, SO_REUSEADDR) => &mut options.reuse_address,
        (Level::Socket, SO_REUSEPORT) => &mut options.reuse_port,
        (Level::Socket, SO_DONTROUTE) => &mut options.dont_route,
        (Level::Socket, SO_TIMESTAMP) => &mut options.tells_time,
        (Level::Socket, SO_BROADCAST) => &mut options.broadcast,
        (Level::Ip, IP_MULTICAST_LOOP) | (Level::Ipv6, IPV6_MULTICAST_LOOP) => &mut options.group_loops,
        (Level::Ip, IP_RECVTTL) | (Level::Ipv6, IPV6_RECVHOPLIMIT) => &mut options.tells_hop_limit,
        (Level::Ip, IP_RECVDSTADDR) => &mut options.tells_destination,
        (Level::Ip, IP_RECVPKTINFO) | (Level::Ipv6, IPV6_RECVPKTINFO) => &mut options.tells_address,
        (Level::Ip, IP_DONTFRAG) | (Level::Ipv6, IPV6_DONTFRAG) => &mut options.dont_fragment,
        (Level::Ip, IP_HDRINCL) => &mut options.has_header,
        (Level::Udp, UDP_GRO) => &mut options.coalesces,
        (Level::Ipv6, IPV6_RECVTCLASS) => &mut options.tells_traffic_class,
        _ => return None,
    })
}
