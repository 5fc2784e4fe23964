//! `rump net netstat`: sockets, interfaces, routes, or what protocols counted, much as netstat(1) of BSD shows them.
//!
//! The kernel is there for the time of the command: it is looked at once it is configured, or again and again.

use super::signals::Signals;
use super::station::StationArgs;
use super::{route, seconds};
use crate::output::Output;
use crate::session::{Failure, Session};
use clap::{ArgGroup, Args as ClapArgs};
use rump_cli::netstat::{show_counters, show_interfaces, show_sockets};
use rumpkit::Kernel;
use rumpkit::net::{counters, interfaces, sockets};
use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Arguments of `rump net netstat`.
#[derive(ClapArgs)]
#[command(group = ArgGroup::new("what").multiple(false), after_help = "Examples:
  rump net netstat --if shmif:/tmp/bus --address 10.0.0.2/24 -i
  rump net netstat --config net.toml -s -w 5
  rump net netstat --config net.toml -r --json
Packets that came joined, or are cut by a device, count once. With -w it goes on until a signal ends it, or -c.")]
pub struct Args {
    #[command(flatten)]
    station: StationArgs,
    /// Interfaces, and what went through them
    #[arg(short, group = "what")]
    interfaces: bool,
    /// Routes
    #[arg(short, group = "what")]
    routes: bool,
    /// What protocols counted, and why packets were dropped
    #[arg(short, group = "what")]
    statistics: bool,
    /// Sockets, those that listen as well, which is what is shown if nothing is said
    #[arg(short, group = "what")]
    all: bool,
    /// Numbers in place of names, as it is in any case
    #[arg(short)]
    numeric: bool,
    /// Wait for so many seconds before, and show it again after each
    #[arg(short, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,
    /// With -w, end after so many times
    #[arg(short, value_name = "COUNT", requires = "wait", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print a JSON record per line
    #[arg(long, visible_alias = "jsonl")]
    json: bool,
}

/// Runs it.
pub fn run(args: &Args, session: &mut Session, out: &mut Output) -> Result<(), Failure> {
    let station = args.station.boot_silent(session.host())?;
    if station.is_on_host() {
        return Err(Failure::Usage("--if sockin: interfaces, routes and sockets are the host's".into()));
    }
    station.begin();
    let Some(wait) = args.wait else { return args.show(station.kernel(), out) };
    let (sender, events) = channel();
    let signals = Signals::watch(move || sender.send(()).unwrap_or_default())?;
    let mut shown = 0;
    while args.count.is_none_or(|count| shown < count) {
        if events.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        args.show(station.kernel(), out)?;
        out.flush()?;
        shown += 1;
    }
    signals.check()
}

fn failed(error: io::Error) -> Failure {
    Failure::Network(error.to_string())
}

impl Args {
    fn show(&self, kernel: &Kernel, out: &mut Output) -> Result<(), Failure> {
        if self.routes {
            return route::show(kernel, self.json, out);
        }
        let outcome = if self.interfaces {
            show_interfaces(&interfaces(kernel).map_err(failed)?, self.json, out)
        } else if self.statistics {
            show_counters(&counters(kernel).map_err(failed)?, self.json, out)
        } else {
            show_sockets(&sockets(kernel).map_err(failed)?, self.json, out)
        };
        Ok(outcome?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::station::Station;
    use rump_cli::netstat::address;
    use rumpkit::net::wire::Wire;
    use rumpkit::net::{TcpListener, TcpStream, UdpSocket};
    use serde_json::Value;
    use std::io::Read;

    fn text(show: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        show(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Two kernels with a connection between them, and a datagram to nobody.
    #[test]
    fn what_two_kernels_did_is_shown() {
        let wire = Wire::new();
        let (one, other) = (Station::on(&wire, "10.0.0.1/24"), Station::on(&wire, "10.0.0.2/24"));
        let listener = TcpListener::bind(one.process(), "10.0.0.1:80").unwrap();
        let mut client = TcpStream::connect(other.process(), "10.0.0.1:80").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let datagrams = UdpSocket::bind(other.process(), "0.0.0.0:0").unwrap();
        datagrams.send_to(b"nobody", "10.0.0.1:9").unwrap();
        client.write_all(b"12345").unwrap();
        // It came behind the datagram.
        server.read_exact(&mut [0; 2]).unwrap();
        let all = sockets(one.kernel()).unwrap();
        let lines = text(|out| show_sockets(&all, false, out));
        let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[2], ["tcp", "0", "0", "10.0.0.1.80", "*.*", "LISTEN"]);
        let remote = address(client.local_addr().unwrap());
        assert_eq!(lines[3], ["tcp", "3", "0", "10.0.0.1.80", &remote, "ESTABLISHED"]);
        let records = text(|out| show_sockets(&sockets(other.kernel()).unwrap(), true, out));
        let record: Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
        assert_eq!((&record["protocol"], &record["remote"]), (&"udp".into(), &Value::Null));
        let all = counters(one.kernel()).unwrap();
        let lines = text(|out| show_counters(&all, false, out));
        for expected in [
            "tcp:\n",
            "\t1 connections established (including accepts)\n",
            "udp:\n\t1 datagrams received\n",
            "\t1 dropped due to no socket\n",
            "\t1 for an unknown protocol or a port with no socket\n",
            "\t1 destination unreachable sent\n",
        ] {
            assert!(lines.contains(expected), "{expected} {lines}");
        }
        let lines = text(|out| show_interfaces(&interfaces(one.kernel()).unwrap(), false, out));
        assert!(lines.contains("if0        1500 10.0.0.1/24\n"), "{lines}");
    }
}
