//! Tools of the network.

pub mod arp;
pub mod brconfig;
pub mod dhcpclient;
pub mod ifconfig;
mod monitor;
pub mod ndp;
mod neighbours;
pub mod netstat;
pub mod npfctl;
pub mod ping;
pub mod route;
mod signals;
pub mod sockstat;
mod target;
pub mod traceroute;

use crate::session::{Failure, Session, of};
use rump_client::kpi::device::InterfaceInfo;
use rump_client::network::RemoteNetwork;
use std::time::Duration;

/// The network of the session's server.
fn network(session: &Session) -> Result<RemoteNetwork, Failure> {
    Ok(RemoteNetwork::new(session.connect()?))
}

/// Its interfaces.
fn links(network: &RemoteNetwork) -> Result<Vec<InterfaceInfo>, Failure> {
    let all = network.interfaces().map_err(of("the interfaces"))?;
    Ok(all.into_iter().map(|one| one.info).collect())
}

/// The name of an interface, as far as there is one.
fn name_of(links: &[InterfaceInfo], number: u32) -> String {
    let found = links.iter().find(|info| info.number == number);
    found.map_or_else(|| format!("link#{number}"), |info| rump_cli::escape::escaped(info.name.as_bytes()))
}

/// A length of time in seconds, with a fraction, of at most a day.
fn seconds(text: &str) -> Result<Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=DAY).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(format!("{text:?} is no number of seconds from 0 to {DAY}")),
    }
}
