//! Files of the host, and what URLs name (`rump_sources`), as images of a format (`rumpdev_image`), with all files below them.

use super::kept::{Kept, Watch};
use super::{LockPolicy, OpenError};
use rump_dev::{HostDevice, ReadOnly};
use rump_hyper::{Access, HostError, HostResult, Hypervisor, Lock};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use rumpdev_image::{Keeping, Opened, Options, Sibling, Siblings, Work};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
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
    /// Who is told of work that takes long, such as unpacking.
    pub watch: Watch,
    /// What opens parts of it that are encrypted.
    pub keys: Keys,
    /// An image with the header of what is encrypted in this one, which keeps none itself.
    pub header: Option<Vec<u8>>,
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

/// Opens the image at `path`, or at the URL of a scheme of `rump_sources`, and answers with the disk that it describes, and what
/// that is made of. Not one byte can be written with [`Access::Read`], nor ever to an image that lies below another. What an image
/// names is where it is itself: files of this host, or of its server. At servers nothing is locked.
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
    let files = Files { host, lock: opening.lock, watch: &opening.watch };
    let (file, identity) =
        if rump_sources::is_url(path) { source(path, access)? } else { files.file(path, access)? };
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
    watch: &'a Watch,
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

/// Opens what a URL names. All writings of a URL name things of their own.
fn source(url: &[u8], access: Access) -> HostResult<Identified> {
    let device = rump_sources::open(url, access, &rump_sources::Options::default())?;
    let device = if access == Access::Read { ReadOnly::new(device) } else { device };
    let mut hasher = DefaultHasher::new();
    url.hash(&mut hasher);
    Ok((device, Some((u64::MAX, hasher.finish()))))
}

impl Siblings for Files<'_> {
    fn open(&self, from: &[u8], name: &[u8], access: Access) -> KResult<Sibling> {
        let in_words = |error: HostError| KError::new(error.errno, error.what);
        if rump_sources::is_url(from) {
            let path = rump_sources::beside(from, name)?;
            let (device, identity) = source(&path, access).map_err(in_words)?;
            return Ok(Sibling { device, path, identity });
        }
        let folder = from.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let path = if name.starts_with(b"/") { name.to_vec() } else { [&from[..folder], name].concat() };
        // Always a file, whatever it is called: an image of this host does not lead to the network.
        let (device, identity) = self.file(&path, access).map_err(in_words)?;
        Ok(Sibling { device, path, identity })
    }

    fn keeping(&self, path: &[u8]) -> Option<Box<dyn Keeping + '_>> {
        Kept::of(self.host, path).map(|kept| Box::new(kept) as Box<dyn Keeping>)
    }

    fn progress(&self, work: &Work<'_>) -> KResult<()> {
        self.watch.tell(work)
    }
}
