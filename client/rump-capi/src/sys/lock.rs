//! flock(2), and the locks of fcntl(2).

use super::{call, fd};
use crate::pointer::Place;
use libc::{c_int, flock, off_t};
use rump_abi::Errno;
use rump_kern::{LockKind, LockRange, Whence};
use rump_kpi::KResult;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_flock(number: c_int, operation: c_int) -> c_int {
    call(|process| {
        let kind = match operation & !libc::LOCK_NB {
            libc::LOCK_SH => Some(LockKind::Shared),
            libc::LOCK_EX => Some(LockKind::Exclusive),
            libc::LOCK_UN => None,
            _ => return Err(Errno::EINVAL.into()),
        };
        let fd = fd(number)?;
        if operation & libc::LOCK_NB != 0 { process.try_flock(fd, kind) } else { process.flock(fd, kind) }
    })
}

/// The fcntl(2) of `variadic.c`, for `F_GETLK`, `F_SETLK` and `F_SETLKW`.
#[unsafe(no_mangle)]
pub extern "C" fn rump_i_fcntl_lock(number: c_int, command: c_int, place: Place<flock>) -> c_int {
    call(|process| {
        let (fd, lock) = (fd(number)?, place.read()?);
        let (kind, range) = (kind(&lock)?, range(&lock)?);
        match command {
            libc::F_SETLK => process.setlk(fd, kind, range),
            libc::F_SETLKW => process.setlkw(fd, kind, range),
            _ => {
                let held = process.getlk(fd, kind.ok_or(Errno::EINVAL)?, range)?;
                let mut answer = lock;
                answer.l_type = libc::F_UNLCK as _;
                if let Some(held) = held {
                    answer.l_type = match held.kind {
                        LockKind::Shared => libc::F_RDLCK as _,
                        LockKind::Exclusive => libc::F_WRLCK as _,
                    };
                    answer.l_whence = libc::SEEK_SET as _;
                    answer.l_start = held.start as off_t;
                    answer.l_len = held.length as off_t;
                    answer.l_pid = held.pid.map_or(-1, |pid| pid as _);
                }
                place.store(answer)
            }
        }
    })
}

/// Errors: EINVAL.
fn kind(lock: &flock) -> KResult<Option<LockKind>> {
    match c_int::from(lock.l_type) {
        libc::F_RDLCK => Ok(Some(LockKind::Shared)),
        libc::F_WRLCK => Ok(Some(LockKind::Exclusive)),
        libc::F_UNLCK => Ok(None),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Errors: EINVAL.
#[allow(clippy::unnecessary_cast, reason = "some hosts have 32 bits")]
fn range(lock: &flock) -> KResult<LockRange> {
    let whence = match c_int::from(lock.l_whence) {
        libc::SEEK_SET => Whence::Set,
        libc::SEEK_CUR => Whence::Cur,
        libc::SEEK_END => Whence::End,
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok(LockRange { whence, start: lock.l_start as i64, length: lock.l_len as i64 })
}
