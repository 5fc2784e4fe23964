//! Reserving and freeing space: fallocate(2) of Linux, posix_fallocate(3).

use crate::descriptors::Object;
use crate::{Fd, Process};
use rump_abi::{AllocateFlags, Errno, FileType};
use rump_kpi::{Allocation, KResult};

impl Process {
    /// Reserves or frees the space of a part of a file. Without flags, reading and writing there does not run out
    /// of space afterwards, and the file is at least as long as the part reaches.
    ///
    /// Errors: EINVAL (an empty part), ENOTSUP (PUNCH_HOLE without KEEP_SIZE, or with ZERO_RANGE), EBADF (not open, or
    /// not for writing), ESPIPE (a pipe or fifo), ENODEV (no regular file), EFBIG, those of the driver: ENOTSUP, ENOSPC, EIO.
    pub fn fallocate(&self, fd: Fd, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()> {
        if length == 0 {
            return Err(Errno::EINVAL.into());
        }
        let how = allocation(flags).ok_or(Errno::ENOTSUP)?;
        let file = self.writable(fd)?;
        if let Object::Pipe(_) = file.object {
            return Err(Errno::ESPIPE.into());
        }
        let vnode = file.vnode_or(Errno::ENODEV)?;
        if vnode.file_type() != FileType::Regular || vnode.is_etfs() {
            return Err(Errno::ENODEV.into());
        }
        let end = offset.checked_add(length).filter(|&end| end <= i64::MAX as u64).ok_or(Errno::EFBIG)?;
        if matches!(how, Allocation::Extend | Allocation::Zero) {
            self.check_size_limit(vnode, end)?;
        }
        vnode.node()?.allocate(offset, length, how)?;
        self.after_write(&file, vnode, 1)
    }
}

fn allocation(flags: AllocateFlags) -> Option<Allocation> {
    let keeps = flags.contains(AllocateFlags::KEEP_SIZE);
    let (punches, zeroes) =
        (flags.contains(AllocateFlags::PUNCH_HOLE), flags.contains(AllocateFlags::ZERO_RANGE));
    match (punches, zeroes, keeps) {
        (false, false, false) => Some(Allocation::Extend),
        (false, false, true) => Some(Allocation::Reserve),
        (false, true, false) => Some(Allocation::Zero),
        (false, true, true) => Some(Allocation::ZeroKeepSize),
        (true, false, true) => Some(Allocation::PunchHole),
        (true, _, _) => None,
    }
}
