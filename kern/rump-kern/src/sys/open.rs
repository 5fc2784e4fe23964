//! Opening files: open(2).

use crate::descriptors::{Object, OpenFile};
use crate::{Fd, Process};
use alloc::sync::Arc;
use rump_abi::{AccessMode, DevNumber, Errno, FileType, Mode, OpenFlags};
use rump_kpi::{Capabilities, KError, KResult, NewNode, acl};
use rump_vfs::{Follow, Last, Vnode, Walked, access, ops};

/// How often `open` starts again when the name appears and goes away under it.
const TRIES: u32 = 64;

impl Process {
    /// Opens a file.
    ///
    /// Errors: EINVAL (both WRONLY and RDWR, or both SHLOCK and EXLOCK), those of the path walk, EEXIST (EXCL), ENOENT, EISDIR (CREAT or
    /// writing a directory), ENOTDIR (DIRECTORY), ELOOP (NOFOLLOW), EROFS, EPERM (immutable, or append-only
    /// and not opened for that), EACCES, ENXIO (devices without a driver, or outside the root file system), EOPNOTSUPP (a socket), ENXIO (WRONLY and NONBLOCK of a fifo that nobody reads), EAGAIN (SHLOCK or EXLOCK with
    /// NONBLOCK, and another lock is in the way), EINTR (a fifo, or waiting for a lock), EMFILE, those of the driver.
    ///
    /// A fifo that is opened for one direction blocks until the other side is there.
    pub fn open(&self, path: impl AsRef<[u8]>, flags: OpenFlags, mode: Mode) -> KResult<Fd> {
        self.openat(None, path, flags, mode)
    }

    /// Opens a file, relative to `dir`. Errors: as [`Process::open`]; EBADF and ENOTDIR of `dir`.
    pub fn openat(
        &self,
        dir: Option<Fd>,
        path: impl AsRef<[u8]>,
        flags: OpenFlags,
        mode: Mode,
    ) -> KResult<Fd> {
        let access = flags.access_mode().ok_or(Errno::EINVAL)?;
        if flags.contains(OpenFlags::SHLOCK | OpenFlags::EXLOCK) {
            return Err(Errno::EINVAL.into());
        }
        let vnode = self.open_vnode(dir, path.as_ref(), flags, mode, access)?;
        self.open_found(vnode, flags, access)
    }

    /// Opens a file that may be opened. Errors: as [`Process::open`], from ENXIO on.
    pub(crate) fn open_found(&self, vnode: Arc<Vnode>, flags: OpenFlags, access: AccessMode) -> KResult<Fd> {
        let object = match vnode.file_type() {
            FileType::Fifo => Object::Pipe(self.open_fifo(vnode, access, flags)?),
            _ if self.shared().devices.has(&self.shared().vfs, &vnode)? => {
                Object::Device(self.open_device(vnode)?)
            }
            _ => Object::Vnode(vnode),
        };
        let file = OpenFile::new(object, access, flags);
        self.lock_opened(&file, flags)?;
        self.enter_open_file(file, flags)
    }

    fn open_vnode(
        &self,
        dir: Option<Fd>,
        path: &[u8],
        flags: OpenFlags,
        mode: Mode,
        access: AccessMode,
    ) -> KResult<Arc<Vnode>> {
        let exclusive = flags.contains(OpenFlags::CREAT | OpenFlags::EXCL);
        let follow = match (exclusive, flags.contains(OpenFlags::NOFOLLOW)) {
            (true, _) => Follow::Never,
            (false, true) => Follow::No,
            (false, false) => Follow::Yes,
        };
        for _ in 0..TRIES {
            let walked = self.walk(dir, path, follow)?;
            if walked.vnode.is_some() {
                if exclusive {
                    return Err(Errno::EEXIST.into());
                }
                let vnode = walked.existing()?.clone();
                self.check_open(&vnode, flags, access)?;
                return Ok(vnode);
            }
            if !flags.contains(OpenFlags::CREAT) {
                return Err(Errno::ENOENT.into());
            }
            match self.create_regular(&walked, flags, mode) {
                Err(error) if error.errno == Errno::EEXIST && !exclusive => {}
                created => return created,
            }
        }
        Err(KError::new(Errno::EAGAIN, "the name keeps appearing and going away"))
    }

