//! `rump.ping` and `rump.ping6`, as ping(8) and ping6(8) of NetBSD.
//!
//! Exit status: 0 something was answered, 1 nothing was, or an error, 2 usage.

use super::target::{Target, written};
use super::{links, network, seconds, signals};
use crate::session::{Failure, Session};
use crate::tool::Run;
use rump_cli::ping::{self, Asking, Form, MOST_BYTES_V4};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

/// Arguments of both.
#[derive(clap::Args)]
struct How {
    /// Stop after so many requests
    #[arg(short, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Seconds between requests
    #[arg(short, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// Bytes of content in each
    #[arg(short, value_name = "BYTES", default_value_t = 56, value_parser = clap::value_parser!(u16).range(..=65_527))]
    size: u16,
    /// Addresses are numbers, as they are in any case
    #[arg(short)]
    numeric: bool,
    /// The summary alone
    #[arg(short)]
    quiet: bool,
    /// Stop after so many seconds
    #[arg(short = 'w', value_name = "SECONDS", value_parser = seconds)]
    deadline: Option<Duration>,
    /// Seconds to wait for the last answers
    #[arg(short = 'W', value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    wait: Duration,
    /// Print a JSON record per line: each answer, then the summary
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// Whom to ask; one of the link of IPv6 has the name of the interface behind it: fe80::1%shmif0
    #[arg(value_name = "ADDRESS")]
    whom: Target,
}

/// Arguments of `rump.ping`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.ping -c 3 10.0.0.1
A signal ends it with the summary.
Exit status: 0 something was answered, 1 nothing was, or an error, 2 usage.")]
pub struct Args {
    #[command(flatten)]
    how: How,
    /// How many routers may pass a request on
    #[arg(short = 'T', short_alias = 't', value_name = "TTL", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
}

/// Arguments of `rump.ping6`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rump.ping6 -c 3 fd00::1\n  rump.ping6 fe80::1%shmif0
A signal ends it with the summary.
Exit status: 0 something was answered, 1 nothing was, or an error, 2 usage.")]
pub struct Args6 {
    #[command(flatten)]
    how: How,
    /// How many routers may pass a request on
    #[arg(short = 'h', value_name = "HOPS", value_parser = clap::value_parser!(u8).range(1..))]
    hops: Option<u8>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let How { whom, size, .. } = &self.how;
        match whom.address.is_ipv4() {
            false => Err(Failure::Usage(format!("{} is no address of IPv4", whom.address))),
            true if *size > MOST_BYTES_V4 => Err(Failure::Usage(format!(
                "a packet of IPv4 has no room for more than {MOST_BYTES_V4} bytes"
            ))),
            true => self.how.run(self.ttl, session, out),
        }
    }
}

impl Run for Args6 {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let address = self.how.whom.address;
        match address.is_ipv6() {
            false => Err(Failure::Usage(format!("{address} is no address of IPv6"))),
            true => self.how.run(self.hops, session, out),
        }
    }
}

impl How {
    fn run(&self, ttl: Option<u8>, session: &mut Session, mut out: &mut dyn Write) -> Result<(), Failure> {
        let network = network(session)?;
        let links = links(&network)?;
        let to = self.whom.resolve(&links).map_err(Failure::Usage)?;
        let bell = signals::bell(network.process())?;
        let form = if self.json { Form::Json } else { Form::NetBsd };
        let &Self { count, deadline, interval, size, wait, quiet: is_quiet, .. } = self;
        let asking = Asking { count, deadline, interval, size, ttl, wait, form, is_quiet };
        let name_of = |address: SocketAddr| written(address, &links);
        match ping::ping(network.process(), to, &name_of, &asking, &bell, &mut out) {
            Ok(summary) if summary.received == 0 => Err(Failure::Silent),
            Ok(_) => Ok(()),
            Err(ping::Failure::Kernel(text)) => Err(Failure::Other(text)),
            Err(ping::Failure::Output(error)) => Err(Failure::Output(error)),
        }
    }
}
