//! Families of protocols and their sockets, as the kernel sees them.
//!
//! Nothing here blocks: what cannot be done now answers EAGAIN (a connection that is begun: EINPROGRESS), and the
//! kernel waits at [`Socket::waiters`] until [`Socket::ready`] says otherwise. Descriptors, blocking, timeouts, paths and
//! permissions are the kernel's; sockets of the family [`AddressFamily::Local`] are told of files by [`Name::File`].

use crate::device::Network;
use crate::wait::WaitQueue;
use crate::{KError, KResult};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::time::Duration;
use rump_abi::{
    AddressFamily, Errno, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType, TimeSpec,
};

/// A family of protocols that can be linked.
pub trait ProtocolFamily: Send + Sync {
    /// Names of the families that it serves.
    fn families(&self) -> &'static [AddressFamily];

    /// The family whose domain serves those of this one as well, once that is linked: nothing is attached.
    fn within(&self) -> Option<AddressFamily> {
        None
    }

    /// Begins it in a kernel. Errors: ENOMEM.
    fn attach(&self, environment: &NetEnvironment) -> KResult<Arc<dyn Domain>>;
}

/// Fills a buffer with unpredictable bytes.
pub type FillRandom = dyn Fn(&mut [u8]) + Send + Sync;

/// What the kernel hands to a family.
#[derive(Clone)]
pub struct NetEnvironment {
    /// The wall clock.
    pub now: Arc<dyn Fn() -> TimeSpec + Send + Sync>,
    /// Time since an arbitrary point; never goes back.
    pub monotonic: Arc<dyn Fn() -> Duration + Send + Sync>,
    /// Fills a buffer with unpredictable bytes.
    pub random: Arc<FillRandom>,
    /// Takes one line for the log.
    pub log: Arc<dyn Fn(&str) + Send + Sync>,
    /// Asks for a call of [`Domain::poll`] soon: a deadline came nearer.
    pub poll_soon: Arc<dyn Fn() + Send + Sync>,
}

/// A family in one kernel.
pub trait Domain: Send + Sync {
    /// Makes a socket; `protocol` is zero for the usual one of the type.
    ///
    /// Errors: EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT, EACCES (raw sockets, but for the superuser), ENOBUFS.
    fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        caller: Caller,
    ) -> KResult<Arc<dyn Socket>>;

    /// Makes two that are connected. Errors: as [`socket`](Self::socket), EOPNOTSUPP (the family has no such thing).
    fn pair(&self, kind: SocketType, protocol: u8, caller: Caller) -> KResult<[Arc<dyn Socket>; 2]> {
        let _ = (kind, protocol, caller);
        Err(Errno::EOPNOTSUPP.into())
    }

    /// Its interfaces and routes, if it has such.
    fn network(&self) -> Option<&dyn Network> {
        None
    }

    /// Does what is due; answers when to be called again, by the monotonic clock.
    fn poll(&self) -> Option<Duration> {
        None
    }
}

/// On whose behalf something happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Process.
    pub pid: u32,
    /// User; zero is the superuser.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Where a socket is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// By an address.
    Address(SocketAddress),
    /// By a file of the type socket, which the kernel made or found at a path.
    File {
        /// Tells the file from all others of the kernel.
        key: (u64, u64),
        /// The path that was given.
        path: Vec<u8>,
    },
}

/// An open file on its way. Dropping it closes it, which may drop sockets: not to be done under a lock.
pub type Right = Arc<dyn Any + Send + Sync>;

/// How much can be done now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Bytes that wait to be received, of the next message alone if there are borders; of one that listens,
    /// connections.
    pub to_receive: usize,
    /// Bytes that there is room for.
    pub to_send: usize,
}

/// What comes with a message besides its bytes.
#[derive(Clone, Debug)]
pub enum Control {
    /// `SCM_RIGHTS`: open files, which only the kernel knows how to use.
    Rights(Vec<Right>),
    /// `SCM_CREDS`: who sent it.
    Credentials(Caller),
    /// `IP_PKTINFO` and `IPV6_PKTINFO`. Of a message that came: the address that it was sent to, and the interface. With
    /// one that is sent: the address to send it from, or that of nobody; and for all on a link, groups and addresses of a
    /// link, the interface to send it through, or zero.
    PacketInfo {
        /// The address.
        to: core::net::IpAddr,
        /// Number of the interface.
        interface: u32,
    },
    /// `IP_RECVDSTADDR`: the address that it was sent to. Of what is sent: the address to send from.
    Destination(core::net::Ipv4Addr),
    /// `SO_TIMESTAMP`.
    Timestamp(TimeSpec),
    /// `IP_TTL` and `IPV6_HOPLIMIT`.
    HopLimit(u8),
    /// `IP_TOS` and `IPV6_TCLASS`.
    TrafficClass(u8),
    /// `UDP_SEGMENT` of what is sent, `UDP_GRO` of what came: it is several datagrams of so many bytes, but for the last.
    SegmentBytes(u16),
}

/// A message to send.
pub struct Outgoing<'a> {
    /// Its bytes, in parts.
    pub parts: &'a [&'a [u8]],
    /// To whom, unless that is settled.
    pub to: Option<Name>,
    /// What goes with it; taken when it is sent.
    pub control: Vec<Control>,
    /// How.
    pub flags: MessageFlags,
    /// Who sends.
    pub caller: Caller,
}

/// A message that came.
#[derive(Debug, Default)]
pub struct Incoming {
    /// Bytes that were put into the buffers; with [`MessageFlags::TRUNC`] asked for, the length of the message.
    pub length: usize,
    /// Who sent it, if there is more than one who could.
    pub from: Option<SocketAddress>,
    /// What came with it.
    pub control: Vec<Control>,
    /// What is to be said of it: TRUNC, EOR, OOB, MCAST, BCAST.
    pub flags: MessageFlags,
}

