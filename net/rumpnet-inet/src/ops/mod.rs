//! Translation to rump-kpi: the family in a kernel, its devices, and its sockets.

mod loopback;
mod network;
mod options;
mod options_v4;
mod options_v6;
mod routing;
mod settings;
mod socket;
mod stream;
mod stream_options;

use crate::address::{self, Version};
use crate::interface::InterfaceId;
use crate::stack::{LOOPBACK, Stack};
use crate::time::Instant;
use crate::wire::ipv4::Protocol;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{SocketAddr, SocketAddrV6};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use routing::{Clock, Hub, RouteSocket};
use rump_kpi::device::{Network, NetworkDevice};
use rump_kpi::packet::Packet;
use rump_kpi::port::Port;
use rump_kpi::socket::{Caller, Domain, Name, NetEnvironment, ProtocolFamily, Socket};
use rump_kpi::sync::{Mutex, RwLock};
use rump_kpi::{AddressFamily, Errno, KResult, SocketAddress, SocketType};
use socket::Datagrams;
use stream::Stream;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// IPv6 as a family of its own, in the domain of [`Inet`].
pub struct Inet6;

impl ProtocolFamily for Inet6 {
    fn families(&self) -> &'static [AddressFamily] {
        &[AddressFamily::Inet6]
    }

    fn within(&self) -> Option<AddressFamily> {
        Some(AddressFamily::Inet)
    }

    fn attach(&self, _environment: &NetEnvironment) -> KResult<Arc<dyn Domain>> {
        Err(Errno::EAFNOSUPPORT.into())
    }
}

/// The stack.
pub struct Inet {
    /// Those whose sockets it makes by itself.
    pub families: &'static [AddressFamily],
}

impl ProtocolFamily for Inet {
    fn families(&self) -> &'static [AddressFamily] {
        self.families
    }

    fn attach(&self, environment: &NetEnvironment) -> KResult<Arc<dyn Domain>> {
        let mut seed = [0; 8];
        (environment.random)(&mut seed);
        let loopback = loopback::port();
        let shared = Arc::new(Shared {
            stack: Mutex::new(Stack::new(u64::from_le_bytes(seed))),
            outbox: Mutex::default(),
            ports: RwLock::new(BTreeMap::from([(LOOPBACK, loopback.clone())])),
            loopback: loopback.clone(),
            environment: environment.clone(),
            deadline: AtomicU64::new(NEVER),
            hub: Hub::default(),
        });
        let input = network::Input { shared: Arc::downgrade(&shared), id: LOOPBACK, link_bytes: 0 };
        loopback.start(Arc::new(input))?;
        Ok(Arc::new(InetDomain { shared }))
    }
}

/// Packets that wait for a device, when more are lost.
const MOST_WAITING: usize = 16_384;
/// How often one thread sends what others made meanwhile, before it leaves that to the kernel's.
const MOST_ROUNDS: usize = 64;

/// What the stack made and no device has yet, in order. One thread at a time sends, so that it stays in order: out of it,
/// segments of TCP look lost.
#[derive(Default)]
struct Outbox {
    packets: Vec<(InterfaceId, Packet)>,
    is_busy: bool,
}

impl Outbox {
    fn add(&mut self, mut packets: Vec<(InterfaceId, Packet)>) {
        packets.truncate(MOST_WAITING.saturating_sub(self.packets.len()));
        self.packets.append(&mut packets);
    }
}

/// What sockets, devices and the kernel share.
struct Shared {
    stack: Mutex<Stack>,
    /// Taken under that of the stack; a leaf.
    outbox: Mutex<Outbox>,
    ports: RwLock<BTreeMap<InterfaceId, Arc<Port>>>,
    /// That of `lo0`, which is among them.
    loopback: Arc<Port>,
    environment: NetEnvironment,
    /// When the kernel polls next, in nanoseconds.
    deadline: AtomicU64,
    /// Who is told of routes and interfaces.
    hub: Hub,
}

impl Shared {
    /// Does something with the stack; sends what comes of it, and wakes who waited for it. If something is due earlier
    /// than before, the kernel is asked for a poll, once.
    fn drive<T>(&self, call: impl FnOnce(&mut Stack, Instant) -> T) -> T {
        let (answer, deadline) = self.step(call);
        if deadline < self.deadline.fetch_min(deadline, Ordering::AcqRel) {
            (self.environment.poll_soon)();
        }
        answer
    }

    /// The same, but for asking: answers when something is due, in nanoseconds.
    fn step<T>(&self, call: impl FnOnce(&mut Stack, Instant) -> T) -> (T, u64) {
        let (answer, has_sent, changed, deadline) = {
            let mut stack = self.stack.lock();
            stack.is_overheard = self.loopback.has_guests();
            let answer = call(&mut stack, (self.environment.monotonic)());
            let told = self.hub.tell_changes(&mut stack, || self.clock());
            let sent = stack.take_sent();
            let has_sent = !sent.is_empty();
            if has_sent {
                self.outbox.lock().add(sent);
            }
            let mut changed = stack.take_changed();
            changed.extend(told);
            (answer, has_sent, changed, stack.next_deadline())
        };
        // Who waited goes on while this sends.
        changed.iter().for_each(|waiters| waiters.wake());
        if has_sent {
            self.transmit();
        }
        (answer, deadline.map_or(NEVER, |deadline| deadline.as_nanos() as u64))
    }

