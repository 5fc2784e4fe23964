//! What the kernel tells of its network: counters, sockets and their owners, changes as they come.

use crate::rig::{Kernel, tool, words};
use rump_client::RemoteProcess;
use rump_client::abi::{AddressFamily, OpenFlags, SocketAddress, SocketType};
use rump_server_rig::{client, soon};
use serde_json::Value;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn protocols_tell_what_they_counted() {
    let kernel = Kernel::new();
    let zero = kernel.ok("netstat", &["-s", "-p", "icmp"]);
    assert!(zero.starts_with("icmp:\n") && zero.contains("\t0 echo requests received\n"), "{zero}");
    assert_eq!(kernel.ok("netstat", &["-ss", "-p", "icmp"]), "");
    kernel.ok("ping", &["-c", "2", "-i", "0.01", "127.0.0.1"]);
    kernel.ok("traceroute", &["-n", "-q", "1", "127.0.0.1"]);
    let icmp = kernel.ok("netstat", &["-ss", "-p", "icmp"]);
    for line in
        ["2 echo requests received", "2 echo replies sent", "2 echo replies received", "2 message responses"]
    {
        assert!(icmp.contains(&format!("\t{line}")), "{line}: {icmp}");
    }
    assert!(icmp.contains("\t1 destination unreachable sent\n"), "{icmp}");
    assert_eq!(
        kernel.ok("netstat", &["-ss", "-p", "udp"]),
        "udp:\n\t1 datagrams received\n\t1 dropped due to no socket\n\t1 datagrams output\n"
    );
    let all = kernel.ok("netstat", &["-s"]);
    let protocols: Vec<&str> = all.lines().filter(|line| !line.starts_with('\t')).collect();
    assert_eq!(protocols, ["ip:", "icmp:", "igmp:", "tcp:", "udp:", "ip6:", "icmp6:", "udp6:"]);
    // Two requests, two replies, a datagram and what was said of it.
    assert!(all.contains("\t6 packets for this host\n") && all.contains("\t6 packets sent from this host\n"));
    let of_v6 = kernel.ok("netstat", &["-s", "-f", "inet6"]);
    assert!(all.ends_with(&of_v6) && of_v6.starts_with("ip6:\n"), "{of_v6}");
    let told = records(&kernel.ok("netstat", &["--json", "-s", "-p", "icmp"]));
    let echo = told.iter().find(|one| one["what"] == "echo requests received").unwrap();
    assert_eq!((&echo["protocol"], &echo["count"]), (&"icmp".into(), &2.into()));
    assert_eq!(kernel.run("netstat", &["-s", "-p", "nothing"]).code, Some(2));
}

/// A process of a kernel, by the name `test`, with its number.
fn process(kernel: &Kernel) -> (RemoteProcess, String) {
    let client = client(&kernel.server.url);
    let pid = client.pid().unwrap().to_string();
    (RemoteProcess::new(Arc::new(client.0)), pid)
}

