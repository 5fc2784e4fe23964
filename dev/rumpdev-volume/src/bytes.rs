//! Reading texts out of metadata, and metadata out of devices.

use crate::damaged;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;
use rump_kpi::{BlockDevice, KResult};

/// Text that ends with a zero, or with its field.
pub fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Sixteen bytes as people write a UUID.
pub fn uuid(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `len` bytes at `offset`, or `None` where the device is shorter. The caller has bounded `len`. Errors: EIO.
pub fn read_if_there(device: &dyn BlockDevice, offset: u64, len: usize) -> KResult<Option<Vec<u8>>> {
    if offset.checked_add(len as u64).is_none_or(|end| end > device.size_bytes()) {
        return Ok(None);
    }
    let mut bytes = vec![0; len];
    device.read_at(offset, &mut bytes)?;
    Ok(Some(bytes))
}

/// As [`read_if_there`], of what has to be there. Errors: EFTYPE, EIO.
pub fn read(device: &dyn BlockDevice, offset: u64, len: usize, what: &str) -> KResult<Vec<u8>> {
    read_if_there(device, offset, len)?.ok_or_else(|| {
        damaged(format!("the {what} ({len} bytes at {offset}) lies beyond the end of the device"))
    })
}
