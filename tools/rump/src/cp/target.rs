//! Where on the host a source goes, and directories of the host by descriptor.

use crate::output::escaped;
use crate::session::Failure;
use rustix::fs::{self, CWD, FileType as HostType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

/// A directory of the host, and the name in it that the copy gets. The user's own path may lead through
/// symbolic links; what is below it may not.
pub struct Target {
    /// The open directory.
    pub directory: OwnedFd,
    /// The name; `.` when the content goes right into `directory`.
    pub name: Vec<u8>,
}

impl Target {
    /// `path` itself or, if that is a directory, `name` in it.
    pub fn find(path: &OsStr, name: &[u8], is_many: bool) -> Result<Self, Failure> {
        let fail = |error: Errno| Failure::Other(format!("{}: {error}", escaped(path.as_bytes())));
        match fs::stat(path) {
            Ok(stat) if HostType::from_raw_mode(stat.st_mode) == HostType::Directory => {
                let directory = open_user_directory(path.as_bytes()).map_err(fail)?;
                let name = if name.is_empty() { b"." } else { name };
                return Ok(Self { directory, name: name.to_vec() });
            }
            Ok(_) | Err(Errno::NOENT) if is_many => return Err(fail(Errno::NOTDIR)),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(fail(error)),
        }
        let bytes = path.as_bytes();
        let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
        let split = bytes[..end].iter().rposition(|&byte| byte == b'/');
        let (parent, last) = match split {
            Some(0) => (&b"/"[..], &bytes[1..end]),
            Some(at) => (&bytes[..at], &bytes[at + 1..end]),
            None => (&b"."[..], &bytes[..end]),
        };
        if !is_safe_name(last) {
            return Err(fail(Errno::NOENT));
        }
        Ok(Self { directory: open_user_directory(parent).map_err(fail)?, name: last.to_vec() })
    }
}

fn open_user_directory(path: &[u8]) -> Result<OwnedFd, Errno> {
    fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Opens the directory `name` in `parent`, unless it is a symbolic link.
pub fn open_beneath(parent: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(parent, name, flags, Mode::empty())
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
