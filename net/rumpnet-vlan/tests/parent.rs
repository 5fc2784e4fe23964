//! A virtual network follows what becomes of its parent.

use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::link::{Role, Vlan};
use rump_kpi::packet::Packet;
use rump_kpi::port::Port;
use rump_kpi::socket::NetEnvironment;
use rump_kpi::sync::Mutex;
use rump_kpi::{Component, KResult};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

const FIRST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SECOND: [u8; 6] = [2, 0, 0, 0, 0, 2];
const CHOSEN: [u8; 6] = [2, 0, 0, 0, 0, 3];

/// A device that becomes another one when a test says so.
struct Device {
    state: Mutex<(DeviceInfo, bool)>,
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
}

impl Device {
    fn new() -> Arc<Self> {
        let info = DeviceInfo {
            medium: Medium::Ethernet { address: FIRST },
            mtu: 9000,
            offloads: Offloads::empty(),
        };
        Arc::new(Self { state: Mutex::new((info, true)), receiver: Mutex::default() })
    }

    fn become_another(&self, change: impl FnOnce(&mut DeviceInfo, &mut bool)) {
        {
            let mut state = self.state.lock();
            let (info, has_carrier) = &mut *state;
            change(info, has_carrier);
        }
        let receiver = self.receiver.lock().clone();
        receiver.unwrap().changed();
    }
}

impl NetworkDevice for Device {
    fn info(&self) -> DeviceInfo {
        self.state.lock().0.clone()
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        packets.clear();
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.receiver.lock() = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        self.receiver.lock().take();
    }

    fn has_carrier(&self) -> bool {
        self.state.lock().1
    }
}

/// Lets packets be as long as they can be, and counts how often it was told to look at its device again.
struct Stack {
    port: Weak<Port>,
    told: AtomicUsize,
}

impl Stack {
    fn was_told(&self) -> bool {
        self.told.swap(0, Ordering::Relaxed) > 0
    }
}

impl Receiver for Stack {
    fn receive(&self, _: Vec<Packet>) {}

    fn changed(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
        let port = self.port.upgrade().unwrap();
        port.set_mtu(port.info().mtu);
    }
}

fn interface(name: &str, device: Arc<dyn NetworkDevice>) -> (Arc<Port>, Arc<Stack>) {
    let port = Port::new(name, device);
    let stack = Arc::new(Stack { port: Arc::downgrade(&port), told: AtomicUsize::new(0) });
    port.start(stack.clone()).unwrap();
    (port, stack)
}

fn vlan(name: &str, parent: &Arc<Port>, network: u16) -> (Arc<Port>, Arc<Stack>) {
    let environment = NetEnvironment {
        now: Arc::new(|| unreachable!()),
        monotonic: Arc::new(|| Duration::ZERO),
        random: Arc::new(|bytes: &mut [u8]| bytes.fill(9)),
        log: Arc::new(|_| {}),
        poll_soon: Arc::new(|| {}),
    };
    let Component::Interfaces(kind) = rumpnet_vlan::component() else { panic!("another component") };
    let (port, stack) = interface(name, kind.create(&environment, 0).unwrap());
    role(&port, |vlan| vlan.configure(parent, network).unwrap());
    assert!(stack.was_told());
    (port, stack)
}

fn role<T>(port: &Port, body: impl FnOnce(&dyn Vlan) -> T) -> T {
    match port.role() {
        Role::Vlan(vlan) => body(vlan),
        _ => panic!("no virtual network"),
    }
}

#[test]
fn carrier_address_and_offloads_of_a_device_are_those_of_its_networks() {
    let device = Device::new();
    let (parent, _) = interface("if0", device.clone());
    let (outer, outer_stack) = vlan("vlan0", &parent, 7);
    let (inner, inner_stack) = vlan("vlan1", &outer, 8);
    let were_told = || outer_stack.was_told() && inner_stack.was_told();
    let both = [&outer, &inner];
    device.become_another(|_, has_carrier| *has_carrier = false);
    assert!(were_told() && both.iter().all(|port| !port.has_carrier()));
    device.become_another(|info, has_carrier| {
        *has_carrier = true;
        *info = DeviceInfo {
            medium: Medium::Ethernet { address: SECOND },
            mtu: 9000,
            offloads: Offloads::CHECKSUM | Offloads::TCP4,
        };
    });
    assert!(were_told() && both.iter().all(|port| port.has_carrier()));
    for port in both {
        assert_eq!(port.hardware(), Some(SECOND), "{}", port.name());
        assert_eq!(port.info(), device.info(), "{}", port.name());
    }
}

#[test]
fn networks_are_as_narrow_as_their_parent_was_made() {
    let (parent, _) = interface("if0", Device::new());
    let (outer, stack) = vlan("vlan0", &parent, 7);
    assert_eq!(outer.info().mtu, 9000);
    for mtu in [1400, 2000, 9000] {
        parent.set_mtu(mtu);
        assert!(stack.was_told());
        assert_eq!(outer.info().mtu, mtu);
    }
    parent.set_mtu(9000);
    assert!(!stack.was_told(), "nothing changed");
    // One that joins later is no wider.
    parent.set_mtu(1400);
    assert_eq!(vlan("vlan1", &parent, 8).0.info().mtu, 1400);
}

#[test]
fn networks_have_their_parents_address_until_they_get_their_own() {
    let (parent, _) = interface("if0", Device::new());
    let (follower, follows) = vlan("vlan0", &parent, 7);
    let (other, _) = vlan("vlan1", &parent, 8);
    other.set_hardware(CHOSEN).unwrap();
    parent.set_hardware(SECOND).unwrap();
    assert!(follows.was_told());
    assert_eq!((follower.hardware(), other.hardware()), (Some(SECOND), Some(CHOSEN)));
}

#[test]
fn without_its_parent_a_network_stays_what_that_was() {
    let (parent, _) = interface("if0", Device::new());
    let (left, left_stack) = vlan("vlan0", &parent, 7);
    let (lost, lost_stack) = vlan("vlan1", &parent, 8);
    parent.set_mtu(1400);
    parent.set_hardware(SECOND).unwrap();
    assert!(left_stack.was_told() && lost_stack.was_told());
    role(&left, |vlan| vlan.unconfigure());
    assert!(left_stack.was_told());
    // Nobody's cable any more.
    parent.set_mtu(1300);
    assert!(!left_stack.was_told() && lost_stack.was_told());
    parent.stop();
    assert!(lost_stack.was_told());
    for (port, mtu) in [(&left, 1400), (&lost, 1300)] {
        assert!(!port.has_carrier(), "{}", port.name());
        assert_eq!((port.info().mtu, port.hardware()), (mtu, Some(SECOND)), "{}", port.name());
    }
}
