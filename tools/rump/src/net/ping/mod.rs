//! `rump net ping`: echo requests, and what comes back.
//!
//! Exit status: 0 something was answered, 1 nothing was, 2 an error.

use super::bell::Bell;
use super::seconds;
use super::signals::Signals;
use super::station::{Station, StationArgs};
use super::target::Target;
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::Args as ClapArgs;
use rump_cli::ping::{self, Form, MOST_BYTES_V4, Summary};
use std::io::Write;
use std::time::Duration;

/// Arguments of `rump net ping`.
#[derive(ClapArgs)]
#[command(after_help = "Example:
  rump net ping --if shmif:/tmp/bus --address 10.0.0.2/24 -c 3 10.0.0.1
  rump net ping --if shmif:/tmp/bus --address 2001:db8::2/64 -c 3 2001:db8::1
  rump net ping --if shmif:/tmp/bus --address 2001:db8::2/64 fe80::1%if0
  rump net ping --if sockin -c 3 127.0.0.1
With --if sockin, the host has to let us ask: by CAP_NET_RAW, or without privilege by a group of ours in the range of the
sysctl net.ipv4.ping_group_range, for both versions of IP; complaints of routers are not heard then.
With --quiet the summary alone is printed. A signal ends it with the summary.
Exit status: 0 something was answered, 1 nothing was, 2 an error.")]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    #[command(flatten)]
    asking: Asking,
    /// Ask over IPv4 alone
    #[arg(short = '4')]
    v4: bool,
    /// Ask over IPv6 alone
    #[arg(short = '6', conflicts_with = "v4")]
    v6: bool,
    /// Whom to ask; one of the link of IPv6 may have the name of the interface behind it: fe80::1%if0
    #[arg(value_name = "ADDRESS")]
    whom: Target,
}

/// How it is asked.
#[derive(ClapArgs, Clone)]
struct Asking {
    /// Stop after so many requests
    #[arg(short, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Seconds between requests
    #[arg(short, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Bytes of content in each
    #[arg(short, value_name = "BYTES", default_value_t = 56, value_parser = clap::value_parser!(u16).range(..=65_527))]
    size: u16,
    /// How many routers may pass a request on
    #[arg(short, value_name = "TTL", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
    /// Seconds to wait for the last answers
    #[arg(short = 'W', value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    wait: Duration,
    /// Print a JSON record per line: each answer, then the summary
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    args.check().map_err(Failure::Usage)?;
    let station = args.station.boot(session.host())?;
    let bell = Bell::new(station.process()).map_err(|error| Failure::Network(error.to_string()))?;
    let rung = bell.clone();
    let _signals = Signals::watch(move || rung.ring())?;
    station.begin();
    let summary = ping(&station, &args.whom, &args.asking, session.is_quiet(), &bell, out)?;
    if summary.received == 0 { Err(Failure::Told(1)) } else { Ok(()) }
}

impl Args {
    /// Errors: what is wrong, in words.
    fn check(&self) -> Result<(), String> {
        let (address, is_v4) = (self.whom.address, self.whom.address.is_ipv4());
        match () {
            () if self.v4 && !is_v4 => Err(format!("{address} is no address of IPv4")),
            () if self.v6 && is_v4 => Err(format!("{address} is no address of IPv6")),
            () if is_v4 && self.asking.size > MOST_BYTES_V4 => {
                Err(format!("a packet of IPv4 has no room for more than {MOST_BYTES_V4} bytes"))
            }
            () => Ok(()),
        }
    }
}

/// Until the count is reached, or the bell is rung.
fn ping(
    station: &Station,
    whom: &Target,
    asking: &Asking,
    is_quiet: bool,
    bell: &Bell,
    out: &mut impl Write,
) -> Result<Summary, Failure> {
    let to = station.resolve(whom)?;
    if to.is_ipv6() {
        station.settle()?;
    }
    let &Asking { count, interval, size, ttl, wait, json } = asking;
    let form = if json { Form::Json } else { Form::Iputils };
    let asking = ping::Asking { count, deadline: None, interval, size, ttl, wait, form, is_quiet };
    let name_of = |address| station.name_of(address);
    ping::ping(station.process(), to, &name_of, &asking, bell, out).map_err(|failure| match failure {
        ping::Failure::Kernel(text) => Failure::Network(text),
        ping::Failure::Output(error) => Failure::Output(error),
    })
}

#[cfg(test)]
mod tests;
