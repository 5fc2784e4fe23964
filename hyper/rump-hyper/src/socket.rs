//! Sockets of a host, for a kernel whose Internet is the host's. Not every host has them: they are asked for by who
//! links such a kernel, and are no part of [`Hypervisor`](crate::Hypervisor).
//!
//! Nothing blocks. What cannot be done now answers EAGAIN, a connection that is begun EINPROGRESS; who waits asks to be
//! [told](HostSocket::notify). Errors are numbers alone, since most of them say that nothing is there.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::Waker;
use core::time::Duration;
use rump_abi::{AddressFamily, Errno, MessageFlags, PollEvents, Shutdown, SocketType, TimeSpec};

/// What comes and goes with a message besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// The address that it was sent to, or is sent from, and the number of the host's interface, zero for any.
    PacketInfo {
        /// The address.
        address: IpAddr,
        /// The interface.
        interface: u32,
    },
    /// The address that it was sent to, or is sent from, alone.
    Destination(Ipv4Addr),
    /// When it came.
    Timestamp(TimeSpec),
    /// How many more routers may pass it on.
    HopLimit(u8),
    /// DSCP and ECN.
    TrafficClass(u8),
    /// It is several datagrams of so many bytes, but for the last (`UDP_SEGMENT`, `UDP_GRO`).
    SegmentBytes(u16),
}

/// A message to send.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// Its bytes, in parts.
    pub parts: &'a [&'a [u8]],
    /// To whom, unless that is settled.
    pub to: Option<SocketAddr>,
    /// What goes with it.
    pub control: &'a [Control],
    /// OOB, DONTROUTE, EOR.
    pub flags: MessageFlags,
}

/// A message that came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    /// Bytes that were put into the buffers; of a message with [`MessageFlags::TRUNC`] asked for, its length.
    pub length: usize,
    /// Who sent it, unless it is a stream.
    pub from: Option<SocketAddr>,
    /// What came with it.
    pub control: Vec<Control>,
    /// TRUNC, CTRUNC, EOR, OOB.
    pub flags: MessageFlags,
}

/// How much can be done now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Bytes that wait, of the next message alone if there are borders; of one that listens, connections.
    pub to_receive: usize,
    /// Bytes that there is room for.
    pub to_send: usize,
}

/// An option's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A number or a switch.
    Number(i64),
    /// `SO_LINGER`.
    Linger(Option<Duration>),
    /// A structure in the kernel's own layout.
    Bytes(Vec<u8>),
}

/// Sockets of the Internet.
pub trait HostSockets: Send + Sync {
    /// Makes a socket of IPv4 or IPv6; `protocol` is zero for the usual one of the type. `changed` is woken as
    /// [`HostSocket::notify`] says.
    ///
    /// Errors: EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EPERM or EACCES (the host does not let us), EMFILE,
    /// ENFILE, ENOBUFS, ENOTSUP (the host has no such thing).
    fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        changed: Waker,
    ) -> Result<Arc<dyn HostSocket>, Errno>;
}

/// A socket of the host. Dropping the last reference closes it, without waiting; what was sent is still brought over,
/// unless `SO_LINGER` is on with no time at all. Errors are those of POSIX.
pub trait HostSocket: Send + Sync {
    /// Gives it a name.
    fn bind(&self, address: SocketAddr) -> Result<(), Errno>;

    /// Lets others connect to it.
    fn listen(&self, backlog: u32) -> Result<(), Errno>;

    /// A connection that came, and from where. Errors: EAGAIN.
    fn accept(&self, changed: Waker) -> Result<(Arc<dyn HostSocket>, SocketAddr), Errno>;

    /// Connects it, or says from whom messages are taken and where they go. Errors: EINPROGRESS.
    fn connect(&self, to: SocketAddr) -> Result<(), Errno>;

    /// Takes back what [`connect`](Self::connect) said; a connection is reset. Errors: EOPNOTSUPP.
    fn disconnect(&self) -> Result<(), Errno>;

    /// Sends a message, or of a stream as much as there is room for; answers how much that was. Errors: EAGAIN.
    fn send(&self, message: &Outgoing<'_>) -> Result<usize, Errno>;

    /// Receives into `parts`, with PEEK, OOB and TRUNC. Errors: EAGAIN.
    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> Result<Incoming, Errno>;

    /// Sends messages in order, until one cannot be sent; answers how many were, and why no more. Not of streams. Errors: as
    /// [`send`](Self::send); EIO (the host does not say why the one after the first was not sent).
    fn send_batch(&self, messages: &[Outgoing<'_>]) -> (usize, Result<(), Errno>) {
        for (count, message) in messages.iter().enumerate() {
            if let Err(why) = self.send(message) {
                return (count, Err(why));
            }
        }
        (messages.len(), Ok(()))
    }

    /// Receives messages as long as there are some, each into its buffer, and adds them to `messages`; an error that comes
    /// after the first is left for the next call. Not of streams. Errors: as [`receive`](Self::receive).
    fn receive_batch(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
        messages: &mut Vec<Incoming>,
    ) -> Result<(), Errno> {
        for (count, buffer) in buffers.iter_mut().enumerate() {
            if count > 0 && !(self.ready() & (PollEvents::IN | PollEvents::ERR) == PollEvents::IN) {
                break;
            }
            messages.push(self.receive(&mut [buffer], flags)?);
        }
        Ok(())
    }

    /// Ends one direction or both.
    fn shutdown(&self, how: Shutdown) -> Result<(), Errno>;

    /// Begins to close a stream. `changed` is woken whenever it may be done. Errors: EAGAIN (the other side has not
    /// got everything).
    fn finish(&self) -> Result<(), Errno>;

    /// Its own name.
    fn local_address(&self) -> Result<SocketAddr, Errno>;

    /// The other's.
    fn peer_address(&self) -> Result<SocketAddr, Errno>;

    /// Sets an option; levels and names are those of [`rump_abi::sockopt`]. Errors: ENOPROTOOPT, EINVAL.
    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> Result<(), Errno>;

    /// An option; the number of an error is ours. Errors: ENOPROTOOPT.
    fn option(&self, level: i32, name: i32) -> Result<OptionValue, Errno>;

    /// Whether reading has come to urgent data. Errors: ENOTTY (there is no such thing).
    fn is_at_mark(&self) -> Result<bool, Errno>;

    /// What can be done at this moment.
    fn ready(&self) -> PollEvents;

    /// How much of it.
    fn amounts(&self) -> Amounts;

    /// Lets `changed` be woken, once, by the first moment from now on at which one of `events` (IN, OUT, PRI), an error
    /// or a hang-up is so: also if it is so already, and possibly from within this call. Asking for more before that
    /// adds to what was asked for. Errors: EAGAIN, ENOMEM, EMFILE (the host has no means left to wait).
    fn notify(&self, events: PollEvents) -> Result<(), Errno>;

    /// Lets `changed` be woken whenever more can be done than before, from now on, also if some of it could be done before.
    /// It may be woken more often. Errors: as [`notify`](Self::notify).
    fn notify_always(&self) -> Result<(), Errno>;
}
