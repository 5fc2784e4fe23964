//! Writes that meet are joined: the plan goes through the volume in small pieces, the device sees large ones.

use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, KResult};

/// Bytes of one write.
const PIECE: usize = 1 << 20;

/// A device and what is not yet written to it.
pub struct Output<'a> {
    device: &'a dyn BlockDevice,
    /// Where `pending` belongs.
    start: u64,
    pending: Vec<u8>,
    zeros: Vec<u8>,
}

impl<'a> Output<'a> {
    /// Nothing is pending.
    pub fn new(device: &'a dyn BlockDevice) -> Self {
        Self { device, start: 0, pending: Vec::new(), zeros: Vec::new() }
    }

    /// Writes `bytes` at `offset`, now or later. Errors: EIO.
    pub fn put(&mut self, offset: u64, bytes: &[u8]) -> KResult<()> {
        let end = self.start + self.pending.len() as u64;
        if offset != end || self.pending.len() + bytes.len() > PIECE {
            self.write()?;
            self.start = offset;
        }
        if self.pending.is_empty() && bytes.len() >= PIECE {
            self.start = offset + bytes.len() as u64;
            return self.device.write_at(offset, bytes);
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes `len` zeros. Errors: EIO.
    pub fn zero(&mut self, mut offset: u64, mut len: u64) -> KResult<()> {
        if self.zeros.is_empty() {
            self.zeros = vec![0; PIECE];
        }
        let zeros = core::mem::take(&mut self.zeros);
        while len > 0 {
            let part = len.min(PIECE as u64);
            self.put(offset, &zeros[..part as usize])?;
            offset += part;
            len -= part;
        }
        self.zeros = zeros;
        Ok(())
    }

    /// Writes what is pending and makes it durable. Errors: EIO.
    pub fn flush(&mut self) -> KResult<()> {
        self.write()?;
        self.device.flush()
    }

    fn write(&mut self) -> KResult<()> {
        if !self.pending.is_empty() {
            self.device.write_at(self.start, &self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }
}
