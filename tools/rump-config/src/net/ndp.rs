//! `rump.ndp`, as ndp(8) of NetBSD.

use super::neighbours::{Shown, Table, of_version};
use super::target::{Target, is_of_link};
use crate::session::{Failure, Session};
use crate::tool::Run;
use rump_client::abi::AddressFamily;
use std::io::{self, Write};
use std::net::IpAddr;

/// Arguments of `rump.ndp`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.ndp -a
  rump.ndp fe80::1%shmif0
  rump.ndp -s fd00::9 02:00:00:00:00:09
  rump.ndp -d fd00::9
  rump.ndp -c
Records of --json: address, hardware, interface, permanent, expires (seconds since 1970).")]
pub struct Args {
    /// All
    #[arg(short = 'a')]
    all: bool,
    /// Forget all
    #[arg(short = 'c', conflicts_with_all = ["all", "delete", "set", "address"])]
    clear: bool,
    /// Forget it
    #[arg(short = 'd', conflicts_with = "set")]
    delete: bool,
    /// Addresses are numbers, as they are in any case
    #[arg(short = 'n')]
    numeric: bool,
    /// Say that it has the hardware address behind it
    #[arg(short = 's')]
    set: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// Whom; one of a link has the name of the interface behind it
    address: Option<Target>,
    /// With -s, its hardware address
    #[arg(value_name = "HARDWARE")]
    words: Vec<String>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        if let (false, [word, ..]) = (self.set, &self.words[..]) {
            return Err(Failure::Usage(format!("{word}: a hardware address is for -s")));
        }
        if let Some(target) = &self.address {
            of_version(target, AddressFamily::Inet6)?;
        }
        let open = |session: &Session| Table::open(session, AddressFamily::Inet6);
        match &self.address {
            None if self.clear => open(session)?.delete_all(session, out),
            None if self.set || self.delete || !self.all => {
                Err(Failure::Usage("no address; -a shows all".into()))
            }
            Some(target) if self.delete => open(session)?.delete(target, out),
            Some(target) if self.set => open(session)?.set(target, &self.words),
            target => {
                let table = open(session)?;
                if !self.json {
                    writeln!(out, "{:<39} {:<17} {:<8} Expire", "Neighbor", "Linklayer Address", "Netif")?;
                }
                let count = table.show(target.as_ref(), |shown| self.show(shown, out))?;
                match target {
                    Some(target) if count == 0 => {
                        Err(Failure::Other(format!("{} ({0}) -- no entry", target.address)))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Args {
    fn show(&self, shown: &Shown<'_>, out: &mut dyn Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", shown.record());
        }
        let (neighbour, interface) = (shown.neighbour, &shown.interface);
        let address = match neighbour.address {
            IpAddr::V6(address) if is_of_link(address) => format!("{address}%{interface}"),
            address => address.to_string(),
        };
        let hardware = shown.hardware.as_deref().unwrap_or("(incomplete)");
        let expires = match neighbour.expires {
            _ if neighbour.is_static => "permanent".into(),
            Some(expires) => expires.to_string(),
            None => "-".into(),
        };
        writeln!(out, "{address:<39} {hardware:<17} {interface:<8} {expires}")
    }
}
