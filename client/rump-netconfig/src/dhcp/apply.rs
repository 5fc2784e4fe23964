//! What a lease brings to an interface, and how it goes again.

use crate::Errno;
use crate::kpi::device::{Gateway, Network, RouteInfo};
use rumpnet_dhcp::Lease;
use std::net::{IpAddr, Ipv4Addr};

/// What is there because of a lease.
pub(super) struct Applied {
    lease: Lease,
    /// Those that nobody else had.
    routes: Vec<RouteInfo>,
    /// What the interface took before.
    mtu: Option<u32>,
}

impl Applied {
    /// Brings what a lease says that was not there before, and takes away what is there and is not said any more. The
    /// address is there.
    pub(super) fn apply(
        network: &dyn Network,
        number: u32,
        metric: u32,
        lease: &Lease,
        before: Option<Self>,
    ) -> Self {
        let (mut routes, mut mtu) = (Vec::new(), None);
        if let Some(before) = before {
            if before.lease.prefix_length() != lease.prefix_length() {
                // Nobody else has it, as far as is known: it is not asked for again.
                let _ = network.remove_address(number, lease.address.into());
                let _ = network.add_address(number, lease.address.into(), lease.prefix_length());
            }
            (routes, mtu) = (before.routes, before.mtu);
        }
        let wanted = wanted_routes(lease, number, metric);
        routes.retain(|route| wanted.contains(route) || network.remove_exact_route(route).is_err());
        for route in wanted {
            // What somebody else has is his, and a router on no link is of no use.
            if !routes.contains(&route) && network.add_route(&route).is_ok() {
                routes.push(route);
            }
        }
        let current =
            network.interfaces().iter().find(|info| info.number == number).map(|info| info.device.mtu);
        let told = lease.information.mtu.map(u32::from);
        if let Some(told) = told.or(mtu).filter(|told| Some(*told) != current) {
            let is_set = match network.set_mtu(number, told) {
                // More than the device takes: as much as that.
                Err(error) if error.errno == Errno::EINVAL => false,
                done => done.is_ok(),
            };
            mtu = mtu.or(current.filter(|_| is_set));
        }
        Self { lease: lease.clone(), routes, mtu }
    }

    /// Takes it away, but for the address.
    pub(super) fn withdraw(self, network: &dyn Network, number: u32) {
        for route in self.routes.iter().rev() {
            // Somebody else may have done so.
            let _ = network.remove_exact_route(route);
        }
        if let Some(mtu) = self.mtu {
            let _ = network.set_mtu(number, mtu);
        }
    }
}

/// The routes of a lease of an interface, those on the link first, which others lead over.
pub fn wanted_routes(lease: &Lease, number: u32, metric: u32) -> Vec<RouteInfo> {
    let route = |destination: Ipv4Addr, length: u8, gateway| RouteInfo {
        destination: destination.into(),
        length,
        gateway,
        metric,
    };
    let told = &lease.information.routes;
    let on_link = told.iter().filter(|told| told.router.is_none());
    let mut wanted: Vec<RouteInfo> =
        on_link.map(|told| route(told.destination, told.length, Gateway::Interface(number))).collect();
    let own = (lease.address, lease.prefix_length());
    for told in told {
        let Some(router) = told.router else { continue };
        let nets = told_nets(lease).chain([own]);
        let is_reached = nets.into_iter().any(|(net, length)| contains(net, length, router));
        if !is_reached {
            // Some networks of single hosts have their router elsewhere.
            wanted.push(route(router, 32, Gateway::Interface(number)));
        }
        wanted.push(route(told.destination, told.length, Gateway::Router(IpAddr::V4(router))));
    }
    wanted.dedup();
    wanted
}

fn told_nets(lease: &Lease) -> impl Iterator<Item = (Ipv4Addr, u8)> + '_ {
    let on_link = lease.information.routes.iter().filter(|told| told.router.is_none());
    on_link.map(|told| (told.destination, told.length))
}

fn contains(net: Ipv4Addr, length: u8, address: Ipv4Addr) -> bool {
    let differing = net.to_bits() ^ address.to_bits();
    differing.checked_shr(32 - u32::from(length.min(32))).unwrap_or(0) == 0
}
