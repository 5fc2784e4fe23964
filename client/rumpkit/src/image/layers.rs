//! Files of the host as images of a format (`rumpdev_image`), with all files below them.

use super::{LockPolicy, OpenError};
use rump_dev::{HostDevice, ReadOnly};
use rump_hyper::{Access, HostError, HostResult, Hypervisor, Lock};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use rumpdev_image::{Opened, Options, Sibling, Siblings};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

pub use rumpdev_image::{Format, Layer};

/// How the file of an image is opened. A [`LockPolicy`] alone is one, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Whether it is locked, and the files below it.
    pub lock: LockPolicy,
    /// Its format; by its signature where this is `None`.
    pub format: Option<Format>,
    /// Name or number of the snapshot in it that is shown; such an image is not written.
    pub snapshot: Option<String>,
    /// What opens parts of it that are encrypted.
    pub keys: Keys,
    /// Other images, on which parts of what is in it may lie. They are only read.
    pub with: Vec<Vec<u8>>,
}

/// Passphrases, and keys of other kinds.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Keys(Vec<Zeroizing<Vec<u8>>>);

impl Keys {
    /// Adds one.
    pub fn add(&mut self, key: Vec<u8>) {
        self.0.push(Zeroizing::new(key));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|key| &***key)
    }
}

impl fmt::Debug for Keys {
    /// How many there are, and nothing of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl From<LockPolicy> for Opening {
    fn from(lock: LockPolicy) -> Self {
        Self { lock, ..Self::default() }
    }
}

/// Opens the image at `path`, and answers with the disk that it describes, and what that is made of. Not one byte can be
/// written with [`Access::Read`], nor ever to an image that lies below another.
///
/// # Errors
/// [`OpenError::Host`], where [`OpenError::is_locked`] tells when another program holds the image; [`OpenError::Kernel`] with
/// the errors of [`rumpdev_image::open`]: EROFS (such an image is not written) among them.
pub fn open_layers(
    host: &dyn Hypervisor,
    path: &[u8],
    access: Access,
    opening: &Opening,
) -> Result<(Arc<dyn BlockDevice>, Layer), OpenError> {
    if path.is_empty() {
        return Err(HostError { errno: Errno::ENOENT, what: "the name of the image is empty".into() }.into());
    }
    let files = Files { host, lock: opening.lock };
    let (file, identity) = files.file(path, access)?;
    let options = Options { format: opening.format, snapshot: opening.snapshot.clone() };
    let Opened { device, layer } = rumpdev_image::open(file, (path, identity), &files, &options)?;
    Ok((device, layer))
}

/// Opens the image at `path` as [`open_layers`] does, and answers with its disk.
///
/// # Errors
/// As [`open_layers`].
pub fn open_device(
    host: &dyn Hypervisor,
    path: &[u8],
    access: Access,
    opening: impl Into<Opening>,
) -> Result<Arc<dyn BlockDevice>, OpenError> {
    open_layers(host, path, access, &opening.into()).map(|(device, _)| device)
}

/// The files of a host.
struct Files<'a> {
    host: &'a dyn Hypervisor,
    lock: LockPolicy,
}

/// A file, and what all its names have in common.
type Identified = (Arc<dyn BlockDevice>, Option<(u64, u64)>);

impl Files<'_> {
    fn file(&self, path: &[u8], access: Access) -> HostResult<Identified> {
        let lock = match self.lock {
            LockPolicy::Lock => Lock::Advisory,
            LockPolicy::NoLock => Lock::None,
        };
        let device = HostDevice::new(self.host.open(path, access, lock)?);
        let device = if access == Access::Read { ReadOnly::new(device) } else { device };
        Ok((device, self.host.stat(path).ok().and_then(|stat| stat.identity)))
    }
}

impl Siblings for Files<'_> {
    fn open(&self, from: &[u8], name: &[u8], access: Access) -> KResult<Sibling> {
        let folder = from.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let path = if name.starts_with(b"/") { name.to_vec() } else { [&from[..folder], name].concat() };
        let (device, identity) =
            self.file(&path, access).map_err(|error| KError::new(error.errno, error.what))?;
        Ok(Sibling { device, path, identity })
    }
}
