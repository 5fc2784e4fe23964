//! Where something is kept about images that are packed: an index beside the image, as `IMAGE.rumpidx`, where that can be
//! written; else, and all content that was unpacked, in the folder `rump` of the user's cache (`XDG_CACHE_HOME`, `~/.cache`).
//!
//! It is made in the cache, under another name, by one program at a time (it is locked), synced, and renamed or copied. The cache holds at
//! most `RUMP_CACHE_BYTES`, 32 GiB unless that is set: what was used least lately goes first, and what was not used for
//! thirty days. A host whose files are not those of this process keeps nothing.

use core::fmt;
use rump_dev::HostDevice;
use rump_hyper::{Access, Hypervisor, Lock};
use rump_kpi::{BlockDevice, Errno, KError, KResult};
use rumpdev_image::{Draft, Keeping, Stamp};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

pub use rumpdev_image::{Kind, Work};

const CACHE_BYTES: u64 = 32 << 30;
/// After which time a key is told to take long.
const PATIENCE: Duration = Duration::from_secs(1);
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// What takes long.
pub enum Long<'a> {
    /// A packed image is indexed or unpacked.
    Packed(&'a Work<'a>),
    /// A key is derived: which, and how. Nobody can end it.
    Key(&'a str),
}

type Watcher = dyn Fn(&Long<'_>) -> bool + Send + Sync;

/// Who is told of work that takes long, and says whether it goes on. Nobody, unless one is named.
#[derive(Clone, Default)]
pub struct Watch(Option<Arc<Watcher>>);

impl Watch {
    /// Tells `watcher`, on the thread that unpacks, or beside the one that derives.
    pub fn new(watcher: impl Fn(&Long<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(watcher)))
    }

    pub(super) fn tell(&self, work: &Work<'_>) -> KResult<()> {
        match &self.0 {
            Some(watcher) if !watcher(&Long::Packed(work)) => Err(KError::new(Errno::EINTR, "interrupted")),
            _ => Ok(()),
        }
    }

    /// Derives a key; `what` is told of it once that has taken long.
    pub(super) fn deriving<T>(&self, what: &str, derive: impl FnOnce() -> T) -> T {
        let Some(watcher) = &self.0 else { return derive() };
        let (done, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let tell = move || {
                if ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    watcher(&Long::Key(what));
                }
            };
            // Where there is no thread to be had, nothing is told.
            let _ = thread::Builder::new().spawn_scoped(scope, tell);
            let key = derive();
            drop(done);
            key
        })
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watch" } else { "no Watch" })
    }
}

impl PartialEq for Watch {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Watch {}

/// What is kept about one file.
pub struct Kept<'a> {
    host: &'a dyn Hypervisor,
    path: PathBuf,
    stamp: Stamp,
    identity: (u64, u64),
    mode: u32,
}

impl<'a> Kept<'a> {
    /// `None` if nothing can be kept about it.
    pub fn of(host: &'a dyn Hypervisor, path: &[u8]) -> Option<Self> {
        let stat = host.stat(path).ok()?;
        let path = PathBuf::from(OsString::from_vec(path.to_vec()));
        let found = fs::metadata(&path).ok()?;
        let identity = (found.dev(), found.ino());
        if stat.identity != Some(identity) || !found.is_file() {
            return None;
        }
        let stamp = Stamp { size_bytes: stat.size_bytes, mtime: stat.mtime };
        Some(Self { host, path, stamp, identity, mode: found.mode() & 0o666 })
    }

    /// Where it may be kept, and the permission bits that it has there.
    fn places(&self, kind: Kind) -> Vec<(PathBuf, u32)> {
        let (beside, ending) = match kind {
            Kind::Index => (Some((with(&self.path, ".rumpidx"), self.mode | 0o600)), "rumpidx"),
            Kind::Unpacked => (None, "raw"),
        };
        let (device, number) = self.identity;
        let name = format!("{device:x}-{number:x}.{ending}");
        let cached = self.cache().map(|folder| (folder.join(name), 0o600));
        beside.into_iter().chain(cached).collect()
    }

