//! read(2), write(2), lseek(2) and their like, truncate(2).

use super::call;
use crate::pointer::{Room, Source, Text, Vectors};
use libc::{c_int, off_t, size_t, ssize_t};
use rump_abi::Errno;
use rump_kern::Whence;
use rump_kpi::KResult;

/// Errors: EINVAL (negative).
#[allow(clippy::unnecessary_cast, reason = "some hosts have 32 bits")]
pub(super) fn offset(offset: off_t) -> KResult<u64> {
    u64::try_from(offset as i64).map_err(|_| Errno::EINVAL.into())
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_read(fd: c_int, mut buf: Room, length: size_t) -> ssize_t {
    call(|process| process.read(super::fd(fd)?, buf.bytes(length)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_readv(fd: c_int, mut vectors: Vectors, count: c_int) -> ssize_t {
    call(|process| process.readv(super::fd(fd)?, &mut vectors.rooms(count)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pread(fd: c_int, mut buf: Room, length: size_t, at: off_t) -> ssize_t {
    call(|process| process.pread(super::fd(fd)?, buf.bytes(length)?, offset(at)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_preadv(fd: c_int, mut vectors: Vectors, count: c_int, at: off_t) -> ssize_t {
    call(|process| process.preadv(super::fd(fd)?, &mut vectors.rooms(count)?, offset(at)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_write(fd: c_int, buf: Source, length: size_t) -> ssize_t {
    call(|process| process.write(super::fd(fd)?, buf.bytes(length)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_writev(fd: c_int, vectors: Vectors, count: c_int) -> ssize_t {
    call(|process| process.writev(super::fd(fd)?, &vectors.sources(count)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pwrite(fd: c_int, buf: Source, length: size_t, at: off_t) -> ssize_t {
    call(|process| process.pwrite(super::fd(fd)?, buf.bytes(length)?, offset(at)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_pwritev(fd: c_int, vectors: Vectors, count: c_int, at: off_t) -> ssize_t {
    call(|process| process.pwritev(super::fd(fd)?, &vectors.sources(count)?, offset(at)?))
}

#[unsafe(no_mangle)]
#[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "some hosts have 32 bits")]
pub extern "C" fn rump_sys_lseek(fd: c_int, offset: off_t, whence: c_int) -> off_t {
    call(|process| {
        let at = process.lseek(super::fd(fd)?, offset as i64, whence_of(whence)?)?;
        // Cursors of directories have all bits.
        Ok(at as off_t)
    })
}

fn whence_of(whence: c_int) -> KResult<Whence> {
    match whence {
        libc::SEEK_SET => Ok(Whence::Set),
        libc::SEEK_CUR => Ok(Whence::Cur),
        libc::SEEK_END => Ok(Whence::End),
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "macos"))]
        libc::SEEK_DATA => Ok(Whence::Data),
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "macos"))]
        libc::SEEK_HOLE => Ok(Whence::Hole),
        _ => Err(Errno::EINVAL.into()),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_truncate(path: Text, size: off_t) -> c_int {
    call(|process| process.truncate(path.bytes()?, offset(size)?))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_ftruncate(fd: c_int, size: off_t) -> c_int {
    call(|process| process.ftruncate(super::fd(fd)?, offset(size)?))
}
