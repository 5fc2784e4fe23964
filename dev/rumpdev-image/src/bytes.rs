//! Reading headers out of files.

use crate::damaged;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;
use rump_kpi::{BlockDevice, KResult};

/// Fills `buf` from `offset`; what lies beyond the end of the file is zeros. Errors: EIO.
pub fn read_padded(file: &dyn BlockDevice, offset: u64, buf: &mut [u8]) -> KResult<()> {
    let there = file.size_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
    if there > 0 {
        file.read_at(offset, &mut buf[..there])?;
    }
    buf[there..].fill(0);
    Ok(())
}

/// `len` bytes at `offset`, all of them in the file. The caller has bounded `len`. Errors: EFTYPE, EIO.
pub fn read_vec(file: &dyn BlockDevice, offset: u64, len: usize, what: &str) -> KResult<Vec<u8>> {
    if offset.checked_add(len as u64).is_none_or(|end| end > file.size_bytes()) {
        return Err(damaged(format!("the {what} ({len} bytes at {offset}) lies beyond the end of the file")));
    }
    let mut bytes = vec![0; len];
    file.read_at(offset, &mut bytes)?;
    Ok(bytes)
}
