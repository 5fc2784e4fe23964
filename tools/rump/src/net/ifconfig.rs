//! `rump net ifconfig`: interfaces, as ifconfig(8) of BSD shows them.

use super::seconds;
use super::station::StationArgs;
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::Args as ClapArgs;
use rump_cli::interface::{Detail, Shown};
use rumpkit::Kernel;
use rumpkit::net::{AddressInfo, AddressState, Interface, interfaces};
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Arguments of `rump net ifconfig`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net ifconfig --if shmif:/tmp/bus --address 10.0.0.2/24
  rump net ifconfig --config net.toml -w 5 --json")]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    /// Wait for so many seconds at most, until no address is tentative any more
    #[arg(short, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    wait: Duration,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let station = args.station.boot_silent(session.host())?;
    let failed = |error: io::Error| Failure::Network(error.to_string());
    station.begin();
    let end = Instant::now() + args.wait;
    let mut all = look(station.kernel()).map_err(failed)?;
    let is_tentative = |own: &AddressInfo| own.state == AddressState::Tentative;
    while all.iter().any(|shown| shown.addresses.iter().any(is_tentative)) && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
        all = look(station.kernel()).map_err(failed)?;
    }
    for shown in &all {
        match args.json {
            true => writeln!(out, "{}", shown.record())?,
            false => shown.show(Detail::Counted, out)?,
        }
    }
    Ok(())
}

fn look(kernel: &Kernel) -> io::Result<Vec<Shown>> {
    let all = interfaces(kernel)?.into_iter();
    all.map(|info| {
        let interface = Interface::find(kernel, &info.name)?;
        Ok(Shown { info, link: None, media: interface.media()?, addresses: interface.addresses()? })
    })
    .collect()
}
