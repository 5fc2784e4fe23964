//! Making, moving and removing names.

use super::{Process, mode, owned};
use rumpkit::{AtFlags, DevNumber, Fd, FileType, KResult, Mode, RenameFlags};
use rustix::fs;

fn at_flags(flags: AtFlags) -> fs::AtFlags {
    let known = [
        (AtFlags::EACCESS, fs::AtFlags::EACCESS),
        (AtFlags::SYMLINK_NOFOLLOW, fs::AtFlags::SYMLINK_NOFOLLOW),
        (AtFlags::SYMLINK_FOLLOW, fs::AtFlags::SYMLINK_FOLLOW),
        (AtFlags::REMOVEDIR, fs::AtFlags::REMOVEDIR),
    ];
    let chosen = known.iter().filter(|(ours, _)| flags.contains(*ours));
    chosen.fold(fs::AtFlags::empty(), |all, (_, hosts)| all | *hosts)
}

impl Process {
    pub(crate) fn mkdir(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mkdirat(None, path, mode)
    }

    pub(crate) fn mkdirat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, bits: Mode) -> KResult<()> {
        let path = owned(path);
        self.call(move |files| fs::mkdirat(files.dir(dir)?, path, mode(bits)))
    }

    pub(crate) fn mknod(
        &self,
        path: impl AsRef<[u8]>,
        file_type: FileType,
        bits: Mode,
        rdev: DevNumber,
    ) -> KResult<()> {
        let path = owned(path);
        let file_type = match file_type {
            FileType::Fifo => fs::FileType::Fifo,
            FileType::CharDevice => fs::FileType::CharacterDevice,
            FileType::Directory => fs::FileType::Directory,
            FileType::BlockDevice => fs::FileType::BlockDevice,
            FileType::Regular => fs::FileType::RegularFile,
            FileType::Symlink => fs::FileType::Symlink,
            FileType::Socket => fs::FileType::Socket,
        };
        let device = fs::makedev(rdev.major, rdev.minor);
        self.call(move |_| fs::mknodat(fs::CWD, path, file_type, mode(bits), device))
    }

    pub(crate) fn mkfifo(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.mknod(path, FileType::Fifo, mode, DevNumber::default())
    }

    pub(crate) fn symlink(&self, target: impl AsRef<[u8]>, path: impl AsRef<[u8]>) -> KResult<()> {
        let (target, path) = (owned(target), owned(path));
        self.call(move |_| fs::symlink(target, path))
    }

    pub(crate) fn readlink(&self, path: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        let path = owned(path);
        self.call(move |_| Ok(fs::readlink(path, Vec::new())?.into_bytes()))
    }

    pub(crate) fn link(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()> {
        self.linkat(None, old, None, new, AtFlags::empty())
    }

    pub(crate) fn linkat(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
        flags: AtFlags,
    ) -> KResult<()> {
        let (old, new, flags) = (owned(old), owned(new), at_flags(flags));
        self.call(move |files| fs::linkat(files.dir(old_dir)?, old, files.dir(new_dir)?, new, flags))
    }

    pub(crate) fn rename(&self, old: impl AsRef<[u8]>, new: impl AsRef<[u8]>) -> KResult<()> {
        self.renameat(None, old, None, new)
    }

    pub(crate) fn renameat(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
    ) -> KResult<()> {
        self.renameat2(old_dir, old, new_dir, new, RenameFlags::empty())
    }

    pub(crate) fn renameat2(
        &self,
        old_dir: Option<Fd>,
        old: impl AsRef<[u8]>,
        new_dir: Option<Fd>,
        new: impl AsRef<[u8]>,
        flags: RenameFlags,
    ) -> KResult<()> {
        // The bits are Linux' own.
        let flags = fs::RenameFlags::from_bits_retain(flags.bits());
        let (old, new) = (owned(old), owned(new));
        self.call(move |files| fs::renameat_with(files.dir(old_dir)?, old, files.dir(new_dir)?, new, flags))
    }

    pub(crate) fn rmdir(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        self.unlinkat(None, path, AtFlags::REMOVEDIR)
    }

    pub(crate) fn unlink(&self, path: impl AsRef<[u8]>) -> KResult<()> {
        self.unlinkat(None, path, AtFlags::empty())
    }

    pub(crate) fn unlinkat(&self, dir: Option<Fd>, path: impl AsRef<[u8]>, flags: AtFlags) -> KResult<()> {
        let (path, flags) = (owned(path), at_flags(flags));
        self.call(move |files| fs::unlinkat(files.dir(dir)?, path, flags))
    }
}
