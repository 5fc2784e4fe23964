//! An image that takes writes, for as long as one input lasts.

use crate::image::{BLOCK, Image, SIZE_MAX};
use rump_kpi::{BlockDevice, Errno, KResult};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// See the module.
pub struct Overlay {
    size: AtomicU64,
    image: Mutex<Image>,
}

impl Overlay {
    /// Over this image.
    pub fn new(image: Image) -> Self {
        Self { size: image.size().into(), image: Mutex::new(image) }
    }

    /// The image as it is now.
    pub fn image(&self) -> Image {
        self.image.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self, offset: u64, len: usize) -> KResult<()> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.size_bytes() => Ok(()),
            _ => Err(Errno::EINVAL.into()),
        }
    }
}

impl BlockDevice for Overlay {
    fn size_bytes(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn is_read_only(&self) -> bool {
        false
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.check(offset, buf.len())?;
        self.image.lock().unwrap_or_else(PoisonError::into_inner).read(offset, buf);
        Ok(())
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        self.check(offset, buf.len())?;
        if buf.is_empty() {
            return Ok(());
        }
        let mut image = self.image.lock().unwrap_or_else(PoisonError::into_inner);
        for block in offset / BLOCK as u64..=(offset + buf.len() as u64 - 1) / BLOCK as u64 {
            image.block_mut(u32::try_from(block).map_err(|_| Errno::EIO)?);
        }
        image.write(offset, buf);
        Ok(())
    }

    fn grow(&self, size_bytes: u64) -> KResult<()> {
        if size_bytes > SIZE_MAX {
            return Err(Errno::EFBIG.into());
        }
        self.size.fetch_max(size_bytes, Ordering::Relaxed);
        Ok(())
    }

    fn flush(&self) -> KResult<()> {
        Ok(())
    }
}
