//! What programs of configuration do from elsewhere: routes by messages, tables by numbers, interfaces by requests.

use crate::rig::Rig;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::bridge::*;
use rump_abi::netbsd::interface::*;
use rump_abi::netbsd::pcb::KinfoPcb;
use rump_abi::netbsd::route::*;
use rump_abi::netbsd::sockaddr::{self, SockaddrIn};
use rump_abi::netbsd::statvfs::{name, name_in};
use rump_abi::{AddressFamily, Errno, OpenFlags, SocketAddress, SocketType};
use rump_client::network::RemoteNetwork;
use rump_kern::Fd;
use rump_kpi::KResult;
use rump_kpi::device::{DeviceInfo, Duplex, Media, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::packet::Packet;
use std::net::{IpAddr, SocketAddrV6};
use std::sync::Arc;

/// A client with a socket that requests of interfaces go to.
struct Client<'a> {
    rig: &'a Rig,
    fd: Fd,
}

impl<'a> Client<'a> {
    fn new(rig: &'a Rig) -> Self {
        let fd = rig.there.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::empty()).unwrap();
        Self { rig, fd }
    }

    /// Makes a request with a structure, and what stands behind it.
    fn ask(&self, number: u32, own: &impl Layout, behind: &[u8]) -> Result<Vec<u8>, Errno> {
        let mut argument = own.to_bytes();
        argument.extend(behind);
        self.rig.there.ioctl_by_number(self.fd, number, &mut argument).map_err(|error| error.errno)?;
        Ok(argument)
    }

    /// Makes a request with a name, and a value in front.
    fn of(&self, number: u32, interface: &str, value: &[u8]) -> Result<Ifreq, Errno> {
        let mut request = Ifreq { name: name(interface.as_bytes()), value: [0; 128] };
        request.value[..value.len()].copy_from_slice(value);
        self.ask(number, &request, &[]).map(|bytes| Ifreq::read(&bytes).unwrap())
    }

    fn of_v6(&self, number: u32, interface: &str, address: &str) -> Result<In6Ifreq, Errno> {
        let address = SocketAddress::Inet6(SocketAddrV6::new(address.parse().unwrap(), 0, 0, 0));
        let mut request = In6Ifreq { name: name(interface.as_bytes()), value: [0; 272] };
        request.value[..28].copy_from_slice(&sockaddr::to_bytes(&address));
        self.ask(number, &request, &[]).map(|bytes| In6Ifreq::read(&bytes).unwrap())
    }

    /// Gives a command with an argument; what became of that.
    fn command(&self, number: u32, interface: &str, command: u64, argument: &[u8]) -> Result<Vec<u8>, Errno> {
        // Lists have a structure of their own in front of them, which alone is the argument.
        let has_list = matches!(command, BRDGGIFS | BRDGRTS) && number == SIOCGDRVSPEC;
        let length = if has_list { Ifbconf::SIZE } else { argument.len() } as u64;
        let driver = Ifdrv { name: name(interface.as_bytes()), command, length, address: 0 };
        self.ask(number, &driver, argument).map(|mut bytes| bytes.split_off(Ifdrv::SIZE))
    }

    fn member(&self, command: u64, bridge: &str, member: &str, flags: u32) -> Result<(), Errno> {
        let member =
            Ifbreq { name: name(member.as_bytes()), flags, state: 0, priority: 0, path_cost: 0, number: 0 };
        self.command(SIOCSDRVSPEC, bridge, command, &member.to_bytes()).map(drop)
    }

    fn add_address(&self, interface: &str, address: [u8; 4]) -> Result<(), Errno> {
        let of = |address| SockaddrIn { length: 16, family: 2, port: [0; 2], address };
        let request = Ifaliasreq {
            name: name(interface.as_bytes()),
            address: of(address),
            destination: of([0; 4]),
            mask: of([255, 255, 255, 0]),
        };
        self.ask(SIOCAIFADDR, &request, &[]).map(drop)
    }
}

