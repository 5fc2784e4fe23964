//! `rump net ping`: echo requests, and what comes back.
//!
//! Exit status: 0 something was answered, 1 nothing was, 2 an error.

mod echo;
mod summary;

use super::bell::{Bell, Waited};
use super::seconds;
use super::signals::Signals;
use super::station::{Station, StationArgs};
use super::target::Target;
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::Args as ClapArgs;
use echo::{Answer, Complaint, Heard, Socket};
use rumpkit::{Errno, PollEvents};
use serde_json::json;
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};
use summary::Summary;

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
    if summary.received == 0 { Err(Failure::Unanswered) } else { Ok(()) }
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

/// Bytes that fit into a packet of IPv4, with both headers.
const MOST_BYTES_V4: u16 = 65_507;

/// A request that was sent.
struct Asked {
    at: Instant,
    is_answered: bool,
}

struct Run<'a, W> {
    station: &'a Station,
    asking: &'a Asking,
    address: &'a str,
    is_quiet: bool,
    out: &'a mut W,
    summary: Summary,
    /// By their numbers, which come again after 65,536.
    asked: HashMap<u16, Asked>,
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
    let failed = |error: rumpkit::KError| Failure::Network(error.to_string());
    let to = station.resolve(whom)?;
    if to.is_ipv6() {
        station.settle()?;
    }
    let socket = Socket::open(station.process(), to, asking.ttl).map_err(failed)?;
    let address = &station.name_of(to);
    let (summary, asked) = (Summary::new(address), HashMap::new());
    let mut run = Run { station, asking, address, is_quiet, out, summary, asked };
    if !asking.json {
        let size = asking.size;
        match to.is_ipv4() {
            true => {
                let total = u32::from(size) + 28;
                writeln!(run.out, "PING {address} ({address}) {size}({total}) bytes of data.")?;
            }
            false => writeln!(run.out, "PING {address} ({address}) {size} data bytes")?,
        }
        run.out.flush()?;
    }
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        let is_last = asking.count.is_some_and(|count| run.summary.sent >= count);
        if !is_last && now >= next {
            run.ask(&socket)?;
            // Who was held up does not catch up.
            next = (next + asking.interval).max(now);
            continue;
        }
        if is_last && (run.summary.received >= run.summary.sent || now >= run.last_wait()) {
            break;
        }
        let until = if is_last { run.last_wait() } else { next };
        let left = until.saturating_duration_since(now);
        if bell.wait(socket.fd(), PollEvents::IN, Some(left)).map_err(failed)? == Waited::Rung {
            break;
        }
        while let Some(heard) = socket.receive().map_err(failed)? {
            run.hear(&heard)?;
        }
    }
    run.summary.finish();
    match asking.json {
        true => writeln!(run.out, "{}", run.summary.to_json())?,
        false => write!(run.out, "\n{}", run.summary)?,
    }
    run.out.flush()?;
    Ok(run.summary)
}

impl<W: Write> Run<'_, W> {
    /// Until when the last answer is waited for.
    fn last_wait(&self) -> Instant {
        self.summary.last_sent + self.asking.wait
    }

    fn ask(&mut self, socket: &Socket<'_>) -> Result<(), Failure> {
        let sequence = self.summary.sent.wrapping_add(1) as u16;
        let now = Instant::now();
        self.asked.insert(sequence, Asked { at: now, is_answered: false });
        self.summary.count_sent(now);
        match socket.send(sequence, self.asking.size) {
            Ok(()) => Ok(()),
            // Nobody is there now; somebody may be later.
            Err(error)
                if matches!(
                    error.errno,
                    Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::ENOBUFS
                ) =>
            {
                self.summary.errors += 1;
                self.tell(
                    |address| format!("To {address} icmp_seq={sequence} {}", error.errno),
                    || json!({"type": "error", "seq": sequence, "error": error.errno.name()}),
                )
            }
            Err(error) => Err(Failure::Network(format!("{}: {error}", self.address))),
        }
    }

    fn hear(&mut self, heard: &Heard) -> Result<(), Failure> {
        match heard {
            Heard::Answer(answer) => self.hear_answer(answer),
            Heard::Complaint(Complaint { from, sequence, what }) => {
                let from = self.station.name_of(*from);
                self.summary.errors += 1;
                self.tell(
                    |_| format!("From {from} icmp_seq={sequence} {what}"),
                    || json!({"type": "error", "seq": sequence, "from": from, "error": what}),
                )
            }
        }
    }

    fn hear_answer(&mut self, answer: &Answer) -> Result<(), Failure> {
        let Answer { from, sequence, bytes, time_to_live } = answer;
        let from = self.station.name_of(*from);
        let (sequence, bytes) = (*sequence, *bytes);
        let Some(asked) = self.asked.get_mut(&sequence) else { return Ok(()) };
        let time = asked.at.elapsed();
        let is_duplicate = std::mem::replace(&mut asked.is_answered, true);
        self.summary.count_received(time, is_duplicate);
        let milliseconds = time.as_secs_f64() * 1000.0;
        let text = |_: &str| {
            let duplicate = if is_duplicate { " (DUP!)" } else { "" };
            format!(
                "{bytes} bytes from {from}: icmp_seq={sequence} ttl={time_to_live} time={} ms{duplicate}",
                summary::rounded(milliseconds)
            )
        };
        self.tell(text, || {
            json!({"type": "reply", "seq": sequence, "from": from, "bytes": bytes, "ttl": time_to_live,
                "time_ms": milliseconds, "duplicate": is_duplicate})
        })
    }

    fn tell(
        &mut self,
        text: impl FnOnce(&str) -> String,
        record: impl FnOnce() -> serde_json::Value,
    ) -> Result<(), Failure> {
        if self.is_quiet {
            return Ok(());
        }
        let line: io::Result<()> = match self.asking.json {
            true => writeln!(self.out, "{}", record()),
            false => writeln!(self.out, "{}", text(self.address)),
        };
        line?;
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
mod tests;
