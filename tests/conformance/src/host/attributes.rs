//! Attributes of files, and facts of file systems.

use super::{Process, mode, owned};
use rumpkit::kpi::SetTime;
use rumpkit::{AtFlags, DevNumber, Fd, FileFlags, FileType, Ino, KResult, Mode, Stat, StatVfs, TimeSpec};
use rustix::fs::{self, Access, Gid, Timespec, Timestamps, Uid};

/// The type of a file, if it is known.
pub(super) fn file_type(host: fs::FileType) -> Option<FileType> {
    Some(match host {
        fs::FileType::Fifo => FileType::Fifo,
        fs::FileType::CharacterDevice => FileType::CharDevice,
        fs::FileType::Directory => FileType::Directory,
        fs::FileType::BlockDevice => FileType::BlockDevice,
        fs::FileType::RegularFile => FileType::Regular,
        fs::FileType::Symlink => FileType::Symlink,
        fs::FileType::Socket => FileType::Socket,
        fs::FileType::Unknown => return None,
    })
}

#[allow(clippy::unnecessary_cast)]
fn stat(host: fs::Stat) -> Stat {
    let time = |sec, nsec| TimeSpec { sec: sec as i64, nsec: nsec as u32 };
    Stat {
        dev: host.st_dev as u64,
        ino: Ino(host.st_ino as u64),
        file_type: file_type(fs::FileType::from_raw_mode(host.st_mode)).expect("a known type"),
        mode: Mode::new(host.st_mode & 0o7777),
        nlink: host.st_nlink as u64,
        uid: host.st_uid,
        gid: host.st_gid,
        rdev: DevNumber { major: fs::major(host.st_rdev), minor: fs::minor(host.st_rdev) },
        size: host.st_size as u64,
        blocks: host.st_blocks as u64,
        blksize: host.st_blksize as u32,
        atime: time(host.st_atime, host.st_atime_nsec as i64),
        mtime: time(host.st_mtime, host.st_mtime_nsec as i64),
        ctime: time(host.st_ctime, host.st_ctime_nsec as i64),
        birthtime: None,
        flags: FileFlags::empty(),
    }
}

fn times(times: [Option<SetTime>; 2]) -> Timestamps {
    let time = |time| match time {
        None => Timespec { tv_sec: 0, tv_nsec: fs::UTIME_OMIT },
        Some(SetTime::Now) => Timespec { tv_sec: 0, tv_nsec: fs::UTIME_NOW },
        Some(SetTime::To(at)) => Timespec { tv_sec: at.sec, tv_nsec: at.nsec.into() },
    };
    Timestamps { last_access: time(times[0]), last_modification: time(times[1]) }
}

fn follow(flags: AtFlags) -> fs::AtFlags {
    match flags.contains(AtFlags::SYMLINK_NOFOLLOW) {
        true => fs::AtFlags::SYMLINK_NOFOLLOW,
        false => fs::AtFlags::empty(),
    }
}

impl Process {
    pub(crate) fn stat(&self, path: impl AsRef<[u8]>) -> KResult<Stat> {
        self.fstatat(None, path, AtFlags::empty())
    }

    pub(crate) fn lstat(&self, path: impl AsRef<[u8]>) -> KResult<Stat> {
        self.fstatat(None, path, AtFlags::SYMLINK_NOFOLLOW)
    }

    pub(crate) fn fstat(&self, fd: Fd) -> KResult<Stat> {
        self.call(move |files| Ok(stat(fs::fstat(files.get(fd)?)?)))
    }

    pub(crate) fn fstatat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<Stat> {
        let path = owned(path);
        self.call(move |files| Ok(stat(fs::statat(files.dir(dir)?, path, follow(flags))?)))
    }

    pub(crate) fn statvfs(&self, path: impl AsRef<[u8]>) -> KResult<StatVfs> {
        let path = owned(path);
        let facts = self.call(move |_| fs::statvfs(path))?;
        Ok(StatVfs {
            block_size: facts.f_frsize as u32,
            blocks: facts.f_blocks,
            blocks_free: facts.f_bfree,
            blocks_available: facts.f_bavail,
            files: facts.f_files,
            files_free: facts.f_ffree,
            name_max: facts.f_namemax as u32,
        })
    }

    pub(crate) fn access(&self, path: impl AsRef<[u8]>, wanted: u32) -> KResult<()> {
        let path = owned(path);
        self.call(move |_| fs::access(path, Access::from_bits_retain(wanted)))
    }

    pub(crate) fn chmod(&self, path: impl AsRef<[u8]>, bits: Mode) -> KResult<()> {
        let path = owned(path);
        self.call(move |_| fs::chmod(path, mode(bits)))
    }

    pub(crate) fn fchmod(&self, fd: Fd, bits: Mode) -> KResult<()> {
        self.call(move |files| fs::fchmod(files.get(fd)?, mode(bits)))
    }

    pub(crate) fn chown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        self.set_owner(owned(path), uid, gid, fs::AtFlags::empty())
    }

    pub(crate) fn lchown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        self.set_owner(owned(path), uid, gid, fs::AtFlags::SYMLINK_NOFOLLOW)
    }

    fn set_owner(
        &self,
        path: Vec<u8>,
        uid: Option<u32>,
        gid: Option<u32>,
        flags: fs::AtFlags,
    ) -> KResult<()> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        self.call(move |_| fs::chownat(fs::CWD, path, uid, gid, flags))
    }

    pub(crate) fn utimensat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        to: [Option<SetTime>; 2],
        flags: AtFlags,
    ) -> KResult<()> {
        let path = owned(path);
        self.call(move |files| fs::utimensat(files.dir(dir)?, path, &times(to), follow(flags)))
    }

    pub(crate) fn futimens(&self, fd: Fd, to: [Option<SetTime>; 2]) -> KResult<()> {
        self.call(move |files| fs::futimens(files.get(fd)?, &times(to)))
    }
}