    fn create_regular(&self, walked: &Walked<'_>, flags: OpenFlags, mode: Mode) -> KResult<Arc<Vnode>> {
        if walked.slash {
            return Err(Errno::EISDIR.into());
        }
        if flags.contains(OpenFlags::DIRECTORY) {
            return Err(KError::new(Errno::EINVAL, "open does not create directories"));
        }
        self.create_node(walked, FileType::Regular, mode, DevNumber::default(), b"")
    }

    /// Creates what a walk found missing. The group is that of the directory, as in BSD. The umask is taken off,
    /// unless the directory has a default access control list, which the driver applies.
    pub(crate) fn create_node(
        &self,
        walked: &Walked<'_>,
        file_type: FileType,
        mode: Mode,
        rdev: DevNumber,
        target: &[u8],
    ) -> KResult<Arc<Vnode>> {
        if walked.last != Last::Name {
            return Err(Errno::EEXIST.into());
        }
        let cred = self.cred();
        let gid = walked.parent.node()?.attr()?.gid;
        let is_exempt = file_type == FileType::Symlink || has_default_acl(&walked.parent)?;
        let mut bits = if is_exempt { mode } else { self.masked(mode) }.bits();
        if file_type == FileType::Regular && !cred.is_root() && !cred.in_group(gid) {
            bits &= !Mode::SGID;
        }
        let new = NewNode { file_type, mode: Mode::new(bits), uid: cred.uid, gid, rdev, target };
        ops::create(&cred, &walked.parent, walked.name(), new)
    }

    /// Checks that a file may be opened, and cuts it if it is to be cut. Errors: as [`Process::open`].
    pub(crate) fn check_open(&self, vnode: &Arc<Vnode>, flags: OpenFlags, mode: AccessMode) -> KResult<()> {
        let truncates = flags.contains(OpenFlags::TRUNC);
        match vnode.file_type() {
            FileType::Symlink => return Err(Errno::ELOOP.into()),
            FileType::Directory if mode.writes() || truncates || flags.contains(OpenFlags::CREAT) => {
                return Err(Errno::EISDIR.into());
            }
            FileType::Directory => {}
            _ if flags.contains(OpenFlags::DIRECTORY) => return Err(Errno::ENOTDIR.into()),
            _ => {}
        }
        let mut wanted = 0;
        if mode.reads() {
            wanted |= access::READ;
        }
        if mode.writes() || truncates {
            wanted |= access::WRITE;
        }
        access::check(&self.cred(), vnode, wanted)?;
        let appends = flags.contains(OpenFlags::APPEND) && !truncates;
        if wanted & access::WRITE != 0 && !appends && vnode.flags()?.is_append_only() {
            return Err(KError::new(Errno::EPERM, "the file is only appended to"));
        }
        if !self.shared().devices.has(&self.shared().vfs, vnode)? {
            check_driver(vnode)?;
        }
        if truncates && vnode.file_type() == FileType::Regular {
            self.set_size(vnode, 0)?;
        }
        Ok(())
    }
}

pub(crate) fn has_default_acl(dir: &Vnode) -> KResult<bool> {
    Ok(dir.mount().can(Capabilities::ACLS) && dir.node()?.acl(acl::DEFAULT)?.is_some())
}

/// Errors: EOPNOTSUPP (a socket), ENXIO (nothing stands behind this special file).
fn check_driver(vnode: &Vnode) -> KResult<()> {
    match vnode.file_type() {
        FileType::Socket => Err(KError::new(Errno::EOPNOTSUPP, "a socket is connected to, not opened")),
        FileType::CharDevice | FileType::BlockDevice
            if !vnode.is_etfs() && vnode.node()?.block_device().is_none() =>
        {
            Err(Errno::ENXIO.into())
        }
        _ => Ok(()),
    }
}
