//! fcntl(2), flock(2).

use super::call::{Answer, Call, answer};
use super::rw::whence;
use rump_abi::netbsd::fcntl::*;
use rump_abi::{Errno, OpenFlags};
use rump_kern::{Fcntl, Fd, LockKind, LockRange};
use rump_kpi::KResult;

pub(super) fn fcntl(call: &mut Call<'_>) -> Answer {
    let (fd, command) = (call.fd(0)?, call.int(1)?);
    let request = match command {
        F_DUPFD => Fcntl::DupFd(least(call)?),
        F_DUPFD_CLOEXEC => Fcntl::DupFdCloexec(least(call)?),
        F_GETFD => Fcntl::GetFd,
        F_SETFD => Fcntl::SetFd { cloexec: call.slot(2)? & FD_CLOEXEC != 0 },
        F_GETFL => Fcntl::GetFl,
        F_SETFL => Fcntl::SetFl(OpenFlags::from_bits_truncate(call.uint(2)?)),
        F_GETNOSIGPIPE => Fcntl::GetNoSigPipe,
        F_SETNOSIGPIPE => Fcntl::SetNoSigPipe { no_sigpipe: call.int(2)? != 0 },
        F_GETLK | F_SETLK | F_SETLKW => return lock(call, fd, command),
        F_CLOSEM => {
            call.process.closefrom(fd);
            return answer(Ok(()));
        }
        F_MAXFD => return Ok([call.process.max_fd().map_or(-1, |fd| fd.0.into()), 0]),
        _ => return Err(Errno::EINVAL.into()),
    };
    answer(call.process.fcntl(fd, request))
}

/// Errors: EINVAL (negative).
fn least(call: &Call<'_>) -> KResult<u32> {
    u32::try_from(call.int(2)?).map_err(|_| Errno::EINVAL.into())
}

/// Errors: EINVAL.
fn kind(number: i16) -> KResult<Option<LockKind>> {
    match number {
        F_RDLCK => Ok(Some(LockKind::Shared)),
        F_WRLCK => Ok(Some(LockKind::Exclusive)),
        F_UNLCK => Ok(None),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn lock(call: &mut Call<'_>, fd: Fd, command: i32) -> Answer {
    let asked: Flock = call.read(2)?;
    let kind = kind(asked.kind)?;
    let range = LockRange { whence: whence(asked.whence.into())?, start: asked.start, length: asked.length };
    match command {
        F_SETLK => answer(call.process.setlk(fd, kind, range)),
        F_SETLKW => answer(call.process.setlkw(fd, kind, range)),
        _ => {
            let held = call.process.getlk(fd, kind.ok_or(Errno::EINVAL)?, range)?;
            let told = held.map_or(Flock { kind: F_UNLCK, ..asked }, |held| Flock {
                start: held.start as i64,
                length: held.length as i64,
                pid: held.pid.map_or(-1, |pid| pid as i32),
                kind: if held.kind == LockKind::Shared { F_RDLCK } else { F_WRLCK },
                whence: 0,
            });
            answer(call.put(2, &told))
        }
    }
}

pub(super) fn flock(call: &mut Call<'_>) -> Answer {
    let (fd, how) = (call.fd(0)?, u64::from(call.uint(1)?));
    let kind = match how & !LOCK_NB {
        LOCK_SH => Some(LockKind::Shared),
        LOCK_EX => Some(LockKind::Exclusive),
        LOCK_UN => None,
        _ => return Err(Errno::EINVAL.into()),
    };
    answer(match how & LOCK_NB {
        0 => call.process.flock(fd, kind),
        _ => call.process.try_flock(fd, kind),
    })
}
