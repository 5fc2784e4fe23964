//! An opened image: a kernel of its own, and a process whose root is the image's root.

use super::{Address, Content, LockPolicy, OpenError, Opening, Selector, Survey, Volume, open_device};
use crate::{Kernel, MountArgs, Process};
use rump_hyper::{Access, Hypervisor};
use rump_kpi::{BlockDevice, Errno, FileSystemInfo, KError, KResult, Mode, MountFlags};
use std::sync::Arc;

const DEVICE: &str = "/dev/disk0";
const MOUNT_POINT: &str = "/img";

/// A file system of an image, mounted. Dropping an image that was opened for writing writes everything out;
/// [`Image::close`] does the same and tells of errors.
pub struct Image {
    kernel: Kernel,
    /// All of the image.
    disk: Arc<dyn BlockDevice>,
    /// How it was opened.
    opening: Opening,
    process: Process,
    volume: Volume,
    fs_type: &'static str,
    info: FileSystemInfo,
    warning: Option<String>,
}

impl Image {
    /// Opens what `address` names, for reading. The path in it plays no part.
    ///
    /// # Errors
    /// See [`OpenError`]; [`OpenError::is_locked`] tells when another program holds the image.
    pub fn open(
        host: Arc<dyn Hypervisor>,
        address: &Address,
        opening: impl Into<Opening>,
    ) -> Result<Self, OpenError> {
        Self::open_as(host, address, Access::Read, opening, "")
    }

    /// Opens what `address` names, for reading and writing: a dirty journal is recovered first.
    ///
    /// # Errors
    /// As [`Image::open`]; EROFS and ENOTSUP of the driver, where this file system is not written.
    pub fn open_for_writing(
        host: Arc<dyn Hypervisor>,
        address: &Address,
        opening: impl Into<Opening>,
    ) -> Result<Self, OpenError> {
        Self::open_as(host, address, Access::ReadWrite, opening, "")
    }

    /// Opens what `address` names, with options of the mount: `key[=value],...`, as the driver takes them.
    ///
    /// # Errors
    /// As [`Image::open`] and [`Image::open_for_writing`]; EINVAL (the driver does not know an option).
    pub fn open_as(
        host: Arc<dyn Hypervisor>,
        address: &Address,
        access: Access,
        opening: impl Into<Opening>,
        options: &str,
    ) -> Result<Self, OpenError> {
        let survey = Survey::open(host, address.image(), access, opening)?;
        Self::in_survey(survey, address, access, options)
    }

    /// Opens another part of the disk that this image is in. What one writes the other reads.
    ///
    /// # Errors
    /// As [`Image::open_as`].
    pub fn open_beside(&self, address: &Address, access: Access, options: &str) -> Result<Self, OpenError> {
        let opening = self.opening.clone();
        let survey = Survey::of_device(self.kernel.host().clone(), self.disk.clone(), opening)?;
        Self::in_survey(survey, address, access, options)
    }

    fn in_survey(
        survey: Survey,
        address: &Address,
        access: Access,
        options: &str,
    ) -> Result<Self, OpenError> {
        let volume = survey.choose(address.image(), address.selector())?;
        let (fs_type, info) = file_system(&volume)?;
        let device = survey.bytes_of(&volume)?;
        if access == Access::ReadWrite && device.is_read_only() && !survey.device.is_read_only() {
            let what = format!("{}: volumes of LVM and MD arrays are not written here", volume.selector);
            return Err(KError::new(Errno::EROFS, what).into());
        }
        let disk = survey.device.clone();
        let mounted = Self::mounted((survey.kernel, disk), device, volume, (fs_type, info), access, options)?;
        Ok(Self { opening: survey.opening, ..mounted })
    }

    /// Mounts the file system that begins with `device` for reading and writing. Partition tables play no part.
    ///
    /// # Errors
    /// As [`Image::open_for_writing`].
    pub fn on_device(host: Arc<dyn Hypervisor>, device: Arc<dyn BlockDevice>) -> Result<Self, OpenError> {
        let survey = Survey::boot(host, device.clone())?;
        let volume = survey.choose(b"", &Selector::Offset(0))?;
        let (fs_type, info) = file_system(&volume)?;
        let disk = (survey.kernel, device.clone());
        Self::mounted(disk, device, volume, (fs_type, info), Access::ReadWrite, "")
    }