    fn cache(&self) -> Option<PathBuf> {
        let given = self.host.find("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || Some(PathBuf::from(self.host.find("HOME")?).join(".cache"));
        let cache = given.or_else(home)?;
        cache.is_absolute().then(|| cache.join("rump"))
    }

    fn cache_bytes(&self) -> u64 {
        self.host.find("RUMP_CACHE_BYTES").and_then(|text| text.parse().ok()).unwrap_or(CACHE_BYTES)
    }

    /// A file at `part` that is locked.
    fn draft(&self, part: PathBuf) -> KResult<(Arc<dyn BlockDevice>, PathBuf)> {
        let locked = || {
            let io = self.host.open(part.as_os_str().as_bytes(), Access::ReadWrite, Lock::Advisory);
            io.map_err(|error| KError::new(error.errno, error.what))
        };
        if let Err(error) = create(&part, 0o600) {
            if error.kind() != io::ErrorKind::AlreadyExists || !is_file(&part) {
                return Err(told(&part, &error));
            }
            // Whoever began it is gone, if nobody holds it.
            drop(locked()?);
            let anew = fs::remove_file(&part).and_then(|()| create(&part, 0o600));
            anew.map_err(|error| told(&part, &error))?;
        }
        Ok((HostDevice::new(locked()?), part))
    }
}

impl Keeping for Kept<'_> {
    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn find(&self, kind: Kind) -> Vec<Arc<dyn BlockDevice>> {
        let open = |(place, _): (PathBuf, u32)| {
            let io = self.host.open(place.as_os_str().as_bytes(), Access::Read, Lock::None).ok()?;
            // So that it is known when it was used.
            if let Ok(file) = OpenOptions::new().write(true).open(&place) {
                let _ = file.set_modified(SystemTime::now());
            }
            Some(HostDevice::new(io))
        };
        self.places(kind).into_iter().filter(|(place, _)| is_file(place)).filter_map(open).collect()
    }

    fn begin(&self, kind: Kind) -> KResult<Box<dyn Draft>> {
        let places = self.places(kind);
        let cache = self.cache();
        if let Some(cache) = &cache {
            // What is wrong with it shows when something is made in it.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(cache);
        }
        // In the cache first: what is left of one that was killed is in nobody's way there.
        let mut drafts = places.iter().rev().map(|(place, _)| self.draft(with(place, ".part")));
        let (file, part) = drafts.find_map(Result::ok).ok_or(Errno::EACCES)?;
        Ok(Box::new(Making { file, part, places, cache, most: self.cache_bytes() }))
    }
}

/// Something that is being made. Dropped before it is finished, it is removed.
struct Making {
    file: Arc<dyn BlockDevice>,
    part: PathBuf,
    /// Where it may be kept, the first that is possible.
    places: Vec<(PathBuf, u32)>,
    cache: Option<PathBuf>,
    most: u64,
}

impl Making {
    fn put(&self, place: &Path, mode: u32) -> io::Result<()> {
        if place.parent() == self.part.parent() {
            return fs::rename(&self.part, place);
        }
        let near = with(place, &format!(".{}.part", std::process::id()));
        let copy = || {
            let mut copy = create(&near, mode)?;
            io::copy(&mut File::open(&self.part)?, &mut copy)?;
            copy.sync_all()?;
            fs::rename(&near, place)
        };
        let copied = copy();
        if copied.is_err() {
            // If it was made at all.
            let _ = fs::remove_file(&near);
        }
        copied
    }
}

impl Draft for Making {
    fn file(&self) -> Arc<dyn BlockDevice> {
        self.file.clone()
    }

    fn most(&self) -> u64 {
        self.most
    }

    fn finish(self: Box<Self>) -> KResult<()> {
        self.file.flush()?;
        let mut failed = None;
        for (place, mode) in &self.places {
            match self.put(place, *mode) {
                Ok(()) => {
                    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
                    // The name is of use as soon as it is there; that it lasts is as good as can be had.
                    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
                    if let Some(cache) = &self.cache {
                        sweep(cache, place, self.most);
                    }
                    return Ok(());
                }
                Err(error) => failed = Some(told(place, &error)),
            }
        }
        Err(failed.unwrap_or(Errno::EACCES.into()))
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // Where it was finished, it has another name. There is nobody to tell; whoever makes it next removes it.
        let _ = fs::remove_file(&self.part);
    }
}

/// Removes what was not used for long, and then what was used least lately, until the others fit. What cannot be removed stays.
fn sweep(cache: &Path, but: &Path, most: u64) {
    let Ok(entries) = fs::read_dir(cache) else { return };
    let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.metadata().ok().filter(|found| found.is_file())?;
            Some((found.modified().ok()?, found.blocks().saturating_mul(512), entry.path()))
        })
        .collect();
    files.sort();
    let mut sum: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    let now = SystemTime::now();
    for (used, bytes, path) in files {
        let is_old = now.duration_since(used).is_ok_and(|age| age > UNUSED);
        if path != but && (is_old || sum > most) && fs::remove_file(&path).is_ok() {
            sum -= bytes;
        }
    }
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn told(path: &Path, error: &io::Error) -> KError {
    let errno = match error.kind() {
        io::ErrorKind::PermissionDenied => Errno::EACCES,
        io::ErrorKind::NotFound => Errno::ENOENT,
        io::ErrorKind::AlreadyExists => Errno::EEXIST,
        io::ErrorKind::StorageFull => Errno::ENOSPC,
        _ => Errno::EIO,
    };
    KError::new(errno, format!("{}: {error}", path.display()))
}
