//! Network devices: what carries packets to and from a stack.

use crate::link::Role;
use crate::packet::Packet;
use crate::port::Port;
use crate::{KResult, WaitQueue};
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use bitflags::bitflags;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::time::Duration;
use rump_abi::TcpState;
use rump_abi::netbsd::statistics::Counted;

/// What a device carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Frames of Ethernet, without their check sequence.
    Ethernet {
        /// The device's own address.
        address: [u8; 6],
    },
    /// Packets of IP, as a tunnel has them.
    Ip,
    /// Packets of IP that come back.
    Loopback,
}

bitflags! {
    /// What a device does for the stack.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Offloads: u32 {
        /// Makes missing checksums ([`crate::packet::Checksum::Missing`]).
        const CHECKSUM = 0x1;
        /// Cuts TCP over IPv4.
        const TCP4 = 0x2;
        /// Cuts TCP over IPv6.
        const TCP6 = 0x4;
        /// Cuts UDP.
        const UDP = 0x8;
    }
}

/// What a stack has to know of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// What it carries.
    pub medium: Medium,
    /// Most bytes of IP in a packet that is not to be cut.
    pub mtu: u32,
    /// What it does.
    pub offloads: Offloads,
}

/// How fast a cable is, and what is known of it besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Media {
    /// Mbit/s, if that is known.
    pub speed: Option<u32>,
    /// Whether both sides send at once, if that is known.
    pub duplex: Option<Duplex>,
    /// Both sides agreed on that.
    pub is_negotiated: bool,
    /// It is a twisted pair, or the host says so of what is no cable.
    pub is_twisted_pair: bool,
}

/// Who sends when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplex {
    /// One side after the other.
    Half,
    /// Both at once.
    Full,
}

/// A network device.
pub trait NetworkDevice: Send + Sync {
    /// What it is.
    fn info(&self) -> DeviceInfo;

    /// Sends packets in order, as many as it takes without waiting; those are removed. What it cannot send at all it
    /// drops. Errors: ENETDOWN (the device is gone).
    fn send(&self, packets: &mut Vec<Packet>) -> KResult<()>;

    /// From now on, what comes is given to `receiver`.
    fn start(&self, receiver: Arc<dyn Receiver>) -> KResult<()>;

    /// Nothing is given to the receiver any more once this returns.
    fn stop(&self);

    /// Whether there is somebody at the other end of its cable, as far as it can tell.
    fn has_carrier(&self) -> bool {
        true
    }

    /// What cable it is at; none if it is at none, or nothing is known.
    fn media(&self) -> Option<Media> {
        None
    }

    /// Does what is due; answers when to be called again, by the monotonic clock. The kernel asks devices of an
    /// [`InterfaceKind`](crate::link::InterfaceKind), others are asked by whoever attached them; who has something due earlier than it said says so by
    /// [`NetEnvironment::poll_soon`](crate::socket::NetEnvironment::poll_soon).
    fn poll(&self) -> Option<Duration> {
        None
    }

    /// What there is to configure.
    fn role(&self) -> Role<'_> {
        Role::Plain
    }

    /// Tells it of its interface's port, before it is started.
    fn attached(&self, port: &Weak<Port>) {
        let _ = port;
    }

    /// The interfaces that it sends through.
    fn below(&self) -> Vec<Arc<Port>> {
        Vec::new()
    }
}

/// Who takes what a device receives.
pub trait Receiver: Send + Sync {
    /// Takes packets, in order.
    fn receive(&self, packets: Vec<Packet>);

    /// What the device is has changed, or whether it has a carrier: [`NetworkDevice::info`] and
    /// [`NetworkDevice::has_carrier`] tell. Not to be called under a lock that this takes.
    fn changed(&self) {}
}

/// An interface, as configuration sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// What its device is.
    pub device: DeviceInfo,
    /// Packets pass.
    pub is_up: bool,
    /// The device is connected to something.
    pub has_carrier: bool,
    /// How often it was connected, since it was made.
    pub connections: u64,
    /// Its addresses, each with the length of its network's prefix.
    pub addresses: Vec<(IpAddr, u8)>,
    /// What went through.
    pub statistics: Statistics,
}

