//! Mounting and halting: mount(2), unmount(2), reboot(2).

use crate::{Process, Unmount};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::{Errno, MountFlags};
use rump_kpi::{BlockDevice, Environment, KError, KResult};
use rump_vfs::{Follow, MountRequest, WriteBehind};

/// What `mount` is told besides type and target.
#[derive(Clone, Debug)]
pub struct MountArgs {
    /// Path of a block device, for types that need one.
    pub source: Option<Vec<u8>>,
    /// Flags.
    pub flags: MountFlags,
    /// `key[=value],...`, for the type.
    pub options: String,
}

impl Default for MountArgs {
    fn default() -> Self {
        Self { source: None, flags: MountFlags::empty(), options: String::new() }
    }
}

impl Process {
    /// Mounts a file system over a directory.
    ///
    /// Errors: EPERM (not the superuser), ENODEV (no such type), those of the walk to the target, ENOTDIR,
    /// EBUSY (mounted over), those of the walk to the source, ENOTBLK (no block device), those of the driver.
    pub fn mount(&self, fs_type: &str, target: impl AsRef<[u8]>, args: MountArgs) -> KResult<()> {
        if !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        let fs_type = self.shared().find_type(fs_type)?;
        let target = target.as_ref();
        let over = self.lookup(None, target, Follow::Yes)?;
        if !over.is_dir() {
            return Err(Errno::ENOTDIR.into());
        }
        let device = args.source.as_deref().map(|path| self.find_device(path)).transpose()?;
        let read_only = args.flags.contains(MountFlags::RDONLY);
        let shared = self.shared();
        // A driver may keep its environment as long as it is mounted: it must not keep the kernel.
        let process = self.downgrade();
        let behind = if read_only { None } else { WriteBehind::new(&shared.host) };
        let environment = Environment {
            write_behind: behind.clone().map_or_else(
                || shared.environment.write_behind.clone(),
                |behind| Arc::new(move || behind.ask()),
            ),
            find_device: Arc::new(move |path| process.upgrade()?.find_device(path.as_bytes())),
            ..shared.environment.clone()
        };
        let fs = fs_type.mount(device, read_only, &args.options, &environment)?;
        let request = MountRequest {
            fs,
            behind,
            fs_type: fs_type.name(),
            source: args.source.unwrap_or_default(),
            target: self.absolute(target)?,
            flags: args.flags,
        };
        shared.vfs.mount(&self.cred(), &over, request)
    }

    fn find_device(&self, path: &[u8]) -> KResult<Arc<dyn BlockDevice>> {
        let vnode = self.lookup(None, path, Follow::Yes)?;
        vnode.node()?.block_device().ok_or_else(|| {
            let text = alloc::format!("{} is not a block device", String::from_utf8_lossy(path));
            KError::new(Errno::ENOTBLK, text)
        })
    }

    /// The path for the mount table: as given, behind the working directory if relative.
    fn absolute(&self, path: &[u8]) -> KResult<Vec<u8>> {
        let mut absolute = if path.starts_with(b"/") { Vec::new() } else { self.getcwd()? };
        if !absolute.is_empty() && !absolute.ends_with(b"/") {
            absolute.push(b'/');
        }
        absolute.extend_from_slice(path);
        while absolute.len() > 1 && absolute.ends_with(b"/") {
            absolute.pop();
        }
        Ok(absolute)
    }

    /// Unmounts what is mounted at `target`. Errors: EPERM (not the superuser), those of the path walk, EINVAL
    /// (not a mount point), EBUSY (files in use), EIO, ENOSPC.
    pub fn unmount(&self, target: impl AsRef<[u8]>, how: Unmount) -> KResult<()> {
        let cred = self.cred();
        if !cred.is_root() {
            return Err(Errno::EPERM.into());
        }
        let root = self.lookup(None, target.as_ref(), Follow::Yes)?;
        self.shared().vfs.unmount(&cred, root, how)
    }

    /// Halts the kernel: everything is written out and unmounted, later calls answer ENXIO. Errors: EPERM (not
    /// the superuser), ENXIO (halted), EIO, ENOSPC.
    pub fn reboot(&self) -> KResult<()> {
        if !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        self.shared().halt()
    }
}
