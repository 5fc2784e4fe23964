//! Where an interface's stack meets its device, and where others join in: those who look on (bpf, captures), the bridge that
//! the interface belongs to, the virtual networks on its cable.
//!
//! ```text
//!            stack
//!   send   |       ^  tagged frames: to their network's device
//!          v       |  the rest: to the stack
//!   relay <-+     +-> relay, which hands back what is the stack's own (`deliver`)
//!          |       |
//!          v       ^
//!        listeners hear what is on the cable
//!          |       |
//!            device
//! ```
//!
//! A port is a [`NetworkDevice`] itself, which the stack uses in the device's place. A port that nobody joined costs one
//! load per batch of packets.
//!
//! # Locks
//! That of the guests and that of the stack's receiver, both leaves: nothing is called while one is held.

mod guests;
mod tags;
#[cfg(test)]
mod tests;

pub use guests::{Direction, Listener, Relay, TagReceiver};
pub use tags::{TAG_TYPES, link_bytes};

use crate::KResult;
use crate::device::{DeviceInfo, Media, Medium, NetworkDevice, Receiver};
use crate::link::Role;
use crate::packet::Packet;
use crate::sync::RwLock;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use guests::Guests;
use rump_abi::Errno;
use tags::untangle;

/// See the module.
pub struct Port {
    name: String,
    device: Arc<dyn NetworkDevice>,
    /// The interface's own hardware address as a number, if it is one of Ethernet: it may be changed.
    hardware: Option<AtomicU64>,
    /// The device's, when that was last looked at.
    of_device: AtomicU64,
    /// Most bytes of IP in a packet of the interface's.
    mtu: AtomicU32,
    itself: Weak<Port>,
    /// Whether there are guests at all.
    has_guests: AtomicBool,
    guests: RwLock<Guests>,
    stack: RwLock<Option<Arc<dyn Receiver>>>,
}

impl Port {
    /// The port of an interface.
    pub fn new(name: &str, device: Arc<dyn NetworkDevice>) -> Arc<Self> {
        let info = device.info();
        let hardware = match info.medium {
            Medium::Ethernet { address } => Some(number_of(address)),
            Medium::Ip | Medium::Loopback => None,
        };
        Arc::new_cyclic(|itself| Self {
            name: name.into(),
            device,
            hardware: hardware.map(AtomicU64::new),
            of_device: AtomicU64::new(hardware.unwrap_or(0)),
            mtu: AtomicU32::new(info.mtu),
            itself: itself.clone(),
            has_guests: AtomicBool::new(false),
            guests: RwLock::default(),
            stack: RwLock::default(),
        })
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own hardware address, if it is one of Ethernet.
    pub fn hardware(&self) -> Option<[u8; 6]> {
        let number = self.hardware.as_ref()?.load(Ordering::Relaxed);
        let [_, _, address @ ..] = number.to_be_bytes();
        Some(address)
    }

    /// Changes it. For the interface's stack, which sends from it, and holds no lock meanwhile: virtual networks follow.
    /// Errors: EINVAL (it is none of Ethernet).
    pub fn set_hardware(&self, address: [u8; 6]) -> KResult<()> {
        let place = self.hardware.as_ref().ok_or(Errno::EINVAL)?;
        if place.swap(number_of(address), Ordering::Relaxed) != number_of(address) {
            self.tell_networks();
        }
        Ok(())
    }

    /// Most bytes of IP in a packet of the interface's: those of its device, or less if somebody said so.
    pub fn mtu(&self) -> u32 {
        self.mtu.load(Ordering::Relaxed)
    }

    /// Changes that. For the interface's stack, also where the device is another one now ([`Receiver::changed`]); it holds no
    /// lock meanwhile: virtual networks follow.
    pub fn set_mtu(&self, mtu: u32) {
        if self.mtu.swap(mtu, Ordering::Relaxed) != mtu {
            self.tell_networks();
        }
    }

    /// Shows all packets to somebody from now on.
    pub fn listen(&self, listener: Arc<dyn Listener>) {
        self.change(|guests| {
            guests.listeners = guests.listeners.iter().cloned().chain([listener]).collect();
        });
    }

    /// Shows them no more. One that is being shown may still be.
    pub fn unlisten(&self, listener: &Arc<dyn Listener>) {
        self.change(|guests| {
            guests.listeners =
                guests.listeners.iter().filter(|other| !Arc::ptr_eq(other, listener)).cloned().collect();
        });
    }

    /// Gives all packets to a bridge from now on. Errors: EBUSY (there is one).
    pub fn join(&self, relay: Arc<dyn Relay>) -> KResult<()> {
        self.change(|guests| match guests.relay {
            Some(_) => Err(Errno::EBUSY.into()),
            None => {
                guests.relay = Some(relay);
                Ok(())
            }
        })
    }

    /// Gives them to no bridge any more.
    pub fn leave(&self) {
        let left = self.change(|guests| guests.relay.take());
        drop(left);
    }

    /// Gives the frames of a virtual network to somebody, zero being those that have a priority alone. Errors: EBUSY
    /// (somebody has it).
    pub fn join_tag(&self, network: u16, receiver: Arc<dyn TagReceiver>) -> KResult<()> {
        self.change(|guests| {
            if guests.tags.contains_key(&network) {
                return Err(Errno::EBUSY.into());
            }
            Arc::make_mut(&mut guests.tags).insert(network, receiver);
            Ok(())
        })
    }

    /// Gives them to nobody any more.
    pub fn leave_tag(&self, network: u16) {
        let left = self.change(|guests| Arc::make_mut(&mut guests.tags).remove(&network));
        drop(left);
    }

    fn change<T>(&self, change: impl FnOnce(&mut Guests) -> T) -> T {
        let mut guests = self.guests.write();
        let answer = change(&mut guests);
        self.has_guests.store(!guests.is_empty(), Ordering::Release);
        answer
    }

    /// Whether anybody joined it or looks on.
    pub fn has_guests(&self) -> bool {
        self.has_guests.load(Ordering::Acquire)
    }

    fn guests(&self) -> Option<Guests> {
        self.has_guests().then(|| self.guests.read().clone())
    }

    /// Whether what is sent here comes to another interface, over those that are made of others.
    pub fn leads_to(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other) || self.device.below().iter().any(|below| below.leads_to(other))
    }

