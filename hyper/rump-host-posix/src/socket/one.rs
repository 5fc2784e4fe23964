//! One socket.
//!
//! The host's `close` would wait for `SO_LINGER`, nonblocking or not: a time is kept here, for who waits himself, and the
//! host is told of no time at all alone. Locks are leaves.

use super::calls::{self, ControlBuffer, Message};
use super::control::{self, Tells};
use super::readiness::{Readiness, Watch};
use super::{options, tcp_info};
use crate::errno;
use crate::numbers::moved;
use libc::c_int;
use rump_abi::sockopt::{IP_RECVDSTADDR, IP_RECVPKTINFO, IPPROTO_IP, SO_LINGER, SOL_SOCKET};
use rump_abi::{AddressFamily, Errno, MessageFlags, PollEvents, Shutdown, SocketType};
use rump_hyper::socket::{Amounts, HostSocket, Incoming, OptionValue, Outgoing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno as Host;
use rustix::net::{self, SocketAddrAny, SocketFlags};
use std::io::{IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

/// Parts that the host takes at once (`IOV_MAX`).
const MOST_PARTS: usize = 1024;
/// Messages that are sent or received at once; the host takes `IOV_MAX`.
const MOST_MESSAGES: usize = 256;
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
/// `TCP_CLOSE` of the host.
const CLOSED: u8 = 7;

/// Flags of messages by their numbers there.
const MESSAGE_FLAGS: &[(MessageFlags, c_int)] = &[
    (MessageFlags::OOB, libc::MSG_OOB),
    (MessageFlags::PEEK, libc::MSG_PEEK),
    (MessageFlags::DONTROUTE, libc::MSG_DONTROUTE),
    (MessageFlags::EOR, libc::MSG_EOR),
    (MessageFlags::TRUNC, libc::MSG_TRUNC),
    (MessageFlags::CTRUNC, libc::MSG_CTRUNC),
];

/// A socket of the host.
pub struct Socket {
    // Before the descriptor: its number is free once that is closed.
    watch: Watch,
    fd: OwnedFd,
    kind: SocketType,
    choices: Mutex<Choices>,
}

/// What the host does not keep.
#[derive(Clone, Copy, Default)]
struct Choices {
    linger: Option<Duration>,
    tells: Tells,
    /// It was shut down for reading.
    reads_no_more: bool,
}

impl Socket {
    /// Errors: as of [`rump_hyper::socket::HostSockets::socket`].
    pub fn open(
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        readiness: Arc<Readiness>,
        changed: Waker,
    ) -> Result<Self, Errno> {
        let family = match family {
            AddressFamily::Inet => net::AddressFamily::INET,
            AddressFamily::Inet6 => net::AddressFamily::INET6,
            AddressFamily::Unspecified | AddressFamily::Local | AddressFamily::Route => {
                return Err(Errno::EAFNOSUPPORT);
            }
        };
        let host_kind = match kind {
            SocketType::Stream => net::SocketType::STREAM,
            SocketType::Datagram => net::SocketType::DGRAM,
            SocketType::Raw => net::SocketType::RAW,
            SocketType::SeqPacket => net::SocketType::SEQPACKET,
        };
        let protocol = NonZeroU32::new(protocol.into()).map(net::Protocol::from_raw);
        let fd = net::socket_with(family, host_kind, FLAGS, protocol).map_err(errno::of_socket)?;
        Ok(Self::of(fd, kind, Choices::default(), Watch::new(readiness, changed)))
    }

    fn of(fd: OwnedFd, kind: SocketType, choices: Choices, watch: Watch) -> Self {
        Self { watch, fd: moved(fd), kind, choices: Mutex::new(choices) }
    }

    fn choices(&self) -> MutexGuard<'_, Choices> {
        self.choices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn is_stream(&self) -> bool {
        self.kind == SocketType::Stream
    }

    /// What the host says of a connection; none if it is none.
    fn tcp_info(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; tcp_info::MOST_BYTES];
        let length = calls::option(self.fd(), (libc::IPPROTO_TCP, libc::TCP_INFO), &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    }

    /// An option that is asked for in two ways.
    fn set_tells(&self, name: i32, value: &OptionValue) -> Result<(), Errno> {
        let OptionValue::Number(on) = value else { return Err(Errno::EINVAL) };
        let mut choices = self.choices();
        let mut tells = choices.tells;
        *if name == IP_RECVPKTINFO { &mut tells.packet_info } else { &mut tells.destination } = *on != 0;
        let is_told = c_int::from(tells.packet_info || tells.destination);
        let done = calls::set_option(self.fd(), (libc::IPPROTO_IP, libc::IP_PKTINFO), &is_told.to_ne_bytes());
        done.map_err(errno::of_socket)?;
        choices.tells = tells;
        Ok(())
    }

    /// What goes with a message, as the host reads it.
    fn control(&self, message: &Outgoing<'_>) -> Result<Vec<u8>, Errno> {
        if message.control.is_empty() {
            return Ok(Vec::new());
        }
        let like = message.to.map_or_else(|| self.peer_address().or_else(|_| self.local_address()), Ok);
        Ok(control::encode(message.control, &like?))
    }

    /// Sends the first of some messages, in one call; answers how many were sent, and how many were tried.
    fn send_some(&self, messages: &[Outgoing<'_>]) -> Result<(usize, usize), Errno> {
        let Some(first) = messages.first() else { return Ok((0, 0)) };
        if first.parts.len() > MOST_PARTS {
            return self.send(first).map(|_| (1, 1));
        }
        // One call has one set of flags.
        let is_alike =
            |message: &&Outgoing<'_>| message.flags == first.flags && message.parts.len() <= MOST_PARTS;
        let mut all = Vec::with_capacity(messages.len().min(MOST_MESSAGES));
        for message in messages.iter().take(MOST_MESSAGES).take_while(is_alike) {
            let control = match self.control(message) {
                Err(why) if all.is_empty() => return Err(why),
                Err(_) => break,
                Ok(control) => control,
            };
            let parts = message.parts.iter().map(|part| IoSlice::new(part)).collect();
            all.push(calls::ToSend { to: message.to.map(SocketAddrAny::from), parts, control });
        }
        let flags = libc::MSG_NOSIGNAL | flags_of(first.flags);
        let count = calls::send_all(self.fd(), &all, flags).map_err(errno::of_socket)?;
        Ok((count, all.len()))
    }

    fn flags_to_receive(&self, flags: MessageFlags) -> c_int {
        let mut asked = flags & (MessageFlags::OOB | MessageFlags::PEEK);
        // Of a stream, the host would throw that much away.
        asked.set(MessageFlags::TRUNC, flags.contains(MessageFlags::TRUNC) && !self.is_stream());
        flags_of(asked)
    }

    /// A message that came, with its control data.
    fn incoming(&self, message: Message, control: &ControlBuffer) -> Result<Incoming, Errno> {
        let said = MESSAGE_FLAGS.iter().filter(|(_, host)| message.flags & host != 0);
        let mut incoming = Incoming {
            length: message.length,
            flags: said.map(|(flag, _)| *flag).collect(),
            ..Incoming::default()
        };
        if !self.is_stream() {
            incoming.from = message.from.map(address).transpose()?;
            if message.control > 0 {
                let words = control.iter().flat_map(|word| word.to_ne_bytes());
                let bytes: Vec<u8> = words.take(message.control).collect();
                incoming.control = control::decode(&bytes, self.choices().tells);
            }
        }
        Ok(incoming)
    }

    fn set_linger(&self, value: &OptionValue) -> Result<(), Errno> {
        let OptionValue::Linger(time) = *value else { return Err(Errno::EINVAL) };
        let resets = time.is_some_and(|time| time.is_zero()).then_some(Duration::ZERO);
        net::sockopt::set_socket_linger(self.fd(), resets).map_err(errno::of_socket)?;
        self.choices().linger = time;
        Ok(())
    }
}

/// The host's numbers of flags.
fn flags_of(asked: MessageFlags) -> c_int {
    let asked = MESSAGE_FLAGS.iter().filter(|(flag, _)| asked.contains(*flag));
    asked.fold(0, |flags, (_, host)| flags | host)
}

/// Calls `call` with the parts as the host takes them: all of a message, and of a stream as many as fit.
fn with_slices<T>(parts: &[&[u8]], is_stream: bool, call: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
    match parts {
        [] => call(&[]),
        [one] => call(&[IoSlice::new(one)]),
        parts if is_stream || parts.len() <= MOST_PARTS => {
            let slices: Vec<_> = parts.iter().take(MOST_PARTS).map(|part| IoSlice::new(part)).collect();
            call(&slices)
        }
        parts => call(&[IoSlice::new(&parts.concat())]),
    }
}

/// The same for what is received.
fn with_slices_mut<T>(
    parts: &mut [&mut [u8]],
    is_stream: bool,
    call: impl FnOnce(&mut [IoSliceMut<'_>]) -> T,
) -> T {
    if let [one] = parts {
        return call(&mut [IoSliceMut::new(one)]);
    }
    if is_stream || parts.len() <= MOST_PARTS {
        let mut slices: Vec<_> =
            parts.iter_mut().take(MOST_PARTS).map(|part| IoSliceMut::new(part)).collect();
        return call(&mut slices);
    }
    let mut joined = vec![0; parts.iter().map(|part| part.len()).sum()];
    let answer = call(&mut [IoSliceMut::new(&mut joined)]);
    let mut rest = &joined[..];
    for part in parts {
        let (first, others) = rest.split_at(part.len());
        part.copy_from_slice(first);
        rest = others;
    }
    answer
}

/// Of protocols that a socket does not speak, the host says that they are not supported.
fn without_option(errno: Errno) -> Errno {
    if errno == Errno::EOPNOTSUPP { Errno::ENOPROTOOPT } else { errno }
}

fn address(name: SocketAddrAny) -> Result<SocketAddr, Errno> {
    name.try_into().map_err(errno::of_socket)
}

impl HostSocket for Socket {
    fn bind(&self, address: SocketAddr) -> Result<(), Errno> {
        net::bind(self.fd(), &address).map_err(errno::of_socket)
    }

    fn listen(&self, backlog: u32) -> Result<(), Errno> {
        net::listen(self.fd(), i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(errno::of_socket)
    }

    fn accept(&self, changed: Waker) -> Result<(Arc<dyn HostSocket>, SocketAddr), Errno> {
        let (fd, from) = net::acceptfrom_with(self.fd(), FLAGS).map_err(errno::of_socket)?;
        let from = address(from.ok_or(Errno::ECONNABORTED)?)?;
        let choices = Choices { reads_no_more: false, ..*self.choices() };
        let watch = Watch::new(self.watch.readiness().clone(), changed);
        Ok((Arc::new(Self::of(fd, self.kind, choices, watch)), from))
    }

    fn connect(&self, to: SocketAddr) -> Result<(), Errno> {
        net::connect(self.fd(), &to).map_err(|why| match why {
            // No port is left; it would not be waited for.
            Host::AGAIN => Errno::EADDRNOTAVAIL,
            why => errno::of_socket(why),
        })
    }

    fn disconnect(&self) -> Result<(), Errno> {
        net::connect_unspec(self.fd()).map_err(errno::of_socket)
    }

    fn send(&self, message: &Outgoing<'_>) -> Result<usize, Errno> {
        let (to, control) = (message.to.map(SocketAddrAny::from), self.control(message)?);
        let flags = libc::MSG_NOSIGNAL | flags_of(message.flags);
        with_slices(message.parts, self.is_stream(), |parts| {
            calls::send(self.fd(), to.as_ref(), parts, &control, flags)
        })
        .map_err(errno::of_socket)
    }

    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> Result<Incoming, Errno> {
        let flags = self.flags_to_receive(flags);
        let mut buffer: ControlBuffer = [0; 32];
        let received = with_slices_mut(parts, self.is_stream(), |parts| {
            calls::receive(self.fd(), parts, &mut buffer, flags)
        });
        let message = match received.map_err(errno::of_socket) {
            // The host would tell who waits for datagrams of the end, but says to who does not that there are none.
            Err(Errno::EAGAIN) if !self.is_stream() && self.choices().reads_no_more => {
                return Ok(Incoming::default());
            }
            received => received?,
        };
        self.incoming(message, &buffer)
    }

    fn send_batch(&self, messages: &[Outgoing<'_>]) -> (usize, Result<(), Errno>) {
        let mut sent = 0;
        while sent < messages.len() {
            match self.send_some(&messages[sent..]) {
                Ok((count, tried)) => {
                    sent += count;
                    if count < tried {
                        let has_room = self.ready().contains(PollEvents::OUT);
                        return (sent, Err(if has_room { Errno::EIO } else { Errno::EAGAIN }));
                    }
                }
                Err(why) => return (sent, Err(why)),
            }
        }
        (sent, Ok(()))
    }

    fn receive_batch(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
        messages: &mut Vec<Incoming>,
    ) -> Result<(), Errno> {
        let count = buffers.len().min(MOST_MESSAGES);
        let [first, _, ..] = &mut buffers[..count] else {
            let first = buffers.first_mut().map(|first| self.receive(&mut [first], flags));
            messages.extend(first.transpose()?);
            return Ok(());
        };
        // The host would read the same one for each buffer; and it says of the end that there is none.
        if self.is_stream() || flags.contains(MessageFlags::PEEK) || self.choices().reads_no_more {
            messages.push(self.receive(&mut [first], flags)?);
            return Ok(());
        }
        let flags = self.flags_to_receive(flags);
        let mut parts: Vec<_> = buffers[..count].iter_mut().map(|part| IoSliceMut::new(part)).collect();
        let mut control: Vec<ControlBuffer> = vec![[0; 32]; count];
        let came =
            calls::receive_all(self.fd(), &mut parts, &mut control, flags).map_err(errno::of_socket)?;
        for (message, control) in came.into_iter().zip(&control) {
            messages.push(self.incoming(message, control)?);
        }
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Errno> {
        // Also where it is an error, since it is not connected.
        self.choices().reads_no_more |= how.reads();
        let how = match how {
            Shutdown::Read => net::Shutdown::Read,
            Shutdown::Write => net::Shutdown::Write,
            Shutdown::Both => net::Shutdown::Both,
        };
        net::shutdown(self.fd(), how).map_err(errno::of_socket)
    }

    fn finish(&self) -> Result<(), Errno> {
        if !self.is_stream() || self.tcp_info().is_some_and(|info| tcp_info::is_listening(&info)) {
            return Ok(());
        }
        // That it is not connected, or that it was done already, is as good.
        let _ = net::shutdown(self.fd(), net::Shutdown::Write);
        self.watch.arm_always(&self.fd)?;
        let is_closed = || self.tcp_info().is_none_or(|info| info.first() == Some(&CLOSED));
        match calls::unsent(self.fd()) {
            Ok(1..) if !is_closed() => Err(Errno::EAGAIN),
            _ => Ok(()),
        }
    }

    fn local_address(&self) -> Result<SocketAddr, Errno> {
        address(net::getsockname(self.fd()).map_err(errno::of_socket)?)
    }

    fn peer_address(&self) -> Result<SocketAddr, Errno> {
        address(net::getpeername(self.fd()).map_err(errno::of_socket)?.ok_or(Errno::ENOTCONN)?)
    }

    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> Result<(), Errno> {
        match (level, name) {
            (SOL_SOCKET, SO_LINGER) => self.set_linger(value),
            (IPPROTO_IP, IP_RECVPKTINFO | IP_RECVDSTADDR) => self.set_tells(name, value),
            option => options::set(self.fd(), option, value).map_err(without_option),
        }
    }

    fn option(&self, level: i32, name: i32) -> Result<OptionValue, Errno> {
        let switch = |on: bool| Ok(OptionValue::Number(on.into()));
        match (level, name) {
            (SOL_SOCKET, SO_LINGER) => Ok(OptionValue::Linger(self.choices().linger)),
            (IPPROTO_IP, IP_RECVPKTINFO) => switch(self.choices().tells.packet_info),
            (IPPROTO_IP, IP_RECVDSTADDR) => switch(self.choices().tells.destination),
            option => options::find(self.fd(), option).map_err(without_option),
        }
    }

    fn is_at_mark(&self) -> Result<bool, Errno> {
        calls::is_at_mark(self.fd()).map_err(errno::of_socket)
    }

    fn ready(&self) -> PollEvents {
        let asked = PollFlags::IN | PollFlags::OUT | PollFlags::PRI;
        let mut ends = [PollFd::new(&self.fd, asked)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut ends, Some(&now)) {
            // Events have the same numbers everywhere.
            Ok(_) => PollEvents::from_bits_truncate(ends[0].revents().bits()),
            Err(_) => PollEvents::empty(),
        }
    }

    fn amounts(&self) -> Amounts {
        let to_receive = match rustix::io::ioctl_fionread(self.fd()) {
            Ok(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
            // One that listens has no bytes.
            Err(_) => self.tcp_info().map_or(0, |info| tcp_info::backlog(&info)),
        };
        let size = net::sockopt::socket_send_buffer_size(self.fd()).unwrap_or(0) / 2;
        let to_send = size.saturating_sub(calls::unsent(self.fd()).unwrap_or(0));
        Amounts { to_receive, to_send }
    }

    fn notify(&self, events: PollEvents) -> Result<(), Errno> {
        self.watch.arm(&self.fd, events)
    }

    fn notify_always(&self) -> Result<(), Errno> {
        self.watch.arm_always(&self.fd)
    }
}
