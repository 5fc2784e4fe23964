//! Opening, closing and duplicating descriptors: open(2), close(2), dup(2), fcntl(2).

use crate::descriptors::{Descriptor, Object};
use crate::{Fd, Process};
use alloc::sync::Arc;
use rump_abi::{AccessMode, DevNumber, Errno, FileType, Mode, OpenFlags};
use rump_kpi::{Capabilities, KError, KResult, NewNode, acl};
use rump_vfs::{Follow, Last, Vnode, Walked, access, ops};

/// How often `open` starts again when the name appears and goes away under it.
const TRIES: u32 = 64;

/// Requests of `fcntl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fcntl {
    /// Duplicate to the lowest free number that is not below this.
    DupFd(u32),
    /// As `DupFd`, closed on exec.
    DupFdCloexec(u32),
    /// Whether it is closed on exec: 1 or 0.
    GetFd,
    /// Changes whether it is closed on exec.
    SetFd {
        /// Close on exec.
        cloexec: bool,
    },
    /// The flags of the open file with its access mode, as bits of [`OpenFlags`].
    GetFl,
    /// Changes the flags of the open file: APPEND, NONBLOCK, SYNC, DSYNC.
    SetFl(OpenFlags),
}

impl Process {
    /// Opens a file.
    ///
    /// Errors: EINVAL (both WRONLY and RDWR), those of the path walk, EEXIST (EXCL), ENOENT, EISDIR (CREAT or
    /// writing a directory), ENOTDIR (DIRECTORY), ELOOP (NOFOLLOW), EROFS, EACCES, ENXIO (devices without a
    /// driver, or outside the root file system), EOPNOTSUPP (a socket), ENXIO (WRONLY and NONBLOCK of a fifo that nobody reads), EINTR (a fifo), EMFILE,
    /// those of the driver.
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
        let vnode = self.open_vnode(dir, path.as_ref(), flags, mode, access)?;
        let object = match vnode.file_type() {
            FileType::Fifo => Object::Pipe(self.open_fifo(vnode, access, flags)?),
            _ if self.shared().devices.has(&self.shared().vfs, &vnode)? => {
                Object::Device(self.open_device(vnode)?)
            }
            _ => Object::Vnode(vnode),
        };
        self.enter_file(object, access, flags)
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

    fn check_open(&self, vnode: &Arc<Vnode>, flags: OpenFlags, mode: AccessMode) -> KResult<()> {
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
        if !self.shared().devices.has(&self.shared().vfs, vnode)? {
            check_driver(vnode)?;
        }
        if truncates && vnode.file_type() == FileType::Regular {
            self.set_size(vnode, 0)?;
        }
        Ok(())
    }

    /// Closes a descriptor. Calls that block on it answer EBADF. The last one of a socket that lingers (`SO_LINGER`) waits as
    /// long as that says until the other side has got everything, unless it is non-blocking. Errors: EBADF.
    pub fn close(&self, fd: Fd) -> KResult<()> {
        let taken = self.descriptors().write().take(fd)?;
        self.linger(&taken.file);
        self.close_file(taken.file);
        Ok(())
    }

    /// Duplicates to the lowest free number. Errors: EBADF, EMFILE.
    pub fn dup(&self, fd: Fd) -> KResult<Fd> {
        let mut table = self.descriptors().write();
        let file = table.find(fd)?.file.clone();
        table.insert(0, Descriptor { file, cloexec: false })
    }

    /// Duplicates to `to`, closing what is there. Errors: EBADF (`fd`, or `to` too large).
    pub fn dup2(&self, fd: Fd, to: Fd) -> KResult<Fd> {
        let mut table = self.descriptors().write();
        let file = table.find(fd)?.file.clone();
        if to.0 >= table.limit() {
            return Err(Errno::EBADF.into());
        }
        if fd == to {
            return Ok(to);
        }
        let before = table.put(to, Descriptor { file, cloexec: false });
        drop(table);
        if let Some(before) = before {
            self.close_file(before.file);
        }
        Ok(to)
    }

    fn duplicate(&self, fd: Fd, least: u32, cloexec: bool) -> KResult<Fd> {
        let mut table = self.descriptors().write();
        let file = table.find(fd)?.file.clone();
        if least >= table.limit() {
            return Err(Errno::EINVAL.into());
        }
        table.insert(least, Descriptor { file, cloexec })
    }

    /// Asks for and changes flags. Errors: EBADF, EINVAL (`DupFd` too large), EMFILE.
    pub fn fcntl(&self, fd: Fd, request: Fcntl) -> KResult<u32> {
        Ok(match request {
            Fcntl::DupFd(least) => self.duplicate(fd, least, false)?.0,
            Fcntl::DupFdCloexec(least) => self.duplicate(fd, least, true)?.0,
            Fcntl::GetFd => u32::from(self.descriptors().read().find(fd)?.cloexec),
            Fcntl::SetFd { cloexec } => {
                self.descriptors().write().find_mut(fd)?.cloexec = cloexec;
                0
            }
            Fcntl::GetFl => self.file(fd)?.flags().bits(),
            Fcntl::SetFl(flags) => {
                self.file(fd)?.set_status(flags);
                0
            }
        })
    }
}

fn has_default_acl(dir: &Vnode) -> KResult<bool> {
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