fn ip(text: &str) -> Address {
    Address::of_ip(text.parse::<IpAddr>().unwrap(), 0)
}

/// A cable of which the device knows something, or nothing.
struct Cabled(Option<Media>);

impl NetworkDevice for Cabled {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            medium: Medium::Ethernet { address: [2, 0, 0, 0, 0, 9] },
            mtu: 1500,
            offloads: Offloads::empty(),
        }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        packets.clear();
        Ok(())
    }

    fn start(&self, _: Arc<dyn Receiver>) -> KResult<()> {
        Ok(())
    }

    fn stop(&self) {}

    fn media(&self) -> Option<Media> {
        self.0
    }
}

#[test]
fn cables_are_seen_from_elsewhere_as_the_device_knows_them() {
    let rig = Rig::new();
    let (client, network) = (Client::new(&rig), RemoteNetwork::new(rig.there.clone()));
    let domain = rig.here.protocols(AddressFamily::Inet).unwrap();
    let pair = Media { speed: None, duplex: None, is_negotiated: true, is_twisted_pair: true };
    let full = Media { duplex: Some(Duplex::Full), ..pair };
    let other = Media { is_twisted_pair: false, ..full };
    let speeds = [10, 100, 1000, 2500, 5000, 10_000].map(|speed| Media { speed: Some(speed), ..full });
    let more = [
        pair,
        other,
        Media { duplex: Some(Duplex::Half), is_negotiated: false, speed: Some(100), ..pair },
        Media { speed: Some(1000), ..other },
        Media { speed: Some(25_000), is_negotiated: false, ..other },
    ];
    for (number, media) in [None].into_iter().chain(speeds.into_iter().chain(more).map(Some)).enumerate() {
        let name = format!("if{number}");
        domain.network().unwrap().attach(&name, Arc::new(Cabled(media))).unwrap();
        assert_eq!(network.media(&name).unwrap(), media);
    }
    assert_eq!(network.media("lo0").unwrap(), None);
    assert_eq!(network.media("none").unwrap_err().errno, Errno::ENXIO);
    // As NetBSD's own programs ask: a word for what was chosen, and one for what that came to.
    let nothing = [0; Ifmediareq::SIZE - IFNAMSIZ];
    let asked = Ifmediareq::read(&[&name::<IFNAMSIZ>(b"if3")[..], &nothing].concat()).unwrap();
    let told = Ifmediareq::read(&client.ask(SIOCGIFMEDIA, &asked, &[]).unwrap()).unwrap();
    assert_eq!((told.current, told.active, told.status, told.count), (0x20, 0x10_0030, 3, 1));
    let none = Ifmediareq { name: name(b"if0"), ..asked };
    assert_eq!(client.ask(SIOCGIFMEDIA, &none, &[]), Err(Errno::EINVAL));
}

fn routing_socket(rig: &Rig) -> Fd {
    rig.there.socket(AddressFamily::Route, SocketType::Raw, 0, OpenFlags::empty()).unwrap()
}

fn receive(rig: &Rig, fd: Fd) -> Message {
    let mut bytes = [0; 2048];
    let length = rig.there.read(fd, &mut bytes).unwrap();
    Message::parse(&bytes[..length]).unwrap().0
}

