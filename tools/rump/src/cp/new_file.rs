//! New files of the host, which get their name when they are complete.
//!
//! Where the host can, a file has no name at all until then (open(2), `O_TMPFILE`): nothing is left of one that is not completed,
//! whatever ends the program. Elsewhere, and where something is to be replaced, it has another name meanwhile.

use super::attributes::{Made, Owner};
use super::content::create_new;
use super::error::CopyError;
use rustix::fs::{self, AtFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

/// All permission bits but those that lend rights.
const PLAIN_BITS: u32 = 0o777;
/// A file that does not get its mode at once is its owner's alone.
const NEW_MODE: u32 = 0o600;

/// How files are made in one directory, and in those that are made in it: they inherit what matters.
#[derive(Clone, Default)]
pub struct Making(Arc<OnceLock<Found>>);

/// What a trial has found.
#[derive(Clone, Copy)]
struct Found {
    way: Way,
    owner: Owner,
    /// Permission bits that a new file gets if it asks for all: mask and default list let each of them through alone, too.
    bits: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Without a name, which the descriptor itself is given.
    #[cfg(target_os = "linux")]
    ByDescriptor,
    /// Without a name, which the descriptor's path in proc(5) is given: older kernels ask for no privilege then.
    #[cfg(target_os = "linux")]
    ByPath,
    /// By another name.
    Renamed,
}

impl Making {
    /// Makes a file that is to have the permission bits `mode`, fills it, and gives it `name`. Of `names`, the first is one that
    /// nothing else has. What cannot be completed is taken away.
    pub fn make(
        &self,
        directory: &OwnedFd,
        (temporary, name): (&[u8], &[u8]),
        mode: u32,
        fill: impl FnOnce(&OwnedFd, Made) -> Result<(), CopyError>,
    ) -> Result<(), CopyError> {
        let found = match self.0.get() {
            Some(found) => *found,
            None => {
                let found = try_out(directory, temporary)?;
                *self.0.get_or_init(|| found)
            }
        };
        if found.way == Way::Renamed {
            let to = create_new(directory, temporary)?;
            let made = Made { owner: found.owner, mode: NEW_MODE };
            return finish(directory, temporary, name, || fill(&to, made));
        }
        let mode = if mode & !found.bits == 0 { mode } else { NEW_MODE };
        let to = without_name(directory, mode)?;
        fill(&to, Made { owner: found.owner, mode })?;
        match give_name(found.way, &to, directory, name) {
            Err(Errno::EXIST) => {
                give_name(found.way, &to, directory, temporary)?;
                finish(directory, temporary, name, || Ok(()))
            }
            named => Ok(named?),
        }
    }
}

/// Makes a file without content, to see what becomes of it.
fn try_out(directory: &OwnedFd, temporary: &[u8]) -> Result<Found, Errno> {
    if let Ok(file) = without_name(directory, PLAIN_BITS) {
        let stat = fs::fstat(&file)?;
        for &way in NAMELESS {
            if give_name(way, &file, directory, temporary).is_ok() {
                fs::unlinkat(directory, temporary, AtFlags::empty())?;
                let bits = u32::from(stat.st_mode) & PLAIN_BITS;
                return Ok(Found { way, owner: Owner::in_stat(&stat), bits });
            }
        }
    }
    let file = create_new(directory, temporary)?;
    let stat = fs::fstat(&file);
    fs::unlinkat(directory, temporary, AtFlags::empty())?;
    Ok(Found { way: Way::Renamed, owner: Owner::in_stat(&stat?), bits: NEW_MODE })
}

#[cfg(target_os = "linux")]
const NAMELESS: &[Way] = &[Way::ByDescriptor, Way::ByPath];

#[cfg(target_os = "linux")]
fn without_name(directory: &OwnedFd, mode: u32) -> Result<OwnedFd, Errno> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    fs::openat(directory, ".", flags, Mode::from_raw_mode(mode))
}

#[cfg(target_os = "linux")]
fn give_name(way: Way, file: &OwnedFd, directory: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    match way {
        Way::ByDescriptor => fs::linkat(file, "", directory, name, AtFlags::EMPTY_PATH),
        Way::ByPath => {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            fs::linkat(fs::CWD, path, directory, name, AtFlags::SYMLINK_FOLLOW)
        }
        Way::Renamed => Err(Errno::INVAL),
    }
}

/// This host has no files without names.
#[cfg(not(target_os = "linux"))]
const NAMELESS: &[Way] = &[];

#[cfg(not(target_os = "linux"))]
fn without_name(_directory: &OwnedFd, _mode: u32) -> Result<OwnedFd, Errno> {
    Err(Errno::NOTSUP)
}

#[cfg(not(target_os = "linux"))]
fn give_name(_way: Way, _file: &OwnedFd, _directory: &OwnedFd, _name: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOTSUP)
}

/// Gives a new file its name once `complete` is through with it; takes it away if that fails.
pub fn finish(
    parent: &OwnedFd,
    temporary: &[u8],
    name: &[u8],
    complete: impl FnOnce() -> Result<(), CopyError>,
) -> Result<(), CopyError> {
    let finished = complete().and_then(|()| Ok(fs::renameat(parent, temporary, parent, name)?));
    if finished.is_err() {
        // The error that led here is the one to tell.
        let _ = fs::unlinkat(parent, temporary, AtFlags::empty());
    }
    finished
}
