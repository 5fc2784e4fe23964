//! The volume's bytes: the one place through which metadata and content are read.
//!
//! The cache holds sectors: those of the table in use, of the bitmap and of directories. Sectors and clusters are
//! checked against the volume here, so that no caller has to.

use crate::geometry::{FIRST_CLUSTER, Geometry};
use alloc::format;
use alloc::sync::Arc;
use core::ops::Range;
use rump_dosfs::{Error, Place, Sectors};
use rump_kpi::BlockDevice;
use rump_kpi::cache::Block;

const READ_AHEAD_BYTES: u64 = 16 << 10;

/// A volume as far as its boot sector tells of it.
pub struct Disk {
    /// The device by sectors.
    pub sectors: Sectors,
    /// Where everything is.
    pub geometry: Geometry,
}

impl Disk {
    /// Nothing is read yet.
    pub fn new(device: Arc<dyn BlockDevice>, geometry: Geometry) -> Self {
        Self { sectors: Sectors::new(device, geometry.sector_size, geometry.size_bytes), geometry }
    }

    /// A sector of the table, the bitmap or a directory. Errors: EFTYPE, EIO.
    pub fn sector(&self, sector: u64) -> Result<Block, Error> {
        self.sectors.read(sector, || self.window(sector))
    }

    /// The sectors that are read together with one: none of another cluster, and of the table those beside it.
    fn window(&self, sector: u64) -> Range<u64> {
        let geometry = &self.geometry;
        let size = self.sectors.size();
        let area = match geometry.cluster_at(sector * size) {
            Some((_, bytes)) => bytes,
            None => geometry.fat_start..geometry.fat_start + geometry.fat_bytes,
        };
        let ahead = (READ_AHEAD_BYTES / size).max(1);
        let start = area.start / size;
        let first = start + sector.saturating_sub(start) / ahead * ahead;
        first..(first + ahead).min(area.end / size).max(sector + 1)
    }

    /// The byte where a cluster begins. Errors: EFTYPE.
    pub fn cluster_offset(&self, cluster: u32) -> Result<u64, Error> {
        if self.geometry.is_cluster(cluster) {
            return Ok(self.geometry.cluster_offset(cluster));
        }
        let last = self.geometry.end_cluster() - 1;
        let why = format!("there are clusters {FIRST_CLUSTER} to {last}");
        Err(Error::corrupt("cluster number", Place::Cluster(cluster), why))
    }
}
