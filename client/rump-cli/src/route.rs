//! Routes, as `route show` of BSD has them.

use rump_kpi::device::{Gateway, InterfaceInfo, RouteInfo};
use serde_json::json;
use std::io::{self, Write};
use std::net::IpAddr;

/// Shows routes, of a kernel with these interfaces. Errors: those of writing.
pub fn show(
    all: &[RouteInfo],
    links: &[InterfaceInfo],
    is_json: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let shown: Vec<Shown> = all.iter().map(|route| Shown::of(route, all, links)).collect();
    if is_json {
        for (route, shown) in all.iter().zip(&shown) {
            let router = matches!(route.gateway, Gateway::Router(_)).then_some(&shown.gateway);
            let destination = format!("{}/{}", route.destination, route.length);
            let record = json!({"type": "route", "destination": destination, "router": router, "flags": shown.flags,
                "metric": route.metric, "interface": shown.interface});
            writeln!(out, "{record}")?;
        }
        return Ok(());
    }
    writeln!(out, "Routing tables")?;
    let is_of =
        |is_v4: bool| all.iter().zip(&shown).filter(move |(route, _)| route.destination.is_ipv4() == is_v4);
    for (title, is_v4, width) in [("Internet", true, 18), ("Internet6", false, 38)] {
        if is_of(is_v4).next().is_none() {
            continue;
        }
        writeln!(out, "\n{title}:")?;
        writeln!(
            out,
            "{:<width$} {:<width$} {:<6} {:>6}  Interface",
            "Destination", "Gateway", "Flags", "Metric"
        )?;
        for (route, Shown { destination, gateway, flags, interface }) in is_of(is_v4) {
            let interface = interface.as_deref().unwrap_or("-");
            writeln!(
                out,
                "{destination:<width$} {gateway:<width$} {flags:<6} {:>6}  {interface}",
                route.metric
            )?;
        }
    }
    Ok(())
}

/// A route, for people.
struct Shown {
    destination: String,
    gateway: String,
    flags: String,
    interface: Option<String>,
}

impl Shown {
    fn of(route: &RouteInfo, all: &[RouteInfo], links: &[InterfaceInfo]) -> Self {
        let most = if route.destination.is_ipv4() { 32 } else { 128 };
        let destination = match route.length {
            0 => "default".into(),
            length if length == most => route.destination.to_string(),
            length => format!("{}/{length}", route.destination),
        };
        let (gateway, flag, number) = match route.gateway {
            Gateway::Interface(number) => (format!("link#{number}"), "", Some(number)),
            Gateway::Router(router) => (router.to_string(), "G", link_of(router, all)),
            Gateway::Reject => ("-".into(), "R", None),
            Gateway::Blackhole => ("-".into(), "B", None),
        };
        let host = if route.length == most { "H" } else { "" };
        let name = |number| links.iter().find(|info| info.number == number).map(|info| info.name.clone());
        Self { destination, gateway, flags: format!("U{flag}{host}"), interface: number.and_then(name) }
    }
}

/// The interface on whose link a router is: that of the longest prefix, which comes first.
fn link_of(router: IpAddr, all: &[RouteInfo]) -> Option<u32> {
    all.iter().find_map(|route| match route.gateway {
        Gateway::Interface(number) if contains(route, router) => Some(number),
        _ => None,
    })
}

fn contains(route: &RouteInfo, address: IpAddr) -> bool {
    let differing = match (route.destination, address) {
        (IpAddr::V4(net), IpAddr::V4(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros(),
        (IpAddr::V6(net), IpAddr::V6(address)) => (net.to_bits() ^ address.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= route.length.into()
}
