//! Components as modules: modctl(2); and the calls of what the kernel is built without: quotactl(2), ktrace(2).
//!
//! A kernel has the components that it was built with, for good.

use crate::Process;
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;
use rump_abi::Errno;
use rump_kpi::{KError, KResult};
use rump_vfs::Follow;

/// What kind of thing a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ModuleClass {
    /// A type of file system (`MODULE_CLASS_VFS`).
    FileSystem,
    /// Devices, and kinds of interfaces (`MODULE_CLASS_DRIVER`).
    Driver,
    /// Partition tables and protocols (`MODULE_CLASS_MISC`).
    Misc,
}

/// A component of the kernel (`modstat_t`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub class: ModuleClass,
    /// Mounts of a type of file systems.
    pub references: usize,
}

impl Process {
    /// The components that are linked (`MODCTL_STAT`). Errors: ENXIO (halted).
    pub fn modctl_stat(&self) -> KResult<Vec<ModuleInfo>> {
        self.shared().check_running()?;
        let shared = self.shared();
        let mounts = shared.vfs.mounts();
        let mut all = Vec::new();
        for fs_type in shared.types() {
            let references = mounts.iter().filter(|mount| mount.info().fs_type == fs_type.name()).count();
            all.push(ModuleInfo { name: fs_type.name().into(), class: ModuleClass::FileSystem, references });
        }
        let mut add = |name: String, class| all.push(ModuleInfo { name, class, references: 0 });
        shared.schemes().iter().for_each(|scheme| add(scheme.name().into(), ModuleClass::Misc));
        shared.network.families().into_iter().for_each(|name| add(name, ModuleClass::Misc));
        shared.network.kinds().into_iter().for_each(|name| add(name.into(), ModuleClass::Driver));
        shared.devices.names().into_iter().for_each(|name| add(name.into(), ModuleClass::Driver));
        Ok(all)
    }

    /// Nothing is loaded into a kernel that runs (`MODCTL_LOAD`). Errors: ENXIO (halted), EPERM (not the superuser), EEXIST (it
    /// is linked), ENOENT.
    pub fn modctl_load(&self, name: &str) -> KResult<Infallible> {
        Err(match self.find_module(name)? {
            true => Errno::EEXIST.into(),
            false => KError::new(Errno::ENOENT, String::from("no component is linked for ") + name),
        })
    }

    /// Nothing is taken out of a kernel (`MODCTL_UNLOAD`). Errors: ENXIO (halted), EPERM (not the superuser), ENOENT (it is
    /// not linked), EBUSY.
    pub fn modctl_unload(&self, name: &str) -> KResult<Infallible> {
        Err(match self.find_module(name)? {
            true => KError::new(Errno::EBUSY, "components stay as long as their kernel"),
            false => Errno::ENOENT.into(),
        })
    }

    /// Errors: ENXIO (halted), EPERM.
    fn find_module(&self, name: &str) -> KResult<bool> {
        let is_linked = self.modctl_stat()?.iter().any(|module| module.name == name);
        if self.cred().is_root() { Ok(is_linked) } else { Err(Errno::EPERM.into()) }
    }

    /// No file system here has quotas. Errors: those of the path walk, EOPNOTSUPP.
    pub fn quotactl(&self, path: impl AsRef<[u8]>) -> KResult<Infallible> {
        self.lookup(None, path.as_ref(), Follow::Yes)?;
        Err(KError::new(Errno::EOPNOTSUPP, "the file system has no quotas"))
    }

    /// There is no tracing. Errors: ENXIO (halted), ENOSYS.
    pub fn ktrace(&self) -> KResult<Infallible> {
        self.shared().check_running()?;
        Err(Errno::ENOSYS.into())
    }
}
