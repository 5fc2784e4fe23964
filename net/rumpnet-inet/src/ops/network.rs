//! Interfaces and routes.

use super::routing::table;
use super::{InetDomain, Shared, settings};
use crate::address::{Address, Prefix, Version};
use crate::interface::{ClaimV4, Interface, InterfaceId};
use crate::route::{Route, Via};
use crate::sockets::Kind;
use crate::stack::{LOOPBACK, LOOPBACK_MTU, Stack};
use crate::time::Instant;
use crate::wire::ethernet::{self, MacAddress};
use alloc::format;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use rump_kpi::device::{
    AddressInfo, AddressState, Counter, DeviceInfo, Gateway, InterfaceInfo, Medium, NeighbourInfo, Network,
    NetworkDevice, Offloads, Receiver, ResolverInfo, RouteInfo, SocketInfo, SocketProtocol,
};
use rump_kpi::netbsd::statistics::Counted;
use rump_kpi::packet::Packet;
use rump_kpi::packet::coalesce::coalesce;
use rump_kpi::port::Port;
use rump_kpi::{Errno, KError, KResult, WaitQueue};

/// Takes what a device receives into the stack, as long as that is there: segments that came together as one.
pub(super) struct Input {
    pub(super) shared: Weak<Shared>,
    pub(super) id: InterfaceId,
    /// Bytes before IP.
    pub(super) link_bytes: usize,
}

impl Receiver for Input {
    fn receive(&self, packets: Vec<Packet>) {
        if let Some(shared) = self.shared.upgrade() {
            let packets = coalesce(packets, self.link_bytes);
            shared.drive(|stack, now| stack.input_all(now, self.id, packets));
        }
    }

    fn changed(&self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let port = shared.ports.read().get(&self.id).cloned();
        if let Some(port) = port {
            let (info, has_carrier) = (port.info(), port.has_carrier());
            let mtu = shared.drive(|stack, now| {
                stack.change_device(self.id, &info);
                stack.set_carrier(now, self.id, has_carrier);
                stack.interfaces.get(&self.id).map(|interface| interface.mtu)
            });
            if let Some(mtu) = mtu {
                port.set_mtu(mtu);
            }
        }
    }
}

impl Network for InetDomain {
    fn attach(&self, name: &str, device: Arc<dyn NetworkDevice>) -> KResult<u32> {
        let info = device.info();
        let has_carrier = device.has_carrier();
        let id = self.shared.drive(|stack, now| {
            let id = stack.add_interface(name, &info)?;
            stack.set_carrier(now, id, has_carrier);
            Ok::<_, Errno>(id)
        })?;
        let port = Port::new(name, device);
        self.shared.ports.write().insert(id, port.clone());
        let link_bytes = match info.medium {
            Medium::Ethernet { .. } => ethernet::HEADER_BYTES,
            Medium::Ip | Medium::Loopback => 0,
        };
        let started = port.start(Arc::new(Input { shared: Arc::downgrade(&self.shared), id, link_bytes }));
        if let Err(error) = started {
            self.detach(id.0)?;
            return Err(error);
        }
        Ok(id.0)
    }

    fn detach(&self, number: u32) -> KResult<()> {
        let id = InterfaceId(number);
        if id == LOOPBACK {
            return Err(Errno::EINVAL.into());
        }
        self.shared.drive(|stack, _| stack.remove_interface(id))?;
        let port = self.shared.ports.write().remove(&id);
        if let Some(port) = port {
            port.stop();
        }
        Ok(())
    }

    fn port(&self, number: u32) -> KResult<Arc<Port>> {
        let id = InterfaceId(number);
        if let Some(port) = self.shared.ports.read().get(&id) {
            return Ok(port.clone());
        }
        let is_there = self.shared.stack.lock().interfaces.contains_key(&id);
        Err(if is_there { Errno::EOPNOTSUPP } else { Errno::ENXIO }.into())
    }

    fn create(&self, name: &str) -> KResult<u32> {
        let unit = name.strip_prefix("lo").and_then(|unit| unit.parse::<u16>().ok());
        if unit.is_none_or(|unit| name != format!("lo{unit}")) {
            return Err(KError::new(Errno::EINVAL, "only interfaces lo1, lo2 and so on can be made"));
        }
        let info = DeviceInfo { medium: Medium::Loopback, mtu: LOOPBACK_MTU, offloads: Offloads::all() };
        Ok(self.shared.drive(|stack, _| stack.add_interface(name, &info))?.0)
    }

