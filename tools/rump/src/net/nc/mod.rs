//! `rump net nc`: standard input to a socket, and what comes from there to standard output.
//!
//! Exit status: 0 done, 1 the connection failed or timed out, 2 an error before.

mod connect;
mod pump;

use super::bell::{self, Bell};
use super::seconds;
use super::signals::Signals;
use super::station::{Station, StationArgs};
use super::target::Target;
use crate::output::Output;
use crate::session::{Failure, Session, warn};
use clap::Args as ClapArgs;
use connect::Connection;
use pump::Conversation;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Arguments of `rump net nc`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net nc --if shmif:/tmp/bus --address 10.0.0.1/24 -l 80 < page
  rump net nc --if shmif:/tmp/bus --address 10.0.0.2/24 -N 10.0.0.1 80 < request
  rump net nc --if shmif:/tmp/bus --address 10.0.0.2/24 -z 10.0.0.1 20-25
It ends when the other side has sent all; with -N, when standard input has ended as well. With -u there is no such end: -w, -N or a signal ends it.
Exit status: 0 done, 1 the connection failed or timed out, 2 an error before.")]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    #[command(flatten)]
    how: How,
    /// Whom to connect to, or where to listen if not everywhere; then a port, with -z ports: 20-25
    #[arg(value_name = "[ADDRESS] PORT", required_unless_present = "port", num_args = 1..=2)]
    place: Vec<String>,
}

/// How it connects and when it ends.
#[derive(ClapArgs, Default)]
struct How {
    /// IPv4 alone
    #[arg(short = '4')]
    v4: bool,
    /// IPv6 alone; who listens everywhere takes both
    #[arg(short = '6', conflicts_with = "v4")]
    v6: bool,
    /// Datagrams (UDP)
    #[arg(short)]
    udp: bool,
    /// Wait for a connection, or with -u for a first datagram
    #[arg(short)]
    listen: bool,
    /// The port to listen at
    #[arg(short, value_name = "PORT", requires = "listen")]
    port: Option<u16>,
    /// When standard input ends, tell the other side; with -u, end
    #[arg(short = 'N')]
    shutdown: bool,
    /// Only find out which ports are listened at
    #[arg(short = 'z', conflicts_with_all = ["listen", "udp"])]
    scan: bool,
    /// Give up after so many seconds: of connecting, and of silence
    #[arg(short = 'w', value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Tell of connections
    #[arg(short, long)]
    verbose: bool,
}

impl How {
    fn tell(&self, text: &str) {
        if self.verbose {
            warn(text);
        }
    }
}

/// Where to.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    address: Target,
    /// The first and the last.
    ports: (u16, u16),
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let how = &args.how;
    let place = Place::parse(&args.place, how).map_err(Failure::Usage)?;
    let station = args.station.boot(session.host())?;
    let mut at = station.resolve(&place.address)?;
    if at.is_ipv6() {
        station.settle()?;
    }
    let bell = Bell::new(station.process()).map_err(|error| Failure::Network(error.to_string()))?;
    let rung = bell.clone();
    let signals = Signals::watch(move || rung.ring())?;
    if how.scan {
        station.begin();
        let found = scan(&station, at, place.ports, how, &bell);
        signals.check()?;
        return if found == 0 { Err(Failure::Told(1)) } else { Ok(()) };
    }
    at.set_port(place.ports.0);
    let talked = talk(&station, at, how, &bell, io::stdin(), out);
    signals.check()?;
    talked.map_err(Failure::Other)
}

/// Errors: what failed, in words.
fn talk(
    station: &Station,
    at: SocketAddr,
    how: &How,
    bell: &Bell,
    input: impl std::os::fd::AsFd + io::Read + Send,
    out: &mut impl Write,
) -> Result<(), String> {
    let failed = |error: io::Error| {
        let protocol = if how.udp { "udp" } else { "tcp" };
        format!("{} {} ({protocol}): {error}", at.ip(), at.port())
    };
    // None: a signal came before there was a connection.
    let Some(connection) = Connection::open(station, at, how, bell).map_err(failed)? else {
        return Ok(());
    };
    let conversation = Conversation::new(station.process(), &connection, how, bell).map_err(failed)?;
    conversation.run(input, out).map_err(failed)
}

/// Connects to one port after the other; answers how many are listened at.
fn scan(station: &Station, at: SocketAddr, ports: (u16, u16), how: &How, bell: &Bell) -> u32 {
    /// How long a port is waited for, unless that is said.
    const PATIENCE: Duration = Duration::from_secs(3);
    let (address, timeout) = (at.ip(), how.timeout.unwrap_or(PATIENCE));
    let mut found = 0;
    for port in ports.0..=ports.1 {
        let mut at = at;
        at.set_port(port);
        match bell::connect(station.process(), at, Some(timeout), bell) {
            Ok(Some(_)) => {
                found += 1;
                warn(&format!("connection to {address} {port} port [tcp] succeeded"));
            }
            Ok(None) => break,
            Err(error) => how.tell(&format!("{address} {port} (tcp): {error}")),
        }
    }
    found
}

impl Place {
    /// Errors: what is wrong, in words.
    fn parse(words: &[String], how: &How) -> Result<Self, String> {
        let (address, ports) = match (words, how.port) {
            ([], Some(port)) => (None, (port, port)),
            ([address], Some(port)) => (Some(address), (port, port)),
            ([port], None) if how.listen => (None, parse_ports(port)?),
            ([address, ports], None) => (Some(address), parse_ports(ports)?),
            ([_], None) => return Err("a port is missing".into()),
            _ => return Err("the port is given twice".into()),
        };
        if ports.0 != ports.1 && !how.scan {
            return Err("several ports are for -z".into());
        }
        let address = match address {
            Some(text) => text.parse()?,
            None if how.v6 => Target::from(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
            None => Target::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        };
        match (address.address, how.v4, how.v6) {
            (IpAddr::V4(address), _, true) => return Err(format!("{address} is no address of IPv6")),
            (IpAddr::V6(address), true, _) => return Err(format!("{address} is no address of IPv4")),
            _ => {}
        }
        Ok(Self { address, ports })
    }
}

fn parse_ports(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if 1 <= first && first <= last => Ok((first, last)),
        _ => Err(format!("{text:?} is no port from 1 to 65535")),
    }
}

#[cfg(test)]
mod tests;
