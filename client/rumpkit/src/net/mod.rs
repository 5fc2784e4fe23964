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
//! Names are not resolved by the way (see [`ToSocketAddr`]): [`resolve`] asks servers for their addresses.
//!
//! An [`Interface`] is made of a device: an end of a [`wire`] in memory, a bus that processes share
//! ([`crate::shmif`]), or an end of the host's: a tap ([`crate::tun`]), an interface that is shared ([`crate::packet`]), or a
//! stream to passt, a virtual machine or another kernel ([`crate::stream`]), which [`crate::virtif`] makes a device; [`Link`]
//! finds one by name. It is configured by methods, by a client of [`dhcp`], or with all else by a file ([`Config`]);
//! [`Netconfig`] has the calls of NetBSD's rump kernels.
//!
//! With the feature `tokio` there are asynchronous ones in
#![cfg_attr(feature = "tokio", doc = "[`tokio`].")]
#![cfg_attr(not(feature = "tokio"), doc = "`tokio`.")]

pub mod bpf;
mod bridge;
pub mod config;
mod incoming;
pub mod link;
mod netconfig;
pub mod resolve;
mod socket;
mod tcp;
#[cfg(feature = "tokio")]
pub mod tokio;
mod udp;
mod unix;
mod vlan;

pub use address::{InterfaceAddress, ParseError, ToSocketAddr};
pub use bridge::Bridge;
pub use config::Config;
pub use incoming::Incoming;
pub use interface::{
    Interface, add_default_route, add_route, counters, interfaces, remove_route, resolvers, routes, sockets,
};
pub use link::Link;
pub use netconfig::Netconfig;
pub use rump_kpi::device::{
    AddressInfo, AddressState, Counter, DeviceInfo, Duplex, Gateway, InterfaceInfo, Media, Medium,
    NetworkDevice, Offloads, Receiver, ResolverInfo, RouteInfo, SocketInfo, SocketProtocol, Statistics,
};
pub use rump_kpi::link::{
    BridgeSettings, BridgeStatistics, MemberInfo, MemberSettings, MemberState, Statics, StationInfo, TreeInfo,
};
pub use rump_kpi::packet;
use rump_netconfig::{address, interface};
pub use rump_netconfig::{dhcp, errno, resolv_conf};
pub use rumpnet_wire as wire;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};
pub use vlan::Vlan;

#[cfg(doc)]
use crate::Process;
