//! `rump.route`, as route(8) of NetBSD.

use super::monitor;
use super::target::{Target, is_of_link, length_of, length_of_mask, whole};
use super::{links, name_of, network};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_client::abi::netbsd::route::{Addresses, RTF_BLACKHOLE, RTF_REJECT, RtMsghdr};
use rump_client::kpi::device::{Gateway, InterfaceInfo, RouteInfo};
use rump_client::network::{Ask, RemoteNetwork, Way};
use serde_json::json;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

/// Which versions of IP are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Any,
    Inet,
    Inet6,
}

impl Family {
    fn of(words: &[String]) -> Result<Self, Failure> {
        match words {
            [] => Ok(Self::Any),
            [word] if word == "-inet" => Ok(Self::Inet),
            [word] if word == "-inet6" => Ok(Self::Inet6),
            _ => Err(Failure::Usage(format!("{}: there are -inet and -inet6", words.join(" ")))),
        }
    }

    fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Inet => address.is_ipv4(),
            Self::Inet6 => address.is_ipv6(),
        }
    }
}

/// What the words behind a command say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    destination: Target,
    length: u8,
    is_host: bool,
    gateway: Option<String>,
    is_interface: bool,
    /// The interface of addresses of a link.
    at: Option<String>,
    flags: u32,
    metric: u32,
}

impl Said {
    /// Errors: in words.
    fn parse(words: &[String]) -> Result<Self, String> {
        let (mut family, mut length, mut is_host, mut is_net) = (Family::Any, None, false, false);
        let (mut is_interface, mut at, mut flags, mut metric) = (false, None, 0, 0);
        let mut plain = Vec::new();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or_else(|| format!("{word}: something is missing behind it"));
            match word {
                "-inet" => family = Family::Inet,
                "-inet6" => family = Family::Inet6,
                "-net" => is_net = true,
                "-host" => is_host = true,
                "-netmask" => length = Some(length_of_mask(next()?)?),
                "-prefixlen" => length = Some(next()?.parse().map_err(|_| "-prefixlen: no such length")?),
                "-interface" | "-iface" => is_interface = true,
                "-ifp" => at = Some(next()?.to_owned()),
                "-reject" => flags |= RTF_REJECT,
                "-blackhole" => flags |= RTF_BLACKHOLE,
                "-static" | "-n" => {}
                "-hopcount" | "-metric" => {
                    metric = next()?.parse().map_err(|_| "-hopcount: no such number")?
                }
                word if word.starts_with('-') => return Err(format!("{word}: there is no such word")),
                word => plain.push(word),
            }
        }
        let (destination, gateway) = match plain[..] {
            [destination] => (destination, None),
            [destination, gateway] => (destination, Some(gateway)),
            // As people wrote it before there were prefixes.
            [destination, gateway, mask] if length.is_none() => {
                length = Some(length_of_mask(mask)?);
                (destination, Some(gateway))
            }
            [] => return Err("no destination".into()),
            _ => return Err(format!("{}: too many words", plain.join(" "))),
        };
        if gateway.is_some_and(|gateway| !is_interface && gateway.parse::<Ipv6Addr>().is_ok())
            && family == Family::Any
        {
            family = Family::Inet6;
        }
        let (destination, own) = parse_destination(destination, family)?;
        let address = destination.address;
        let usual = if is_net { own.or_else(|| class_of(address)) } else { own };
        let length = if is_host { whole(address) } else { length.or(usual).unwrap_or(whole(address)) };
        if length > whole(address) {
            return Err(format!("{address} has no prefix of {length} bits"));
        }
        let is_host = length == whole(address);
        let gateway = gateway.map(str::to_owned);
        Ok(Self { destination, length, is_host, gateway, is_interface, at, flags, metric })
    }

    /// As it is written in what is said of it.
    fn title(&self) -> String {
        let (kind, address) = (if self.is_host { "host" } else { "net" }, self.destination.address);
        if self.length == 0 { format!("{kind} default") } else { format!("{kind} {address}") }
    }
}

/// A destination, and the length of its prefix if it says one. Errors: in words.
fn parse_destination(text: &str, family: Family) -> Result<(Target, Option<u8>), String> {
    if text == "default" {
        let any = match family {
            Family::Inet6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        return Ok((any.to_string().parse()?, Some(0)));
    }
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let target: Target = address.parse()?;
    if !family.has(target.address) {
        return Err(format!("{text} is of the other version of IP"));
    }
    let length = length.map(|length| length_of(length, target.address)).transpose()?;
    Ok((target, length))
}

/// How long the prefix of a network is when nobody said it (RFC 791).
fn class_of(address: IpAddr) -> Option<u8> {
    match address {
        IpAddr::V6(_) => Some(64),
        IpAddr::V4(address) => Some(match address.to_bits().leading_ones() {
            _ if address.is_unspecified() => 0,
            0 => 8,
            1 => 16,
            _ => 24,
        }),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &str) -> Result<Said, String> {
        Said::parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn destinations_have_the_prefix_that_people_mean() {
        for (words, address, length, gateway) in [
            ("default 10.0.0.1", "0.0.0.0", 0, Some("10.0.0.1")),
            ("-inet6 default fe80::1%if0", "::", 0, Some("fe80::1%if0")),
            ("default fd00::1", "::", 0, Some("fd00::1")),
            ("10.2.0.0/16 10.0.0.1", "10.2.0.0", 16, Some("10.0.0.1")),
            ("-net 10.2.0.0 10.0.0.1", "10.2.0.0", 8, Some("10.0.0.1")),
            ("-net 10.2.0.0 -netmask 255.255.0.0 10.0.0.1", "10.2.0.0", 16, Some("10.0.0.1")),
            ("10.2.0.0 10.0.0.1 255.255.0.0", "10.2.0.0", 16, Some("10.0.0.1")),
            ("10.2.0.9 10.0.0.1", "10.2.0.9", 32, Some("10.0.0.1")),
            ("-host 10.2.0.9", "10.2.0.9", 32, None),
            ("-inet6 -net fd01:: -prefixlen 48 fd00::1", "fd01::", 48, Some("fd00::1")),
            ("-net fd01:: -interface shmif0", "fd01::", 64, Some("shmif0")),
        ] {
            let said = said(words).unwrap();
            assert_eq!(said.destination.address.to_string(), address, "{words}");
            assert_eq!((said.length, said.gateway.as_deref()), (length, gateway), "{words}");
        }
    }

    #[test]
    fn words_that_make_no_sense_are_refused() {
        for words in [
            "",
            "-nett 10.0.0.0 10.0.0.1",
            "10.0.0.0/33 10.0.0.1",
            "host 10.0.0.1",
            "10.0.0.0 10.0.0.1 x",
            "1.2.3.4 5.6.7.8 255.0.0.0 x",
            "-netmask",
            "-inet6 10.0.0.0/8 fd00::1",
            "10.0.0.0 -prefixlen 64 10.0.0.1",
        ] {
            assert!(said(words).is_err(), "{words}");
        }
    }
}
