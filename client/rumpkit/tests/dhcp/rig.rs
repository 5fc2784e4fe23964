//! Kernels on wires in simulated time; one of them is a server of DHCP, as small as one can be.

use rump_host_sim::SimHost;
use rumpkit::hyper::Clock;
use rumpkit::kpi::device::Network;
use rumpkit::kpi::socket::{Control, Domain, OptionValue};
use rumpkit::net::dhcp::{Client, Options};
use rumpkit::net::wire::Wire;
use rumpkit::net::{AddressInfo, Interface, RouteInfo, routes};
use rumpkit::sockopt::{IP_RECVPKTINFO, IPPROTO_IP, SO_BROADCAST, SOL_SOCKET};
use rumpkit::{
    AddressFamily, Fd, Kernel, MessageFlags, Mode, OpenFlags, Process, SendMessage, SocketAddress, SocketType,
};
use rumpnet_dhcp::{Kind, Message, code};
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

/// Rounds at one instant; more of them mean that somebody keeps somebody busy for ever.
const MOST_ROUNDS: usize = 10_000;

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A kernel without threads.
pub fn kernel(host: &Arc<SimHost>) -> Kernel {
    let kernel = rumpkit::kernel(host.clone()).unwrap();
    let domain = kernel.protocols(AddressFamily::Inet).unwrap();
    domain.network().unwrap().set_setting("net.inet6.ip6.auto_linklocal", 0).unwrap();
    kernel
}

pub fn attach(kernel: &Kernel, name: &str, wire: &Wire) -> Interface {
    let interface = Interface::attach(kernel, name, wire.end()).unwrap();
    interface.up().unwrap();
    interface
}

pub struct Server {
    kernel: Kernel,
    process: Process,
    fd: Fd,
    address: Ipv4Addr,
    pub gives: Ipv4Addr,
    pub lease_seconds: u32,
    pub is_up: bool,
    pub options: Vec<(u8, Vec<u8>)>,
    /// What it got, and from whom.
    pub heard: Vec<(Message, Ipv4Addr)>,
}

impl Server {
    pub fn new(host: &Arc<SimHost>, wire: &Wire, address: [u8; 4], gives: [u8; 4]) -> Self {
        let kernel = kernel(host);
        let address = Ipv4Addr::from(address);
        attach(&kernel, "eth0", wire).add_address(format!("{address}/24").parse().unwrap()).unwrap();
        let process = kernel.process();
        let fd = process.socket(AddressFamily::Inet, SocketType::Datagram, 0, OpenFlags::NONBLOCK).unwrap();
        for (level, name) in [(SOL_SOCKET, SO_BROADCAST), (IPPROTO_IP, IP_RECVPKTINFO)] {
            process.setsockopt(fd, level, name, &OptionValue::Number(1)).unwrap();
        }
        process.bind(fd, &SocketAddress::Inet(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67))).unwrap();
        Self {
            kernel,
            process,
            fd,
            address,
            gives: gives.into(),
            lease_seconds: 1000,
            is_up: true,
            options: vec![(code::SUBNET_MASK, vec![255, 255, 255, 0])],
            heard: Vec::new(),
        }
    }

    pub fn set(&mut self, code: u8, content: &[u8]) {
        self.options.retain(|(other, _)| *other != code);
        self.options.push((code, content.to_vec()));
    }

    /// What it got of a kind.
    pub fn heard(&self, kind: Kind) -> Vec<&(Message, Ipv4Addr)> {
        self.heard.iter().filter(|(message, _)| message.kind == kind).collect()
    }

    /// Answers whether it had something to do.
    fn serve(&mut self) -> bool {
        let mut buffer = [0; 2000];
        let Ok(received) = self.process.recvmsg(self.fd, &mut [&mut buffer], 0, MessageFlags::DONTWAIT)
        else {
            return false;
        };
        let Some(SocketAddress::Inet(from)) = received.from else { panic!() };
        let message = Message::parse(&buffer[..received.length]).unwrap();
        if !self.is_up {
            return true;
        }
        self.heard.push((message.clone(), *from.ip()));
        let chosen = message.options.address(code::SERVER);
        if chosen.is_some_and(|chosen| chosen != self.address) {
            return true;
        }
        let asked = message.options.address(code::REQUESTED_ADDRESS).unwrap_or(message.client);
        let mut reply = match message.kind {
            Kind::Discover => message.reply(Kind::Offer, self.address, self.gives),
            Kind::Request if asked == self.gives => message.reply(Kind::Ack, self.address, asked),
            Kind::Request => message.reply(Kind::Nak, self.address, Ipv4Addr::UNSPECIFIED),
            Kind::Inform => message.reply(Kind::Ack, self.address, Ipv4Addr::UNSPECIFIED),
            _ => return true,
        };
        if reply.kind != Kind::Nak {
            self.options.iter().for_each(|(code, content)| reply.options.set(*code, content));
        }
        if reply.kind != Kind::Nak && message.kind != Kind::Inform {
            reply.options.set(code::LEASE_TIME, &self.lease_seconds.to_be_bytes());
        }
        let to = if message.client.is_unspecified() { Ipv4Addr::BROADCAST } else { message.client };
        let to = SocketAddress::Inet(SocketAddrV4::new(to, 68));
        let control = [Control::PacketInfo { to: self.address.into(), interface: 2 }];
        let bytes = reply.emit();
        let message =
            SendMessage { parts: &[&bytes], to: Some(&to), control: &control, ..SendMessage::default() };
        self.process.sendmsg(self.fd, &message, MessageFlags::empty()).unwrap();
        true
    }
}

