//! fcntl(2), flock(2).

use super::RemoteProcess;
use super::request::{number_of, request, told};
use crate::connection::malformed;
use rump_abi::netbsd::Layout;
use rump_abi::netbsd::fcntl::*;
use rump_abi::netbsd::numbers::{FCNTL, FLOCK};
use rump_kern::{Fcntl, Fd, LockHeld, LockKind, LockRange};
use rump_kpi::KResult;

fn kind(kind: Option<LockKind>) -> i16 {
    match kind {
        Some(LockKind::Shared) => F_RDLCK,
        Some(LockKind::Exclusive) => F_WRLCK,
        None => F_UNLCK,
    }
}

/// Errors: EINVAL (of what has holes).
fn flock(held: Option<LockKind>, range: LockRange) -> KResult<Flock> {
    let whence = number_of(range.whence)?;
    Ok(Flock { start: range.start, length: range.length, pid: 0, kind: kind(held), whence })
}

impl RemoteProcess {
    /// As [`Process::fcntl`](rump_kern::Process::fcntl).
    pub fn fcntl(&self, fd: Fd, what: Fcntl) -> KResult<u32> {
        let (command, argument) = match what {
            Fcntl::DupFd(least) => (F_DUPFD, least.into()),
            Fcntl::DupFdCloexec(least) => (F_DUPFD_CLOEXEC, least.into()),
            Fcntl::GetFd => (F_GETFD, 0),
            Fcntl::SetFd { cloexec } => (F_SETFD, if cloexec { FD_CLOEXEC } else { 0 }),
            Fcntl::GetFl => (F_GETFL, 0),
            Fcntl::SetFl(flags) => (F_SETFL, flags.bits().into()),
            Fcntl::GetNoSigPipe => (F_GETNOSIGPIPE, 0),
            Fcntl::SetNoSigPipe { no_sigpipe } => (F_SETNOSIGPIPE, no_sigpipe.into()),
        };
        self.number(request(FCNTL).with(fd).with(command).with(argument))
    }

    /// As [`Process::getlk`](rump_kern::Process::getlk).
    pub fn getlk(&self, fd: Fd, kind: LockKind, range: LockRange) -> KResult<Option<LockHeld>> {
        let mut bytes = flock(Some(kind), range)?.to_bytes();
        self.run(request(FCNTL).with(fd).with(F_GETLK).write(&mut bytes))?;
        let held: Flock = told(&bytes)?;
        let kind = match held.kind {
            F_UNLCK => return Ok(None),
            F_RDLCK => LockKind::Shared,
            F_WRLCK => LockKind::Exclusive,
            _ => return Err(malformed()),
        };
        let number = |number: i64| u64::try_from(number).map_err(|_| malformed());
        Ok(Some(LockHeld {
            kind,
            start: number(held.start)?,
            length: number(held.length)?,
            pid: u32::try_from(held.pid).ok(),
        }))
    }

    /// As [`Process::setlk`](rump_kern::Process::setlk).
    pub fn setlk(&self, fd: Fd, kind: Option<LockKind>, range: LockRange) -> KResult<()> {
        let bytes = flock(kind, range)?.to_bytes();
        self.run(request(FCNTL).with(fd).with(F_SETLK).read(&bytes))
    }

    /// As [`Process::setlkw`](rump_kern::Process::setlkw).
    pub fn setlkw(&self, fd: Fd, kind: Option<LockKind>, range: LockRange) -> KResult<()> {
        let bytes = flock(kind, range)?.to_bytes();
        self.run(request(FCNTL).with(fd).with(F_SETLKW).read(&bytes))
    }

    /// As [`Process::flock`](rump_kern::Process::flock).
    pub fn flock(&self, fd: Fd, kind: Option<LockKind>) -> KResult<()> {
        self.run(request(FLOCK).with(fd).with(how(kind)))
    }

    /// As [`Process::try_flock`](rump_kern::Process::try_flock).
    pub fn try_flock(&self, fd: Fd, kind: Option<LockKind>) -> KResult<()> {
        self.run(request(FLOCK).with(fd).with(how(kind) | LOCK_NB))
    }
}

fn how(kind: Option<LockKind>) -> u64 {
    match kind {
        Some(LockKind::Shared) => LOCK_SH,
        Some(LockKind::Exclusive) => LOCK_EX,
        None => LOCK_UN,
    }
}
