//! Configuration by the names of interfaces, call by call as NetBSD's rump kernels have it (`rump_pub_netconfig_*`).

use super::dhcp::{self, Check};
use super::interface::{Interface, network};
use super::{InterfaceAddress, NetworkDevice, add_default_route, errno};
use crate::kpi::link::{Bridge, LinkedInterfaces, Role};
use crate::{AddressFamily, Errno, KError, KResult, Kernel};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long one lease is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is at a link.
pub trait Opened: Send + Sync {
    /// The device, which a kernel makes an interface of.
    fn device(&self) -> Arc<dyn NetworkDevice>;

    /// Lets frames come, if they did not come from the beginning.
    fn begin(&self) {}

    /// Does what is due, on hosts without threads.
    fn poll(&self) {}
}

/// Interfaces that have a link, which is said after they were made.
pub trait Links: Send + Sync {
    /// All kinds that are.
    fn kinds(&self) -> Vec<&'static str>;

    /// Whether those of this kind, such as `shmif`, are. Errors: EINVAL (they would be, if something else were linked).
    fn is_linked(&self, kind: &str) -> KResult<bool>;

    /// Opens the link of an interface of a kind. Errors: EINVAL (there is no such link), those of the device.
    fn open(&self, kind: &str, link: &str) -> KResult<Box<dyn Opened>>;
}

/// See the module. All of its calls may answer ENXIO besides: there is no interface of the name, it has no link yet, or
/// the kernel was halted.
pub struct Netconfig {
    kernel: Kernel,
    links: Box<dyn Links>,
    /// Those that were made and have no link yet: the kernel knows nothing of them. A leaf.
    unlinked: Mutex<BTreeSet<String>>,
    /// What others are at, with the text of their link: a capture begins when its interface is up. A leaf.
    opened: Mutex<BTreeMap<String, (String, Box<dyn Opened>)>>,
}

impl Netconfig {
    /// The configuration of a kernel.
    pub fn new(kernel: &Kernel, links: Box<dyn Links>) -> Self {
        Self { kernel: kernel.clone(), links, unlinked: Mutex::default(), opened: Mutex::default() }
    }

    fn unlinked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unlinked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<String, (String, Box<dyn Opened>)>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> KResult<Interface> {
        if self.unlinked().contains(name) {
            return Err(KError::new(Errno::ENXIO, format!("{name} has no link yet")));
        }
        Interface::find(&self.kernel, name).map_err(of_io)
    }

    /// Makes an interface, which is down: `shmif0`, `virt0` and their like, which need a link
    /// ([`ifsetlinkstr`](Self::ifsetlinkstr)), or one that needs none, such as `lo1`. Errors: EEXIST, EINVAL (no such kind).
    pub fn ifcreate(&self, name: &str) -> KResult<()> {
        let is_known = Interface::find(&self.kernel, name).is_ok() || self.unlinked().contains(name);
        if is_known {
            return Err(KError::new(Errno::EEXIST, format!("{name} is there already")));
        }
        match kind_of(name) {
            Some(kind) if self.links.is_linked(kind)? => {
                self.unlinked().insert(name.into());
                Ok(())
            }
            _ => self.kernel.create_interface(name).map(drop),
        }
    }

    /// Says where an interface is: a file for `shmif0`, a tap for `virt0`. Errors: EBUSY (it has a link), EINVAL (there is no
    /// such link), those of the device.
    pub fn ifsetlinkstr(&self, name: &str, link: &str) -> KResult<()> {
        if !self.unlinked().contains(name) {
            self.find(name)?;
            return Err(KError::new(Errno::EBUSY, format!("{name} has a link")));
        }
        let opened = self.links.open(kind_of(name).unwrap_or_default(), link)?;
        Interface::attach(&self.kernel, name, opened.device()).map_err(of_io)?;
        self.unlinked().remove(name);
        self.opened().insert(name.into(), (link.into(), opened));
        Ok(())
    }

    /// Does what is due at links, on hosts without threads.
    pub fn poll(&self) {
        self.opened().values().for_each(|(_, opened)| opened.poll());
    }

    /// Lets packets pass.
    pub fn ifup(&self, name: &str) -> KResult<()> {
        self.find(name)?.up().map_err(of_io)?;
        self.raised(name);
        Ok(())
    }

    /// Lets none pass.
    pub fn ifdown(&self, name: &str) -> KResult<()> {
        self.find(name)?.down().map_err(of_io)
    }

    /// Takes an interface away. Errors: EINVAL (`lo0`).
    pub fn ifdestroy(&self, name: &str) -> KResult<()> {
        if self.unlinked().remove(name) {
            return Ok(());
        }
        self.find(name)?.detach().map_err(of_io)?;
        self.opened().remove(name);
        Ok(())
    }

    /// Makes an interface a member of a bridge. Errors: EINVAL (there is no such bridge, or the interface is none of
    /// Ethernet), EBUSY (it is a member of another), EEXIST (it is one of this).
    pub fn bradd(&self, bridge: &str, name: &str) -> KResult<()> {
        let member = self.find(name)?.number();
        self.with_bridge(bridge, |bridge, network| bridge.add(&network.port(member)?))
    }

    /// Makes it none any more. Errors: EINVAL (there is no such bridge), ENOENT (it is no member).
    pub fn brdel(&self, bridge: &str, name: &str) -> KResult<()> {
        self.with_bridge(bridge, |bridge, _| bridge.remove(name))
    }

