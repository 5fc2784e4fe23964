//! `rump.traceroute`, as traceroute(8) of NetBSD, over IPv4 and IPv6.
//!
//! Each probe may be passed on by one router more than the last ones; the router that may not pass it on says so, by ICMP.
//! Probes are datagrams to ports that nobody has, or with -I echo requests. The number of a probe is its port, or that of the
//! request.

mod answer;
mod probes;

use super::target::Target;
use super::{links, network, seconds, signals};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use answer::{Answer, What};
use probes::{Probes, Waiting};
use rump_cli::bell::Bell;
use rump_client::RemoteProcess;
use rump_client::abi::Errno;
use serde_json::json;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Arguments of `rump.traceroute`.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  rump.traceroute -n 10.2.0.1\n  rump.traceroute -n fd00::1
Behind a time, !N says that a router knows no way to the network, !H to the host, !P that the protocol is unknown, !X that
somebody forbids it.
Records of --json: hop, probe, from, time_ms and error of what was answered; from is null where nothing was.
Exit status: 0 the host was reached, 1 it was not, or an error, 2 usage.")]
pub struct Args {
    /// Over IPv4
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,
    /// Over IPv6
    #[arg(short = '6')]
    v6: bool,
    /// Ask with echo requests of ICMP
    #[arg(short = 'I')]
    icmp: bool,
    /// With how many hops to begin
    #[arg(short = 'f', value_name = "HOPS", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    first: u8,
    /// Hops at most
    #[arg(short = 'm', value_name = "HOPS", default_value_t = 64, value_parser = clap::value_parser!(u8).range(1..))]
    most: u8,
    /// Addresses alone; without, they stand where names would, too
    #[arg(short)]
    numeric: bool,
    /// The port of the first probe
    #[arg(short = 'p', value_name = "PORT", default_value_t = 33434, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Probes for each hop
    #[arg(short = 'q', value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    queries: u8,
    /// Seconds to wait for an answer
    #[arg(short = 'w', value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    wait: Duration,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// Whom to find
    #[arg(value_name = "ADDRESS")]
    whom: Target,
    /// Bytes of a probe, headers included: 40, or of IPv6 60
    #[arg(value_name = "BYTES", value_parser = clap::value_parser!(u16).range(..=32_768))]
    bytes: Option<u16>,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let to = self.whom.address;
        let (version, is_it) = if self.v6 { (6, to.is_ipv6()) } else { (4, to.is_ipv4() || !self.v4) };
        if !is_it {
            return Err(Failure::Usage(format!("{to} is no address of IPv{version}")));
        }
        let (name, usual) = if to.is_ipv4() { ("traceroute", 40) } else { ("traceroute6", 60) };
        let bytes = self.bytes.unwrap_or(usual);
        let content = bytes.checked_sub(probes::headers(to));
        let content = content.ok_or_else(|| Failure::Usage(format!("{bytes}: no room for headers")))?;
        let network = network(session)?;
        let process = network.process();
        let at = self.whom.resolve(&links(&network)?).map_err(Failure::Usage)?;
        let probes = Probes::open(process, at, self.icmp, self.port, content.into()).map_err(of(to))?;
        let bell = signals::bell(process)?;
        if !self.json {
            writeln!(out, "{name} to {to} ({to}), {} hops max, {bytes} byte packets", self.most)?;
        }
        let mut number = 0;
        for hop in self.first..=self.most {
            match self.hop(hop, &mut number, &probes, &bell, out)? {
                Hop::Passed => {}
                Hop::Reached => return Ok(()),
                Hop::Stopped => return Err(Failure::Silent),
            }
        }
        Err(Failure::Silent)
    }
}

/// How the probes of a hop ended.
enum Hop {
    /// A router was there, or nobody.
    Passed,
    /// The host was.
    Reached,
    /// There is no way on, or a signal came.
    Stopped,
}

impl Args {
    fn hop(
        &self,
        hop: u8,
        number: &mut u16,
        probes: &Probes<'_>,
        bell: &Bell<RemoteProcess>,
        out: &mut dyn Write,
    ) -> Result<Hop, Failure> {
        if !self.json {
            write!(out, "{hop:2} ")?;
        }
        let (mut last, mut refusals, mut reached) = (None, 0, false);
        for probe in 0..self.queries {
            out.flush()?;
            let begun = Instant::now();
            let sent = probes.send(hop, *number);
            let heard = match sent {
                Ok(()) => probes.wait(*number, begun + self.wait, bell).map_err(of(self.whom.address))?,
                Err(error) if is_no_way(error.errno) => Waiting::Over,
                Err(error) => return Err(of(self.whom.address)(error)),
            };
            *number = number.wrapping_add(1);
            let answer = match heard {
                Waiting::Rung => return Ok(Hop::Stopped),
                Waiting::Over => None,
                Waiting::Heard(answer) => Some((answer, begun.elapsed())),
            };
            self.show(hop, probe, answer.as_ref(), &mut last, out)?;
            if let Some((Answer { what, .. }, _)) = answer {
                reached |= what == What::Reached;
                refusals += u8::from(matches!(what, What::Refused(_)));
            }
        }
        if !self.json {
            writeln!(out)?;
        }
        Ok(match reached {
            true => Hop::Reached,
            false if refusals > 0 && refusals >= self.queries.saturating_sub(1) => Hop::Stopped,
            false => Hop::Passed,
        })
    }

    fn show(
        &self,
        hop: u8,
        probe: u8,
        answer: Option<&(Answer, Duration)>,
        last: &mut Option<IpAddr>,
        out: &mut dyn Write,
    ) -> std::io::Result<()> {
        let time = answer.map(|(_, time)| time.as_secs_f64() * 1000.0);
        let error = answer.and_then(|(answer, _)| answer.error());
        if self.json {
            let from = answer.map(|(answer, _)| answer.from.to_string());
            let record = json!({"hop": hop, "probe": probe, "from": from, "time_ms": time, "error": error});
            return writeln!(out, "{record}");
        }
        let (Some((Answer { from, .. }, _)), Some(time)) = (answer, time) else { return write!(out, " *") };
        if last.replace(*from) != Some(*from) {
            let name = if self.numeric { String::new() } else { format!(" ({from})") };
            write!(out, " {from}{name}")?;
        }
        write!(out, "  {time:.3} ms{}", error.map(|error| format!(" {error}")).unwrap_or_default())
    }
}

fn is_no_way(errno: Errno) -> bool {
    matches!(errno, Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::ENOBUFS)
}
