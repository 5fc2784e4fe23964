//! How the sectors of a volume are shared between what describes it and its clusters.

use crate::geometry::{FIRST_CLUSTER, MOST_CLUSTERS_12, MOST_CLUSTERS_16, MOST_CLUSTERS_32, Width};
use rump_dosfs::SLOT_BYTES;

/// Fewer than 4085 are FAT12; programs do not agree on the next two.
const LEAST_CLUSTERS_16: u64 = 4087;
/// Fewer are FAT16 for those who go by the number alone, as firmware does.
const LEAST_CLUSTERS_32: u64 = MOST_CLUSTERS_16 + 1;

/// What is to be shared. Counts are in sectors where no other unit is named.
#[derive(Debug)]
pub struct Request {
    pub sectors: u64,
    /// In bytes.
    pub sector_size: u32,
    pub tables: u8,
    /// `None`: the usual ones.
    pub reserved: Option<u16>,
    pub root_entries: u16,
    /// Whether every part begins with a multiple of the cluster.
    pub is_aligned: bool,
}

/// The shares.
#[derive(Debug)]
pub struct Space {
    pub reserved: u16,
    /// Of each table.
    pub table: u32,
    pub root_entries: u16,
    pub clusters: u32,
}

/// Why a width and a cluster do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// So many clusters.
    TooFew(u64),
    /// So many clusters.
    TooMany(u64),
    /// Not even one cluster.
    NoSpace,
    /// The reserved sectors that were asked for are fewer than these.
    Reserved(u16),
    /// The root directory that was asked for cannot be counted in 16 bits.
    Root,
}

impl Space {
    /// The least and most clusters of a width.
    pub fn limits(width: Width) -> (u64, u64) {
        match width {
            Width::Fat12 => (1, MOST_CLUSTERS_12),
            Width::Fat16 => (LEAST_CLUSTERS_16, MOST_CLUSTERS_16),
            Width::Fat32 => (LEAST_CLUSTERS_32, MOST_CLUSTERS_32),
        }
    }
}

impl Request {
    /// Shares for this width and size of clusters. `usual` sectors are reserved without a wish, `least` at least.
    pub fn fit(&self, width: Width, cluster: u32, usual: u16, least: u16) -> Result<Space, Misfit> {
        let align = if self.is_aligned { u64::from(cluster) } else { 1 };
        let reserved = match self.reserved {
            Some(reserved) if reserved < least => return Err(Misfit::Reserved(least)),
            Some(reserved) => reserved,
            // Both are powers of two or small: this is at most 128.
            None => u64::from(usual).next_multiple_of(align) as u16,
        };
        let root_entries = match width {
            Width::Fat32 => 0,
            Width::Fat12 | Width::Fat16 => self.root_entries(align)?,
        };
        let root = (u64::from(root_entries) * SLOT_BYTES as u64).div_ceil(self.sector_size.into());
        let rest = self.sectors.checked_sub(u64::from(reserved) + root).ok_or(Misfit::NoSpace)?;
        let table = self.table(width, cluster, rest, align);
        let used = table * u64::from(self.tables);
        let clusters = rest.checked_sub(used).ok_or(Misfit::NoSpace)? / u64::from(cluster);
        let (fewest, most) = Space::limits(width);
        match clusters {
            0 => Err(Misfit::NoSpace),
            _ if clusters < fewest => Err(Misfit::TooFew(clusters)),
            _ if clusters > most => Err(Misfit::TooMany(clusters)),
            // Both are below the number of sectors, which has 32 bits.
            _ => Ok(Space { reserved, table: table as u32, root_entries, clusters: clusters as u32 }),
        }
    }

    fn root_entries(&self, align: u64) -> Result<u16, Misfit> {
        let in_sector = u64::from(self.sector_size) / SLOT_BYTES as u64;
        let entries = u64::from(self.root_entries).next_multiple_of(in_sector * align);
        u16::try_from(entries).map_err(|_| Misfit::Root)
    }

    /// The smallest table that describes all clusters that it leaves room for: a larger one describes more and
    /// leaves room for fewer.
    fn table(&self, width: Width, cluster: u32, rest: u64, align: u64) -> u64 {
        let needed = |table: u64| {
            let clusters = rest.saturating_sub(table * u64::from(self.tables)) / u64::from(cluster);
            ((clusters + u64::from(FIRST_CLUSTER)) * width.bits()).div_ceil(8 * u64::from(self.sector_size))
        };
        let (mut low, mut high) = (0, needed(0).div_ceil(align));
        while low < high {
            let middle = low + (high - low) / 2;
            if needed(middle * align) <= middle * align {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low * align
    }
}
