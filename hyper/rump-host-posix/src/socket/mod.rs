//! The host's own sockets.
//!
//! All are nonblocking. Bytes go straight between the caller's buffers and the host. The names of errors are kept, not
//! their numbers. Linux alone has what is needed to be [told](readiness) of changes; other hosts answer ENOTSUP.

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod control;
#[cfg(target_os = "linux")]
mod one;
#[cfg(target_os = "linux")]
mod options;
#[cfg(target_os = "linux")]
mod readiness;
#[cfg(target_os = "linux")]
mod tcp_info;

use crate::PosixHost;
use rump_abi::{AddressFamily, Errno, SocketType};
use rump_hyper::socket::{HostSocket, HostSockets};
use std::sync::Arc;
use std::task::Waker;

#[cfg(target_os = "linux")]
pub use readiness::Readiness;

/// Nobody can be told.
#[cfg(not(target_os = "linux"))]
#[derive(Default)]
pub struct Readiness;

impl HostSockets for PosixHost {
    #[cfg(target_os = "linux")]
    fn socket(
        &self,
        family: AddressFamily,
        kind: SocketType,
        protocol: u8,
        changed: Waker,
    ) -> Result<Arc<dyn HostSocket>, Errno> {
        Ok(Arc::new(one::Socket::open(family, kind, protocol, self.readiness.clone(), changed)?))
    }

    #[cfg(not(target_os = "linux"))]
    fn socket(&self, _: AddressFamily, _: SocketType, _: u8, _: Waker) -> Result<Arc<dyn HostSocket>, Errno> {
        Err(Errno::ENOTSUP)
    }
}
