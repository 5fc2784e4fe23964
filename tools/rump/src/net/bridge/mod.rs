//! `rump net bridge`: a switch whose ports are links, for as long as the command runs.

mod report;

use super::capture::CaptureArgs;
use super::signals::Signals;
use super::{link, seconds};
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use report::Report;
use rumpkit::Kernel;
use rumpkit::net::link::Opened;
use rumpkit::net::{Bridge, BridgeSettings, Interface, InterfaceAddress, MemberState};
use serde_json::json;
use signal_hook::consts::SIGUSR1;
use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// The bridge's name in its kernel.
const NAME: &str = "bridge0";
/// How often it is looked whether members do something else.
const LOOK: Duration = Duration::from_millis(200);
/// What a priority is a multiple of is not asked for: all 16 bits count.
const PRIORITY: u16 = 0x8000;

/// Arguments of `rump net bridge`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net bridge --if tap:tap0 --if tap:tap1
  rump net bridge --if tap:tap0 --if shmif:/tmp/bus --stp -v
  rump net bridge --if tap:tap0 --if tap:tap1 --address 10.0.0.1/24 --static 02:00:00:00:00:07=if1
Members are if0, if1 and so on, in the order in which they are given. SIGUSR1 shows the bridge: its members and their
states, and who is where; so does any signal that ends it.")]
pub struct Args {
    /// What is joined; at least one, usually repeated
    #[arg(long = "if", value_name = "LINK", required = true, value_hint = ValueHint::Other)]
    links: Vec<OsString>,
    /// An address of the bridge itself, with the length of its network's prefix; may be repeated
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    address: Vec<InterfaceAddress>,
    /// Say where a hardware address is; may be repeated
    #[arg(long = "static", value_name = "MAC=MEMBER", value_parser = Station::parse)]
    stations: Vec<Station>,
    /// Most addresses that are learned
    #[arg(long, value_name = "COUNT")]
    most_addresses: Option<usize>,
    /// Seconds that an address is known which nothing comes from
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = seconds)]
    ageing: Duration,
    #[command(flatten)]
    tree: TreeArgs,
    #[command(flatten)]
    capture: CaptureArgs,
    /// Tell when a member does something else
    #[arg(short, long)]
    verbose: bool,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// The spanning tree.
#[derive(ClapArgs)]
struct TreeArgs {
    /// Take part in the spanning tree (IEEE 802.1D-1998)
    #[arg(long)]
    stp: bool,
    /// First part of the bridge's identifier: the least becomes the root
    #[arg(long, value_name = "NUMBER", default_value_t = PRIORITY, requires = "stp")]
    priority: u16,
    /// Seconds between two messages of the root, 1 to 10
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds, requires = "stp")]
    hello: Duration,
    /// Seconds that such a message counts, 6 to 40
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds, requires = "stp")]
    max_age: Duration,
    /// Seconds that a member listens, and then learns, 4 to 30
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds, requires = "stp")]
    forward_delay: Duration,
}

/// An address, and the member that it is at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Station {
    address: [u8; 6],
    member: String,
}

impl Station {
    fn parse(text: &str) -> Result<Self, String> {
        let usage = || format!("{text:?} is not as 02:00:00:00:00:07=if1");
        let (address, member) = text.split_once('=').ok_or_else(usage)?;
        let bytes = address.split(':').map(|byte| u8::from_str_radix(byte, 16));
        let bytes = bytes.collect::<Result<Vec<u8>, _>>().map_err(|_| usage())?;
        let address = bytes.try_into().map_err(|_| usage())?;
        Ok(Self { address, member: member.into() })
    }
}

