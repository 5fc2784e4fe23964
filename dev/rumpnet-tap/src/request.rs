//! Requests of tap(4) and tun(4), by NetBSD's numbers.

use rump_kpi::character::request::{reads, writes};

/// The name of the interface, in a `struct ifreq`.
pub const TAPGIFNAME: u32 = reads(b'e', 0, 144);
/// Whether packets of a `tun` have their family before them, a number of 32 bits, the highest byte first.
pub const TUNGIFHEAD: u32 = reads(b't', 65, 4);
/// Changes that.
pub const TUNSIFHEAD: u32 = writes(b't', 66, 4);
/// Whether an address of a socket stands before packets, which is not done: zero alone is taken.
pub const TUNSLMODE: u32 = writes(b't', 87, 4);
/// Whether the interface of a `tun` leads to one host or is a network (`IFF_POINTOPOINT`, `IFF_BROADCAST`), which it is to
/// nobody here.
pub const TUNSIFMODE: u32 = writes(b't', 88, 4);

/// Values of [`TUNSIFMODE`], which may have [`IFF_MULTICAST`].
pub const IFF_BROADCAST: u32 = 0x2;
/// See [`IFF_BROADCAST`].
pub const IFF_POINTOPOINT: u32 = 0x10;
/// See [`IFF_BROADCAST`].
pub const IFF_MULTICAST: u32 = 0x8000;
