//! `rump net bridge`: a switch whose ports are links, for as long as the command runs.

mod report;

use super::capture::CaptureArgs;
use super::link::{self, boot};
use super::seconds;
use super::signals::Signals;
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, ValueHint};
use report::Report;
use rumpkit::net::config::{BridgeConfig, Config, InterfaceConfig, MemberConfig};
use rumpkit::net::{Bridge, InterfaceAddress, MemberState};
use serde_json::json;
use signal_hook::consts::SIGUSR1;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// The bridge's name in its kernel, if no file says another.
const NAME: &str = "bridge0";
/// How often it is looked whether members do something else.
const LOOK: Duration = Duration::from_millis(200);

/// Arguments of `rump net bridge`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:
  rump net bridge --if tap:tap0 --if tap:tap1
  rump net bridge --if tap:tap0 --if shmif:/tmp/bus --stp -v
  rump net bridge --if tap:tap0 --if tap:tap1 --address 10.0.0.1/24 --static 02:00:00:00:00:07=if1
  rump net bridge --config switch.toml --if tap:tap2 --ageing 60
Members are if0, if1 and so on, in the order in which they are given; those of a file are as it says. With a file, options
add to its bridge, or to a new one if it has none, and count before what it says. SIGUSR1 shows the bridge: its members and
their states, and who is where; so does any signal that ends it.")]
pub struct Args {
    /// What is joined; usually repeated
    #[arg(long = "if", value_name = "LINK", required_unless_present = "config", value_hint = ValueHint::Other)]
    links: Vec<OsString>,
    /// A file in TOML that describes bridges and their members, and what else the kernel has: see 'rump net --help'
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// An address of the bridge itself, with the length of its network's prefix; may be repeated
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    address: Vec<InterfaceAddress>,
    /// Say where a hardware address is; may be repeated
    #[arg(long = "static", value_name = "MAC=MEMBER", value_parser = Station::parse)]
    stations: Vec<Station>,
    /// Most addresses that are learned
    #[arg(long, value_name = "COUNT")]
    most_addresses: Option<usize>,
    /// Seconds that an address is known which nothing comes from; 300 if nothing is said
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    ageing: Option<Duration>,
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
    /// First part of the bridge's identifier, 32768 if nothing is said: the least becomes the root
    #[arg(long, value_name = "NUMBER")]
    priority: Option<u16>,
    /// Seconds between two messages of the root, 1 to 10; 2 if nothing is said
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    hello: Option<Duration>,
    /// Seconds that such a message counts, 6 to 40; 20 if nothing is said
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    max_age: Option<Duration>,
    /// Seconds that a member listens, and then learns, 4 to 30; 15 if nothing is said
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    forward_delay: Option<Duration>,
}

impl TreeArgs {
    /// Whether something is said that matters in a tree alone.
    fn needs_tree(&self) -> bool {
        let times = [self.hello, self.max_age, self.forward_delay];
        self.priority.is_some() || times.iter().any(Option::is_some)
    }
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
    let config = args.config()?;
    let kernel = boot(session.host())?;
    let mut captured = args.capture.begin(session.host())?;
    let (sender, events) = channel();
    let event = |signal| if signal == SIGUSR1 { Event::Show } else { Event::End };
    // Nobody waits any more once the command has ended.
    let _signals = Signals::watch_with(Some(SIGUSR1), move |signal| drop(sender.send(event(signal))))?;
    let applied = config.apply_watched(&kernel, |name| captured.listen(&kernel, name));
    let applied = applied.map_err(|error| Failure::Network(error.to_string()))?;
    let names = config.interfaces.iter().filter(|interface| interface.bridge.is_some());
    let bridges = names.map(|interface| Bridge::find(&kernel, &interface.name));
    let bridges = bridges.collect::<io::Result<Vec<_>>>().map_err(failed)?;
    applied.begin();
    let outcome = Watch { args, bridges: &bridges, states: Vec::new(), out }.run(&events);
    bridges.into_iter().try_for_each(Bridge::destroy).map_err(failed)?;
    outcome
}

fn failed(error: io::Error) -> Failure {
    Failure::Network(error.to_string())
}

impl Args {
    /// What the file and the options say, together. Errors: usage, those of the file.
    fn config(&self) -> Result<Config, Failure> {
        let mut config = match &self.config {
            Some(path) => Config::from_file(path).map_err(|error| Failure::Network(error.to_string()))?,
            None => Config::default(),
        };
        let count = config.interfaces.iter().filter(|interface| interface.bridge.is_some()).count();
        match count {
            0 if self.links.is_empty() => return Err(Failure::Usage(format!("{}: no bridge", config.file))),
            0 => config.interfaces.push(InterfaceConfig {
                bridge: Some(BridgeConfig::default()),
                up: false,
                ..InterfaceConfig::new(NAME)
            }),
            1 => {}
            _ if self.chooses() => {
                return Err(Failure::Usage(format!("{}: which of {count} bridges is meant?", config.file)));
            }
            _ => return Ok(config),
        }
        let interface = config.interfaces.iter_mut().find(|interface| interface.bridge.is_some());
        interface.map_or(Ok(()), |interface| self.choose(interface))?;
        for (number, link) in self.links.iter().enumerate() {
            let link = Some(link::parse(link)?);
            // What is joined has no stack of its own.
            config.interfaces.push(InterfaceConfig {
                link,
                up: false,
                ..InterfaceConfig::new(member(number))
            });
        }
        Ok(config)
    }

