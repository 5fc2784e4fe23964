//! Interfaces, routes, and whoever answers.

use crate::rig::{Kernel, ok_at, run_at, server, words};
use rump_server_rig::{Said, Scratch, Server, soon};
use serde_json::Value;

#[test]
fn who_is_asked_answers_in_the_words_of_netbsd() {
    let kernel = Kernel::new();
    let text = kernel.ok("ping", &["-c", "2", "-i", "0.01", "127.0.0.1"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "PING 127.0.0.1 (127.0.0.1): 56 data bytes");
    for (number, line) in lines[1..3].iter().enumerate() {
        let begin = format!("64 bytes from 127.0.0.1: icmp_seq={number} ttl=");
        assert!(line.starts_with(&begin) && line.ends_with(" ms"), "{text}");
    }
    assert_eq!(
        lines[3..6],
        [
            "",
            "----127.0.0.1 PING Statistics----",
            "2 packets transmitted, 2 packets received, 0.0% packet loss"
        ]
    );
    assert!(lines[6].starts_with("round-trip min/avg/max/stddev = "), "{text}");
    let text = kernel.ok("ping6", &["-c", "1", "-s", "8", "::1"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "PING6(56=40+8+8 bytes) ::1 --> ::1");
    assert!(lines[1].starts_with("16 bytes from ::1, icmp_seq=0 hlim="), "{text}");
    let quiet = kernel.ok("ping", &["-q", "-c", "1", "-T", "3", "-W", "5", "127.0.0.1"]);
    assert_eq!(quiet.lines().count(), 5, "{quiet}");
    let records = kernel.ok("ping", &["--json", "-c", "1", "127.0.0.1"]);
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&records[0]["type"], &records[1]["received"]), (&"reply".into(), &1.into()));
}

#[test]
fn nobody_does_not_answer() {
    let kernel = Kernel::new();
    let said = kernel.run("ping", &["-c", "1", "-W", "0.1", "192.0.2.1"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("1 packets transmitted, 0 packets received, 100.0% packet loss"), "{said:?}");
}

#[test]
fn the_way_to_oneself_has_one_hop() {
    let kernel = Kernel::new();
    for icmp in [None, Some("-I")] {
        let words: Vec<&str> = icmp.into_iter().chain(["-n", "-q", "2", "127.0.0.1"]).collect();
        let text = kernel.ok("traceroute", &words);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "traceroute to 127.0.0.1 (127.0.0.1), 64 hops max, 40 byte packets");
        assert!(lines[1].starts_with(" 1  127.0.0.1  ") && lines[1].matches(" ms").count() == 2, "{text}");
        assert_eq!(lines.len(), 2);
        let words: Vec<&str> = icmp.into_iter().chain(["-6", "-n", "-q", "2", "::1"]).collect();
        let text = kernel.ok("traceroute", &words);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "traceroute6 to ::1 (::1), 64 hops max, 60 byte packets");
        assert!(lines[1].starts_with(" 1  ::1  ") && lines[1].matches(" ms").count() == 2, "{text}");
        assert_eq!(lines.len(), 2);
    }
    for (words, named) in [(["-6", "127.0.0.1"], "IPv6"), (["-4", "::1"], "IPv4")] {
        let said = kernel.run("traceroute", &words);
        assert!(said.code == Some(2) && said.err.contains(named), "{said:?}");
    }
}

/// Servers on buses, whose interfaces have no addresses: each with its socket, and its interfaces with their buses.
struct Servers {
    scratch: Scratch,
    all: Vec<Server>,
}

impl Servers {
    fn new(servers: &[&[(&str, &str)]]) -> Self {
        let scratch = Scratch::new();
        let start = |(number, interfaces): (usize, &&[(&str, &str)])| {
            let parts = interfaces.iter().map(|(name, bus)| {
                format!("[[interface]]\nname = '{name}'\nlink = 'shmif:{bus}'\nup = false\n")
            });
            let file = format!("net{number}.toml");
            std::fs::write(scratch.path(&file), parts.collect::<String>()).unwrap();
            server(&scratch, &format!("sock{number}"), &["--net", &file])
        };
        let all = servers.iter().enumerate().map(start).collect();
        Self { scratch, all }
    }

    fn ok(&self, number: usize, name: &str, words: &[&str]) -> String {
        ok_at(&self.scratch, &self.all[number], name, words)
    }

