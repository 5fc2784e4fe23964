//! Taps and tunnels of the host.
//!
//! On Linux, `/dev/net/tun` (Documentation/networking/tuntap.rst). An interface that an administrator prepared for a user
//! (`ip tuntap add dev tap0 mode tap user NAME`) is opened without privilege; making one takes CAP_NET_ADMIN. Other hosts
//! answer ENOTSUP.

#[cfg(target_os = "linux")]
mod linux;

use rump_hyper::HostResult;
use rump_hyper::packet::PacketIo;
use std::sync::Arc;

/// What an interface carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Frames of Ethernet.
    Tap,
    /// Packets of IP.
    Tun,
}

/// What is left to the host, and may be left to us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offload {
    /// All that the host knows of checksums and cutting.
    #[default]
    All,
    /// Nothing: every frame is complete.
    None,
}

/// Which interface to open, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What it carries.
    pub kind: Kind,
    /// Its name; with `%d` in it, the host chooses a number that is free. If there is none of the name, it is made, and is
    /// gone when it is closed.
    pub name: String,
    /// What is left to the host.
    pub offload: Offload,
    /// Our address on the link of a tap; without one, a random one.
    pub address: Option<[u8; 6]>,
}

impl Options {
    /// A tap of this name, with all that the host does.
    pub fn tap(name: impl Into<String>) -> Self {
        Self { kind: Kind::Tap, name: name.into(), offload: Offload::All, address: None }
    }

    /// A tunnel of this name.
    pub fn tun(name: impl Into<String>) -> Self {
        Self { kind: Kind::Tun, ..Self::tap(name) }
    }

    /// The same, with every frame complete.
    pub fn without_offload(self) -> Self {
        Self { offload: Offload::None, ..self }
    }
}

/// Opens an interface. It is the host's to bring it up and to give its side addresses.
///
/// Errors, which name the interface and what is missing: EINVAL (no name for an interface; it is there, but of another
/// kind), ENOENT, ENODEV, EACCES (`/dev/net/tun`), EPERM (it is there for somebody else; it is not there, and may not be
/// made), EBUSY (somebody has it open), ENOTSUP (the host has no such thing).
#[cfg(target_os = "linux")]
pub fn open(options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    Ok(Arc::new(linux::Tun::open(options)?))
}

/// Opens an interface. Errors: ENOTSUP.
#[cfg(not(target_os = "linux"))]
pub fn open(options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    Err(rump_hyper::HostError {
        errno: rump_abi::Errno::ENOTSUP,
        what: format!("{}: taps are supported on Linux alone", options.name),
    })
}
