//! Frames of Ethernet as datagrams: each is one, with nothing before it.
//!
//! QEMU's `-netdev dgram` speaks so, and its older `-netdev socket,udp=`. Each side has a socket of its own, in the file system
//! or at a port of UDP, and knows where that of the other is. Nobody connects: either may come and go, and what is sent
//! meanwhile is lost, as on a cable.
//!
//! At a port of UDP only what comes from the other side's is taken. Who may write to a socket in the file system is believed:
//! permissions, of its folder above all, say who that is.

mod end;
mod socket;

use crate::errno;
use crate::place::Place;
use end::End;
use rump_abi::Errno;
use rump_hyper::packet::PacketIo;
use rump_hyper::{HostError, HostResult};
use socket::Socket;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of IP in a frame of plain Ethernet.
const ETHERNET_MTU: u32 = 1500;
/// Most that goes into a datagram of UDP over IPv4, 65,507 bytes, with a header of Ethernet that has a tag.
const MOST_MTU: u32 = 65_489;
/// Least that IPv4 needs (RFC 791).
const LEAST_MTU: u32 = 68;

/// Where the two sockets are, ours first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// In the file system.
    Unix(PathBuf, PathBuf),
    /// Ports of hosts, by name or address: `HOST:PORT`. The first addresses that are of one version of IP are used.
    Udp(String, String),
}

/// What to open, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where we are, and where the other side is.
    pub ends: Ends,
    /// Most bytes of IP in a frame, from 68 to 65,489: what the other side takes is not told by it.
    pub mtu: u32,
    /// Our address on the link; without one, a random one.
    pub hardware: Option<[u8; 6]>,
}

impl Options {
    /// Frames as plain Ethernet has them.
    pub fn new(ends: Ends) -> Self {
        Self { ends, mtu: ETHERNET_MTU, hardware: None }
    }

    /// What a text says: `[mtu=NUMBER:]unix:LOCAL,REMOTE` or `[mtu=NUMBER:]udp:HOST:PORT,HOST:PORT`, in which the paths have
    /// no comma. Errors: EINVAL.
    pub fn parse(text: &[u8]) -> HostResult<Self> {
        parse(text).ok_or_else(|| {
            let text = String::from_utf8_lossy(text);
            let form = "[mtu=NUMBER:]unix:LOCAL,REMOTE or udp:HOST:PORT,HOST:PORT";
            HostError { errno: Errno::EINVAL, what: format!("{text:?} is no pair of sockets: it is {form}") }
        })
    }
}

fn parse(text: &[u8]) -> Option<Options> {
    let (mut mtu, mut rest) = (ETHERNET_MTU, text);
    if let Some(behind) = text.strip_prefix(b"mtu=") {
        let (number, others) = split(behind, b':')?;
        mtu = std::str::from_utf8(number).ok()?.parse().ok().filter(is_mtu)?;
        rest = others;
    }
    let (word, places) = split(rest, b':')?;
    let (ours, theirs) = split(places, b',').filter(|(_, theirs)| !theirs.contains(&b','))?;
    let ends = match word {
        b"unix" if !ours.is_empty() && !theirs.is_empty() => {
            Ends::Unix(OsStr::from_bytes(ours).into(), OsStr::from_bytes(theirs).into())
        }
        b"udp" => {
            let place = |bytes| std::str::from_utf8(bytes).ok().filter(|place| place.contains(':'));
            Ends::Udp(place(ours)?.into(), place(theirs)?.into())
        }
        _ => return None,
    };
    Some(Options { mtu, ..Options::new(ends) })
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == at)?;
    Some((&bytes[..place], &bytes[place + 1..]))
}

fn is_mtu(mtu: &u32) -> bool {
    (LEAST_MTU..=MOST_MTU).contains(mtu)
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(ours, theirs) => write!(f, "unix:{},{}", ours.display(), theirs.display()),
            Self::Udp(ours, theirs) => write!(f, "udp:{ours},{theirs}"),
        }
    }
}

/// Opens an end. A socket in the file system that nobody has any more is replaced, and ours is removed with the end.
///
/// Errors, which name both sides: EINVAL (the MTU; the path is too long), those of the host (no such host), EADDRINUSE
/// (somebody has our place), EADDRNOTAVAIL (our place is none of this host, or no address of the other side's is of its
/// version of IP).
pub fn open(options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    let name = options.ends.to_string();
    if !is_mtu(&options.mtu) {
        let what =
            format!("dgram {name}: an MTU of {}, which is from {LEAST_MTU} to {MOST_MTU}", options.mtu);
        return Err(HostError { errno: Errno::EINVAL, what });
    }
    let failed = |why| errno::named(&format!("dgram {name}"), why);
    let socket =
        places(&options.ends).and_then(|(ours, theirs)| Socket::open(&ours, theirs)).map_err(failed)?;
    Ok(Arc::new(End::new(name, socket, options.mtu, options.hardware)?))
}

fn places(ends: &Ends) -> io::Result<(Place, Place)> {
    match ends {
        Ends::Unix(ours, theirs) => Ok((Place::unix(ours)?, Place::unix(theirs)?)),
        Ends::Udp(ours, theirs) => {
            let ours: Vec<SocketAddr> = ours.to_socket_addrs()?.collect();
            let pairs = theirs.to_socket_addrs()?.filter_map(|theirs| {
                let own = ours.iter().find(|own| own.is_ipv4() == theirs.is_ipv4())?;
                Some((Place::Inet(*own), Place::Inet(theirs)))
            });
            pairs.into_iter().next().ok_or_else(|| rustix::io::Errno::ADDRNOTAVAIL.into())
        }
    }
}

#[cfg(test)]
mod tests;
