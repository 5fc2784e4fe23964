//! One file: its content with holes, and its attributes.

use super::progress::Progress;
use rumpkit::{Errno as ImageErrno, Fd, FileType, KError, Process, Stat, TimeSpec, Whence};
use rustix::fs::{self, AtFlags, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a file was not copied.
pub enum CopyError {
    /// The image could not be read.
    Image(KError),
    /// The host refused.
    Host(Errno),
    /// Another reason.
    Refused(&'static str),
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl From<KError> for CopyError {
    fn from(error: KError) -> Self {
        Self::Image(error)
    }
}

impl From<Errno> for CopyError {
    fn from(error: Errno) -> Self {
        Self::Host(error)
    }
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::Host(error) => write!(f, "cannot write the copy: {error}"),
            Self::Refused(why) => f.write_str(why),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// Copies content between an image and a new host file; holes are skipped.
pub fn copy_content(
    process: &Process,
    from: Fd,
    to: &OwnedFd,
    buffer: &mut [u8],
    progress: &mut Progress,
    stop: &AtomicBool,
) -> Result<(), CopyError> {
    let size = process.fstat(from)?.size;
    let mut offset = 0;
    while offset < size {
        let Some((data, hole)) = next_data(process, from, offset, size)? else { break };
        offset = data;
        while offset < hole {
            if stop.load(Ordering::Relaxed) {
                return Err(CopyError::Interrupted);
            }
            let wanted = usize::try_from(hole - offset).unwrap_or(usize::MAX).min(buffer.len());
            let count = process.pread(from, &mut buffer[..wanted], offset)?;
            if count == 0 {
                return Err(CopyError::Refused("the file ends before its size"));
            }
            write_all(to, &buffer[..count], offset)?;
            offset += count as u64;
            progress.add_bytes(count);
        }
    }
    Ok(fs::ftruncate(to, size)?)
}

/// The next stretch of data at or after `offset`: always a step forward, whatever the image says.
fn next_data(process: &Process, fd: Fd, offset: u64, size: u64) -> Result<Option<(u64, u64)>, CopyError> {
    let position = i64::try_from(offset).map_err(|_| CopyError::Refused("the file is too large"))?;
    let data = match process.lseek(fd, position, Whence::Data) {
        Ok(data) => data,
        Err(error) if error.errno == ImageErrno::ENXIO => return Ok(None),
        Err(error) if error.errno == ImageErrno::EINVAL => return Ok(Some((offset, size))),
        Err(error) => return Err(error.into()),
    };
    let start = i64::try_from(data).map_err(|_| CopyError::Refused("the file is too large"))?;
    let hole = process.lseek(fd, start, Whence::Hole)?.min(size);
    if data < offset || hole <= data {
        return Err(CopyError::Refused("the map of its holes is damaged"));
    }
    Ok(Some((data, hole)))
}

fn write_all(to: &OwnedFd, mut bytes: &[u8], mut offset: u64) -> Result<(), CopyError> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(to, bytes, offset) {
            Ok(0) => return Err(Errno::IO.into()),
            Ok(count) => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The host's form of a time.
pub fn host_time(time: TimeSpec) -> Timespec {
    Timespec { tv_sec: time.sec as _, tv_nsec: time.nsec as _ }
}

/// Access and modification time of `stat`.
pub fn timestamps(stat: &Stat) -> Timestamps {
    Timestamps { last_access: host_time(stat.atime), last_modification: host_time(stat.mtime) }
}

/// Who runs this, as far as it matters for attributes.
#[derive(Clone, Copy)]
pub struct Caller {
    /// Whether owners can be given away.
    pub is_root: bool,
    uid: u32,
}

impl Caller {
    /// The caller of this program.
    pub fn current() -> Self {
        let uid = rustix::process::geteuid();
        Self { is_root: uid.is_root(), uid: uid.as_raw() }
    }

    /// Mode for the copy. Without its owner, a set-id bit would lend the wrong rights.
    pub fn mode(self, stat: &Stat) -> Mode {
        let keeps_ids = self.is_root || stat.uid == self.uid;
        let mask = if keeps_ids { 0o7777 } else { 0o1777 };
        Mode::from_raw_mode((stat.mode.bits() & mask) as _)
    }

    /// Owner and group for the copy.
    pub fn owner(self, stat: &Stat) -> (Option<Uid>, Option<Gid>) {
        // The highest number means "leave it" to the host.
        let uid = (self.is_root && stat.uid != u32::MAX).then(|| Uid::from_raw(stat.uid));
        let gid = (self.is_root && stat.gid != u32::MAX).then(|| Gid::from_raw(stat.gid));
        (uid, gid)
    }
}

/// Sets owner, extended attributes, mode and times of an open copy, in the order in which none undoes another.
/// Answers whether all extended attributes could be kept.
pub fn set_attributes(
    process: &Process,
    path: &[u8],
    stat: &Stat,
    to: impl AsFd,
    caller: Caller,
) -> Result<bool, CopyError> {
    let to = to.as_fd();
    let (uid, gid) = caller.owner(stat);
    if uid.is_some() || gid.is_some() {
        fs::fchown(to, uid, gid)?;
    }
    let mut kept_all = true;
    for name in process.llistxattr(path)? {
        let value = process.lgetxattr(path, &name)?;
        kept_all &= fs::fsetxattr(to, &*name, &value, XattrFlags::empty()).is_ok();
    }
    fs::fchmod(to, caller.mode(stat))?;
    fs::futimens(to, &timestamps(stat))?;
    Ok(kept_all)
}

/// Sets owner and times of what cannot be opened, and the mode where it has one.
pub fn set_attributes_at(dir: &OwnedFd, name: &[u8], stat: &Stat, caller: Caller) -> Result<(), CopyError> {
    let (uid, gid) = caller.owner(stat);
    if uid.is_some() || gid.is_some() {
        fs::chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    if stat.file_type != FileType::Symlink {
        fs::chmodat(dir, name, caller.mode(stat), AtFlags::empty())?;
    }
    Ok(fs::utimensat(dir, name, &timestamps(stat), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Creates a file that was not there, for its owner alone.
pub fn create_new(dir: &OwnedFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)
}
