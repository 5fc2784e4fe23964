//! Interfaces that are made of others: bridges, virtual networks, and one over the other.

mod wired;

use rumpkit::kpi::device::Medium;
use rumpkit::net::wire::Wire;
use rumpkit::net::{Bridge, Interface, MemberState, Offloads, Statics, UdpSocket, Vlan, errno, interfaces};
use rumpkit::{Errno, Kernel};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use wired::{kernel, on_wire};

const PORT: u16 = 7000;

fn wire(number: u16, mtu: u32) -> Wire {
    Wire::numbered(number, mtu, Offloads::empty())
}

/// A kernel with an interface at each wire, `if0` and so on, which are down.
fn plugged(wires: &[&Wire]) -> Kernel {
    let kernel = kernel();
    for (number, wire) in wires.iter().enumerate() {
        Interface::attach(&kernel, &format!("if{number}"), wire.end()).unwrap();
    }
    kernel
}

fn bridge(kernel: &Kernel, members: &[&str]) -> Bridge {
    let bridge = Bridge::create(kernel, "bridge0").unwrap();
    members.iter().for_each(|name| bridge.add(name).unwrap());
    bridge
}

fn give(interface: &Interface, address: &str) {
    interface.add_address(address.parse().unwrap()).unwrap();
    interface.up().unwrap();
}

