//! What makers of fresh volumes share.

use alloc::vec;
use rump_kpi::{BlockDevice, KResult};

/// Whether the device is known to read zeros everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zeroed {
    /// Yes, as a new sparse file: zeros need not be written.
    Yes,
    /// No: zeros are written where the format needs them.
    No,
}

/// Code for a boot sector. Who boots from this volume is told that it cannot be (int 0x18), and then waits: `cd 18`,
/// `hlt`, and a jump to that.
pub const BOOT_CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];
/// Where other formats keep a signature, at both ends of the device.
const SIGNATURE_BYTES: u64 = 64 << 10;
/// Zeros that are written at once.
const PIECE: usize = 1 << 20;

/// A device that becomes a volume.
pub struct Blank<'a> {
    /// All of it.
    pub device: &'a dyn BlockDevice,
    /// What it holds.
    pub zeroed: Zeroed,
}

impl Blank<'_> {
    /// Zeros where the device may hold something else. Errors: EIO.
    pub fn zero(&self, mut at: u64, mut length: u64) -> KResult<()> {
        if self.zeroed == Zeroed::Yes || length == 0 {
            return Ok(());
        }
        let zeros = vec![0; PIECE.min(usize::try_from(length).unwrap_or(PIECE))];
        while length > 0 {
            let part = length.min(zeros.len() as u64);
            self.device.write_at(at, &zeros[..part as usize])?;
            at += part;
            length -= part;
        }
        Ok(())
    }

    /// Wipes what other formats are known by, both ends of `size` bytes, and durably: from here on the device holds no
    /// file system, until this one is complete. Errors: EIO.
    pub fn wipe(&self, size: u64) -> KResult<()> {
        if self.zeroed == Zeroed::Yes {
            return Ok(());
        }
        let head = SIGNATURE_BYTES.min(size);
        self.zero(0, head)?;
        self.zero(head.max(size - head), head.min(size - head))?;
        self.device.flush()
    }
}
