//! Virtual networks on the cable of another interface: interfaces `vlan0`, `vlan1` and so on (IEEE 802.1Q).
//!
//! ```text
//!  0             6             12      14      16      18
//! +-------------+-------------+-------+-------+-------+---
//! | destination | source      | 8100  | tag   | type  | content
//! +-------------+-------------+-------+-------+-------+---
//! ```
//!
//! What is sent gets a tag of priority zero; what comes with a tag of the network's number, of either type (802.1ad as well),
//! comes here without it. The parent may be a bridge, a member of one, or another virtual network: tags nest. Frames with a
//! tag of no network are the parent's own.
//!
//! Address, MTU and carrier are the parent's, and follow it, unless somebody chose another address or a smaller MTU for the
//! network's own interface; so does what its device does for a stack: checksums and cutting are a matter of where headers
//! begin, which a packet tells. Whoever loses his parent stays what that was, without a carrier. Whether the parent is up is
//! a matter of its own stack.
//!
//! # Locks
//! `Virtual::state`, a leaf: nobody is called while it is held.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod tag;

use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::link::{self, InterfaceKind, Role};
use rump_kpi::packet::Packet;
use rump_kpi::port::{Port, TagReceiver};
use rump_kpi::socket::NetEnvironment;
use rump_kpi::sync::RwLock;
use rump_kpi::{Component, Errno, KError, KResult};

/// Networks that there are; 0 and 4095 are none.
const NETWORKS: core::ops::RangeInclusive<u16> = 1..=4094;
/// MTU without a parent.
const MTU: u32 = 1500;

/// The component to list when a kernel is built.
pub fn component() -> Component {
    Component::Interfaces(&Vlans)
}

/// The kind of interfaces.
struct Vlans;

impl InterfaceKind for Vlans {
    fn name(&self) -> &'static str {
        "vlan"
    }

    fn create(&self, environment: &NetEnvironment, _unit: u16) -> KResult<Arc<dyn NetworkDevice>> {
        let mut address = [0; 6];
        (environment.random)(&mut address);
        // Locally administered.
        address[0] = 0x02;
        let state = State {
            info: DeviceInfo { medium: Medium::Ethernet { address }, ..NOTHING },
            ..State::default()
        };
        Ok(Arc::new_cyclic(|itself| Virtual { itself: itself.clone(), state: RwLock::new(state) }))
    }
}

/// A device without a parent.
const NOTHING: DeviceInfo =
    DeviceInfo { medium: Medium::Ethernet { address: [0; 6] }, mtu: MTU, offloads: Offloads::empty() };

/// The device of such an interface.
struct Virtual {
    itself: Weak<Virtual>,
    state: RwLock<State>,
}

#[derive(Clone)]
struct State {
    info: DeviceInfo,
    parent: Option<(Weak<Port>, u16)>,
    port: Weak<Port>,
    receiver: Option<Arc<dyn Receiver>>,
}

impl Default for State {
    fn default() -> Self {
        Self { info: NOTHING, parent: None, port: Weak::new(), receiver: None }
    }
}

impl Virtual {
    fn parent_port(&self) -> Option<(Arc<Port>, u16)> {
        let (parent, network) = self.state.read().parent.clone()?;
        Some((parent.upgrade()?, network))
    }

    fn receiver(&self) -> Option<Arc<dyn Receiver>> {
        self.state.read().receiver.clone()
    }

    /// Forgets its parent, without telling its stack, and stays what that was.
    fn let_go(&self) {
        let before = self.state.write().parent.take();
        if let Some((Some(parent), network)) = before.map(|(parent, network)| (parent.upgrade(), network)) {
            parent.leave_tag(network);
        }
    }

    /// Becomes what its parent is.
    fn follow(&self) {
        let Some((parent, _)) = self.parent_port() else { return };
        let seen = || DeviceInfo { mtu: parent.mtu(), ..parent.info() };
        let mut info = seen();
        loop {
            {
                let mut state = self.state.write();
                let is_parent = |known: &(Weak<Port>, u16)| known.0.as_ptr() == Arc::as_ptr(&parent);
                if !state.parent.as_ref().is_some_and(is_parent) {
                    return;
                }
                state.info = info.clone();
            }
            // Who saw a later change may have been quicker.
            let now = seen();
            if now == info {
                return;
            }
            info = now;
        }
    }

    fn tell_stack(&self) {
        if let Some(receiver) = self.receiver() {
            receiver.changed();
        }
    }
}

impl link::Vlan for Virtual {
    fn configure(&self, parent: &Arc<Port>, network: u16) -> KResult<()> {
        if !NETWORKS.contains(&network) || parent.hardware().is_none() {
            return Err(Errno::EINVAL.into());
        }
        let is_same =
            self.parent_port().is_some_and(|(port, known)| Arc::ptr_eq(&port, parent) && known == network);
        if is_same {
            return Ok(());
        }
        let itself = self.itself.upgrade().ok_or(Errno::ENXIO)?;
        parent.join_tag(network, itself)?;
        self.let_go();
        let own = {
            let mut state = self.state.write();
            state.parent = Some((Arc::downgrade(parent), network));
            state.port.upgrade()
        };
        // Looked at afterwards: of two who build a ring at once, at least one sees it.
        if own.is_some_and(|own| parent.leads_to(&own)) {
            self.let_go();
            return Err(KError::new(Errno::EINVAL, "an interface cannot be its own parent"));
        }
        self.follow();
        self.tell_stack();
        Ok(())
    }

    fn unconfigure(&self) {
        self.let_go();
        self.tell_stack();
    }

    fn parent(&self) -> Option<(String, u16)> {
        let (port, network) = self.parent_port()?;
        Some((String::from(port.name()), network))
    }
}

impl NetworkDevice for Virtual {
    fn info(&self) -> DeviceInfo {
        self.state.read().info.clone()
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        let Some((parent, network)) = self.parent_port() else {
            // There is no cable.
            packets.clear();
            return Ok(());
        };
        packets.retain_mut(|packet| tag::insert(packet, network).is_some());
        parent.send(packets)?;
        // What is left has its tag, and the parent had no room for it.
        packets.clear();
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        self.state.write().receiver = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        self.let_go();
        let receiver = self.state.write().receiver.take();
        drop(receiver);
    }

    fn has_carrier(&self) -> bool {
        self.parent_port().is_some_and(|(parent, _)| parent.has_carrier())
    }

    fn role(&self) -> Role<'_> {
        Role::Vlan(self)
    }

    fn attached(&self, port: &Weak<Port>) {
        self.state.write().port = port.clone();
    }

    fn below(&self) -> Vec<Arc<Port>> {
        self.parent_port().map(|(parent, _)| parent).into_iter().collect()
    }
}

impl Receiver for Virtual {
    fn receive(&self, mut packets: Vec<Packet>) {
        packets.retain_mut(|packet| tag::remove(packet).is_some());
        if let Some(receiver) = self.receiver() {
            receiver.receive(packets);
        }
    }

    fn changed(&self) {
        self.follow();
        self.tell_stack();
    }
}

impl TagReceiver for Virtual {
    fn gone(&self) {
        self.let_go();
        self.tell_stack();
    }
}
