//! Reserving and freeing space: fallocate(2) of Linux, posix_fallocate(3), fdiscard(2), posix_fadvise(2).

use crate::descriptors::Object;
use crate::{Fd, Process};
use rump_abi::{AllocateFlags, Errno, FileType};
use rump_kpi::{Allocation, KResult};
use rump_vfs::Vnode;

impl Process {
    /// Reserves or frees the space of a part of a file. Without flags, reading and writing there does not run out
    /// of space afterwards, and the file is at least as long as the part reaches.
    ///
    /// Errors: EINVAL (an empty part), ENOTSUP (PUNCH_HOLE without KEEP_SIZE, or with ZERO_RANGE), EBADF (not open, or
    /// not for writing), ESPIPE (a pipe or fifo), ENODEV (no regular file), EPERM (flags), EFBIG,
    /// those of the driver: ENOTSUP, ENOSPC, EIO.
    pub fn fallocate(&self, fd: Fd, flags: AllocateFlags, offset: u64, length: u64) -> KResult<()> {
        let how = check_allocation(flags, length)?;
        let file = self.writable(fd)?;
        if let Object::Pipe(_) = file.object {
            return Err(Errno::ESPIPE.into());
        }
        let vnode = file.vnode_or(Errno::ENODEV)?;
        self.allocate(vnode, how, offset, length)?;
        self.after_write(&file, vnode, 1)
    }

    /// Errors: ENODEV, EPERM, EFBIG, those of the driver.
    pub(crate) fn allocate(&self, vnode: &Vnode, how: Allocation, offset: u64, length: u64) -> KResult<()> {
        if vnode.file_type() != FileType::Regular || vnode.is_etfs() {
            return Err(Errno::ENODEV.into());
        }
        let flags = vnode.flags()?;
        let only_adds = matches!(how, Allocation::Extend | Allocation::Reserve);
        if flags.is_immutable() || flags.is_append_only() && !only_adds {
            return Err(Errno::EPERM.into());
        }
        let end = offset.checked_add(length).filter(|&end| end <= i64::MAX as u64).ok_or(Errno::EFBIG)?;
        if matches!(how, Allocation::Extend | Allocation::Zero) {
            self.check_size_limit(vnode, end)?;
        }
        vnode.node()?.allocate(offset, length, how)
    }

    /// Makes a hole of a part of a file (fdiscard(2)). Errors: as [`Process::fallocate`].
    pub fn fdiscard(&self, fd: Fd, offset: u64, length: u64) -> KResult<()> {
        self.fallocate(fd, AllocateFlags::PUNCH_HOLE | AllocateFlags::KEEP_SIZE, offset, length)
    }

    /// Says how a part of a file will be used; a length of zero means all that follows. Nothing is made of it: the caches
    /// of file systems look ahead by themselves. Errors: EBADF, ESPIPE (a pipe, fifo or socket), EINVAL (no file).
    pub fn fadvise(&self, fd: Fd, _offset: u64, _length: u64, _advice: Advice) -> KResult<()> {
        match &self.file(fd)?.object {
            Object::Pipe(_) | Object::Socket(_) => Err(Errno::ESPIPE.into()),
            Object::Queue(_) => Err(Errno::EINVAL.into()),
            Object::Vnode(_) | Object::Device(_) => Ok(()),
        }
    }
}

/// How a part of a file will be used (posix_fadvise(2)). `as u32` gives NetBSD's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// As any other.
    Normal,
    /// In no order.
    Random,
    /// From lower offsets to higher ones.
    Sequential,
    /// Soon.
    WillNeed,
    /// Not soon.
    DontNeed,
    /// Once.
    NoReuse,
}

/// Errors: EINVAL (an empty part), ENOTSUP.
pub(crate) fn check_allocation(flags: AllocateFlags, length: u64) -> KResult<Allocation> {
    if length == 0 {
        return Err(Errno::EINVAL.into());
    }
    allocation(flags).ok_or_else(|| Errno::ENOTSUP.into())
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