    fn with_bridge(
        &self,
        name: &str,
        change: impl FnOnce(&dyn Bridge, &dyn crate::kpi::device::Network) -> KResult<()>,
    ) -> KResult<()> {
        use crate::kpi::device::NetworkDevice;
        let number = self.find(name)?.number();
        let domain = self.kernel.protocols(AddressFamily::Inet)?;
        let network = network(&*domain)?;
        let none = || KError::new(Errno::EINVAL, format!("{name} is no bridge"));
        let port = network.port(number).map_err(|_| none())?;
        match port.role() {
            Role::Bridge(bridge) => change(bridge, network),
            _ => Err(none()),
        }
    }

    /// Gives an interface an address. Errors: EINVAL (no mask), EEXIST, EADDRNOTAVAIL (no host can have it).
    pub fn ipv4_ifaddr(&self, name: &str, address: Ipv4Addr, mask: Ipv4Addr) -> KResult<()> {
        let length = mask.to_bits().leading_ones();
        if mask.to_bits().count_ones() != length {
            return Err(KError::new(Errno::EINVAL, format!("{mask} is no mask of a network")));
        }
        self.ipv4_ifaddr_cidr(name, address, length as u8)
    }

    /// The same with the length of the network's prefix. Errors: EINVAL (more than 32), EEXIST, EADDRNOTAVAIL.
    pub fn ipv4_ifaddr_cidr(&self, name: &str, address: Ipv4Addr, length: u8) -> KResult<()> {
        self.add_address(name, address.into(), (length, 32))
    }

    /// Gives it an address of IPv6. Errors: EINVAL (more than 128), EEXIST, EADDRNOTAVAIL.
    pub fn ipv6_ifaddr(&self, name: &str, address: Ipv6Addr, length: u8) -> KResult<()> {
        self.add_address(name, address.into(), (length, 128))
    }

    fn add_address(&self, name: &str, address: IpAddr, (prefix_length, most): (u8, u8)) -> KResult<()> {
        let interface = self.find(name)?;
        if prefix_length > most {
            return Err(KError::new(Errno::EINVAL, format!("a prefix of {prefix_length} bits")));
        }
        interface.add_address(InterfaceAddress { address, prefix_length }).map_err(of_io)
    }

    /// Sends to a router what has no other way. Errors: ENETUNREACH (it is on no link), EEXIST.
    pub fn ipv4_gw(&self, router: Ipv4Addr) -> KResult<()> {
        add_default_route(&self.kernel, router.into()).map_err(of_io)
    }

    /// The same for IPv6. Errors: ENETUNREACH, EEXIST.
    pub fn ipv6_gw(&self, router: Ipv6Addr) -> KResult<()> {
        add_default_route(&self.kernel, router.into()).map_err(of_io)
    }

    /// Gets an address and all that belongs to it from a server of DHCP, and lets the interface pass packets. Nobody renews
    /// the lease: for that there is [`dhcp::Client`]. Errors: EINVAL (no interface of Ethernet), ETIMEDOUT (after a minute).
    pub fn dhcp_ipv4_oneshot(&self, name: &str) -> KResult<()> {
        let interface = self.find(name)?;
        interface.up().map_err(of_io)?;
        let options = dhcp::Options { check: Check::Trust, ..dhcp::Options::default() };
        let client = dhcp::Client::start(&self.kernel, &interface, options).map_err(of_io)?;
        client.wait(PATIENCE).map_err(of_io)?;
        client.leave();
        Ok(())
    }

    /// Lets an interface pass packets, and follow what routers of IPv6 tell. It has addresses as soon as one did.
    pub fn auto_ipv6(&self, name: &str) -> KResult<()> {
        let interface = self.find(name)?;
        interface.set_autoconf(true).map_err(of_io)?;
        interface.up().map_err(of_io)
    }
}

impl LinkedInterfaces for Netconfig {
    fn kinds(&self) -> Vec<&'static str> {
        self.links.kinds()
    }

    fn create(&self, name: &str) -> KResult<bool> {
        let is_one = kind_of(name).is_some_and(|kind| self.links.is_linked(kind) == Ok(true));
        if is_one {
            self.ifcreate(name)?;
        }
        Ok(is_one)
    }

    fn destroy(&self, name: &str) -> KResult<bool> {
        let is_one = self.unlinked().contains(name) || self.opened().contains_key(name);
        if is_one {
            self.ifdestroy(name)?;
        }
        Ok(is_one)
    }

    fn set_link(&self, name: &str, link: &str) -> KResult<()> {
        self.ifsetlinkstr(name, link)
    }

    fn link(&self, name: &str) -> KResult<String> {
        if self.unlinked().contains(name) {
            return Err(Errno::ENOENT.into());
        }
        let link = self.opened().get(name).map(|(link, _)| link.clone());
        link.ok_or_else(|| Errno::ENXIO.into())
    }

    fn raised(&self, name: &str) {
        if let Some((_, opened)) = self.opened().get(name) {
            opened.begin();
        }
    }
}

/// The kind of an interface: its name without the number, which has no zeros before it.
fn kind_of(name: &str) -> Option<&str> {
    let kind = name.trim_end_matches(|character: char| character.is_ascii_digit());
    let unit = &name[kind.len()..];
    unit.parse::<u16>().is_ok_and(|number| number.to_string() == unit).then_some(kind)
}

/// What a call of this library answers as the kernel has it.
fn of_io(error: io::Error) -> KError {
    KError::new(errno(&error).unwrap_or(Errno::EIO), error.to_string())
}
