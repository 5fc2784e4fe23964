//! Attributes, times, errors and flags, from one side to the other.

use crate::Options;
use fuser::{FileAttr, INodeNo, TimeOrNow};
use rump_abi::{DevNumber, Errno, FileFlags, FileType, Mode, OpenFlags, Stat, TimeSpec};
use rump_kpi::{KError, SetTime};
use std::time::{Duration, SystemTime};

macro_rules! numbers {
    ($($name:ident)*; $($other:ident => $host:ident)*) => {
        /// The host's number. What of the rest a file system should answer after all is EIO.
        fn number(errno: Errno) -> i32 {
            match errno {
                $(Errno::$name => libc::$name,)*
                $(Errno::$other => libc::$host,)*
                _ => libc::EIO,
            }
        }
    };
}

numbers! {
    EPERM ENOENT EINTR EIO ENXIO E2BIG EBADF EDEADLK ENOMEM EACCES ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL
    ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK ERANGE EAGAIN EOPNOTSUPP ELOOP ENAMETOOLONG ENOTEMPTY EDQUOT ESTALE
    ENOSYS EOVERFLOW;
    ENOTSUP => EOPNOTSUPP
    ENOATTR => ENODATA
    EFTYPE => EUCLEAN
}

/// What the host's kernel is answered. ENOSYS would mean that it need not ask again.
pub(crate) fn error(error: &KError) -> fuser::Errno {
    fuser::Errno::from_i32(number(error.errno))
}

/// The type of a file.
pub(crate) fn kind(file_type: FileType) -> fuser::FileType {
    match file_type {
        FileType::Fifo => fuser::FileType::NamedPipe,
        FileType::CharDevice => fuser::FileType::CharDevice,
        FileType::Directory => fuser::FileType::Directory,
        FileType::BlockDevice => fuser::FileType::BlockDevice,
        FileType::Regular => fuser::FileType::RegularFile,
        FileType::Symlink => fuser::FileType::Symlink,
        FileType::Socket => fuser::FileType::Socket,
    }
}

/// Attributes of a file that the host's kernel calls `number`.
pub(crate) fn attributes(number: INodeNo, stat: &Stat, options: &Options) -> FileAttr {
    FileAttr {
        ino: number,
        size: stat.size,
        blocks: stat.blocks,
        atime: time(stat.atime),
        mtime: time(stat.mtime),
        ctime: time(stat.ctime),
        crtime: SystemTime::UNIX_EPOCH,
        kind: kind(stat.file_type),
        perm: stat.mode.bits() as u16,
        nlink: u32::try_from(stat.nlink).unwrap_or(u32::MAX),
        uid: options.uid.unwrap_or(stat.uid),
        gid: options.gid.unwrap_or(stat.gid),
        rdev: emit_device(stat.rdev),
        blksize: stat.blksize,
        flags: 0,
    }
}

/// Attributes that the host's kernel refuses, for an entry of a listing whose file cannot be read: it shows the entry, and
/// asks for the file once somebody wants it.
pub(crate) fn unknown(number: INodeNo, file_type: Option<FileType>) -> FileAttr {
    let time = SystemTime::UNIX_EPOCH;
    FileAttr {
        ino: number,
        size: u64::MAX,
        blocks: 0,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: kind(file_type.unwrap_or(FileType::Regular)),
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}

/// A time that the host can express; else the beginning of its times.
fn time(at: TimeSpec) -> SystemTime {
    let epoch = SystemTime::UNIX_EPOCH;
    let seconds = Duration::from_secs(at.sec.unsigned_abs());
    let second = if at.sec < 0 { epoch.checked_sub(seconds) } else { epoch.checked_add(seconds) };
    second.and_then(|second| second.checked_add(Duration::new(0, at.nsec))).unwrap_or(epoch)
}

/// A time that the host's kernel sets. Of one before 1970, fuser takes the nanoseconds off instead of adding them, which
/// is made good here.
pub(crate) fn set_time(time: TimeOrNow) -> SetTime {
    let TimeOrNow::SpecificTime(time) = time else { return SetTime::Now };
    let (distance, is_before) = match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => (since, false),
        Err(error) => (error.duration(), true),
    };
    let sec = i64::try_from(distance.as_secs()).unwrap_or(i64::MAX);
    SetTime::To(TimeSpec { sec: if is_before { -sec } else { sec }, nsec: distance.subsec_nanos() })
}

