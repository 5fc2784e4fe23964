//! Interfaces and routes.

use super::{InetDomain, Shared};
use crate::address::Prefix;
use crate::interface::InterfaceId;
use crate::route::{Route, Via};
use crate::stack::{LOOPBACK, Stack};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use rump_kpi::device::{Gateway, InterfaceInfo, Network, NetworkDevice, Receiver, RouteInfo};
use rump_kpi::packet::Packet;
use rump_kpi::{Errno, KResult};

/// Takes what a device receives into the stack, as long as that is there.
struct Input {
    shared: Weak<Shared>,
    id: InterfaceId,
}

impl Receiver for Input {
    fn receive(&self, packets: Vec<Packet>) {
        if let Some(shared) = self.shared.upgrade() {
            shared
                .drive(|stack, now| packets.into_iter().for_each(|packet| stack.input(now, self.id, packet)));
        }
    }
}

/// Errors: EAFNOSUPPORT.
fn v4(address: IpAddr) -> Result<Ipv4Addr, Errno> {
    match address {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(Errno::EAFNOSUPPORT),
    }
}

impl Network for InetDomain {
    fn attach(&self, name: &str, device: Arc<dyn NetworkDevice>) -> KResult<u32> {
        let info = device.info();
        let id = self.shared.drive(|stack, _| stack.add_interface(name, &info))?;
        self.shared.devices.write().insert(id, device.clone());
        let started = device.start(Arc::new(Input { shared: Arc::downgrade(&self.shared), id }));
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
        let device = self.shared.devices.write().remove(&id);
        if let Some(device) = device {
            device.stop();
        }
        Ok(())
    }

    fn set_up(&self, number: u32, is_up: bool) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| stack.set_up(InterfaceId(number), is_up))?)
    }

    fn add_address(&self, number: u32, address: IpAddr, length: u8) -> KResult<()> {
        let address = v4(address)?;
        Ok(self.shared.drive(|stack, _| stack.add_address(InterfaceId(number), address, length))?)
    }

    fn remove_address(&self, number: u32, address: IpAddr) -> KResult<()> {
        let address = v4(address)?;
        Ok(self.shared.drive(|stack, _| stack.remove_address(InterfaceId(number), address))?)
    }

    fn add_route(&self, route: &RouteInfo) -> KResult<()> {
        let prefix = Prefix::new(v4(route.destination)?, route.length);
        let gateway = match route.gateway {
            Gateway::Router(router) => Some(v4(router)?),
            _ => None,
        };
        Ok(self.shared.drive(|stack, _| {
            let (via, interface) = match (route.gateway, gateway) {
                (_, Some(router)) => (Via::Router(router), link_of(stack, router)?),
                (Gateway::Interface(number), _) => (Via::Link, InterfaceId(number)),
                (Gateway::Reject, _) => (Via::Reject, LOOPBACK),
                _ => (Via::Blackhole, LOOPBACK),
            };
            if !stack.interfaces.contains_key(&interface) {
                return Err(Errno::ENXIO);
            }
            stack.routes.add(Route { prefix, via, interface, metric: route.metric })
        })?)
    }

    fn remove_route(&self, destination: IpAddr, length: u8) -> KResult<()> {
        let prefix = Prefix::new(v4(destination)?, length);
        Ok(self.shared.drive(|stack, _| stack.routes.remove(prefix, None).map(drop))?)
    }

    fn interfaces(&self) -> Vec<InterfaceInfo> {
        let stack = self.shared.stack.lock();
        let info = |(id, interface): (&InterfaceId, &crate::interface::Interface)| InterfaceInfo {
            name: interface.name.clone(),
            number: id.0,
            device: interface.device(),
            is_up: interface.is_up,
            addresses: interface
                .addresses
                .iter()
                .map(|(own, net)| (IpAddr::V4(*own), net.length()))
                .collect(),
            statistics: interface.statistics,
        };
        stack.interfaces.iter().map(info).collect()
    }

    fn routes(&self) -> Vec<RouteInfo> {
        let stack = self.shared.stack.lock();
        let info = |route: Route<Ipv4Addr>| RouteInfo {
            destination: IpAddr::V4(route.prefix.address()),
            length: route.prefix.length(),
            gateway: match route.via {
                Via::Link => Gateway::Interface(route.interface.0),
                Via::Router(router) => Gateway::Router(IpAddr::V4(router)),
                Via::Reject => Gateway::Reject,
                Via::Blackhole => Gateway::Blackhole,
            },
            metric: route.metric,
        };
        stack.routes.all().into_iter().map(info).collect()
    }
}

/// The interface on whose link a router is. Errors: ENETUNREACH.
fn link_of(stack: &Stack, router: Ipv4Addr) -> Result<InterfaceId, Errno> {
    let route = stack.routes.lookup(router).filter(|route| route.via == Via::Link);
    route.map(|route| route.interface).ok_or(Errno::ENETUNREACH)
}
