//! As much of the format, from its specification, as tests need to make images that mkfs.exfat does not make.

use interop::Check;

/// Bytes of an entry of a directory.
pub const ENTRY: usize = 32;

/// Fields of the boot sector, of a volume with sectors of 512 bytes.
pub struct Boot {
    /// First sector of the table.
    pub fat_offset: usize,
    /// Sectors of the table.
    pub fat_length: usize,
    /// First sector of cluster 2.
    pub heap_offset: usize,
    /// First cluster of the root directory.
    pub root: usize,
    /// Bytes of a cluster.
    pub cluster: usize,
}

impl Boot {
    /// Those of an image.
    pub fn of(bytes: &[u8]) -> Self {
        let field = |at: usize| u32_at(bytes, at) as usize;
        Self {
            fat_offset: field(80),
            fat_length: field(84),
            heap_offset: field(88),
            root: field(96),
            cluster: 1 << (bytes[108] + bytes[109]),
        }
    }

    /// Where a cluster begins.
    pub fn cluster_at(&self, cluster: usize) -> usize {
        self.heap_offset * 512 + (cluster - 2) * self.cluster
    }

    /// Where the table's entry of a cluster is.
    pub fn link_at(&self, cluster: usize) -> usize {
        self.fat_offset * 512 + cluster * 4
    }
}

/// A number of four bytes.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Makes the sum of the boot region right.
pub fn repair_boot(bytes: &mut [u8]) {
    let mut sum = 0u32;
    for (at, byte) in bytes[..11 * 512].iter().enumerate() {
        if !matches!(at, 106 | 107 | 112) {
            sum = sum.rotate_right(1).wrapping_add((*byte).into());
        }
    }
    for place in bytes[11 * 512..12 * 512].chunks_exact_mut(4) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Makes the sum of a set of entries right.
pub fn repair_set(set: &mut [u8]) {
    let mut sum = 0u16;
    for (at, byte) in set.iter().enumerate() {
        if at != 2 && at != 3 {
            sum = sum.rotate_right(1).wrapping_add((*byte).into());
        }
    }
    set[2..4].copy_from_slice(&sum.to_le_bytes());
}

/// Where the set of a file of the root directory begins whose name begins so, and how long it is.
pub fn set_of(bytes: &[u8], name: &str) -> Check<std::ops::Range<usize>> {
    let boot = Boot::of(bytes);
    let start = boot.cluster_at(boot.root);
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for at in (start..start + boot.cluster).step_by(ENTRY) {
        if bytes[at] == 0x85 && bytes[at + 66..].starts_with(&units) {
            return Ok(at..at + (usize::from(bytes[at + 1]) + 1) * ENTRY);
        }
    }
    Err(format!("{name} is not in the root directory"))
}

/// Adds a bitmap for the second table, beside what the first one says.
pub fn add_second_bitmap(bytes: &mut [u8], boot: &Boot) {
    let start = boot.cluster_at(boot.root);
    let entries = (start..start + boot.cluster).step_by(ENTRY);
    let Some(first) = entries.clone().find(|at| bytes[*at] == 0x81) else { return };
    let Some(end) = entries.clone().find(|at| bytes[*at] == 0) else { return };
    let from = boot.cluster_at(u32_at(bytes, first + 20) as usize);
    // The last cluster of all is free on these volumes.
    let last = u32_at(bytes, 92) as usize + 1;
    bytes[from + (last - 2) / 8] |= 1 << ((last - 2) % 8);
    bytes.copy_within(from..from + boot.cluster, boot.cluster_at(last));
    bytes.copy_within(first..first + ENTRY, end);
    bytes[end + 1] = 1;
    bytes[end + 20..end + 24].copy_from_slice(&(last as u32).to_le_bytes());
    let link = boot.link_at(last);
    bytes[link..link + 4].fill(0xff);
}
