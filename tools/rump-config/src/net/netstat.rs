//! `rump.netstat`, as netstat(1) of NetBSD.

use super::{links, network};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use clap::ArgAction;
use rump_cli::netstat::{show_counters, show_interfaces, show_sockets};
use rump_client::abi::TcpState;
use rump_client::abi::netbsd::statistics::Counted;
use rump_client::kpi::device::{SocketInfo, SocketProtocol};
use rump_client::network::RemoteNetwork;
use std::io::Write;
use std::net::IpAddr;

/// Arguments of `rump.netstat`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").multiple(false), after_help = "Examples:
  rump.netstat -rn
  rump.netstat -i
  rump.netstat -an -f inet6
  rump.netstat -ss -p tcp
Records of --json: those of rump net netstat.")]
pub struct Args {
    /// Sockets, those that listen as well
    #[arg(short, group = "what")]
    all: bool,
    /// Of this version of IP alone
    #[arg(short, value_name = "FAMILY", value_parser = ["inet", "inet6"])]
    family: Option<String>,
    /// Interfaces, and what went through them
    #[arg(short, group = "what")]
    interfaces: bool,
    /// Numbers in place of names, as it is in any case
    #[arg(short)]
    numeric: bool,
    /// Routes
    #[arg(short, group = "what")]
    routes: bool,
    /// What protocols counted; twice: without what never happened
    #[arg(short, group = "what", action = ArgAction::Count)]
    statistics: u8,
    /// What this protocol counted
    #[arg(short, value_name = "PROTOCOL", value_parser = Counted::ALL.map(Counted::name),
        conflicts_with_all = ["all", "interfaces", "routes"])]
    protocol: Option<String>,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let network = network(session)?;
        if self.statistics > 0 || self.protocol.is_some() {
            return self.statistics(&network, out);
        }
        if self.interfaces {
            return Ok(show_interfaces(&links(&network)?, self.json, out)?);
        }
        if self.routes {
            let mut all = network.routes().map_err(of("the routes"))?;
            all.retain(|route| self.has(route.destination));
            return Ok(rump_cli::route::show(&all, &links(&network)?, self.json, out)?);
        }
        let mut all = network.sockets().map_err(of("the sockets"))?;
        all.retain(|info| self.has(info.local.ip()) && (self.all || !waits_for_others(info)));
        Ok(show_sockets(&all, self.json, out)?)
    }
}

impl Args {
    fn statistics(&self, network: &RemoteNetwork, out: &mut dyn Write) -> Result<(), Failure> {
        let is_wanted = |of: &Counted| match (&self.protocol, self.family.as_deref()) {
            (Some(name), _) => of.name() == name,
            (None, Some(family)) => (family == "inet6") == of.name().ends_with('6'),
            (None, None) => true,
        };
        for of in Counted::ALL.into_iter().filter(is_wanted) {
            let mut all = network.counters(of).map_err(crate::session::of(of.name()))?;
            all.retain(|counter| self.statistics < 2 || counter.count > 0);
            show_counters(&all, self.json, out)?;
        }
        Ok(())
    }

    fn has(&self, address: IpAddr) -> bool {
        self.family.as_deref().is_none_or(|family| (family == "inet") == address.is_ipv4())
    }
}

/// Whether it is a socket that -a alone shows.
fn waits_for_others(info: &SocketInfo) -> bool {
    match info.protocol {
        SocketProtocol::Tcp(state) => matches!(state, TcpState::Listen | TcpState::Closed),
        SocketProtocol::Udp | SocketProtocol::Raw(_) => info.remote.is_none(),
    }
}
