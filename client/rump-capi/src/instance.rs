//! Kernels: the first is the one that classic calls act on; others are made and chosen by name of their handles.

use crate::component::{self, Library};
use crate::host::Host;
use crate::netconfig::Configuration;
use crate::{boot, lwp};
use rump_abi::Errno;
use rump_kern::{Kernel, Process};
use rump_kpi::{Component, KError, KResult};
use std::any::Any;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// A kernel, and what C has of it.
pub struct Instance {
    pub(crate) kernel: Kernel,
    pub(crate) host: Host,
    /// Process 1, whose calls those of threads are that are nobody else.
    pub(crate) init: Process,
    pub(crate) lwps: lwp::Table,
    network: OnceLock<Box<dyn Configuration>>,
    server: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
}

/// The kernel of `rump_init`.
static CLASSIC: OnceLock<Arc<Instance>> = OnceLock::new();
/// All that run.
static ALL: Mutex<Vec<Arc<Instance>>> = Mutex::new(Vec::new());

fn all() -> MutexGuard<'static, Vec<Arc<Instance>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Instance {
    /// Boots a kernel with all that is linked. Errors: those of booting, which the console tells in words.
    pub(crate) fn boot(host: Host) -> KResult<Arc<Self>> {
        let libraries = component::attached();
        let root = match rumpfs_tmpfs::component() {
            Component::FileSystem(fs_type) => fs_type,
            _ => return Err(KError::new(Errno::ENODEV, "tmpfs is no file system")),
        };
        let parts = libraries.iter().flat_map(|library| (library.parts)(&host));
        let builder = Kernel::builder(host.services.clone())
            .root(root)
            .messages(boot::messages())
            .signals(boot::signals());
        let kernel = parts
            .fold(builder, |builder, part| builder.component(part))
            .boot()
            .inspect_err(|error| host.services.write_line(&format!("rump: no kernel: {error}")))?;
        let init = kernel.init();
        let instance = Arc::new(Self {
            kernel,
            host,
            init,
            lwps: Default::default(),
            network: OnceLock::new(),
            server: Mutex::default(),
        });
        instance.host.carry(&instance);
        all().push(instance.clone());
        Ok(instance)
    }

    /// Boots the classic kernel, unless it is there. Errors: those of choosing a host and of booting.
    pub(crate) fn boot_classic() -> KResult<()> {
        static BOOTING: Mutex<()> = Mutex::new(());
        let _one = BOOTING.lock().unwrap_or_else(PoisonError::into_inner);
        if CLASSIC.get().is_none() {
            let instance = Self::boot(Host::default_host()?)?;
            boot::register_all(&instance.kernel);
            let _ = CLASSIC.set(instance);
        }
        Ok(())
    }

    /// The classic kernel. Errors: ENXIO (nobody booted it).
    pub(crate) fn classic() -> KResult<&'static Arc<Self>> {
        CLASSIC.get().ok_or_else(|| KError::new(Errno::ENXIO, "no kernel was booted"))
    }

    /// The kernel at an address, unless it is the classic one. Errors: EINVAL (there is none).
    pub(crate) fn find(address: usize) -> KResult<Arc<Self>> {
        let classic = CLASSIC.get();
        let is_it = |instance: &&Arc<Self>| {
            Arc::as_ptr(instance).addr() == address
                && !classic.is_some_and(|classic| Arc::ptr_eq(classic, instance))
        };
        all().iter().find(is_it).cloned().ok_or_else(|| Errno::EINVAL.into())
    }

    /// Halts it, and forgets it: it is gone as soon as no thread is at it. Errors: ENXIO (it was halted), EIO, ENOSPC.
    pub(crate) fn destroy(self: &Arc<Self>) -> KResult<()> {
        all().retain(|other| !Arc::ptr_eq(other, self));
        self.kernel.process().reboot()
    }

    /// Errors: ENXIO (halted).
    pub(crate) fn check_running(&self) -> KResult<()> {
        self.kernel.check_running()
    }

    /// Does what threads of the kernel do, where it has none; answers how long there is nothing to do.
    pub(crate) fn poll(&self) -> Option<Duration> {
        self.kernel.write_behind();
        self.network.get().into_iter().for_each(|network| network.poll());
        let due = [self.kernel.poll_network(), self.kernel.poll_timers()].into_iter().flatten().min()?;
        Some(due.saturating_sub(self.host.services.monotonic()))
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// What carries it.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The configuration of its networks, which is made if there is none yet.
    pub fn configuration(&self, make: impl FnOnce() -> Box<dyn Configuration>) -> &dyn Configuration {
        &**self.network.get_or_init(make)
    }

    /// What serves its clients, which is made if there is none yet. Errors: those of making it.
    pub fn server<T: Any + Send + Sync>(&self, make: impl FnOnce() -> KResult<Arc<T>>) -> KResult<Arc<T>> {
        let mut server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = server.clone().and_then(|known| known.downcast().ok()) {
            return Ok(known);
        }
        let made = make()?;
        *server = Some(made.clone());
        Ok(made)
    }

    /// Whether there is any.
    pub(crate) fn is_any() -> bool {
        !all().is_empty()
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
