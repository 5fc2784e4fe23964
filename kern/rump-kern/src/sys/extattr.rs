//! Extended attributes by namespaces: extattr_get_file(2) and its like.
//!
//! They are those of [`Process::getxattr`]: the namespace of users is `user.`, that of the system, which is the
//! superuser's, `trusted.`.

use crate::{Fd, Process};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_abi::{Errno, XattrFlags};
use rump_kpi::{KError, KResult};
use rump_vfs::{Follow, NAME_MAX, Vnode, access};

/// Whose attributes are meant. `as u32` gives NetBSD's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtattrNamespace {
    /// Those who may read and write the file.
    User = 1,
    /// The superuser.
    System = 2,
}

impl ExtattrNamespace {
    fn prefix(self) -> &'static [u8] {
        match self {
            Self::User => b"user.",
            Self::System => b"trusted.",
        }
    }

    /// The whole name. Errors: EINVAL (none), ENAMETOOLONG.
    fn whole(self, name: &[u8]) -> KResult<Vec<u8>> {
        if name.is_empty() {
            return Err(Errno::EINVAL.into());
        }
        let whole = [self.prefix(), name].concat();
        if whole.len() > NAME_MAX { Err(Errno::ENAMETOOLONG.into()) } else { Ok(whole) }
    }
}

/// Whose attributes a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtattrOf<'a> {
    /// A file by its path (`extattr_get_file`).
    File(&'a [u8]),
    /// As `File`, but of a symbolic link its own (`extattr_get_link`).
    Link(&'a [u8]),
    /// An open file (`extattr_get_fd`).
    Open(Fd),
}

impl Process {
    /// The value of an attribute. Errors: EBADF or those of the path walk, EOPNOTSUPP (no file of a file system), EINVAL and
    /// ENAMETOOLONG (the name), EPERM (of the system, by other than the superuser), EACCES, ENOATTR, EOPNOTSUPP, EIO.
    pub fn extattr_get(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: impl AsRef<[u8]>,
    ) -> KResult<Vec<u8>> {
        let (vnode, name) = self.extattr_place(of, space, name.as_ref())?;
        self.xattr_of(&vnode, &name).map_err(as_extattr)
    }

    /// Sets an attribute; answers how many bytes its value has. Errors: as [`Process::extattr_get`]; EROFS, EPERM (flags),
    /// E2BIG, ENOSPC.
    pub fn extattr_set(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> KResult<usize> {
        let (vnode, name) = self.extattr_place(of, space, name.as_ref())?;
        let value = value.as_ref();
        self.set_xattr_of(&vnode, &name, value, XattrFlags::empty()).map_err(as_extattr)?;
        Ok(value.len())
    }

    /// Removes an attribute. Errors: as [`Process::extattr_get`]; EROFS, EPERM (flags).
    pub fn extattr_delete(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: impl AsRef<[u8]>,
    ) -> KResult<()> {
        let (vnode, name) = self.extattr_place(of, space, name.as_ref())?;
        self.remove_xattr_of(&vnode, &name).map_err(as_extattr)
    }

    /// The names of all attributes in a namespace. Errors: EBADF or those of the path walk, EOPNOTSUPP (no file of a file
    /// system), EPERM (of the system, by other than the superuser), EACCES (of users, without permission to read), EIO.
    pub fn extattr_list(&self, of: ExtattrOf<'_>, space: ExtattrNamespace) -> KResult<Vec<Vec<u8>>> {
        let vnode = self.extattr_vnode(of)?;
        self.check_namespace(space)?;
        if space == ExtattrNamespace::User {
            access::check(&self.cred(), &vnode, access::READ)?;
        }
        let names = self.xattrs_of(&vnode)?;
        Ok(names.iter().filter_map(|name| name.strip_prefix(space.prefix())).map(<[u8]>::to_vec).collect())
    }

    fn extattr_place(
        &self,
        of: ExtattrOf<'_>,
        space: ExtattrNamespace,
        name: &[u8],
    ) -> KResult<(Arc<Vnode>, Vec<u8>)> {
        let vnode = self.extattr_vnode(of)?;
        let name = space.whole(name)?;
        self.check_namespace(space)?;
        Ok((vnode, name))
    }

    fn extattr_vnode(&self, of: ExtattrOf<'_>) -> KResult<Arc<Vnode>> {
        match of {
            ExtattrOf::File(path) => self.lookup(None, path, Follow::Yes),
            ExtattrOf::Link(path) => self.lookup(None, path, Follow::No),
            ExtattrOf::Open(fd) => Ok(self.file(fd)?.vnode_or(Errno::EOPNOTSUPP)?.clone()),
        }
    }

    fn check_namespace(&self, space: ExtattrNamespace) -> KResult<()> {
        if space == ExtattrNamespace::System && !self.cred().is_root() {
            return Err(Errno::EPERM.into());
        }
        Ok(())
    }
}

/// What these calls answer where a file system keeps no attributes.
fn as_extattr(error: KError) -> KError {
    if error.errno == Errno::ENOTSUP { KError { errno: Errno::EOPNOTSUPP, ..error } } else { error }
}
