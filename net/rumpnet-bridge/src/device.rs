//! A bridge as the device of an interface, and at the ports of its members.

use crate::Instant;
use crate::fit::fit;
use crate::frame::{self, Address, Header};
use crate::switch::{Origin, Switch};
use crate::table::{Place, Table};
use crate::tree::bpdu::Bpdu;
use crate::tree::{PortConfig, Tree};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use rump_kpi::KResult;
use rump_kpi::device::{DeviceInfo, Medium, NetworkDevice, Offloads, Receiver};
use rump_kpi::link::{BridgeSettings, Role};
use rump_kpi::packet::Packet;
use rump_kpi::port::{Port, Relay};
use rump_kpi::socket::NetEnvironment;
use rump_kpi::sync::{Mutex, RwLock};

/// How often it is looked whether members are connected.
const CARRIER: Duration = Duration::from_secs(1);
/// Where its frames are as long as usual.
const MTU: u32 = 1500;

/// See the module.
pub struct Bridge {
    pub(crate) environment: NetEnvironment,
    pub(crate) itself: Weak<Bridge>,
    /// The address that it has by itself.
    address: [u8; 6],
    pub(crate) core: Mutex<Core>,
    attached: RwLock<Attached>,
    /// Copies that did not fit, and those that no device took.
    pub(crate) too_long: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// What it knows of its own interface.
#[derive(Clone, Default)]
struct Attached {
    port: Weak<Port>,
    receiver: Option<Arc<dyn Receiver>>,
}

/// What is under the lock.
pub(crate) struct Core {
    pub(crate) switch: Switch,
    pub(crate) tree: Tree,
    pub(crate) ports: BTreeMap<u16, Member>,
    pub(crate) settings: BridgeSettings,
    /// When members are looked at again.
    carrier: Option<Instant>,
    /// The address that the tree knows.
    hardware: [u8; 6],
}

/// A member as an interface.
pub(crate) struct Member {
    pub(crate) port: Weak<Port>,
    /// The address that the table knows.
    hardware: [u8; 6],
}

/// What goes where.
type Batches = BTreeMap<Place, Vec<Packet>>;

/// What is to be done once the lock is let go.
#[derive(Default)]
pub(crate) struct Todo {
    /// Messages of the tree.
    messages: Vec<(Weak<Port>, Bpdu)>,
}

impl Bridge {
    /// One without members.
    pub(crate) fn new(environment: &NetEnvironment) -> Arc<Self> {
        let mut random = [0; 21];
        (environment.random)(&mut random);
        let word =
            |at: usize| random[at..at + 8].iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        // Locally administered.
        let address = [0x02, random[16], random[17], random[18], random[19], random[20]];
        let settings = crate::configure::DEFAULT;
        let table = Table::new([word(0), word(8)], settings.most_addresses, settings.ageing_time);
        let core = Core {
            switch: Switch::new(table),
            tree: Tree::new(identifier(settings.priority, address)),
            ports: BTreeMap::new(),
            settings,
            carrier: None,
            hardware: address,
        };
        Arc::new_cyclic(|itself| Self {
            environment: environment.clone(),
            itself: itself.clone(),
            address,
            core: Mutex::new(core),
            attached: RwLock::default(),
            too_long: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    pub(crate) fn now(&self) -> Instant {
        (self.environment.monotonic)()
    }

    /// Its interface's port.
    pub(crate) fn port(&self) -> Option<Arc<Port>> {
        self.attached.read().port.upgrade()
    }

    /// The least of its members' and, without any, the usual MTU.
    fn mtu(&self) -> u32 {
        let ports = self.ports();
        ports.iter().map(|port| port.info().mtu).min().unwrap_or(MTU)
    }

    pub(crate) fn ports(&self) -> Vec<Arc<Port>> {
        self.core.lock().ports.values().filter_map(|member| member.port.upgrade()).collect()
    }

    /// Its stack looks at it anew.
    pub(crate) fn tell_stack(&self) {
        let receiver = self.attached.read().receiver.clone();
        if let Some(receiver) = receiver {
            receiver.changed();
        }
    }

    /// Changes something, and does what comes of it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let (now, own) = (self.now(), self.port().and_then(|port| port.hardware()));
        let (answer, todo) = {
            let mut core = self.core.lock();
            let answer = change(&mut core, now);
            core.look_at_addresses(now, own);
            (answer, core.settle(now))
        };
        todo.send();
        (self.environment.poll_soon)();
        answer
    }

    /// Takes frames of one origin.
    pub(crate) fn take(&self, origin: Origin, packets: impl Iterator<Item = Packet>) {
        let (now, own) = (self.now(), self.port().and_then(|port| port.hardware()));
        let mut batches = Batches::new();
        let todo = {
            let mut core = self.core.lock();
            core.look_at_addresses(now, own);
            core.sort(now, origin, packets, &mut batches)
        };
        todo.send();
        for (place, packets) in batches {
            self.hand_on(place, packets);
        }
    }

    fn hand_on(&self, place: Place, packets: Vec<Packet>) {
        let port_of = |number: u16| {
            let core = self.core.lock();
            core.ports.get(&number).and_then(|member| member.port.upgrade())
        };
        match place {
            Place::Cable(number) => {
                if let Some(port) = port_of(number) {
                    self.put_on_cable(&port, packets);
                }
            }
            Place::Stack(number) => {
                if let Some(port) = port_of(number) {
                    port.deliver(packets);
                }
            }
            Place::Bridge => {
                let receiver = self.attached.read().receiver.clone();
                if let Some(receiver) = receiver {
                    receiver.receive(packets);
                }
            }
        }
    }

    fn put_on_cable(&self, port: &Arc<Port>, packets: Vec<Packet>) {
        let device = port.info();
        let mut fitted = Vec::with_capacity(packets.len());
        for packet in packets {
            if fit(packet, &device, &mut fitted).is_err() {
                self.too_long.fetch_add(1, Ordering::Relaxed);
            }
        }
        // What a device does not take is lost, as on a cable; a device that is gone takes nothing.
        let _ = port.transmit(&mut fitted);
        self.lost.fetch_add(fitted.len() as u64, Ordering::Relaxed);
    }
}

/// The identifier of a bridge (IEEE 802.1D-1998, section 8.5.1.3).
pub(crate) fn identifier(priority: u16, address: [u8; 6]) -> u64 {
    u64::from(priority) << 48 | frame::address(address).0
}

impl Core {
    /// Follows the addresses of its interfaces, which may change.
    fn look_at_addresses(&mut self, now: Instant, own: Option<[u8; 6]>) {
        let own = own.unwrap_or(self.hardware);
        let mut is_same = own == self.hardware;
        for member in self.ports.values_mut() {
            let hardware = member.port.upgrade().and_then(|port| port.hardware());
            if let Some(hardware) = hardware.filter(|hardware| *hardware != member.hardware) {
                member.hardware = hardware;
                is_same = false;
            }
        }
        if !is_same {
            self.hardware = own;
            self.tree.set_own(now, identifier(self.settings.priority, own));
            self.enter_own();
        }
    }

    /// The table knows the bridge's own addresses; that of the bridge counts more than those of members.
    pub(crate) fn enter_own(&mut self) {
        let members = self.ports.iter();
        let members = members.map(|(number, it)| (frame::address(it.hardware), Place::Stack(*number)));
        let own: Vec<(Address, Place)> =
            members.chain([(frame::address(self.hardware), Place::Bridge)]).collect();
        self.switch.table.set_own(own);
    }

    pub(crate) fn add(&mut self, number: u16, port: &Arc<Port>, hardware: [u8; 6]) {
        self.ports.insert(number, Member { port: Arc::downgrade(port), hardware });
        self.enter_own();
    }

    /// Forgets a member.
    pub(crate) fn remove(&mut self, now: Instant, number: u16) -> Option<Weak<Port>> {
        let member = self.ports.remove(&number)?;
        self.switch.members.remove(&number);
        self.tree.remove_port(now, number);
        self.switch.table.forget_member(number);
        self.enter_own();
        Some(member.port)
    }

    /// Finds out where frames go.
    fn sort(
        &mut self,
        now: Instant,
        origin: Origin,
        packets: impl Iterator<Item = Packet>,
        batches: &mut Batches,
    ) -> Todo {
        let (mut ways, mut has_told) = (Vec::new(), false);
        for mut packet in packets {
            let Some(header) = Header::read(&mut packet) else { continue };
            if let Origin::Cable(number) = origin {
                if self.settings.spans && header.destination == frame::address(frame::BRIDGES) {
                    self.hear(now, number, &mut packet);
                    has_told = true;
                    continue;
                }
            }
            ways.clear();
            self.switch.pass(now, origin, header, &mut ways);
            let Some((last, others)) = ways.split_last() else { continue };
            for place in others {
                batches.entry(*place).or_default().push(packet.clone());
            }
            batches.entry(*last).or_default().push(packet);
        }
        if has_told { self.settle(now) } else { Todo::default() }
    }

    fn hear(&mut self, now: Instant, number: u16, packet: &mut Packet) {
        /// No message is longer.
        const MOST_BYTES: usize = 64;
        let length = packet.len().min(MOST_BYTES);
        if let Some(bpdu) = packet.first(length).and_then(Bpdu::parse) {
            self.tree.receive(now, number, &bpdu);
        }
    }

    /// Brings about what the tree decided.
    pub(crate) fn settle(&mut self, now: Instant) -> Todo {
        for (number, member) in &mut self.switch.members {
            let state = self.tree.state(*number);
            if state == member.state {
                continue;
            }
            member.state = state;
            if state == rump_kpi::link::MemberState::Disabled {
                self.switch.table.forget_learned_at(*number);
            }
        }
        let lifetime = self.tree.fast_ageing().unwrap_or(self.settings.ageing_time);
        self.switch.table.set_lifetime(now, lifetime.min(self.settings.ageing_time));
        let port_of = |number: u16| self.ports.get(&number).map(|member| member.port.clone());
        let sent = self.tree.take_sent().into_iter();
        Todo { messages: sent.filter_map(|(number, bpdu)| Some((port_of(number)?, bpdu))).collect() }
    }

    /// What the tree has to know of a member.
    pub(crate) fn port_config(&self, number: u16, has_carrier: bool) -> Option<PortConfig> {
        let settings = self.switch.members.get(&number)?.settings;
        Some(PortConfig {
            spans: settings.spans,
            has_carrier,
            priority: settings.priority,
            path_cost: settings.path_cost,
        })
    }

    /// Tells the tree who is connected.
    fn look_at_carriers(&mut self, now: Instant, carriers: &[(u16, bool)]) {
        for (number, has_carrier) in carriers {
            if let Some(config) = self.port_config(*number, *has_carrier) {
                self.tree.set_port_if_changed(now, *number, config);
            }
        }
    }
}

impl Todo {
    fn send(self) {
        for (port, bpdu) in self.messages {
            let Some(port) = port.upgrade() else { continue };
            let Some(hardware) = port.hardware() else { continue };
            let frame = bytes::Bytes::from(bpdu.emit(hardware));
            // It is said again.
            let _ = port.transmit(&mut alloc::vec![Packet::with_content([frame])]);
        }
    }
}

impl NetworkDevice for Bridge {
    fn info(&self) -> DeviceInfo {
        let medium = Medium::Ethernet { address: self.address };
        DeviceInfo { medium, mtu: self.mtu(), offloads: Offloads::all() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.take(Origin::Stack, packets.drain(..));
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        self.attached.write().receiver = Some(receiver);
        Ok(())
    }

    /// All members leave.
    fn stop(&self) {
        let attached = core::mem::take(&mut *self.attached.write());
        drop(attached);
        let ports = self.change(|core, now| {
            let numbers: Vec<u16> = core.ports.keys().copied().collect();
            numbers.into_iter().filter_map(|number| core.remove(now, number)).collect::<Vec<_>>()
        });
        ports.iter().filter_map(Weak::upgrade).for_each(|port| port.leave());
    }

    /// It has if a member has.
    fn has_carrier(&self) -> bool {
        self.ports().iter().any(|port| port.has_carrier())
    }

    fn poll(&self) -> Option<Duration> {
        let now = self.now();
        let ports: Vec<(u16, Weak<Port>)> = {
            let core = self.core.lock();
            let is_due = core.carrier.is_none_or(|carrier| carrier <= now);
            let all = core.ports.iter().filter(|_| is_due);
            all.map(|(number, member)| (*number, member.port.clone())).collect()
        };
        let carrier = |(number, port): &(u16, Weak<Port>)| {
            (*number, port.upgrade().is_some_and(|port| port.has_carrier()))
        };
        let carriers: Vec<(u16, bool)> = ports.iter().map(carrier).collect();
        let (todo, deadline) = {
            let mut core = self.core.lock();
            if core.ports.is_empty() {
                core.carrier = None;
            } else if !carriers.is_empty() {
                core.carrier = Some(now + CARRIER);
            }
            core.look_at_carriers(now, &carriers);
            core.tree.poll(now);
            let todo = core.settle(now);
            (todo, [core.carrier, core.tree.next_deadline()].into_iter().flatten().min())
        };
        todo.send();
        deadline
    }

    fn role(&self) -> Role<'_> {
        Role::Bridge(self)
    }

    fn attached(&self, port: &Weak<Port>) {
        self.attached.write().port = port.clone();
    }

    fn below(&self) -> Vec<Arc<Port>> {
        self.ports()
    }
}

/// A bridge at the port of a member.
pub(crate) struct MemberRelay {
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) number: u16,
}

impl Relay for MemberRelay {
    fn incoming(&self, _port: &Arc<Port>, packets: Vec<Packet>) {
        self.bridge.take(Origin::Cable(self.number), packets.into_iter());
    }

    fn outgoing(&self, _port: &Arc<Port>, packets: &mut Vec<Packet>) {
        self.bridge.take(Origin::Stack, packets.drain(..));
    }

    fn gone(&self, _port: &Arc<Port>) {
        self.bridge.change(|core, now| core.remove(now, self.number));
        self.bridge.tell_stack();
    }
}
