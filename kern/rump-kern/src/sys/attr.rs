//! Changing attributes: chmod(2), chown(2), utimensat(2), truncate(2).

use super::stat::follow_unless;
use crate::{Fd, Process};
use rump_abi::{AtFlags, Errno, FileType, Mode};
use rump_kpi::{Attr, KResult, SetAttr, SetTime};
use rump_vfs::{Follow, Vnode, access};

/// Nanoseconds of a second.
const NSEC: u32 = 1_000_000_000;

impl Process {
    /// Changes permission bits. Errors: those of the path walk, EROFS, EPERM (not the owner, or flags), EFTYPE (sticky on
    /// what is no directory, by other than the superuser), EIO.
    pub fn chmod(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.fchmodat(None, path, mode, AtFlags::empty())
    }

    /// Changes permission bits of an open file. Errors: EBADF, EINVAL (no file of a file system), as [`Process::chmod`].
    pub fn fchmod(&self, fd: Fd, mode: Mode) -> KResult<()> {
        self.set_mode(self.file(fd)?.vnode()?, mode)
    }

    /// Changes permission bits of the link itself. Errors: as [`Process::chmod`].
    pub fn lchmod(&self, path: impl AsRef<[u8]>, mode: Mode) -> KResult<()> {
        self.fchmodat(None, path, mode, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Changes permission bits, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::chmod`].
    pub fn fchmodat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        mode: Mode,
        flags: AtFlags,
    ) -> KResult<()> {
        self.set_mode(&*self.lookup(dir, path.as_ref(), follow_unless(flags))?, mode)
    }

    pub(crate) fn set_mode(&self, vnode: &Vnode, mode: Mode) -> KResult<()> {
        let attr = self.check_owner(vnode)?;
        access::check_not_fixed(vnode)?;
        let cred = self.cred();
        let mut bits = mode.bits();
        if !cred.is_root() {
            if bits & Mode::STICKY != 0 && !vnode.is_dir() {
                return Err(Errno::EFTYPE.into());
            }
            if !cred.in_group(attr.gid) {
                bits &= !Mode::SGID;
            }
        }
        vnode.node()?.set_attr(SetAttr { mode: Some(Mode::new(bits)), ..SetAttr::default() })
    }

    /// Errors: EROFS, EPERM.
    pub(crate) fn check_owner(&self, vnode: &Vnode) -> KResult<Attr> {
        vnode.check_writable()?;
        let attr = vnode.node()?.attr()?;
        if self.cred().owns(&attr) { Ok(attr) } else { Err(Errno::EPERM.into()) }
    }

    /// Changes owner and group; `None` leaves one as it is. Errors: those of the path walk, EROFS, EPERM (also by
    /// flags), EIO.
    pub fn chown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        self.fchownat(None, path, uid, gid, AtFlags::empty())
    }

    /// Changes owner and group of the link itself. Errors: as [`Process::chown`].
    pub fn lchown(&self, path: impl AsRef<[u8]>, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        self.fchownat(None, path, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Changes owner and group of an open file. Errors: EBADF, EINVAL (no file of a file system), as [`Process::chown`].
    pub fn fchown(&self, fd: Fd, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        self.set_owner(self.file(fd)?.vnode()?, uid, gid)
    }

    /// Changes owner and group, relative to `dir`. Errors: EBADF, ENOTDIR, as [`Process::chown`].
    pub fn fchownat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        uid: Option<u32>,
        gid: Option<u32>,
        flags: AtFlags,
    ) -> KResult<()> {
        self.set_owner(&*self.lookup(dir, path.as_ref(), follow_unless(flags))?, uid, gid)
    }

    /// An owner may only give a file to a group of their own.
    pub(crate) fn set_owner(&self, vnode: &Vnode, uid: Option<u32>, gid: Option<u32>) -> KResult<()> {
        vnode.check_writable()?;
        access::check_not_fixed(vnode)?;
        let cred = self.cred();
        let attr = vnode.node()?.attr()?;
        let mut mode = None;
        if !cred.is_root() {
            let keeps_owner = uid.is_none_or(|uid| uid == attr.uid);
            let own_group = gid.is_none_or(|gid| gid == attr.gid || cred.in_group(gid));
            if cred.uid != attr.uid || !keeps_owner || !own_group {
                return Err(Errno::EPERM.into());
            }
            mode = access::without_set_id(&attr);
        }
        if uid.is_none() && gid.is_none() {
            return Ok(());
        }
        vnode.node()?.set_attr(SetAttr { mode, uid, gid, ..SetAttr::default() })
    }

    /// Sets access and modification time. Errors: EINVAL (nanoseconds), those of the path walk, EROFS, EPERM
    /// (not the owner, or flags), EACCES (both to the present, and neither owner nor allowed to write), EIO.
    pub fn utimensat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        times: [Option<SetTime>; 2],
        flags: AtFlags,
    ) -> KResult<()> {
        check_times(times)?;
        self.set_times(&*self.lookup(dir, path.as_ref(), follow_unless(flags))?, times)
    }

    /// Sets access and modification time of an open file. Errors: EINVAL, EBADF, as [`Process::utimensat`].
    pub fn futimens(&self, fd: Fd, times: [Option<SetTime>; 2]) -> KResult<()> {
        check_times(times)?;
        self.set_times(self.file(fd)?.vnode()?, times)
    }

    pub(crate) fn set_times(&self, vnode: &Vnode, times: [Option<SetTime>; 2]) -> KResult<()> {
        let [atime, mtime] = times;
        if atime.is_none() && mtime.is_none() {
            return Ok(());
        }
        vnode.check_writable()?;
        let flags = vnode.flags()?;
        if flags.is_immutable() || flags.is_append_only() && times != [Some(SetTime::Now); 2] {
            return Err(Errno::EPERM.into());
        }
        let cred = self.cred();
        let attr = vnode.node()?.attr()?;
        if !cred.owns(&attr) {
            if times != [Some(SetTime::Now); 2] {
                return Err(Errno::EPERM.into());
            }
            access::check_granted(&cred, vnode, &attr, access::WRITE)?;
        }
        vnode.node()?.set_attr(SetAttr { atime, mtime, ..SetAttr::default() })
    }

    /// Cuts or extends a file. Errors: EINVAL (no file, or too large), those of the path walk, EISDIR, EROFS,
    /// EACCES, EPERM (flags), EFBIG, ENOSPC, EIO.
    pub fn truncate(&self, path: impl AsRef<[u8]>, size: u64) -> KResult<()> {
        check_size(size)?;
        let vnode = self.lookup(None, path.as_ref(), Follow::Yes)?;
        if vnode.is_dir() {
            return Err(Errno::EISDIR.into());
        }
        access::check(&self.cred(), &vnode, access::WRITE)?;
        self.set_size(&vnode, size)
    }

    /// Cuts or extends an open file. Errors: EINVAL, EBADF, EINVAL (not for writing, or no file), EPERM (flags),
    /// EFBIG, ENOSPC.
    pub fn ftruncate(&self, fd: Fd, size: u64) -> KResult<()> {
        check_size(size)?;
        let file = self.file(fd)?;
        if !file.access.writes() {
            return Err(Errno::EINVAL.into());
        }
        self.set_size(file.vnode()?, size)
    }

    /// A program that is cut loses its set-id bits. Errors: EINVAL (no file), EPERM (flags), EFBIG, ENOSPC, EIO.
    pub(crate) fn set_size(&self, vnode: &Vnode, size: u64) -> KResult<()> {
        if vnode.file_type() != FileType::Regular {
            return Err(Errno::EINVAL.into());
        }
        access::check_not_fixed(vnode)?;
        self.check_size_limit(vnode, size)?;
        let node = vnode.node()?;
        let mode = if self.cred().is_root() { None } else { access::without_set_id(&node.attr()?) };
        node.set_attr(SetAttr { size: Some(size), mode, ..SetAttr::default() })
    }
}

fn check_size(size: u64) -> KResult<()> {
    if size > i64::MAX as u64 { Err(Errno::EINVAL.into()) } else { Ok(()) }
}

pub(crate) fn check_times(times: [Option<SetTime>; 2]) -> KResult<()> {
    let is_bad = |time: &SetTime| matches!(time, SetTime::To(to) if to.nsec >= NSEC);
    if times.iter().flatten().any(is_bad) { Err(Errno::EINVAL.into()) } else { Ok(()) }
}
