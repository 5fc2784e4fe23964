//! getfh(2), fhopen(2), fhstat(2), fhstatvfs(2): a handle is some bytes that a client keeps.

use super::call::{Answer, Call, answer};
use super::stat::Buffer;
use super::statvfs::structure;
use rump_abi::{Errno, OpenFlags};
use rump_kern::FileHandle;
use rump_kpi::KResult;

/// Where there is too little room, it says how much it takes.
pub(super) fn getfh(call: &mut Call<'_>) -> Answer {
    let (path, room) = (call.path(0)?, call.read::<u64>(2)?);
    let handle = call.process.getfh(path)?.to_bytes();
    call.put(2, &(handle.len() as u64))?;
    if room < handle.len() as u64 {
        return Err(Errno::E2BIG.into());
    }
    let address = call.slot(1)?;
    answer(call.put_bytes(address, &handle))
}

/// Errors: EINVAL (none is so long), EFAULT.
fn handle(call: &mut Call<'_>) -> KResult<FileHandle> {
    if call.slot(1)? != FileHandle::SIZE as u64 {
        return Err(Errno::EINVAL.into());
    }
    let address = call.slot(0)?;
    FileHandle::from_bytes(&call.bytes(address, FileHandle::SIZE)?)
}

pub(super) fn fhopen(call: &mut Call<'_>) -> Answer {
    let handle = handle(call)?;
    answer(call.process.fhopen(handle, OpenFlags::from_bits_truncate(call.uint(2)?)))
}

pub(super) fn fhstat<T: Buffer>(call: &mut Call<'_>) -> Answer {
    let handle = handle(call)?;
    let stat = call.process.fhstat(handle)?;
    answer(call.put(2, &T::from(&stat)))
}

pub(super) fn fhstatvfs1(call: &mut Call<'_>) -> Answer {
    let handle = handle(call)?;
    let mounted = call.process.fhstatvfs(handle)?;
    answer(call.put(2, &structure(&mounted)))
}
