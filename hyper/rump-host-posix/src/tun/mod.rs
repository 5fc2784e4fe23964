//! Taps and tunnels of the host.
//!
//! On Linux, `/dev/net/tun` (Documentation/networking/tuntap.rst). An interface that an administrator prepared for a user
//! (`ip tuntap add dev tap0 mode tap user NAME`) is opened without privilege; making one takes CAP_NET_ADMIN. The BSDs have
//! `/dev/tap0` and `/dev/tun0` (tap(4), tun(4)), macOS has `utun0` for packets of IP alone; these leave no checksum and no
//! cutting to us.

mod end;
#[cfg(any(target_os = "freebsd", target_os = "dragonfly", target_os = "netbsd", target_os = "openbsd"))]
#[path = "bsd.rs"]
mod host;
#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod host;
#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod host;
mod read;

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

/// How many may have an interface open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queues {
    /// One.
    #[default]
    One,
    /// Each who opens it, up to 256: Linux gives each the frames of some of the connections. Linux alone has that, and the
    /// interface has to be made so (`ip tuntap add ... multi_queue`).
    Several,
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
    /// How many may have it open.
    pub queues: Queues,
    /// Our address on the link of a tap; without one, a random one.
    pub address: Option<[u8; 6]>,
}

impl Options {
    /// A tap of this name, with all that the host does.
    pub fn tap(name: impl Into<String>) -> Self {
        Self { kind: Kind::Tap, name: name.into(), offload: Offload::All, queues: Queues::One, address: None }
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
pub fn open(options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    Ok(Arc::new(host::open(options)?))
}
