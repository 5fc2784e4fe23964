//! Partition tables: MBR with logical partitions, GPT, BSD disklabel; and the boot images of El Torito.
//!
//! Each scheme answers for its own signature and checks, and describes what lies within the device; none mounts
//! anything. Tables are outside data: chains are bounded, ranges are checked against the device once, here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod disklabel;
mod el_torito;
mod gpt;
mod mbr;
#[cfg(test)]
mod testing;

pub use disklabel::Disklabel;
pub use el_torito::ElTorito;
pub use gpt::Gpt;
pub use mbr::Mbr;

use rump_kpi::{BlockDevice, Component, KResult};

/// Every scheme, as components of a kernel.
pub fn components() -> [Component; 4] {
    [
        Component::Partitions(&Gpt),
        Component::Partitions(&Mbr),
        Component::Partitions(&Disklabel),
        Component::Partitions(&ElTorito),
    ]
}

/// `N` bytes at `offset`, or `None` where the device is shorter. Errors: EIO.
fn read_array<const N: usize>(device: &dyn BlockDevice, offset: u64) -> KResult<Option<[u8; N]>> {
    if offset.checked_add(N as u64).is_none_or(|end| end > device.size_bytes()) {
        return Ok(None);
    }
    let mut bytes = [0; N];
    device.read_at(offset, &mut bytes)?;
    Ok(Some(bytes))
}

/// Whether `size` bytes from `start` lie within the device.
fn fits(device: &dyn BlockDevice, start: u64, size: u64) -> bool {
    start.checked_add(size).is_some_and(|end| end <= device.size_bytes())
}
