//! Options of sockets of datagrams that are IPv6's and ICMPv6's (ip6(4), icmp6(4); RFC 3493, RFC 3542).

use super::options::Level;
use crate::address::Version;
use crate::interface::InterfaceId;
use crate::sockets::{Kind, SocketId, SocketOptions};
use crate::stack::{Options, Stack};
use crate::wire::ipv4::Protocol;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use rump_kpi::Errno;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{
    ICMP6_FILTER, IPV6_CHECKSUM, IPV6_JOIN_GROUP, IPV6_LEAVE_GROUP, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_IF,
    IPV6_TCLASS, IPV6_UNICAST_HOPS, IPV6_V6ONLY,
};

/// Changes an option. Errors: ENOPROTOOPT (none of these, or the socket is IPv4's), EINVAL, ENXIO (no such interface),
/// those of joining and leaving a group.
pub fn set(
    stack: &mut Stack,
    id: SocketId,
    (level, name): (Level, i32),
    value: &OptionValue,
) -> Result<(), Errno> {
    let socket = stack.sockets.find_mut(id)?;
    if socket.version != Version::V6 {
        return Err(Errno::ENOPROTOOPT);
    }
    match (level, name) {
        (Level::Icmpv6, ICMP6_FILTER) => return set_filter(&mut socket.options, value),
        (Level::Ipv6, IPV6_JOIN_GROUP | IPV6_LEAVE_GROUP) => {
            let (group, on) = membership(value)?;
            let on = known(stack, on)?;
            return match name {
                IPV6_JOIN_GROUP => stack.join(id, group.into(), on),
                _ => stack.leave(id, group.into(), on),
            };
        }
        (Level::Ipv6, _) => {}
        _ => return Err(Errno::ENOPROTOOPT),
    }
    let OptionValue::Number(number) = *value else { return Err(Errno::EINVAL) };
    // -1 stands for what is usual (RFC 3542, sections 6.3 and 6.5).
    let byte = || match number {
        -1 => Ok(None),
        number => u8::try_from(number).map(Some).map_err(|_| Errno::EINVAL),
    };
    let (kind, is_bound) = (socket.kind, socket.local.port() != 0);
    let options = &mut socket.options;
    match name {
        IPV6_UNICAST_HOPS => options.hop_limit = byte()?,
        IPV6_TCLASS => options.traffic_class = byte()?.unwrap_or(0),
        IPV6_MULTICAST_HOPS => options.group_hop_limit = byte()?.unwrap_or(1),
        IPV6_MULTICAST_IF => {
            let on = u32::try_from(number).map_err(|_| Errno::EINVAL)?;
            let on = known(stack, on)?;
            stack.sockets.find_mut(id)?.options.group_interface = on;
        }
        // Others may have been let in by its address.
        IPV6_V6ONLY if is_bound => return Err(Errno::EINVAL),
        IPV6_V6ONLY => options.v6_only = number != 0,
        // That of ICMPv6 is always made (RFC 3542, section 3.1).
        IPV6_CHECKSUM if !matches!(kind, Kind::Raw(protocol) if protocol != Protocol::ICMPV6) => {
            return Err(Errno::EINVAL);
        }
        IPV6_CHECKSUM if number == -1 => options.checksum_at = None,
        IPV6_CHECKSUM => {
            let at = u16::try_from(number).ok().filter(|at| at % 2 == 0);
            options.checksum_at = Some(at.ok_or(Errno::EINVAL)?);
        }
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// How long packets to whom a socket is connected to may be. Errors: ENOTCONN, those of [`Stack::path`].
pub fn path_mtu(stack: &Stack, id: SocketId) -> Result<OptionValue, Errno> {
    let remote = stack.sockets.find(id)?.remote.ok_or(Errno::ENOTCONN)?;
    let options = Options { interface: crate::address::zone(remote), ..Options::default() };
    Ok(OptionValue::Number(stack.path(remote.ip(), &options)?.mtu.into()))
}

/// `struct icmp6_filter`: eight words, each bit of which keeps a type away.
pub fn filter(options: &SocketOptions) -> OptionValue {
    OptionValue::Bytes(options.blocked_types.iter().flat_map(|word| word.to_ne_bytes()).collect())
}

fn set_filter(options: &mut SocketOptions, value: &OptionValue) -> Result<(), Errno> {
    let OptionValue::Bytes(bytes) = value else { return Err(Errno::EINVAL) };
    let words: Vec<u32> =
        bytes.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]])).collect();
    options.blocked_types = words.try_into().map_err(|_| Errno::EINVAL)?;
    Ok(())
}

/// `struct ipv6_mreq`: a group, and the number of an interface or zero.
fn membership(value: &OptionValue) -> Result<(Ipv6Addr, u32), Errno> {
    let OptionValue::Bytes(bytes) = value else { return Err(Errno::EINVAL) };
    let group = bytes.get(..16).and_then(|octets| <[u8; 16]>::try_from(octets).ok());
    let on = bytes.get(16..20).and_then(|number| <[u8; 4]>::try_from(number).ok());
    let (group, on) = group.zip(on).ok_or(Errno::EINVAL)?;
    Ok((group.into(), u32::from_ne_bytes(on)))
}

/// The interface of a number, none for zero. Errors: ENXIO.
fn known(stack: &Stack, number: u32) -> Result<Option<InterfaceId>, Errno> {
    match InterfaceId(number) {
        InterfaceId(0) => Ok(None),
        id if stack.interfaces.contains_key(&id) => Ok(Some(id)),
        _ => Err(Errno::ENXIO),
    }
}
