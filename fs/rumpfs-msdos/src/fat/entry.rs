//! One entry of the table: 12, 16 or 28 bits.

use crate::geometry::{Geometry, Width};
use alloc::format;
use rump_dosfs::{Error, Place};

/// Entry of a cluster that nobody has.
pub const FREE: u32 = 0;
/// Entry of the last cluster of a chain. Wider than any format: the upper bits fall away.
pub const END: u32 = 0x0fff_ffff;
/// Bits of an entry of FAT32 that count.
const BITS_32: u32 = 0x0fff_ffff;

/// What an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nobody has the cluster.
    Free,
    /// The chain goes on.
    Next(u32),
    /// The chain ends.
    End,
    /// The medium is bad there.
    Bad,
}

/// The meaning of an entry of `cluster`. Errors: EFTYPE.
pub fn link(geometry: &Geometry, cluster: u32, value: u32) -> Result<Link, Error> {
    let (bad, first_end) = match geometry.width {
        Width::Fat12 => (0xff7, 0xff8),
        Width::Fat16 => (0xfff7, 0xfff8),
        Width::Fat32 => (0x0fff_fff7, 0x0fff_fff8),
    };
    match value {
        FREE => Ok(Link::Free),
        value if geometry.is_cluster(value) => Ok(Link::Next(value)),
        value if value >= first_end => Ok(Link::End),
        value if value == bad => Ok(Link::Bad),
        value => {
            Err(Error::corrupt("cluster chain", Place::Cluster(cluster), format!("leads to cluster {value}")))
        }
    }
}

/// Where the entry of a cluster is: its first byte within the table, and how many bytes it has a part in.
pub fn place(width: Width, cluster: u32) -> (u64, usize) {
    let cluster = u64::from(cluster);
    match width {
        Width::Fat12 => (cluster + cluster / 2, 2),
        Width::Fat16 => (cluster * 2, 2),
        Width::Fat32 => (cluster * 4, 4),
    }
}

/// The value in the bytes of an entry.
pub fn value(width: Width, cluster: u32, bytes: u32) -> u32 {
    match width {
        Width::Fat12 if cluster % 2 == 0 => bytes & 0xfff,
        Width::Fat12 => bytes >> 4 & 0xfff,
        Width::Fat16 => bytes & 0xffff,
        Width::Fat32 => bytes & BITS_32,
    }
}

/// The bytes of an entry with another value in them.
pub fn put(width: Width, cluster: u32, bytes: u32, value: u32) -> u32 {
    match width {
        Width::Fat12 if cluster % 2 == 0 => bytes & 0xf000 | value & 0xfff,
        Width::Fat12 => bytes & 0x000f | (value & 0xfff) << 4,
        Width::Fat16 => value & 0xffff,
        Width::Fat32 => bytes & !BITS_32 | value & BITS_32,
    }
}

/// Which bits of each byte of an entry are its own.
pub fn masks(width: Width, cluster: u32) -> [u8; 4] {
    match width {
        Width::Fat12 if cluster % 2 == 0 => [0xff, 0x0f, 0, 0],
        Width::Fat12 => [0xf0, 0xff, 0, 0],
        Width::Fat16 | Width::Fat32 => [0xff; 4],
    }
}

/// The bit of entry 1 that is set while nobody writes.
pub fn clean_bits(width: Width) -> u32 {
    match width {
        Width::Fat12 => 0,
        Width::Fat16 => 0x8000,
        Width::Fat32 => 0x0800_0000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_twelve_bits_do_not_touch_their_neighbours() {
        let mut table = [0xabu8; 9];
        for cluster in 0..6 {
            let (at, _) = place(Width::Fat12, cluster);
            let at = at as usize;
            let before = u32::from(u16::from_le_bytes([table[at], table[at + 1]]));
            let after = put(Width::Fat12, cluster, before, 0x100 + cluster) as u16;
            table[at..at + 2].copy_from_slice(&after.to_le_bytes());
        }
        for cluster in 0..6 {
            let at = place(Width::Fat12, cluster).0 as usize;
            let bytes = u32::from(u16::from_le_bytes([table[at], table[at + 1]]));
            assert_eq!(value(Width::Fat12, cluster, bytes), 0x100 + cluster);
        }
    }
}
