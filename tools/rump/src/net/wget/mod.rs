//! `rump net wget`: a file by HTTP.
//!
//! Exit status, as of GNU wget: 0 done, 2 the command line, 3 a file, 4 the network, 6 the server wants a password, 7 the
//! protocol, 8 the server said no.

mod http;
mod target;
mod url;

use super::bell::{self, Bell};
use super::seconds;
use super::signals::Signals;
use super::station::{Station, StationArgs};
use crate::output::{Output, escaped};
use crate::session::{Failure, Session};
use clap::Args as ClapArgs;
use http::{Connection, Head};
use rumpkit::net::resolve::Resolver;
use serde_json::json;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use target::{Part, Target};
use url::Url;

/// Redirections in a row.
const MOST_REDIRECTIONS: usize = 10;

/// Arguments of `rump net wget`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net wget --if sockin http://example.com/file.img
  rump net wget --if sockin -O - http://127.0.0.1:8080/index.html
  rump net wget --if tap:tap0 --address 192.0.2.2/24 --gateway 192.0.2.1 --dns 192.0.2.1 http://example.com/
The file is called NAME.part until it is whole; with -c that is kept, and continued another time.
Exit status: 0 done, 2 the command line, 3 a file, 4 the network, 6 the server wants a password, 7 the protocol, 8 the server said no.")]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    /// Write to this file, which is replaced; - is standard output
    #[arg(short = 'O', value_name = "FILE")]
    output: Option<PathBuf>,
    /// Continue a file that is not whole
    #[arg(short = 'c')]
    resume: bool,
    /// A name server, instead of those that /etc/resolv.conf of the kernel names; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<IpAddr>,
    /// Give up after so many seconds of silence
    #[arg(short = 'T', value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,
    /// Print a JSON record of what was fetched
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
    /// What to fetch
    #[arg(value_name = "URL")]
    url: String,
}

/// Why there is no file.
pub enum Error {
    /// A file of ours could not be written.
    File(String),
    /// Standard output could not be written.
    Output(io::Error),
    /// Nobody is there, or somebody is gone.
    Network(String),
    /// What came is no HTTP.
    Protocol(String),
    /// The server wants to know who we are.
    Password(String),
    /// The server said no.
    Server(String),
    /// A signal came.
    Signal,
}

impl Error {
    fn failure(self, url: &Url, signals: &Signals) -> Failure {
        let url = escaped(url.to_string().as_bytes());
        match self {
            Self::File(text) => Failure::Status(3, text),
            Self::Output(error) => Failure::Output(error),
            Self::Network(text) => Failure::Status(4, format!("{url}: {text}")),
            Self::Password(text) => Failure::Status(6, format!("{url}: {text}")),
            Self::Protocol(text) => Failure::Status(7, format!("{url}: {text}")),
            Self::Server(text) => Failure::Status(8, format!("{url}: {text}")),
            Self::Signal => signals.check().err().unwrap_or(Failure::Interrupted("interrupted".into())),
        }
    }
}

/// What was fetched.
struct Fetched {
    status: u16,
    bytes: u64,
}

struct Fetch<'a> {
    args: &'a Args,
    station: &'a Station,
    bell: &'a Bell,
    session: &'a mut Session,
    url: Url,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let url = Url::parse(&args.url).map_err(Failure::Usage)?;
    let is_output = args.output.as_ref().is_some_and(|output| output.as_os_str() == "-");
    if is_output && (args.resume || args.json) {
        return Err(Failure::Usage("-O -: neither -c nor --json go with standard output".into()));
    }
    let name = args.output.clone().unwrap_or_else(|| url.file_name().into());
    if !is_output && args.output.is_none() && name.exists() {
        let name = escaped(name.as_os_str().as_bytes());
        return Err(Failure::Status(3, format!("{name}: is there already (-O {name} replaces it)")));
    }
    let station = args.station.boot(session.host())?;
    let bell = Bell::new(station.process()).map_err(|error| Failure::Network(error.to_string()))?;
    let rung = bell.clone();
    let signals = Signals::watch(move || rung.ring())?;
    station.begin();
    session.show_progress();
    session.progress.begin(args.url.as_bytes());
    let begun = Instant::now();
    let mut fetch = Fetch { args, station: &station, bell: &bell, session, url };
    let fetched = {
        let target = if is_output {
            Ok(Target::Output(out))
        } else {
            Part::open(&name, args.resume).map(Target::File)
        };
        target.and_then(|target| fetch.run(target))
    };
    let url = fetch.url;
    session.progress.clear();
    let Fetched { status, bytes } = fetched.map_err(|error| error.failure(&url, &signals))?;
    let seconds = begun.elapsed().as_secs_f64();
    let file = escaped(name.as_os_str().as_bytes());
    if args.json {
        let url = url.to_string();
        writeln!(
            out,
            "{}",
            json!({"url": url, "status": status, "file": file, "bytes": bytes, "seconds": seconds})
        )?;
    } else if !is_output {
        session.note(&format!("{file}: {bytes} bytes in {seconds:.1} s"));
    }
    Ok(())
}

