//! What the host opened, as a block device.

use alloc::sync::Arc;
use rump_hyper::{Access, BlockIo, HostError};
use rump_kpi::{BlockDevice, KError, KResult};

/// A host file or device.
pub struct HostDevice {
    io: Arc<dyn BlockIo>,
}

impl HostDevice {
    /// Wraps what [`rump_hyper::HostFs::open`] gave.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(io: Arc<dyn BlockIo>) -> Arc<dyn BlockDevice> {
        Arc::new(Self { io })
    }
}

fn kernel_error(error: HostError) -> KError {
    KError::new(error.errno, error.what)
}

impl BlockDevice for HostDevice {
    fn size_bytes(&self) -> u64 {
        self.io.size_bytes()
    }

    fn is_read_only(&self) -> bool {
        self.io.access() == Access::Read
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.io.read_at(offset, buf).map_err(kernel_error)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.io.write_at(offset, buf).map_err(kernel_error)
    }

    fn flush(&self) -> KResult<()> {
        self.io.flush().map_err(kernel_error)
    }

    fn grow(&self, size_bytes: u64) -> KResult<()> {
        self.io.grow(size_bytes).map_err(kernel_error)
    }
}
