//! `rump net dhcp`: gets an address, shows what came with it, and keeps it as long as the command runs.
//!
//! Exit status: 0 there was a lease, 1 there was none in time, 2 an error.

use super::capture::CaptureArgs;
use super::link::{LinkArgs, apply, boot};
use super::seconds;
use super::signals::Signals;
use crate::output::Output;
use crate::session::{Failure, Session, warn};
use clap::{Args as ClapArgs, ValueHint};
use rumpkit::net::Interface;
use rumpkit::net::config::{Dhcp, Hardware};
use rumpkit::net::dhcp::{Check, Client, Lease, Options, Route, Told};
use rumpkit::{AddressFamily, Kernel};
use serde_json::{Value, json};
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long the last message waits for the server's hardware address.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A wait that does not end.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// Arguments of `rump net dhcp`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net dhcp --if tap:tap0 --once
  rump net dhcp --if shmif:/tmp/bus --release --json
  rump net dhcp --if tap:tap0 --mac 02:00:00:00:00:07 --lease tap0.lease
Without --once it goes on and renews the lease, until a signal ends it.
Exit status: 0 there was a lease, 1 there was none in time, 2 an error.")]
pub struct Args {
    #[command(flatten)]
    link: LinkArgs,
    #[command(flatten)]
    capture: CaptureArgs,
    #[command(flatten)]
    how: How,
}

/// How it asks and when it ends.
#[derive(ClapArgs)]
struct How {
    /// Ask for this address first
    #[arg(long, value_name = "ADDRESS")]
    request: Option<Ipv4Addr>,
    /// A file that keeps the lease for the next start, which asks for it again; it is of use to the same hardware address
    /// alone, so that links that have another one each time need --mac. Without servers the lease is used for its rest
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    lease: Option<PathBuf>,
    /// The hardware address of the interface, if it is to be another than its link has
    #[arg(long, value_name = "ADDRESS")]
    mac: Option<Hardware>,
    /// What the host wants to be called
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Believe the server: do not ask others whether they have the address, which takes up to seven seconds
    #[arg(short = 'A', long)]
    noarp: bool,
    /// Seconds to wait for a first lease
    #[arg(short, long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,
    /// End with the first lease
    #[arg(long)]
    once: bool,
    /// Give the lease back at the end
    #[arg(long)]
    release: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// What the command waits for.
enum Event {
    Told(Told),
    Signal,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let (mut config, how) = (args.link.config()?, &args.how);
    let (mut name, mut lease) = (String::new(), how.lease.clone());
    for interface in config.interfaces.iter_mut().filter(|interface| interface.link.is_some()) {
        (interface.dhcp, interface.up) = (Dhcp::Off, true);
        // The client is ours, not that of the configuration.
        lease = lease.or(interface.lease.take());
        interface.mac = how.mac.map(|Hardware(address)| address).or(interface.mac);
        name.clone_from(&interface.name);
    }
    let kernel = boot(session.host())?;
    let mut captured = args.capture.begin(session.host())?;
    let applied = apply(&config, &kernel, &mut captured)?;
    let failed = |error: std::io::Error| Failure::Network(format!("{name}: {error}"));
    let interface = Interface::find(&kernel, &name).map_err(failed)?;
    let (sender, events) = channel();
    let signalled = sender.clone();
    let _signals = Signals::watch(move || drop(signalled.send(Event::Signal)))?;
    let options = Options {
        host_name: how.hostname.clone(),
        remembered: how.request,
        lease,
        check: if how.noarp { Check::Trust } else { Check::Ask },
        observer: Some(Arc::new(move |told| drop(sender.send(Event::Told(*told))))),
        ..Options::default()
    };
    let client = Client::start(&kernel, &interface, options).map_err(failed)?;
    applied.begin();
    let is_quiet = session.is_quiet();
    let mut show = Show { name: &name, how, is_quiet, out };
    let had_one = watch(&client, &events, &mut show)?;
    if how.release {
        give_back(&kernel, &interface, &client);
        // What it told of that.
        events.try_iter().try_for_each(|event| show.event(&event, &client))?;
    }
    match had_one {
        true => Ok(()),
        false => {
            warn(&format!("{name}: no server of DHCP gave an address in {} s", how.timeout.as_secs_f64()));
            Err(Failure::Told(1))
        }
    }
}

/// Until the first lease, or a signal; answers whether there was a lease.
fn watch(client: &Client, events: &Receiver<Event>, show: &mut Show<'_>) -> Result<bool, Failure> {
    let patience = Instant::now() + show.how.timeout;
    let mut had_one = false;
    loop {
        let left = if had_one { FOREVER } else { patience.saturating_duration_since(Instant::now()) };
        let event = match events.recv_timeout(left) {
            Ok(Event::Signal) | Err(RecvTimeoutError::Timeout) => return Ok(had_one),
            Ok(event) => event,
            Err(RecvTimeoutError::Disconnected) => return Ok(had_one),
        };
        show.event(&event, client)?;
        had_one |= matches!(event, Event::Told(Told::Bound(_)));
        if had_one && show.how.once {
            return Ok(true);
        }
    }
}

/// The message goes when the server's hardware address is known, for which it may have to be asked.
fn give_back(kernel: &Kernel, interface: &Interface, client: &Client) {
    let Some(lease) = client.lease() else { return };
    client.release();
    let end = Instant::now() + LAST_WORDS;
    let knows = || {
        let domain = kernel.protocols(AddressFamily::Inet).ok()?;
        let known = domain.network()?.neighbours(interface.number()).ok()?;
        known.iter().any(|neighbour| neighbour.address == lease.server).then_some(())
    };
    while knows().is_none() && Instant::now() < end {
        thread::sleep(Duration::from_millis(5));
    }
}

struct Show<'a> {
    name: &'a str,
    how: &'a How,
    is_quiet: bool,
    out: &'a mut dyn Write,
}

