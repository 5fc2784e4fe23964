//! Options of sockets of datagrams that are IPv4's (ip(4)).

use crate::interface::InterfaceId;
use crate::sockets::{Kind, SocketId, SourceChange};
use crate::stack::Stack;
use core::net::Ipv4Addr;
use rump_kpi::Errno;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{
    IP_ADD_MEMBERSHIP, IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_DROP_MEMBERSHIP,
    IP_DROP_SOURCE_MEMBERSHIP, IP_HDRINCL, IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_TOS, IP_TTL,
    IP_UNBLOCK_SOURCE,
};

/// Changes an option. Errors: ENOPROTOOPT (none of these), EINVAL, those of joining and leaving a group.
pub fn set(stack: &mut Stack, id: SocketId, name: i32, value: &OptionValue) -> Result<(), Errno> {
    match name {
        IP_ADD_MEMBERSHIP | IP_DROP_MEMBERSHIP => {
            let [group, interface] = addresses(value)?;
            let on = interface_of(stack, interface)?;
            return match name {
                IP_ADD_MEMBERSHIP => stack.join(id, group.into(), on),
                _ => stack.leave(id, group.into(), on),
            };
        }
        IP_ADD_SOURCE_MEMBERSHIP | IP_DROP_SOURCE_MEMBERSHIP | IP_BLOCK_SOURCE | IP_UNBLOCK_SOURCE => {
            let [group, source, interface] = addresses(value)?;
            let on = interface_of(stack, interface)?;
            let change = match name {
                IP_ADD_SOURCE_MEMBERSHIP => SourceChange::Add(source.into()),
                IP_DROP_SOURCE_MEMBERSHIP => SourceChange::Drop(source.into()),
                IP_BLOCK_SOURCE => SourceChange::Block(source.into()),
                _ => SourceChange::Unblock(source.into()),
            };
            return stack.change_source(id, group.into(), on, change);
        }
        IP_MULTICAST_IF => {
            let [interface] = addresses(value)?;
            let interface = interface_of(stack, interface)?;
            stack.sockets.find_mut(id)?.options.group_interface = interface;
            return Ok(());
        }
        _ => {}
    }
    let socket = stack.sockets.find_mut(id)?;
    if name == IP_HDRINCL && !matches!(socket.kind, Kind::Raw(_)) {
        return Err(Errno::EINVAL);
    }
    let OptionValue::Number(number) = *value else { return Err(Errno::EINVAL) };
    let byte = || u8::try_from(number).map_err(|_| Errno::EINVAL);
    let options = &mut socket.options;
    match name {
        IP_TOS => options.traffic_class = byte()?,
        IP_TTL if number == -1 => options.hop_limit = None,
        IP_TTL if number != 0 => options.hop_limit = Some(byte()?),
        IP_TTL => return Err(Errno::EINVAL),
        IP_MULTICAST_TTL => options.group_hop_limit = byte()?,
        _ => return Err(Errno::ENOPROTOOPT),
    }
    Ok(())
}

/// A structure of addresses alone: `struct ip_mreq` has a group and an interface, `struct ip_mreq_source` a source between
/// them.
fn addresses<const COUNT: usize>(value: &OptionValue) -> Result<[Ipv4Addr; COUNT], Errno> {
    let OptionValue::Bytes(bytes) = value else { return Err(Errno::EINVAL) };
    let mut addresses = [Ipv4Addr::UNSPECIFIED; COUNT];
    for (at, address) in addresses.iter_mut().enumerate() {
        let octets = bytes.get(at * 4..at * 4 + 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        *address = octets.ok_or(Errno::EINVAL)?.into();
    }
    Ok(addresses)
}

/// The interface with an address, none for none. Errors: EADDRNOTAVAIL.
fn interface_of(stack: &Stack, address: Ipv4Addr) -> Result<Option<InterfaceId>, Errno> {
    if address.is_unspecified() {
        return Ok(None);
    }
    let found = stack.interfaces.iter().find(|(_, interface)| interface.has_address(address));
    found.map(|(id, _)| Some(*id)).ok_or(Errno::EADDRNOTAVAIL)
}
