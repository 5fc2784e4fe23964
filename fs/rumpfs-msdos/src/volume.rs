//! A mounted volume: the one place through which every byte of metadata and content is read.
//!
//! The cache holds sectors: those of the table in use and of directories. Sectors and clusters are checked against
//! the volume here, so that no caller has to.

use crate::geometry::{FIRST_CLUSTER, Geometry, Root};
use crate::nodes::Nodes;
use crate::options::Options;
use crate::transaction::Writer;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rump_dosfs::{Error, Place};
use rump_kpi::cache::{Block, BlockCache};
use rump_kpi::{BlockDevice, Environment, Errno, TimeSpec};

const READ_AHEAD_BYTES: u64 = 16 << 10;
const CACHE_BYTES: usize = 8 << 20;

/// The volume.
pub struct Volume {
    device: Arc<dyn BlockDevice>,
    geometry: Geometry,
    options: Options,
    environment: Environment,
    cache: BlockCache,
    /// Files and directories in use.
    pub nodes: Nodes,
    writer: Option<Writer>,
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
        let cache = BlockCache::new(geometry.sector_size, CACHE_BYTES);
        Self { device, geometry, options, environment, cache, nodes: Nodes::default(), writer }
    }

    /// Where everything is.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// What the mount was told.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The cache of sectors.
    pub fn cache(&self) -> &BlockCache {
        &self.cache
    }

    /// The device.
    pub fn device(&self) -> &dyn BlockDevice {
        self.device.as_ref()
    }

    /// What writing needs. Errors: EROFS.
    pub fn writer(&self) -> Result<&Writer, Error> {
        self.writer.as_ref().ok_or(Errno::EROFS.into())
    }

    /// The present.
    pub fn now(&self) -> TimeSpec {
        (self.environment.now)()
    }

    /// Asks the kernel for a call of [`write_behind`](Self::write_behind).
    pub fn ask_for_write_behind(&self) {
        (self.environment.write_behind)();
    }

    /// Writes a line to the log.
    pub fn note(&self, text: &str) {
        (self.environment.log)(&format!("msdos: {text}"));
    }

    /// Reads from the device. Errors: EFTYPE (beyond its end), EIO.
    pub fn read_bytes(&self, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let end = offset.checked_add(buf.len() as u64);
        if end.is_none_or(|end| end > self.geometry.size_bytes.min(self.device.size_bytes())) {
            return Err(Error::corrupt("volume", Place::Byte(offset), "the device ends before"));
        }
        Ok(self.device.read_at(offset, buf)?)
    }

    /// A sector of the table or of a directory.
    pub fn sector(&self, sector: u64) -> Result<Block, Error> {
        let size = u64::from(self.geometry.sector_size);
        let (mut first, mut end) = self.window(sector);
        loop {
            if let Some(found) = self.cache.find(sector) {
                return Ok(found);
            }
            let epochs: Vec<u64> = (first..end).map(|number| self.cache.epoch(number)).collect();
            let mut bytes = vec![0; ((end - first) * size) as usize];
            match self.read_bytes(first * size, &mut bytes) {
                // A fault elsewhere must not hide the sector that was asked for.
                Err(_) if end - first > 1 => {
                    (first, end) = (sector, sector + 1);
                    continue;
                }
                result => result?,
            }
            let mut answer = None;
            for ((part, epoch), number) in bytes.chunks_exact(size as usize).zip(epochs).zip(first..) {
                let kept = self.cache.insert(number, part.into(), epoch);
                if number == sector {
                    answer = kept;
                }
            }
            if let Some(block) = answer {
                return Ok(block);
            }
            // It was changed meanwhile.
            (first, end) = (sector, sector + 1);
        }
    }

    /// The sectors that are read together with one: none of another kind.
    fn window(&self, sector: u64) -> (u64, u64) {
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
        (first, (first + ahead).min((start + length) / size).max(sector + 1))
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
