//! Errnos, modes, flags and structures shared by every layer.
//!
//! Numbers here are the kernel's own (NetBSD's). The clients translate them at their border: a client in
//! the same process to the host's, the remote protocol to NetBSD's amd64 layout ([`netbsd`]).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod clock;
mod errno;
pub mod event;
mod flags;
mod limit;
mod mode;
pub mod netbsd;
mod signal;
mod socket;
pub mod sockopt;
mod stat;
pub mod sysctl;
mod tcp_info;

pub use clock::{ClockId, TimerSpec};
pub use errno::Errno;
pub use flags::{
    AccessMode, AllocateFlags, AtFlags, FileFlags, MountFlags, OpenFlags, RenameFlags, SyncFlags, XattrFlags,
};
pub use limit::{Resource, ResourceLimit};
pub use mode::{FileType, Mode};
pub use signal::{Signal, SignalSet};
pub use socket::{AddressFamily, MessageFlags, PollEvents, Shutdown, SocketAddress, SocketType};
pub use stat::{DevNumber, Ino, Stat, StatVfs, TimeSpec};
pub use tcp_info::{TcpCaState, TcpInfo, TcpOptions, TcpState};
