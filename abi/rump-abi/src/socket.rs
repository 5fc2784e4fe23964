//! Sockets (socket(2), send(2), poll(2)), with NetBSD's values.

use alloc::vec::Vec;
use bitflags::bitflags;
use core::net::{SocketAddrV4, SocketAddrV6};

/// A family of addresses, and of the protocols that use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AddressFamily {
    /// `AF_UNSPEC`: none.
    Unspecified = 0,
    /// `AF_LOCAL`: processes of one kernel.
    Local = 1,
    /// `AF_INET`: IPv4.
    Inet = 2,
    /// `AF_ROUTE`: messages about routes and interfaces.
    Route = 34,
    /// `AF_INET6`: IPv6.
    Inet6 = 24,
}

/// What a socket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SocketType {
    /// `SOCK_STREAM`: bytes in order, without borders.
    Stream = 1,
    /// `SOCK_DGRAM`: messages, each for itself.
    Datagram = 2,
    /// `SOCK_RAW`: packets of a protocol.
    Raw = 3,
    /// `SOCK_SEQPACKET`: messages in order.
    SeqPacket = 5,
}

/// The address of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SocketAddress {
    /// Nobody's (`AF_UNSPEC`): who connects to it dissolves what was settled.
    Unspecified,
    /// Of IPv4.
    Inet(SocketAddrV4),
    /// Of IPv6.
    Inet6(SocketAddrV6),
    /// A path; one that begins with NUL is a name of its own and no file. Empty: the socket has no name.
    Local(Vec<u8>),
}

impl SocketAddress {
    /// The longest path.
    pub const LOCAL_PATH_MAX: usize = 108;

    /// Its family.
    pub fn family(&self) -> AddressFamily {
        match self {
            Self::Unspecified => AddressFamily::Unspecified,
            Self::Inet(_) => AddressFamily::Inet,
            Self::Inet6(_) => AddressFamily::Inet6,
            Self::Local(_) => AddressFamily::Local,
        }
    }
}

/// Which directions `shutdown` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

impl Shutdown {
    /// Whether reading ends.
    pub fn reads(self) -> bool {
        self != Self::Write
    }

    /// Whether writing ends.
    pub fn writes(self) -> bool {
        self != Self::Read
    }
}

bitflags! {
    /// Flags of sending and receiving, and what `recvmsg` answers in `msg_flags`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MessageFlags: u32 {
        /// Out-of-band data.
        const OOB = 0x1;
        /// Leave what is read where it is.
        const PEEK = 0x2;
        /// Do not use routes.
        const DONTROUTE = 0x4;
        /// The end of a record.
        const EOR = 0x8;
        /// The message was longer than the buffer; as a flag of `recv`, answer its whole length.
        const TRUNC = 0x10;
        /// Control data did not fit.
        const CTRUNC = 0x20;
        /// Wait for all that was asked for.
        const WAITALL = 0x40;
        /// Do not block for this call.
        const DONTWAIT = 0x80;
        /// The message was sent to all.
        const BCAST = 0x100;
        /// The message was sent to a group.
        const MCAST = 0x200;
        /// No SIGPIPE; rump kernels send no signals.
        const NOSIGNAL = 0x400;
        /// Descriptors that come get close-on-exec.
        const CMSG_CLOEXEC = 0x800;
        /// Wait for the first message alone (`recvmmsg`).
        const WAITFORONE = 0x2000;
    }

    /// Events of `poll`, with the values that all systems have.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PollEvents: u16 {
        /// Something can be read, or a connection accepted.
        const IN = 0x1;
        /// Out-of-band data can be read.
        const PRI = 0x2;
        /// Something can be written.
        const OUT = 0x4;
        /// An error waits to be asked for. Always reported.
        const ERR = 0x8;
        /// The other side is gone. Always reported.
        const HUP = 0x10;
        /// The descriptor is not open. Always reported.
        const NVAL = 0x20;
        /// As `IN`.
        const RDNORM = 0x40;
        /// As `PRI`.
        const RDBAND = 0x80;
    }
}
