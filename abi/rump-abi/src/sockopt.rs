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
/// Who sends a message to a routing socket gets its answer.
pub const SO_USELOOPBACK: i32 = 0x0040;
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
/// What a raw socket sends begins with the header of IP.
pub const IP_HDRINCL: i32 = 2;
/// DSCP and ECN.
pub const IP_TOS: i32 = 3;
/// How many routers may pass a packet on.
pub const IP_TTL: i32 = 4;
/// Messages come with the address that they were sent to.
pub const IP_RECVDSTADDR: i32 = 7;
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
/// Takes what a source sends to a group; FreeBSD's number, as of the three that follow.
pub const IP_ADD_SOURCE_MEMBERSHIP: i32 = 70;
/// Takes it no more.
pub const IP_DROP_SOURCE_MEMBERSHIP: i32 = 71;
/// Takes what all but a source send to a group.
pub const IP_BLOCK_SOURCE: i32 = 72;
/// Takes what that source sends as well.
pub const IP_UNBLOCK_SOURCE: i32 = 73;

/// The level of options of IPv6.
pub const IPPROTO_IPV6: i32 = 41;
/// How many routers may pass a packet on; -1 is the usual number.
pub const IPV6_UNICAST_HOPS: i32 = 4;
/// The interface that packets to groups leave by.
pub const IPV6_MULTICAST_IF: i32 = 9;
/// How many routers may pass on a packet to a group.
pub const IPV6_MULTICAST_HOPS: i32 = 10;
/// Packets to groups come back to members on this host.
pub const IPV6_MULTICAST_LOOP: i32 = 11;
/// Becomes a member of a group.
pub const IPV6_JOIN_GROUP: i32 = 12;
/// Leaves a group.
pub const IPV6_LEAVE_GROUP: i32 = 13;
/// Where the checksum of a raw socket's packets is; -1: they have none.
pub const IPV6_CHECKSUM: i32 = 26;
/// Packets of IPv4 are not for this socket.
pub const IPV6_V6ONLY: i32 = 27;
/// Messages come with the address that they were sent to, and the interface.
pub const IPV6_RECVPKTINFO: i32 = 36;
/// Messages come with how many more routers might have passed them on.
pub const IPV6_RECVHOPLIMIT: i32 = 37;
/// The longest packet that reaches whom a socket is connected to; cannot be set.
pub const IPV6_PATHMTU: i32 = 44;
/// Messages come with DSCP and ECN.
pub const IPV6_RECVTCLASS: i32 = 57;
/// DSCP and ECN.
pub const IPV6_TCLASS: i32 = 61;
/// Packets must not be cut.
pub const IPV6_DONTFRAG: i32 = 62;

/// The level of options of ICMPv6.
pub const IPPROTO_ICMPV6: i32 = 58;
/// Which messages a raw socket gets: 256 bits, each of them keeps a type away.
pub const ICMP6_FILTER: i32 = 18;

/// The level of options of TCP.
pub const IPPROTO_TCP: i32 = 6;
/// Small segments do not wait for others.
pub const TCP_NODELAY: i32 = 1;
/// The longest segment.
pub const TCP_MAXSEG: i32 = 2;
/// How many seconds a connection is silent before it is looked after.
pub const TCP_KEEPIDLE: i32 = 3;
/// Only full segments are sent, until it is cleared; the number that NetBSD keeps for it, and FreeBSD has. `TCP_CORK` of
/// Linux.
pub const TCP_NOPUSH: i32 = 4;
/// How many seconds lie between the questions then.
pub const TCP_KEEPINTVL: i32 = 5;
/// How many of them in vain end a connection.
pub const TCP_KEEPCNT: i32 = 6;
/// How many seconds a connection may take to begin.
pub const TCP_KEEPINIT: i32 = 7;
/// What is known of a connection: `struct tcp_info` ([`TcpInfo`](crate::TcpInfo)); cannot be set.
pub const TCP_INFO: i32 = 9;
/// How many milliseconds what was sent may wait to be acknowledged, zero for the usual time (RFC 5482); Linux's number,
/// NetBSD has no such option.
pub const TCP_USER_TIMEOUT: i32 = 18;
/// The name of the algorithm that finds out what the network takes: "cubic", "newreno". `TCP_CONGESTION` of Linux.
pub const TCP_CONGCTL: i32 = 0x20;

/// Who was on the other side when it was connected (`SO_PEERCRED` of Linux).
pub const LOCAL_PEEREID: i32 = 3;
/// Messages come with who sent them (`SO_PASSCRED` of Linux).
pub const LOCAL_CREDS: i32 = 4;

/// The level of options of UDP.
pub const IPPROTO_UDP: i32 = 17;
/// What is sent becomes datagrams of so many bytes, zero: it is one; Linux's number, as of the one that follows.
pub const UDP_SEGMENT: i32 = 103;
/// Datagrams of one length that came together are received together.
pub const UDP_GRO: i32 = 104;
