//! Size of clusters, and where everything is.

use super::{Options, invalid, refused};
use crate::boot::REGIONS_SECTORS;
use crate::geometry::{FIRST_CLUSTER, MOST_BYTES, MOST_CLUSTER_BITS, MOST_CLUSTERS};
use alloc::format;
use rump_kpi::{Errno, KResult};

/// The shortest volume (section 3.1.5).
const LEAST_BYTES: u64 = 1 << 20;
/// Volumes up to so many bytes have clusters of 2^n.
const CLUSTER_BITS: &[(u64, u32)] = &[(256 << 20, 12), (32 << 30, 15)];
const LARGE_CLUSTER_BITS: u32 = 17;
/// What table and clusters are aligned to where there is room, and how much of the volume that may be.
const MOST_ALIGNMENT: u64 = 1 << 20;
const ALIGNMENT_SHARE: u64 = 64;
/// Bytes of an entry of the table.
const LINK_BYTES: u64 = 4;

/// See the module. Offsets and lengths are in sectors.
#[derive(Debug)]
pub struct Plan {
    pub sector_bits: u32,
    pub cluster_bits: u32,
    pub sectors: u64,
    pub table_offset: u32,
    pub table_length: u32,
    pub heap_offset: u32,
    pub clusters: u32,
    /// Clusters of the bitmap, which come first.
    pub bitmap: u32,
    /// Clusters of the table of upper case, which come next; the root directory is behind them.
    pub upcase: u32,
}

impl Plan {
    /// `upcase` is the length of the table of upper case. Errors: EINVAL, EFBIG, ENOSPC.
    pub fn new(options: &Options, upcase: u64) -> KResult<Self> {
        let sector_size = options.sector_size.unwrap_or(512);
        if !sector_size.is_power_of_two() || !(512..=4096).contains(&sector_size) {
            return Err(invalid(format!("sector_size {sector_size}: a power of two from 512 to 4096")));
        }
        let given = options.cluster_size.map(|size| cluster_bits(size, sector_size)).transpose()?;
        let size = options.size_bytes;
        if size < LEAST_BYTES {
            return Err(refused(Errno::ENOSPC, format!("{size} bytes: exfat has {LEAST_BYTES} at least")));
        }
        if size > MOST_BYTES {
            return Err(refused(Errno::EFBIG, format!("{size} bytes: exfat has {MOST_BYTES} at most")));
        }
        let sector_bits = sector_size.ilog2();
        let mut bits = given.unwrap_or_else(|| usual_cluster_bits(size).max(sector_bits));
        while given.is_none() && size >> bits > MOST_CLUSTERS.into() && bits < MOST_CLUSTER_BITS {
            bits += 1;
        }
        Self::with_clusters(size, sector_bits, bits, upcase)
    }

    fn with_clusters(size: u64, sector_bits: u32, cluster_bits: u32, upcase: u64) -> KResult<Self> {
        let too_small =
            || refused(Errno::ENOSPC, format!("{size} bytes are too few for exfat's own structures"));
        let too_large = || {
            let what = format!("{} clusters: exfat has {MOST_CLUSTERS} at most", size >> cluster_bits);
            refused(Errno::EFBIG, what)
        };
        let share = 1 << (size / ALIGNMENT_SHARE).max(1).ilog2();
        let align = MOST_ALIGNMENT.min(share).max(1 << sector_bits);
        let table_start = (REGIONS_SECTORS << sector_bits).next_multiple_of(align);
        let heap = |table: u64| (table_start + (table << sector_bits)).next_multiple_of(align);
        let clusters = |table: u64| size.saturating_sub(heap(table)) >> cluster_bits;
        let needed = |table: u64| {
            ((clusters(table) + u64::from(FIRST_CLUSTER)) * LINK_BYTES).div_ceil(1 << sector_bits)
        };
        // The smallest table that describes all clusters that it leaves room for.
        let (mut low, mut high) = (0, needed(0));
        while low < high {
            let middle = low + (high - low) / 2;
            if needed(middle) <= middle { high = middle } else { low = middle + 1 }
        }
        let count = u32::try_from(clusters(low)).ok().filter(|count| *count <= MOST_CLUSTERS);
        let count = count.ok_or_else(too_large)?;
        let sectors = |bytes: u64| u32::try_from(bytes >> sector_bits).map_err(|_| too_large());
        let whole = |bytes: u64| bytes.div_ceil(1 << cluster_bits) as u32;
        let plan = Self {
            sector_bits,
            cluster_bits,
            sectors: size >> sector_bits,
            table_offset: sectors(table_start)?,
            table_length: u32::try_from(low).map_err(|_| too_large())?,
            heap_offset: sectors(heap(low))?,
            clusters: count,
            bitmap: whole(u64::from(count).div_ceil(8)),
            upcase: whole(upcase),
        };
        if plan.clusters < plan.used() { Err(too_small()) } else { Ok(plan) }
    }

    /// First cluster of the bitmap.
    pub fn bitmap_start(&self) -> u32 {
        FIRST_CLUSTER
    }

    /// First cluster of the table of upper case.
    pub fn upcase_start(&self) -> u32 {
        self.bitmap_start() + self.bitmap
    }

    /// The cluster of the root directory.
    pub fn root(&self) -> u32 {
        self.upcase_start() + self.upcase
    }

    /// Clusters that are taken.
    pub fn used(&self) -> u32 {
        self.bitmap + self.upcase + 1
    }

    /// Where a cluster begins, in bytes.
    pub fn cluster_at(&self, cluster: u32) -> u64 {
        (u64::from(self.heap_offset) << self.sector_bits)
            + (u64::from(cluster - FIRST_CLUSTER) << self.cluster_bits)
    }
}

fn usual_cluster_bits(size: u64) -> u32 {
    let known = CLUSTER_BITS.iter().find(|(most, _)| size <= *most);
    known.map_or(LARGE_CLUSTER_BITS, |(_, bits)| *bits)
}

/// Errors: EINVAL.
fn cluster_bits(size: u32, sector_size: u32) -> KResult<u32> {
    let most = 1 << MOST_CLUSTER_BITS;
    if size.is_power_of_two() && (sector_size..=most).contains(&size) {
        return Ok(size.ilog2());
    }
    Err(invalid(format!(
        "block_size {size}: a cluster has a power of two from {sector_size} to {most} bytes"
    )))
}
