//! Files and devices of a host of callbacks.

use super::adapter::c_string;
use super::callbacks::{Pointer, RumpHost};
use super::{Missing, check};
use rump_abi::Errno;
use rump_hyper::{Access, BlockIo, HostError, HostResult};
use std::ffi::c_int;
use std::ptr;

/// An opened one, which is closed when it is dropped.
pub(super) struct HostFile {
    table: RumpHost,
    file: Pointer,
    name: String,
    size: u64,
    access: Access,
}

impl HostFile {
    /// Errors: ENOSYS (the host has none), those of the host, EROFS (it cannot be written).
    pub(super) fn open(table: &RumpHost, path: &[u8], access: Access) -> HostResult<Self> {
        let open = table.block_open.ok_or(Missing("files"))?;
        if access == Access::ReadWrite && table.block_write.is_none() {
            return Err(Errno::EROFS.into());
        }
        let c_path = c_string(path)?;
        let name = String::from_utf8_lossy(path).into_owned();
        let (mut file, mut size) = (ptr::null_mut(), 0);
        let is_writing = c_int::from(access == Access::ReadWrite);
        // SAFETY: the path ends with a zero; the places are those of this call.
        let answer = unsafe { open(table.arg.0, c_path.as_ptr(), is_writing, &raw mut file, &raw mut size) };
        check(answer, || name.clone())?;
        Ok(Self { table: *table, file: Pointer(file), name, size, access })
    }

    fn check_range(&self, offset: u64, length: usize) -> HostResult<()> {
        match offset.checked_add(length as u64) {
            Some(end) if end <= self.size => Ok(()),
            _ => Err(HostError { errno: Errno::EINVAL, what: format!("{}: beyond its end", self.name) }),
        }
    }
}

impl BlockIo for HostFile {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn access(&self) -> Access {
        self.access
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> HostResult<()> {
        self.check_range(offset, buf.len())?;
        let read = self.table.block_read.ok_or(Missing("files"))?;
        // SAFETY: the file is one that the host opened, the buffer is so long.
        let answer =
            unsafe { read(self.table.arg.0, self.file.0, offset, buf.as_mut_ptr().cast(), buf.len()) };
        check(answer, || format!("{}: read", self.name))
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> HostResult<()> {
        if self.access == Access::Read {
            return Err(Errno::EROFS.into());
        }
        self.check_range(offset, buf.len())?;
        let write = self.table.block_write.ok_or(Missing("files that can be written"))?;
        // SAFETY: as above.
        let answer = unsafe { write(self.table.arg.0, self.file.0, offset, buf.as_ptr().cast(), buf.len()) };
        check(answer, || format!("{}: write", self.name))
    }

    fn flush(&self) -> HostResult<()> {
        let Some(flush) = self.table.block_flush else { return Ok(()) };
        // SAFETY: the file is one that the host opened.
        check(unsafe { flush(self.table.arg.0, self.file.0) }, || format!("{}: flush", self.name))
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        if let Some(close) = self.table.block_close {
            // SAFETY: the file is one that the host opened, and nobody has it any more.
            unsafe { close(self.table.arg.0, self.file.0) };
        }
    }
}
