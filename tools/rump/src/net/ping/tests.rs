//! Two stations on a wire.

use super::*;
use rumpkit::net::wire::Wire;
use rumpkit::net::{AddressInfo, Interface};
use serde_json::json;

fn station(wire: &Wire, address: &str) -> Station {
    Station::on(wire, address)
}

fn asking(count: u64, size: u16) -> Asking {
    let (interval, wait) = (Duration::from_millis(10), Duration::from_millis(300));
    Asking { count: Some(count), interval, size, ttl: Some(7), wait, json: false }
}

fn asked(asking: &Asking, whom: &str) -> (Summary, String) {
    let is_v4 = !whom.contains(':');
    let [own, theirs] = if is_v4 { ["10.0.0.2/24", "10.0.0.1/24"] } else { ["fd00::2/64", "fd00::1/64"] };
    let wire = Wire::new();
    let (us, them) = (station(&wire, own), station(&wire, theirs));
    them.settle().ok().unwrap();
    let mut out = Vec::new();
    let bell = Bell::new(us.process()).unwrap();
    let summary = ping(&us, &whom.parse().unwrap(), asking, false, &bell, &mut out).ok().unwrap();
    (summary, String::from_utf8(out).unwrap())
}

#[test]
fn whoever_is_there_answers_requests_of_every_size() {
    for size in [0, 56, 1472, 1473, 65_507] {
        let (summary, text) = asked(&asking(3, size), "10.0.0.1");
        assert_eq!((summary.sent, summary.received, summary.errors), (3, 3, 0), "{text}");
        let bytes = u32::from(size) + 8;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("PING 10.0.0.1 (10.0.0.1) {size}({}) bytes of data.", bytes + 20));
        let first = format!("{bytes} bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=");
        assert!(lines[1].starts_with(&first), "{text}");
        assert_eq!(lines[5], "--- 10.0.0.1 ping statistics ---");
        assert!(lines[6].starts_with("3 packets transmitted, 3 received, 0% packet loss, time "), "{text}");
        assert!(lines[7].starts_with("rtt min/avg/max/mdev = "), "{text}");
    }
}

#[test]
fn whoever_is_there_answers_over_ipv6() {
    for size in [0, 56, 1453, 65_527] {
        let (summary, text) = asked(&asking(3, size), "fd00::1");
        assert_eq!((summary.sent, summary.received, summary.errors), (3, 3, 0), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("PING fd00::1 (fd00::1) {size} data bytes"));
        let first = format!("{} bytes from fd00::1: icmp_seq=1 ttl=64 time=", u32::from(size) + 8);
        assert!(lines[1].starts_with(&first), "{text}");
        assert_eq!(lines[5], "--- fd00::1 ping statistics ---");
    }
}

#[test]
fn one_of_the_link_has_a_zone_or_is_on_the_only_link() {
    let wire = Wire::new();
    let (us, them) = (station(&wire, "10.0.0.2/24"), station(&wire, "10.0.0.1/24"));
    them.settle().ok().unwrap();
    let is_of_link = |info: &AddressInfo| info.address.to_string().starts_with("fe80");
    let theirs = Interface::find(them.kernel(), "if0")
        .unwrap()
        .addresses()
        .unwrap()
        .into_iter()
        .find(is_of_link)
        .unwrap()
        .address;
    let bell = Bell::new(us.process()).unwrap();
    for zone in ["", "%if0", &format!("%{}", Interface::find(us.kernel(), "if0").unwrap().number())] {
        let (whom, mut out) = (format!("{theirs}{zone}").parse().unwrap(), Vec::new());
        let summary = ping(&us, &whom, &asking(1, 56), false, &bell, &mut out).ok().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(summary.received, 1, "{text}");
        assert!(text.contains(&format!("64 bytes from {theirs}%if0: icmp_seq=1 ttl=64 time=")), "{text}");
    }
    assert!(us.resolve(&"fe80::1%eth0".parse().unwrap()).is_err());
    for text in ["fe80::1%", "fd00::1%if0", "10.0.0.1%if0", "host"] {
        assert!(text.parse::<Target>().is_err(), "{text}");
    }
}

#[test]
fn complaints_over_ipv6_are_told() {
    let (summary, text) = asked(&Asking { wait: Duration::from_secs(4), ..asking(1, 56) }, "fd00::9");
    assert_eq!((summary.sent, summary.received), (1, 0));
    assert!(text.contains("icmp_seq=1 Destination unreachable: Address unreachable"), "{text}");
}

#[test]
fn nobody_does_not_answer() {
    let (summary, text) = asked(&asking(2, 56), "10.0.0.9");
    assert_eq!((summary.sent, summary.received), (2, 0));
    assert!(
        text.contains("2 packets transmitted, 0 received") && text.contains("100% packet loss"),
        "{text}"
    );
}

#[test]
fn records_are_json() {
    let (_, text) = asked(&Asking { json: true, ..asking(2, 56) }, "10.0.0.1");
    let records: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<&str> = records.iter().map(|record| record["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["reply", "reply", "summary"]);
    assert_eq!((&records[1]["seq"], &records[2]["received"]), (&json!(2), &json!(2)));
}

#[test]
fn a_bell_ends_it_with_the_summary() {
    let wire = Wire::new();
    let us = station(&wire, "10.0.0.2/24");
    let bell = Bell::new(us.process()).unwrap();
    bell.ring();
    let mut out = Vec::new();
    let whom: Target = "10.0.0.9".parse().unwrap();
    let asking = Asking { count: None, ..asking(1, 56) };
    let summary = ping(&us, &whom, &asking, true, &bell, &mut out).ok().unwrap();
    assert_eq!(summary.sent, 1);
    assert!(String::from_utf8(out).unwrap().contains("1 packets transmitted, 0 received"));
}
