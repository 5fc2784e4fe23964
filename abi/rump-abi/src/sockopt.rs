//! Levels and names of socket options (setsockopt(2)), with NetBSD's values.

/// The level of options that all sockets have.
pub const SOL_SOCKET: i32 = 0xffff;
/// The level of options of `PF_LOCAL`.
pub const SOL_LOCAL: i32 = 0;

/// Whether it listens; cannot be set.
pub const SO_ACCEPTCONN: i32 = 0x0002;
/// Names that are in use may be taken in more cases.
pub const SO_REUSEADDR: i32 = 0x0004;
/// Idle connections are looked after.
pub const SO_KEEPALIVE: i32 = 0x0008;
/// Routes are not used.
pub const SO_DONTROUTE: i32 = 0x0010;
/// Messages to all may be sent.
pub const SO_BROADCAST: i32 = 0x0020;
/// How long closing waits.
pub const SO_LINGER: i32 = 0x0080;
/// Out-of-band data stays in its place.
pub const SO_OOBINLINE: i32 = 0x0100;
/// Sockets share a name.
pub const SO_REUSEPORT: i32 = 0x0200;
/// Messages come with the time.
pub const SO_TIMESTAMP: i32 = 0x2000;
/// Bytes that may wait to be sent.
pub const SO_SNDBUF: i32 = 0x1001;
/// Bytes that may wait to be received.
pub const SO_RCVBUF: i32 = 0x1002;
/// Room from which on it can be sent.
pub const SO_SNDLOWAT: i32 = 0x1003;
/// Bytes from which on it can be received.
pub const SO_RCVLOWAT: i32 = 0x1004;
/// The error that waits, which asking takes.
pub const SO_ERROR: i32 = 0x1007;
/// Its type; cannot be set.
pub const SO_TYPE: i32 = 0x1008;
/// How long sending blocks.
pub const SO_SNDTIMEO: i32 = 0x100b;
/// How long receiving blocks.
pub const SO_RCVTIMEO: i32 = 0x100c;
/// Which protocol it speaks; cannot be set.
pub const SO_PROTOCOL: i32 = 0x1025;

/// The level of options of IPv4.
pub const IPPROTO_IP: i32 = 0;
/// DSCP and ECN.
pub const IP_TOS: i32 = 3;
/// How many routers may pass a packet on.
pub const IP_TTL: i32 = 4;
/// The interface that packets to groups leave by.
pub const IP_MULTICAST_IF: i32 = 9;
/// How many routers may pass on a packet to a group.
pub const IP_MULTICAST_TTL: i32 = 10;
/// Packets to groups come back to members on this host.
pub const IP_MULTICAST_LOOP: i32 = 11;
/// Becomes a member of a group.
pub const IP_ADD_MEMBERSHIP: i32 = 12;
/// Leaves a group.
pub const IP_DROP_MEMBERSHIP: i32 = 13;
/// Messages come with how many more routers might have passed them on.
pub const IP_RECVTTL: i32 = 23;
/// Messages come with the address that they were sent to, and the interface.
pub const IP_RECVPKTINFO: i32 = 26;
/// Packets must not be cut; FreeBSD's number, NetBSD has no such option.
pub const IP_DONTFRAG: i32 = 67;

/// The level of options of TCP.
pub const IPPROTO_TCP: i32 = 6;
/// Small segments do not wait for others.
pub const TCP_NODELAY: i32 = 1;
/// The longest segment.
pub const TCP_MAXSEG: i32 = 2;
/// How many seconds a connection is silent before it is looked after.
pub const TCP_KEEPIDLE: i32 = 3;

/// Who was on the other side when it was connected (`SO_PEERCRED` of Linux).
pub const LOCAL_PEEREID: i32 = 3;
/// Messages come with who sent them (`SO_PASSCRED` of Linux).
pub const LOCAL_CREDS: i32 = 4;
