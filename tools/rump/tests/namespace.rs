//! `rump net` in network namespaces of Linux, which is asked what is right: pings over the host's sockets without privilege,
//! and what cables interfaces are at.

use serde_json::Value;
use std::io::Write;
use std::process::{Command, Output};

/// What the shell does for `ping`: `$1` is the range of groups that may ask; what follows runs without capabilities.
const ASKING: &str = "ip link set lo up && echo \"$1\" > /proc/sys/net/ipv4/ping_group_range && shift \
                      && exec setpriv --inh-caps=-all --bounding-set=-all \"$@\"";
/// Every group of a namespace, and none.
const RANGES: [&str; 2] = ["0 0", "1 0"];
/// What it does for `ifconfig`, a program that is told of a link: Linux's opinion of both, then ours.
const CABLES: &str = "mount -t sysfs sysfs /sys && ip link add veth0 type veth peer name veth1 \
                      && ip tuntap add tap0 mode tap && for name in veth0 veth1 tap0; do ip link set $name up; done \
                      && for link in packet:veth0 tap:tap0; do name=${link#*:} \
                      && \"$@\" --if $link --json \
                      && echo $(cat /sys/class/net/$name/speed) $(cat /sys/class/net/$name/duplex) || exit 1; done";

/// Runs a script in a namespace of its own, as the superuser of that.
fn run(script: &str, words: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", "unshare", "--net", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh"]).args(words).output().unwrap()
}

/// Whether all of these scripts can do their part; what is skipped otherwise is said aloud.
fn can_be_done(test: &str, scripts: &[(&str, &[&str])]) -> bool {
    let is_done = scripts.iter().all(|(script, words)| run(script, words).status.success());
    if !is_done {
        let why = "network namespaces (unshare, ip, setpriv, sysctl ping_group_range, taps)";
        assert!(std::env::var_os("RUMP_NO_SKIPS").is_none(), "{test} lacks {why}");
        eprintln!("{test}: skipped for want of {why}");
        if let Some(path) = std::env::var_os("RUMP_SKIP_LOG") {
            let mut log = std::fs::File::options().append(true).create(true).open(path).unwrap();
            writeln!(log, "{test}\t{why}").unwrap();
        }
    }
    is_done
}

fn can_ask(test: &str) -> bool {
    can_be_done(test, &[(ASKING, &[RANGES[0], "true"]), (ASKING, &[RANGES[1], "true"])])
}

fn ping(range: &str, words: &[&str]) -> Output {
    let ping = [range, env!("CARGO_BIN_EXE_rump"), "net", "ping", "--if", "sockin", "-i", "0.01"];
    run(ASKING, &[&ping, words].concat())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn who_may_have_no_raw_sockets_asks_by_datagrams() {
    if !can_ask("who_may_have_no_raw_sockets_asks_by_datagrams") {
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
    if !can_ask("who_may_have_neither_is_told_of_the_sysctl") {
        return;
    }
    for address in ["127.0.0.1", "::1"] {
        let output = ping(RANGES[1], &["-c", "1", address]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("net.ipv4.ping_group_range"), "{}", text(&output));
    }
}

#[test]
fn cables_are_as_fast_as_linux_says() {
    if !can_be_done("cables_are_as_fast_as_linux_says", &[(CABLES, &["true"])]) {
        return;
    }
    // Linux takes a while to notice that a program has opened a tap.
    for tries in (0..20).rev() {
        let output = run(CABLES, &[env!("CARGO_BIN_EXE_rump"), "net", "ifconfig"]);
        let text = text(&output);
        assert!(output.status.success(), "{text}");
        if check_cables(&text) {
            return;
        }
        assert!(tries > 0, "no carrier: {text}");
    }
}

/// Compares media; answers whether both links have carriers.
fn check_cables(text: &str) -> bool {
    let mut lines = text.lines();
    let mut check = |link: &str| {
        let ours: Vec<Value> =
            lines.by_ref().take(2).map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |name: &str| ours.iter().find(|record| record["name"] == name).unwrap();
        assert!(of("lo0")["media"].is_null(), "{text}");
        let media = &of("if0")["media"];
        let speed = media["speed_mbit"].as_u64().map_or("-1".into(), |speed| speed.to_string());
        let duplex = media["duplex"].as_str().unwrap_or("unknown");
        assert_eq!(lines.next().unwrap(), format!("{speed} {duplex}"), "{link}: {text}");
        of("if0")["carrier"] == Value::Bool(true)
    };
    check("veth0") & check("tap0")
}
