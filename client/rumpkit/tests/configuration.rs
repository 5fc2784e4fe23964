//! Kernels that are configured by files, and by calls with names of interfaces.

use rumpkit::net::{
    Bridge, Config, Gateway, Interface, Netconfig, RouteInfo, StationInfo, TcpListener, TcpStream, UdpSocket,
    Vlan, interfaces, resolvers, routes,
};
use rumpkit::{Errno, KResult, Kernel, Mode, OpenFlags, PosixHost};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A folder for buses, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rumpkit-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn kernel() -> Kernel {
    rumpkit::kernel(PosixHost::new()).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn hosts_on_a_bus_are_what_their_files_say() {
    let folder = Folder::new("files");
    let bus = folder.path("bus");
    let first = format!(
        "[[interface]]\nname = 'eth0'\nlink = 'shmif:{bus}'\nmac = '02:00:00:00:00:07'\nmtu = 1400
         addresses = ['10.0.0.1/24', '2001:db8::1/64']\nautoconf = false
         [[interface]]\nname = 'lo1'\naddresses = ['192.0.2.1/32']\n[dns]\nservers = ['9.9.9.9']\nsearch = ['a.example']"
    );
    let second = format!(
        "[settings]\nnet.inet.ip.ttl = 9
         [[interface]]\nname = 'eth0'\nlink = 'shmif:{bus}'\naddresses = ['10.0.0.2/24']
         [[route]]\ndestination = '192.0.2.0/24'\ngateway = '10.0.0.1'\nmetric = 5
         [[route]]\ndestination = '198.51.100.0/24'\nreject = true"
    );
    let (one, other) = (kernel(), kernel());
    let _one = Config::parse("one", &first).unwrap().apply(&one).unwrap();
    let _other = Config::parse("other", &second).unwrap().apply(&other).unwrap();
    let eth0 = Interface::find(&one, "eth0").unwrap().info().unwrap();
    assert!(format!("{:?}", eth0.device.medium).contains("[2, 0, 0, 0, 0, 7]"), "{eth0:?}");
    assert_eq!((eth0.device.mtu, eth0.is_up), (1400, true));
    assert!(eth0.addresses.contains(&(ip("2001:db8::1"), 64)));
    assert_eq!(resolvers(&one).unwrap()[0].domains, ["a.example"]);
    let until = Instant::now() + Duration::from_secs(10);
    while read(&one, "/etc/resolv.conf")
        .is_none_or(|text| !text.contains("search a.example\nnameserver 9.9.9.9\n"))
    {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(1));
    }
    let gateway = Gateway::Router(ip("10.0.0.1"));
    let route = RouteInfo { destination: ip("192.0.2.0"), length: 24, gateway, metric: 5 };
    assert!(routes(&other).unwrap().contains(&route));
    // By that route.
    let listener = TcpListener::bind(&one.process(), "192.0.2.1:7").unwrap();
    let mut client = TcpStream::connect(&other.process(), "192.0.2.1:7").unwrap();
    assert_eq!(client.ttl().unwrap(), 9);
    client.write_all(b"hello").unwrap();
    drop(client);
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let rejected = TcpStream::connect(&other.process(), "198.51.100.1:7").unwrap_err();
    assert_eq!(rejected.kind(), std::io::ErrorKind::HostUnreachable);
}

/// Whether one of some datagrams, two in a second, gets from one kernel to an address of another.
///
/// One alone may be lost: who stands still for a second with the lock of a bus loses it.
fn reaches(from: &Kernel, to: &Kernel, address: &str, datagrams: u32) -> bool {
    let listening = UdpSocket::bind(&to.process(), (ip(address), 7)).unwrap();
    listening.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let sending = UdpSocket::bind(&from.process(), "0.0.0.0:0").unwrap();
    (0..datagrams).any(|_| {
        sending.send_to(b"hello", (ip(address), 7)).unwrap();
        listening.recv_from(&mut [0; 16]).is_ok()
    })
}

