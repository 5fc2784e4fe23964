//! Memory that kernels of several processes share.
//!
//! Whoever else has the memory may change any byte of it at any time, by mistake or on purpose: a value that was read is
//! checked after it was read, never before.

use crate::HostResult;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// Files of the host as memory.
pub trait HostMemory: Send + Sync {
    /// Opens a regular file that others may have open, too. One that is missing or empty becomes `size_if_new` zeros;
    /// of another, the length stays. Errors: the host's, EISDIR, EINVAL (not a regular file), EBUSY (somebody has it
    /// for himself), ENOSPC.
    fn shared_memory(&self, path: &[u8], size_if_new: u64) -> HostResult<Arc<dyn SharedMemory>>;
}

/// Memory that others have, too.
///
/// Bytes are copied without any order among them. Words are loaded with acquire order and stored with release order;
/// their offsets are multiples of their length. Offsets of words are chosen by the caller, not read from the memory: one
/// beyond the end panics as an index does.
pub trait SharedMemory: Send + Sync {
    /// Its length in bytes, which does not change.
    fn size_bytes(&self) -> u64;
    /// Copies bytes out of it. Errors: EINVAL (range beyond the end).
    fn read(&self, offset: u64, buf: &mut [u8]) -> HostResult<()>;
    /// Copies `length` bytes out of it to the end of `to`. Errors: EINVAL (range beyond the end), ENOMEM.
    fn append_to(&self, to: &mut Vec<u8>, offset: u64, length: usize) -> HostResult<()>;
    /// Copies bytes into it. Errors: EINVAL (range beyond the end).
    fn write(&self, offset: u64, bytes: &[u8]) -> HostResult<()>;

    /// Loads a word.
    fn load_u32(&self, offset: u64) -> u32;
    /// Stores a word.
    fn store_u32(&self, offset: u64, value: u32);
    /// Stores `new` where `current` is; answers whether it was.
    fn replace_u32(&self, offset: u64, current: u32, new: u32) -> bool;
    /// Loads a long word.
    fn load_u64(&self, offset: u64) -> u64;
    /// Stores a long word.
    fn store_u64(&self, offset: u64, value: u64);

    /// Waits until somebody calls [`wake`](Self::wake) for a word; not at all if another value than `expected` is
    /// there. It may return early.
    fn wait(&self, offset: u64, expected: u32, timeout: Duration);
    /// Wakes all that wait for a word.
    fn wake(&self, offset: u64);

    /// Stores a word in a way that everybody who [watches](Self::watch) the file is told of, foreign programs as well.
    /// Errors: the host's.
    fn notify(&self, offset: u64, value: u32) -> HostResult<()>;
    /// From now on, what is [notified](Self::notify) is kept for whoever has the watch. Errors: the host's.
    fn watch(&self) -> HostResult<Box<dyn Watch>>;

    /// Makes `number` one's own until the claim is dropped or the process is gone, however it ends. Errors: EBUSY
    /// (somebody has it), ENOTSUP (the host has no such thing).
    fn claim(&self, number: u32) -> HostResult<Box<dyn Claim>>;
}

/// Who wants to be told of changes.
pub trait Watch: Send + Sync {
    /// Waits until something was notified since this was last asked, or for `timeout`. It may return early. It is one
    /// thread that waits.
    fn wait(&self, timeout: Duration);
}

/// A number that nobody else has.
pub trait Claim: Send + Sync {}