    fn run(&self, number: usize, name: &str, words: &[&str]) -> Said {
        run_at(&self.scratch, &self.all[number], name, words)
    }
}

#[test]
fn two_servers_on_a_bus_find_each_other_once_they_have_addresses() {
    let servers = Servers::new(&[&[("shmif0", "bus")], &[("shmif0", "bus")]]);
    for (number, [v4, v6]) in
        [["10.0.0.1/24", "fd00::1/64"], ["10.0.0.2/24", "fd00::2/64"]].iter().enumerate()
    {
        servers.ok(number, "ifconfig", &["shmif0", "inet", v4]);
        servers.ok(number, "ifconfig", &["shmif0", "inet6", v6]);
    }
    let text = servers.ok(0, "ping", &["-c", "2", "-i", "0.05", "10.0.0.2"]);
    assert!(text.contains("2 packets transmitted, 2 packets received, 0.0% packet loss"), "{text}");
    let text = servers.ok(0, "ifconfig", &["shmif0"]);
    assert!(
        text.starts_with(
            "shmif0: flags=0x8843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST> mtu 1500\n\taddress: "
        ),
        "{text}"
    );
    assert!(text.contains("\tinet 10.0.0.1/24 broadcast 10.0.0.255\n"), "{text}");
    assert!(text.contains("\tinet6 fd00::1/64"), "{text}");
    assert_eq!(servers.ok(0, "ifconfig", &["-l"]), "lo0 shmif0\n");
    let neighbours = servers.ok(0, "arp", &["-an"]);
    assert!(neighbours.starts_with("? (10.0.0.2) at ") && neighbours.contains(" on shmif0"), "{neighbours}");
    // It asks anew, and somebody else has what is said.
    assert_eq!(servers.ok(0, "arp", &["-d", "10.0.0.2"]), "10.0.0.2 (10.0.0.2) deleted\n");
    assert_eq!(servers.run(0, "arp", &["10.0.0.2"]).code, Some(1));
    servers.ok(0, "arp", &["-s", "10.0.0.9", "2:0:0:0:0:9"]);
    let said: Value = serde_json::from_str(&servers.ok(0, "arp", &["--json", "10.0.0.9"])).unwrap();
    assert_eq!((&said["hardware"], &said["interface"]), (&"02:00:00:00:00:09".into(), &"shmif0".into()));
    soon("addresses of IPv6 can be used", || {
        servers.run(0, "ping6", &["-c", "1", "-W", "0.5", "fd00::2"]).code == Some(0)
    });
    assert!(servers.ok(0, "ndp", &["-an"]).lines().any(|line| line.starts_with("fd00::2 ")));
}

#[test]
fn addresses_are_changed_added_and_taken_away() {
    let servers = Servers::new(&[&[("shmif0", "bus")]]);
    let ifconfig = |words: &[&str]| servers.ok(0, "ifconfig", &[&["shmif0"], words].concat());
    let addresses = || {
        let record: Value = serde_json::from_str(&servers.ok(0, "ifconfig", &["--json", "shmif0"])).unwrap();
        let all = record["addresses"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|own| own["address"].as_str().unwrap().contains('.'));
        let text = |own: &Value| format!("{}/{}", own["address"].as_str().unwrap(), own["prefix_length"]);
        all.map(text).collect::<Vec<String>>().join(" ")
    };
    ifconfig(&["inet", "10.0.0.1", "netmask", "0xffffff00", "mtu", "1400"]);
    assert_eq!(addresses(), "10.0.0.1/24");
    ifconfig(&["inet", "10.0.1.1/24"]);
    assert_eq!(addresses(), "10.0.1.1/24");
    ifconfig(&["10.0.2.1/24", "alias"]);
    assert_eq!(addresses(), "10.0.1.1/24 10.0.2.1/24");
    ifconfig(&["10.0.1.1", "delete", "down"]);
    assert_eq!(addresses(), "10.0.2.1/24");
    let text = ifconfig(&[]);
    assert!(text.starts_with("shmif0: flags=0x8802<BROADCAST,SIMPLEX,MULTICAST> mtu 1400\n"), "{text}");
    for (words, named) in [
        (&["shmif9", "up"][..], "shmif9: up: "),
        (&["shmif0", "mtu", "1"], "shmif0: mtu 1: "),
        (&["shmif0", "10.0.9.9", "-alias"], "shmif0: 10.0.9.9: "),
        (&["nothing0", "create"], "nothing0: create: "),
    ] {
        let said = servers.run(0, "ifconfig", words);
        assert_eq!(said.code, Some(1), "{words:?}");
        assert!(said.err.starts_with(&format!("rump.ifconfig: {named}")), "{}", said.err);
    }
    ifconfig(&["destroy"]);
    assert_eq!(servers.ok(0, "ifconfig", &["-l"]), "lo0\n");
}

