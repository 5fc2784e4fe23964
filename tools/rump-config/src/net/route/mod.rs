//! `rump.route`, as route(8) of NetBSD.

mod words;

use super::monitor;
use super::target::{Target, is_of_link};
use super::{links, name_of, network};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_client::abi::netbsd::route::{Addresses, RTF_BLACKHOLE, RTF_REJECT, RtMsghdr};
use rump_client::kpi::device::{Gateway, InterfaceInfo, RouteInfo};
use rump_client::network::{Ask, RemoteNetwork, Way};
use serde_json::json;
use std::io::Write;
use std::net::IpAddr;
use words::{Family, Said};

/// Arguments of `rump.route`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.route add default 10.0.0.1
  rump.route add -net 10.2.0.0/16 10.0.0.1
  rump.route add -net 10.3.0.0 -netmask 255.255.0.0 -interface shmif0
  rump.route add -inet6 default fd00::1
  rump.route delete 10.2.0.0/16
  rump.route get 10.2.0.9
  rump.route -n show
Words behind add, change, delete and get: -net, -host, -inet, -inet6, -netmask MASK, -prefixlen LENGTH, -interface (the
gateway is the name of one), -ifp INTERFACE (of addresses of a link), -reject, -blackhole, -static, -hopcount METRIC (of
two routes of one prefix the lower counts).
Flags: U it is used, G through a router, H to a single host, R whoever sends there is told that nobody is, B nobody is told.
Records of --json: destination, router, flags, metric, interface.")]
pub struct Args {
    /// Addresses are numbers, as they are in any case
    #[arg(short)]
    numeric: bool,
    /// Do not say what was done
    #[arg(short)]
    quiet: bool,
    /// Say more (which is no more)
    #[arg(short)]
    verbose: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// add, change, delete, get, show, flush or monitor
    command: String,
    /// A destination, a gateway, and what belongs to them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        match self.command.as_str() {
            "add" => self.change(Ask::Add, session, out),
            "change" => self.change(Ask::Change, session, out),
            "delete" | "del" => self.change(Ask::Delete, session, out),
            "get" => self.get(session, out),
            "show" => {
                let family = Family::of(&self.words)?;
                let network = network(session)?;
                let mut all = network.routes().map_err(of("the routes"))?;
                all.retain(|route| family.has(route.destination));
                Ok(rump_cli::route::show(&all, &links(&network)?, self.json, out)?)
            }
            "flush" => self.flush(session, out),
            "monitor" => monitor::run(session, self.json, out),
            other => Err(Failure::Usage(format!(
                "{other}: there is no such command; there are add, change, delete, get, show, flush, monitor"
            ))),
        }
    }
}

/// The number of an interface.
fn find(links: &[InterfaceInfo], name: &str) -> Result<u32, Failure> {
    let found = links.iter().find(|info| info.name == name).map(|info| info.number);
    found.ok_or_else(|| Failure::Other(format!("{name}: there is no such interface")))
}

/// The interface whose own address this is.
fn with_own(links: &[InterfaceInfo], own: IpAddr) -> Option<u32> {
    let has = |info: &&InterfaceInfo| info.addresses.iter().any(|(address, _)| *address == own);
    links.iter().find(has).map(|info| info.number)
}

impl Args {
    fn change(&self, ask: Ask, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let said = Said::parse(&self.words).map_err(Failure::Usage)?;
        let refuses = said.flags & (RTF_REJECT | RTF_BLACKHOLE) != 0;
        if said.gateway.is_none() && ask != Ask::Delete && !refuses {
            return Err(Failure::Usage(format!("{}: no gateway", said.title())));
        }
        let network = network(session)?;
        let links = links(&network)?;
        let (way, zone) = way(&said, &links)?;
        let destination = (said.destination.address, said.length);
        let word = match ask {
            Ask::Add => "add",
            Ask::Change => "change",
            Ask::Delete => "delete",
        };
        let gateway = said.gateway.as_ref().map_or(String::new(), |gateway| format!(": gateway {gateway}"));
        let what = format!("{word} {}{gateway}", said.title());
        network
            .change_route(ask, destination, way.as_ref(), said.flags, zone, said.metric)
            .map_err(of(&what))?;
        if !self.quiet {
            writeln!(out, "{what}")?;
        }
        Ok(())
    }

