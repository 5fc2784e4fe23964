//! A mounted volume: the one place through which every byte of metadata and content is read.
//!
//! The cache holds sectors: those of the table in use and of directories. Sectors and clusters are checked against
//! the volume here, so that no caller has to.

use crate::geometry::{FIRST_CLUSTER, Geometry, Root};
use crate::nodes::Cell;
use crate::options::Options;
use crate::transaction::Writer;
use alloc::format;
use alloc::sync::Arc;
use core::ops::Range;
use rump_dosfs::nodes::Nodes;
use rump_dosfs::{Error, Place, Sectors};
use rump_kpi::{BlockDevice, Environment, TimeSpec};

const READ_AHEAD_BYTES: u64 = 16 << 10;

/// The volume.
pub struct Volume {
    pub(crate) sectors: Sectors,
    pub(crate) geometry: Geometry,
    options: Options,
    pub(crate) environment: Environment,
    /// Files and directories in use.
    pub nodes: Nodes<Cell>,
    pub(crate) writer: Option<Writer>,
}

impl Volume {
    /// A volume. Nothing is read yet.
    pub fn new(
        device: Arc<dyn BlockDevice>,
        geometry: Geometry,
        options: Options,
        environment: Environment,
        writer: Option<Writer>,
    ) -> Self {
        let sectors = Sectors::new(device, geometry.sector_size, geometry.size_bytes);
        Self { sectors, geometry, options, environment, nodes: Nodes::default(), writer }
    }

    /// Where everything is.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What the mount was told.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The present.
    pub fn now(&self) -> TimeSpec {
        (self.environment.now)()
    }

    /// The file of this number. Errors: ESTALE (there is none), EFTYPE, EIO.
    pub fn cell(&self, number: u64) -> Result<Arc<Cell>, Error> {
        self.nodes.cell(number, |place| Cell::read(self, number, place))
    }

    /// The sectors that are read together with one: none of another kind.
    pub fn window(&self, sector: u64) -> Range<u64> {
        let geometry = &self.geometry;
        let size = u64::from(geometry.sector_size);
        let byte = sector * size;
        let (start, length) = if byte >= geometry.data_start {
            let bits = geometry.cluster_bits;
            (geometry.data_start + ((byte - geometry.data_start) >> bits << bits), geometry.cluster_size())
        } else {
            match geometry.root {
                Root::Fixed { start, bytes } if byte >= start => (start, bytes),
                _ => (geometry.active_start(), geometry.fat_bytes),
            }
        };
        let ahead = (READ_AHEAD_BYTES / size).max(1);
        let skipped = (sector - start.min(byte) / size) / ahead * ahead;
        let first = start / size + skipped;
        first..(first + ahead).min((start + length) / size).max(sector + 1)
    }

    /// The byte where a cluster begins. Errors: EFTYPE.
    pub fn cluster_offset(&self, cluster: u32) -> Result<u64, Error> {
        if self.geometry.is_cluster(cluster) {
            return Ok(self.geometry.cluster_offset(cluster));
        }
        let last = FIRST_CLUSTER + self.geometry.clusters - 1;
        let why = format!("there are clusters {FIRST_CLUSTER} to {last}");
        Err(Error::corrupt("cluster number", Place::Cluster(cluster), why))
    }
}