    fn set_hardware(&self, number: u32, address: [u8; 6]) -> KResult<()> {
        let id = InterfaceId(number);
        self.shared.drive(|stack, _| stack.set_hardware(id, MacAddress(address)))?;
        self.port(number)?.set_hardware(address)
    }

    fn set_up(&self, number: u32, is_up: bool) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| stack.set_up(InterfaceId(number), is_up))?)
    }

    fn set_autoconf(&self, number: u32, is_followed: bool) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| stack.set_autoconf(InterfaceId(number), is_followed))?)
    }

    fn set_mtu(&self, number: u32, mtu: u32) -> KResult<()> {
        let id = InterfaceId(number);
        self.shared.drive(|stack, _| stack.set_mtu(id, mtu))?;
        let port = self.shared.ports.read().get(&id).cloned();
        if let Some(port) = port {
            port.set_mtu(mtu);
        }
        Ok(())
    }

    fn add_address(&self, number: u32, address: IpAddr, length: u8) -> KResult<()> {
        let id = InterfaceId(number);
        Ok(self.shared.drive(|stack, _| match address {
            IpAddr::V4(address) => stack.add_address(id, address, length),
            IpAddr::V6(address) => stack.add_address_v6(id, address, length),
        })?)
    }

    fn claim_address(&self, number: u32, address: Ipv4Addr, length: u8) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| stack.claim_address(InterfaceId(number), address, length))?)
    }

    fn remove_address(&self, number: u32, address: IpAddr) -> KResult<()> {
        let id = InterfaceId(number);
        Ok(self.shared.drive(|stack, _| match address {
            IpAddr::V4(address) => stack.remove_address(id, address),
            IpAddr::V6(address) => stack.remove_address_v6(id, address),
        })?)
    }

    fn addresses(&self, number: u32) -> KResult<Vec<AddressInfo>> {
        let now = (self.shared.environment.monotonic)();
        let stack = self.shared.stack.lock();
        let interface = stack.interfaces.get(&InterfaceId(number)).ok_or(Errno::ENXIO)?;
        Ok(addresses_of(interface, now))
    }

    fn neighbours(&self, number: u32) -> KResult<Vec<NeighbourInfo>> {
        let stack = self.shared.stack.lock();
        let interface = stack.interfaces.get(&InterfaceId(number)).ok_or(Errno::ENXIO)?;
        let v4 = interface.neighbours().into_iter().flat_map(|table| table.known());
        let v6 = interface.neighbours_v6().into_iter().flat_map(|table| table.known());
        let v4 = v4.map(|(address, hardware)| (IpAddr::V4(address), hardware));
        let v6 = v6.map(|(address, hardware)| (IpAddr::V6(address), hardware));
        let info =
            |(address, hardware): (IpAddr, MacAddress)| NeighbourInfo { address, hardware: hardware.0 };
        let mut all: Vec<NeighbourInfo> = v4.chain(v6).map(info).collect();
        all.sort_by_key(|neighbour| neighbour.address);
        Ok(all)
    }

    fn add_route(&self, route: &RouteInfo) -> KResult<()> {
        let RouteInfo { length, gateway, metric, .. } = *route;
        Ok(self.shared.drive(|stack, _| {
            let way = match gateway {
                Gateway::Router(router) if router.is_ipv4() != route.destination.is_ipv4() => {
                    return Err(Errno::EAFNOSUPPORT);
                }
                Gateway::Router(router) => (Some(router), stack.link_of_router(router)?),
                Gateway::Interface(number) => (None, InterfaceId(number)),
                Gateway::Reject | Gateway::Blackhole => (None, LOOPBACK),
            };
            if !stack.interfaces.contains_key(&way.1) {
                return Err(Errno::ENXIO);
            }
            match route.destination {
                IpAddr::V4(destination) => {
                    let router =
                        way.0.and_then(|router| if let IpAddr::V4(to) = router { Some(to) } else { None });
                    stack.routes.add(route_of(destination, length, (gateway, router), way.1, metric))
                }
                IpAddr::V6(destination) => {
                    let router =
                        way.0.and_then(|router| if let IpAddr::V6(to) = router { Some(to) } else { None });
                    stack.routes_v6.add(route_of(destination, length, (gateway, router), way.1, metric))
                }
            }
        })?)
    }

    fn remove_route(&self, destination: IpAddr, length: u8) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| match destination {
            IpAddr::V4(address) => stack.routes.remove(Prefix::new(address, length), None).map(drop),
            IpAddr::V6(address) => stack.routes_v6.remove(Prefix::new(address, length), None).map(drop),
        })?)
    }

    fn remove_exact_route(&self, route: &RouteInfo) -> KResult<()> {
        let RouteInfo { length, metric, .. } = *route;
        let is_it = |found: &RouteInfo| {
            (found.destination, found.length, found.gateway, found.metric)
                == (route.destination, length, route.gateway, metric)
        };
        if !self.routes().iter().any(is_it) {
            return Err(Errno::ESRCH.into());
        }
        Ok(self.shared.drive(|stack, _| match route.destination {
            IpAddr::V4(address) => stack.routes.remove(Prefix::new(address, length), Some(metric)).map(drop),
            IpAddr::V6(address) => {
                stack.routes_v6.remove(Prefix::new(address, length), Some(metric)).map(drop)
            }
        })?)
    }

    fn interfaces(&self) -> Vec<InterfaceInfo> {
        let ports = self.shared.ports.read().clone();
        let stack = self.shared.stack.lock();
        let info = |(id, interface): (&InterfaceId, &Interface)| {
            let has_carrier = ports.get(id).is_none_or(|port| port.has_carrier());
            InterfaceInfo { has_carrier, ..interface_info(*id, interface) }
        };
        stack.interfaces.iter().map(info).collect()
    }

    fn routes(&self) -> Vec<RouteInfo> {
        let stack = self.shared.stack.lock();
        let v4 = stack.routes.all().into_iter().map(info_of);
        let v6 = stack.routes_v6.all().into_iter().map(info_of);
        let heard = stack.routers.all().iter().map(|router| RouteInfo {
            destination: Version::V6.unspecified(),
            length: 0,
            gateway: Gateway::Router(router.address.into()),
            metric: TOLD_METRIC,
        });
        v4.chain(v6).chain(heard).collect()
    }

    fn statistics(&self, of: Counted) -> Vec<u64> {
        self.shared.stack.lock().statistics(of)
    }

    fn counters(&self) -> Vec<Counter> {
        self.shared.stack.lock().counters()
    }

    fn sockets(&self) -> Vec<SocketInfo> {
        let stack = self.shared.stack.lock();
        let connections = stack.tcp.in_order().into_iter().map(|(id, pcb)| SocketInfo {
            pcb: id.pcb(),
            protocol: SocketProtocol::Tcp(pcb.state.into()),
            local: pcb.local,
            remote: Some(pcb.remote).filter(|remote| remote.port() != 0),
            received: pcb.amounts().to_receive,
            to_send: pcb.outgoing.len(),
        });
        let datagrams = stack.sockets.in_order().into_iter().map(|(id, socket)| SocketInfo {
            pcb: id.pcb(),
            protocol: match socket.kind {
                Kind::Udp => SocketProtocol::Udp,
                Kind::Raw(protocol) => SocketProtocol::Raw(protocol.0),
            },
            local: socket.local,
            remote: socket.remote,
            received: socket.queued_bytes(),
            to_send: 0,
        });
        connections.chain(datagrams).collect()
    }

    fn routing_table(&self, name: &[i32]) -> KResult<Vec<u8>> {
        let clock = self.shared.clock();
        Ok(table::dump(&self.shared.stack.lock(), clock, name)?)
    }

    fn resolvers(&self) -> Vec<ResolverInfo> {
        let stack = self.shared.stack.lock();
        let info = |(id, interface): (&InterfaceId, &Interface)| ResolverInfo {
            interface: id.0,
            servers: interface.resolver.servers(),
            domains: interface.resolver.domains(),
        };
        let is_there = |info: &ResolverInfo| !info.servers.is_empty() || !info.domains.is_empty();
        stack.interfaces.iter().map(info).filter(is_there).collect()
    }

    fn set_resolver(&self, resolver: &ResolverInfo) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| stack.set_resolver(resolver))?)
    }

    fn changes(&self) -> Arc<WaitQueue> {
        self.shared.stack.lock().configuration().clone()
    }

    fn setting(&self, name: &str) -> KResult<i64> {
        settings::find(&self.shared.stack.lock().settings, name)
            .ok_or_else(|| KError::new(Errno::ENOENT, format!("there is no setting {name}")))
    }

    fn set_setting(&self, name: &str, value: i64) -> KResult<()> {
        let set = self.shared.drive(|stack, _| settings::set(&mut stack.settings, name, value));
        set.map_err(|errno| match errno {
            Errno::ENOENT => KError::new(errno, format!("there is no setting {name}")),
            _ => KError::new(errno, format!("{name} cannot be {value}")),
        })
    }
}

