//! Routing sockets of a kernel: what programs of configuration send, and what they and others are told.

mod changes;
mod hostile;
mod neighbours;
mod requests;
mod tables;

use core::net::IpAddr;
use core::time::Duration;
use rump_host_posix::PosixHost;
use rump_kern::{Fd, Kernel, Process};
use rump_kpi::device::{DeviceInfo, Medium, Network, NetworkDevice, Offloads, Receiver};
use rump_kpi::netbsd::route::{Address, Addresses, LinkAddress, Message, RTF_GATEWAY, RTF_UP, RtMsghdr};
use rump_kpi::packet::Packet;
use rump_kpi::socket::OptionValue;
use rump_kpi::sockopt::{SO_RCVTIMEO, SOL_SOCKET};
use rump_kpi::{AddressFamily, Errno, KResult, MessageFlags, OpenFlags, SocketType};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A card of Ethernet with nobody at its cable, which can be pulled.
#[derive(Default)]
struct Card {
    receiver: Mutex<Option<Arc<dyn Receiver>>>,
    is_pulled: AtomicBool,
    sent: Mutex<Vec<Packet>>,
}

impl Card {
    fn pull(&self) {
        self.is_pulled.store(true, Ordering::SeqCst);
        let receiver = self.receiver.lock().unwrap().clone();
        receiver.unwrap().changed();
    }
}

impl NetworkDevice for Card {
    fn info(&self) -> DeviceInfo {
        let medium = Medium::Ethernet { address: [2, 0, 0, 0, 0, 1] };
        DeviceInfo { medium, mtu: 1500, offloads: Offloads::empty() }
    }

    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()> {
        self.sent.lock().unwrap().append(packets);
        Ok(())
    }

    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()> {
        *self.receiver.lock().unwrap() = Some(receiver);
        Ok(())
    }

    fn stop(&self) {
        *self.receiver.lock().unwrap() = None;
    }

    fn has_carrier(&self) -> bool {
        !self.is_pulled.load(Ordering::SeqCst)
    }
}

/// A kernel with an interface `eth0`, whose number is 2, with 10.0.0.1/24, and a process.
struct Rig {
    kernel: Kernel,
    process: Process,
    card: Arc<Card>,
}

impl Rig {
    fn new() -> Self {
        let kernel = Kernel::builder(PosixHost::new()).component(rumpnet_inet::component()).boot().unwrap();
        let (process, card) = (kernel.process(), Arc::<Card>::default());
        let rig = Self { kernel, process, card };
        rig.network(|network| {
            // So that addresses of IPv6 are there at once, and no other.
            network.set_setting("net.inet6.ip6.dad_count", 0).unwrap();
            network.set_setting("net.inet6.ip6.auto_linklocal", 0).unwrap();
            assert_eq!(network.attach("eth0", rig.card.clone()).unwrap(), 2);
            network.set_up(2, true).unwrap();
            network.add_address(2, [10, 0, 0, 1].into(), 24).unwrap();
        });
        rig
    }

    fn network<T>(&self, act: impl FnOnce(&dyn Network) -> T) -> T {
        let domain = self.process.protocols(AddressFamily::Inet).unwrap();
        act(domain.network().unwrap())
    }

    fn socket(&self) -> Listener<'_> {
        self.socket_of(&self.process, 0)
    }

    fn socket_of<'a>(&self, process: &'a Process, family: u8) -> Listener<'a> {
        let fd = process.socket(AddressFamily::Route, SocketType::Raw, family, OpenFlags::empty()).unwrap();
        let limit = OptionValue::Time(Some(Duration::from_secs(10)));
        process.setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit).unwrap();
        Listener { process, fd }
    }
}

/// A routing socket.
struct Listener<'a> {
    process: &'a Process,
    fd: Fd,
}

impl Listener<'_> {
    fn send(&self, header: RtMsghdr, addresses: &Addresses) -> Result<(), Errno> {
        self.send_bytes(&Message::Route(header, addresses.clone()).to_bytes())
    }

    fn send_bytes(&self, bytes: &[u8]) -> Result<(), Errno> {
        let sent = self.process.write(self.fd, bytes).map_err(|error| error.errno)?;
        assert_eq!(sent, bytes.len());
        Ok(())
    }

    fn receive(&self) -> Message {
        let mut bytes = [0; 2048];
        let length = self.process.read(self.fd, &mut bytes).unwrap();
        let (message, whole) = Message::parse(&bytes[..length]).unwrap();
        assert_eq!(whole, length);
        message
    }

    fn route(&self) -> (RtMsghdr, Addresses) {
        match self.receive() {
            Message::Route(header, addresses) => (header, addresses),
            other => panic!("{other:?}"),
        }
    }

    /// Asks, and answers what comes back.
    fn ask(&self, header: RtMsghdr, addresses: &Addresses) -> Result<(RtMsghdr, Addresses), Errno> {
        self.send(header, addresses)?;
        Ok(self.route())
    }

    fn assert_silent(&self) {
        let mut bytes = [0; 2048];
        let received = self.process.recv(self.fd, &mut bytes, MessageFlags::DONTWAIT);
        match received {
            Ok(length) => panic!("{:?}", Message::parse(&bytes[..length])),
            Err(error) => assert_eq!(error.errno, Errno::EAGAIN),
        }
    }
}

fn ip(text: &str) -> Address {
    Address::of_ip(text.parse::<IpAddr>().unwrap(), 2)
}

/// The interface of a number, as a gateway.
fn link(index: u16) -> Address {
    Address::Link(LinkAddress { index, ..LinkAddress::default() })
}

/// What goes somewhere over something.
fn way(destination: &str, mask: Option<u8>, gateway: Address) -> Addresses {
    Addresses { destination: Some(ip(destination)), gateway: Some(gateway), mask, ..Addresses::default() }
}

fn to(destination: &str, mask: Option<u8>) -> Addresses {
    Addresses { destination: Some(ip(destination)), mask, ..Addresses::default() }
}

fn request(kind: u8, flags: u32) -> RtMsghdr {
    RtMsghdr { flags: RTF_UP | flags, sequence: 77, ..RtMsghdr::new(kind) }
}

/// One that names a router.
fn over_router(kind: u8) -> RtMsghdr {
    request(kind, RTF_GATEWAY)
}
