//! Sockets as owned values with the feel of `std::net`, and the configuration of interfaces.
//!
//! ```
//! use rumpkit::net::{TcpListener, TcpStream};
//! use rumpkit::PosixHost;
//! use std::io::{Read, Write};
//!
//! # fn main() -> std::io::Result<()> {
//! let kernel = rumpkit::kernel(PosixHost::new())?;
//! let listener = TcpListener::bind(&kernel.process(), "127.0.0.1:80")?;
//! let mut client = TcpStream::connect(&kernel.process(), listener.local_addr()?)?;
//! let (mut server, _from) = listener.accept()?;
//! client.write_all(b"hello")?;
//! drop(client);
//! let mut text = String::new();
//! server.read_to_string(&mut text)?;
//! assert_eq!(text, "hello");
//! # Ok(())
//! # }
//! ```
//!
//! The one difference from the standard library is the first argument of what makes a socket: the [`Process`] in whose
//! kernel it is. Code that is moved here keeps its shape, and the reader sees at each place which network is meant; methods
//! of `Process` for each of them would hide its system calls among names that mean something else.
//!
//! A socket is closed when it is dropped, and keeps its process and kernel as long as it is there. Errors are
//! [`std::io::Error`] with the kind that the standard library would answer; the kernel's own number is told by [`errno`].
//! Names are not resolved: see [`ToSocketAddr`].
//!
//! An [`Interface`] is made of a device: an end of a [`wire`] in memory, a bus that processes share
//! ([`crate::shmif`]), or an end of the host's: a tap ([`crate::tun`]), an interface that is shared ([`crate::packet`]), or a
//! stream to passt, a virtual machine or another kernel ([`crate::stream`]), which [`crate::virtif`] makes a device.
//!
//! With the feature `tokio` there are asynchronous ones in
#![cfg_attr(feature = "tokio", doc = "[`tokio`].")]
#![cfg_attr(not(feature = "tokio"), doc = "`tokio`.")]

mod address;
mod incoming;
mod interface;
mod socket;
mod tcp;
#[cfg(feature = "tokio")]
pub mod tokio;
mod udp;
mod unix;

pub use address::{InterfaceAddress, ParseError, ToSocketAddr};
pub use incoming::Incoming;
pub use interface::{Interface, add_default_route, interfaces, routes};
pub use rump_kpi::device::{
    DeviceInfo, Gateway, InterfaceInfo, Medium, NetworkDevice, Offloads, Receiver, RouteInfo, Statistics,
};
pub use rump_kpi::packet;
pub use rumpnet_wire as wire;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};

#[cfg(doc)]
use crate::Process;
use crate::{Errno, KError};
use std::io;

/// The number of the kernel in an error of this module, unless it did not come from a kernel.
pub fn errno(error: &io::Error) -> Option<Errno> {
    error.get_ref()?.downcast_ref::<KError>().map(|error| error.errno)
}