#[test]
fn routes_are_added_and_heard_of_and_listed_from_elsewhere() {
    let rig = Rig::new();
    let client = Client::new(&rig);
    client.of(SIOCIFCREATE, "lo1", &[]).unwrap();
    client.add_address("lo1", [10, 0, 0, 1]).unwrap();
    let fd = routing_socket(&rig);
    let header = RtMsghdr { flags: RTF_UP | RTF_GATEWAY, sequence: 3, ..RtMsghdr::new(RTM_ADD) };
    let addresses = Addresses {
        destination: Some(ip("10.9.0.0")),
        gateway: Some(ip("10.0.0.9")),
        mask: Some(16),
        ..Addresses::default()
    };
    let message = Message::Route(header, addresses.clone()).to_bytes();
    assert_eq!(rig.there.write(fd, &message).unwrap(), message.len());
    let Message::Route(answer, told) = receive(&rig, fd) else { panic!() };
    assert_eq!((answer.sequence, answer.pid as u32), (3, rig.there.pid().unwrap()));
    assert_eq!((told.destination, told.gateway), (addresses.destination, addresses.gateway));
    assert_eq!(rig.there.write(fd, &message).unwrap_err().errno, Errno::EEXIST);
    receive(&rig, fd);
    // A change that is made here is heard of there.
    let domain = rig.here.protocols(AddressFamily::Inet).unwrap();
    domain.network().unwrap().remove_route([10, 9, 0, 0].into(), 16).unwrap();
    assert!(matches!(receive(&rig, fd), Message::Route(RtMsghdr { kind: RTM_DELETE, pid: 0, .. }, _)));
    for rest in [[0, NET_RT_DUMP, 0], [2, NET_RT_FLAGS, 0], [0, NET_RT_IFLIST, 0]] {
        let name = [4, 34, 0, rest[0], rest[1], rest[2]];
        let length = rig.there.sysctl(&name, None, None).unwrap();
        let (mut here, mut there) = (vec![0; length], vec![0; length + 200_000]);
        assert_eq!(rig.here.sysctl(&name, Some(&mut here), None).unwrap(), length);
        assert_eq!(rig.there.sysctl(&name, Some(&mut there), None).unwrap(), length);
        assert_eq!(there[..length], here);
        assert!(messages(&here).all(|message| message.is_ok()));
    }
    let name = [rig.here.sysctl_numbers("net.inet.udp.pcblist").unwrap(), vec![0, 0, 640, 100]].concat();
    let mut sockets = vec![0; 64_000];
    assert_eq!(rig.there.sysctl(&name, Some(&mut sockets), None).unwrap(), KinfoPcb::SIZE);
    assert_eq!(KinfoPcb::read(&sockets).unwrap().protocol, 17);
}

#[test]
fn many_routes_are_listed_at_once() {
    let rig = Rig::new();
    let domain = rig.here.protocols(AddressFamily::Inet).unwrap();
    for number in 0..2000_u32 {
        let route = rump_kpi::device::RouteInfo {
            destination: IpAddr::from((0x0a00_0000 + number).to_be_bytes()),
            length: 32,
            gateway: rump_kpi::device::Gateway::Blackhole,
            metric: 0,
        };
        domain.network().unwrap().add_route(&route).unwrap();
    }
    let name = [4, 34, 0, 2, NET_RT_DUMP, 0];
    let length = rig.there.sysctl(&name, None, None).unwrap();
    let mut bytes = vec![0; length];
    assert_eq!(rig.there.sysctl(&name, Some(&mut bytes), None).unwrap(), length);
    assert!(messages(&bytes).count() >= 2000);
    let short = rig.there.sysctl(&name, Some(&mut bytes[..100]), None).unwrap_err();
    assert_eq!((short.error.errno, short.length), (Errno::ENOMEM, length));
}