#[test]
fn a_switch_with_a_trunk_is_what_its_file_says_in_whatever_order() {
    let folder = Folder::new("switch");
    let (left, trunk) = (folder.path("left"), folder.path("trunk"));
    let interfaces = [
        "[[interface]]\nname = 'bridge0'\naddresses = ['10.0.0.9/24']\nmac = '02:00:00:00:00:09'
         [interface.bridge]\nmembers = ['eth0', { name = 'vlan0', cost = 19, priority = 64, private = true }]
         ageing = 7.5\nmost_addresses = 9\npriority = 4096\nstatic = { '02:00:00:00:00:08' = 'vlan0' }"
            .to_owned(),
        "[[interface]]\nname = 'vlan0'\nvlan = { parent = 'eth1', id = 7 }".to_owned(),
        format!("[[interface]]\nname = 'eth1'\nlink = 'shmif:{trunk}'\nmtu = 1400"),
        format!("[[interface]]\nname = 'eth0'\nlink = 'shmif:{left}'"),
    ];
    let host = |text: String| {
        let kernel = kernel();
        let applied = Config::parse("host", &text).unwrap().apply(&kernel).unwrap();
        (kernel, applied)
    };
    let (a, _a) =
        host(format!("[[interface]]\nname = 'eth0'\nlink = 'shmif:{left}'\naddresses = ['10.0.0.1/24']"));
    // On the network of the trunk, and on the trunk itself.
    let (b, _b) = host(format!(
        "[[interface]]\nname = 'vlan3'\nvlan = {{ parent = 'eth0', id = 7 }}\naddresses = ['10.0.0.2/24']
         [[interface]]\nname = 'eth0'\nlink = 'shmif:{trunk}'\naddresses = ['10.0.1.2/24']"
    ));
    let (other, _other) = host(format!(
        "[[interface]]\nname = 'vlan0'\nvlan = {{ parent = 'eth0', id = 8 }}\naddresses = ['10.0.0.3/24']
         [[interface]]\nname = 'eth0'\nlink = 'shmif:{trunk}'"
    ));
    for turned in 0..interfaces.len() {
        let mut text = interfaces.clone();
        text.rotate_left(turned);
        let (switch, applied) = host(text.join("\n"));
        let patient = 20;
        assert!(reaches(&a, &b, "10.0.0.2", patient), "{turned}");
        assert!(reaches(&b, &a, "10.0.0.1", patient), "{turned}");
        assert!(reaches(&a, &switch, "10.0.0.9", patient), "{turned}");
        assert!(reaches(&switch, &b, "10.0.0.2", patient), "{turned}");
        assert!(!reaches(&a, &other, "10.0.0.3", 1), "{turned}");
        let bridge = Bridge::find(&switch, "bridge0").unwrap();
        let settings = bridge.settings().unwrap();
        assert_eq!((settings.ageing_time, settings.priority), (Duration::from_millis(7500), 4096));
        assert_eq!((settings.most_addresses, settings.spans), (9, false));
        let members = bridge.members().unwrap();
        assert_eq!([&members[0].name, &members[1].name], ["eth0", "vlan0"]);
        let trunk = &members[1].settings;
        assert_eq!((trunk.path_cost, trunk.priority, trunk.is_isolated, trunk.learns), (19, 64, true, true));
        let said = |station: &&StationInfo| station.age.is_none();
        let stations = bridge.addresses().unwrap();
        let stations: Vec<_> = stations.iter().filter(said).collect();
        assert_eq!((stations.len(), stations[0].address), (1, [2, 0, 0, 0, 0, 8]));
        let vlan = Vlan::find(&switch, "vlan0").unwrap();
        assert_eq!(vlan.parent().unwrap(), Some(("eth1".into(), 7)));
        drop((bridge, vlan, applied));
    }
}

