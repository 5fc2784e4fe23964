//! Files that are read, and what is said of those that are wrong.

use super::*;

const GOOD: &str = r#"
[[interface]]
name = "eth0"
link = "shmif:/tmp/bus"
mac = "02:00:00:00:00:01"
mtu = 1400
addresses = [
    "192.0.2.2/24",
    "2001:db8::2/64",
]
dhcp = true
lease = "/var/lib/eth0.lease"
autoconf = false
up = false

[[interface]]
name = "lo1"

[[route]]
destination = "default"
gateway = "2001:db8::1"
metric = 10

[[route]]
destination = "10.0.0.0/8"
reject = true

[[route]]
destination = "10.1.0.0/16"
interface = "eth0"

[settings]
net.inet.ip.forwarding = true
"net.inet.ip.ttl" = 9
net.inet6.ip6.dad_count = 0

[dns]
servers = ["192.0.2.53", "fe80::1"]
search = ["example.org."]
"#;

#[test]
fn all_that_can_be_said_is_read() {
    let config = Config::parse("net.toml", GOOD).unwrap();
    let expected = InterfaceConfig {
        link: Some("shmif:/tmp/bus".parse().unwrap()),
        mac: Some([2, 0, 0, 0, 0, 1]),
        mtu: Some(1400),
        addresses: vec!["192.0.2.2/24".parse().unwrap(), "2001:db8::2/64".parse().unwrap()],
        dhcp: Dhcp::On,
        lease: Some("/var/lib/eth0.lease".into()),
        autoconf: false,
        up: false,
        ..InterfaceConfig::new("eth0")
    };
    assert_eq!(config.interfaces, [expected, InterfaceConfig::new("lo1")]);
    let route = |destination: &str, way, metric| RouteConfig {
        destination: destination.parse().unwrap(),
        way,
        metric,
    };
    let expected = [
        route("::/0", Way::Router("2001:db8::1".parse().unwrap()), 10),
        route("10.0.0.0/8", Way::Reject, 0),
        route("10.1.0.0/16", Way::Interface("eth0".into()), 0),
    ];
    assert_eq!(config.routes, expected);
    let mut settings = config.settings;
    settings.sort();
    let named = |(name, value): &(&str, i64)| ((*name).to_string(), *value);
    let expected = [("net.inet.ip.forwarding", 1), ("net.inet.ip.ttl", 9), ("net.inet6.ip6.dad_count", 0)];
    assert_eq!(settings, expected.iter().map(named).collect::<Vec<_>>());
    assert_eq!(config.dns.search, ["example.org"]);
    assert_eq!(config.dns.servers.len(), 2);
    assert_eq!(Config::parse("", "").unwrap(), Config::default());
}

#[test]
fn interfaces_are_made_after_those_that_they_are_made_of() {
    let text = "[[interface]]\nname = 'bridge0'\nbridge.members = ['vlan1', 'elsewhere', 'c']
                [[interface]]\nname = 'a'
                [[interface]]\nname = 'vlan1'\nvlan = { parent = 'vlan0', id = 1 }
                [[interface]]\nname = 'vlan0'\nvlan = { parent = 'b', id = 1 }
                [[interface]]\nname = 'b'\n[[interface]]\nname = 'c'";
    let config = Config::parse("n.toml", text).unwrap();
    let order: Vec<&str> = config.order().ok().unwrap().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(order, ["a", "b", "c", "vlan0", "vlan1", "bridge0"]);
}

