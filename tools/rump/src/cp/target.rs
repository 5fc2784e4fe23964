//! Where on the host a source goes, and directories of the host by descriptor.

use super::error::host_text;
use super::resume::Mark;
use crate::output::escaped;
use crate::session::{Failure, Place};
use crate::walk::file_name;
use rustix::fs::{self, AtFlags, CWD, FileType as HostType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

/// A directory of the host, and the name in it that the copy gets. The user's own path may lead through
/// symbolic links; what is below it may not.
pub struct Target {
    /// The open directory.
    pub directory: Arc<OwnedFd>,
    /// The name; `.` when the content goes right into `directory`.
    pub name: Vec<u8>,
    /// `directory` and `name` as a path, for messages.
    pub path: Vec<u8>,
    /// What the user named was not there as a directory: the copy gets that name.
    pub is_named: bool,
    /// The user wrote a slash at the end: only a directory will do.
    pub has_slash: bool,
}

impl Target {
    /// Where `place` goes if the user says `path`: to `path` itself or, if that is a directory, to the name of the
    /// source in it. A directory that an earlier run began as `path` itself is gone on with.
    pub fn find(path: &OsStr, place: &Place, is_many: bool) -> Result<Self, Failure> {
        let bytes = path.as_bytes();
        let fail = |error| Failure::Other(format!("cannot copy to {}: {}", escaped(bytes), host_text(error)));
        let directory = match fs::stat(path) {
            Ok(stat) if HostType::from_raw_mode(stat.st_mode) == HostType::Directory => Some(stat),
            Ok(_) | Err(Errno::NOENT) if is_many => return Err(fail(Errno::NOTDIR)),
            Ok(_) | Err(Errno::NOENT) => None,
            Err(error) => return Err(fail(error)),
        };
        let Some(stat) = directory else { return Self::named(bytes).map_err(fail) };
        let name = file_name(&place.path);
        if !is_many && !name.is_empty() {
            if let Ok(target) = Self::named(bytes) {
                if Mark::is_set(&target.directory, &stat, place) {
                    return Ok(target);
                }
            }
        }
        let directory = Arc::new(open_user_directory(bytes).map_err(fail)?);
        let mut whole = bytes.to_vec();
        if name.is_empty() {
            return Ok(Self {
                directory,
                name: b".".to_vec(),
                path: whole,
                is_named: false,
                has_slash: false,
            });
        }
        crate::walk::join(&mut whole, name);
        Ok(Self { directory, name: name.to_vec(), path: whole, is_named: false, has_slash: false })
    }

    /// The last component of `path`, in the directory before it.
    fn named(path: &[u8]) -> Result<Self, Errno> {
        let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
        let split = path[..end].iter().rposition(|&byte| byte == b'/');
        let (parent, last) = match split {
            Some(0) => (&b"/"[..], &path[1..end]),
            Some(at) => (&path[..at], &path[at + 1..end]),
            None => (&b"."[..], &path[..end]),
        };
        if !is_safe_name(last) {
            return Err(Errno::NOENT);
        }
        Ok(Self {
            directory: Arc::new(open_user_directory(parent)?),
            name: last.to_vec(),
            path: path[..end].to_vec(),
            is_named: true,
            has_slash: end < path.len(),
        })
    }
}

/// Opens the directory at a path of the user's, through symbolic links, too.
pub fn open_user_directory(path: &[u8]) -> Result<OwnedFd, Errno> {
    fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens the directory `name` in `parent`, unless it is a symbolic link.
pub fn open_beneath(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    open_by(parent, name, OFlags::NOFOLLOW)
}

/// The same, by a symbolic link as well unless `links` is NOFOLLOW.
pub fn open_by(parent: impl AsFd, name: &[u8], links: OFlags) -> Result<OwnedFd, Errno> {
    fs::openat(parent, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | links, Mode::empty())
}

/// What tells a file of the host from every other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(i128, i128);

/// See [`Identity`].
pub fn identity_of(stat: &Stat) -> Identity {
    Identity(i128::from(stat.st_dev), i128::from(stat.st_ino))
}

/// Opens a directory once more, if it is still the one that it was. Errors: ESTALE (it is not), those of the host.
pub fn open_again(above: &OwnedFd, name: &[u8], expected: Identity) -> Result<Arc<OwnedFd>, Errno> {
    open_again_by(above, name, OFlags::NOFOLLOW, expected)
}

/// The same, as [`open_by`].
pub fn open_again_by(
    above: &OwnedFd,
    name: &[u8],
    links: OFlags,
    expected: Identity,
) -> Result<Arc<OwnedFd>, Errno> {
    let opened = open_by(above, name, links)?;
    if identity_of(&fs::fstat(&opened)?) == expected { Ok(Arc::new(opened)) } else { Err(Errno::STALE) }
}

/// The names in a directory, in order of their bytes.
pub fn names_in(directory: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    Ok(entries_in(directory)?.into_iter().map(|(name, _)| name).collect())
}

/// The same with what each was, where the host tells, when the directory was read.
pub fn entries_in(directory: &OwnedFd) -> Result<Vec<(Vec<u8>, HostType)>, Errno> {
    let mut entries = Vec::new();
    for entry in fs::Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            entries.push((name.to_vec(), entry.file_type()));
        }
    }
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(entries)
}

/// Makes the directory `name` in `parent`, or opens the one that is there, with the right to work in it: an
/// earlier run may have given it a mode that keeps even its owner out. Answers whether it is new, too.
pub fn make_directory(parent: &OwnedFd, name: &[u8], uid: u32) -> Result<(OwnedFd, Stat, bool), Errno> {
    let is_new = match fs::mkdirat(parent, name, Mode::RWXU) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error),
    };
    let directory = match open_beneath(parent, name) {
        Err(Errno::ACCESS) if let_owner_in(parent, name, uid) => open_beneath(parent, name)?,
        other => other?,
    };
    let stat = fs::fstat(&directory)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    if !is_new && stat.st_uid == uid && !mode.contains(Mode::RWXU) {
        fs::fchmod(&directory, mode | Mode::RWXU)?;
    }
    Ok((directory, stat, is_new))
}

/// Changes the mode of a directory that its owner may not open. By descriptor: between a look and a change by name
/// it could become a symbolic link.
#[cfg(target_os = "linux")]
fn let_owner_in(parent: &OwnedFd, name: &[u8], uid: u32) -> bool {
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(directory) = fs::openat(parent, name, flags, Mode::empty()) else { return false };
    let is_own = fs::statat(&directory, "", AtFlags::EMPTY_PATH).is_ok_and(|stat| stat.st_uid == uid);
    is_own && fs::chmod(format!("/proc/self/fd/{}", directory.as_raw_fd()), Mode::RWXU).is_ok()
}

/// This host has no descriptor for what may not be opened.
#[cfg(not(target_os = "linux"))]
fn let_owner_in(_parent: &OwnedFd, _name: &[u8], _uid: u32) -> bool {
    false
}

/// Whether a name from an image can name nothing but an entry of the directory it is created in.
pub fn is_safe_name(name: &[u8]) -> bool {
    !name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/') && !name.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::is_safe_name;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"a\0b"] {
            assert!(!is_safe_name(name));
        }
        assert!(is_safe_name(b"...") && is_safe_name(b"a\nb") && is_safe_name(b"\xff"));
    }
}
