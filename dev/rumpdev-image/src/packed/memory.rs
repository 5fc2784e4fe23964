//! What is unpacked, or made, in memory.

use crate::check_range;
use alloc::vec::Vec;
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, Errno, KResult};

/// Bytes that grow up to a limit. The lock is a leaf.
pub struct Memory {
    bytes: Mutex<Vec<u8>>,
    most: usize,
}

impl Memory {
    pub fn new(bytes: Vec<u8>, most: usize) -> Self {
        Self { bytes: Mutex::new(bytes), most }
    }
}

impl BlockDevice for Memory {
    fn size_bytes(&self) -> u64 {
        self.bytes.lock().len() as u64
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self, offset, buf.len())?;
        buf.copy_from_slice(&self.bytes.lock()[offset as usize..][..buf.len()]);
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        check_range(self, offset, buf.len())?;
        self.bytes.lock()[offset as usize..][..buf.len()].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }

    fn grow(&self, size_bytes: u64) -> KResult<()> {
        if size_bytes > self.most as u64 {
            return Err(Errno::ENOSPC.into());
        }
        let mut bytes = self.bytes.lock();
        let len = bytes.len().max(size_bytes as usize);
        bytes.resize(len, 0);
        Ok(())
    }
}