#[test]
fn what_is_wrong_is_named_with_file_line_and_key() {
    let interface = "[[interface]]\nname = 'a'\n";
    for (text, expected) in [
        ("interfaces = 1", "n.toml:1: interfaces: unknown field `interfaces`"),
        (&format!("{interface}# = \nadress = 1"), "n.toml:4: adress: unknown field `adress`"),
        (
            &format!("{interface}link = 'bus'"),
            "n.toml:3: link: \"bus\": \"bus\" is no link: it is shmif:PATH",
        ),
        (&format!("{interface}mtu = 'many'"), "n.toml:3: mtu: invalid type: string \"many\""),
        (&format!("{interface}mtu = -1"), "n.toml:3: mtu: invalid value: integer `-1`"),
        (
            &format!("{interface}addresses = [\n  '10.0.0.1/24',\n  '10.0.0.1/33',\n]"),
            "n.toml:3: addresses: \"10.0.0.1/33\": no address of an interface",
        ),
        (&format!("{interface}mac = '2:0:0:0:0'"), "n.toml:3: mac: \"2:0:0:0:0\": no hardware address"),
        (
            &format!("{interface}mac = '01:0:0:0:0:0'"),
            "n.toml:3: mac: \"01:0:0:0:0:0\": the address of a group",
        ),
        (
            &format!("{interface}lease = 'f'"),
            "n.toml:1: [[interface]]: interface a has a file for a lease, and no dhcp = true",
        ),
        (&format!("{interface}dhcp = 1"), "n.toml:3: dhcp: invalid type: integer `1`"),
        ("\n[[interface]]\nmtu = 9", "n.toml:2: [[interface]]: missing field `name`"),
        (&format!("{interface}{interface}"), "n.toml:3: [[interface]]: interface a is there twice"),
        (
            &format!("{interface}link = 'tap:a'\nbridge = {{}}"),
            "n.toml:1: [[interface]]: interface a is one of link, bridge and vlan",
        ),
        (
            &format!("{interface}bridge = {{}}"),
            "n.toml:1: [[interface]]: a bridge is called bridge0, bridge1 and so on, not a",
        ),
        (
            &format!("{interface}vlan = {{ parent = 'b', id = 4095 }}"),
            "n.toml:3: vlan: 4095 is not from 1 to",
        ),
        (&format!("{interface}vlan = {{ id = 1 }}"), "n.toml:3: vlan: missing field `parent`"),
        (
            &format!("{interface}vlan = {{ parent = 'b', id = 1, tag = 2 }}"),
            "n.toml:3: vlan: unknown field `tag`",
        ),
        (&format!("{interface}[interface.bridge]\nmember = []"), "n.toml:4: member: unknown field `member`"),
        (
            &format!("{interface}[interface.bridge]\nmembers = [1]"),
            "n.toml:4: members: invalid type: integer",
        ),
        (
            &format!("{interface}[interface.bridge]\nmembers = [\n'b', {{ name = 'c', speed = 1 }}]"),
            "n.toml:5: members: unknown field `speed`",
        ),
        (
            &format!("{interface}[interface.bridge]\nageing = -1"),
            "n.toml:4: ageing: -1 is no number of seconds",
        ),
        (&format!("{interface}[interface.bridge]\nstp = 1"), "n.toml:4: stp: invalid type: integer `1`"),
        (&format!("{interface}[interface.bridge]\npriority = 65536"), "n.toml:4: priority: invalid value"),
        (
            &format!("{interface}[interface.bridge]\nstatic = {{ '02:0' = 'b' }}"),
            "n.toml:4: static: \"02:0\": no hardware address",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.static = { '2:0:0:0:0:1' = 'b' }",
            "n.toml:1: [[interface]]: static: b is no member of bridge0",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.members = ['a']
             [[interface]]\nname = 'bridge1'\nbridge.members = ['b', 'a']",
            "n.toml:4: [[interface]]: a is a member of bridge0 already",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.members = ['a', 'a']",
            "n.toml:1: [[interface]]: a is a member of bridge0 already",
        ),
        (
            "[[interface]]\nname = 'vlan0'\nvlan = { parent = 'a', id = 1 }
             [[interface]]\nname = 'vlan1'\nvlan = { parent = 'a', id = 1 }",
            "n.toml:4: [[interface]]: vlan0 is network 1 of a already",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.members = ['bridge0']",
            "n.toml:1: [[interface]]: interfaces need each other: bridge0",
        ),
        (
            "[[interface]]\nname = 'lo1'
             [[interface]]\nname = 'vlan0'\nvlan = { parent = 'bridge0', id = 1 }
             [[interface]]\nname = 'bridge0'\nbridge.members = ['vlan0']",
            "n.toml:3: [[interface]]: interfaces need each other: bridge0, vlan0",
        ),
        ("[[route]]\ndestination = 'default'", "n.toml:1: [[route]]: a route has one of gateway"),
        (
            "[[route]]\ndestination = 'default'\nreject = true\nblackhole = true",
            "n.toml:1: [[route]]: a route has one of gateway",
        ),
        (
            "[[route]]\ndestination = '10/8'\nreject = true",
            "n.toml:1: [[route]]: destination \"10/8\" is no prefix",
        ),
        (
            "[[route]]\ndestination = '::/0'\ngateway = '10.0.0.1'",
            "n.toml:1: [[route]]: destination and gateway",
        ),
        ("[[route]]\ndestination = '::/0'\ngateway = 'x'", "n.toml:3: gateway: \"x\": invalid IP address"),
        ("[settings]\nnet.inet.ip.ttl = 'x'", "n.toml:2: net.inet.ip.ttl: invalid type: string \"x\""),
        ("[dns]\nservers = ['a.b']", "n.toml:2: servers: \"a.b\": invalid IP address"),
        ("[dns]\nsearch = ['a b']", "n.toml:2: search: \"a b\": no name of a domain"),
        ("[dns]\n\nsearch = 'a'\n", "n.toml:3: search: invalid type: string \"a\""),
        ("[dns", "n.toml:1: [dns: invalid table header"),
        ("a = 1\na = 2", "n.toml:2: a: duplicate key `a`"),
    ] {
        let told = Config::parse("n.toml", text).unwrap_err().to_string();
        assert!(told.starts_with(expected), "{text:?}\n{told}\n{expected}");
        assert!(!told.contains('\n'), "{told}");
    }
    let missing = Config::from_file("/does/not/exist").unwrap_err().to_string();
    assert!(missing.starts_with("/does/not/exist: "), "{missing}");
}
