//! Whom a command talks to: an address, and the link that it is on.

use super::station::Station;
use crate::session::Failure;
use rumpkit::net::{self, AddressInfo, AddressState, Interface, InterfaceInfo, Medium};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

/// An address, with the interface on whose link it is if it says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: IpAddr,
    zone: Option<String>,
}

impl From<IpAddr> for Target {
    fn from(address: IpAddr) -> Self {
        Self { address, zone: None }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, zone) =
            text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
        let wrong = || format!("{text:?} is no address (names are not resolved)");
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        match (address, zone) {
            (_, None) => {}
            (IpAddr::V6(address), Some(zone)) if is_of_link(address) && !zone.is_empty() => {}
            _ => return Err(wrong()),
        }
        Ok(Self { address, zone: zone.map(Into::into) })
    }
}

/// Whether an address means something on one link alone.
fn is_of_link(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || (address.is_multicast() && address.segments()[0] & 0xf == 2)
}

impl Station {
    /// Waits until the addresses can be used to talk to one of IPv6; somebody else may have them, and then they never can.
    /// Errors: those of the interfaces.
    pub fn settle(&self) -> Result<(), Failure> {
        /// Longer than the questions whether somebody has them take (RFC 4862).
        const PATIENCE: Duration = Duration::from_secs(4);
        let failed = |error: io::Error| Failure::Network(format!("the interfaces: {error}"));
        let end = Instant::now() + PATIENCE;
        let is_asking = |info: &AddressInfo| info.state == AddressState::Tentative;
        for info in self.links()? {
            let interface = Interface::find(self.kernel(), &info.name).map_err(failed)?;
            while Instant::now() < end && interface.addresses().map_err(failed)?.iter().any(is_asking) {
                thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(())
    }

    /// The address that a text means. One of a link may be followed by the name or the number of the interface, as in
    /// fe80::1%if0; with a single interface there is no doubt which one is meant. Errors: usage.
    pub fn resolve(&self, target: &Target) -> Result<SocketAddr, Failure> {
        let IpAddr::V6(address) = target.address else { return Ok((target.address, 0).into()) };
        if !is_of_link(address) {
            return Ok((address, 0).into());
        }
        let links = self.links()?;
        let names = || links.iter().map(|info| info.name.as_str()).collect::<Vec<_>>().join(", ");
        let number = match (&target.zone, &links[..]) {
            (Some(zone), _) => {
                let is_it = |info: &&InterfaceInfo| info.name == *zone || zone.parse() == Ok(info.number);
                let found = links.iter().find(is_it).map(|info| info.number);
                // Of the host's interfaces only the host knows the names.
                let found = found.or_else(|| zone.parse().ok().filter(|_| self.is_on_host()));
                found
                    .ok_or_else(|| Failure::Usage(format!("there is no interface {zone}, but {}", names())))?
            }
            (None, [only]) => only.number,
            (None, _) => {
                let text = format!("{address} is on a link: {address}%INTERFACE says on which ({})", names());
                return Err(Failure::Usage(text));
            }
        };
        Ok(SocketAddrV6::new(address, 0, 0, number).into())
    }

    /// How an address is written, with the name of the interface that it is on the link of.
    pub fn name_of(&self, address: SocketAddr) -> String {
        let number = match address {
            SocketAddr::V6(address) => address.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let links = self.links().unwrap_or_default();
        match links.iter().find(|info| info.number == number) {
            Some(info) => format!("{}%{}", address.ip(), info.name),
            None => address.ip().to_string(),
        }
    }

    /// Its interfaces that lead to others; none if its sockets are the host's. Errors: those of the interfaces.
    fn links(&self) -> Result<Vec<InterfaceInfo>, Failure> {
        if self.is_on_host() {
            return Ok(Vec::new());
        }
        let mut all = net::interfaces(self.kernel())
            .map_err(|error| Failure::Network(format!("the interfaces: {error}")))?;
        all.retain(|info| info.device.medium != Medium::Loopback);
        Ok(all)
    }
}