    /// Puts packets onto the cable; listeners hear them. Errors: those of the device.
    pub fn transmit(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        if let Some(guests) = self.guests() {
            guests.hear(Direction::Out, packets);
        }
        self.device.send(packets)
    }

    /// Gives packets to the interface's own stack, or to the virtual networks that they belong to.
    pub fn deliver(&self, mut packets: Vec<Packet>) {
        let tags = self.guests().map(|guests| guests.tags).filter(|tags| !tags.is_empty());
        if let Some(tags) = tags {
            packets = untangle(packets, &tags);
        }
        let stack = self.stack.read().clone();
        if let Some(stack) = stack.filter(|_| !packets.is_empty()) {
            stack.receive(packets);
        }
    }

    /// The device is another one now, or its carrier: its address is the interface's, unless somebody chose another.
    fn change_device(&self) {
        if let (Medium::Ethernet { address }, Some(place)) = (self.device.info().medium, &self.hardware) {
            let address = number_of(address);
            let before = self.of_device.swap(address, Ordering::Relaxed);
            let _ = place.compare_exchange(before, address, Ordering::Relaxed, Ordering::Relaxed);
        }
        // The stack first: it says what of it is the interface's.
        let stack = self.stack.read().clone();
        if let Some(stack) = stack {
            stack.changed();
        }
        self.tell_networks();
    }

    /// Virtual networks look again at what the interface is.
    fn tell_networks(&self) {
        if let Some(guests) = self.guests() {
            guests.tags.values().for_each(|receiver| receiver.changed());
        }
    }

    fn arrive(self: &Arc<Self>, packets: Vec<Packet>) {
        let Some(guests) = self.guests() else { return self.deliver(packets) };
        guests.hear(Direction::In, &packets);
        match guests.relay {
            Some(relay) => relay.incoming(self, packets),
            None => self.deliver(packets),
        }
    }
}

fn number_of(address: [u8; 6]) -> u64 {
    address.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a device receives comes to its port.
struct Arrivals(Weak<Port>);

impl Receiver for Arrivals {
    fn receive(&self, packets: Vec<Packet>) {
        if let Some(port) = self.0.upgrade() {
            port.arrive(packets);
        }
    }

    fn changed(&self) {
        if let Some(port) = self.0.upgrade() {
            port.change_device();
        }
    }
}

impl NetworkDevice for Port {
    fn info(&self) -> DeviceInfo {
        let info = self.device.info();
        match self.hardware() {
            Some(address) => DeviceInfo { medium: Medium::Ethernet { address }, ..info },
            None => info,
        }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        let relay = self.guests().and_then(|guests| guests.relay);
        match (relay, self.itself.upgrade()) {
            (Some(relay), Some(port)) => {
                relay.outgoing(&port, packets);
                Ok(())
            }
            _ => self.transmit(packets),
        }
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.stack.write() = Some(receiver);
        self.device.attached(&self.itself);
        self.device.start(Arc::new(Arrivals(self.itself.clone())))
    }

    /// Whoever joined is told that the interface is gone.
    fn stop(&self) {
        self.device.stop();
        let stack = self.stack.write().take();
        drop(stack);
        let guests = self.change(core::mem::take);
        guests.listeners.iter().for_each(|listener| listener.gone());
        guests.tags.values().for_each(|receiver| receiver.gone());
        if let (Some(relay), Some(port)) = (guests.relay, self.itself.upgrade()) {
            relay.gone(&port);
        }
    }

    fn has_carrier(&self) -> bool {
        self.device.has_carrier()
    }

    fn media(&self) -> Option<Media> {
        self.device.media()
    }

    fn poll(&self) -> Option<Duration> {
        self.device.poll()
    }

    fn role(&self) -> Role<'_> {
        self.device.role()
    }

    fn below(&self) -> Vec<Arc<Port>> {
        self.device.below()
    }
}
