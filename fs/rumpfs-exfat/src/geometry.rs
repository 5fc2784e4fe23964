//! The boot sector as checked values: where everything is.

use crate::layout::{BootSector, VolumeFlags};
use alloc::format;
use alloc::string::String;
use core::ops::Range;
use rump_dosfs::chain::Run;
use rump_dosfs::{Error, Place};
use zerocopy::FromBytes;

/// Bytes of the boot sector that are looked at.
pub const BOOT_BYTES: usize = 512;
/// The number of the first cluster.
pub const FIRST_CLUSTER: u32 = 2;
/// How many clusters there can be.
pub const MOST_CLUSTERS: u32 = 0xffff_fff5;
/// A cluster has at most 32 MiB.
pub const MOST_CLUSTER_BITS: u32 = 25;
/// Sectors of a boot region and its copy: the table comes behind them.
const BOOT_SECTORS: u64 = 24;
/// Longest volume: places of entries stay below 2^58.
pub const MOST_BYTES: u64 = i64::MAX as u64;

/// The volume's measures. Offsets and lengths are in bytes.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Size of a sector.
    pub sector_size: u32,
    /// Size of a cluster as a power of two.
    pub cluster_bits: u32,
    /// Where the table in use begins.
    pub fat_start: u64,
    /// Length of each table.
    pub fat_bytes: u64,
    /// How many tables there are: two with TexFAT.
    pub fats: u8,
    /// Which table and which bitmap are in use.
    pub active: u8,
    /// Where cluster 2 begins.
    pub heap_start: u64,
    /// How many clusters there are.
    pub clusters: u32,
    /// First cluster of the root directory.
    pub root: u32,
    /// Length of the volume.
    pub size_bytes: u64,
    /// Serial number.
    pub serial: u32,
    /// The flags as they are.
    pub flags: u16,
}

impl Geometry {
    /// Checks a boot sector that has the name of exFAT. Errors: EFTYPE, with the rule that is broken.
    pub fn parse(boot: &[u8; BOOT_BYTES]) -> Result<Self, Error> {
        let boot = BootSector::ref_from_bytes(boot).map_err(|_| broken("cut short"))?;
        if boot.file_system_name != BootSector::NAME || boot.boot_signature.get() != BootSector::SIGNATURE {
            return Err(broken("a signature is missing"));
        }
        if boot.must_be_zero != [0; 53] {
            return Err(broken("the place of the parameters of FAT is not zero"));
        }
        let revision = boot.file_system_revision.get();
        if revision >> 8 != 1 {
            return Err(broken(format!("revision {}.{:02}", revision >> 8, revision & 0xff)));
        }
        let sector_bits = u32::from(boot.bytes_per_sector_shift);
        let cluster_bits = sector_bits + u32::from(boot.sectors_per_cluster_shift);
        if !(9..=12).contains(&sector_bits) || cluster_bits > MOST_CLUSTER_BITS {
            return Err(broken(format!("sectors of 2^{sector_bits} and clusters of 2^{cluster_bits} bytes")));
        }
        if !matches!(boot.number_of_fats, 1 | 2) {
            return Err(broken(format!("{} tables", boot.number_of_fats)));
        }
        let flags = boot.volume_flags.get();
        let active = if boot.number_of_fats == 2 { (flags & VolumeFlags::ACTIVE_FAT) as u8 } else { 0 };
        let fat_bytes = u64::from(boot.fat_length.get()) << sector_bits;
        let first_fat = u64::from(boot.fat_offset.get()) << sector_bits;
        let size_bytes = boot.volume_length.get().checked_mul(1 << sector_bits);
        let geometry = Self {
            sector_size: 1 << sector_bits,
            cluster_bits,
            fat_start: first_fat + fat_bytes * u64::from(active),
            fat_bytes,
            fats: boot.number_of_fats,
            active,
            heap_start: u64::from(boot.cluster_heap_offset.get()) << sector_bits,
            clusters: boot.cluster_count.get(),
            root: boot.first_cluster_of_root_directory.get(),
            size_bytes: size_bytes.filter(|bytes| *bytes <= MOST_BYTES).ok_or_else(|| broken("too long"))?,
            serial: boot.volume_serial_number.get(),
            flags,
        };
        geometry.check(first_fat).map(|()| geometry)
    }

    fn check(&self, first_fat: u64) -> Result<(), Error> {
        let fats_end = first_fat + self.fat_bytes * u64::from(self.fats);
        if first_fat < BOOT_SECTORS * u64::from(self.sector_size) || fats_end > self.heap_start {
            return Err(broken("the tables are where something else is"));
        }
        if self.clusters == 0 || self.clusters > MOST_CLUSTERS {
            return Err(broken(format!("{} clusters", self.clusters)));
        }
        if self.fat_bytes / 4 < u64::from(self.clusters) + u64::from(FIRST_CLUSTER) {
            return Err(broken("the table is too short for the clusters"));
        }
        let heap_end = self.heap_start.checked_add(u64::from(self.clusters) << self.cluster_bits);
        if heap_end.is_none_or(|end| end > self.size_bytes) {
            return Err(broken("the clusters do not fit into the volume"));
        }
        if !self.is_cluster(self.root) {
            return Err(broken(format!("the root directory is in cluster {}", self.root)));
        }
        Ok(())
    }

    /// Size of a cluster.
    pub fn cluster_size(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// The number after that of the last cluster.
    pub fn end_cluster(&self) -> u32 {
        FIRST_CLUSTER + self.clusters
    }

    /// Whether there is a cluster of this number.
    pub fn is_cluster(&self, cluster: u32) -> bool {
        (FIRST_CLUSTER..self.end_cluster()).contains(&cluster)
    }

    /// Whether all clusters of a run are there.
    pub fn has_run(&self, run: Run) -> bool {
        let end = run.start.checked_add(run.count);
        run.start >= FIRST_CLUSTER && end.is_some_and(|end| end <= self.end_cluster())
    }

    /// Where a cluster that is there begins.
    pub fn cluster_offset(&self, cluster: u32) -> u64 {
        self.heap_start + (u64::from(cluster.saturating_sub(FIRST_CLUSTER)) << self.cluster_bits)
    }

    /// The cluster that a byte of the volume is in, and the bytes of that.
    pub fn cluster_at(&self, byte: u64) -> Option<(u32, Range<u64>)> {
        let index = u32::try_from(byte.checked_sub(self.heap_start)? >> self.cluster_bits).ok()?;
        let cluster = FIRST_CLUSTER.checked_add(index).filter(|cluster| self.is_cluster(*cluster))?;
        let start = self.cluster_offset(cluster);
        Some((cluster, start..start + self.cluster_size()))
    }

    /// How many clusters hold this many bytes.
    pub fn clusters_for(&self, bytes: u64) -> u32 {
        bytes.div_ceil(self.cluster_size()).try_into().unwrap_or(u32::MAX)
    }

    /// The serial number as everybody writes it.
    pub fn serial_text(&self) -> String {
        format!("{:04X}-{:04X}", self.serial >> 16, self.serial & 0xffff)
    }
}

fn broken(why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::corrupt("boot sector", Place::Byte(0), why)
}
