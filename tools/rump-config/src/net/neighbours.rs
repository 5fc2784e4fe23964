//! Who has which hardware address, for `rump.arp` and `rump.ndp`.

use super::monitor::hardware;
use super::target::{Target, hardware as parse_hardware, is_in};
use super::{links, name_of, network};
use crate::session::{Failure, Session, of};
use rump_client::abi::AddressFamily;
use rump_client::abi::netbsd::route::RTF_ANNOUNCE;
use rump_client::kpi::device::{InterfaceInfo, Medium};
use rump_client::network::{Ask, Neighbour, RemoteNetwork, Way};
use serde_json::{Value, json};
use std::io::Write;
use std::net::IpAddr;

/// The table of a version of IP.
pub struct Table {
    network: RemoteNetwork,
    links: Vec<InterfaceInfo>,
    family: AddressFamily,
}

/// What is shown of a neighbour.
pub struct Shown<'a> {
    /// What is known.
    pub neighbour: &'a Neighbour,
    /// The name of its interface.
    pub interface: String,
    /// Its hardware address.
    pub hardware: Option<String>,
}

impl Shown<'_> {
    /// As a record.
    pub fn record(&self) -> Value {
        let Neighbour { address, is_static, expires, .. } = self.neighbour;
        json!({"address": address.to_string(), "hardware": self.hardware, "interface": self.interface,
            "permanent": is_static, "expires": expires})
    }
}

impl Table {
    /// That of the session's server.
    pub fn open(session: &Session, family: AddressFamily) -> Result<Self, Failure> {
        let network = network(session)?;
        let links = links(&network)?;
        Ok(Self { network, links, family })
    }

    /// All, or those with an address.
    fn all(&self, wanted: Option<&Target>) -> Result<Vec<Neighbour>, Failure> {
        let mut all = self.network.neighbours(self.family).map_err(of("the neighbours"))?;
        if let Some(target) = wanted {
            let zone = target.zone(&self.links).unwrap_or(0);
            all.retain(|one| one.address == target.address && (zone == 0 || zone == one.interface));
        }
        Ok(all)
    }

    /// Shows all, or those with an address; answers how many.
    pub fn show(
        &self,
        wanted: Option<&Target>,
        mut show: impl FnMut(&Shown<'_>) -> std::io::Result<()>,
    ) -> Result<usize, Failure> {
        let all = self.all(wanted)?;
        for neighbour in &all {
            let interface = name_of(&self.links, neighbour.interface);
            show(&Shown { neighbour, interface, hardware: neighbour.hardware.as_deref().map(hardware) })?;
        }
        Ok(all.len())
    }

    /// Forgets one. Errors: nobody knows it.
    pub fn delete(&self, target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
        let all = self.all(Some(target))?;
        if all.is_empty() {
            return Err(Failure::Other(format!("{}: no entry", target.address)));
        }
        for one in all {
            self.network.forget_neighbour(one.address, one.interface).map_err(of(one.address))?;
            writeln!(out, "{} ({0}) deleted", one.address)?;
        }
        Ok(())
    }

    /// Forgets all.
    pub fn delete_all(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        for one in self.all(None)? {
            match self.network.forget_neighbour(one.address, one.interface) {
                Ok(()) => writeln!(out, "{} ({0}) deleted", one.address)?,
                Err(error) => session.report(one.address.to_string().as_bytes(), &error),
            }
        }
        Ok(())
    }

    /// Says that somebody has a hardware address. Words behind it: `pub`.
    pub fn set(&self, target: &Target, words: &[String]) -> Result<(), Failure> {
        let [address, rest @ ..] = words else {
            return Err(Failure::Usage(format!("-s {}: no hardware address", target.address)));
        };
        let address = parse_hardware(address).map_err(Failure::Usage)?;
        let mut flags = 0;
        for word in rest {
            match word.as_str() {
                "pub" => flags |= RTF_ANNOUNCE,
                "permanent" => {}
                word => return Err(Failure::Usage(format!("-s: {word:?} is no word that it takes"))),
            }
        }
        let number = self.link_of(target)?;
        let length = super::target::whole(target.address);
        let way = Way::Hardware(number, address.to_vec());
        self.network
            .change_route(Ask::Add, (target.address, length), Some(&way), flags, number, 0)
            .map_err(of(target.address))
    }

    /// The interface on whose link an address is.
    fn link_of(&self, target: &Target) -> Result<u32, Failure> {
        let zone = target.zone(&self.links).map_err(Failure::Usage)?;
        let is_on = |info: &&InterfaceInfo| {
            let is_ethernet = matches!(info.device.medium, Medium::Ethernet { .. });
            is_ethernet && info.addresses.iter().any(|own| is_in(target.address, *own))
        };
        let found = self.links.iter().find(is_on).map(|info| info.number);
        let nowhere = || Failure::Other(format!("{}: it is on no link", target.address));
        Some(zone).filter(|zone| *zone != 0).or(found).ok_or_else(nowhere)
    }
}

/// A target of a version of IP. Errors: usage.
pub fn of_version(target: &Target, family: AddressFamily) -> Result<(), Failure> {
    let is_it = match target.address {
        IpAddr::V4(_) => family == AddressFamily::Inet,
        IpAddr::V6(_) => family == AddressFamily::Inet6,
    };
    is_it
        .then_some(())
        .ok_or_else(|| Failure::Usage(format!("{} is of the other version of IP", target.address)))
}
