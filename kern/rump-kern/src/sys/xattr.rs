//! Extended attributes: getxattr(2), listxattr(2), setxattr(2), removexattr(2).
//!
//! Names have their namespace as a prefix. `user.` follows the permissions of the content, and only regular files
//! and directories have it. Access control lists are changed by the owner. Everything else is written by the
//! superuser only, and `trusted.` is also read by nobody else.

use crate::{Fd, Process};
use alloc::vec::Vec;
use rump_abi::{Errno, FileType, Mode, XattrFlags};
use rump_kpi::{KError, KResult, SetAttr, acl};
use rump_vfs::{Follow, NAME_MAX, Vnode, access};

/// Longest value in bytes.
const VALUE_MAX: usize = 65_536;

impl Process {
    /// Value of an attribute. Errors: those of the path walk, EINVAL and ERANGE (the name), EACCES, EPERM,
    /// ENOTSUP, ENOATTR, EIO.
    pub fn getxattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        self.xattr_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?, name.as_ref())
    }

    /// As [`Process::getxattr`], of the link itself.
    pub fn lgetxattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        self.xattr_of(&*self.lookup(None, path.as_ref(), Follow::No)?, name.as_ref())
    }

    /// As [`Process::getxattr`], of an open file. Errors: EBADF besides.
    pub fn fgetxattr(&self, fd: Fd, name: impl AsRef<[u8]>) -> KResult<Vec<u8>> {
        self.xattr_of(self.file(fd)?.vnode_or(Errno::ENOTSUP)?, name.as_ref())
    }

    /// Names of all attributes that may be seen. Errors: those of the path walk, EIO.
    pub fn listxattr(&self, path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>> {
        self.xattrs_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?)
    }

    /// As [`Process::listxattr`], of the link itself.
    pub fn llistxattr(&self, path: impl AsRef<[u8]>) -> KResult<Vec<Vec<u8>>> {
        self.xattrs_of(&*self.lookup(None, path.as_ref(), Follow::No)?)
    }

    /// As [`Process::listxattr`], of an open file. Errors: EBADF besides.
    pub fn flistxattr(&self, fd: Fd) -> KResult<Vec<Vec<u8>>> {
        self.xattrs_of(self.file(fd)?.vnode_or(Errno::ENOTSUP)?)
    }

    /// Sets an attribute. Errors: those of the path walk, EINVAL and ERANGE (the name), E2BIG, EROFS, EACCES,
    /// EPERM, ENOTSUP, EEXIST (CREATE), ENOATTR (REPLACE), ENOSPC, EIO.
    pub fn setxattr(
        &self,
        path: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        flags: XattrFlags,
    ) -> KResult<()> {
        let vnode = self.lookup(None, path.as_ref(), Follow::Yes)?;
        self.set_xattr_of(&vnode, name.as_ref(), value.as_ref(), flags)
    }

    /// As [`Process::setxattr`], of the link itself.
    pub fn lsetxattr(
        &self,
        path: impl AsRef<[u8]>,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        flags: XattrFlags,
    ) -> KResult<()> {
        let vnode = self.lookup(None, path.as_ref(), Follow::No)?;
        self.set_xattr_of(&vnode, name.as_ref(), value.as_ref(), flags)
    }

    /// As [`Process::setxattr`], of an open file. Errors: EBADF besides.
    pub fn fsetxattr(
        &self,
        fd: Fd,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        flags: XattrFlags,
    ) -> KResult<()> {
        self.set_xattr_of(self.file(fd)?.vnode_or(Errno::ENOTSUP)?, name.as_ref(), value.as_ref(), flags)
    }

    /// Removes an attribute. Errors: as [`Process::setxattr`], ENOATTR.
    pub fn removexattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()> {
        self.remove_xattr_of(&*self.lookup(None, path.as_ref(), Follow::Yes)?, name.as_ref())
    }

    /// As [`Process::removexattr`], of the link itself.
    pub fn lremovexattr(&self, path: impl AsRef<[u8]>, name: impl AsRef<[u8]>) -> KResult<()> {
        self.remove_xattr_of(&*self.lookup(None, path.as_ref(), Follow::No)?, name.as_ref())
    }

    /// As [`Process::removexattr`], of an open file. Errors: EBADF besides.
    pub fn fremovexattr(&self, fd: Fd, name: impl AsRef<[u8]>) -> KResult<()> {
        self.remove_xattr_of(self.file(fd)?.vnode_or(Errno::ENOTSUP)?, name.as_ref())
    }

    pub(crate) fn xattr_of(&self, vnode: &Vnode, name: &[u8]) -> KResult<Vec<u8>> {
        self.check_xattr(vnode, name, access::READ)?;
        vnode.node()?.xattr(name)
    }

    pub(crate) fn xattrs_of(&self, vnode: &Vnode) -> KResult<Vec<Vec<u8>>> {
        let mut names = vnode.node()?.list_xattrs()?;
        if !self.cred().is_root() {
            names.retain(|name| !name.starts_with(b"trusted."));
        }
        Ok(names)
    }

    pub(crate) fn set_xattr_of(
        &self,
        vnode: &Vnode,
        name: &[u8],
        value: &[u8],
        flags: XattrFlags,
    ) -> KResult<()> {
        if flags.contains(XattrFlags::CREATE | XattrFlags::REPLACE) {
            return Err(Errno::EINVAL.into());
        }
        check_name(name)?;
        if value.len() > VALUE_MAX {
            return Err(Errno::E2BIG.into());
        }
        vnode.check_writable()?;
        self.check_xattr(vnode, name, access::WRITE)?;
        vnode.node()?.set_xattr(name, value, flags)?;
        if name == acl::ACCESS { self.drop_foreign_set_gid(vnode) } else { Ok(()) }
    }

    /// A list sets the mode, and whoever is not in the group of a file cannot set the group id with it (chmod(2)).
    fn drop_foreign_set_gid(&self, vnode: &Vnode) -> KResult<()> {
        let (cred, attr) = (self.cred(), vnode.node()?.attr()?);
        let mode = attr.mode.bits();
        if cred.is_root() || cred.in_group(attr.gid) || mode & Mode::SGID == 0 {
            return Ok(());
        }
        let mode = Some(Mode::new(mode & !Mode::SGID));
        vnode.node()?.set_attr(SetAttr { mode, ..SetAttr::default() })
    }

    pub(crate) fn remove_xattr_of(&self, vnode: &Vnode, name: &[u8]) -> KResult<()> {
        vnode.check_writable()?;
        self.check_xattr(vnode, name, access::WRITE)?;
        vnode.node()?.remove_xattr(name)
    }

    fn check_xattr(&self, vnode: &Vnode, name: &[u8], wanted: u32) -> KResult<()> {
        check_name(name)?;
        if wanted == access::WRITE {
            access::check_not_fixed(vnode)?;
        }
        if name.starts_with(b"user.") {
            return self.check_user_xattr(vnode, wanted);
        }
        if wanted == access::WRITE && matches!(name, acl::ACCESS | acl::DEFAULT) {
            let owns = self.cred().owns(&vnode.node()?.attr()?);
            return if owns { Ok(()) } else { Err(Errno::EPERM.into()) };
        }
        if self.cred().is_root() {
            return Ok(());
        }
        match (wanted == access::READ, name.starts_with(b"trusted.")) {
            (true, false) => Ok(()),
            (true, true) => Err(Errno::ENOATTR.into()),
            (false, _) => Err(Errno::EPERM.into()),
        }
    }

    /// Errors: ENOATTR and EPERM (a type of file that has none), EPERM (writing to a sticky directory of somebody
    /// else), EACCES, EROFS.
    fn check_user_xattr(&self, vnode: &Vnode, wanted: u32) -> KResult<()> {
        if !matches!(vnode.file_type(), FileType::Regular | FileType::Directory) {
            let errno = if wanted == access::READ { Errno::ENOATTR } else { Errno::EPERM };
            return Err(KError::new(errno, "only regular files and directories have user attributes"));
        }
        let cred = self.cred();
        if wanted == access::WRITE && vnode.is_dir() {
            let attr = vnode.node()?.attr()?;
            if attr.mode.bits() & Mode::STICKY != 0 && !cred.owns(&attr) {
                return Err(Errno::EPERM.into());
            }
        }
        access::check(&cred, vnode, wanted)
    }
}

/// Errors: EINVAL (none, or with an end within), ERANGE (too long).
fn check_name(name: &[u8]) -> KResult<()> {
    if name.is_empty() || name.contains(&0) {
        return Err(Errno::EINVAL.into());
    }
    if name.len() > NAME_MAX { Err(Errno::ERANGE.into()) } else { Ok(()) }
}
