//! The network that requests are about: of a kernel that is here, or of a server's, as routing sockets and requests of NetBSD's
//! tell of it.

use crate::caller::Caller;
#[cfg(feature = "kernel")]
use rump_abi::AddressFamily;
use rump_abi::Errno;
#[cfg(feature = "remote")]
use rump_abi::netbsd::route::{RTF_BLACKHOLE, RTF_REJECT};
#[cfg(feature = "remote")]
use rump_client::network::{Ask, RemoteNetwork, Way};
#[cfg(feature = "remote")]
use rump_kpi::device::Gateway;
#[cfg(feature = "kernel")]
use rump_kpi::device::Network as KernelNetwork;
use rump_kpi::device::{InterfaceInfo, RouteInfo};
use rump_kpi::{KError, KResult};
use std::net::IpAddr;

/// Interfaces and routes.
pub(super) enum Network<'a> {
    /// Of a kernel that is here.
    #[cfg(feature = "kernel")]
    Here(&'a dyn KernelNetwork),
    /// Of a server's.
    #[cfg(feature = "remote")]
    AtServer(&'a RemoteNetwork),
}

/// Interfaces and routes of a process's kernel. Errors: ENXIO (the kernel is halted), EAFNOSUPPORT (no protocols with interfaces
/// are linked), those of `run`, but ENODEV for ENXIO.
pub(super) fn with_network<T>(process: &Caller, run: impl FnOnce(&Network<'_>) -> KResult<T>) -> KResult<T> {
    let done = match process {
        #[cfg(feature = "kernel")]
        Caller::Here(process) => {
            let domain = process.protocols(AddressFamily::Inet)?;
            run(&Network::Here(domain.network().ok_or(Errno::EAFNOSUPPORT)?))
        }
        #[cfg(feature = "remote")]
        Caller::AtServer(process) => run(&Network::AtServer(&RemoteNetwork::new(process.clone()))),
    };
    done.map_err(|error| if error.errno == Errno::ENXIO { KError::from(Errno::ENODEV) } else { error })
}

/// A route as the messages of routing sockets say it: where it leads, and flags.
#[cfg(feature = "remote")]
fn way(gateway: &Gateway) -> (Option<Way>, u32) {
    match *gateway {
        Gateway::Router(router) => (Some(Way::Router(router)), 0),
        Gateway::Interface(number) => (Some(Way::Interface(number)), 0),
        Gateway::Reject => (None, RTF_REJECT),
        Gateway::Blackhole => (None, RTF_BLACKHOLE),
    }
}

impl Network<'_> {
    /// All interfaces.
    pub(super) fn interfaces(&self) -> KResult<Vec<InterfaceInfo>> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => Ok(network.interfaces()),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => Ok(network.interfaces()?.into_iter().map(|one| one.info).collect()),
        }
    }

    /// All routes.
    pub(super) fn routes(&self) -> KResult<Vec<RouteInfo>> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => Ok(network.routes()),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => network.routes(),
        }
    }

    pub(super) fn set_up(&self, interface: &InterfaceInfo, is_up: bool) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.set_up(interface.number, is_up),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => network.set_up(&interface.name, is_up),
        }
    }

    pub(super) fn set_mtu(&self, interface: &InterfaceInfo, mtu: u32) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.set_mtu(interface.number, mtu),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => network.set_mtu(&interface.name, mtu),
        }
    }

    pub(super) fn set_hardware(&self, interface: &InterfaceInfo, address: [u8; 6]) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.set_hardware(interface.number, address),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => network.set_hardware(&interface.name, address),
        }
    }

    pub(super) fn add_address(&self, interface: &InterfaceInfo, address: IpAddr, length: u8) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.add_address(interface.number, address, length),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => network.add_address(&interface.name, address, length),
        }
    }

    pub(super) fn remove_address(&self, interface: &InterfaceInfo, address: IpAddr) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.remove_address(interface.number, address),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => network.remove_address(&interface.name, address),
        }
    }

    pub(super) fn add_route(&self, route: &RouteInfo) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.add_route(route),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => change_route(network, Ask::Add, route),
        }
    }

    /// Takes a route away that has just this gateway and metric.
    pub(super) fn remove_route(&self, route: &RouteInfo) -> KResult<()> {
        match self {
            #[cfg(feature = "kernel")]
            Self::Here(network) => network.remove_exact_route(route),
            #[cfg(feature = "remote")]
            Self::AtServer(network) => change_route(network, Ask::Delete, route),
        }
    }
}

#[cfg(feature = "remote")]
fn change_route(network: &RemoteNetwork, ask: Ask, route: &RouteInfo) -> KResult<()> {
    let (way, flags) = way(&route.gateway);
    network.change_route(ask, (route.destination, route.length), way.as_ref(), flags, 0, route.metric)
}