/// A device number as Linux packs it into 32 bits.
fn emit_device(device: DevNumber) -> u32 {
    let DevNumber { major, minor } = device;
    minor & 0xff | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12
}

/// The parts of such a number.
pub(crate) fn parse_device(packed: u32) -> DevNumber {
    DevNumber { major: packed >> 8 & 0xfff, minor: packed & 0xff | packed >> 12 & 0xf_ff00 }
}

/// How a file is opened, for what is checked of that.
pub(crate) fn open_flags(flags: i32) -> OpenFlags {
    let mut open = match flags & libc::O_ACCMODE {
        libc::O_WRONLY => OpenFlags::WRONLY,
        libc::O_RDWR => OpenFlags::RDWR,
        _ => OpenFlags::empty(),
    };
    open.set(OpenFlags::APPEND, flags & libc::O_APPEND != 0);
    open.set(OpenFlags::TRUNC, flags & libc::O_TRUNC != 0);
    open
}

/// Flags and a bit for each.
type Bits = [(u32, FileFlags); 3];

/// As chattr(1) has them (`FS_*_FL` of linux/fs.h).
const FILE_FLAGS: Bits =
    [(0x10, FileFlags::SF_IMMUTABLE), (0x20, FileFlags::SF_APPEND), (0x40, FileFlags::UF_NODUMP)];
/// As `struct fsxattr` has them (`FS_XFLAG_*`).
const EXTENDED_FLAGS: Bits =
    [(0x8, FileFlags::SF_IMMUTABLE), (0x10, FileFlags::SF_APPEND), (0x80, FileFlags::UF_NODUMP)];

fn bits(flags: FileFlags, of: &Bits) -> u32 {
    of.iter().filter(|(_, ours)| flags.contains(*ours)).map(|(bit, _)| bit).sum()
}

/// Flags as chattr(1) shows them.
pub(crate) fn emit_flags(flags: FileFlags) -> [u8; 4] {
    bits(flags, &FILE_FLAGS).to_ne_bytes()
}

/// The same as a `struct fsxattr` of 28 bytes, which begins with them; nothing else in it is known here.
pub(crate) fn emit_extended_flags(flags: FileFlags) -> [u8; 28] {
    let mut bytes = [0; 28];
    bytes[..4].copy_from_slice(&bits(flags, &EXTENDED_FLAGS).to_ne_bytes());
    bytes
}

/// Flags as chattr(1) sets them; none if there are some that nothing here has.
pub(crate) fn parse_flags(bits: u32) -> Option<FileFlags> {
    let known: u32 = FILE_FLAGS.iter().map(|(bit, _)| bit).sum();
    let chosen = FILE_FLAGS.iter().filter(|(bit, _)| bits & bit != 0);
    (bits & !known == 0).then(|| chosen.fold(FileFlags::empty(), |all, (_, ours)| all | *ours))
}

/// The mode and the group of what is made in a directory: below one that sets its group, all is of that group, and
/// directories set it too (inode(7)).
pub(crate) fn inherit(dir: &Stat, file_type: FileType, mode: u32, gid: u32) -> (Mode, u32) {
    if dir.mode.bits() & Mode::SGID == 0 {
        return (Mode::new(mode), gid);
    }
    let bit = if file_type == FileType::Directory { Mode::SGID } else { 0 };
    (Mode::new(mode | bit), dir.gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_keep_their_parts() {
        for (major, minor) in [(8, 1), (259, 0x1234), (0xfff, 0xf_ffff), (0, 0)] {
            let device = DevNumber { major, minor };
            assert_eq!(parse_device(emit_device(device)), device);
        }
    }

    #[test]
    fn times_before_1970_come_back() {
        let at = TimeSpec { sec: -2, nsec: 800_000_000 };
        assert_eq!(SystemTime::UNIX_EPOCH.duration_since(time(at)).unwrap(), Duration::from_millis(1200));
        // As fuser reads the same time.
        let read = SystemTime::UNIX_EPOCH - Duration::new(2, 800_000_000);
        assert_eq!(set_time(TimeOrNow::SpecificTime(read)), SetTime::To(at));
        let first = time(TimeSpec { sec: i64::MIN, nsec: 1 });
        assert!(first < SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn flags_that_nobody_has_are_refused() {
        assert_eq!(parse_flags(0x50), Some(FileFlags::SF_IMMUTABLE | FileFlags::UF_NODUMP));
        assert_eq!(parse_flags(0x1), None);
        assert_eq!(emit_flags(FileFlags::SF_APPEND), 0x20_u32.to_ne_bytes());
    }
}
