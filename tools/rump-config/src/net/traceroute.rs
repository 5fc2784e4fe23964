//! `rump.traceroute`, as traceroute(8) of NetBSD, over IPv4.
//!
//! Each probe may be passed on by one router more than the last ones; the router that may not pass it on says so, by ICMP.
//! Probes are datagrams to ports that nobody has, or with -I echo requests. The number of a probe is its port, or that of the
//! request.

use super::target::Target;
use super::{network, seconds, signals};
use crate::session::{Failure, Session, of};
use crate::tool::Run;
use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, IpNumber, LaxIpv4Slice, UdpHeaderSlice,
};
use rump_cli::bell::{Bell, Waited};
use rump_client::RemoteProcess;
use rump_client::abi::sockopt::{IP_TTL, IPPROTO_IP};
use rump_client::abi::{
    AddressFamily, Errno, MessageFlags, OpenFlags, PollEvents, SocketAddress, SocketType,
};
use rump_client::kern::Fd;
use rump_client::kpi::KResult;
use rump_client::kpi::socket::OptionValue;
use serde_json::json;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

const ICMP: u8 = 1;
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
/// Bytes of the headers of IPv4 and of UDP or ICMP.
const HEADERS: u16 = 28;
/// Longer than what an error quotes.
const BUFFER_BYTES: usize = 4096;

/// Arguments of `rump.traceroute`.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  rump.traceroute -n 10.2.0.1
Behind a time, !N says that a router knows no way to the network, !H to the host, !P that the protocol is unknown.
Records of --json: hop, probe, from, time_ms and error of what was answered; from is null where nothing was.
Exit status: 0 the host was reached, 1 it was not, or an error, 2 usage.")]
pub struct Args {
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
    /// Bytes of a probe
    #[arg(value_name = "BYTES", default_value_t = 40, value_parser = clap::value_parser!(u16).range(i64::from(HEADERS)..=32_768))]
    bytes: u16,
}

