//! An interface of the host, shared with the host: packet(7) of Linux.
//!
//! We are a neighbour with an address of our own on the link of the interface, beside the host, whose own frames do not come
//! to us, nor ours to it: packets between the two need another way. It takes CAP_NET_RAW in the namespace of the interface.
//!
//! The header of virtio-net goes with each frame: on interfaces that can, the host makes checksums and cuts, and what it
//! joined comes as one. A VLAN tag, which the host takes out of a frame, is put back. Other systems answer ENOTSUP.

#[cfg(target_os = "linux")]
mod linux;

use rump_hyper::HostResult;
use rump_hyper::packet::PacketIo;
use std::sync::Arc;

/// Which frames come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reception {
    /// Those to our address, and to groups.
    #[default]
    Ours,
    /// All that pass: for who has other addresses behind it, or looks on.
    All,
}

/// Whether what is sent waits with what the host sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queueing {
    /// In the queues of the interface, which share and limit it (tc(8)).
    #[default]
    Host,
    /// It goes to the driver at once, and is lost if that is busy.
    Bypass,
}

/// Which interface to open, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its name.
    pub name: String,
    /// Which frames come.
    pub reception: Reception,
    /// Whether what is sent waits.
    pub queueing: Queueing,
    /// Our address on its link; without one, a random one.
    pub address: Option<[u8; 6]>,
}

impl Options {
    /// This interface, as a neighbour of the host.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            reception: Reception::default(),
            queueing: Queueing::default(),
            address: None,
        }
    }
}

/// Opens an interface. Errors: EINVAL (no name for one; it carries no Ethernet), EPERM (CAP_NET_RAW), ENODEV (there is none),
/// ENOTSUP.
#[cfg(target_os = "linux")]
pub fn open(options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    Ok(Arc::new(linux::End::open(options)?))
}

/// Opens an interface. Errors: ENOTSUP.
#[cfg(not(target_os = "linux"))]
pub fn open(options: &Options) -> HostResult<Arc<dyn PacketIo>> {
    Err(rump_hyper::HostError {
        errno: rump_abi::Errno::ENOTSUP,
        what: format!("packet {}: interfaces are shared on Linux alone", options.name),
    })
}