/// An option's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// A number or a switch.
    Number(i64),
    /// A length of time; `None` is "for ever".
    Time(Option<Duration>),
    /// `SO_LINGER`: how long closing waits.
    Linger(Option<Duration>),
    /// Who is on the other side.
    Credentials(Caller),
    /// A structure in the kernel's own layout.
    Bytes(Vec<u8>),
}

/// A socket. Dropping the last reference closes it.
///
/// Errors that all calls may answer besides: EINVAL (the state does not allow it), EOPNOTSUPP (the type does not), the
/// error that waits at the socket, once.
pub trait Socket: Send + Sync {
    /// Its type.
    fn kind(&self) -> SocketType;

    /// Its family.
    fn family(&self) -> AddressFamily;

    /// The number by which [`Network::sockets`] tells of it; zero: that does not.
    fn pcb(&self) -> u64 {
        0
    }

    /// Gives it a name. Errors: EINVAL (it has one), EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, EACCES.
    fn bind(&self, name: &Name, caller: Caller) -> KResult<()>;

    /// Lets others connect to it. Errors: EDESTADDRREQ (no name; `AF_LOCAL`: EINVAL), EOPNOTSUPP.
    fn listen(&self, backlog: u32, caller: Caller) -> KResult<()>;

    /// A connection that came. Errors: EAGAIN, EINVAL (it does not listen), ECONNABORTED, EOPNOTSUPP.
    fn accept(&self) -> KResult<(Arc<dyn Socket>, SocketAddress)>;

    /// Connects it, or says from whom messages are taken and where they go; to [`SocketAddress::Unspecified`], takes that
    /// back.
    ///
    /// Errors: EINPROGRESS, EALREADY, EISCONN, EAFNOSUPPORT, ECONNREFUSED, EPROTOTYPE, EADDRNOTAVAIL, ENETUNREACH,
    /// ETIMEDOUT.
    fn connect(&self, name: &Name, caller: Caller) -> KResult<()>;

    /// Sends a message, or of a stream as much as there is room for; answers how much that was.
    ///
    /// Errors: EAGAIN, EPIPE, ENOTCONN, EDESTADDRREQ, EISCONN, EMSGSIZE, ECONNRESET, ECONNREFUSED, ENETUNREACH, ENOBUFS.
    fn send(&self, message: &mut Outgoing<'_>) -> KResult<usize>;

    /// Receives into `parts`. At the end of a stream the length is zero. Errors: EAGAIN, ENOTCONN, ECONNRESET.
    fn receive(&self, parts: &mut [&mut [u8]], flags: MessageFlags) -> KResult<Incoming>;

    /// Sends messages in order, until one cannot be sent; answers how many were, and why no more. Errors: as
    /// [`send`](Self::send).
    fn send_batch(&self, messages: &mut [Outgoing<'_>]) -> (usize, KResult<()>) {
        for (count, message) in messages.iter_mut().enumerate() {
            if let Err(error) = self.send(message) {
                return (count, Err(error));
            }
        }
        (messages.len(), Ok(()))
    }

    /// Receives messages as long as there are some, each into its buffer, and adds them to `messages`; an error that comes
    /// after the first is left for the next call. Errors: as [`receive`](Self::receive).
    fn receive_batch(
        &self,
        buffers: &mut [&mut [u8]],
        flags: MessageFlags,
        messages: &mut Vec<Incoming>,
    ) -> KResult<()> {
        for (count, buffer) in buffers.iter_mut().enumerate() {
            if count > 0 && self.ready().contains(PollEvents::ERR) {
                break;
            }
            messages.push(self.receive(&mut [buffer], flags)?);
        }
        Ok(())
    }

    /// Ends one direction or both. Errors: ENOTCONN.
    fn shutdown(&self, how: Shutdown) -> KResult<()>;

    /// Its own name. Errors: none.
    fn local_address(&self) -> KResult<SocketAddress>;

    /// The other's. Errors: ENOTCONN.
    fn peer_address(&self) -> KResult<SocketAddress>;

    /// Sets an option; levels and names have NetBSD's numbers. Errors: ENOPROTOOPT, EINVAL, EPERM.
    fn set_option(&self, level: i32, name: i32, value: &OptionValue) -> KResult<()>;

    /// An option. Errors: ENOPROTOOPT.
    fn option(&self, level: i32, name: i32) -> KResult<OptionValue>;

    /// How long closing the last descriptor waits until the other side has got everything (`SO_LINGER`).
    fn linger(&self) -> Option<Duration> {
        None
    }

    /// Begins to close: what was sent is still brought over. Errors: EAGAIN (that is not done).
    fn finish(&self) -> KResult<()> {
        Ok(())
    }

    /// Whether reading has come to the urgent data (`SIOCATMARK`). Errors: ENOTTY (there is no such thing).
    fn is_at_mark(&self) -> KResult<bool> {
        Err(Errno::ENOTTY.into())
    }

    /// What can be done now.
    fn ready(&self) -> PollEvents;

    /// How much of it.
    fn amounts(&self) -> Amounts;

    /// Those who wait for that to change.
    fn waiters(&self) -> &Arc<WaitQueue>;

    /// Shows the open files that wait in it to be received, those of connections not yet accepted too, so that the
    /// kernel finds sockets that nobody can reach any more. `visit` may be called under the socket's own locks.
    fn visit_rights(&self, visit: &mut dyn FnMut(&Right)) {
        let _ = visit;
    }
}

/// Takes the error that waits at a socket. For drivers.
pub fn take_error(waiting: &mut Option<Errno>) -> KResult<()> {
    match waiting.take() {
        Some(errno) => Err(KError::from(errno)),
        None => Ok(()),
    }
}