    /// Every route that leads to a router.
    fn flush(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let family = Family::of(&self.words)?;
        let network = network(session)?;
        let links = links(&network)?;
        for route in network.routes().map_err(of("the routes"))? {
            let Gateway::Router(router) = route.gateway else { continue };
            if family.has(route.destination) {
                let what = format!("{}/{}", route.destination, route.length);
                match forget(&network, &route, router, &links) {
                    Ok(()) if !self.quiet => writeln!(out, "{what:<22} {router:<20} done")?,
                    Ok(()) => {}
                    Err(error) => session.report(what.as_bytes(), &error),
                }
            }
        }
        Ok(())
    }

    fn get(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let said = Said::parse(&self.words).map_err(Failure::Usage)?;
        let network = network(session)?;
        let links = links(&network)?;
        let (_, zone) = way(&said, &links)?;
        let address = said.destination.address;
        let (header, addresses) = network.route_to(address, zone).map_err(of(address))?;
        let text = |one: &Option<_>| one.as_ref().map(|one| monitor::written(one, &links));
        let Addresses { destination, gateway, mask, own, .. } = &addresses;
        let (destination, gateway, own) = (text(destination), text(gateway), text(own));
        let RtMsghdr { index, flags, metrics, .. } = header;
        let interface = name_of(&links, index.into());
        let flags = monitor::flags(flags);
        if self.json {
            let record = json!({"type": "route", "to": address.to_string(), "destination": destination, "prefix_length": mask,
                "gateway": gateway, "own": own, "interface": interface, "flags": flags, "metric": metrics.hop_count});
            return Ok(writeln!(out, "{record}")?);
        }
        let mask = mask.map(|mask| mask.to_string());
        let lines = [
            ("route to", Some(address.to_string())),
            ("destination", destination),
            ("prefix", mask),
            ("gateway", gateway),
            ("local addr", own),
            ("interface", Some(interface)),
            ("flags", Some(format!("<{}>", flags.join(",")))),
        ];
        for (title, text) in lines {
            if let Some(text) = text {
                writeln!(out, "{title:>11}: {text}")?;
            }
        }
        Ok(())
    }
}

/// The way that a gateway is, and the interface of addresses of a link.
fn way(said: &Said, links: &[InterfaceInfo]) -> Result<(Option<Way>, u32), Failure> {
    let mut zone = match &said.at {
        Some(name) => find(links, name)?,
        None => said.destination.zone(links).unwrap_or(0),
    };
    let Some(gateway) = &said.gateway else { return Ok((None, zone)) };
    if said.is_interface {
        // People name an interface by its address, too.
        let named = gateway.parse().ok().and_then(|own| with_own(links, own));
        let number = named.map_or_else(|| find(links, gateway), Ok)?;
        return Ok((Some(Way::Interface(number)), number));
    }
    let target: Target = gateway.parse().map_err(Failure::Usage)?;
    if matches!(target.address, IpAddr::V6(address) if is_of_link(address)) && said.at.is_none() {
        zone = target.zone(links).map_err(Failure::Usage)?;
    }
    Ok((Some(Way::Router(target.address)), zone))
}

fn forget(
    network: &RemoteNetwork,
    route: &RouteInfo,
    router: IpAddr,
    links: &[InterfaceInfo],
) -> rump_client::kpi::KResult<()> {
    let prefix = (route.destination, route.length);
    // A router of a link may be at any.
    let zones: Vec<u32> = match router {
        IpAddr::V6(address) if is_of_link(address) => links.iter().map(|info| info.number).collect(),
        _ => vec![0],
    };
    let tries = zones.into_iter().map(|zone| {
        network.change_route(Ask::Delete, prefix, Some(&Way::Router(router)), 0, zone, route.metric)
    });
    tries.reduce(|one, other| one.or(other)).unwrap_or(Ok(()))
}
