//! An image opened for reading: a kernel of its own, and a process whose root is the image's root.

use super::{Address, Content, LockPolicy, OpenError, Survey, Volume};
use crate::{Kernel, MountArgs, Process};
use rump_hyper::Hypervisor;
use rump_kpi::{Errno, FileSystemInfo, KResult, Mode, MountFlags};
use std::sync::Arc;

const DEVICE: &str = "/dev/disk0";
const MOUNT_POINT: &str = "/img";

/// A file system of an image, mounted read-only.
pub struct Image {
    kernel: Kernel,
    process: Process,
    volume: Volume,
    fs_type: &'static str,
    info: FileSystemInfo,
    warning: Option<String>,
}

impl Image {
    /// Opens what `address` names. The path in it plays no part.
    ///
    /// # Errors
    /// See [`OpenError`]; [`OpenError::is_locked`] tells when another program holds the image.
    pub fn open(host: Arc<dyn Hypervisor>, address: &Address, lock: LockPolicy) -> Result<Self, OpenError> {
        let survey = Survey::open(host, address.image(), lock)?;
        let volume = survey.choose(address.image(), address.selector())?;
        let (fs_type, info) = match &volume.content {
            Content::FileSystem(fs_type, info) => (*fs_type, info.clone()),
            Content::Damaged(error) => return Err(error.clone().into()),
            Content::Unknown => return Err(OpenError::NotRecognised),
        };
        let device = survey.slice(volume.start_bytes, volume.size_bytes)?;
        let kernel = survey.kernel;
        let process = kernel.process();
        kernel.attach_block(DEVICE, device)?;
        process.mkdir(MOUNT_POINT, Mode::new(0o755))?;
        let warning = mount(&process, fs_type)?;
        // Inside a root of its own, absolute symbolic links lead where the image's maker meant them to.
        process.chroot(MOUNT_POINT)?;
        process.chdir("/")?;
        Ok(Self { kernel, process, volume, fs_type, info, warning })
    }

    /// What the user must know of how it was opened: its journal could not be replayed, so what is seen may be
    /// older than, or inconsistent with, what was written last.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The kernel that serves it.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// A process whose `/` is the root of the image.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where in the image the file system lies.
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// The name that `mount` takes.
    pub fn fs_type(&self) -> &'static str {
        self.fs_type
    }

    /// What its signature tells.
    pub fn info(&self) -> &FileSystemInfo {
        &self.info
    }
}

/// Mounts read-only. A journal that cannot be replayed does not hide the files: the answer then is a warning.
fn mount(process: &Process, fs_type: &str) -> KResult<Option<String>> {
    let attempt = |options: &str| {
        let args = MountArgs {
            source: Some(DEVICE.into()),
            flags: MountFlags::RDONLY | MountFlags::NOATIME,
            options: options.into(),
        };
        process.mount(fs_type, MOUNT_POINT, args)
    };
    let Err(refused) = attempt("") else { return Ok(None) };
    if refused.errno == Errno::EFTYPE && attempt("noload").is_ok() {
        return Ok(Some(format!("the journal is not replayed: {refused}")));
    }
    Err(refused)
}