/// Metric that routes over routers which are heard of are shown with.
pub(super) const TOLD_METRIC: u32 = 256;

/// An interface, as configuration sees it.
pub(super) fn interface_info(id: InterfaceId, interface: &Interface) -> InterfaceInfo {
    let v4 = interface.addresses.iter().map(|(own, net)| (IpAddr::V4(*own), net.length()));
    let v6 = interface.v6.addresses.iter().map(|own| (IpAddr::V6(own.address), own.length));
    InterfaceInfo {
        name: interface.name.clone(),
        number: id.0,
        device: interface.device(),
        is_up: interface.is_up,
        has_carrier: interface.has_carrier,
        connections: interface.connections,
        addresses: v4.chain(v6).collect(),
        statistics: interface.statistics,
    }
}

pub(super) fn addresses_of(interface: &Interface, now: Instant) -> Vec<AddressInfo> {
    let lasting =
        |address, length, state| AddressInfo { address, length, state, preferred: None, valid: None };
    let v4 = interface
        .addresses
        .iter()
        .map(|(own, net)| lasting(IpAddr::V4(*own), net.length(), AddressState::Preferred));
    let is_new = |claim: &&ClaimV4| !interface.has_address(claim.address);
    let claims = interface
        .claims
        .iter()
        .filter(is_new)
        .map(|claim| lasting(IpAddr::V4(claim.address), claim.length, AddressState::Tentative));
    let left = |until: Option<Instant>| until.map(|until| until.saturating_sub(now));
    let v6 = interface.v6.addresses.iter().map(|own| AddressInfo {
        address: own.address.into(),
        length: own.length,
        state: own.state(),
        preferred: left(own.preferred_until),
        valid: left(own.valid_until),
    });
    v4.chain(claims).chain(v6).collect()
}