impl Run for Args {
    fn run(&self, session: &mut Session, out: &mut dyn Write) -> Result<(), Failure> {
        let IpAddr::V4(to) = self.whom.address else {
            return Err(Failure::Usage(format!("{} is no address of IPv4", self.whom.address)));
        };
        let network = network(session)?;
        let process = network.process();
        let probes = Probes::open(process, to, self).map_err(of(to))?;
        let bell = signals::bell(process)?;
        if !self.json {
            writeln!(out, "traceroute to {to} ({to}), {} hops max, {} byte packets", self.most, self.bytes)?;
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
        last: &mut Option<Ipv4Addr>,
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

/// What was heard of a probe.
struct Answer {
    from: Ipv4Addr,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// A router may not pass it on.
    Passed,
    /// The host answers.
    Reached,
    /// It cannot be, by the code of the message.
    Refused(u8),
}

impl Answer {
    fn error(&self) -> Option<String> {
        let What::Refused(code) = self.what else { return None };
        Some(match code {
            0 => "!N".into(),
            1 => "!H".into(),
            2 => "!P".into(),
            code => format!("!{code}"),
        })
    }
}

enum Waiting {
    Heard(Answer),
    Over,
    Rung,
}

/// Sockets that probes leave by, and that hear of them.
struct Probes<'a> {
    process: &'a RemoteProcess,
    hears: Fd,
    /// Of UDP; with echo requests the socket that hears.
    sends: Option<Fd>,
    to: Ipv4Addr,
    first_port: u16,
    content: Vec<u8>,
    identifier: u16,
}

impl<'a> Probes<'a> {
    fn open(process: &'a RemoteProcess, to: Ipv4Addr, args: &Args) -> KResult<Self> {
        let open = |kind, protocol| process.socket(AddressFamily::Inet, kind, protocol, OpenFlags::NONBLOCK);
        let hears = open(SocketType::Raw, ICMP)?;
        let sends = if args.icmp { None } else { Some(open(SocketType::Datagram, 0)?) };
        Ok(Self {
            process,
            hears,
            sends,
            to,
            first_port: args.port,
            content: vec![0; usize::from(args.bytes - HEADERS)],
            identifier: std::process::id() as u16,
        })
    }

    fn port(&self, number: u16) -> u16 {
        // There is no port zero.
        self.first_port.wrapping_add(number).max(1)
    }

    fn send(&self, hop: u8, number: u16) -> KResult<()> {
        let fd = self.sends.unwrap_or(self.hears);
        self.process.setsockopt(fd, IPPROTO_IP, IP_TTL, &OptionValue::Number(hop.into()))?;
        let echo = Icmpv4Type::EchoRequest(IcmpEchoHeader { id: self.identifier, seq: number });
        let (port, bytes) = match self.sends {
            Some(_) => (self.port(number), self.content.clone()),
            None => {
                let header = Icmpv4Header::with_checksum(echo, &self.content).to_bytes();
                (0, [&header[..], &self.content].concat())
            }
        };
        let to = SocketAddress::Inet(SocketAddrV4::new(self.to, port));
        match self.process.sendto(fd, &bytes, MessageFlags::empty(), &to) {
            // Somebody refused one before; this one is sent again.
            Err(error) if error.errno == Errno::ECONNREFUSED => {
                self.process.sendto(fd, &bytes, MessageFlags::empty(), &to).map(drop)
            }
            done => done.map(drop),
        }
    }

    fn wait(&self, number: u16, until: Instant, bell: &Bell<RemoteProcess>) -> KResult<Waiting> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.process.recv(self.hears, &mut buffer, MessageFlags::DONTWAIT) {
                Ok(count) => {
                    if let Some(answer) = self.interpret(&buffer[..count], number) {
                        return Ok(Waiting::Heard(answer));
                    }
                    continue;
                }
                Err(error) if error.errno == Errno::EAGAIN => {}
                Err(error) => return Err(error),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Waiting::Over);
            }
            if bell.wait(self.hears, PollEvents::IN, Some(left))? == Waited::Rung {
                return Ok(Waiting::Rung);
            }
        }
    }

    /// What a packet says of the probe of a number.
    fn interpret(&self, packet: &[u8], number: u16) -> Option<Answer> {
        let (ip, _) = LaxIpv4Slice::from_slice(packet).ok()?;
        let (from, icmp) = (ip.header().source_addr(), Icmpv4Slice::from_slice(ip.payload().payload).ok()?);
        let is_own = |echo: IcmpEchoHeader| echo.id == self.identifier && echo.seq == number;
        let kind = icmp.type_u8();
        if !matches!(kind, UNREACHABLE | TIME_EXCEEDED) {
            let Icmpv4Type::EchoReply(echo) = icmp.icmp_type() else { return None };
            return (self.sends.is_none() && is_own(echo)).then_some(Answer { from, what: What::Reached });
        }
        let (quoted, _) = LaxIpv4Slice::from_slice(icmp.payload()).ok()?;
        let payload = quoted.payload();
        let is_probe = match (payload.ip_number, self.sends) {
            (IpNumber::UDP, Some(_)) => {
                UdpHeaderSlice::from_slice(payload.payload).ok()?.destination_port() == self.port(number)
            }
            (IpNumber::ICMP, None) => match Icmpv4Slice::from_slice(payload.payload).ok()?.icmp_type() {
                Icmpv4Type::EchoRequest(echo) => is_own(echo),
                _ => false,
            },
            _ => false,
        };
        let what = match (kind, icmp.code_u8()) {
            (TIME_EXCEEDED, _) => What::Passed,
            // Nobody has the port, as was meant.
            (_, 3) => What::Reached,
            (_, code) => What::Refused(code),
        };
        (is_probe && quoted.header().destination_addr() == self.to).then_some(Answer { from, what })
    }
}
