//! Headers of messages, and the numbers in them.

use crate::netbsd::interface::{IFNAMSIZ, IfData};

layout! {
    /// `struct rt_metrics`.
    struct RtMetrics[80] {
        /// What the kernel is to leave alone (`RTV_*`).
        locks: u64 = 0,
        /// Bytes of a packet at most.
        mtu: u64 = 8,
        /// Of two routes of one prefix the one with the lower number is used.
        hop_count: u64 = 16,
        /// Bytes on their way, inbound and outbound.
        pipes: [u64; 2] = 24,
        /// Bytes where a slow start ends.
        threshold: u64 = 40,
        /// The time there and back, and how it varies, in microseconds.
        round_trip: [u64; 2] = 48,
        /// When it ends, in seconds since 1970; zero: never.
        expires: i64 = 64,
        /// Packets that were sent.
        packets_sent: i64 = 72,
    }

    /// `struct rt_msghdr`.
    struct RtMsghdr[120] {
        /// Bytes of the message.
        length: u16 = 0,
        /// [`RTM_VERSION`].
        version: u8 = 2,
        /// `RTM_*`.
        kind: u8 = 3,
        /// The number of the interface.
        index: u16 = 4,
        /// `RTF_*`.
        flags: u32 = 8,
        /// Which addresses follow (`RTA_*`).
        addresses: u32 = 12,
        /// Who asked.
        pid: i32 = 16,
        /// How the asker tells the answer from others.
        sequence: i32 = 20,
        /// Why it was not done.
        errno: i32 = 24,
        /// How often it was used.
        uses: i32 = 28,
        /// Which metrics are given (`RTV_*`).
        inits: u32 = 32,
        /// They.
        metrics: RtMetrics = 40,
    }

    /// `struct if_msghdr`.
    struct IfMsghdr[152] {
        /// Bytes of the message.
        length: u16 = 0,
        /// [`RTM_VERSION`].
        version: u8 = 2,
        /// `RTM_*`.
        kind: u8 = 3,
        /// Which addresses follow (`RTA_*`).
        addresses: u32 = 4,
        /// `IFF_*`.
        flags: u32 = 8,
        /// The number of the interface.
        index: u16 = 12,
        /// What is known of it.
        data: IfData = 16,
    }

    /// `struct ifa_msghdr`.
    struct IfaMsghdr[32] {
        /// Bytes of the message.
        length: u16 = 0,
        /// [`RTM_VERSION`].
        version: u8 = 2,
        /// `RTM_*`.
        kind: u8 = 3,
        /// The number of the interface.
        index: u16 = 4,
        /// `RTF_*`.
        flags: u32 = 8,
        /// Which addresses follow (`RTA_*`).
        addresses: u32 = 12,
        /// Who asked.
        pid: i32 = 16,
        /// `IN_IFF_*` and `IN6_IFF_*`.
        address_flags: u32 = 20,
        /// How far it is.
        metric: i32 = 24,
    }

    /// `struct if_announcemsghdr`.
    struct IfAnnouncemsghdr[24] {
        /// Bytes of the message.
        length: u16 = 0,
        /// [`RTM_VERSION`].
        version: u8 = 2,
        /// `RTM_*`.
        kind: u8 = 3,
        /// The number of the interface.
        index: u16 = 4,
        /// Its name.
        name: [u8; IFNAMSIZ] = 6,
        /// [`IFAN_ARRIVAL`], [`IFAN_DEPARTURE`].
        what: u16 = 22,
    }
}

impl RtMetrics {
    /// Nothing is known.
    pub const NONE: Self = Self {
        locks: 0,
        mtu: 0,
        hop_count: 0,
        pipes: [0; 2],
        threshold: 0,
        round_trip: [0; 2],
        expires: 0,
        packets_sent: 0,
    };
}

impl RtMsghdr {
    /// One of a type, with nothing in it.
    pub const fn new(kind: u8) -> Self {
        Self {
            length: 0,
            version: RTM_VERSION,
            kind,
            index: 0,
            flags: 0,
            addresses: 0,
            pid: 0,
            sequence: 0,
            errno: 0,
            uses: 0,
            inits: 0,
            metrics: RtMetrics::NONE,
        }
    }
}

/// The version of all messages.
pub const RTM_VERSION: u8 = 4;

