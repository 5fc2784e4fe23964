//! Closing and duplicating descriptors, and their flags: close(2), dup(2), fcntl(2).

use crate::descriptors::Descriptor;
use crate::{Fd, Process};
use rump_abi::{Errno, OpenFlags};
use rump_kpi::{KError, KResult};

/// Requests of `fcntl`; those for locks, `F_CLOSEM` and `F_MAXFD` are [`Process::setlk`], [`Process::closefrom`] and
/// [`Process::max_fd`].
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
    /// Whether writing to what nobody reads raises no signal: 1 or 0. It is kept for whoever has signals.
    GetNoSigPipe,
    /// Changes that.
    SetNoSigPipe {
        /// No signal.
        no_sigpipe: bool,
    },
}

/// What `dup3` takes.
const DUP3_FLAGS: OpenFlags = OpenFlags::CLOEXEC.union(OpenFlags::NONBLOCK).union(OpenFlags::NOSIGPIPE);

impl Process {
    /// Closes a descriptor. Calls that block on it answer EBADF, and locks of the process on the file go ([`Process::setlk`]).
    /// The last one of a socket that lingers (`SO_LINGER`) waits as long as that says until the other side has got
    /// everything, unless it is non-blocking. Errors: EBADF.
    pub fn close(&self, fd: Fd) -> KResult<()> {
        let taken = self.descriptors().write().take(fd)?;
        self.linger(&taken.file);
        self.close_file(taken.file);
        Ok(())
    }

    /// Closes all descriptors that are open and not below `least` (`F_CLOSEM`, closefrom(3)).
    pub fn closefrom(&self, least: Fd) {
        let Some(last) = self.max_fd() else { return };
        for fd in least.0..=last.0 {
            // Few numbers are in use, and another thread may be closing those.
            let _ = self.close(Fd(fd));
        }
    }

    /// Closes those that are not to be there in a program that is executed (`FD_CLOEXEC`).
    pub(crate) fn close_on_exec(&self) {
        let Some(last) = self.max_fd() else { return };
        for fd in (0..=last.0).map(Fd) {
            // Few numbers are in use, and another thread may be closing those.
            let closes = self.descriptors().read().find(fd).is_ok_and(|descriptor| descriptor.cloexec);
            if closes {
                let _ = self.close(fd);
            }
        }
    }

    /// The largest descriptor that is open (`F_MAXFD`).
    pub fn max_fd(&self) -> Option<Fd> {
        self.descriptors().read().last()
    }

    /// Duplicates to the lowest free number. Errors: EBADF, EMFILE.
    pub fn dup(&self, fd: Fd) -> KResult<Fd> {
        let mut table = self.descriptors().write();
        let file = table.find(fd)?.file.clone();
        table.insert(0, Descriptor { file, cloexec: false })
    }

    /// Duplicates to `to`, closing what is there; nothing happens if both are the same. Errors: EBADF (`fd`, or `to` too
    /// large).
    pub fn dup2(&self, fd: Fd, to: Fd) -> KResult<Fd> {
        self.dup3(fd, to, OpenFlags::empty())
    }

    /// As [`Process::dup2`], and CLOEXEC sets that flag of the new descriptor, NONBLOCK and NOSIGPIPE those of the open
    /// file. Errors: EINVAL (other flags), as [`Process::dup2`].
    pub fn dup3(&self, fd: Fd, to: Fd, flags: OpenFlags) -> KResult<Fd> {
        if !DUP3_FLAGS.contains(flags) {
            return Err(Errno::EINVAL.into());
        }
        let mut table = self.descriptors().write();
        let file = table.find(fd)?.file.clone();
        if to.0 >= table.limit() {
            return Err(Errno::EBADF.into());
        }
        if fd == to {
            return Ok(to);
        }
        if flags.contains(OpenFlags::NONBLOCK) {
            file.set_status(file.status() | OpenFlags::NONBLOCK);
        }
        if flags.contains(OpenFlags::NOSIGPIPE) {
            file.set_no_sigpipe(true);
        }
        let before = table.put(to, Descriptor { file, cloexec: flags.contains(OpenFlags::CLOEXEC) });
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
            return Err(KError::from(Errno::EINVAL));
        }
        table.insert(least, Descriptor { file, cloexec })
    }

    /// Errors: EBADF, EPERM (an append-only file is to be written elsewhere).
    fn set_status(&self, fd: Fd, flags: OpenFlags) -> KResult<()> {
        let file = self.file(fd)?;
        if let Some(vnode) = file.object.vnode().filter(|_| file.access.writes()) {
            if !flags.contains(OpenFlags::APPEND) && vnode.flags()?.is_append_only() {
                return Err(Errno::EPERM.into());
            }
        }
        file.set_status(flags);
        Ok(())
    }

    /// Asks for and changes flags. Errors: EBADF, EINVAL (`DupFd` too large), EMFILE, EPERM (an append-only file without
    /// APPEND).
    pub fn fcntl(&self, fd: Fd, request: Fcntl) -> KResult<u32> {
        match request {
            Fcntl::DupFd(least) => return Ok(self.duplicate(fd, least, false)?.0),
            Fcntl::DupFdCloexec(least) => return Ok(self.duplicate(fd, least, true)?.0),
            Fcntl::GetFd => return Ok(self.descriptors().read().find(fd)?.cloexec.into()),
            Fcntl::GetFl => return Ok(self.file(fd)?.flags().bits()),
            Fcntl::GetNoSigPipe => return Ok(self.file(fd)?.no_sigpipe().into()),
            Fcntl::SetFd { cloexec } => self.descriptors().write().find_mut(fd)?.cloexec = cloexec,
            Fcntl::SetFl(flags) => self.set_status(fd, flags)?,
            Fcntl::SetNoSigPipe { no_sigpipe } => self.file(fd)?.set_no_sigpipe(no_sigpipe),
        }
        Ok(0)
    }
}
