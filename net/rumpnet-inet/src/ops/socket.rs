//! Sockets of datagrams, as the kernel sees them.

use super::options::{self, Level};
use super::{Shared, address_of, check_port, name_of};
use crate::address::{self, Version};
use crate::interface::InterfaceId;
use crate::sockets::{Ancillary, Datagram, Kind, Received, SocketId, SocketOptions};
use crate::stack::Stack;
use crate::time::Instant;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::{BufMut, BytesMut};
use core::net::IpAddr;
use rump_kpi::packet::Packet;
use rump_kpi::socket::{Amounts, Caller, Control, Incoming, Name, OptionValue, Outgoing, Socket};
use rump_kpi::{
    AddressFamily, Errno, KResult, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, TimeSpec,
    WaitQueue,
};

/// Of a second.
const NANOSECONDS: i128 = 1_000_000_000;

/// A datagram that was taken, none if nothing comes any more, and what comes with it.
type Taken = (Option<Received>, Vec<Control>);

/// A socket of datagrams.
pub struct Datagrams {
    shared: Arc<Shared>,
    id: SocketId,
    kind: SocketType,
    version: Version,
    waiters: Arc<WaitQueue>,
}

impl Datagrams {
    /// Of a socket that was made just now. Errors: EBADF.
    pub(super) fn new(shared: Arc<Shared>, id: SocketId, kind: SocketType) -> KResult<Self> {
        let (version, waiters) = {
            let stack = shared.stack.lock();
            let socket = stack.sockets.find(id)?;
            (socket.version, socket.waiters().clone())
        };
        Ok(Self { shared, id, kind, version, waiters })
    }

    /// What the stack is given to send. Errors: EOPNOTSUPP (out of band), EAFNOSUPPORT, EMSGSIZE.
    fn datagram(&self, message: &Outgoing<'_>) -> Result<Datagram, Errno> {
        if message.flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        let to = message.to.as_ref().map(|to| address_of(self.version, to)).transpose()?;
        let length = length_of(message);
        if length > usize::from(u16::MAX) {
            return Err(Errno::EMSGSIZE);
        }
        let mut content = BytesMut::with_capacity(length);
        message.parts.iter().for_each(|part| content.put_slice(part));
        let dont_route = message.flags.contains(MessageFlags::DONTROUTE);
        let ancillary = Ancillary { dont_route, ..ancillary(&message.control) };
        Ok(Datagram { to, content: Packet::with_content([content.freeze()]), ancillary })
    }

    /// What a program gets of a datagram.
    fn incoming(&self, (received, control): Taken, parts: &mut [&mut [u8]], flags: MessageFlags) -> Incoming {
        // Nothing comes any more.
        let Some(received) = received else { return Incoming::default() };
        let copied = copy(&received.content, parts);
        let mut told = MessageFlags::empty();
        told.set(MessageFlags::TRUNC, copied < received.content.len());
        told.set(MessageFlags::MCAST, received.to.is_multicast());
        told.set(MessageFlags::BCAST, address::is_all(received.to));
        let length = if flags.contains(MessageFlags::TRUNC) { received.content.len() } else { copied };
        Incoming { length, from: Some(name_of(self.version, received.from)), control, flags: told }
    }

    /// Takes a datagram from its queue. Errors: those of [`Stack::receive_datagram`].
    fn take(&self, stack: &mut Stack, peek: bool) -> Result<Taken, Errno> {
        let received = stack.receive_datagram(self.id, peek)?;
        let options = &stack.sockets.find(self.id)?.options;
        let Some(received) = received else { return Ok((None, Vec::new())) };
        let mut control = control_of(&received, self.version, options);
        if options.tells_time {
            control.push(Control::Timestamp(self.wall_time(received.arrived)));
        }
        Ok((Some(received), control))
    }

    /// What time it was, by the wall clock as it is now.
    fn wall_time(&self, then: Instant) -> TimeSpec {
        let environment = &self.shared.environment;
        let age = (environment.monotonic)().saturating_sub(then).as_nanos() as i128;
        let now = (environment.now)();
        let time = i128::from(now.sec) * NANOSECONDS + i128::from(now.nsec) - age;
        TimeSpec { sec: time.div_euclid(NANOSECONDS) as i64, nsec: time.rem_euclid(NANOSECONDS) as u32 }
    }

    fn look<T>(&self, look: impl FnOnce(&mut Stack) -> Result<T, Errno>) -> KResult<T> {
        Ok(look(&mut self.shared.stack.lock())?)
    }
}

impl Drop for Datagrams {
    fn drop(&mut self) {
        let _ = self.shared.drive(|stack, _| stack.close(self.id));
    }
}

impl Socket for Datagrams {
    fn kind(&self) -> SocketType {
        self.kind
    }

    fn family(&self) -> AddressFamily {
        self.version.family()
    }

    fn pcb(&self) -> u64 {
        self.id.pcb()
    }

    fn bind(&self, name: &Name, caller: Caller) -> KResult<()> {
        let address = address_of(self.version, name)?;
        check_port(address, caller)?;
        self.look(|stack| stack.bind(self.id, address))
    }

    fn listen(&self, _backlog: u32, _caller: Caller) -> KResult<()> {
        Err(Errno::EOPNOTSUPP.into())
    }

    fn accept(&self) -> KResult<(Arc<dyn Socket>, SocketAddress)> {
        Err(Errno::EOPNOTSUPP.into())
    }

    fn connect(&self, name: &Name, _caller: Caller) -> KResult<()> {
        if *name == Name::Address(SocketAddress::Unspecified) {
            return self.look(|stack| stack.disconnect(self.id));
        }
        let address = address_of(self.version, name)?;
        self.look(|stack| stack.connect(self.id, address))
    }

