//! What a configuration does to a kernel.

use super::joined::find_or_create;
use super::{Config, ConfigError, Dhcp, InterfaceConfig, RouteConfig, Way};
use crate::Kernel;
use crate::kpi::device::Network;
use crate::net::dhcp::{self, Check, Client};
use crate::net::interface::network;
use crate::net::link::Opened;
use crate::net::resolv_conf::ResolvConf;
use crate::net::{Gateway, Interface, ResolverInfo, RouteInfo, add_route};
use crate::{AddressFamily, KResult};
use std::fmt::Display;
use std::io;
use std::time::Duration;

/// The interface that stands for the host itself.
const LOOPBACK: &str = "lo0";

/// What goes on because of a configuration: clients of DHCP, and `/etc/resolv.conf`. When it is dropped, the leases end;
/// all else stays.
pub struct Applied {
    clients: Vec<(String, Client)>,
    links: Vec<Opened>,
    names: ResolvConf,
}

impl Applied {
    /// Waits until each client of DHCP has an address. Errors: TimedOut.
    pub fn wait(&self, timeout: Duration) -> io::Result<()> {
        self.clients.iter().try_for_each(|(name, client)| {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{name}: {error}"));
            client.wait(timeout).map(drop).map_err(named)
        })
    }

    /// Lets captures come that links replay, once who wants their frames listens: see [`Opened::begin`].
    pub fn begin(&self) {
        self.links.iter().for_each(Opened::begin);
    }

    /// The clients, with the names of their interfaces.
    pub fn clients(&self) -> impl Iterator<Item = (&str, &Client)> {
        self.clients.iter().map(|(name, client)| (name.as_str(), client))
    }

    /// Does what is due; answers when to come again. For hosts without threads.
    pub fn poll(&self) -> Option<Duration> {
        self.names.poll();
        self.clients.iter().filter_map(|(_, client)| client.poll()).min()
    }
}

impl Config {
    /// Configures a kernel: first settings, then interfaces, then routes. What was done before an error stays.
    ///
    /// Errors: what could not be done, and why.
    pub fn apply(&self, kernel: &Kernel) -> Result<Applied, ConfigError> {
        self.apply_watched(kernel, |_| Ok(()))
    }

    /// The same; `made` is told the name of each interface before it is up, so that it sees the first packet. Errors: as
    /// above, those of `made`.
    pub fn apply_watched(
        &self,
        kernel: &Kernel,
        mut made: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<Applied, ConfigError> {
        let domain = kernel.protocols(AddressFamily::Inet);
        let domain = domain.map_err(|error| self.failed("the protocols", error.into()))?;
        let network = network(&*domain).map_err(|error| self.failed("the protocols", error.into()))?;
        let in_order = self.order().map_err(|wrong| self.failed("interfaces", invalid(wrong.what)))?;
        for (name, value) in &self.settings {
            network.set_setting(name, *value).map_err(|error| self.failed(name, error.into()))?;
        }
        let (mut clients, mut links) = (Vec::new(), Vec::new());
        for config in in_order {
            let failed = |error| self.failed(format!("interface {}", config.name), error);
            let (interface, link) = config.open(kernel).map_err(failed)?;
            links.extend(link);
            made(&config.name).map_err(failed)?;
            let client = self.apply_interface(kernel, config, &interface)?;
            clients.extend(client.map(|client| (config.name.clone(), client)));
        }
        for route in &self.routes {
            let destination = format!("route {}", route.destination);
            route.apply(kernel).map_err(|error| self.failed(destination, error))?;
        }
        self.apply_dns(network).map_err(|error| self.failed("dns", error.into()))?;
        let names = ResolvConf::keep(kernel).map_err(|error| self.failed("resolv.conf", error))?;
        Ok(Applied { clients, links, names })
    }

    fn failed(&self, what: impl Display, error: io::Error) -> ConfigError {
        let file = if self.file.is_empty() { String::new() } else { format!("{}: ", self.file) };
        ConfigError { text: format!("{file}{what}: {error}"), kind: error.kind() }
    }

    fn apply_interface(
        &self,
        kernel: &Kernel,
        config: &InterfaceConfig,
        interface: &Interface,
    ) -> Result<Option<Client>, ConfigError> {
        let failed = |what: &str| {
            let what = format!("interface {}{what}", config.name);
            move |error| self.failed(&what, error)
        };
        if let Some(bridge) = &config.bridge {
            bridge.apply(kernel, &config.name).map_err(failed(""))?;
        }
        if let Some(vlan) = &config.vlan {
            vlan.apply(kernel, &config.name).map_err(failed(": vlan"))?;
        }
        if let Some(address) = config.mac {
            interface.set_hardware(address).map_err(failed(": mac"))?;
        }
        if let Some(mtu) = config.mtu {
            interface.set_mtu(mtu).map_err(failed(": mtu"))?;
        }
        interface.set_autoconf(config.autoconf).map_err(failed(": autoconf"))?;
        if config.up {
            interface.up().map_err(failed(""))?;
        } else {
            interface.down().map_err(failed(""))?;
        }
        for address in &config.addresses {
            interface.add_address(*address).map_err(failed(&format!(": address {address}")))?;
        }
        let check = match config.dhcp {
            Dhcp::Off => return Ok(None),
            Dhcp::On => Check::Ask,
            Dhcp::Trusting => Check::Trust,
        };
        let options = dhcp::Options { check, lease: config.lease.clone(), ..dhcp::Options::default() };
        Client::start(kernel, interface, options).map(Some).map_err(failed(": dhcp"))
    }

    fn apply_dns(&self, network: &dyn Network) -> KResult<()> {
        let all = network.interfaces();
        let Some(loopback) = all.iter().find(|info| info.name == LOOPBACK) else { return Ok(()) };
        let (servers, domains) = (self.dns.servers.clone(), self.dns.search.clone());
        network.set_resolver(&ResolverInfo { interface: loopback.number, servers, domains })
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

impl InterfaceConfig {
    /// The interface: at its link, or the one that is there, or one that is made by its name.
    fn open(&self, kernel: &Kernel) -> io::Result<(Interface, Option<Opened>)> {
        let Some(link) = &self.link else {
            return Ok((find_or_create(kernel, &self.name)?, None));
        };
        let opened = link.open(kernel.host())?;
        Ok((Interface::attach(kernel, &self.name, opened.device())?, Some(opened)))
    }
}

impl RouteConfig {
    fn apply(&self, kernel: &Kernel) -> io::Result<()> {
        let gateway = match &self.way {
            Way::Interface(name) => Gateway::Interface(Interface::find(kernel, name)?.number()),
            Way::Router(router) => Gateway::Router(*router),
            Way::Reject => Gateway::Reject,
            Way::Blackhole => Gateway::Blackhole,
        };
        let (destination, length) = (self.destination.address, self.destination.prefix_length);
        add_route(kernel, &RouteInfo { destination, length, gateway, metric: self.metric })
    }
}