#[test]
fn an_interface_is_made_linked_joined_and_taken_away() {
    let rig = Rig::new();
    let client = Client::new(&rig);
    for interface in ["shmif0", "bridge0", "vlan0"] {
        client.of(SIOCIFCREATE, interface, &[]).unwrap();
        assert_eq!(client.of(SIOCIFCREATE, interface, &[]), Err(Errno::EEXIST));
    }
    let bus = [rig.folder.join("bus").to_str().unwrap().as_bytes(), &[0]].concat();
    let link = |command| client.command(SIOCGLINKSTR, "shmif0", command, &vec![0; bus.len()]);
    assert_eq!(link(IFLINKSTR_QUERYLEN), Err(Errno::ENOENT));
    client.command(SIOCSLINKSTR, "shmif0", 0, &bus).unwrap();
    assert_eq!(client.command(SIOCSLINKSTR, "shmif0", 0, &bus), Err(Errno::EBUSY));
    assert_eq!(client.command(SIOCSLINKSTR, "shmif1", 0, &bus), Err(Errno::ENXIO));
    assert_eq!(client.command(SIOCSLINKSTR, "shmif0", 0, &[b'x'; 2000]), Err(Errno::E2BIG));
    assert_eq!(link(0).unwrap(), bus);
    client.of(SIOCSIFFLAGS, "shmif0", &IFF_UP.to_bytes()).unwrap();
    let index = client.of(SIOCGIFINDEX, "shmif0", &[]).unwrap().value[0];
    assert!(index > 1);

    client.member(BRDGADD, "bridge0", "shmif0", 0).unwrap();
    assert_eq!(client.member(BRDGADD, "bridge0", "shmif0", 0), Err(Errno::EEXIST));
    assert_eq!(client.member(BRDGADD, "bridge0", "shmif7", 0), Err(Errno::ENXIO));
    assert_eq!(client.member(BRDGADD, "shmif0", "shmif0", 0), Err(Errno::EOPNOTSUPP));
    let listed = || {
        let mut argument = Ifbconf { length: 240, address: 0 }.to_bytes();
        argument.resize(16 + 240, 0);
        let told = client.command(SIOCGDRVSPEC, "bridge0", BRDGGIFS, &argument).unwrap();
        assert_eq!(Ifbconf::read(&told).unwrap().length, Ifbreq::SIZE as u32);
        Ifbreq::read(&told[16..]).unwrap()
    };
    assert_eq!((name_in(&listed().name), listed().flags), (&b"shmif0"[..], IFBIF_LEARNING | IFBIF_DISCOVER));
    client.member(BRDGSIFFLGS, "bridge0", "shmif0", IFBIF_STP | IFBIF_LEARNING).unwrap();
    assert_eq!(listed().flags, IFBIF_STP | IFBIF_LEARNING);
    let parameter = |number, command, value: u32| {
        let told = client.command(number, "bridge0", command, &value.to_bytes())?;
        Ok::<_, Errno>(u32::read(&told).unwrap())
    };
    for (set, ask, value) in [(BRDGSTO, BRDGGTO, 600), (BRDGSPRI, BRDGGPRI, 4096), (BRDGSHT, BRDGGHT, 3)] {
        parameter(SIOCSDRVSPEC, set, value).unwrap();
        assert_eq!(parameter(SIOCGDRVSPEC, ask, 0), Ok(value));
    }
    assert_eq!(parameter(SIOCSDRVSPEC, BRDGSHT, 99), Err(Errno::EINVAL));
    assert_eq!(parameter(SIOCGDRVSPEC, 99, 0), Err(Errno::EINVAL));
    let station = |command, flags| {
        let member = name(b"shmif0");
        let entry = Ifbareq { name: member, expires: 0, flags, address: [2, 0, 0, 0, 0, 9] };
        client.command(SIOCSDRVSPEC, "bridge0", command, &entry.to_bytes()).map(drop)
    };
    station(BRDGSADDR, IFBAF_STATIC).unwrap();
    let mut argument = Ifbconf { length: 320, address: 0 }.to_bytes();
    argument.resize(16 + 320, 0);
    let told = client.command(SIOCGDRVSPEC, "bridge0", BRDGRTS, &argument).unwrap();
    assert_eq!(Ifbareq::read(&told[16..]).unwrap().address, [2, 0, 0, 0, 0, 9]);
    station(BRDGDADDR, 0).unwrap();
    assert_eq!(station(BRDGDADDR, 0), Err(Errno::ENOENT));
    client.member(BRDGDEL, "bridge0", "shmif0", 0).unwrap();

    let vlan = |number, parent: &[u8], tag| {
        let request = Ifreq { name: name(b"vlan0"), value: [0; 128] };
        let told = client.ask(number, &request, &Vlanreq { parent: name(parent), tag }.to_bytes())?;
        Ok::<_, Errno>(Vlanreq::read(&told[Ifreq::SIZE..]).unwrap())
    };
    assert_eq!(vlan(SIOCSETVLAN, b"shmif0", 4095), Err(Errno::EINVAL));
    vlan(SIOCSETVLAN, b"shmif0", 7).unwrap();
    assert_eq!(vlan(SIOCSETVLAN, b"shmif0", 8), Err(Errno::EBUSY));
    assert_eq!(vlan(SIOCGETVLAN, b"", 0), Ok(Vlanreq { parent: name(b"shmif0"), tag: 7 }));
    vlan(SIOCSETVLAN, b"", 0).unwrap();
    assert_eq!(vlan(SIOCGETVLAN, b"", 9), Ok(Vlanreq { parent: [0; 16], tag: 0 }));

    let kinds = IfClonereq { total: 0, count: 10, address: 0 };
    let told = client.ask(SIOCIFGCLONERS, &kinds, &[0; 160]).unwrap();
    let count = IfClonereq::read(&told).unwrap().total as usize;
    let names: Vec<&[u8]> = told[16..].chunks(16).take(count).map(name_in).collect();
    for kind in ["bridge", "lo", "shmif", "virt", "vlan"] {
        assert!(names.contains(&kind.as_bytes()), "{kind} of {names:?}");
    }
    for interface in ["vlan0", "bridge0", "shmif0"] {
        client.of(SIOCIFDESTROY, interface, &[]).unwrap();
        assert_eq!(client.of(SIOCGIFFLAGS, interface, &[]), Err(Errno::ENXIO));
    }
}

