//! What the caller decides.

use alloc::string::String;
use rump_dosfs::fresh::Zeroed;

/// Everything that decides what a volume is like. `None` stands for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the volume, 1 MiB at least; what is left beyond the last whole cluster stays unused.
    pub size_bytes: u64,
    /// Where on its disk the volume begins, in bytes.
    pub begin_bytes: u64,
    /// Serial number.
    pub serial: u32,
    /// Label: at most eleven units of UTF-16.
    pub label: String,
    /// 512 to 4096, a power of two; else 512.
    pub sector_size: Option<u32>,
    /// Bytes of a cluster: a sector to 32 MiB, a power of two; else by size.
    pub cluster_size: Option<u32>,
    /// What the device holds.
    pub zeroed: Zeroed,
}

impl Options {
    /// Defaults for a volume of `size_bytes`, with a serial number of the caller's.
    pub fn new(size_bytes: u64, serial: u32) -> Self {
        Self {
            size_bytes,
            begin_bytes: 0,
            serial,
            label: String::new(),
            sector_size: None,
            cluster_size: None,
            zeroed: Zeroed::No,
        }
    }
}