    fn mounted(
        (kernel, disk): (Kernel, Arc<dyn BlockDevice>),
        device: Arc<dyn BlockDevice>,
        volume: Volume,
        (fs_type, info): (&'static str, FileSystemInfo),
        access: Access,
        options: &str,
    ) -> Result<Self, OpenError> {
        let process = kernel.process();
        kernel.attach_block(DEVICE, device)?;
        process.mkdir(MOUNT_POINT, Mode::new(0o755))?;
        let warning = Place { device: DEVICE, dir: MOUNT_POINT }.mount(&process, fs_type, access, options)?;
        // Inside a root of its own, absolute symbolic links lead where the image's maker meant them to.
        process.chroot(MOUNT_POINT)?;
        process.chdir("/")?;
        let opening = Opening::default();
        Ok(Self { kernel, disk, opening, process, volume, fs_type, info, warning })
    }

    /// What the user must know of how it was opened: its journal could not be replayed, so what is seen may be
    /// older than, or inconsistent with, what was written last.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Writes everything out and unmounts. Processes and descriptors of the image are of no use afterwards.
    ///
    /// # Errors
    /// EIO, ENOSPC: what was written last may be lost.
    pub fn close(self) -> KResult<()> {
        self.process.reboot()
    }

    /// The kernel that serves it.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// A process whose `/` is the root of the image.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// All of the image's disk.
    pub fn disk(&self) -> &Arc<dyn BlockDevice> {
        &self.disk
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

fn file_system(volume: &Volume) -> Result<(&'static str, FileSystemInfo), OpenError> {
    match &volume.content {
        Content::FileSystem(fs_type, info) => Ok((*fs_type, info.clone())),
        Content::Damaged(error) => Err(error.clone().into()),
        Content::Unknown => Err(OpenError::NotRecognised),
    }
}

/// Mounts what `address` names at the directory `dir` of a kernel that runs, which knows the device as `device` from then on,
/// such as `/dev/disk0`. Answers what the user must know of it: see [`Image::warning`].
///
/// # Errors
/// As [`Image::open`] and [`Image::open_for_writing`]; EEXIST (there is such a device), those of the directory.
pub fn mount_in(
    kernel: &Kernel,
    address: &Address,
    access: Access,
    (device, dir): (&str, &str),
) -> Result<Option<String>, OpenError> {
    let image = open_device(&**kernel.host(), address.image(), access, LockPolicy::Lock)?;
    let survey = Survey::with_kernel(kernel.clone(), image);
    let volume = survey.choose(address.image(), address.selector())?;
    let (fs_type, _) = file_system(&volume)?;
    kernel.attach_block(device, survey.bytes_of(&volume)?)?;
    Ok(Place { device, dir }.mount(&kernel.init(), fs_type, access, "")?)
}

/// Where a file system is mounted, and from what.
struct Place<'a> {
    device: &'a str,
    dir: &'a str,
}

impl Place<'_> {
    /// Answers a warning.
    fn mount(
        &self,
        process: &Process,
        fs_type: &str,
        access: Access,
        options: &str,
    ) -> KResult<Option<String>> {
        match access {
            Access::Read => self.mount_for_reading(process, fs_type, options),
            Access::ReadWrite => self.attempt(process, fs_type, MountFlags::NOATIME, options).map(|()| None),
        }
    }

    fn attempt(&self, process: &Process, fs_type: &str, flags: MountFlags, options: &str) -> KResult<()> {
        let args = MountArgs { source: Some(self.device.into()), flags, options: options.into() };
        process.mount(fs_type, self.dir, args)
    }

    /// Mounts read-only. A journal that cannot be replayed does not hide the files: the answer then is a warning.
    fn mount_for_reading(&self, process: &Process, fs_type: &str, options: &str) -> KResult<Option<String>> {
        let flags = MountFlags::RDONLY | MountFlags::NOATIME;
        let attempt = |options: &str| self.attempt(process, fs_type, flags, options);
        let Err(refused) = attempt(options) else { return Ok(None) };
        if refused.errno == Errno::EFTYPE && attempt(&format!("{options},noload")).is_ok() {
            return Ok(Some(format!("the journal is not replayed: {refused}")));
        }
        Err(refused)
    }
}
