//! `rump.ifconfig`, as ifconfig(8) of NetBSD.

mod plan;

use super::network;
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use plan::Plan;
use rump_cli::interface::{Detail, Shown};
use rump_client::network::{RemoteInterface, RemoteNetwork};
use std::io::{self, Write};

/// Arguments of `rump.ifconfig`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.ifconfig -a
  rump.ifconfig shmif0 create
  rump.ifconfig shmif0 linkstr /tmp/bus
  rump.ifconfig shmif0 inet 10.0.0.1/24
  rump.ifconfig shmif0 inet 10.0.0.1 netmask 255.255.255.0 mtu 1400 up
  rump.ifconfig shmif0 inet 10.0.0.2/24 alias
  rump.ifconfig shmif0 inet6 fd00::1/64
  rump.ifconfig shmif0 inet 10.0.0.2 -alias
Words: create, destroy, up, down, mtu N, linkstr TEXT, -linkstr, and [inet|inet6] ADDRESS[/LENGTH] with netmask MASK,
prefixlen LENGTH, broadcast ADDRESS (which is that of the network), alias, -alias or delete.
An address of IPv4 takes the place of the first one without alias. Who gets an address goes up, unless there is down.
Records of --json: those of rump net ifconfig.")]
pub struct Args {
    /// All interfaces, as if none is named
    #[arg(short = 'a')]
    all: bool,
    /// The names alone
    #[arg(short = 'l')]
    names: bool,
    /// Those that are down alone
    #[arg(short = 'd', conflicts_with = "only_up")]
    only_down: bool,
    /// Those that are up alone
    #[arg(short = 'u')]
    only_up: bool,
    /// What went through, too
    #[arg(short = 'v')]
    verbose: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// The interface
    interface: Option<String>,
    /// What becomes of it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let plan = Plan::parse(&self.words).map_err(Failure::Usage)?;
        let network = network(session)?;
        match &self.interface {
            Some(name) if !self.words.is_empty() => plan.apply(&network, name),
            _ => self.show(&network, out),
        }
    }
}

impl Args {
    fn show(&self, network: &RemoteNetwork, out: &mut dyn Write) -> Result<(), Failure> {
        let all = network.interfaces().map_err(of("the interfaces"))?;
        let is_meant = |one: &&RemoteInterface| {
            let is_named = self.interface.as_ref().is_none_or(|name| *name == one.info.name);
            is_named && (!self.only_up || one.info.is_up) && (!self.only_down || !one.info.is_up)
        };
        let meant: Vec<_> = all.iter().filter(is_meant).collect();
        if let (Some(name), true) = (&self.interface, meant.is_empty()) {
            return Err(Failure::Other(format!("{name}: there is no such interface")));
        }
        if self.names && !self.json {
            let names: Vec<&str> = meant.iter().map(|one| one.info.name.as_str()).collect();
            return Ok(writeln!(out, "{}", names.join(" "))?);
        }
        let detail = if self.verbose { Detail::Counted } else { Detail::Plain };
        meant.into_iter().try_for_each(|one| self.show_one(network, one, detail, out))?;
        Ok(())
    }

    fn show_one(
        &self,
        network: &RemoteNetwork,
        one: &RemoteInterface,
        detail: Detail,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let RemoteInterface { info, addresses } = one.clone();
        // Most kinds have none.
        let link = network.link_string(&info.name).ok().filter(|link| !link.is_empty());
        let media = network.media(&info.name).ok().flatten();
        let shown = Shown { info, link, media, addresses };
        if self.json { writeln!(out, "{}", shown.record()) } else { shown.show(detail, out) }
    }
}