/// Adds a route.
pub const RTM_ADD: u8 = 0x1;
/// Takes one away.
pub const RTM_DELETE: u8 = 0x2;
/// Changes one.
pub const RTM_CHANGE: u8 = 0x3;
/// Asks for one.
pub const RTM_GET: u8 = 0x4;
/// There is no way to an address.
pub const RTM_MISS: u8 = 0x7;
/// Metrics are to be left alone; the last of those with a [`RtMsghdr`].
pub const RTM_LOCK: u8 = 0x8;
/// An interface comes or goes.
pub const RTM_IFANNOUNCE: u8 = 0x10;
/// An interface goes up or down, or something of it changes.
pub const RTM_IFINFO: u8 = 0x14;
/// An interface has an address more.
pub const RTM_NEWADDR: u8 = 0x16;
/// An interface has an address less.
pub const RTM_DELADDR: u8 = 0x17;
/// An address changes.
pub const RTM_CHGADDR: u8 = 0x18;

/// It can be used.
pub const RTF_UP: u32 = 0x1;
/// Its gateway is a router.
pub const RTF_GATEWAY: u32 = 0x2;
/// Its destination is a host.
pub const RTF_HOST: u32 = 0x4;
/// Who sends there is told that nobody can.
pub const RTF_REJECT: u32 = 0x8;
/// A redirect or a router told of it.
pub const RTF_DYNAMIC: u32 = 0x10;
/// A redirect changed it.
pub const RTF_MODIFIED: u32 = 0x20;
/// What was asked for is done.
pub const RTF_DONE: u32 = 0x40;
/// Its destinations are on the link.
pub const RTF_CONNECTED: u32 = 0x100;
/// It is about a hardware address, not about a route (`RTF_LLINFO` once).
pub const RTF_LLDATA: u32 = 0x400;
/// Somebody added it.
pub const RTF_STATIC: u32 = 0x800;
/// What is sent there is dropped.
pub const RTF_BLACKHOLE: u32 = 0x1000;
/// Others are told, and answered for it.
pub const RTF_ANNOUNCE: u32 = 0x2_0000;
/// It is an own address.
pub const RTF_LOCAL: u32 = 0x4_0000;

/// The length of packets is given.
pub const RTV_MTU: u32 = 0x1;
/// The count of hops is.
pub const RTV_HOPCOUNT: u32 = 0x2;
/// The end is.
pub const RTV_EXPIRE: u32 = 0x4;

/// Where it goes.
pub const RTA_DST: u32 = 0x1;
/// By which router, or interface.
pub const RTA_GATEWAY: u32 = 0x2;
/// Which bits of the destination count.
pub const RTA_NETMASK: u32 = 0x4;
/// The interface.
pub const RTA_IFP: u32 = 0x10;
/// The address that it has.
pub const RTA_IFA: u32 = 0x20;
/// Who redirected.
pub const RTA_AUTHOR: u32 = 0x40;
/// The address of all, or of the other end.
pub const RTA_BRD: u32 = 0x80;
/// How many addresses there may be (`RTAX_MAX`).
pub const RTAX_MAX: usize = 9;

/// An interface came.
pub const IFAN_ARRIVAL: u16 = 0;
/// It is gone.
pub const IFAN_DEPARTURE: u16 = 1;

/// An address of IPv4 that others may have: they are being asked.
pub const IN_IFF_TENTATIVE: u32 = 0x1;
/// Another has it.
pub const IN_IFF_DUPLICATED: u32 = 0x2;
/// The same of IPv6.
pub const IN6_IFF_TENTATIVE: u32 = 0x2;
/// Another has it.
pub const IN6_IFF_DUPLICATED: u32 = 0x4;
/// Nothing new is to begin from it.
pub const IN6_IFF_DEPRECATED: u32 = 0x10;

/// What of `net.route.0.FAMILY.WHAT.ARGUMENT` is asked for: all routes.
pub const NET_RT_DUMP: i32 = 1;
/// Routes with flags; with [`RTF_LLDATA`] or none, who has which hardware address.
pub const NET_RT_FLAGS: i32 = 2;
/// Interfaces with their addresses, or one.
pub const NET_RT_IFLIST: i32 = 6;

/// An option of routing sockets, at the level of their family: which types of messages are wanted (an array of bytes).
pub const RO_MSGFILTER: i32 = 1;
