//! A folder of the host that is reached into and never left (openat(2), openat2(2) of Linux).
//!
//! The folder is held open, so it does not matter where its path leads later. Directories on the way are opened
//! without following a link: by one call of the host that promises it where there is one ([`Way::Kernel`]), else
//! name by name ([`Way::Steps`]). The last name is always looked at from its opened directory, without following.
//! Checked names hold no `..`, so neither way has a step that leads up.

use crate::file::HostFile;
use crate::{errno, host_stat};
use rump_hyper::{Access, BlockIo, HostError, HostFolder, HostResult, HostStat, Lock, names_beneath};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};
use rustix::io::Errno as Host;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// To go through a directory, the right to search it suffices where the host can say so.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const PASS: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);
const LIST: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW);

/// How directories on the way are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By `openat2`, until the host refuses that.
    Kernel,
    /// Name by name.
    Steps,
}

/// An opened folder.
pub(crate) struct Folder {
    root: OwnedFd,
    path: PathBuf,
    steps: AtomicBool,
}

impl Folder {
    /// Errors: the host's, ENOTDIR.
    pub fn open(path: &Path, way: Way) -> HostResult<Self> {
        let root = rustix::fs::open(path, PASS, Mode::empty())
            .map_err(|error| errno::of_path(path, error.into()))?;
        Ok(Self { root, path: path.into(), steps: AtomicBool::new(way == Way::Steps) })
    }

    /// Finds the directory that holds the last name of `path`, and does `what` there; with the folder and `.` for
    /// the empty path. Errors name the path.
    fn at<T>(&self, path: &[u8], what: impl FnOnce(&OwnedFd, &[u8]) -> Result<T, Host>) -> HostResult<T> {
        let names = names_beneath(path)
            .map_err(|errno| HostError { errno, what: format!("{}: {errno}", self.full(path).display()) })?;
        let named = |error: Host| errno::of_path(&self.full(path), error.into());
        let Some((last, way)) = names.split_last() else {
            return what(&self.root, b".").map_err(named);
        };
        let opened = self.pass(way).map_err(named)?;
        let dir = opened.as_ref().unwrap_or(&self.root);
        what(dir, last).map_err(|error| named(about_link(dir, last, error)))
    }

    fn full(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() { self.path.clone() } else { self.path.join(OsStr::from_bytes(path)) }
    }

    /// Goes through directories; none for the folder itself.
    fn pass(&self, names: &[&[u8]]) -> Result<Option<OwnedFd>, Host> {
        if names.is_empty() {
            return Ok(None);
        }
        if !self.steps.load(Relaxed) {
            match open_beneath(&self.root, &names.join(&b'/')) {
                // An old kernel, a filter of system calls, or a path that moved too fast.
                Err(Host::NOSYS | Host::PERM) => self.steps.store(true, Relaxed),
                Err(Host::AGAIN) => {}
                result => return result.map(Some),
            }
        }
        let mut at: Option<OwnedFd> = None;
        for name in names {
            let dir = at.as_ref().unwrap_or(&self.root);
            let next = openat(dir, *name, PASS | OFlags::NOFOLLOW, Mode::empty());
            at = Some(next.map_err(|error| about_link(dir, name, error))?);
        }
        Ok(at)
    }
}

#[cfg(target_os = "linux")]
fn open_beneath(root: &OwnedFd, path: &[u8]) -> Result<OwnedFd, Host> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(root, path, PASS, Mode::empty(), resolve)
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(_root: &OwnedFd, _path: &[u8]) -> Result<OwnedFd, Host> {
    Err(Host::NOSYS)
}

/// The error of a call that did not follow `name`: hosts disagree on its number where `name` is a link.
fn about_link(dir: &OwnedFd, name: &[u8], error: Host) -> Host {
    let may_be = !matches!(error, Host::NOENT | Host::ACCESS | Host::INVAL);
    let is_link = |stat: Stat| FileType::from_raw_mode(stat.st_mode as _) == FileType::Symlink;
    if may_be && statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(is_link) { Host::LOOP } else { error }
}

impl HostFolder for Folder {
    fn open(&self, path: &[u8], access: Access, lock: Lock) -> HostResult<Arc<dyn BlockIo>> {
        let how = if access == Access::ReadWrite { OFlags::RDWR } else { OFlags::RDONLY };
        // NONBLOCK: opening a fifo must not wait for a writer.
        let how = how | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = self.at(path, |dir, name| openat(dir, name, how, Mode::empty()))?;
        Ok(Arc::new(HostFile::new(File::from(file), &self.full(path), access, lock)?))
    }

    // The types of the fields differ between hosts.
    #[allow(clippy::unnecessary_cast)]
    fn stat(&self, path: &[u8]) -> HostResult<HostStat> {
        let stat = self.at(path, |dir, name| match name {
            b"." => fstat(dir),
            _ => statat(dir, name, AtFlags::SYMLINK_NOFOLLOW),
        })?;
        let mtime = (stat.st_mtime as i64, stat.st_mtime_nsec as u32);
        let size_of_device = || self.open(path, Access::Read, Lock::None).map(|io| io.size_bytes());
        host_stat(
            &self.full(path),
            stat.st_mode as u32,
            stat.st_size as u64,
            mtime,
            (stat.st_dev as u64, stat.st_ino as u64),
            size_of_device,
        )
    }

    fn read_dir(&self, path: &[u8]) -> HostResult<Vec<Vec<u8>>> {
        let mut names = self.at(path, |dir, name| {
            let mut names = Vec::new();
            for entry in Dir::new(openat(dir, name, LIST, Mode::empty())?)? {
                let name = entry?.file_name().to_bytes().to_vec();
                if !matches!(&name[..], b"." | b"..") {
                    names.push(name);
                }
            }
            Ok(names)
        })?;
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &[u8]) -> HostResult<Vec<u8>> {
        self.at(path, |dir, name| readlinkat(dir, name, Vec::new()).map(|target| target.into_bytes()))
    }
}
