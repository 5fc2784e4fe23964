//! Several devices as one, and a part of one.

use crate::bytes::read_padded;
use crate::check_range;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, Errno, KResult};

/// Devices behind one another, for reading.
pub struct Joined {
    /// Where each begins, and it.
    parts: Vec<(u64, Arc<dyn BlockDevice>)>,
    size: u64,
}

impl Joined {
    /// Errors: EFBIG (longer than can be counted).
    pub fn new(devices: Vec<Arc<dyn BlockDevice>>) -> KResult<Self> {
        let mut size = 0_u64;
        let mut parts = Vec::with_capacity(devices.len());
        for device in devices.into_iter().filter(|device| device.size_bytes() > 0) {
            let end = size.checked_add(device.size_bytes()).ok_or(Errno::EFBIG)?;
            parts.push((size, device));
            size = end;
        }
        Ok(Self { parts, size })
    }
}

impl BlockDevice for Joined {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self, offset, buf.len())?;
        let mut index = self.parts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let (mut at, mut rest) = (offset, buf);
        while !rest.is_empty() {
            let (start, part) = &self.parts[index];
            let here = (start + part.size_bytes() - at).min(rest.len() as u64) as usize;
            let (now, later) = rest.split_at_mut(here);
            part.read_at(at - start, now)?;
            (at, rest, index) = (at + here as u64, later, index + 1);
        }
        Ok(())
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}

/// Bytes `start..start + size` of a device, for reading; zeros where that has ended, or where there is none.
pub struct Part {
    pub device: Option<Arc<dyn BlockDevice>>,
    pub start: u64,
    pub size: u64,
}

impl BlockDevice for Part {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        check_range(self, offset, buf.len())?;
        match &self.device {
            Some(device) => read_padded(&**device, self.start.saturating_add(offset), buf),
            None => {
                buf.fill(0);
                Ok(())
            }
        }
    }

    fn write_at(&self, _offset: u64, _buf: &[u8]) -> KResult<()> {
        Err(Errno::EROFS.into())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}
