//! Options of sockets, with NetBSD's numbers (setsockopt(2), ip(4)).

use crate::interface::InterfaceId;
use crate::sockets::{SocketId, SocketOptions};
use crate::stack::Stack;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use rump_kpi::Errno;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{
    IP_ADD_MEMBERSHIP, IP_DONTFRAG, IP_DROP_MEMBERSHIP, IP_MULTICAST_IF, IP_MULTICAST_LOOP, IP_MULTICAST_TTL,
    IP_RECVPKTINFO, IP_RECVTTL, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_TCP, SO_BROADCAST, SO_DONTROUTE,
    SO_ERROR, SO_PROTOCOL, SO_RCVBUF, SO_REUSEADDR, SO_REUSEPORT, SO_SNDBUF, SOL_SOCKET,
};

/// Which protocol an option is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `SOL_SOCKET`.
    Socket,
    /// `IPPROTO_IP`.
    Ip,
    /// `IPPROTO_TCP`.
    Tcp,
}

impl Level {
    /// Errors: ENOPROTOOPT.
    pub fn of(number: i32) -> Result<Self, Errno> {
        match number {
            SOL_SOCKET => Ok(Self::Socket),
            IPPROTO_IP => Ok(Self::Ip),
            IPPROTO_TCP => Ok(Self::Tcp),
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
    match (level, name) {
        (Level::Ip, IP_ADD_MEMBERSHIP | IP_DROP_MEMBERSHIP) => {
            let (group, interface) = membership(stack, value)?;
            return match name {
                IP_ADD_MEMBERSHIP => stack.join(id, group, interface),
                _ => stack.leave(id, group, interface),
            };
        }
        (Level::Ip, IP_MULTICAST_IF) => {
            let interface = interface_of(stack, &bytes_of(value, 4)?)?;
            stack.sockets.find_mut(id)?.options.group_interface = interface;
            return Ok(());
        }
        _ => {}
    }
    let OptionValue::Number(number) = *value else { return Err(Errno::EINVAL) };
    let options = &mut stack.sockets.find_mut(id)?.options;
    if let Some(switch) = switch(options, level, name) {
        *switch = number != 0;
        return Ok(());
    }
    let byte = || u8::try_from(number).map_err(|_| Errno::EINVAL);
    match (level, name) {
        (Level::Socket, SO_SNDBUF) => options.send_bytes = buffer_of(number)?,
        (Level::Socket, SO_RCVBUF) => options.receive_bytes = buffer_of(number)?,
        (Level::Ip, IP_TOS) => options.traffic_class = byte()?,
        (Level::Ip, IP_TTL) if number == -1 => options.hop_limit = None,
        (Level::Ip, IP_TTL) if number != 0 => options.hop_limit = Some(byte()?),
        (Level::Ip, IP_TTL) => return Err(Errno::EINVAL),
        (Level::Ip, IP_MULTICAST_TTL) => options.group_hop_limit = byte()?,
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// What an option is. Errors: ENOPROTOOPT.
pub fn find(stack: &mut Stack, id: SocketId, (level, name): (Level, i32)) -> Result<OptionValue, Errno> {
    let default = stack.settings.hop_limit;
    let socket = stack.sockets.find_mut(id)?;
    let number = match (level, name) {
        (Level::Socket, SO_ERROR) => socket.take_error().map_or(0, |errno| errno as i64),
        (Level::Socket, SO_PROTOCOL) if socket.kind.has_ports() => 17,
        (Level::Socket, SO_SNDBUF) => socket.options.send_bytes as i64,
        (Level::Socket, SO_RCVBUF) => socket.options.receive_bytes as i64,
        (Level::Ip, IP_TOS) => socket.options.traffic_class.into(),
        (Level::Ip, IP_TTL) => socket.options.hop_limit.unwrap_or(default).into(),
        (Level::Ip, IP_MULTICAST_TTL) => socket.options.group_hop_limit.into(),
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
        (Level::Socket, SO_BROADCAST) => &mut options.broadcast,
        (Level::Ip, IP_MULTICAST_LOOP) => &mut options.group_loops,
        (Level::Ip, IP_RECVTTL) => &mut options.tells_hop_limit,
        (Level::Ip, IP_RECVPKTINFO) => &mut options.tells_address,
        (Level::Ip, IP_DONTFRAG) => &mut options.dont_fragment,
        _ => return None,
    })
}

fn bytes_of(value: &OptionValue, least: usize) -> Result<Vec<u8>, Errno> {
    match value {
        OptionValue::Bytes(bytes) if bytes.len() >= least => Ok(bytes.clone()),
        _ => Err(Errno::EINVAL),
    }
}

/// `struct ip_mreq`: a group, and an address of an interface or none.
fn membership(stack: &Stack, value: &OptionValue) -> Result<(IpAddr, Option<InterfaceId>), Errno> {
    let bytes = bytes_of(value, 8)?;
    let group = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
    Ok((group.into(), interface_of(stack, &bytes[4..8])?))
}

/// The interface with an address, none for none. Errors: EADDRNOTAVAIL.
fn interface_of(stack: &Stack, bytes: &[u8]) -> Result<Option<InterfaceId>, Errno> {
    let address = Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]);
    if address.is_unspecified() {
        return Ok(None);
    }
    let found = stack.interfaces.iter().find(|(_, interface)| interface.has_address(address));
    found.map(|(id, _)| Some(*id)).ok_or(Errno::EADDRNOTAVAIL)
}