impl<'a> Fetch<'a> {
    /// Fetches into `target`, wherever it is redirected to.
    fn run(&mut self, mut target: Target<'_>) -> Result<Fetched, Error> {
        for _ in 0..=MOST_REDIRECTIONS {
            let offset = target.length()?;
            let mut connection = self.connect()?;
            connection.ask(&self.url, offset)?;
            let head = connection.head()?;
            let begin = match head.status {
                200 => 0,
                206 if begin_of(&head)? == Some(offset) => offset,
                206 => return Err(Error::Protocol("another part than was asked for".into())),
                416 if offset > 0 && head.find("content-range")? == Some(&format!("bytes */{offset}")) => {
                    target.finish()?;
                    return Ok(Fetched { status: head.status, bytes: offset });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let location = head.find("location")?;
                    let location = location.ok_or_else(|| Error::Protocol("redirected to nowhere".into()))?;
                    self.url = self.url.join(location).map_err(Error::Protocol)?;
                    continue;
                }
                401 | 407 => return Err(Error::Password(said(&head))),
                _ => return Err(Error::Server(said(&head))),
            };
            target.begin_at(begin)?;
            let mut bytes = begin;
            let progress = &mut self.session.progress;
            connection.content(&head.length()?, &mut |content| {
                bytes += content.len() as u64;
                progress.add_bytes(content.len());
                target.write(content)
            })?;
            target.finish()?;
            return Ok(Fetched { status: head.status, bytes });
        }
        Err(Error::Server(format!("redirected more than {MOST_REDIRECTIONS} times")))
    }

    /// Connects to the first of the host's addresses that answers.
    fn connect(&self) -> Result<Connection<'a>, Error> {
        let mut failure = Error::Network(format!("{}: has no address", self.url.host));
        for address in self.addresses()? {
            match bell::connect(self.station.process(), address, Some(self.args.timeout), self.bell) {
                Ok(Some(stream)) => {
                    let (bell, patience) = (self.bell, self.args.timeout);
                    return Ok(Connection { stream, bell, patience, buffer: Vec::new() });
                }
                Ok(None) => return Err(Error::Signal),
                Err(error) => failure = Error::Network(format!("{address}: {error}")),
            }
        }
        Err(failure)
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, Error> {
        let (host, port) = (&*self.url.host, self.url.port);
        let named = |error: io::Error| Error::Network(error.to_string());
        if self.station.is_on_host() && self.args.dns.is_empty() {
            return Ok((host, port).to_socket_addrs().map_err(named)?.collect());
        }
        // With an interface, it is numeric in any case.
        if let Ok(address) = format!("[{host}]:{port}").parse() {
            return Ok(vec![address]);
        }
        let resolver = match (host.parse::<IpAddr>(), self.args.dns.is_empty()) {
            (Ok(address), _) => return Ok(vec![(address, port).into()]),
            (_, false) => Resolver::at(self.station.process(), &self.args.dns),
            (_, true) => Resolver::of_kernel(self.station.kernel())
                .map_err(|error| Error::Network(format!("{host}: {error} (--dns ADDRESS does)")))?,
        };
        let found = resolver.with_patience(self.args.timeout.min(Duration::from_secs(5))).lookup(host);
        Ok(found.map_err(named)?.into_iter().map(|address| (address, port).into()).collect())
    }
}

/// Where the part begins that a response has.
fn begin_of(head: &Head) -> Result<Option<u64>, Error> {
    let range = head.find("content-range")?.and_then(|range| range.strip_prefix("bytes "));
    Ok(range.and_then(|range| range.split('-').next()?.parse().ok()))
}

fn said(head: &Head) -> String {
    escaped(format!("{} {}", head.status, head.reason).trim_end().as_bytes())
}
