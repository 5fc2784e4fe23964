//! Frames of Ethernet over a socket that is a stream of bytes: each with its length before it, 32 bits in network order.
//!
//! QEMU's `-netdev stream` speaks so, and its older `-netdev socket`; passt, gvproxy and libkrun do. The other side is
//! connected to, connected to again each time that it is gone, or waited for: then it is served until it goes, and who
//! comes meanwhile waits in the queue of the host. For a device of each client's own, accept connections and give each to
//! [`over`].
//!
//! Frames are complete: there is no header that leaves a checksum or cutting to the other side.

mod end;
mod framing;
mod socket;

use crate::errno;
use crate::place::{self, Place};
use end::{End, Source};
use rump_abi::Errno;
use rump_hyper::packet::PacketIo;
use rump_hyper::{Console, HostError, HostResult};
use rustix::fd::OwnedFd;
use std::ffi::OsStr;
use std::fmt;
use std::net::ToSocketAddrs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of IP in a frame of plain Ethernet.
const ETHERNET_MTU: u32 = 1500;
/// Most that passt takes, and what is left of the longest frame below.
const MOST_MTU: u32 = 65_520;
/// Least that IPv4 needs (RFC 791).
const LEAST_MTU: u32 = 68;
/// Longest pause between attempts to connect, unless another is chosen.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Where the other side is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host, by name or address, and a port: `HOST:PORT`. All its addresses are tried.
    Tcp(String),
}

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We, once: the end is gone with the connection.
    Connect,
    /// We, and again when the other side is gone or not there yet, after pauses that grow from 100 ms to this.
    Reconnect {
        /// Longest pause.
        longest_pause: Duration,
    },
    /// The other side, one after the other.
    Listen,
}

/// What to connect, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the other side is, or where we are.
    pub address: Address,
    /// Who connects.
    pub role: Role,
    /// Most bytes of IP in a frame, from 68 to 65,520: what the other side takes is not told by it. passt takes all.
    pub mtu: u32,
    /// Our address on the link; without one, a random one.
    pub hardware: Option<[u8; 6]>,
}

impl Options {
    /// Connects to an address once.
    pub fn connect(address: Address) -> Self {
        Self { address, role: Role::Connect, mtu: ETHERNET_MTU, hardware: None }
    }

    /// Waits for others at an address.
    pub fn listen(address: Address) -> Self {
        Self { role: Role::Listen, ..Self::connect(address) }
    }

    /// What a text says: `[listen:|reconnect:][mtu=NUMBER:]unix:PATH` or `...tcp:HOST:PORT`. Errors: EINVAL.
    pub fn parse(text: &[u8]) -> HostResult<Self> {
        let wrong = || {
            let text = String::from_utf8_lossy(text);
            let form = "[listen:|reconnect:][mtu=NUMBER:]unix:PATH or tcp:HOST:PORT";
            HostError { errno: Errno::EINVAL, what: format!("{text:?} is no stream: it is {form}") }
        };
        let (mut role, mut mtu, mut rest) = (Role::Connect, ETHERNET_MTU, text);
        let address = loop {
            let colon = rest.iter().position(|byte| *byte == b':').ok_or_else(wrong)?;
            let (word, behind) = (&rest[..colon], &rest[colon + 1..]);
            match word {
                b"listen" => role = Role::Listen,
                b"reconnect" => role = Role::Reconnect { longest_pause: LONGEST_PAUSE },
                b"unix" if !behind.is_empty() => break Address::Unix(OsStr::from_bytes(behind).into()),
                b"tcp" => {
                    let place = std::str::from_utf8(behind).ok().filter(|place| place.contains(':'));
                    break Address::Tcp(place.ok_or_else(wrong)?.into());
                }
                word => {
                    let number = word.strip_prefix(b"mtu=").and_then(|it| std::str::from_utf8(it).ok());
                    mtu = number.and_then(|it| it.parse().ok()).filter(is_mtu).ok_or_else(wrong)?;
                }
            }
            rest = behind;
        };
        Ok(Self { address, role, mtu, hardware: None })
    }
}

fn is_mtu(mtu: &u32) -> bool {
    (LEAST_MTU..=MOST_MTU).contains(mtu)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(place) => write!(f, "tcp:{place}"),
        }
    }
}

/// Opens an end; why a connection ended is told at the console.
///
/// Errors, which name the address: EINVAL (the MTU; the path is too long), those of the host (nobody is there, no such
/// host), EADDRINUSE (somebody listens there already).
pub fn open(console: Arc<dyn Console>, options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    let name = options.address.to_string();
    let failed = |why| errno::named(&format!("stream {name}"), why);
    let places = match &options.address {
        Address::Unix(path) => vec![Place::unix(path).map_err(failed)?],
        Address::Tcp(place) => place.to_socket_addrs().map_err(failed)?.map(Place::Inet).collect(),
    };
    let source = match options.role {
        Role::Connect => Source::Given(socket::connect(&places).map_err(failed)?),
        Role::Reconnect { longest_pause } => Source::Places { places, longest_pause },
        Role::Listen => Source::Listener(socket::Listener::bind(&places).map_err(failed)?),
    };
    Ok(Arc::new(End::new(console, name, source, options.mtu, options.hardware)?))
}

/// An end over a socket that is connected: one that was accepted, one of a pair, or one that another program left us. The
/// end is gone with the connection. Errors: EINVAL (the MTU), those of the host.
pub fn over(
    console: Arc<dyn Console>,
    socket: impl Into<OwnedFd>,
    name: &str,
    mtu: u32,
) -> HostResult<Arc<dyn PacketIo>> {
    let socket = socket.into();
    place::prepare(&socket).map_err(|why| errno::named(&format!("stream {name}"), why.into()))?;
    Ok(Arc::new(End::new(console, name.into(), Source::Given(socket), mtu, None)?))
}

#[cfg(test)]
mod tests;
