//! What the kernel knows of itself and nobody else keeps.

use alloc::sync::Arc;
use core::sync::atomic::AtomicI32;
use rump_kpi::NodeName;

/// See the module.
pub(crate) struct Facts {
    pub(crate) host_name: Arc<NodeName>,
    pub(crate) domain_name: NodeName,
    pub(crate) host_id: AtomicI32,
}

impl Facts {
    /// Of a kernel whose file systems know it by `host_name`.
    pub(crate) fn new(host_name: &Arc<NodeName>) -> Self {
        Self { host_name: host_name.clone(), domain_name: NodeName::default(), host_id: AtomicI32::new(0) }
    }
}
