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

/// Who was on the other side when it was connected (`SO_PEERCRED` of Linux).
pub const LOCAL_PEEREID: i32 = 3;
/// Messages come with who sent them (`SO_PASSCRED` of Linux).
pub const LOCAL_CREDS: i32 = 4;