fn read(kernel: &Kernel, path: &str) -> Option<String> {
    let process = kernel.process();
    let fd = process.open(path, OpenFlags::empty(), Mode::new(0)).ok()?;
    let mut bytes = [0; 1000];
    let length = process.read(fd, &mut bytes).unwrap();
    process.close(fd).unwrap();
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

#[test]
fn what_cannot_be_done_is_named() {
    for (text, expected) in [
        ("[settings]\nnet.x = 1", "n.toml: net.x: there is no setting net.x"),
        ("[settings]\nnet.inet.ip.ttl = 1000", "n.toml: net.inet.ip.ttl: "),
        ("[[interface]]\nname = 'x0'", "n.toml: interface x0: "),
        ("[[interface]]\nname = 'x0'\nlink = 'shmif:/no/such/folder'", "n.toml: interface x0: "),
        ("[[interface]]\nname = 'lo1'\nmac = '2:0:0:0:0:1'", "n.toml: interface lo1: mac: "),
        ("[[interface]]\nname = 'lo1'\nmtu = 3", "n.toml: interface lo1: mtu: "),
        (
            "[[interface]]\nname = 'lo1'\ndhcp = true",
            "n.toml: interface lo1: dhcp: lo1: DHCP is for interfaces of Ethernet",
        ),
        (
            "[[interface]]\nname = 'lo1'\naddresses = ['224.0.0.1/24']",
            "n.toml: interface lo1: address 224.0.0.1/24: ",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.members = ['x9']",
            "n.toml: interface bridge0: member x9: no interface x9",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.members = ['lo1']\n[[interface]]\nname = 'lo1'",
            "n.toml: interface bridge0: member lo1: ",
        ),
        (
            "[[interface]]\nname = 'bridge0'\nbridge.hello_time = 11",
            "n.toml: interface bridge0: times or numbers that the standard does not allow: ",
        ),
        (
            "[[interface]]\nname = 'vlan0'\nvlan = { parent = 'lo0', id = 1 }",
            "n.toml: interface vlan0: vlan: 1 of lo0: ",
        ),
        ("[[route]]\ndestination = 'default'\ngateway = '10.0.0.1'", "n.toml: route 0.0.0.0/0: "),
        ("[[route]]\ndestination = '::/0'\ninterface = 'x0'", "n.toml: route ::/0: no interface x0"),
    ] {
        let error = Config::parse("n.toml", text).unwrap().apply(&kernel()).err().unwrap().to_string();
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}

#[test]
fn the_annotated_example_is_right() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/network.toml");
    let config = Config::from_file(path).unwrap();
    assert_eq!((config.interfaces.len(), config.routes.len(), config.settings.len()), (6, 5, 2));
}

fn errno<T>(result: KResult<T>) -> Option<Errno> {
    result.err().map(|error| error.errno)
}

#[test]
fn calls_by_name_answer_as_they_should() {
    let folder = Folder::new("calls");
    let kernel = kernel();
    let net = Netconfig::new(&kernel);
    let (address, mask) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(255, 255, 255, 0));
    assert_eq!(errno(net.ifcreate("x0")), Some(Errno::EINVAL));
    assert_eq!(errno(net.ifcreate("shmif01")), Some(Errno::EINVAL));
    assert_eq!(errno(net.ifup("shmif0")), Some(Errno::ENXIO));
    assert_eq!(errno(net.ifsetlinkstr("shmif0", "x")), Some(Errno::ENXIO));
    net.ifcreate("shmif0").unwrap();
    assert_eq!(errno(net.ifcreate("shmif0")), Some(Errno::EEXIST));
    assert_eq!(errno(net.ifup("shmif0")), Some(Errno::ENXIO));
    assert_eq!(errno(net.ifsetlinkstr("shmif0", "/no/such/folder")), Some(Errno::ENOENT));
    net.ifsetlinkstr("shmif0", &folder.path("bus")).unwrap();
    assert_eq!(errno(net.ifsetlinkstr("shmif0", &folder.path("bus"))), Some(Errno::EBUSY));
    assert_eq!(errno(net.ifcreate("shmif0")), Some(Errno::EEXIST));
    net.ifup("shmif0").unwrap();
    assert_eq!(errno(net.ipv4_ifaddr("shmif0", address, Ipv4Addr::new(255, 0, 255, 0))), Some(Errno::EINVAL));
    net.ipv4_ifaddr("shmif0", address, mask).unwrap();
    assert_eq!(errno(net.ipv4_ifaddr_cidr("shmif0", address, 24)), Some(Errno::EEXIST));
    assert_eq!(errno(net.ipv4_ifaddr_cidr("shmif0", Ipv4Addr::new(10, 1, 0, 1), 33)), Some(Errno::EINVAL));
    assert_eq!(errno(net.ipv4_ifaddr_cidr("shmif1", address, 24)), Some(Errno::ENXIO));
    assert_eq!(
        errno(net.ipv4_ifaddr_cidr("shmif0", Ipv4Addr::new(224, 0, 0, 1), 24)),
        Some(Errno::EADDRNOTAVAIL)
    );
    let v6 = "2001:db8::1".parse::<Ipv6Addr>().unwrap();
    net.ipv6_ifaddr("shmif0", v6, 64).unwrap();
    assert_eq!(errno(net.ipv6_ifaddr("shmif0", v6, 64)), Some(Errno::EEXIST));
    assert_eq!(errno(net.ipv6_ifaddr("shmif0", v6, 129)), Some(Errno::EINVAL));
    assert_eq!(errno(net.ipv4_gw(Ipv4Addr::new(192, 0, 2, 1))), Some(Errno::ENETUNREACH));
    net.ipv4_gw(Ipv4Addr::new(10, 0, 0, 254)).unwrap();
    assert_eq!(errno(net.ipv4_gw(Ipv4Addr::new(10, 0, 0, 253))), Some(Errno::EEXIST));
    net.ipv6_gw("2001:db8::fe".parse().unwrap()).unwrap();
    net.auto_ipv6("shmif0").unwrap();
    assert_eq!(errno(net.auto_ipv6("lo9")), Some(Errno::ENXIO));
    assert_eq!(errno(net.dhcp_ipv4_oneshot("lo0")), Some(Errno::EINVAL));
    assert_eq!(errno(net.bradd("shmif0", "lo0")), Some(Errno::EINVAL));
    assert_eq!(errno(net.bradd("bridge0", "shmif0")), Some(Errno::ENXIO));
    assert_eq!(errno(net.brdel("lo0", "shmif0")), Some(Errno::EINVAL));
    net.ifcreate("lo1").unwrap();
    assert_eq!(errno(net.ifcreate("lo1")), Some(Errno::EEXIST));
    net.ifdown("shmif0").unwrap();
    assert!(!Interface::find(&kernel, "shmif0").unwrap().info().unwrap().is_up);
    net.ifdestroy("shmif0").unwrap();
    assert_eq!(errno(net.ifdestroy("shmif0")), Some(Errno::ENXIO));
    assert_eq!(errno(net.ifdestroy("lo0")), Some(Errno::EINVAL));
    net.ifcreate("virt0").unwrap();
    net.ifdestroy("virt0").unwrap();
    assert_eq!(interfaces(&kernel).unwrap().len(), 2);
}
