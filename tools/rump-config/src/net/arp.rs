//! `rump.arp`, as arp(8) of NetBSD.

use super::neighbours::{Shown, Table, of_version};
use super::target::Target;
use crate::session::{Failure, Session};
use crate::tool::Run;
use rump_client::abi::AddressFamily;
use std::io::{self, Write};

/// Arguments of `rump.arp`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  rump.arp -a
  rump.arp 10.0.0.2
  rump.arp -s 10.0.0.9 02:00:00:00:00:09
  rump.arp -d 10.0.0.9
  rump.arp -d -a
Records of --json: address, hardware, interface, permanent, expires (seconds since 1970).")]
pub struct Args {
    /// All
    #[arg(short = 'a')]
    all: bool,
    /// Forget it
    #[arg(short = 'd', conflicts_with = "set")]
    delete: bool,
    /// Addresses are numbers, as they are in any case
    #[arg(short = 'n')]
    numeric: bool,
    /// Say that it has the hardware address behind it; pub: answer others for it
    #[arg(short = 's')]
    set: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// Whom
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
            of_version(target, AddressFamily::Inet)?;
        }
        let open = |session: &Session| Table::open(session, AddressFamily::Inet);
        match &self.address {
            None if self.set || !self.all => Err(Failure::Usage("no address; -a shows all".into())),
            None if self.delete => open(session)?.delete_all(session, out),
            Some(target) if self.delete => open(session)?.delete(target, out),
            Some(target) if self.set => open(session)?.set(target, &self.words),
            target => {
                let table = open(session)?;
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
        let hardware = shown.hardware.as_deref().unwrap_or("(incomplete)");
        let permanent = if shown.neighbour.is_static { " permanent" } else { "" };
        writeln!(out, "? ({}) at {hardware} on {}{permanent}", shown.neighbour.address, shown.interface)
    }
}
