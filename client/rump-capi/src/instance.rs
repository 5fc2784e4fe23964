//! Kernels: the first is the one that classic calls act on; others are made and chosen by name of their handles.

use crate::component::{self, Library};
use crate::host::Host;
use rump_abi::Errno;
use rump_kern::{Kernel, Process};
use rump_kpi::{Component, KError, KResult};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A kernel, and what C has of it.
pub struct Instance {
    pub(crate) kernel: Kernel,
    pub(crate) host: Host,
    /// Process 1, whose calls those of threads are that are nobody else.
    pub(crate) init: Process,
    pub(crate) lwps: crate::lwp::Table,
}

/// The kernel of `rump_init`.
static CLASSIC: OnceLock<Arc<Instance>> = OnceLock::new();
/// All that run.
static ALL: Mutex<Vec<Arc<Instance>>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<Arc<Instance>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Boots a kernel with all that is linked. Errors: those of booting.
    pub(crate) fn boot(host: Host) -> KResult<Arc<Self>> {
        let libraries = component::attached();
        let root = match rumpfs_tmpfs::component() {
            Component::FileSystem(fs_type) => fs_type,
            _ => return Err(KError::new(Errno::ENODEV, "tmpfs is no file system")),
        };
        let parts = libraries.iter().flat_map(|library| (library.parts)(&host));
        let builder = Kernel::builder(host.services.clone()).root(root);
        let kernel = parts.fold(builder, |builder, part| builder.component(part)).boot()?;
        let init = kernel.init();
        let instance = Arc::new(Self { kernel, host, init, lwps: Default::default() });
        all().push(instance.clone());
        Ok(instance)
    }

    /// Boots the classic kernel, unless it is there. Errors: those of booting.
    pub(crate) fn boot_classic() -> KResult<()> {
        static BOOTING: Mutex<()> = Mutex::new(());
        let _one = BOOTING.lock().unwrap_or_else(PoisonError::into_inner);
        if CLASSIC.get().is_none() {
            let instance = Self::boot(Host::default_host())?;
            let _ = CLASSIC.set(instance);
        }
        Ok(())
    }

    /// The classic kernel. Errors: ENXIO (nobody booted it).
    pub(crate) fn classic() -> KResult<&'static Arc<Self>> {
        CLASSIC.get().ok_or_else(|| KError::new(Errno::ENXIO, "no kernel was booted"))
    }
}

/// Gives the parts of a library to all kernels.
pub(crate) fn add_to_all(library: &Library) {
    let kernels = all().clone();
    for instance in kernels {
        for part in (library.parts)(&instance.host) {
            // A kernel that was halted needs none.
            let _ = instance.kernel.add_component(part);
        }
    }
}