/// All of it.
pub struct World {
    pub host: Arc<SimHost>,
    pub wire: Wire,
    pub servers: Vec<Server>,
    pub kernel: Kernel,
    pub interface: Interface,
    /// Others that have something to do.
    pub others: Vec<Kernel>,
}

impl World {
    /// A kernel with one interface, and a server that gives 10.0.0.7.
    pub fn new() -> Self {
        let host = SimHost::new(1);
        let wire = Wire::new();
        let servers = vec![Server::new(&host, &wire, [10, 0, 0, 1], [10, 0, 0, 7])];
        let kernel = kernel(&host);
        let interface = attach(&kernel, "eth0", &wire);
        Self { host, wire, servers, kernel, interface, others: Vec::new() }
    }

    pub fn start(&self) -> Client {
        Client::start(&self.kernel, &self.interface, Options::default()).unwrap()
    }

    /// Lets time pass.
    pub fn run(&mut self, clients: &[&Client], time: Duration) {
        let end = self.host.monotonic() + time;
        loop {
            let due = self.settle(clients);
            let now = self.host.monotonic();
            let next = due.map_or(end, |due| due.max(now + Duration::from_micros(1)).min(end));
            if now >= end {
                return;
            }
            self.host.advance(next - now);
        }
    }

    /// Until nobody has anything to do now; answers when somebody has.
    fn settle(&mut self, clients: &[&Client]) -> Option<Duration> {
        // What one does may be something to do for another that was asked before.
        let mut before = None;
        for _ in 0..MOST_ROUNDS {
            let kernels = [&self.kernel].into_iter().chain(&self.others);
            let kernels = kernels.chain(self.servers.iter().map(|server| &server.kernel));
            let due = kernels
                .filter_map(Kernel::poll_network)
                .chain(clients.iter().filter_map(|client| client.poll()));
            let due = due.min();
            let was_busy =
                self.servers.iter_mut().filter_map(|server| server.serve().then_some(())).count() > 0;
            let is_later = due.is_none_or(|due| due > self.host.monotonic());
            if !was_busy && is_later && before == Some(due) {
                return due;
            }
            before = Some(due);
        }
        panic!("they keep each other busy");
    }

    pub fn domain(&self) -> Arc<dyn Domain> {
        self.kernel.protocols(AddressFamily::Inet).unwrap()
    }

    pub fn network<T>(&self, look: impl FnOnce(&dyn Network) -> T) -> T {
        look(self.domain().network().unwrap())
    }

    pub fn addresses(&self) -> Vec<AddressInfo> {
        self.network(|network| network.addresses(self.interface.number()).unwrap())
    }

    /// Its routes, but for those of the loopback.
    pub fn routes(&self) -> Vec<RouteInfo> {
        let is_other = |route: &RouteInfo| !route.destination.is_loopback();
        routes(&self.kernel).unwrap().into_iter().filter(is_other).collect()
    }

    pub fn resolv_conf(&self) -> Option<String> {
        resolv_conf(&self.kernel)
    }
}

/// What is in it, without comments.
pub fn resolv_conf(kernel: &Kernel) -> Option<String> {
    let process = kernel.process();
    let fd = process.open("/etc/resolv.conf", OpenFlags::empty(), Mode::new(0)).ok()?;
    let mut bytes = [0; 4096];
    let length = process.read(fd, &mut bytes).unwrap();
    process.close(fd).unwrap();
    let text = String::from_utf8(bytes[..length].to_vec()).unwrap();
    Some(text.lines().filter(|line| !line.starts_with('#')).map(|line| format!("{line}\n")).collect())
}

pub fn ip(octets: [u8; 4]) -> IpAddr {
    octets.into()
}
