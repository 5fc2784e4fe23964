//! fsync(2), sync(2), fdiscard(2), posix_fadvise(2), posix_fallocate(2).

use super::call;
use super::rw::offset;
use crate::{errno, lwp};
use libc::{c_int, off_t};
use rump_abi::{AllocateFlags, Errno, FileType};
use rump_kern::Fcntl;
use rump_kpi::{KError, KResult};

/// Flags of `fsync_range`, with NetBSD's values.
const FDATASYNC: c_int = 0x10;
const FFILESYNC: c_int = 0x20;
const FDISKSYNC: c_int = 0x40;

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fsync(fd: c_int) -> c_int {
    call(|process| process.fsync(super::fd(fd)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fdatasync(fd: c_int) -> c_int {
    call(|process| process.fdatasync(super::fd(fd)?))
}

/// The whole file is as good as the part.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fsync_range(fd: c_int, flags: c_int, start: off_t, length: off_t) -> c_int {
    call(|process| {
        let fd = super::fd(fd)?;
        let access = process.fcntl(fd, Fcntl::GetFl)? & 3;
        if access == 0 {
            return Err(KError::new(Errno::EBADF, "it is open for reading only"));
        }
        end(start, length)?;
        match flags & !FDISKSYNC {
            FDATASYNC => process.fdatasync(fd),
            FFILESYNC => process.fsync(fd),
            _ => Err(Errno::EINVAL.into()),
        }
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_sync() {
    // There is nobody to tell, as at hosts.
    let _ = lwp::process().and_then(|process| process.sync());
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fdiscard(fd: c_int, start: off_t, length: off_t) -> c_int {
    call(|process| {
        end(start, length)?;
        let flags = AllocateFlags::PUNCH_HOLE | AllocateFlags::KEEP_SIZE;
        process.fallocate(super::fd(fd)?, flags, offset(start)?, offset(length)?)
    })
}

/// Answers the error number.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_posix_fallocate(fd: c_int, start: off_t, length: off_t) -> c_int {
    errno::status(lwp::process().and_then(|process| {
        let (start, length) = (offset(start)?, offset(length)?);
        process.fallocate(super::fd(fd)?, AllocateFlags::empty(), start, length)
    }))
}

/// Answers the error number. Advice is taken in good part, and that is all.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_posix_fadvise(fd: c_int, _start: off_t, length: off_t, advice: c_int) -> c_int {
    errno::status(lwp::process().and_then(|process| {
        if process.fstat(super::fd(fd)?)?.file_type == FileType::Fifo {
            return Err(Errno::ESPIPE.into());
        }
        let is_known = (libc::POSIX_FADV_NORMAL..=libc::POSIX_FADV_NOREUSE).contains(&advice);
        if length < 0 || !is_known {
            return Err(Errno::EINVAL.into());
        }
        Ok(())
    }))
}

/// Where a part ends. Errors: EINVAL (negative, or no file is so long).
fn end(start: off_t, length: off_t) -> KResult<off_t> {
    offset(start)?;
    offset(length)?;
    start.checked_add(length).ok_or_else(|| Errno::EINVAL.into())
}
