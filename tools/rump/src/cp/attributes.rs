//! Owner, mode, times and extended attributes of a copy, and what of them the host did not let us keep.

use super::error::CopyError;
use crate::record::Xattr;
use rumpkit::{FileType, Stat, TimeSpec};
use rustix::fs::{self, AtFlags, Mode, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

/// Who has a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// Whose a file of the host is.
    pub fn in_stat(stat: &fs::Stat) -> Self {
        Self { uid: stat.st_uid, gid: stat.st_gid }
    }
}

/// What a new file has before its attributes are set: what is right already is one call less.
#[derive(Clone, Copy)]
pub struct Made {
    /// Who has it.
    pub owner: Owner,
    /// Its permission bits.
    pub mode: u32,
}

/// How many files lost something on the way that is no failure: not every caller may give files away, not every
/// file system has everything.
#[derive(Default)]
pub struct Lost {
    owners: u64,
    xattrs: u64,
    /// Names that became files of their own.
    pub links: u64,
}

impl Lost {
    /// Adds what others lost.
    pub fn add(&mut self, other: &Self) {
        self.owners += other.owners;
        self.xattrs += other.xattrs;
        self.links += other.links;
    }

    /// One line for each kind.
    pub fn notes(&self) -> Vec<String> {
        let kinds = [
            (self.owners, "owners were not kept for", "only root may give files away"),
            (
                self.xattrs,
                "extended attributes were not kept for",
                "this host or its file system refuses them",
            ),
            (
                self.links,
                "hard links were copied as files of their own:",
                "this file system refuses the links",
            ),
        ];
        let lost = kinds.iter().filter(|(count, ..)| *count > 0);
        lost.map(|(count, what, why)| format!("{what} {count} files ({why})")).collect()
    }

    /// How many files lost what, by the words of JSON.
    pub fn counts(&self) -> [(&'static str, u64); 3] {
        [("owner", self.owners), ("xattrs", self.xattrs), ("hard_link", self.links)]
    }

    fn note_xattrs(&mut self, xattrs: &[Xattr], set: impl Fn(&Xattr) -> Result<(), Errno>) {
        // Each is tried, whatever became of the one before.
        let refused = xattrs.iter().filter(|xattr| set(xattr).is_err()).count();
        self.xattrs += u64::from(refused > 0);
    }

    /// Gives the copy, which is `present`'s, to its owner as far as the host allows. Answers the mode it may have: without its owner, a
    /// set-id bit would lend the wrong rights.
    fn give(
        &mut self,
        stat: &Stat,
        present: Option<Owner>,
        chown: impl Fn(Option<Uid>, Option<Gid>) -> Result<(), Errno>,
    ) -> Result<Mode, CopyError> {
        // The highest number means "leave it" to the host.
        let uid = (stat.uid != u32::MAX).then(|| Uid::from_raw(stat.uid));
        let gid = (stat.gid != u32::MAX).then(|| Gid::from_raw(stat.gid));
        let is_owner = present == Some(Owner { uid: stat.uid, gid: stat.gid });
        let kept = match if is_owner { Ok(()) } else { chown(uid, gid) } {
            Ok(()) => uid.is_some() && gid.is_some(),
            Err(Errno::PERM | Errno::INVAL) => {
                // The group alone may be one of the caller's.
                let _ = chown(None, gid);
                false
            }
            Err(error) => return Err(error.into()),
        };
        self.owners += u64::from(!kept);
        let mask = if kept { 0o7777 } else { 0o1777 };
        Ok(Mode::from_raw_mode((stat.mode.bits() & mask) as _))
    }

    /// Sets owner, extended attributes, mode and times of an open copy, in the order in which none undoes another.
    /// `made` is what it has already, if that is known.
    pub fn set(
        &mut self,
        stat: &Stat,
        xattrs: &[Xattr],
        to: impl AsFd,
        made: Option<Made>,
    ) -> Result<(), CopyError> {
        let to = to.as_fd();
        let mode = self.give(stat, made.map(|made| made.owner), |uid, gid| fs::fchown(to, uid, gid))?;
        self.note_xattrs(xattrs, |(name, value)| fs::fsetxattr(to, &**name, value, XattrFlags::empty()));
        // A list of access rights is an attribute that changes the mode.
        let has_mode =
            xattrs.is_empty() && made.is_some_and(|made| Mode::from_raw_mode(made.mode as _) == mode);
        if !has_mode {
            fs::fchmod(to, mode)?;
        }
        Ok(fs::futimens(to, &timestamps(stat))?)
    }

    /// As [`Lost::set`], of what cannot be opened.
    pub fn set_at(
        &mut self,
        stat: &Stat,
        xattrs: &[Xattr],
        dir: &OwnedFd,
        name: &[u8],
    ) -> Result<(), CopyError> {
        let chown = |uid, gid| fs::chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW);
        let mode = self.give(stat, None, chown)?;
        let path = path_beneath(dir, name);
        self.note_xattrs(xattrs, |(name, value)| fs::lsetxattr(&path, &**name, value, XattrFlags::empty()));
        if stat.file_type != FileType::Symlink {
            fs::chmodat(dir, name, mode, AtFlags::empty())?;
        }
        Ok(fs::utimensat(dir, name, &timestamps(stat), AtFlags::SYMLINK_NOFOLLOW)?)
    }
}

/// A path to `name` in an open directory, for calls that know nothing but paths (proc(5)). Where the host has no
/// such paths, the call fails.
fn path_beneath(dir: &OwnedFd, name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(std::ffi::OsStr::from_bytes(name))
}

/// The host's form of a time.
fn host_time(time: TimeSpec) -> Timespec {
    Timespec { tv_sec: time.sec as _, tv_nsec: time.nsec as _ }
}

/// Access and modification time of `stat`.
pub fn timestamps(stat: &Stat) -> Timestamps {
    Timestamps { last_access: host_time(stat.atime), last_modification: host_time(stat.mtime) }
}
