//! What the caller decides.

use crate::geometry::Width;
use alloc::string::String;
use rump_dosfs::fresh::Zeroed;
use rump_kpi::TimeSpec;

/// Everything that decides what a volume is like. `None` stands for the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length of the volume; what is left beyond the last whole sector stays unused.
    pub size_bytes: u64,
    /// Where on its disk the volume begins, in bytes: its hidden sectors.
    pub begin_bytes: u64,
    /// Serial number.
    pub serial: u32,
    /// The time of the label.
    pub now: TimeSpec,
    /// Label: at most eleven characters of code page 437, which become upper case.
    pub label: String,
    /// Which of the formats; else by size, or by the number of clusters where their size is given.
    pub width: Option<Width>,
    /// 512 to 4096, a power of two; else 512.
    pub sector_size: Option<u32>,
    /// Bytes of a cluster: a sector to 128, a power of two; else by size.
    pub cluster_size: Option<u32>,
    /// How many tables; else two.
    pub tables: Option<u8>,
    /// Sectors before the first table, taken as they are; else 1, or 32 on FAT32, or more for alignment.
    pub reserved_sectors: Option<u16>,
    /// Entries that the root directory of FAT12 and FAT16 has room for at least; else 512, or as floppies have it.
    pub root_entries: Option<u16>,
    /// The byte that says what the medium is; else 0xf8, or that of the floppy which has this size.
    pub medium: Option<u8>,
    /// What the device holds.
    pub zeroed: Zeroed,
}

impl Options {
    /// Defaults for a volume of `size_bytes`, with a serial number and a time of the caller's.
    pub fn new(size_bytes: u64, serial: u32, now: TimeSpec) -> Self {
        Self {
            size_bytes,
            begin_bytes: 0,
            serial,
            now,
            label: String::new(),
            width: None,
            sector_size: None,
            cluster_size: None,
            tables: None,
            reserved_sectors: None,
            root_entries: None,
            medium: None,
            zeroed: Zeroed::No,
        }
    }
}
