//! `rump net`: small programs on a bus, each a kernel of its own for the time of the command.

mod bell;
mod bridge;
mod capture;
mod dhcp;
mod dump;
mod ifconfig;
mod link;
mod nc;
mod netstat;
mod ping;
mod route;
pub mod signals;
mod station;
mod target;
mod wget;

use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{Args as ClapArgs, Subcommand};
use rumpkit::net::Link;

/// Arguments of `rump net`.
#[derive(ClapArgs)]
#[command(after_help = notes())]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Ask a host whether it is there
    Ping(ping::Args),
    /// Connect standard input and output to a socket
    Nc(nc::Args),
    /// Join several links to one network, as a switch does
    Bridge(bridge::Args),
    /// Show the packets on a bus, or write them to a file for Wireshark
    Dump(dump::Args),
    /// Fetch a file by HTTP
    Wget(wget::Args),
    /// Get an address by DHCP, and show what came with it
    Dhcp(dhcp::Args),
    /// Show interfaces, as they are configured
    Ifconfig(ifconfig::Args),
    /// Show routes, as they are configured
    Route(route::Args),
    /// Show sockets, interfaces, routes, or what protocols counted
    Netstat(netstat::Args),
}

/// What is to be known of links and files.
fn notes() -> String {
    let mut notes = String::from("A LINK says where an interface of the command is:\n");
    for kind in Link::kinds() {
        let form = format!("{}:{}", kind.word, kind.argument);
        let between = if form.len() > 12 { format!("\n{:15}", "") } else { " ".into() };
        notes += &format!("  {form:<12}{between}{}\n", kind.about);
    }
    notes += "  sockin       no interface: the sockets of the host, and its addresses, routes and names\n";
    notes + OTHER_NOTES
}

const OTHER_NOTES: &str = "
A capture begins once the command listens. Several --if make a kernel with several interfaces, if0, if1 and so on; --address, --gateway and --dhcp belong to the last --if before them. What passes at all of them is in the file of --capture, also if a signal ends the command.

With --config, a file in TOML describes the network. Unknown keys and wrong values are errors:
  [[interface]]                       in any order
  name = \"eth0\"
  link = \"shmif:/tmp/bus\"             without one, an interface such as lo1 is made
  mac = \"02:00:00:00:00:01\"
  mtu = 1400
  addresses = [\"192.0.2.2/24\", \"2001:db8::2/64\"]
  dhcp = true                         an address of IPv4 by DHCP
  lease = \"/var/lib/eth0.lease\"      where the lease is kept for the next start
  autoconf = false                    what routers of IPv6 tell is not followed
  up = true                           as it is if nothing is said
  [[interface]]                       a bridge, called bridge0 and so on, and its members
  name = \"bridge0\"
  [interface.bridge]                  also priority, hello_time, max_age, forward_delay, most_addresses
  members = [\"eth0\", { name = \"vlan0\", priority = 64, cost = 19, stp = true, learn = true, flood = true, private = false }]
  stp = true
  ageing = 300
  static = { \"02:00:00:00:00:09\" = \"eth0\" }
  [[interface]]                       a virtual network, called vlan0 and so on
  name = \"vlan0\"
  vlan = { parent = \"eth1\", id = 7 }
  [[route]]
  destination = \"default\"             or a prefix
  gateway = \"192.0.2.1\"               or interface = \"eth0\", reject = true, blackhole = true
  metric = 10                         the lower of two counts
  [settings]                          by the names of sysctl(7)
  net.inet.ip.forwarding = true
  [dns]                               for /etc/resolv.conf in the kernel
  servers = [\"192.0.2.53\"]
  search = [\"example.org\"]

Examples:
  rump net ping --if shmif:/tmp/bus --address 10.0.0.2/24 10.0.0.1
  rump net nc --if shmif:/tmp/bus --address 10.0.0.2/24 10.0.0.1 80
  rump net dump --if shmif:/tmp/bus -w trace.pcap
  rump net nc --if pcap:trace.pcapng --address 10.0.0.2/24 -u -l 514
  rump net ping --if stream:unix:/tmp/passt.sock --dhcp --capture ping.pcapng 192.0.2.1
  rump net dhcp --if tap:tap0 --once
  rump net bridge --if tap:tap0 --if shmif:/tmp/bus
  rump net bridge --config switch.toml
  rump net wget --if sockin http://example.com/file.img
  rump net ifconfig --config net.toml
  rump net netstat --config net.toml -s -w 5";

/// Runs it.
pub fn run(args: &Args, session: &mut Session, output: &mut Output) -> Result<(), Failure> {
    match &args.command {
        Command::Ping(args) => ping::run(args, session, output),
        Command::Nc(args) => nc::run(args, session, output),
        Command::Bridge(args) => bridge::run(args, session, output),
        Command::Dump(args) => dump::run(args, session, output),
        Command::Wget(args) => wget::run(args, session, output),
        Command::Dhcp(args) => dhcp::run(args, session, output),
        Command::Ifconfig(args) => ifconfig::run(args, session, output),
        Command::Route(args) => route::run(args, session, output),
        Command::Netstat(args) => netstat::run(args, session, output),
    }
}

/// A length of time in seconds, with a fraction, of at most a day.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    const DAY: f64 = 86_400.0;
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=DAY).contains(&seconds) => Ok(std::time::Duration::from_secs_f64(seconds)),
        _ => Err(format!("{text:?} is no number of seconds from 0 to {DAY}")),
    }
}
