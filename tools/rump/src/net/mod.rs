//! `rump net`: small programs on a bus, each a kernel of its own for the time of the command.

mod bridge;
mod dump;
mod link;
mod nc;
mod ping;
mod signals;
mod station;

use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, Subcommand};

/// Arguments of `rump net`.
#[derive(ClapArgs)]
#[command(after_help = "A LINK says where the interface of the command is:
  shmif:PATH   the bus in a file, which NetBSD's rump kernels may share; made if it is not there
  lanes:PATH   a bus of the faster format, for kernels of ours alone
  tap:NAME     a tap of the host, which sees the command as a neighbour

Examples:
  rump net ping --if shmif:/tmp/bus --address 10.0.0.2/24 10.0.0.1
  rump net nc --if shmif:/tmp/bus --address 10.0.0.2/24 10.0.0.1 80
  rump net dump --if shmif:/tmp/bus -w trace.pcap
  rump net bridge --if tap:tap0 --if shmif:/tmp/bus")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Ask a host whether it is there
    Ping(ping::Args),
    /// Connect standard input and output to a socket
    Nc(nc::Args),
    /// Join several links to one network, as a switch does
    Bridge(bridge::Args),
    /// Show the packets on a bus, or write them to a file for Wireshark
    Dump(dump::Args),
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    match &args.command {
        Command::Ping(args) => ping::run(args, session, output),
        Command::Nc(args) => nc::run(args, session, output),
        Command::Bridge(args) => bridge::run(args, session, output),
        Command::Dump(args) => dump::run(args, session, output),
    }
}

/// A length of time in seconds, with a fraction, of at most a day.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=DAY).contains(&seconds) => Ok(std::time::Duration::from_secs_f64(seconds)),
        _ => Err(format!("{text:?} is no number of seconds from 0 to {DAY}")),
    }
}
