//! A range of a device as a device of its own: a partition, or a file system at an offset.

use crate::check_range;
use alloc::format;
use alloc::sync::Arc;
use rump_kpi::{BlockDevice, Errno, KError, KResult};

/// Bytes `start..start + size` of another device.
pub struct Slice {
    device: Arc<dyn BlockDevice>,
    start: u64,
    size: u64,
}

impl Slice {
    /// Errors: EINVAL (the range reaches beyond the device).
    #[allow(clippy::new_ret_no_self)]
    pub fn new(device: Arc<dyn BlockDevice>, start: u64, size: u64) -> KResult<Arc<dyn BlockDevice>> {
        let whole = device.size_bytes();
        if start.checked_add(size).is_none_or(|end| end > whole) {
            return Err(KError::new(
                Errno::EINVAL,
                format!("{size} bytes from offset {start} reach beyond the device of {whole} bytes"),
            ));
        }
        Ok(Arc::new(Self { device, start, size }))
    }
}

impl BlockDevice for Slice {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        self.device.is_read_only()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self.size, offset, buf.len())?;
        self.device.read_at(self.start + offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        check_range(self.size, offset, buf.len())?;
        self.device.write_at(self.start + offset, buf)
    }

    fn flush(&self) -> KResult<()> {
        self.device.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemDevice;

    #[test]
    fn a_slice_shows_its_range_and_nothing_else() {
        let slice = Slice::new(MemDevice::new((0..16).collect()), 4, 8).unwrap();
        let mut buf = [0; 8];
        slice.read_at(0, &mut buf).unwrap();
        assert_eq!(buf, [4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(slice.read_at(1, &mut buf).unwrap_err().errno, Errno::EINVAL);
        assert_eq!(slice.read_at(u64::MAX, &mut buf).unwrap_err().errno, Errno::EINVAL);
    }

    #[test]
    fn a_range_beyond_the_device_is_refused() {
        for (start, size) in [(0, 17), (16, 1), (u64::MAX, 2)] {
            assert!(Slice::new(MemDevice::new(alloc::vec![0; 16]), start, size).is_err());
        }
    }
}