/// What went through an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Packets that came.
    pub packets_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Those that were malformed.
    pub errors_in: u64,
    /// Packets that were sent.
    pub packets_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Of those that came, frames to groups or to all.
    pub groups_in: u64,
    /// Of those that were sent, frames to groups or to all.
    pub groups_out: u64,
    /// Of those that came, sound ones that were dropped: the interface was down, nobody speaks their protocol on a link, or a
    /// socket had no room.
    pub drops_in: u64,
    /// Packets that were to be sent and that the device had no room for.
    pub drops_out: u64,
}

/// What can be done with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressState {
    /// It is not used yet: somebody else may have it.
    Tentative,
    /// Somebody else has it: it is not used.
    Duplicate,
    /// It is used.
    Preferred,
    /// It is used as long as there is no other; what is begun should have another.
    Deprecated,
}

/// An address of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressInfo {
    /// Which.
    pub address: IpAddr,
    /// Length of its network's prefix.
    pub length: u8,
    /// What can be done with it.
    pub state: AddressState,
    /// How much longer it is preferred; `None`: for ever.
    pub preferred: Option<Duration>,
    /// How much longer it is there; `None`: for ever.
    pub valid: Option<Duration>,
}

/// A neighbour on the link of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourInfo {
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address.
    pub hardware: [u8; 6],
}

/// Where packets of a route go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// To the destination itself, on the link of an interface.
    Interface(u32),
    /// To a router on a link.
    Router(IpAddr),
    /// Nowhere, and the sender is told.
    Reject,
    /// Nowhere.
    Blackhole,
}

/// A route, as configuration sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// Where its prefix begins.
    pub destination: IpAddr,
    /// How many bits of it count.
    pub length: u8,
    /// Where its packets go.
    pub gateway: Gateway,
    /// The lower of two counts.
    pub metric: u32,
}

/// Who resolves names for those who reach it through an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverInfo {
    /// Number of the interface; those of the loopback are the host's own.
    pub interface: u32,
    /// Name servers, the preferred first. One with an address of a link is on that of the interface.
    pub servers: Vec<IpAddr>,
    /// Domains that a name without dots may be in, the preferred first.
    pub domains: Vec<String>,
}

/// How often something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The protocol, or `drops`: why packets were dropped, whatever their protocol.
    pub protocol: &'static str,
    /// What, about as netstat(1) says it.
    pub what: &'static str,
    /// How often since the beginning.
    pub count: u64,
}

impl Counter {
    /// What is told of a protocol's array.
    pub fn of(of: Counted, array: Vec<u64>) -> impl Iterator<Item = Self> {
        of.told().iter().map(move |(place, what)| {
            let count = array.get(*place).copied().unwrap_or(0);
            Self { protocol: of.name(), what, count }
        })
    }
}

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketProtocol {
    /// A connection of TCP, or one to be.
    Tcp(TcpState),
    /// Datagrams of UDP.
    Udp,
    /// Packets of a protocol.
    Raw(u8),
}

/// A socket, or what a program left of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketInfo {
    /// What tells it from other sockets: not zero, and no multiple of four.
    pub pcb: u64,
    /// What it carries.
    pub protocol: SocketProtocol,
    /// Its own address; port zero before it has one.
    pub local: SocketAddr,
    /// The other's, if there is one.
    pub remote: Option<SocketAddr>,
    /// Bytes that wait to be received; of one that listens, connections.
    pub received: usize,
    /// Bytes that wait to be sent, or to be acknowledged.
    pub to_send: usize,
}

/// Configuration of interfaces and routes.
pub trait Network: Send + Sync {
    /// Makes an interface of a device, which is down. Answers its number. Errors: EEXIST, those of the device.
    fn attach(&self, name: &str, device: Arc<dyn NetworkDevice>) -> KResult<u32>;

    /// Takes an interface away, with its addresses and routes. Errors: ENXIO.
    fn detach(&self, number: u32) -> KResult<()>;

    /// Makes an interface that needs no device: `lo1`, `lo2` and so on, which are down. Answers its number.
    ///
    /// Errors: EEXIST, EINVAL (no such kind can be made).
    fn create(&self, name: &str) -> KResult<u32>;

    /// Where others join an interface. Errors: ENXIO, EOPNOTSUPP (it has no device).
    fn port(&self, number: u32) -> KResult<Arc<Port>>;

    /// Changes an interface's own hardware address, which others on its link forget by themselves. Errors: ENXIO, EINVAL (it
    /// has none, or the address is one of a group).
    fn set_hardware(&self, number: u32, address: [u8; 6]) -> KResult<()>;