#[test]
fn an_address_of_hardware_is_changed_from_elsewhere() {
    let rig = Rig::new();
    let network = RemoteNetwork::new(rig.there.clone());
    network.create("tap0").unwrap();
    let medium = || {
        let all = network.interfaces().unwrap();
        all.into_iter().find(|one| one.info.name == "tap0").unwrap().info.device.medium
    };
    network.set_hardware("tap0", [2, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!(medium(), Medium::Ethernet { address: [2, 1, 2, 3, 4, 5] });
    let failed = |interface, address| network.set_hardware(interface, address).unwrap_err().errno;
    assert_eq!(failed("tap0", [1, 0, 0x5e, 0, 0, 1]), Errno::EINVAL);
    assert_eq!(failed("lo0", [2, 1, 2, 3, 4, 5]), Errno::EINVAL);
    assert_eq!(failed("tap7", [2, 1, 2, 3, 4, 5]), Errno::ENXIO);
    // One that is of no link, and one that is not to be used.
    let client = Client::new(&rig);
    let mut asked = IfLaddrreq {
        name: name(b"tap0"),
        flags: IFLR_ACTIVE,
        prefix: 0,
        address: [0; 128],
        destination: [0; 128],
    };
    assert_eq!(client.ask(SIOCALIFADDR, &asked, &[]), Err(Errno::EAFNOSUPPORT));
    let link =
        Address::Link(LinkAddress { hardware: vec![2, 1, 2, 3, 4, 6], ..LinkAddress::default() }).to_bytes();
    asked.address[..link.len()].copy_from_slice(&link);
    asked.flags = 0;
    assert_eq!(client.ask(SIOCALIFADDR, &asked, &[]), Err(Errno::EINVAL));
    rig.there.seteuid(1).unwrap();
    assert_eq!(failed("tap0", [2, 1, 2, 3, 4, 7]), Errno::EPERM);
    assert_eq!(medium(), Medium::Ethernet { address: [2, 1, 2, 3, 4, 5] });
}

#[test]
fn addresses_are_told_with_what_can_be_done_with_them() {
    let rig = Rig::new();
    let client = Client::new(&rig);
    let request = In6Aliasreq {
        name: name(b"lo0"),
        address: v6("2001:db8::1"),
        destination: v6("::"),
        mask: v6("ffff:ffff:ffff:ffff::"),
        flags: 0,
        until: [0; 2],
        lifetimes: [u32::MAX; 2],
    };
    client.ask(SIOCAIFADDR_IN6, &request, &[]).unwrap();
    let told = client.of_v6(SIOCGIFNETMASK_IN6, "lo0", "2001:db8::1").unwrap();
    assert_eq!(told.value[8..18], [255, 255, 255, 255, 255, 255, 255, 255, 0, 0]);
    let told = client.of_v6(SIOCGIFAFLAG_IN6, "lo0", "2001:db8::1").unwrap();
    assert_eq!(u32::read(&told.value), Some(0));
    let told = client.of_v6(SIOCGIFALIFETIME_IN6, "lo0", "2001:db8::1").unwrap();
    let lifetime = In6Addrlifetime::read(&told.value).unwrap();
    assert_eq!((lifetime.until, lifetime.lifetimes), ([0; 2], [u32::MAX; 2]));
    client.of_v6(SIOCDIFADDR_IN6, "lo0", "2001:db8::1").unwrap();
    let gone = client.of_v6(SIOCGIFAFLAG_IN6, "lo0", "2001:db8::1").map(|told| told.name);
    assert_eq!(gone, Err(Errno::EADDRNOTAVAIL));
    let own = [16, 2, 0, 0, 127, 0, 0, 1];
    assert_eq!(client.of(SIOCGIFAFLAG_IN, "lo0", &own).unwrap().value[..4], [0; 4]);
    assert_eq!(client.of(SIOCGIFMETRIC, "lo0", &[1]).unwrap().value[..4], [0; 4]);
}

fn v6(text: &str) -> sockaddr::SockaddrIn6 {
    let address = SocketAddress::Inet6(SocketAddrV6::new(text.parse().unwrap(), 0, 0, 0));
    Layout::read(&sockaddr::to_bytes(&address)).unwrap()
}

#[test]
fn only_the_superuser_changes_interfaces_and_routes_from_elsewhere() {
    let rig = Rig::new();
    let client = Client::new(&rig);
    client.of(SIOCIFCREATE, "bridge0", &[]).unwrap();
    rig.there.seteuid(1000).unwrap();
    assert_eq!(client.of(SIOCIFCREATE, "bridge1", &[]), Err(Errno::EPERM));
    assert_eq!(client.member(BRDGADD, "bridge0", "lo0", 0), Err(Errno::EPERM));
    assert_eq!(client.command(SIOCSLINKSTR, "shmif0", 0, b"bus\0"), Err(Errno::EPERM));
    assert_eq!(client.command(SIOCGDRVSPEC, "bridge0", BRDGGTO, &[0; 4]).unwrap().len(), 4);
    // Lengths that are none of the structures, and addresses where there is nothing.
    for length in [0, 3, 5, 100] {
        let told = client.command(SIOCGDRVSPEC, "bridge0", BRDGGTO, &vec![0; length]);
        assert_eq!(told, Err(Errno::EINVAL), "{length}");
    }
    let driver = Ifdrv { name: name(b"bridge0"), command: BRDGGTO, length: 4, address: 0xdead_0000 };
    assert_eq!(client.ask(SIOCGDRVSPEC, &driver, &[]), Err(Errno::EFAULT));
    let fd = routing_socket(&rig);
    let addresses = Addresses { destination: Some(ip("10.9.0.0")), ..Addresses::default() };
    let message = Message::Route(RtMsghdr::new(RTM_DELETE), addresses).to_bytes();
    assert_eq!(rig.there.write(fd, &message).unwrap_err().errno, Errno::EACCES);
}
