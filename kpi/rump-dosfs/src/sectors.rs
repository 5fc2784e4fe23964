//! The device of a volume by sectors, and those that are in memory: of tables and of directories.

use crate::{Error, Place};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use rump_kpi::BlockDevice;
use rump_kpi::cache::{Block, BlockCache};

const CACHE_BYTES: usize = 8 << 20;

/// The device by sectors.
pub struct Sectors {
    device: Arc<dyn BlockDevice>,
    cache: BlockCache,
    size: u32,
    volume_bytes: u64,
}

impl Sectors {
    /// Those of `size` bytes on a volume of `volume_bytes`. Nothing is read yet.
    pub fn new(device: Arc<dyn BlockDevice>, size: u32, volume_bytes: u64) -> Self {
        Self { device, cache: BlockCache::new(size, CACHE_BYTES), size, volume_bytes }
    }

    /// The device.
    pub fn device(&self) -> &dyn BlockDevice {
        self.device.as_ref()
    }

    /// The cache.
    pub fn cache(&self) -> &BlockCache {
        &self.cache
    }

    /// Bytes of a sector.
    pub fn size(&self) -> u64 {
        self.size.into()
    }

    /// The sector that a byte is in, and where in it.
    pub fn position(&self, byte: u64) -> (u64, usize) {
        (byte / self.size(), (byte % self.size()) as usize)
    }

    /// Reads from the device. Errors: EFTYPE (beyond the end of it or of the volume), EIO.
    pub fn read_bytes(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.volume_bytes.min(self.device.size_bytes())) {
            return Err(Error::corrupt("volume", Place::Byte(offset), "the device ends before"));
        }
        Ok(self.device.read_at(offset, buf)?)
    }

    /// A sector, read together with others in `window` if it is not in memory. Errors: EFTYPE, EIO.
    pub fn read(&self, sector: u64, window: impl FnOnce() -> Range<u64>) -> Result<Block, Error> {
        if let Some(found) = self.cache.find(sector) {
            return Ok(found);
        }
        let mut window = window();
        loop {
            let epochs: Vec<u64> = window.clone().map(|number| self.cache.epoch(number)).collect();
            let mut bytes = vec![0; epochs.len() * self.size as usize];
            match self.read_bytes(window.start * self.size(), &mut bytes) {
                // A fault elsewhere must not hide the sector that was asked for.
                Err(_) if epochs.len() > 1 => {
                    window = sector..sector + 1;
                    continue;
                }
                result => result?,
            }
            let mut answer = None;
            for ((part, epoch), number) in bytes.chunks_exact(self.size as usize).zip(epochs).zip(window) {
                let kept = self.cache.insert(number, part.into(), epoch);
                if number == sector {
                    answer = kept;
                }
            }
            if let Some(block) = answer.or_else(|| self.cache.find(sector)) {
                return Ok(block);
            }
            // It was changed meanwhile.
            window = sector..sector + 1;
        }
    }
}