    /// Whether anything is said of a bridge.
    fn chooses(&self) -> bool {
        let Self { links, address, stations, .. } = self;
        let is_bare = links.is_empty() && address.is_empty() && stations.is_empty();
        let settings = self.most_addresses.is_some() || self.ageing.is_some();
        !is_bare || settings || self.tree.stp || self.tree.needs_tree()
    }

    /// Adds what is said to a bridge. Errors: usage.
    fn choose(&self, interface: &mut InterfaceConfig) -> Result<(), Failure> {
        interface.up |= !self.address.is_empty();
        interface.addresses.extend(&self.address);
        let Some(bridge) = &mut interface.bridge else { return Ok(()) };
        let TreeArgs { stp, priority, hello, max_age, forward_delay } = self.tree;
        bridge.members.extend((0..self.links.len()).map(|number| MemberConfig::new(member(number))));
        bridge.statics.extend(self.stations.iter().map(|station| (station.address, station.member.clone())));
        bridge.stp = if stp { Some(true) } else { bridge.stp };
        bridge.priority = priority.or(bridge.priority);
        bridge.hello_time = hello.or(bridge.hello_time);
        bridge.max_age = max_age.or(bridge.max_age);
        bridge.forward_delay = forward_delay.or(bridge.forward_delay);
        bridge.ageing = self.ageing.or(bridge.ageing);
        bridge.most_addresses = self.most_addresses.or(bridge.most_addresses);
        if self.tree.needs_tree() && bridge.stp != Some(true) {
            return Err(Failure::Usage("--stp is missing, which --priority and times are for".into()));
        }
        Ok(())
    }
}

/// What the member of a link is called.
fn member(number: usize) -> String {
    format!("if{number}")
}

/// The command while it waits.
struct Watch<'a> {
    args: &'a Args,
    bridges: &'a [Bridge],
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
        for bridge in self.bridges {
            let report = Report::of(bridge).map_err(failed)?;
            if self.args.json {
                writeln!(self.out, "{}", report.to_json())?;
            } else {
                write!(self.out, "{report}")?;
            }
        }
        Ok(self.out.flush()?)
    }

    fn tell_changes(&mut self) -> Result<(), Failure> {
        let mut states = Vec::new();
        for bridge in self.bridges {
            let members = bridge.members().map_err(failed)?;
            states.extend(members.into_iter().map(|member| (member.name, member.state)));
        }
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
    use clap::{Command, FromArgMatches};

    fn config(line: &str) -> Result<Config, String> {
        let command = <Args as ClapArgs>::augment_args(Command::new("bridge").no_binary_name(true));
        let matches = command.try_get_matches_from(line.split(' ')).map_err(|error| error.to_string())?;
        match Args::from_arg_matches(&matches).unwrap().config() {
            Ok(config) => Ok(config),
            Err(Failure::Usage(text) | Failure::Network(text)) => Err(text),
            Err(_) => panic!("it fails otherwise"),
        }
    }

    #[test]
    fn a_file_and_options_make_one_bridge() {
        let path = std::env::temp_dir().join(format!("rump-bridge-{}.toml", std::process::id()));
        let name = path.display();
        let one = "[[interface]]\nname = 'bridge3'\n[interface.bridge]\nmembers = ['eth0']\nageing = 9\npriority = 5";
        std::fs::write(&path, one).unwrap();
        let read =
            config(&format!("--config {name} --if tap:a --stp --priority 7 --address 10.0.0.1/24")).unwrap();
        let bridge = read.interfaces[0].bridge.as_ref().unwrap();
        let members: Vec<&str> = bridge.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(members, ["eth0", "if0"]);
        assert_eq!((bridge.stp, bridge.priority), (Some(true), Some(7)));
        assert_eq!(bridge.ageing, Some(Duration::from_secs(9)));
        assert_eq!((read.interfaces[0].addresses.len(), read.interfaces[1].up), (1, false));
        assert!(config(&format!("--config {name} --priority 7")).unwrap_err().contains("--stp is missing"));
        std::fs::write(&path, format!("{one}\n[[interface]]\nname = 'bridge4'\nbridge = {{}}")).unwrap();
        assert_eq!(config(&format!("--config {name}")).unwrap().interfaces.len(), 2);
        let unclear = config(&format!("--config {name} --ageing 1")).unwrap_err();
        assert!(unclear.contains("which of 2 bridges is meant?"), "{unclear}");
        std::fs::write(&path, "[[interface]]\nname = 'lo1'").unwrap();
        assert!(config(&format!("--config {name}")).unwrap_err().ends_with(": no bridge"));
        let read = config(&format!("--config {name} --if tap:a")).unwrap();
        let names: Vec<&str> = read.interfaces.iter().map(|interface| interface.name.as_str()).collect();
        assert_eq!(names, ["lo1", "bridge0", "if0"]);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_station_is_an_address_and_a_member() {
        let station = Station { address: [2, 0, 0, 0, 0, 0xab], member: "if1".into() };
        assert_eq!(Station::parse("02:00:00:00:00:ab=if1"), Ok(station));
        for text in ["", "02:00:00:00:00:ab", "02:00:00:00:ab=if1", "02:00:00:00:00:ab:cd=if1", "x=if1"] {
            assert!(Station::parse(text).is_err(), "{text}");
        }
    }
}