/// The setting of NetBSD's nettest_routed: a router between two hosts, all of it said by tools.
#[test]
fn a_router_between_two_buses_passes_on() {
    let servers = Servers::new(&[
        &[("shmif0", "net1")],
        &[("shmif0", "net1"), ("shmif1", "net2")],
        &[("shmif0", "net2")],
    ]);
    let (one, router, other) = (0, 1, 2);
    servers.ok(one, "ifconfig", &["shmif0", "inet", "192.168.1.1", "netmask", "0xffffff00"]);
    servers.ok(one, "route", &["add", "default", "192.168.1.254"]);
    servers.ok(router, "ifconfig", &["shmif0", "inet", "192.168.1.254/24"]);
    servers.ok(router, "ifconfig", &["shmif1", "inet", "192.168.2.254/24"]);
    servers.ok(router, "sysctl", &["-w", "net.inet.ip.forwarding=1"]);
    servers.ok(other, "ifconfig", &["shmif0", "inet", "192.168.2.1", "netmask", "0xffffff00"]);
    let added = servers.ok(other, "route", &["add", "-net", "192.168.1.0", "192.168.2.254"]);
    assert_eq!(added, "add net 192.168.1.0: gateway 192.168.2.254\n");
    let text = servers.ok(one, "ping", &["-c", "1", "-n", "192.168.2.1"]);
    assert!(text.contains("64 bytes from 192.168.2.1: icmp_seq=0 ttl=63 "), "{text}");
    let text = servers.ok(one, "traceroute", &["-n", "-q", "1", "192.168.2.1"]);
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert!(
        lines[0].starts_with(" 1  192.168.1.254  ") && lines[1].starts_with(" 2  192.168.2.1  "),
        "{text}"
    );
    for (server, interface, address) in [
        (one, "shmif0", "fd01::1/64"),
        (router, "shmif0", "fd01::fe/64"),
        (router, "shmif1", "fd02::fe/64"),
        (other, "shmif0", "fd02::1/64"),
    ] {
        servers.ok(server, "ifconfig", &[interface, "inet6", address]);
    }
    servers.ok(router, "sysctl", &["-w", "net.inet6.ip6.forwarding=1"]);
    servers.ok(one, "route", &["add", "-inet6", "default", "fd01::fe"]);
    servers.ok(other, "route", &["add", "-inet6", "default", "fd02::fe"]);
    soon("addresses of IPv6 can be used", || {
        servers.run(one, "ping6", &["-c", "1", "-W", "0.5", "fd02::1"]).code == Some(0)
    });
    for icmp in [None, Some("-I")] {
        let words: Vec<&str> = icmp.into_iter().chain(["-n", "-q", "1", "fd02::1"]).collect();
        let text = servers.ok(one, "traceroute", &words);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines[0].starts_with(" 1  fd01::fe  ") && lines[1].starts_with(" 2  fd02::1  "), "{text}");
    }
    let routes = servers.ok(one, "route", &["-n", "show"]);
    let shown = routes.lines().map(words).find(|words| words.first() == Some(&"default")).unwrap();
    assert_eq!((shown[1], shown[2], *shown.last().unwrap()), ("192.168.1.254", "UG", "shmif0"));
    assert_eq!(
        servers.ok(one, "netstat", &["-rn", "-f", "inet"]),
        servers.ok(one, "route", &["show", "-inet"])
    );
    let got = servers.ok(one, "route", &["get", "192.168.2.1"]);
    assert!(got.contains("gateway: 192.168.1.254\n") && got.contains("interface: shmif0\n"), "{got}");
    // Its neighbours are on its own link.
    let said = servers.run(one, "route", &["add", "10.0.0.0/8", "172.16.0.1"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.starts_with("rump.route: add net 10.0.0.0: gateway 172.16.0.1: network is unreachable"),
        "{}",
        said.err
    );
    assert_eq!(servers.ok(one, "route", &["delete", "default"]), "delete net default\n");
    assert_eq!(servers.run(one, "ping", &["-c", "1", "-W", "0.2", "192.168.2.1"]).code, Some(1));
    let said = servers.run(one, "route", &["delete", "default"]);
    assert!(said.err.starts_with("rump.route: delete net default: "), "{}", said.err);
    servers.ok(one, "route", &["add", "default", "192.168.1.254"]);
    assert!(servers.ok(one, "route", &["flush"]).contains("192.168.1.254"));
    assert!(!servers.ok(one, "route", &["show"]).contains("default"));
}