    fn send(&self, message: &mut Outgoing<'_>) -> KResult<usize> {
        let datagram = self.datagram(message)?;
        self.shared.drive(|stack, now| stack.send_datagrams(now, self.id, [Ok(datagram)])).1?;
        Ok(length_of(message))
    }

    fn send_batch(&self, messages: &mut [Outgoing<'_>]) -> (usize, KResult<()>) {
        let datagrams: Vec<_> = messages.iter().map(|message| self.datagram(message)).collect();
        let (sent, result) = self.shared.drive(|stack, now| stack.send_datagrams(now, self.id, datagrams));
        (sent, result.map_err(Into::into))
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let taken = self.look(|stack| self.take(stack, flags.contains(MessageFlags::PEEK)))?;
        Ok(self.incoming(taken, parts, flags))
    }

    fn receive_batch(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
        messages: &mut Vec<Incoming>,
    ) -> KResult<()> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let mut all = Vec::new();
        let result = self.look(|stack| {
            (0..buffers.len()).try_for_each(|_| {
                all.push(self.take(stack, peek)?);
                Ok(())
            })
        });
        // The lock is not held while they are copied.
        for (taken, buffer) in all.into_iter().zip(buffers) {
            messages.push(self.incoming(taken, &mut [buffer], flags));
        }
        result
    }

    fn shutdown(&self, how: Shutdown) -> KResult<()> {
        Ok(self.shared.drive(|stack, _| stack.shutdown(self.id, how))?)
    }

    fn local_address(&self) -> KResult<SocketAddress> {
        self.look(|stack| Ok(name_of(self.version, stack.sockets.find(self.id)?.local)))
    }

    fn peer_address(&self) -> KResult<SocketAddress> {
        self.look(|stack| {
            let remote = stack.sockets.find(self.id)?.remote.ok_or(Errno::ENOTCONN)?;
            Ok(name_of(self.version, remote))
        })
    }

    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> KResult<()> {
        let level = Level::of(level)?;
        // Who joins a group has something to say on the wire.
        Ok(self.shared.drive(|stack, _| options::set(stack, self.id, (level, name), value))?)
    }

    fn option(&self, level: i32, name: i32) -> KResult<OptionValue> {
        self.look(|stack| options::find(stack, self.id, (Level::of(level)?, name)))
    }

    fn ready(&self) -> PollEvents {
        self.look(|stack| Ok(stack.sockets.find(self.id)?.ready())).unwrap_or(PollEvents::NVAL)
    }

    fn amounts(&self) -> Amounts {
        self.look(|stack| {
            let socket = stack.sockets.find(self.id)?;
            Ok(Amounts { to_receive: socket.first_bytes(), to_send: socket.options.send_bytes })
        })
        .unwrap_or_default()
    }

    fn waiters(&self) -> &Arc<WaitQueue> {
        &self.waiters
    }
}

fn length_of(message: &Outgoing<'_>) -> usize {
    message.parts.iter().map(|part| part.len()).sum()
}

/// What a message has otherwise than its socket; what means nothing here is passed over.
fn ancillary(control: &[Control]) -> Ancillary {
    let mut ancillary = Ancillary::default();
    let chosen = |source: IpAddr| Some(source.to_canonical()).filter(|source| !source.is_unspecified());
    for control in control {
        match *control {
            Control::PacketInfo { to, interface } => {
                ancillary.source = chosen(to);
                ancillary.interface = Some(InterfaceId(interface)).filter(|id| id.0 != 0);
            }
            Control::Destination(source) => ancillary.source = chosen(source.into()),
            Control::HopLimit(limit) => ancillary.hop_limit = Some(limit),
            Control::TrafficClass(class) => ancillary.traffic_class = Some(class),
            Control::SegmentBytes(size) => ancillary.segment_bytes = Some(size),
            Control::Rights(_) | Control::Credentials(_) | Control::Timestamp(_) => {}
        }
    }
    ancillary
}

fn control_of(received: &Received, version: Version, options: &SocketOptions) -> Vec<Control> {
    let mut control = Vec::new();
    if options.tells_address {
        // To a program of IPv6 all addresses are such.
        let to = match received.to {
            IpAddr::V4(to) if version == Version::V6 => to.to_ipv6_mapped().into(),
            to => to,
        };
        control.push(Control::PacketInfo { to, interface: received.interface.0 });
    }
    if let (true, IpAddr::V4(to)) = (options.tells_destination, received.to) {
        control.push(Control::Destination(to));
    }
    if options.tells_hop_limit {
        control.push(Control::HopLimit(received.hop_limit));
    }
    if options.tells_traffic_class {
        control.push(Control::TrafficClass(received.traffic_class));
    }
    control.extend(received.segment_bytes.map(Control::SegmentBytes));
    control
}

/// Answers how many bytes there was room for.
fn copy(packet: &Packet, parts: &mut [&mut [u8]]) -> usize {
    let mut parts = parts.iter_mut();
    let (mut part, mut filled, mut total) = (parts.next(), 0, 0);
    for chunk in packet.chunks() {
        let mut rest = chunk;
        while let Some(target) = part.as_mut().filter(|_| !rest.is_empty()) {
            let count = rest.len().min(target.len() - filled);
            target[filled..filled + count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            (filled, total) = (filled + count, total + count);
            if filled == target.len() {
                (part, filled) = (parts.next(), 0);
            }
        }
    }
    total
}

impl Kind {
    /// Whether the kind has ports.
    pub fn has_ports(self) -> bool {
        self == Self::Udp
    }
}
