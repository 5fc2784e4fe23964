//! getfh(2), fhopen(2), fhstat(2), fhstatvfs1(2): files by handles, which are bytes to C.

use super::{call, descriptor, statvfs::check_flags};
use crate::layout::{open_flags, stat, statvfs};
use crate::pointer::{Place, Room, Source, Text};
use libc::{c_int, size_t};
use rump_abi::Errno;
use rump_kern::FileHandle;
use rump_kpi::KResult;

/// Errors: EINVAL (of another length), EFAULT.
fn handle(bytes: &Source, size: size_t) -> KResult<FileHandle> {
    if size != FileHandle::SIZE {
        return Err(Errno::EINVAL.into());
    }
    FileHandle::from_bytes(bytes.bytes(size)?)
}

/// `size` says how much room there is, and then how long a handle is.
#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_getfh(path: Text, mut to: Room, size: Place<size_t>) -> c_int {
    call(|process| {
        let room = size.read()?;
        let handle = process.getfh(path.bytes()?)?;
        size.store(FileHandle::SIZE)?;
        if room < FileHandle::SIZE {
            return Err(Errno::E2BIG.into());
        }
        to.bytes(FileHandle::SIZE)?.copy_from_slice(&handle.to_bytes());
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fhopen(from: Source, size: size_t, flags: c_int) -> c_int {
    call(|process| Ok(descriptor(process.fhopen(handle(&from, size)?, open_flags::from_host(flags)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fhstat(from: Source, size: size_t, buf: Place<libc::stat>) -> c_int {
    call(|process| buf.store(stat::to_host(&process.fhstat(handle(&from, size)?)?)))
}

#[unsafe(no_mangle)]
pub extern "C" fn rump_sys_fhstatvfs1(
    from: Source,
    size: size_t,
    buf: Place<libc::statvfs>,
    flags: c_int,
) -> c_int {
    call(|process| {
        check_flags(flags)?;
        buf.store(statvfs::to_host(&process.fhstatvfs(handle(&from, size)?)?))
    })
}
