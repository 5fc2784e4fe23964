//! `rump net route`: routes, as `route show` of BSD has them.

use super::station::StationArgs;
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::Args as ClapArgs;
use rump_cli::route;
use rumpkit::Kernel;
use rumpkit::net::{interfaces, routes};
use std::io;

/// Arguments of `rump net route`.
#[derive(ClapArgs)]
#[command(
    after_help = "Flags: U it is used, G through a router, H to a single host, R whoever sends there is told that nobody is, B nobody is told.
Examples:
  rump net route --if shmif:/tmp/bus --address 10.0.0.2/24 --gateway 10.0.0.1
  rump net route --config net.toml --json"
)]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let station = args.station.boot_silent(session.host())?;
    station.begin();
    show(station.kernel(), args.json, out)
}

/// Shows the routes of a kernel. Errors: those of looking and writing.
pub fn show(kernel: &Kernel, is_json: bool, out: &mut Output) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::Network(error.to_string());
    let (all, links) = (routes(kernel).map_err(failed)?, interfaces(kernel).map_err(failed)?);
    Ok(route::show(&all, &links, is_json, out)?)
}
