//! What libraries with calls of their own have in common with kernels: those that configure networks, and that of servers. The calls of `rump/netconfig.h` are in the crate of
//! `librumpnet_config`, so that programs without a network do without them.

pub use crate::errno::{of_host, status};
use crate::host::Host;
pub use crate::lwp::instance;
pub use crate::memory::{store, string};
pub use rump_abi::Errno;
pub use rump_kpi::device::NetworkDevice;
pub use rump_kpi::{KError, KResult};
use std::any::Any;
use std::sync::Arc;

/// Opens what a library has at links: the host, what C said, and whether frames come.
pub type Open = fn(&Host, &str) -> KResult<Arc<dyn NetworkDevice>>;

/// A kind of interfaces that have a link, which a library adds.
pub struct LinkKind {
    /// Names of interfaces without the number.
    pub interfaces: &'static str,
    /// Opens a link.
    pub open: Open,
}

/// The configuration of a kernel's networks, which a library keeps with the kernel.
pub trait Configuration: Any + Send + Sync {
    /// Does what is due at links, on hosts without threads.
    fn poll(&self);

    /// For whoever made it.
    fn as_any(&self) -> &dyn Any;
}
