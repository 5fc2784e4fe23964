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
        (&format!("{interface}dhcp = 1"), "n.toml:3: dhcp: invalid type: integer `1`"),
        ("\n[[interface]]\nmtu = 9", "n.toml:2: [[interface]]: missing field `name`"),
        (&format!("{interface}{interface}"), "n.toml:3: [[interface]]: interface a is there twice"),
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
