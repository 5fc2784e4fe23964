//! The boot sector as checked values: where everything is.
//!
//! Which of the three formats it is follows from the number of clusters (fatgen103, "FAT Type Determination"), but
//! for FAT32, which is known by its zero `fatsz16`: so do Linux and mkfs.fat, which makes small ones on request.

use crate::layout::{Bpb, Extended16, Extended32, STATE_DIRTY};
use alloc::format;
use alloc::string::String;
use rump_dosfs::{Error, Place};
use zerocopy::FromBytes;

/// Bytes of the boot sector that are looked at.
pub const BOOT_BYTES: usize = 512;
/// Clusters that FAT12 can have.
pub const MOST_CLUSTERS_12: u64 = 4084;
/// Clusters that FAT16 can have.
pub const MOST_CLUSTERS_16: u64 = 65524;
/// Clusters that FAT32 can have.
pub const MOST_CLUSTERS_32: u64 = 0x0fff_fff5;
/// The number of the first cluster.
pub const FIRST_CLUSTER: u32 = 2;
/// Byte of the boot sector with the state, on FAT12 and FAT16.
const STATE_AT_16: u64 = 36 + 1;
/// The same on FAT32.
const STATE_AT_32: u64 = 36 + 28 + 1;
const SIGNATURE: u8 = 0x29;

/// Which of the formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Table entries of 12 bits.
    Fat12,
    /// Table entries of 16 bits.
    Fat16,
    /// Table entries of 32 bits, of which 28 count.
    Fat32,
}

impl Width {
    /// Name as users say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fat12 => "fat12",
            Self::Fat16 => "fat16",
            Self::Fat32 => "fat32",
        }
    }

    /// Bits of a table entry.
    pub fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }
}

/// Where the root directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// In a place of its own.
    Fixed {
        /// First byte.
        start: u64,
        /// Length.
        bytes: u64,
    },
    /// In the chain that begins with this cluster.
    Chain(u32),
}

/// The volume's measures. Offsets and lengths are in bytes.
#[derive(Clone, Debug)]
pub struct Geometry {
    /// Which format.
    pub width: Width,
    /// Size of a sector.
    pub sector_size: u32,
    /// Size of a cluster as a power of two.
    pub cluster_bits: u32,
    /// Where the first table begins.
    pub fat_start: u64,
    /// Length of each table.
    pub fat_bytes: u64,
    /// How many tables there are.
    pub fats: u8,
    /// The only table in use, where changes are not written to all.
    pub active_fat: Option<u8>,
    /// The root directory.
    pub root: Root,
    /// Where cluster 2 begins.
    pub data_start: u64,
    /// How many clusters there are.
    pub clusters: u32,
    /// Length of the volume.
    pub size_bytes: u64,
    /// Where the sector with hints is, on FAT32.
    pub fs_info: Option<u64>,
    /// Serial number, if there is one.
    pub serial: Option<u32>,
    /// Label in the boot sector: as it is, in the code page of who made it.
    pub label: [u8; 11],
    /// Where the byte with the state is.
    pub state_at: u64,
    /// Whether that says that the volume was not left in order.
    pub dirty: bool,
}

