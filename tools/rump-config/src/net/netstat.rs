//! `rump.netstat`, as netstat(1) of NetBSD.

use super::{links, network};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use rump_cli::netstat::{show_interfaces, show_sockets};
use rump_client::abi::TcpState;
use rump_client::kpi::device::{SocketInfo, SocketProtocol};
use std::io::Write;
use std::net::IpAddr;

/// Arguments of `rump.netstat`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").multiple(false), after_help = "Examples:
  rump.netstat -rn
  rump.netstat -i
  rump.netstat -an -f inet6
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
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let network = network(session)?;
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
