//! What becomes of a request: adding, taking away, changing and asking for a route.

use super::family::Family;
use super::hub::forget_changes;
use super::tell::{self, Said};
use super::{Clock, neighbour};
use crate::address::Prefix;
use crate::interface::InterfaceId;
use crate::route::{Route, Via};
use crate::stack::{LOOPBACK, Stack};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use rump_kpi::Errno;
use rump_kpi::netbsd::route::*;

/// What is asked for.
struct Request<'a, A> {
    header: &'a RtMsghdr,
    addresses: &'a Addresses,
    destination: A,
    /// Which prefix, if the length of one was said.
    prefix: Option<Prefix<A>>,
    /// The interface that was named, whether it is there or not.
    interface: Option<InterfaceId>,
}

/// Does what is asked for; answers what is said of it.
///
/// Errors: EINVAL (no destination, no gateway), EAFNOSUPPORT (a family without routes, or a router of another), EOPNOTSUPP
/// (another type of request), ENETUNREACH (the gateway is on no link), EEXIST, ESRCH, those of neighbours.
pub(super) fn answer(
    stack: &mut Stack,
    clock: Clock,
    header: &RtMsghdr,
    addresses: &Addresses,
) -> Result<Said, Errno> {
    let said = match addresses.destination.as_ref().map(Address::ip) {
        Some(Some(IpAddr::V4(to))) => {
            Request::<Ipv4Addr>::new(stack, header, addresses, to).answer(stack, clock)
        }
        Some(Some(IpAddr::V6(to))) => {
            Request::<Ipv6Addr>::new(stack, header, addresses, to).answer(stack, clock)
        }
        Some(None) => Err(Errno::EAFNOSUPPORT),
        None => Err(Errno::EINVAL),
    };
    forget_changes(stack);
    let (said, addresses) = said?;
    let RtMsghdr { pid, sequence, inits, .. } = *header;
    Ok((RtMsghdr { flags: said.flags | RTF_DONE, pid, sequence, inits, ..said }, addresses))
}

impl<'a, A: Family> Request<'a, A> {
    fn new(stack: &Stack, header: &'a RtMsghdr, addresses: &'a Addresses, destination: A) -> Self {
        let host = (header.flags & RTF_HOST != 0).then_some(A::BITS);
        let prefix = host.or(addresses.mask).map(|length| Prefix::new(destination, length));
        Self { header, addresses, destination, prefix, interface: named(stack, addresses) }
    }

    fn answer(&self, stack: &mut Stack, clock: Clock) -> Result<Said, Errno> {
        let (kind, is_neighbour) = (self.header.kind, self.header.flags & RTF_LLDATA != 0);
        let said = match kind {
            RTM_ADD if is_neighbour => {
                let request = (self.header, self.addresses);
                return neighbour::add(stack, clock, request, self.interface, self.destination);
            }
            RTM_DELETE if is_neighbour => {
                return neighbour::remove(stack, clock, kind, self.interface, self.destination);
            }
            RTM_ADD => self.add(stack)?,
            RTM_DELETE => self.delete(stack)?,
            RTM_CHANGE => self.change(stack)?,
            RTM_GET => {
                let at = is_neighbour.then_some(self.interface);
                let known = at.and_then(|at| neighbour::find(stack, clock, kind, at, self.destination));
                known.map(|(_, said)| said).or_else(|| self.find(stack)).ok_or(Errno::ESRCH)?
            }
            _ => return Err(Errno::EOPNOTSUPP),
        };
        let is_wanted = kind != RTM_GET || self.header.addresses & (RTA_IFP | RTA_IFA) != 0;
        Ok(if is_wanted { tell::with_interface(stack, said, self.destination) } else { said })
    }

    /// The prefix; that of a host, if none was said.
    fn whole_prefix(&self) -> Prefix<A> {
        self.prefix.unwrap_or_else(|| Prefix::new(self.destination, A::BITS))
    }

    /// Of several routes of a prefix, which one, if that was said: by its count of hops.
    fn metric(&self) -> Option<u32> {
        let is_said = self.header.inits & RTV_HOPCOUNT != 0;
        is_said.then(|| u32::try_from(self.header.metrics.hop_count).unwrap_or(u32::MAX))
    }

    fn add(&self, stack: &mut Stack) -> Result<Said, Errno> {
        let (via, interface) = self.way(stack)?.ok_or(Errno::EINVAL)?;
        let metric = self.metric().unwrap_or(0);
        let route = Route { prefix: self.whole_prefix(), via, interface, metric };
        A::routes_mut(stack).add(route)?;
        Ok(tell::route(stack, RTM_ADD, &route))
    }

    fn delete(&self, stack: &mut Stack) -> Result<Said, Errno> {
        let route = A::routes_mut(stack).remove(self.whole_prefix(), self.metric())?;
        Ok(tell::route(stack, RTM_DELETE, &route))
    }

