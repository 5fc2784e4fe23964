//! Interfaces and routes of a kernel.

use super::{AddressInfo, InterfaceAddress, InterfaceInfo, Media, NetworkDevice, RouteInfo};
use crate::kpi::device::{Counter, Gateway, Network, ResolverInfo, SocketInfo};
use crate::kpi::port::Port;
use crate::kpi::socket::Domain;
use crate::{AddressFamily, Errno, KError, KResult, Kernel};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// An interface of a kernel: a name for it, which may be dropped, not the thing itself.
///
/// ```
/// use rumpkit::net::{Interface, wire::Wire};
/// # use rumpkit::PosixHost;
/// # fn main() -> std::io::Result<()> {
/// # let kernel = rumpkit::kernel(PosixHost::new())?;
/// let wire = Wire::new();
/// let interface = Interface::attach(&kernel, "eth0", wire.end())?;
/// interface.add_address("10.0.0.1/24".parse()?)?;
/// interface.up()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Interface {
    domain: Arc<dyn Domain>,
    number: u32,
}

impl Interface {
    /// Makes an interface of a device, which is down. Errors: AlreadyExists, those of the device.
    pub fn attach(kernel: &Kernel, name: &str, device: Arc<dyn NetworkDevice>) -> io::Result<Self> {
        let domain = kernel.protocols(AddressFamily::Inet)?;
        let number = network(&*domain)?.attach(name, device)?;
        Ok(Self { domain, number })
    }

    /// Makes an interface by its name, such as `bridge0`, `vlan0` or `lo1`, which is down; [`Interface::detach`] takes it
    /// away. Errors: AlreadyExists, EINVAL (no such kind), those of the kind.
    pub fn create(kernel: &Kernel, name: &str) -> io::Result<Self> {
        let number = kernel.create_interface(name)?;
        Ok(Self { domain: kernel.protocols(AddressFamily::Inet)?, number })
    }

    /// The interface with this name. Errors: ENXIO (there is none).
    pub fn find(kernel: &Kernel, name: &str) -> io::Result<Self> {
        let domain = kernel.protocols(AddressFamily::Inet)?;
        let all = network(&*domain)?.interfaces();
        let found = all.iter().find(|info| info.name == name);
        let missing = || KError::new(Errno::ENXIO, format!("no interface {name}"));
        let number = found.ok_or_else(missing)?.number;
        Ok(Self { domain, number })
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Lets packets pass. Errors: ENXIO (it was detached), here and below.
    pub fn up(&self) -> io::Result<()> {
        Ok(network(&*self.domain)?.set_up(self.number, true)?)
    }

    /// Lets none pass.
    pub fn down(&self) -> io::Result<()> {
        Ok(network(&*self.domain)?.set_up(self.number, false)?)
    }

    /// Gives it an address, and a route to its network. Errors: AlreadyExists, AddrNotAvailable (it cannot be one).
    pub fn add_address(&self, address: InterfaceAddress) -> io::Result<()> {
        let InterfaceAddress { address, prefix_length } = address;
        Ok(network(&*self.domain)?.add_address(self.number, address, prefix_length)?)
    }

    /// Takes it away. Errors: AddrNotAvailable.
    pub fn remove_address(&self, address: IpAddr) -> io::Result<()> {
        Ok(network(&*self.domain)?.remove_address(self.number, address)?)
    }

    /// Its addresses, with their states and how long they last: one of IPv6 is tentative for a second or two.
    pub fn addresses(&self) -> io::Result<Vec<AddressInfo>> {
        Ok(network(&*self.domain)?.addresses(self.number)?)
    }

    /// Says how many bytes of IP a packet has at most. Errors: EINVAL (less than IPv4 needs, or more than the device takes).
    pub fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        Ok(network(&*self.domain)?.set_mtu(self.number, mtu)?)
    }

    /// Changes its own hardware address. Errors: EINVAL (it has none, or the address is one of a group).
    pub fn set_hardware(&self, address: [u8; 6]) -> io::Result<()> {
        Ok(network(&*self.domain)?.set_hardware(self.number, address)?)
    }

    /// Says whether it follows what routers of IPv6 tell; at first it does.
    pub fn set_autoconf(&self, is_followed: bool) -> io::Result<()> {
        Ok(network(&*self.domain)?.set_autoconf(self.number, is_followed)?)
    }

    /// What it is, which addresses it has, and what went through.
    pub fn info(&self) -> io::Result<InterfaceInfo> {
        let all = network(&*self.domain)?.interfaces();
        let gone = KError::new(Errno::ENXIO, "the interface was detached");
        Ok(all.into_iter().find(|info| info.number == self.number).ok_or(gone)?)
    }

    /// What cable its device is at; none if it is at none, or nothing is known.
    pub fn media(&self) -> io::Result<Option<Media>> {
        match network(&*self.domain)?.port(self.number) {
            Ok(port) => Ok(port.media()),
            // It has no device.
            Err(error) if error.errno == Errno::EOPNOTSUPP => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where others join it. Errors: EOPNOTSUPP (it has no device).
    pub fn port(&self) -> io::Result<Arc<Port>> {
        Ok(network(&*self.domain)?.port(self.number)?)
    }

    /// Takes it away, with its addresses and routes; its device is stopped.
    pub fn detach(self) -> io::Result<()> {
        Ok(network(&*self.domain)?.detach(self.number)?)
    }
}

/// The interfaces of protocols. Errors: EAFNOSUPPORT.
pub fn network(domain: &dyn Domain) -> KResult<&dyn Network> {
    domain.network().ok_or_else(|| KError::new(Errno::EAFNOSUPPORT, "the protocols have no interfaces"))
}

/// All interfaces of a kernel, in order of numbers.
pub fn interfaces(kernel: &Kernel) -> io::Result<Vec<InterfaceInfo>> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.interfaces())
}

/// All routes of a kernel, those of the longest prefixes first.
pub fn routes(kernel: &Kernel) -> io::Result<Vec<RouteInfo>> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.routes())
}

/// What the protocols of a kernel counted, those of one together.
pub fn counters(kernel: &Kernel) -> io::Result<Vec<Counter>> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.counters())
}

/// All sockets of a kernel, but for those of `AF_LOCAL`.
pub fn sockets(kernel: &Kernel) -> io::Result<Vec<SocketInfo>> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.sockets())
}

/// Who resolves names: for each interface that was told of somebody.
pub fn resolvers(kernel: &Kernel) -> io::Result<Vec<ResolverInfo>> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.resolvers())
}

/// Adds a route. Errors: EAFNOSUPPORT (the router is of another version), NetworkUnreachable (it is on no link),
/// AlreadyExists.
pub fn add_route(kernel: &Kernel, route: &RouteInfo) -> io::Result<()> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.add_route(route)?)
}

/// Removes a route. Errors: ESRCH (there is none of this prefix with this gateway and metric).
pub fn remove_route(kernel: &Kernel, route: &RouteInfo) -> io::Result<()> {
    Ok(network(&*kernel.protocols(AddressFamily::Inet)?)?.remove_exact_route(route)?)
}

/// Sends to `router` what has no other way. Errors: NetworkUnreachable (it is on no link), AlreadyExists.
pub fn add_default_route(kernel: &Kernel, router: IpAddr) -> io::Result<()> {
    let destination = match router {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    add_route(kernel, &RouteInfo { destination, length: 0, gateway: Gateway::Router(router), metric: 0 })
}
