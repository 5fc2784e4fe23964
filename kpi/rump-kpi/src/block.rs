//! Block devices, and the tables that divide them.

use crate::{Errno, KResult};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Bytes at offsets. Every layer of a stack is one: host file, partition, middleware.
///
/// Offsets and lengths are in bytes and need no alignment. Concurrent calls are allowed.
pub trait BlockDevice: Send + Sync {
    /// Length in bytes.
    fn size_bytes(&self) -> u64;
    /// Whether every write is refused.
    fn is_read_only(&self) -> bool;
    /// Fills `buf` from `offset`. Errors: EINVAL (range beyond the end), EIO.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()>;
    /// Writes `buf` at `offset`. Errors: EROFS, EINVAL (range beyond the end), ENOSPC, EIO.
    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()>;
    /// Returns once all earlier writes are durable. Errors: EIO.
    fn flush(&self) -> KResult<()>;
    /// Makes it `size_bytes` long, where it is shorter; what is new reads as zeros. Errors: ENOTSUP (its length is
    /// fixed), EROFS, ENOSPC, EFBIG, EIO.
    fn grow(&self, _size_bytes: u64) -> KResult<()> {
        Err(Errno::ENOTSUP.into())
    }
}

/// One part of a divided disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Number as users know it: from 1 for MBR (logical ones from 5) and GPT, `a` = 1 for a disklabel.
    pub number: u32,
    /// First byte on the device.
    pub start_bytes: u64,
    /// Length in bytes. The range lies within the device.
    pub size_bytes: u64,
    /// What the table says it holds, e.g. `0x83 Linux` or a GPT type GUID with its name if known.
    pub kind: String,
    /// Name in the table; empty where there is none.
    pub label: String,
}

/// A partition table that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionTable {
    /// Name of the scheme, e.g. `gpt`.
    pub scheme: &'static str,
    /// The partitions, by number.
    pub partitions: Vec<Partition>,
    /// What is odd but was survived, e.g. a damaged primary header when the backup was used.
    pub warnings: Vec<String>,
}

/// A way of dividing a disk.
pub trait PartitionScheme: Send + Sync {
    /// `mbr`, `gpt`, `disklabel`.
    fn name(&self) -> &'static str;
    /// Reads the table, `None` if this is not one of this scheme. Errors: EIO, EFTYPE (damaged beyond use).
    fn probe(&self, device: &Arc<dyn BlockDevice>) -> KResult<Option<PartitionTable>>;
}
