//! Echo requests, what comes back, and what is told of it, as iputils or NetBSD's ping(8) tell it.

pub mod echo;
mod summary;

pub use summary::Summary;

use crate::bell::{Bell, Waited};
use crate::calls::Calls;
use echo::{Answer, Complaint, Heard, Socket};
use rump_abi::{Errno, PollEvents};
use rump_kpi::{KError, KResult};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bytes that fit into a packet of IPv4, with both headers.
pub const MOST_BYTES_V4: u16 = 65_507;

/// Whose words are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Those of iputils, which counts from one.
    Iputils,
    /// Those of NetBSD, which counts from zero.
    NetBsd,
    /// A record per line.
    Json,
}

/// How it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// Ends after so many requests.
    pub count: Option<u64>,
    /// Ends after so long.
    pub deadline: Option<Duration>,
    /// Between requests.
    pub interval: Duration,
    /// Bytes of content in each.
    pub size: u16,
    /// How many routers may pass a request on.
    pub ttl: Option<u8>,
    /// For how long the last answers are waited for.
    pub wait: Duration,
    /// How it is told.
    pub form: Form,
    /// The summary alone is told.
    pub is_quiet: bool,
}

/// Why it could not be asked.
#[derive(Debug)]
pub enum Failure {
    /// The kernel could not, with whom it was in words.
    Kernel(String),
    /// Nothing could be told.
    Output(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<KError> for Failure {
    fn from(error: KError) -> Self {
        Self::Kernel(error.to_string())
    }
}

/// A request that was sent.
struct Asked {
    at: Instant,
    is_answered: bool,
}

struct Run<'a, W> {
    name_of: &'a dyn Fn(SocketAddr) -> String,
    asking: &'a Asking,
    is_v4: bool,
    address: &'a str,
    out: &'a mut W,
    summary: Summary,
    /// By their numbers, which come again after 65,536.
    asked: HashMap<u16, Asked>,
}

/// Asks until the count is reached, the time is over, or the bell is rung. `name_of` says how an address is written.
pub fn ping<P: Calls>(
    process: &P,
    to: SocketAddr,
    name_of: &dyn Fn(SocketAddr) -> String,
    asking: &Asking,
    bell: &Bell<P>,
    out: &mut impl Write,
) -> Result<Summary, Failure> {
    let socket = Socket::open(process, to, asking.ttl)?;
    let address = &name_of(to);
    let (summary, asked) = (Summary::new(address), HashMap::new());
    let mut run = Run { name_of, asking, is_v4: to.is_ipv4(), address, out, summary, asked };
    run.begin(&socket)?;
    let end = asking.deadline.and_then(|deadline| Instant::now().checked_add(deadline));
    let mut next = Instant::now();
    loop {
        let now = Instant::now();
        if end.is_some_and(|end| now >= end) {
            break;
        }
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
        let until = end.map_or(until, |end| end.min(until));
        let left = until.saturating_duration_since(now);
        if bell.wait(socket.fd(), PollEvents::IN, Some(left))? == Waited::Rung {
            break;
        }
        while let Some(heard) = socket.receive()? {
            run.hear(&heard)?;
        }
    }
    run.summary.finish();
    match asking.form {
        Form::Json => writeln!(run.out, "{}", run.summary.to_json())?,
        Form::Iputils => write!(run.out, "\n{}", run.summary.iputils())?,
        Form::NetBsd => write!(run.out, "\n{}", run.summary.netbsd(run.is_v4))?,
    }
    run.out.flush()?;
    Ok(run.summary)
}

/// Bytes of the headers of IPv6 and of an echo request.
const HEADERS_V6: [u32; 2] = [40, 8];

impl<W: Write> Run<'_, W> {
    fn begin<P: Calls>(&mut self, socket: &Socket<'_, P>) -> Result<(), Failure> {
        let (address, size) = (self.address, self.asking.size);
        match (self.asking.form, self.is_v4) {
            (Form::Json, _) => return Ok(()),
            (Form::Iputils, true) => {
                let total = u32::from(size) + 28;
                writeln!(self.out, "PING {address} ({address}) {size}({total}) bytes of data.")?;
            }
            (Form::Iputils, false) => writeln!(self.out, "PING {address} ({address}) {size} data bytes")?,
            (Form::NetBsd, true) => writeln!(self.out, "PING {address} ({address}): {size} data bytes")?,
            (Form::NetBsd, false) => {
                let ([ip, icmp], own) = (HEADERS_V6, (self.name_of)(socket.source()?));
                let total = u32::from(size) + ip + icmp;
                writeln!(self.out, "PING6({total}={ip}+{icmp}+{size} bytes) {own} --> {address}")?;
            }
        }
        Ok(self.out.flush()?)
    }

