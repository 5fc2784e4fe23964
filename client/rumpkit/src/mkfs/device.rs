//! Devices for makers: one that forgets, and one on which nothing is durable before the end.

use rump_kpi::{BlockDevice, KResult};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A device that reads zeros whatever is written.
pub struct Forgetful {
    /// Its length.
    pub size: u64,
}

impl BlockDevice for Forgetful {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, _offset: u64, buf: &mut [u8]) -> KResult<()> {
        buf.fill(0);
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// A device on which nothing has to be durable before [`Unflushed::finish`]: for an image that is worth nothing until
/// it is complete. Who writes much brings that to the disk all the same, so that not all is left to the end: with
/// threads of the kernel's that is beside those who fill the image.
pub struct Unflushed {
    device: Arc<dyn BlockDevice>,
    /// Bytes that were written since.
    unflushed: AtomicUsize,
}

/// What is worth a flush.
const MUCH: usize = 32 << 20;

impl Unflushed {
    /// Wraps `device`.
    pub fn new(device: Arc<dyn BlockDevice>) -> Arc<Self> {
        Arc::new(Self { device, unflushed: AtomicUsize::new(0) })
    }

    /// Makes everything durable. Errors: EIO.
    pub fn finish(&self) -> KResult<()> {
        self.device.flush()
    }
}

impl BlockDevice for Unflushed {
    fn size_bytes(&self) -> u64 {
        self.device.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.device.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.device.write_at(offset, buf)?;
        let before = self.unflushed.fetch_add(buf.len(), Ordering::Relaxed);
        if before + buf.len() < MUCH {
            return Ok(());
        }
        self.unflushed.store(0, Ordering::Relaxed);
        self.device.flush()
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}
