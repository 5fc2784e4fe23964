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

use crate::KResult;
use crate::device::{DeviceInfo, Media, Medium, NetworkDevice, Receiver};
use crate::link::Role;
use crate::packet::Packet;
use crate::sync::RwLock;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use rump_abi::Errno;

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It came from the cable.
    In,
    /// It goes out.
    Out,
}

/// Who looks on.
pub trait Listener: Send + Sync {
    /// Shows a packet as the stack has it: its checksum may be missing, and it may be one that is yet to be cut.
    fn hear(&self, direction: Direction, packet: &Packet);

    /// The interface is gone.
    fn gone(&self) {}
}

/// Who takes an interface's packets in the place of its stack and its device: a bridge.
pub trait Relay: Send + Sync {
    /// Takes what came from the cable. What is for the stack goes there by [`Port::deliver`].
    fn incoming(&self, port: &Arc<Port>, packets: Vec<Packet>);

    /// Takes what the stack sends. What goes onto this cable goes there by [`Port::transmit`].
    fn outgoing(&self, port: &Arc<Port>, packets: &mut Vec<Packet>);

    /// The interface is gone.
    fn gone(&self, port: &Arc<Port>);
}

/// Who takes the frames of one virtual network, tags and all.
pub trait TagReceiver: Receiver {
    /// The interface is gone.
    fn gone(&self);
}

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

#[derive(Clone, Default)]
struct Guests {
    listeners: Arc<[Arc<dyn Listener>]>,
    relay: Option<Arc<dyn Relay>>,
    tags: Arc<BTreeMap<u16, Arc<dyn TagReceiver>>>,
}

impl Guests {
    fn is_empty(&self) -> bool {
        self.listeners.is_empty() && self.relay.is_none() && self.tags.is_empty()
    }

    fn hear(&self, direction: Direction, packets: &[Packet]) {
        for listener in self.listeners.iter() {
            packets.iter().for_each(|packet| listener.hear(direction, packet));
        }
    }
}

/// The types that say that a frame of Ethernet has a tag (IEEE 802.1Q and 802.1ad).
pub const TAG_TYPES: [u16; 2] = [0x8100, 0x88a8];
/// Bytes of Ethernet before its type, and with a tag and the type behind it.
const ETHERNET_TYPE: usize = 12;
const WITH_TAG: usize = 18;
/// Bytes of a tag.
const TAG_BYTES: usize = 4;
/// Tags of a frame that are looked behind.
const MOST_TAGS: usize = 2;
/// Bits of a tag that name the network.
const NETWORK: u16 = 0x0fff;

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

/// Hands tagged frames to whom they are for, and answers the rest.
fn untangle(packets: Vec<Packet>, tags: &BTreeMap<u16, Arc<dyn TagReceiver>>) -> Vec<Packet> {
    let mut rest = Vec::with_capacity(packets.len());
    let mut tagged: BTreeMap<u16, Vec<Packet>> = BTreeMap::new();
    for mut packet in packets {
        match tag_of(&mut packet).filter(|network| tags.contains_key(network)) {
            Some(network) => tagged.entry(network).or_default().push(packet),
            None => rest.push(packet),
        }
    }
    for (network, packets) in tagged {
        tags[&network].receive(packets);
    }
    rest
}

/// The virtual network of a frame, if it has a tag.
fn tag_of(packet: &mut Packet) -> Option<u16> {
    let header = packet.first(WITH_TAG)?;
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    TAG_TYPES.contains(&word(ETHERNET_TYPE)).then(|| word(ETHERNET_TYPE + 2) & NETWORK)
}