impl Show<'_> {
    fn event(&mut self, event: &Event, client: &Client) -> Result<(), Failure> {
        let Event::Told(told) = event else { return Ok(()) };
        if !self.is_quiet {
            match self.how.json {
                true => writeln!(self.out, "{}", record(told))?,
                false => writeln!(self.out, "{}", line(told, self.name))?,
            }
        }
        let lease = if matches!(told, Told::Bound(_)) { client.lease() } else { None };
        if let Some(lease) = lease {
            match self.how.json {
                true => writeln!(self.out, "{}", lease_record(&lease, client))?,
                false => write!(self.out, "{}", lease_lines(&lease, client))?,
            }
        }
        Ok(self.out.flush()?)
    }
}

fn line(told: &Told, name: &str) -> String {
    match told {
        Told::Sent(kind, to, wait) => {
            let wait = wait.map(|wait| format!(" interval {}", wait.as_secs())).unwrap_or_default();
            format!("{} on {name} to {to} port 67{wait}", kind.name())
        }
        Told::Heard(kind, server, address) => format!("{} of {address} from {server}", kind.name()),
        Told::Bound(address) => format!("bound to {address}"),
        Told::Conflict(address) => format!("somebody else has {address}"),
        Told::Expired(address) => format!("the lease of {address} has ended"),
        Told::Resumed(address) => format!("nobody answers; the lease of {address} that was kept goes on"),
    }
}

fn record(told: &Told) -> Value {
    let text = |address: &Ipv4Addr| address.to_string();
    match told {
        Told::Sent(kind, to, wait) => {
            json!({"type": "sent", "kind": kind.name(), "to": text(to), "wait_s": wait.map(|wait| wait.as_secs_f64())})
        }
        Told::Heard(kind, server, address) => {
            json!({"type": "heard", "kind": kind.name(), "from": text(server), "address": text(address)})
        }
        Told::Bound(address) => json!({"type": "bound", "address": text(address)}),
        Told::Conflict(address) => json!({"type": "conflict", "address": text(address)}),
        Told::Expired(address) => json!({"type": "expired", "address": text(address)}),
        Told::Resumed(address) => json!({"type": "resumed", "address": text(address)}),
    }
}

/// How long it is until a moment of a lease.
fn left(moment: Option<Duration>, client: &Client) -> Option<u64> {
    moment.map(|moment| client.left(moment).as_secs_f64().round() as u64)
}

fn lease_lines(lease: &Lease, client: &Client) -> String {
    let told = &lease.information;
    let time = |moment| left(moment, client).map_or("never".into(), |seconds| format!("in {seconds} s"));
    let mut lines =
        format!("  address      {}/{} from {}\n", lease.address, lease.prefix_length(), lease.server);
    let times = (time(lease.renews), time(lease.rebinds), time(lease.ends));
    lines += &format!("  renewal      {}, rebinding {}, end {}\n", times.0, times.1, times.2);
    let mut add = |what: &str, text: String| {
        if !text.is_empty() {
            lines += &format!("  {what:<12} {text}\n");
        }
    };
    for Route { destination, length, router } in &told.routes {
        let to = if *length == 0 { "default".into() } else { format!("{destination}/{length}") };
        add(
            "route",
            format!("{to} {}", router.map_or("on the link".into(), |router| format!("via {router}"))),
        );
    }
    let servers: Vec<String> = told.name_servers.iter().map(Ipv4Addr::to_string).collect();
    add("nameserver", servers.join(" "));
    add("search", told.search_domains().join(" "));
    add("mtu", told.mtu.map(|mtu| mtu.to_string()).unwrap_or_default());
    add("hostname", told.host_name.clone().unwrap_or_default());
    lines
}

fn lease_record(lease: &Lease, client: &Client) -> Value {
    let told = &lease.information;
    let route = |route: &Route| {
        json!({"destination": format!("{}/{}", route.destination, route.length),
            "router": route.router.map(|router| router.to_string())})
    };
    json!({
        "type": "lease",
        "address": lease.address.to_string(),
        "prefix_length": lease.prefix_length(),
        "server": lease.server.to_string(),
        "renewal_s": left(lease.renews, client),
        "rebinding_s": left(lease.rebinds, client),
        "end_s": left(lease.ends, client),
        "routes": told.routes.iter().map(route).collect::<Vec<_>>(),
        "name_servers": told.name_servers.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>(),
        "domain": told.domain,
        "search": told.search,
        "mtu": told.mtu,
        "broadcast": told.broadcast.map(|all| all.to_string()),
        "host_name": told.host_name,
    })
}
