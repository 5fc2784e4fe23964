//! `rump net ping --if sockin` at the loopback of a network namespace, without privilege: answers are those of the host.

use std::io::Write;
use std::process::{Command, Output};

/// What the shell of a namespace does: `$1` is the range of groups that may ask; what follows runs without capabilities.
const SCRIPT: &str = "ip link set lo up && echo \"$1\" > /proc/sys/net/ipv4/ping_group_range && shift \
                      && exec setpriv --inh-caps=-all --bounding-set=-all \"$@\"";
/// Every group of a namespace, and none.
const RANGES: [&str; 2] = ["0 0", "1 0"];

/// Runs a program in a namespace of its own, as the superuser of that, with no capability.
fn run(range: &str, words: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", "unshare", "--net"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", SCRIPT, "sh", range]).args(words).output().unwrap()
}

/// Whether such namespaces can be made; what is skipped otherwise is said aloud.
fn can_be_made(test: &str) -> bool {
    let is_made = RANGES.iter().all(|range| run(range, &["true"]).status.success());
    if !is_made {
        let why = "a network namespace with ping_group_range (unshare, ip, setpriv)";
        assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "{test} lacks {why}");
        eprintln!("skipped {test}: {why}");
        if let Some(path) = std::env::var_os("RUMP_SKIP_LOG") {
            let mut log = std::fs::File::options().append(true).open(path).unwrap();
            writeln!(log, "ping::{test}\t{why}").unwrap();
        }
    }
    is_made
}

fn ping(range: &str, words: &[&str]) -> Output {
    let ping = [env!("CARGO_BIN_EXE_rump"), "net", "ping", "--if", "sockin", "-i", "0.01"];
    run(range, &[&ping, words].concat())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn who_may_have_no_raw_sockets_asks_by_datagrams() {
    if !can_be_made("who_may_have_no_raw_sockets_asks_by_datagrams") {
        return;
    }
    for (address, most) in [("127.0.0.1", "65507"), ("::1", "65527")] {
        for size in ["0", "56", most] {
            let output = ping(RANGES[0], &["-c", "3", "-s", size, "-t", "9", address]);
            let text = text(&output);
            assert_eq!(output.status.code(), Some(0), "{text}");
            let bytes = size.parse::<u32>().unwrap() + 8;
            for sequence in 1..=3 {
                let line = format!("{bytes} bytes from {address}: icmp_seq={sequence} ttl=64 time=");
                assert!(text.contains(&line), "{text}");
            }
            assert!(text.contains("3 packets transmitted, 3 received, 0% packet loss"), "{text}");
        }
    }
    // Of a network that is not there.
    let output = ping(RANGES[0], &["-c", "1", "-W", "0", "192.0.2.1"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("network is unreachable"), "{}", text(&output));
}

#[test]
fn who_may_have_neither_is_told_of_the_sysctl() {
    if !can_be_made("who_may_have_neither_is_told_of_the_sysctl") {
        return;
    }
    for address in ["127.0.0.1", "::1"] {
        let output = ping(RANGES[1], &["-c", "1", address]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("net.ipv4.ping_group_range"), "{}", text(&output));
    }
}