/// Whether a datagram gets from one kernel to an address of another.
fn reaches(from: &Kernel, to: &Kernel, address: &str) -> bool {
    let place: SocketAddr = format!("{address}:{PORT}").parse().unwrap();
    let listening = UdpSocket::bind(&to.process(), place).unwrap();
    listening.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let sending = UdpSocket::bind(&from.process(), SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
    sending.send_to(b"hello", place).unwrap();
    listening.recv_from(&mut [0; 16]).is_ok()
}

fn refused<T>(result: io::Result<T>) -> Option<Errno> {
    errno(&result.err()?)
}

#[test]
fn kernels_on_two_wires_meet_over_a_bridge() {
    let (left, right) = (wire(1, 1500), wire(2, 1500));
    let (a, b) = (on_wire(&left, "10.0.0.1/24"), on_wire(&right, "10.0.0.2/24"));
    let switch = plugged(&[&left, &right]);
    let bridge = bridge(&switch, &["if0", "if1"]);
    give(bridge.interface(), "10.0.0.9/24");
    assert!(reaches(&a, &b, "10.0.0.2") && reaches(&b, &a, "10.0.0.1"));
    assert!(reaches(&a, &switch, "10.0.0.9") && reaches(&switch, &b, "10.0.0.2"));
    let members: Vec<String> =
        bridge.addresses().unwrap().into_iter().map(|station| station.member).collect();
    assert_eq!(members, ["if0", "if1"]);
    bridge.flush(Statics::Forget).unwrap();
    assert!(bridge.addresses().unwrap().is_empty());
    bridge.remove("if1").unwrap();
    assert!(!reaches(&a, &b, "10.0.0.2"));
    assert_eq!(refused(bridge.remove("if1")), Some(Errno::ENOENT));
    assert_eq!(bridge.members().unwrap().len(), 1);
}

#[test]
fn a_bridge_is_as_narrow_as_its_members_and_loses_those_that_go() {
    let (left, right) = (wire(1, 9000), wire(2, 1400));
    let switch = plugged(&[&left, &right]);
    let bridge = bridge(&switch, &["if0"]);
    let mtu = || bridge.interface().info().unwrap().device.mtu;
    assert_eq!(mtu(), 9000);
    bridge.add("if1").unwrap();
    assert_eq!(mtu(), 1400);
    assert_eq!(refused(bridge.add("if1")), Some(Errno::EEXIST));
    let other = Bridge::create(&switch, "bridge1").unwrap();
    assert_eq!(refused(other.add("if1")), Some(Errno::EBUSY));
    assert_eq!(refused(other.add("lo0")), Some(Errno::EINVAL));
    Interface::find(&switch, "if1").unwrap().detach().unwrap();
    assert_eq!((mtu(), bridge.members().unwrap().len()), (9000, 1));
    bridge.destroy().unwrap();
    other.add("if0").unwrap();
    assert_eq!(other.members().unwrap()[0].state, MemberState::Forwarding);
}

#[test]
fn frames_that_are_too_long_for_a_member_are_dropped() {
    let (left, right) = (wire(1, 9000), wire(2, 1400));
    let (a, b) = (on_wire(&left, "10.0.0.1/24"), on_wire(&right, "10.0.0.2/24"));
    let bridge = bridge(&plugged(&[&left, &right]), &["if0", "if1"]);
    assert!(reaches(&a, &b, "10.0.0.2"));
    let socket = UdpSocket::bind(&a.process(), SocketAddr::from(([0, 0, 0, 0], 0))).unwrap();
    socket.send_to(&[0; 2000], SocketAddr::from(([10, 0, 0, 2], PORT))).unwrap();
    assert_eq!(bridge.statistics().unwrap().too_long, 1);
}

#[test]
fn a_bridge_follows_the_addresses_of_its_interfaces() {
    let left = wire(1, 1500);
    let (a, switch) = (on_wire(&left, "10.0.0.1/24"), plugged(&[&left]));
    let bridge = bridge(&switch, &["if0"]);
    give(bridge.interface(), "10.0.0.9/24");
    let domain = switch.protocols(rumpkit::AddressFamily::Inet).unwrap();
    let network = domain.network().unwrap();
    let own = [2, 0xaa, 0, 0, 0, 7];
    network.set_hardware(bridge.interface().number(), own).unwrap();
    assert!(reaches(&a, &switch, "10.0.0.9"));
    assert_eq!(bridge.tree().unwrap().identifier, 0x8000_02aa_0000_0007);
    // That of a member leads to the member's own stack.
    let member = Interface::find(&switch, "if0").unwrap();
    network.set_hardware(member.number(), [2, 0xaa, 0, 0, 0, 8]).unwrap();
    give(&member, "10.0.0.8/24");
    assert!(reaches(&a, &switch, "10.0.0.8"));
}

#[test]
fn virtual_networks_are_apart() {
    let cable = wire(1, 1500);
    let kernels = [1, 2].map(|host| {
        let kernel = plugged(&[&cable]);
        for network in [7, 8] {
            let vlan = Vlan::create(&kernel, &format!("vlan{network}"), "if0", network).unwrap();
            give(vlan.interface(), &format!("10.0.{network}.{host}/24"));
        }
        give(&Interface::find(&kernel, "if0").unwrap(), &format!("10.0.0.{host}/24"));
        kernel
    });
    for address in ["10.0.0.2", "10.0.7.2", "10.0.8.2"] {
        assert!(reaches(&kernels[0], &kernels[1], address), "{address}");
    }
    // The other network becomes a third: nobody is there.
    let vlan = Vlan::find(&kernels[1], "vlan8").unwrap();
    vlan.configure("if0", 9).unwrap();
    assert_eq!(vlan.parent().unwrap(), Some(("if0".into(), 9)));
    assert!(!reaches(&kernels[0], &kernels[1], "10.0.8.2"));
    assert_eq!(refused(vlan.configure("if0", 7)), Some(Errno::EBUSY));
    for network in [0, 4095, 5000] {
        assert_eq!(refused(vlan.configure("if0", network)), Some(Errno::EINVAL));
    }
}

#[test]
fn a_virtual_network_has_the_address_and_the_cable_of_its_parent() {
    let kernel = plugged(&[&wire(1, 1400)]);
    let vlan = Vlan::create(&kernel, "vlan0", "if0", 7).unwrap();
    let parent = Interface::find(&kernel, "if0").unwrap();
    let (own, of_parent) = (vlan.interface().info().unwrap(), parent.info().unwrap());
    assert!(matches!(own.device.medium, Medium::Ethernet { .. }));
    assert_eq!((own.device.medium, own.device.mtu), (of_parent.device.medium, 1400));
    assert!(own.has_carrier);
    parent.detach().unwrap();
    assert!(!vlan.interface().info().unwrap().has_carrier);
    assert_eq!(vlan.parent().unwrap(), None);
    vlan.destroy().unwrap();
    assert_eq!(interfaces(&kernel).unwrap().len(), 1);
}

#[test]
fn a_virtual_network_follows_its_parent() {
    let cable = wire(1, 1500);
    let kernels = [1, 2].map(|host| {
        let kernel = plugged(&[&cable]);
        give(Vlan::create(&kernel, "vlan0", "if0", 7).unwrap().interface(), &format!("10.0.7.{host}/24"));
        kernel
    });
    let [parent, vlan] = ["if0", "vlan0"].map(|name| Interface::find(&kernels[0], name).unwrap());
    let mtu = || vlan.info().unwrap().device.mtu;
    assert!(reaches(&kernels[0], &kernels[1], "10.0.7.2"));
    parent.set_hardware([2, 0xaa, 0, 0, 0, 7]).unwrap();
    assert_eq!(vlan.info().unwrap().device.medium, parent.info().unwrap().device.medium);
    // Who knew the old address hears of the new one.
    assert!(reaches(&kernels[1], &kernels[0], "10.0.7.1"));
    parent.set_mtu(1300).unwrap();
    assert_eq!((mtu(), refused(vlan.set_mtu(1400))), (1300, Some(Errno::EINVAL)));
    parent.set_mtu(1500).unwrap();
    assert_eq!(mtu(), 1500);
    // What was chosen for it stays, but where the parent is narrower.
    vlan.set_mtu(1400).unwrap();
    for (of_parent, own) in [(1450, 1400), (1350, 1350), (1500, 1500)] {
        parent.set_mtu(of_parent).unwrap();
        assert_eq!(mtu(), own, "the parent's is {of_parent}");
    }
}

#[test]
fn one_is_over_the_other() {
    let (left, right) = (wire(1, 1500), wire(2, 1500));
    let tagged = |wire: &Wire, host: u8| {
        let kernel = plugged(&[wire]);
        give(Vlan::create(&kernel, "vlan0", "if0", 7).unwrap().interface(), &format!("10.0.7.{host}/24"));
        kernel
    };
    let (a, b) = (tagged(&left, 1), tagged(&right, 2));
    // A bridge passes tags, and is in the network itself.
    let switch = plugged(&[&left, &right]);
    let below = bridge(&switch, &["if0", "if1"]);
    let vlan = Vlan::create(&switch, "vlan0", "bridge0", 7).unwrap();
    give(vlan.interface(), "10.0.7.9/24");
    assert!(
        reaches(&a, &b, "10.0.7.2") && reaches(&b, &switch, "10.0.7.9") && reaches(&switch, &a, "10.0.7.1")
    );
    // One that has the networks as members passes them alone.
    vlan.destroy().unwrap();
    below.destroy().unwrap();
    for (name, parent) in [("vlan0", "if0"), ("vlan1", "if1")] {
        Vlan::create(&switch, name, parent, 7).unwrap();
    }
    let above = bridge(&switch, &["vlan0", "vlan1"]);
    assert!(reaches(&a, &b, "10.0.7.2") && reaches(&b, &a, "10.0.7.1"));
    assert_eq!(above.members().unwrap().len(), 2);
}

#[test]
fn nobody_builds_a_ring() {
    let kernel = plugged(&[&wire(1, 1500)]);
    let bridge = bridge(&kernel, &["if0"]);
    let vlan = Vlan::create(&kernel, "vlan0", "bridge0", 7).unwrap();
    for name in ["bridge0", "vlan0"] {
        assert_eq!(refused(bridge.add(name)), Some(Errno::EINVAL), "{name}");
    }
    assert_eq!(bridge.members().unwrap().len(), 1);
    vlan.unconfigure().unwrap();
    bridge.add("vlan0").unwrap();
    assert_eq!(refused(vlan.configure("bridge0", 7)), Some(Errno::EINVAL));
    assert_eq!(refused(vlan.configure("vlan0", 7)), Some(Errno::EINVAL));
    let other = Bridge::create(&kernel, "bridge1").unwrap();
    other.add("bridge0").unwrap();
    assert_eq!(refused(bridge.add("bridge1")), Some(Errno::EINVAL));
}

#[test]
fn kernels_with_bridges_go_away() {
    let left = wire(1, 1500);
    let kernel = plugged(&[&left]);
    let device = left.end();
    let watch = std::sync::Arc::downgrade(&device);
    Interface::attach(&kernel, "if9", device).unwrap();
    let bridge = bridge(&kernel, &["if0", "if9"]);
    Vlan::create(&kernel, "vlan0", "bridge0", 7).unwrap();
    drop((bridge, kernel));
    let patience = std::time::Instant::now() + Duration::from_secs(5);
    while watch.strong_count() > 0 {
        assert!(std::time::Instant::now() < patience, "the bridge keeps its members");
        std::thread::sleep(Duration::from_millis(5));
    }
}