/// Bytes of a frame of Ethernet before what it carries: its header, and tags.
pub fn link_bytes(frame: &mut Packet) -> usize {
    let mut at = ETHERNET_TYPE;
    for _ in 0..MOST_TAGS {
        let is_tag = |word: &[u8]| TAG_TYPES.contains(&u16::from_be_bytes([word[0], word[1]]));
        if !frame.first(at + 2).is_some_and(|header| is_tag(&header[at..])) {
            break;
        }
        at += TAG_BYTES;
    }
    at + 2
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Mutex;
    use alloc::vec;
    use bytes::Bytes;

    #[derive(Default)]
    struct Seen(Mutex<Vec<Vec<u8>>>);

    impl Seen {
        fn take(&self) -> Vec<Vec<u8>> {
            core::mem::take(&mut self.0.lock())
        }
    }

    impl Receiver for Seen {
        fn receive(&self, packets: Vec<Packet>) {
            self.0.lock().extend(packets.iter().map(Packet::to_vec));
        }
    }

    impl TagReceiver for Seen {
        fn gone(&self) {
            self.0.lock().push(b"gone".to_vec());
        }
    }

    impl Listener for Seen {
        fn hear(&self, direction: Direction, packet: &Packet) {
            let mark = if direction == Direction::In { b'<' } else { b'>' };
            self.0.lock().push([vec![mark], packet.to_vec()].concat());
        }

        fn gone(&self) {
            self.0.lock().push(b"gone".to_vec());
        }
    }

    /// Takes everything, and gives it on.
    impl Relay for Seen {
        fn incoming(&self, port: &Arc<Port>, packets: Vec<Packet>) {
            self.0.lock().push(b"from cable".to_vec());
            port.deliver(packets);
        }

        fn outgoing(&self, port: &Arc<Port>, packets: &mut Vec<Packet>) {
            self.0.lock().push(b"from stack".to_vec());
            port.transmit(packets).unwrap();
        }

        fn gone(&self, port: &Arc<Port>) {
            self.0.lock().push(port.name().as_bytes().to_vec());
        }
    }

    /// Sends nowhere, and receives what the test says.
    #[derive(Default)]
    struct Device {
        sent: Mutex<Vec<Vec<u8>>>,
        receiver: Mutex<Option<Arc<dyn Receiver>>>,
    }

    impl Device {
        fn receive(&self, frame: &[u8]) {
            let receiver = self.receiver.lock().clone();
            receiver.unwrap().receive(vec![packet(frame)]);
        }
    }

    impl NetworkDevice for Device {
        fn info(&self) -> DeviceInfo {
            let medium = Medium::Ethernet { address: [2, 0, 0, 0, 0, 1] };
            DeviceInfo { medium, mtu: 1500, offloads: crate::device::Offloads::empty() }
        }

        fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
            self.sent.lock().extend(packets.drain(..).map(|packet| packet.to_vec()));
            Ok(())
        }

        fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
            *self.receiver.lock() = Some(receiver);
            Ok(())
        }

        fn stop(&self) {
            self.receiver.lock().take();
        }
    }

    fn packet(frame: &[u8]) -> Packet {
        Packet::received(Bytes::copy_from_slice(frame))
    }

    fn port() -> (Arc<Device>, Arc<Port>, Arc<Seen>) {
        let (device, stack) = (Arc::new(Device::default()), Arc::new(Seen::default()));
        let port = Port::new("virt0", device.clone());
        port.start(stack.clone()).unwrap();
        (device, port, stack)
    }

    const PLAIN: &[u8] = b"ddddddssssss\x08\x00content";
    const TAGGED: &[u8] = b"ddddddssssss\x81\x00\x60\x07\x08\x00content";

    #[test]
    fn alone_it_is_the_device() {
        let (device, port, stack) = port();
        device.receive(PLAIN);
        device.receive(TAGGED);
        port.send(&mut vec![packet(b"out")]).unwrap();
        assert_eq!(stack.take(), [PLAIN, TAGGED]);
        assert_eq!(*device.sent.lock(), [b"out"]);
        assert_eq!(port.hardware(), Some([2, 0, 0, 0, 0, 1]));
        port.set_hardware([2, 3, 4, 5, 6, 7]).unwrap();
        assert_eq!(port.info().medium, Medium::Ethernet { address: [2, 3, 4, 5, 6, 7] });
    }

    #[test]
    fn listeners_hear_both_ways() {
        let (device, port, stack) = port();
        let ear = Arc::new(Seen::default());
        let listener: Arc<dyn Listener> = ear.clone();
        port.listen(listener.clone());
        device.receive(b"in");
        port.send(&mut vec![packet(b"out")]).unwrap();
        port.transmit(&mut vec![packet(b"injected")]).unwrap();
        assert_eq!(ear.take(), [&b"<in"[..], b">out", b">injected"]);
        assert_eq!(stack.take(), [b"in"]);
        port.unlisten(&listener);
        device.receive(b"in");
        assert!(ear.take().is_empty());
    }

    #[test]
    fn a_relay_takes_the_place_of_both_sides() {
        let (device, port, stack) = port();
        let relay = Arc::new(Seen::default());
        port.join(relay.clone()).unwrap();
        assert_eq!(port.join(relay.clone()).map_err(|error| error.errno), Err(Errno::EBUSY));
        device.receive(b"in");
        port.send(&mut vec![packet(b"out")]).unwrap();
        assert_eq!(relay.take(), [b"from cable", b"from stack"]);
        assert_eq!((stack.take(), &device.sent.lock()[..]), (vec![b"in".to_vec()], &[b"out".to_vec()][..]));
        port.leave();
        device.receive(b"in");
        assert!(relay.take().is_empty());
    }

    #[test]
    fn tagged_frames_go_to_their_network() {
        let (device, port, stack) = port();
        let network = Arc::new(Seen::default());
        port.join_tag(7, network.clone()).unwrap();
        assert_eq!(port.join_tag(7, network.clone()).map_err(|error| error.errno), Err(Errno::EBUSY));
        device.receive(TAGGED);
        device.receive(PLAIN);
        device.receive(b"short");
        device.receive(b"ddddddssssss\x81\x00\x60\x08\x08\x00content");
        assert_eq!(network.take(), [TAGGED]);
        assert_eq!(stack.take().len(), 3);
        port.leave_tag(7);
        device.receive(TAGGED);
        assert_eq!(stack.take(), [TAGGED]);
    }

    #[test]
    fn tags_belong_to_the_link() {
        let bytes = |frame: &[u8]| link_bytes(&mut packet(frame));
        assert_eq!([bytes(PLAIN), bytes(TAGGED), bytes(b"short")], [14, 18, 14]);
        assert_eq!(bytes(b"ddddddssssss\x88\xa8\x00\x07\x81\x00\x00\x08\x08\x00content"), 22);
    }

    #[test]
    fn guests_learn_that_it_is_gone() {
        let (_device, port, _stack) = port();
        let [ear, relay, network] = [(); 3].map(|()| Arc::new(Seen::default()));
        port.listen(ear.clone());
        port.join(relay.clone()).unwrap();
        port.join_tag(7, network.clone()).unwrap();
        port.stop();
        assert_eq!([ear.take(), relay.take(), network.take()].concat(), [&b"gone"[..], b"virt0", b"gone"]);
    }
}
