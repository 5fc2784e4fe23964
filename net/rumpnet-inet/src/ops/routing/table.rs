//! What sysctl(3) tells below `net.route.0`: a family, what is wanted, and an argument.

use super::family::Family;
use super::tell::{self, Said};
use super::{Clock, neighbour};
use crate::interface::InterfaceId;
use crate::ops::network::{addresses_of, interface_info};
use crate::stack::Stack;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use rump_kpi::netbsd::route::*;
use rump_kpi::{AddressFamily, Errno};

/// Which versions of IP are wanted.
#[derive(Clone, Copy)]
struct Wanted {
    v4: bool,
    v6: bool,
}

impl Wanted {
    fn of(family: i32) -> Self {
        let is = |other: AddressFamily| family == other as i32 || family == 0;
        Self { v4: is(AddressFamily::Inet), v6: is(AddressFamily::Inet6) }
    }
}

/// Errors: EINVAL (not three numbers, no such thing, or neighbours of no family).
pub(crate) fn dump(stack: &Stack, clock: Clock, name: &[i32]) -> Result<Vec<u8>, Errno> {
    let [family, what, argument] = *name else { return Err(Errno::EINVAL) };
    let wanted = Wanted::of(family);
    match what {
        NET_RT_DUMP => Ok(bytes(routes(stack, wanted))),
        NET_RT_FLAGS if argument == 0 || argument as u32 & RTF_LLDATA != 0 => match family {
            0 => Err(Errno::EINVAL),
            _ => Ok(bytes(neighbours(stack, clock, wanted))),
        },
        NET_RT_FLAGS => {
            let has_flags = |(header, _): &Said| header.flags & argument as u32 != 0;
            Ok(bytes(routes(stack, wanted).into_iter().filter(has_flags)))
        }
        NET_RT_IFLIST => Ok(interfaces(stack, clock, wanted, argument)),
        _ => Err(Errno::EINVAL),
    }
}

fn bytes(said: impl IntoIterator<Item = Said>) -> Vec<u8> {
    let messages = said.into_iter().map(|(header, addresses)| Message::Route(header, addresses));
    messages.flat_map(|message| message.to_bytes()).collect()
}

fn routes(stack: &Stack, wanted: Wanted) -> Vec<Said> {
    let mut all = Vec::new();
    if wanted.v4 {
        routes_of::<Ipv4Addr>(stack, &mut all);
    }
    if wanted.v6 {
        routes_of::<Ipv6Addr>(stack, &mut all);
        let heard = stack.routers.all().iter();
        all.extend(heard.map(|router| tell::default_router(stack, RTM_GET, router)));
    }
    all
}

/// Those of the table, and the ways to own addresses.
fn routes_of<A: Family>(stack: &Stack, all: &mut Vec<Said>) {
    for route in A::routes(stack).all() {
        all.push(tell::with_interface(stack, tell::route(stack, RTM_GET, &route), route.prefix.address()));
    }
    for (id, interface) in &stack.interfaces {
        for (own, _) in A::own(interface) {
            all.push(tell::with_interface(stack, tell::own(stack, RTM_GET, *id, own), own));
        }
    }
}

fn neighbours(stack: &Stack, clock: Clock, wanted: Wanted) -> Vec<Said> {
    let mut all = Vec::new();
    for id in stack.interfaces.keys() {
        if wanted.v4 {
            all.extend(neighbour::all::<Ipv4Addr>(stack, clock, *id));
        }
        if wanted.v6 {
            all.extend(neighbour::all::<Ipv6Addr>(stack, clock, *id));
        }
    }
    all
}

/// All interfaces, or the one of a number, each with its addresses of the families that are wanted.
fn interfaces(stack: &Stack, clock: Clock, wanted: Wanted, number: i32) -> Vec<u8> {
    let is_wanted = |id: &InterfaceId| number == 0 || u32::try_from(number) == Ok(id.0);
    let mut bytes = Vec::new();
    for (id, interface) in stack.interfaces.iter().filter(|(id, _)| is_wanted(id)) {
        let info = interface_info(*id, interface);
        bytes.extend(tell::interface(&info).to_bytes());
        for own in addresses_of(interface, clock.now) {
            let is_of_family = match own.address {
                IpAddr::V4(_) => wanted.v4,
                IpAddr::V6(_) => wanted.v6,
            };
            if is_of_family {
                bytes.extend(tell::address(RTM_NEWADDR, &info, &own).to_bytes());
            }
        }
    }
    bytes
}
