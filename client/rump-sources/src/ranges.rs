//! What is read in ranges and never written.

use rump_kpi::KResult;

/// Bytes behind a server. Calls are slow, and may be concurrent.
pub trait Ranges: Send + Sync {
    /// Length in bytes.
    fn size_bytes(&self) -> u64;
    /// Fills `buf` from `offset`; the range lies within the length. Errors: EIO.
    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()>;
}