    /// Gives a route another way, or another count of hops. The old one stays where the new one cannot be.
    fn change(&self, stack: &mut Stack) -> Result<Said, Errno> {
        let before = *A::routes(stack).find(self.whole_prefix(), None).ok_or(Errno::ESRCH)?;
        let (via, interface) = self.way(stack)?.unwrap_or((before.via, before.interface));
        let metric = self.metric().unwrap_or(before.metric);
        let routes = A::routes_mut(stack);
        if metric != before.metric && routes.find(before.prefix, Some(metric)).is_some() {
            return Err(Errno::EEXIST);
        }
        routes.remove(before.prefix, Some(before.metric))?;
        let route = Route { via, interface, metric, ..before };
        routes.add(route)?;
        Ok(tell::route(stack, RTM_CHANGE, &route))
    }

    /// The route of a prefix, or the one that packets to an address take.
    fn find(&self, stack: &Stack) -> Option<Said> {
        let routes = A::routes(stack);
        if let Some(prefix) = self.addresses.mask.and(self.prefix) {
            return routes.find(prefix, self.metric()).map(|route| tell::route(stack, RTM_GET, route));
        }
        let has_it = |own: &(A, u8)| own.0 == self.destination;
        let mut interfaces = stack.interfaces.iter();
        if let Some((id, _)) = interfaces.find(|(_, on)| A::own(on).iter().any(has_it)) {
            return Some(tell::own(stack, RTM_GET, *id, self.destination));
        }
        let of_table = routes.lookup(self.destination).map(|route| tell::route(stack, RTM_GET, route));
        let told = || stack.routers.choose(None, |_| true).filter(|_| A::BITS == Ipv6Addr::BITS as u8);
        of_table.or_else(|| told().map(|router| tell::default_router(stack, RTM_GET, router)))
    }

    /// Where packets go, if that was said. Errors: EAFNOSUPPORT, ENETUNREACH.
    fn way(&self, stack: &Stack) -> Result<Option<(Via<A>, InterfaceId)>, Errno> {
        let flags = self.header.flags;
        if flags & RTF_BLACKHOLE != 0 {
            return Ok(Some((Via::Blackhole, LOOPBACK)));
        }
        if flags & RTF_REJECT != 0 {
            return Ok(Some((Via::Reject, LOOPBACK)));
        }
        let Some(gateway) = &self.addresses.gateway else { return Ok(None) };
        let is_there = |id: &InterfaceId| stack.interfaces.contains_key(id);
        let interface = self.interface.map(|id| Some(id).filter(is_there).ok_or(Errno::ENETUNREACH));
        let interface = interface.transpose()?;
        let way = match (gateway, gateway.ip()) {
            (Address::Link(_), _) => (Via::Link, interface.ok_or(Errno::ENETUNREACH)?),
            (_, Some(ip)) => {
                let router = A::of(ip).ok_or(Errno::EAFNOSUPPORT)?;
                if flags & RTF_GATEWAY == 0 {
                    let has_it = |own: &(A, u8)| own.0 == router;
                    let mut of = stack.interfaces.iter().filter(|(_, on)| A::own(on).iter().any(has_it));
                    let own = of.next().map(|(id, _)| *id);
                    (Via::Link, interface.or(own).ok_or(Errno::ENETUNREACH)?)
                } else {
                    (Via::Router(router), interface.map_or_else(|| stack.link_of_router(ip), Ok)?)
                }
            }
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        Ok(Some(way))
    }
}

/// The interface that a request names: by its number or name, by the zone of an address, or by an address that it has.
fn named(stack: &Stack, addresses: &Addresses) -> Option<InterfaceId> {
    let of_link = |link: &LinkAddress| match (link.index, link.name.as_slice()) {
        (0, []) => None,
        (0, name) => {
            let mut interfaces = stack.interfaces.iter();
            // One that is not there has no number.
            let found = interfaces.find(|(_, on)| on.name.as_bytes() == name).map(|(id, _)| *id);
            Some(found.unwrap_or(InterfaceId(u32::MAX)))
        }
        (index, _) => Some(InterfaceId(index.into())),
    };
    let of_zone = |address: &Address| match address {
        Address::Inet6(_, zone) if *zone != 0 => Some(InterfaceId(*zone)),
        _ => None,
    };
    let of_own = |address: &Address| {
        let has_it = |ip: IpAddr| {
            let mut interfaces = stack.interfaces.iter();
            let found = interfaces.find(|(_, on)| match ip {
                IpAddr::V4(own) => on.has_address(own),
                IpAddr::V6(own) => on.find_v6(own).is_some(),
            });
            found.map(|(id, _)| *id)
        };
        address.ip().and_then(has_it)
    };
    let links = [&addresses.interface, &addresses.gateway].into_iter().flatten().filter_map(Address::link);
    let zones = [&addresses.gateway, &addresses.destination].into_iter().flatten();
    links
        .filter_map(of_link)
        .chain(zones.filter_map(of_zone))
        .chain(addresses.own.iter().filter_map(of_own))
        .next()
}
