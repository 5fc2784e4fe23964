//! Requests about who has which hardware address (`RTF_LLDATA`), as arp(8) and ndp(8) make them.

use super::Clock;
use super::family::Family;
use super::tell::Said;
use crate::interface::{Interface, InterfaceId};
use crate::neighbour::Known;
use crate::route::Via;
use crate::stack::Stack;
use crate::wire::ethernet::MacAddress;
use alloc::vec::Vec;
use rump_kpi::Errno;
use rump_kpi::netbsd::interface::IFT_ETHER;
use rump_kpi::netbsd::route::*;

/// What is said of one. One that lasts and that nobody vouches for ends now: it goes when there are too many.
fn said<A: Family>(clock: Clock, kind: u8, id: InterfaceId, known: &Known<A>) -> Said {
    let hardware = known.hardware.map(|hardware| hardware.0.to_vec()).unwrap_or_default();
    let said_so = if known.is_static { RTF_STATIC } else { 0 };
    let mut header = RtMsghdr {
        index: id.0 as u16,
        flags: RTF_UP | RTF_HOST | RTF_LLDATA | said_so,
        ..RtMsghdr::new(kind)
    };
    header.metrics.expires = match known.until {
        None if known.is_static => 0,
        None => clock.wall,
        Some(until) => clock.wall_at(until),
    };
    let link = LinkAddress { index: id.0 as u16, kind: IFT_ETHER, name: Vec::new(), hardware };
    let addresses = Addresses {
        destination: Some(Address::of_ip(known.address.into(), id.0)),
        gateway: Some(Address::Link(link)),
        ..Addresses::default()
    };
    (header, addresses)
}

/// All on the link of an interface, in order of addresses.
pub(super) fn all<A: Family>(stack: &Stack, clock: Clock, id: InterfaceId) -> Vec<Said> {
    let neighbours = stack.interfaces.get(&id).and_then(A::neighbours);
    let mut known: Vec<Known<A>> = neighbours.into_iter().flat_map(|table| table.all()).collect();
    known.sort_by_key(|known| known.address);
    known.iter().map(|known| said(clock, RTM_GET, id, known)).collect()
}

/// One, if it is known, at an interface or at any.
pub(super) fn find<A: Family>(
    stack: &Stack,
    clock: Clock,
    kind: u8,
    at: Option<InterfaceId>,
    address: A,
) -> Option<(InterfaceId, Said)> {
    let candidates = stack.interfaces.iter().filter(|(id, _)| at.is_none_or(|at| at == **id));
    let mut known = candidates.filter_map(|(id, on)| Some((*id, A::neighbours(on)?.find(address)?)));
    known.next().map(|(id, known)| (id, said(clock, kind, id, &known)))
}

/// Says where one is. Errors: EOPNOTSUPP (others are to be answered for it), EINVAL (no hardware address of a host, or the
/// interface is not one of Ethernet), ENETUNREACH (it is on no link), ENOBUFS.
pub(super) fn add<A: Family>(
    stack: &mut Stack,
    clock: Clock,
    (header, addresses): (&RtMsghdr, &Addresses),
    at: Option<InterfaceId>,
    address: A,
) -> Result<Said, Errno> {
    if header.flags & RTF_ANNOUNCE != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let link = addresses.gateway.as_ref().and_then(Address::link).ok_or(Errno::EINVAL)?;
    let hardware = link.hardware.as_slice().try_into().map(MacAddress).map_err(|_| Errno::EINVAL)?;
    if hardware.is_group() {
        return Err(Errno::EINVAL);
    }
    let of_route = || A::routes(stack).lookup(address).filter(|route| route.via == Via::Link);
    let id = at.or_else(|| of_route().map(|route| route.interface)).ok_or(Errno::ENETUNREACH)?;
    let ends = header.inits & RTV_EXPIRE != 0 && header.metrics.expires != 0;
    let until = ends.then(|| clock.at_wall(header.metrics.expires));
    let interface = stack.interfaces.get_mut(&id).ok_or(Errno::ENETUNREACH)?;
    let own = interface.hardware().ok_or(Errno::EINVAL)?;
    let neighbours = A::neighbours_mut(interface).ok_or(Errno::EINVAL)?;
    for packet in neighbours.set_static(address, hardware, until)? {
        stack.send_frame(id, (own, hardware), A::ETHER_TYPE, packet);
    }
    find(stack, clock, header.kind, Some(id), address).map(|(_, said)| said).ok_or(Errno::ENOBUFS)
}

/// Forgets one. Errors: ESRCH.
pub(super) fn remove<A: Family>(
    stack: &mut Stack,
    clock: Clock,
    kind: u8,
    at: Option<InterfaceId>,
    address: A,
) -> Result<Said, Errno> {
    let (id, said) = find(stack, clock, kind, at, address).ok_or(Errno::ESRCH)?;
    let neighbours = stack.interfaces.get_mut(&id).and_then(|on: &mut Interface| A::neighbours_mut(on));
    neighbours.ok_or(Errno::ESRCH)?.remove(address);
    Ok(said)
}
