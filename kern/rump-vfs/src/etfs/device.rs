//! Registered files and devices.

use super::{attributes, from_host};
use alloc::sync::Arc;
use rump_hyper::{Access, BlockIo};
use rump_kpi::{Attr, BlockDevice, DevNumber, Errno, FileType, Ino, KResult, Mode, Node, TimeSpec};

/// The major number of devices of the host.
const MAJOR: u32 = 178;
/// Minor numbers are below this.
const MINORS: u64 = 1 << 20;

/// Reads what lies before the end.
pub(super) fn read_clipped(device: &dyn BlockDevice, offset: u64, buf: &mut [u8]) -> KResult<usize> {
    let left = usize::try_from(device.size_bytes().saturating_sub(offset)).unwrap_or(usize::MAX);
    let count = left.min(buf.len());
    if count > 0 {
        device.read_at(offset, &mut buf[..count])?;
    }
    Ok(count)
}

/// Writes all of it; a host file does not grow. Errors: EROFS, ENOSPC (it ends beyond the end), the host's.
pub(super) fn write_all(device: &dyn BlockDevice, offset: u64, buf: &[u8]) -> KResult<usize> {
    if device.is_read_only() {
        return Err(Errno::EROFS.into());
    }
    offset.checked_add(buf.len() as u64).filter(|&end| end <= device.size_bytes()).ok_or(Errno::ENOSPC)?;
    device.write_at(offset, buf)?;
    Ok(buf.len())
}

/// A part of a host file.
pub(super) struct HostRange {
    pub io: Arc<dyn BlockIo>,
    pub start: u64,
    pub size: u64,
}

impl HostRange {
    /// The place in the host file. Errors: EINVAL.
    fn place(&self, offset: u64, length: usize) -> KResult<u64> {
        let end = offset.checked_add(length as u64).filter(|&end| end <= self.size);
        end.and_then(|_| self.start.checked_add(offset)).ok_or_else(|| Errno::EINVAL.into())
    }
}

impl BlockDevice for HostRange {
    fn size_bytes(&self) -> u64 {
        self.size
    }

    fn is_read_only(&self) -> bool {
        self.io.access() == Access::Read
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        self.io.read_at(self.place(offset, buf.len())?, buf).map_err(from_host)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<()> {
        if self.is_read_only() {
            return Err(Errno::EROFS.into());
        }
        self.io.write_at(self.place(offset, buf.len())?, buf).map_err(from_host)
    }

    fn flush(&self) -> KResult<()> {
        self.io.flush().map_err(from_host)
    }
}

/// A registered file or device.
pub(super) struct DeviceNode {
    pub device: Arc<dyn BlockDevice>,
    pub file_type: FileType,
    pub mode: Mode,
    pub born: TimeSpec,
    pub ino: Ino,
}

impl Node for DeviceNode {
    fn attr(&self) -> KResult<Attr> {
        let mut attr = attributes(self.file_type, self.mode, self.device.size_bytes(), self.born);
        if self.file_type != FileType::Regular {
            // A number of its own for each device: programs compare them.
            attr.rdev = DevNumber { major: MAJOR, minor: (self.ino.0 % MINORS) as u32 };
        }
        Ok(attr)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> KResult<usize> {
        read_clipped(&*self.device, offset, buf)
    }

    fn write_at(&self, offset: u64, buf: &[u8]) -> KResult<usize> {
        write_all(&*self.device, offset, buf)
    }

    fn block_device(&self) -> Option<Arc<dyn BlockDevice>> {
        (self.file_type != FileType::Regular).then(|| self.device.clone())
    }

    fn fsync(&self) -> KResult<()> {
        self.device.flush()
    }
}