    /// Lets packets pass, or not. Errors: ENXIO.
    fn set_up(&self, number: u32, is_up: bool) -> KResult<()>;

    /// Says whether an interface follows what routers of IPv6 tell; at first it does, as far as the settings let it.
    /// What it learned before is forgotten where it no longer does. Errors: ENXIO.
    fn set_autoconf(&self, number: u32, is_followed: bool) -> KResult<()>;

    /// Says how many bytes of IP a packet has at most. Errors: ENXIO, EINVAL (less than IPv4 needs, or more than the
    /// device takes).
    fn set_mtu(&self, number: u32, mtu: u32) -> KResult<()>;

    /// Gives an interface an address, and a route to its network; one of IPv6 is tentative at first. Errors: ENXIO, EAFNOSUPPORT, EADDRNOTAVAIL, EEXIST.
    fn add_address(&self, number: u32, address: IpAddr, length: u8) -> KResult<()>;

    /// The same for an address of IPv4 that others may have: they are asked in any case, and until then it is tentative
    /// (RFC 5227). If somebody has it, it is gone. Where nobody can be asked, it is there at once. Errors: as above.
    fn claim_address(&self, number: u32, address: Ipv4Addr, length: u8) -> KResult<()>;

    /// Takes it away. Errors: ENXIO, EAFNOSUPPORT, EADDRNOTAVAIL.
    fn remove_address(&self, number: u32, address: IpAddr) -> KResult<()>;

    /// The addresses of an interface, with their states. Errors: ENXIO.
    fn addresses(&self, number: u32) -> KResult<Vec<AddressInfo>>;

    /// Who is known on the link of an interface. Errors: ENXIO.
    fn neighbours(&self, number: u32) -> KResult<Vec<NeighbourInfo>>;

    /// Adds a route. Errors: EAFNOSUPPORT, ENETUNREACH (the router is on no link), ENXIO, EEXIST.
    fn add_route(&self, route: &RouteInfo) -> KResult<()>;

    /// Removes the first route of a prefix. Errors: EAFNOSUPPORT, ESRCH.
    fn remove_route(&self, destination: IpAddr, length: u8) -> KResult<()>;

    /// Removes the route of a prefix that has just this gateway and metric. Errors: EAFNOSUPPORT, ESRCH.
    fn remove_exact_route(&self, route: &RouteInfo) -> KResult<()>;

    /// All interfaces, in order of numbers.
    fn interfaces(&self) -> Vec<InterfaceInfo>;

    /// All routes, of IPv4 and then of IPv6, those of the longest prefixes first; those that routers told of as well.
    fn routes(&self) -> Vec<RouteInfo>;

    /// What sysctl(3) tells below `net.route.0`, in messages of route(4); `name` has a family, what is wanted, and an argument.
    /// Errors: EINVAL (there is no such thing).
    fn routing_table(&self, name: &[i32]) -> KResult<Vec<u8>>;

    /// Who resolves names: for each interface what was set, and then what routers told (RFC 8106), as far as it lasts.
    fn resolvers(&self) -> Vec<ResolverInfo>;

    /// Says who resolves names on an interface, in place of what was set before. Errors: ENXIO.
    fn set_resolver(&self, resolver: &ResolverInfo) -> KResult<()>;

    /// The array of what a protocol counts, with NetBSD's places.
    fn statistics(&self, of: Counted) -> Vec<u64>;

    /// What was counted, those of one protocol together, and then why packets were dropped.
    fn counters(&self) -> Vec<Counter>;

    /// All sockets, in the order in which they were made, those of connections first.
    fn sockets(&self) -> Vec<SocketInfo>;

    /// Who waits here is woken when an address can be used, or no longer, when an interface goes up or down, gets or loses
    /// its carrier or is taken away, and when [`resolvers`](Self::resolvers) answers something else.
    fn changes(&self) -> Arc<WaitQueue>;

    /// A choice of the administrator, by the name that sysctl(7) has for it, such as `net.inet6.ip6.forwarding`.
    /// Errors: ENOENT.
    fn setting(&self, name: &str) -> KResult<i64>;

    /// Changes it. Errors: ENOENT, EINVAL.
    fn set_setting(&self, name: &str, value: i64) -> KResult<()>;
}
