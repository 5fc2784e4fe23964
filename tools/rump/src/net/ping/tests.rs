//! Two stations on a wire.

use super::*;
use rumpkit::net::wire::Wire;

fn station(wire: &Wire, address: &str) -> Station {
    Station::on(wire, address)
}

fn asking(count: u64, size: u16) -> Asking {
    let (interval, wait) = (Duration::from_millis(10), Duration::from_millis(300));
    Asking { count: Some(count), interval, size, ttl: Some(7), wait, json: false }
}

fn asked(asking: &Asking, address: Ipv4Addr) -> (Summary, String) {
    let wire = Wire::new();
    let (us, _them) = (station(&wire, "10.0.0.2/24"), station(&wire, "10.0.0.1/24"));
    let mut out = Vec::new();
    let bell = Bell::new(us.process()).unwrap();
    // Not all fragments of a long one wait for the first answer to the question who has the address.
    let first = Asking { wait: Duration::ZERO, ..self::asking(1, 0) };
    ping(&us, address, &first, true, &bell, &mut Vec::new()).ok().unwrap();
    let summary = ping(&us, address, asking, false, &bell, &mut out).ok().unwrap();
    (summary, String::from_utf8(out).unwrap())
}

#[test]
fn whoever_is_there_answers_requests_of_every_size() {
    for size in [0, 56, 1472, 1473, 65_507] {
        let (summary, text) = asked(&asking(3, size), Ipv4Addr::new(10, 0, 0, 1));
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
fn nobody_does_not_answer() {
    let (summary, text) = asked(&asking(2, 56), Ipv4Addr::new(10, 0, 0, 9));
    assert_eq!((summary.sent, summary.received), (2, 0));
    assert!(
        text.contains("2 packets transmitted, 0 received") && text.contains("100% packet loss"),
        "{text}"
    );
}

#[test]
fn records_are_json() {
    let (_, text) = asked(&Asking { json: true, ..asking(2, 56) }, Ipv4Addr::new(10, 0, 0, 1));
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
    let address = Ipv4Addr::new(10, 0, 0, 9);
    let asking = Asking { count: None, ..asking(1, 56) };
    let summary = ping(&us, address, &asking, true, &bell, &mut out).ok().unwrap();
    assert_eq!(summary.sent, 1);
    assert!(String::from_utf8(out).unwrap().contains("1 packets transmitted, 0 received"));
}