fn route_of<A: Address>(
    destination: A,
    length: u8,
    (gateway, router): (Gateway, Option<A>),
    interface: InterfaceId,
    metric: u32,
) -> Route<A> {
    let via = match (gateway, router) {
        (_, Some(router)) => Via::Router(router),
        (Gateway::Reject, _) => Via::Reject,
        (Gateway::Blackhole, _) => Via::Blackhole,
        _ => Via::Link,
    };
    Route { prefix: Prefix::new(destination, length), via, interface, metric }
}

fn info_of<A: Address + Into<IpAddr>>(route: Route<A>) -> RouteInfo {
    RouteInfo {
        destination: route.prefix.address().into(),
        length: route.prefix.length(),
        gateway: match route.via {
            Via::Link => Gateway::Interface(route.interface.0),
            Via::Router(router) => Gateway::Router(router.into()),
            Via::Reject => Gateway::Reject,
            Via::Blackhole => Gateway::Blackhole,
        },
        metric: route.metric,
    }
}

impl Stack {
    /// The interface on whose link a router is. Errors: ENETUNREACH.
    pub(super) fn link_of_router(&self, router: IpAddr) -> Result<InterfaceId, Errno> {
        let interface = match router {
            IpAddr::V4(router) => {
                self.routes.lookup(router).filter(|route| route.via == Via::Link).map(|route| route.interface)
            }
            // One that is named by an address of a link is on the only link that there is.
            IpAddr::V6(router) if router.is_unicast_link_local() => {
                let mut links = self.interfaces.iter().filter(|(_, interface)| !interface.is_loopback());
                links.next().filter(|_| links.next().is_none()).map(|(id, _)| *id)
            }
            IpAddr::V6(router) => self
                .routes_v6
                .lookup(router)
                .filter(|route| route.via == Via::Link)
                .map(|route| route.interface),
        };
        interface.ok_or(Errno::ENETUNREACH)
    }
}
