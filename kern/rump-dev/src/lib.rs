//! Block devices from the host, and the layers that wrap them.
//!
//! Every layer is a [`rump_kpi::BlockDevice`] over another: a host file, memory, a range, and the middleware that tests use.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod failure_rate;
mod host;
mod memory;
mod middleware;
mod recorder;
mod slice;

pub use failure_rate::FailureRate;
pub use host::HostDevice;
pub use memory::MemDevice;
pub use middleware::{Faulty, ReadOnly, Traced};
pub use recorder::{Event, Recorder};
pub use slice::Slice;

use alloc::format;
use rump_kpi::{Errno, KError, KResult};

/// Checks that `len` bytes at `offset` lie within `size`. Errors: EINVAL.
fn check_range(size: u64, offset: u64, len: usize) -> KResult<()> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(KError::new(
            Errno::EINVAL,
            format!("{len} bytes at offset {offset} reach beyond the end of the device ({size} bytes)"),
        )),
    }
}
