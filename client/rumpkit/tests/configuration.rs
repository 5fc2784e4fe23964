//! Kernels that are configured by files, and by calls with names of interfaces.

use rumpkit::net::{
    Config, Gateway, Interface, Netconfig, RouteInfo, TcpListener, TcpStream, interfaces, resolvers, routes,
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
    assert_eq!((config.interfaces.len(), config.routes.len(), config.settings.len()), (3, 5, 2));
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