    /// Until when the last answer is waited for.
    fn last_wait(&self) -> Instant {
        self.summary.last_sent + self.asking.wait
    }

    /// The number of the request that was sent as the `count`th.
    fn sequence(&self, count: u64) -> u16 {
        let first = u64::from(self.asking.form != Form::NetBsd);
        count.wrapping_add(first) as u16
    }

    fn ask<P: Calls>(&mut self, socket: &Socket<'_, P>) -> Result<(), Failure> {
        let sequence = self.sequence(self.summary.sent);
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
            Err(error) => Err(Failure::Kernel(format!("{}: {error}", self.address))),
        }
    }

    fn hear(&mut self, heard: &Heard) -> Result<(), Failure> {
        match heard {
            Heard::Answer(answer) => self.hear_answer(answer),
            Heard::Complaint(Complaint { from, sequence, what, .. }) => {
                let from = (self.name_of)(*from);
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
        let from = (self.name_of)(*from);
        let (sequence, bytes) = (*sequence, *bytes);
        let Some(asked) = self.asked.get_mut(&sequence) else { return Ok(()) };
        let time = asked.at.elapsed();
        let is_duplicate = std::mem::replace(&mut asked.is_answered, true);
        self.summary.count_received(time, is_duplicate);
        let (milliseconds, is_v4, form) = (time.as_secs_f64() * 1000.0, self.is_v4, self.asking.form);
        let text = |_: &str| {
            let duplicate = if is_duplicate { " (DUP!)" } else { "" };
            let bytes = format!("{bytes} bytes from {from}");
            match (form, is_v4) {
                (Form::NetBsd, true) => format!(
                    "{bytes}: icmp_seq={sequence} ttl={time_to_live} time={milliseconds:.3} ms{duplicate}"
                ),
                (Form::NetBsd, false) => format!(
                    "{bytes}, icmp_seq={sequence} hlim={time_to_live} time={milliseconds:.3} ms{duplicate}"
                ),
                _ => {
                    let time = summary::rounded(milliseconds);
                    format!("{bytes}: icmp_seq={sequence} ttl={time_to_live} time={time} ms{duplicate}")
                }
            }
        };
        self.tell(text, || {
            json!({"type": "reply", "seq": sequence, "from": from, "bytes": bytes, "ttl": time_to_live,
                "time_ms": milliseconds, "duplicate": is_duplicate})
        })
    }

    fn tell(
        &mut self,
        text: impl FnOnce(&str) -> String,
        record: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        if self.asking.is_quiet {
            return Ok(());
        }
        let line: io::Result<()> = match self.asking.form {
            Form::Json => writeln!(self.out, "{}", record()),
            _ => writeln!(self.out, "{}", text(self.address)),
        };
        line?;
        Ok(self.out.flush()?)
    }
}

/// The address that packets to `to` are sent from. Errors: those of connecting.
pub fn source_to<P: Calls>(process: &P, to: &rump_abi::SocketAddress) -> KResult<SocketAddr> {
    use rump_abi::{AddressFamily, OpenFlags, SocketAddress, SocketType};
    let family =
        if matches!(to, SocketAddress::Inet(_)) { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = process.socket(family, SocketType::Datagram, 0, OpenFlags::CLOEXEC)?;
    // A port is needed, and nothing is sent to it.
    let mut to = to.clone();
    match &mut to {
        SocketAddress::Inet(address) => address.set_port(1),
        SocketAddress::Inet6(address) => address.set_port(1),
        _ => {}
    }
    let own = process.connect(fd, &to).and_then(|()| process.getsockname(fd));
    process.close(fd)?;
    match own? {
        SocketAddress::Inet(own) => Ok(own.into()),
        SocketAddress::Inet6(own) => Ok(own.into()),
        _ => Err(Errno::EADDRNOTAVAIL.into()),
    }
}
