//! link(2), symlink(2), rename(2), unlink(2), mkdir(2), mknod(2), chdir(2) and their like.

use super::RemoteProcess;
use super::request::{request, text};
use crate::connection::malformed;
use rump_abi::netbsd::numbers::*;
use rump_abi::netbsd::stat::device;
use rump_abi::{AtFlags, DevNumber, FileType, Mode};
use rump_kern::Fd;
use rump_kpi::KResult;

/// No target of a link is longer.
const TARGET_MAX: usize = 4096;
/// Room for the path of a directory.
const PATH_ROOM: usize = 1 << 16;

macro_rules! of_a_path {
    ($($(#[$meta:meta])* $name:ident $number:ident,)*) => {
        impl RemoteProcess {$(
            $(#[$meta])*
            pub fn $name(&self, path: impl AsRef<[u8]>) -> KResult<()> {
                let path = text(path)?;
                self.run(request($number).read(&path))
            }
        )*}
    };
}

of_a_path! {
    /// As [`Process::unlink`](rump_kern::Process::unlink).
    unlink UNLINK,
    /// As [`Process::rmdir`](rump_kern::Process::rmdir).
    rmdir RMDIR,
    /// As [`Process::chdir`](rump_kern::Process::chdir).
    chdir CHDIR,
    /// As [`Process::chroot`](rump_kern::Process::chroot).
    chroot CHROOT,
    /// As [`Process::revoke`](rump_kern::Process::revoke).
    revoke REVOKE,
}

macro_rules! of_two_paths {
    ($($(#[$meta:meta])* $name:ident $number:ident,)*) => {
        impl RemoteProcess {$(
            $(#[$meta])*
            pub fn $name(&self, one: impl AsRef<[u8]>, other: impl AsRef<[u8]>) -> KResult<()> {
                let (one, other) = (text(one)?, text(other)?);
                self.run(request($number).read(&one).read(&other))
            }
        )*}
    };
}

of_two_paths! {
    /// As [`Process::link`](rump_kern::Process::link).
    link LINK,
    /// As [`Process::symlink`](rump_kern::Process::symlink).
    symlink SYMLINK,
    /// As [`Process::rename`](rump_kern::Process::rename).
    rename RENAME,
}

impl RemoteProcess {
    /// As [`Process::linkat`](rump_kern::Process::linkat).
    pub fn linkat(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
        flags: AtFlags,
    ) -> KResult<()> {
        let (old, new) = (text(old)?, text(new)?);
        self.run(request(LINKAT).with(old_dir).read(&old).with(new_dir).read(&new).with(flags))
    }

    /// As [`Process::symlinkat`](rump_kern::Process::symlinkat).
    pub fn symlinkat(
        &self,
        target: impl AsRef<[u8]>,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
    ) -> KResult<()> {
        let (target, path) = (text(target)?, text(path)?);
        self.run(request(SYMLINKAT).read(&target).with(dir).read(&path))
    }

    /// As [`Process::readlink`](rump_kern::Process::readlink).
    pub fn readlink(&self, path: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        self.readlinkat(None, path)
    }

    /// As [`Process::readlinkat`](rump_kern::Process::readlinkat).
    pub fn readlinkat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let path = text(path)?;
        self.bytes(request(READLINKAT).with(dir).read(&path), TARGET_MAX)
    }

    /// As [`Process::renameat`](rump_kern::Process::renameat).
    pub fn renameat(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
    ) -> KResult<()> {
        let (old, new) = (text(old)?, text(new)?);
        self.run(request(RENAMEAT).with(old_dir).read(&old).with(new_dir).read(&new))
    }

    /// As [`Process::unlinkat`](rump_kern::Process::unlinkat).
    pub fn unlinkat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<()> {
        let path = text(path)?;
        self.run(request(UNLINKAT).with(dir).read(&path).with(flags))
    }

    /// As [`Process::mkdir`](rump_kern::Process::mkdir).
    pub fn mkdir(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mkdirat(None, path, mode)
    }

    /// As [`Process::mkdirat`](rump_kern::Process::mkdirat).
    pub fn mkdirat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        let path = text(path)?;
        self.run(request(MKDIRAT).with(dir).read(&path).with(mode))
    }

    /// As [`Process::mknod`](rump_kern::Process::mknod).
    pub fn mknod(
        &self,
        path: impl AsRef<[u8]>,
        file_type: FileType,
        mode: Mode,
        rdev: DevNumber,
    ) -> KResult<()> {
        self.mknodat(None, path, file_type, mode, rdev)
    }

    /// As [`Process::mknodat`](rump_kern::Process::mknodat).
    pub fn mknodat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        file_type: FileType,
        mode: Mode,
        rdev: DevNumber,
    ) -> KResult<()> {
        let (path, bits) = (text(path)?, file_type.mode_bits() | mode.bits());
        self.run(request(MKNODAT).with(dir).read(&path).with(bits).null().with(device(rdev)))
    }

    /// As [`Process::mkfifo`](rump_kern::Process::mkfifo).
    pub fn mkfifo(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mkfifoat(None, path, mode)
    }

    /// As [`Process::mkfifoat`](rump_kern::Process::mkfifoat).
    pub fn mkfifoat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        let path = text(path)?;
        self.run(request(MKFIFOAT).with(dir).read(&path).with(mode))
    }

    /// As [`Process::fchdir`](rump_kern::Process::fchdir).
    pub fn fchdir(&self, fd: Fd) -> KResult<()> {
        self.run(request(FCHDIR).with(fd))
    }

    /// As [`Process::fchroot`](rump_kern::Process::fchroot).
    pub fn fchroot(&self, fd: Fd) -> KResult<()> {
        self.run(request(FCHROOT).with(fd))
    }

    /// As [`Process::getcwd`](rump_kern::Process::getcwd). Errors: ERANGE as well (longer than 64 KiB).
    pub fn getcwd(&self) -> KResult<Vec<u8>> {
        let mut path = self.bytes(request(__GETCWD), PATH_ROOM)?;
        match path.pop() {
            Some(0) => Ok(path),
            _ => Err(malformed()),
        }
    }
}