/// What the command waits for.
enum Event {
    Show,
    End,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let kernel = rumpkit::kernel(session.host().clone());
    let kernel = kernel.map_err(|error| Failure::Network(format!("boot: {error}")))?;
    let mut captured = args.capture.begin(session.host())?;
    let mut opened = Vec::new();
    for (number, link) in args.links.iter().enumerate() {
        let (name, at) = (format!("if{number}"), link::open(&link::parse(link)?, session.host())?);
        let text = link.to_string_lossy();
        let failed = failed(&text);
        Interface::attach(&kernel, &name, at.device()).map_err(&failed)?;
        captured.listen(&kernel, &name).map_err(&failed)?;
        opened.push(at);
    }
    let (sender, events) = channel();
    let event = |signal| if signal == SIGUSR1 { Event::Show } else { Event::End };
    // Nobody waits any more once the command has ended.
    let _signals = Signals::watch_with(Some(SIGUSR1), move |signal| drop(sender.send(event(signal))))?;
    let bridge = build(&kernel, args)?;
    opened.iter().for_each(Opened::begin);
    let outcome = Watch { args, bridge: &bridge, states: Vec::new(), out }.run(&events);
    bridge.destroy().map_err(failed(NAME))?;
    outcome
}

fn failed(what: &str) -> impl Fn(io::Error) -> Failure {
    let what = what.to_owned();
    move |error| Failure::Network(format!("{what}: {error}"))
}

fn build(kernel: &Kernel, args: &Args) -> Result<Bridge, Failure> {
    let bridge = Bridge::create(kernel, NAME).map_err(failed(NAME))?;
    bridge
        .change(|settings| args.choose(settings))
        .map_err(failed("times that the standard does not allow"))?;
    for number in 0..args.links.len() {
        let name = format!("if{number}");
        bridge.add(&name).map_err(failed(&name))?;
    }
    for station in &args.stations {
        bridge.add_static(station.address, &station.member).map_err(failed("--static"))?;
    }
    for address in &args.address {
        bridge.interface().up().map_err(failed(NAME))?;
        bridge.interface().add_address(*address).map_err(failed(&address.to_string()))?;
    }
    Ok(bridge)
}

impl Args {
    fn choose(&self, settings: &mut BridgeSettings) {
        let TreeArgs { stp, priority, hello, max_age, forward_delay } = self.tree;
        *settings = BridgeSettings {
            spans: stp,
            priority,
            hello_time: hello,
            max_age,
            forward_delay,
            ageing_time: self.ageing,
            most_addresses: self.most_addresses.unwrap_or(settings.most_addresses),
        };
    }
}

/// The command while it waits.
struct Watch<'a> {
    args: &'a Args,
    bridge: &'a Bridge,
    /// What members did when they were last looked at.
    states: Vec<(String, MemberState)>,
    out: &'a mut Output,
}

impl Watch<'_> {
    /// Until a signal ends it.
    fn run(&mut self, events: &Receiver<Event>) -> Result<(), Failure> {
        loop {
            let event = if self.args.verbose {
                self.tell_changes()?;
                events.recv_timeout(LOOK)
            } else {
                events.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match event {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Event::Show) => self.show()?,
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return self.show(),
            }
        }
    }

    fn show(&mut self) -> Result<(), Failure> {
        let report = Report::of(self.bridge).map_err(failed(NAME))?;
        if self.args.json {
            writeln!(self.out, "{}", report.to_json())?;
        } else {
            write!(self.out, "{report}")?;
        }
        Ok(self.out.flush()?)
    }

    fn tell_changes(&mut self) -> Result<(), Failure> {
        let members = self.bridge.members().map_err(failed(NAME))?;
        let states: Vec<(String, MemberState)> =
            members.into_iter().map(|member| (member.name, member.state)).collect();
        for now in states.iter().filter(|now| !self.states.contains(now)) {
            let (name, state) = (&now.0, report::word(now.1));
            if self.args.json {
                writeln!(self.out, "{}", json!({"type": "state", "member": name, "state": state}))?;
            } else {
                writeln!(self.out, "{name} {state}")?;
            }
            self.out.flush()?;
        }
        self.states = states;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_is_an_address_and_a_member() {
        let station = Station { address: [2, 0, 0, 0, 0, 0xab], member: "if1".into() };
        assert_eq!(Station::parse("02:00:00:00:00:ab=if1"), Ok(station));
        for text in ["", "02:00:00:00:00:ab", "02:00:00:00:ab=if1", "02:00:00:00:00:ab:cd=if1", "x=if1"] {
            assert!(Station::parse(text).is_err(), "{text}");
        }
    }
}
