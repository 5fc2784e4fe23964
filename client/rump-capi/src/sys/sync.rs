//! fsync(2), sync(2), fdiscard(2), posix_fadvise(2), posix_fallocate(2).

use super::call;
use super::rw::offset;
use crate::{caller, errno};
use libc::{c_int, off_t};
use rump_abi::{AllocateFlags, Errno, SyncFlags};
use rump_kern::Advice;
use rump_kpi::KResult;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fsync(fd: c_int) -> c_int {
    call(|process| process.fsync(super::fd(fd)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fdatasync(fd: c_int) -> c_int {
    call(|process| process.fdatasync(super::fd(fd)?))
}

/// Flags have NetBSD's values.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fsync_range(fd: c_int, flags: c_int, start: off_t, length: off_t) -> c_int {
    call(|process| {
        let flags = SyncFlags::from_bits(flags as u32).ok_or(Errno::EINVAL)?;
        process.fsync_range(super::fd(fd)?, flags, offset(start)?, offset(length)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sync() {
    // There is nobody to tell, as at hosts.
    let _ = caller::process().and_then(|process| process.sync());
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fdiscard(fd: c_int, start: off_t, length: off_t) -> c_int {
    call(|process| process.fdiscard(super::fd(fd)?, offset(start)?, offset(length)?))
}

/// Answers the error number.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_posix_fallocate(fd: c_int, start: off_t, length: off_t) -> c_int {
    errno::status(caller::process().and_then(|process| {
        let (start, length) = (offset(start)?, offset(length)?);
        process.fallocate(super::fd(fd)?, AllocateFlags::empty(), start, length)
    }))
}

/// Answers the error number.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_posix_fadvise(fd: c_int, start: off_t, length: off_t, advice: c_int) -> c_int {
    errno::status(caller::process().and_then(|process| {
        process.fadvise(super::fd(fd)?, offset(start)?, offset(length)?, advice_of(advice)?)
    }))
}

/// Errors: EINVAL.
fn advice_of(advice: c_int) -> KResult<Advice> {
    Ok(match advice {
        libc::POSIX_FADV_NORMAL => Advice::Normal,
        libc::POSIX_FADV_RANDOM => Advice::Random,
        libc::POSIX_FADV_SEQUENTIAL => Advice::Sequential,
        libc::POSIX_FADV_WILLNEED => Advice::WillNeed,
        libc::POSIX_FADV_DONTNEED => Advice::DontNeed,
        libc::POSIX_FADV_NOREUSE => Advice::NoReuse,
        _ => return Err(Errno::EINVAL.into()),
    })
}