fn at(port: u16) -> SocketAddress {
    SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

#[test]
fn sockets_have_owners() {
    let kernel = Kernel::new();
    let (server, pid) = process(&kernel);
    let open =
        |process: &RemoteProcess, family, kind| process.socket(family, kind, 0, OpenFlags::empty()).unwrap();
    let listens = open(&server, AddressFamily::Inet, SocketType::Stream);
    server.bind(listens, &at(80)).unwrap();
    server.listen(listens, 5).unwrap();
    let (other, other_pid) = process(&kernel);
    let connects = open(&other, AddressFamily::Inet, SocketType::Stream);
    other.connect(connects, &at(80)).unwrap();
    let datagrams = open(&other, AddressFamily::Inet6, SocketType::Datagram);
    let [fd, other_fd, v6] = [listens, connects, datagrams].map(|fd| fd.0.to_string());
    let shown = kernel.ok("sockstat", &["-4l"]);
    let lines: Vec<Vec<&str>> = shown.lines().map(words).collect();
    assert_eq!(lines[0][..5], ["USER", "COMMAND", "PID", "FD", "PROTO"]);
    assert_eq!(lines[1], ["0", "test", &pid, &fd, "tcp", "127.0.0.1.80", "*.*"]);
    assert_eq!(lines.len(), 2, "{shown}");
    // Who is not accepted yet is nobody's.
    let shown = kernel.ok("sockstat", &["-4c", "-p", "79-80"]);
    let lines: Vec<Vec<&str>> = shown.lines().skip(1).map(words).collect();
    let client = lines.iter().find(|line| line[6] == "127.0.0.1.80").unwrap();
    assert_eq!(client[..5], ["0", "test", &other_pid, &other_fd, "tcp"]);
    let pending = lines.iter().find(|line| line[5] == "127.0.0.1.80").unwrap();
    assert_eq!((pending[..5].to_vec(), pending[6]), (vec!["?", "?", "?", "?", "tcp"], client[5]));
    let (accepted, _) = server.paccept(listens, OpenFlags::empty(), None).unwrap();
    let shown = kernel.ok("sockstat", &["-4c"]);
    let line = shown.lines().map(words).find(|line| line[5] == "127.0.0.1.80").unwrap();
    assert_eq!(line[..4], ["0", "test", &pid, &accepted.0.to_string()]);
    let of_v6 = records(&kernel.ok("sockstat", &["-6", "--json"]));
    assert_eq!((of_v6.len(), of_v6[0]["fd"].to_string()), (1, v6));
    // What two processes have has two lines.
    drop(server);
    soon("the first has gone", || !kernel.ok("sockstat", &["-4l"]).contains("127.0.0.1.80"));
    assert_eq!(kernel.run("sockstat", &["-p", "80-79"]).code, Some(2));
}

#[test]
fn sockets_of_files_have_owners() {
    let kernel = Kernel::new();
    let (one, pid) = process(&kernel);
    let socket = || one.socket(AddressFamily::Local, SocketType::Stream, 0, OpenFlags::empty()).unwrap();
    let (listens, connects) = (socket(), socket());
    let name = SocketAddress::Local(b"/s".to_vec());
    one.bind(listens, &name).unwrap();
    one.listen(listens, 5).unwrap();
    one.connect(connects, &name).unwrap();
    let shown = kernel.ok("sockstat", &["-u"]);
    let [listens, connects] = [listens, connects].map(|fd| fd.0.to_string());
    let lines: Vec<Vec<&str>> = shown.lines().skip(1).map(words).collect();
    assert_eq!(lines[0], ["0", "test", &pid, &listens, "stream", "/s", "-"]);
    assert_eq!(lines[1], ["0", "test", &pid, &connects, "stream", "-", "/s"]);
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(
        kernel.ok("sockstat", &["-ul"]).contains(" /s ") && !kernel.ok("sockstat", &["-4"]).contains("/s")
    );
}

#[test]
fn changes_of_routes_are_shown_as_they_come() {
    let kernel = Kernel::new();
    let told = kernel.scratch.path("told");
    let mut command = tool(&kernel.scratch, "route", &["monitor"]);
    command.env("RUMP_SERVER", &kernel.server.url).stdout(File::create(&told).unwrap());
    let mut monitor = command.spawn().unwrap();
    let has = |what: &str| std::fs::read_to_string(&told).unwrap().contains(what);
    // It may not listen at once.
    soon("it listens", || {
        kernel.ok("route", &["add", "10.9.0.0/16", "-interface", "lo0"]);
        kernel.ok("route", &["delete", "10.9.0.0/16"]);
        has("RTM_DELETE destination 10.9.0.0 ")
    });
    kernel.ok("route", &["add", "10.8.0.0/16", "-interface", "lo0"]);
    soon("a route is told", || has("RTM_ADD destination 10.8.0.0 "));
    kernel.ok("ifconfig", &["lo0", "inet", "10.7.0.1/24", "alias"]);
    soon("an address is told", || has("RTM_NEWADDR address 10.7.0.1 interface lo0 prefix_length 24\n"));
    let pid = rustix::process::Pid::from_child(&monitor);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    soon("a signal ends it", || monitor.try_wait().unwrap().is_some());
    assert_eq!(monitor.wait().unwrap().code(), Some(0));
}