#[test]
fn interfaces_are_made_and_said_where_they_are() {
    let scratch = Scratch::new();
    let all = [server(&scratch, "one", &[]), server(&scratch, "other", &[])];
    let bus = scratch.path("bus").display().to_string();
    for (server, address) in all.iter().zip(["10.0.0.1", "10.0.0.2"]) {
        ok_at(&scratch, server, "ifconfig", &["shmif0", "create"]);
        ok_at(&scratch, server, "ifconfig", &["shmif0", "linkstr", &bus]);
        ok_at(&scratch, server, "ifconfig", &["shmif0", "inet", address, "netmask", "255.255.255.0", "up"]);
    }
    let shown = ok_at(&scratch, &all[0], "ifconfig", &["shmif0"]);
    assert!(shown.contains(&format!("\tlinkstr: {bus}\n")), "{shown}");
    let text = ok_at(&scratch, &all[0], "ping", &["-c", "1", "10.0.0.2"]);
    assert!(text.contains("1 packets received"), "{text}");
}

#[test]
fn a_bridge_joins_two_buses() {
    let servers = Servers::new(&[
        &[("shmif0", "net1")],
        &[("shmif0", "net1"), ("shmif1", "net2")],
        &[("shmif0", "net2")],
    ]);
    let (one, bridge, other) = (0, 1, 2);
    servers.ok(one, "ifconfig", &["shmif0", "inet", "10.0.0.1/24"]);
    servers.ok(other, "ifconfig", &["shmif0", "inet", "10.0.0.2/24"]);
    servers.ok(bridge, "ifconfig", &["shmif0", "up"]);
    servers.ok(bridge, "ifconfig", &["shmif1", "up"]);
    servers.ok(bridge, "ifconfig", &["bridge0", "create"]);
    servers.ok(bridge, "brconfig", &["bridge0", "add", "shmif0", "add", "shmif1", "timeout", "300", "up"]);
    let text = servers.ok(one, "ping", &["-c", "2", "-i", "0.05", "10.0.0.2"]);
    assert!(text.contains("2 packets received"), "{text}");
    let shown = servers.ok(bridge, "brconfig", &["-a"]);
    assert!(shown.starts_with("bridge0: flags=0x41<UP,RUNNING>\n"), "{shown}");
    assert!(
        shown.contains("\t\tshmif0 flags=3<LEARNING,DISCOVER>\n") && shown.contains("timeout: 300):"),
        "{shown}"
    );
    let record: Value =
        serde_json::from_str(&servers.ok(bridge, "brconfig", &["--json", "bridge0"])).unwrap();
    let learned: Vec<&str> =
        record["addresses"].as_array().unwrap().iter().map(|one| one["member"].as_str().unwrap()).collect();
    assert!(learned.contains(&"shmif0") && learned.contains(&"shmif1"), "{record}");
    servers.ok(
        bridge,
        "brconfig",
        &["bridge0", "stp", "shmif0", "-learn", "shmif1", "static", "shmif1", "2:0:0:0:0:9"],
    );
    let shown = servers.ok(bridge, "brconfig", &["bridge0"]);
    assert!(shown.contains("\t\tshmif0 flags=7<LEARNING,DISCOVER,STP>\n"), "{shown}");
    assert!(shown.contains("\t\t02:00:00:00:00:09 shmif1 0 flags=<STATIC>\n"), "{shown}");
    servers.ok(bridge, "brconfig", &["bridge0", "delete", "shmif1", "flush"]);
    assert!(!servers.ok(bridge, "brconfig", &["bridge0"]).contains("shmif1"));
    let said = servers.run(bridge, "brconfig", &["bridge0", "delete", "shmif1"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.starts_with("rump.brconfig: bridge0: shmif1: "), "{}", said.err);
}
