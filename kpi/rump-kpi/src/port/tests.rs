//! A port with a device that sends nowhere.

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
