//! A disk of bytes for this crate's tests.

use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KResult};

/// Bytes as a read-only device.
pub struct Disk(Vec<u8>);

impl Disk {
    /// A disk that holds `bytes`.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(bytes: Vec<u8>) -> Arc<dyn BlockDevice> {
        Arc::new(Self(bytes))
    }
}

impl BlockDevice for Disk {
    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let from = usize::try_from(offset).ok().and_then(|at| self.0.get(at..)?.get(..buf.len()));
        buf.copy_from_slice(from.ok_or(Errno::EINVAL)?);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}
