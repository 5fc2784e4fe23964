//! A device in memory.

use crate::check_range;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::sync::RwLock;
use rump_kpi::{BlockDevice, Errno, KResult};

/// Bytes in memory as a block device.
pub struct MemDevice {
    bytes: RwLock<Vec<u8>>,
}

impl MemDevice {
    /// A device that holds `bytes`.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(bytes: Vec<u8>) -> Arc<dyn BlockDevice> {
        Arc::new(Self { bytes: RwLock::new(bytes) })
    }
}

impl BlockDevice for MemDevice {
    fn size_bytes(&self) -> u64 {
        self.bytes.read().len() as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let bytes = self.bytes.read();
        check_range(bytes.len() as u64, offset, buf.len())?;
        buf.copy_from_slice(&bytes[offset as usize..][..buf.len()]);
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        let mut bytes = self.bytes.write();
        check_range(bytes.len() as u64, offset, buf.len())?;
        bytes[offset as usize..][..buf.len()].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }

    fn grow(&self, size_bytes: u64) -> KResult<()> {
        let mut bytes = self.bytes.write();
        let size = usize::try_from(size_bytes).map_err(|_| Errno::EFBIG)?;
        if size > bytes.len() {
            bytes.resize(size, 0);
        }
        Ok(())
    }
}