    /// What time it is.
    fn clock(&self) -> Clock {
        Clock { now: (self.environment.monotonic)(), wall: (self.environment.now)().sec }
    }

    /// Sends what waits, unless another thread does: that sees what came meanwhile.
    fn transmit(&self) {
        let mut is_mine = false;
        for round in 0..=MOST_ROUNDS {
            let packets = {
                let mut outbox = self.outbox.lock();
                if outbox.is_busy && !is_mine {
                    return;
                }
                is_mine = !outbox.packets.is_empty() && round < MOST_ROUNDS;
                outbox.is_busy = is_mine;
                match is_mine {
                    true => core::mem::take(&mut outbox.packets),
                    false if outbox.packets.is_empty() => return,
                    false => break,
                }
            };
            self.hand_to_devices(packets);
        }
        (self.environment.poll_soon)();
    }

    fn hand_to_devices(&self, sent: Vec<(InterfaceId, Packet)>) {
        let mut by_device: BTreeMap<InterfaceId, Vec<Packet>> = BTreeMap::new();
        for (id, packet) in sent {
            by_device.entry(id).or_default().push(packet);
        }
        for (id, mut packets) in by_device {
            let port = self.ports.read().get(&id).cloned();
            // What a device does not take is lost, as on a wire.
            if let Some(Err(error)) = port.map(|port| port.send(&mut packets)) {
                (self.environment.log)(&alloc::format!("inet: interface {}: {error}", id.0));
            }
            if !packets.is_empty() {
                self.stack.lock().note_lost(id, packets.len());
            }
        }
    }
}

/// What a program calls an address, for a socket of a version. One of IPv4 in the form of IPv6 is one of IPv4 (RFC 4291,
/// section 2.5.5.2). Errors: EAFNOSUPPORT.
fn address_of(version: Version, name: &Name) -> Result<SocketAddr, Errno> {
    match (version, name) {
        (Version::V4, Name::Address(SocketAddress::Inet(address))) => Ok((*address).into()),
        (Version::V6, Name::Address(SocketAddress::Inet6(address))) => {
            let ip = address.ip().to_canonical();
            let zone = if address::is_of_link(ip) { address.scope_id() } else { 0 };
            Ok(address::endpoint(ip, address.port(), InterfaceId(zone)))
        }
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// The same the other way.
fn name_of(version: Version, address: SocketAddr) -> SocketAddress {
    match (version, address) {
        (Version::V4, SocketAddr::V4(address)) => SocketAddress::Inet(address),
        (_, SocketAddr::V6(address)) => SocketAddress::Inet6(address),
        (Version::V6, SocketAddr::V4(address)) => {
            SocketAddress::Inet6(SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0))
        }
    }
}

/// Ports below are the superuser's.
const FIRST_FREE_PORT: u16 = 1024;

/// Errors: EACCES.
fn check_port(address: SocketAddr, caller: Caller) -> Result<(), Errno> {
    let is_reserved = (1..FIRST_FREE_PORT).contains(&address.port());
    if is_reserved && caller.uid != 0 { Err(Errno::EACCES) } else { Ok(()) }
}

/// The family in one kernel.
struct InetDomain {
    shared: Arc<Shared>,
}

impl Domain for InetDomain {
    fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        caller: Caller,
    ) -> KResult<Arc<dyn Socket>> {
        let version = match family {
            AddressFamily::Route if kind == SocketType::Raw => {
                return Ok(Arc::new(RouteSocket::new(self.shared.clone(), protocol)));
            }
            AddressFamily::Route => return Err(Errno::ESOCKTNOSUPPORT.into()),
            AddressFamily::Inet => Version::V4,
            AddressFamily::Inet6 => Version::V6,
            _ => return Err(Errno::EAFNOSUPPORT.into()),
        };
        if let (SocketType::Stream, Protocol(0) | Protocol::TCP) = (kind, Protocol(protocol)) {
            let id = self.shared.drive(|stack, _| stack.tcp_socket(version));
            return Ok(Arc::new(Stream::new(self.shared.clone(), id)?));
        }
        let id = match (kind, Protocol(protocol)) {
            (SocketType::Datagram, Protocol(0) | Protocol::UDP) => {
                self.shared.drive(|stack, _| stack.udp_socket(version))
            }
            (SocketType::Raw, _) if caller.uid != 0 => return Err(Errno::EACCES.into()),
            (SocketType::Raw, Protocol(0)) => return Err(Errno::EPROTONOSUPPORT.into()),
            (SocketType::Raw, protocol) => self.shared.drive(|stack, _| stack.raw_socket(version, protocol)),
            (SocketType::Datagram | SocketType::Stream, _) => return Err(Errno::EPROTONOSUPPORT.into()),
            _ => return Err(Errno::ESOCKTNOSUPPORT.into()),
        };
        Ok(Arc::new(Datagrams::new(self.shared.clone(), id, kind)?))
    }

    fn network(&self) -> Option<&dyn Network> {
        Some(self)
    }

    fn poll(&self) -> Option<Duration> {
        // Whoever has something due from now on asks, for all that this poll might miss.
        self.shared.deadline.store(NEVER, Ordering::Release);
        let ((), deadline) = self.shared.step(|stack, now| stack.poll(now));
        // What was left behind by who sent too much at once.
        self.shared.transmit();
        self.shared.deadline.fetch_min(deadline, Ordering::AcqRel);
        (deadline != NEVER).then(|| Duration::from_nanos(deadline))
    }
}
