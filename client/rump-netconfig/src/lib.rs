//! Interfaces of a kernel, their configuration, and the client of DHCP. `rumpkit::net` shows all of it to programs in Rust,
//! the C interface the calls of [`Netconfig`].
#![forbid(unsafe_code)]

pub mod address;
pub mod dhcp;
pub mod interface;
mod netconfig;
pub mod resolv_conf;
mod task;

pub use address::InterfaceAddress;
pub use interface::{Interface, add_default_route};
pub use netconfig::{Links, Netconfig, Opened};

use rump_abi::{AddressFamily, Errno, MessageFlags, Mode, OpenFlags, SocketAddress, SocketType, sockopt};
use rump_hyper as hyper;
use rump_kern::{Fd, Kernel, Process, SendMessage, Watch};
use rump_kpi as kpi;
use rump_kpi::device::{AddressInfo, InterfaceInfo, Media, NetworkDevice, RouteInfo};
use rump_kpi::{KError, KResult};
use std::io;

/// The number of the kernel in an error of this crate, unless it did not come from a kernel.
pub fn errno(error: &io::Error) -> Option<Errno> {
    error.get_ref()?.downcast_ref::<KError>().map(|error| error.errno)
}
