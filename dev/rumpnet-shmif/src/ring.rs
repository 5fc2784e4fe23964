//! A ring of bytes in shared memory: what reaches beyond its end goes on at its start.

use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_hyper::{HostResult, SharedMemory};

/// Bytes `start..start + size` of a memory that has them.
pub struct Ring {
    pub memory: Arc<dyn SharedMemory>,
    pub start: u64,
    pub size: u64,
}

impl Ring {
    /// Where a position is in memory, and how many of `length` bytes are there before the end.
    fn split(&self, position: u64, length: usize) -> (u64, usize) {
        let at = position % self.size;
        let before_end = usize::try_from(self.size - at).unwrap_or(usize::MAX);
        (self.start + at, length.min(before_end))
    }

    /// Copies bytes out; not more than the ring has. Errors: those of the memory.
    pub fn read(&self, position: u64, buf: &mut [u8]) -> HostResult<()> {
        let (at, count) = self.split(position, buf.len());
        let (first, second) = buf.split_at_mut(count);
        self.memory.read(at, first)?;
        if second.is_empty() { Ok(()) } else { self.memory.read(self.start, second) }
    }

    /// The same, into bytes of their own.
    pub fn take(&self, position: u64, length: usize) -> HostResult<Vec<u8>> {
        let (at, count) = self.split(position, length);
        let mut bytes = Vec::with_capacity(length);
        self.memory.append_to(&mut bytes, at, count)?;
        if count < length {
            self.memory.append_to(&mut bytes, self.start, length - count)?;
        }
        Ok(bytes)
    }

    /// Copies bytes in; not more than the ring has. Errors: those of the memory.
    pub fn write(&self, position: u64, bytes: &[u8]) -> HostResult<()> {
        let (at, count) = self.split(position, bytes.len());
        let (first, second) = bytes.split_at(count);
        self.memory.write(at, first)?;
        if second.is_empty() { Ok(()) } else { self.memory.write(self.start, second) }
    }
}
