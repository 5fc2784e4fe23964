//! What carries kernels: this process.

use rump_host_posix::PosixHost;
use rump_hyper::Hypervisor;
use rump_hyper::socket::HostSockets;
use std::sync::Arc;

/// A host of kernels.
#[derive(Clone)]
pub struct Host {
    /// Its services.
    pub services: Arc<dyn Hypervisor>,
    /// The host, if it is this process.
    #[cfg(feature = "posix")]
    pub posix: Option<Arc<PosixHost>>,
}

impl Host {
    /// Its sockets, if it has any that kernels may use.
    pub fn sockets(&self) -> Option<Arc<dyn HostSockets>> {
        #[cfg(feature = "posix")]
        return self.posix.clone().map(|posix| posix as Arc<dyn HostSockets>);
        #[cfg(not(feature = "posix"))]
        None
    }

    /// The host that a kernel gets when nobody chose one.
    pub(crate) fn default_host() -> Self {
        let posix = PosixHost::new();
        Self { services: posix.clone(), posix: Some(posix) }
    }
}