impl Geometry {
    /// Checks a boot sector. Errors: EFTYPE, with the rule that is broken.
    pub fn parse(boot: &[u8; BOOT_BYTES]) -> Result<Self, Error> {
        let (bpb, rest) = Bpb::ref_from_prefix(boot).map_err(|_| broken("cut short"))?;
        let (tail16, _) = Extended16::ref_from_prefix(rest).map_err(|_| broken("cut short"))?;
        let (extended, _) = Extended32::ref_from_prefix(rest).map_err(|_| broken("cut short"))?;
        let sector_size = u32::from(bpb.byts_per_sec.get());
        if !sector_size.is_power_of_two() || !(512..=4096).contains(&sector_size) {
            return Err(broken(format!("sectors of {sector_size} bytes")));
        }
        if !bpb.sec_per_clus.is_power_of_two() {
            return Err(broken(format!("clusters of {} sectors", bpb.sec_per_clus)));
        }
        if bpb.rsvd_sec_cnt.get() == 0 || bpb.num_fats == 0 {
            return Err(broken("no reserved sectors or no tables"));
        }
        if bpb.media != 0xf0 && bpb.media < 0xf8 {
            return Err(broken(format!("medium {:#x}", bpb.media)));
        }
        let is_32 = bpb.fatsz16.get() == 0;
        let tail = if is_32 { &extended.tail } else { tail16 };
        let sectors = |count: u64| count * u64::from(sector_size);
        let fat_sectors = if is_32 { extended.fatsz32.get() } else { bpb.fatsz16.get().into() };
        let total = if bpb.tot_sec16.get() == 0 { bpb.tot_sec32.get() } else { bpb.tot_sec16.get().into() };
        let fat_start = sectors(bpb.rsvd_sec_cnt.get().into());
        let fat_bytes = sectors(fat_sectors.into());
        let root_start = fat_start + fat_bytes * u64::from(bpb.num_fats);
        let root_bytes = (u64::from(bpb.root_ent_cnt.get()) * 32).next_multiple_of(sector_size.into());
        let data_start = root_start + root_bytes;
        let size_bytes = sectors(total.into());
        let cluster_bits = sector_size.trailing_zeros() + u32::from(bpb.sec_per_clus).trailing_zeros();
        if fat_bytes == 0 || data_start >= size_bytes {
            return Err(broken(format!("{fat_sectors} sectors of table in {total} of volume")));
        }
        if (root_bytes == 0) != is_32 {
            return Err(broken(format!("{} entries in the root directory", bpb.root_ent_cnt)));
        }
        let fitting = (size_bytes - data_start) >> cluster_bits;
        let width = match fitting {
            _ if is_32 => Width::Fat32,
            0..=MOST_CLUSTERS_12 => Width::Fat12,
            _ => Width::Fat16,
        };
        let most = if width == Width::Fat32 { MOST_CLUSTERS_32 } else { MOST_CLUSTERS_16 };
        let described = (fat_bytes * 8 / width.bits()).saturating_sub(u64::from(FIRST_CLUSTER));
        let clusters = fitting.min(described);
        if clusters == 0 || clusters > most {
            return Err(broken(format!("{clusters} clusters")));
        }
        let clusters = u32::try_from(clusters).map_err(|_| broken("too many clusters"))?;
        let mut geometry = Self {
            width,
            sector_size,
            cluster_bits,
            fat_start,
            fat_bytes,
            fats: bpb.num_fats,
            active_fat: None,
            root: Root::Fixed { start: root_start, bytes: root_bytes },
            data_start,
            clusters,
            size_bytes,
            fs_info: None,
            serial: matches!(tail.boot_sig, 0x28 | SIGNATURE).then(|| tail.vol_id.get()),
            label: if tail.boot_sig == SIGNATURE { tail.vol_lab } else { [b' '; 11] },
            state_at: if is_32 { STATE_AT_32 } else { STATE_AT_16 },
            dirty: tail.reserved1 & STATE_DIRTY != 0,
        };
        if is_32 {
            geometry.complete_32(extended, bpb.rsvd_sec_cnt.get())?;
        }
        Ok(geometry)
    }

    fn complete_32(&mut self, extended: &Extended32, reserved_sectors: u16) -> Result<(), Error> {
        if extended.fs_ver.get() != 0 {
            return Err(broken(format!("version {:#x} of FAT32", extended.fs_ver)));
        }
        let root = extended.root_clus.get();
        if !self.is_cluster(root) {
            return Err(broken(format!("the root directory begins with cluster {root}")));
        }
        self.root = Root::Chain(root);
        let flags = extended.ext_flags.get();
        if flags & 0x80 != 0 {
            let active = (flags & 0xf) as u8;
            if active >= self.fats {
                return Err(broken(format!("table {active} of {} is the one in use", self.fats)));
            }
            self.active_fat = Some(active);
        }
        let sector = extended.fs_info.get();
        if sector != 0 && sector < reserved_sectors {
            self.fs_info = Some(u64::from(sector) * u64::from(self.sector_size));
        }
        Ok(())
    }

    /// Size of a cluster.
    pub fn cluster_size(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Whether this is the number of a cluster.
    pub fn is_cluster(&self, cluster: u32) -> bool {
        cluster >= FIRST_CLUSTER && cluster - FIRST_CLUSTER < self.clusters
    }

    /// The number after the last cluster's.
    pub fn end_cluster(&self) -> u32 {
        self.clusters + FIRST_CLUSTER
    }

    /// Where a cluster begins; the caller made sure that it is one.
    pub fn cluster_offset(&self, cluster: u32) -> u64 {
        self.data_start + (u64::from(cluster.saturating_sub(FIRST_CLUSTER)) << self.cluster_bits)
    }

    /// Where the table that is read begins.
    pub fn active_start(&self) -> u64 {
        self.fat_start + u64::from(self.active_fat.unwrap_or(0)) * self.fat_bytes
    }

    /// Where each table that is written begins.
    pub fn written_fats(&self) -> impl Iterator<Item = u64> {
        let tables = match self.active_fat {
            Some(active) => active..active + 1,
            None => 0..self.fats,
        };
        let (start, bytes) = (self.fat_start, self.fat_bytes);
        tables.map(move |number| start + u64::from(number) * bytes)
    }

    /// How many clusters hold this many bytes.
    pub fn clusters_for(&self, bytes: u64) -> u32 {
        bytes.div_ceil(self.cluster_size()).try_into().unwrap_or(u32::MAX)
    }

    /// The serial number as everybody writes it, or nothing.
    pub fn serial_text(&self) -> String {
        self.serial.map_or_else(String::new, |serial| format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff))
    }
}

fn broken(why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
    Error::corrupt("boot sector", Place::Byte(0), why)
}
