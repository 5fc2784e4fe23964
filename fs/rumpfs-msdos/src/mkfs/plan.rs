//! Width, size of clusters, and where everything is.

use super::space::{Misfit, Request, Space};
use super::{Options, invalid, refused};
use crate::geometry::Width;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rump_kpi::{Errno, KError, KResult};

/// From this size on, the default is FAT32.
const WIDE_BYTES: u64 = 512 << 20;
/// Sectors of a cluster that FAT12 and FAT16 begin with.
const NARROW_CLUSTER_SECTORS: u32 = 4;
/// Sectors that the largest cluster has.
const MOST_CLUSTER_SECTORS: u32 = 128;
/// The largest cluster of FAT32 that is chosen without being asked for.
const MOST_USUAL_CLUSTER: u32 = 32 << 10;
/// Volumes of FAT32 up to so many sectors have clusters of so many.
const WIDE_CLUSTERS: &[(u64, u32)] = &[(532_480, 1), (16_777_216, 8), (33_554_432, 16), (67_108_864, 32)];
const WIDEST_CLUSTER_SECTORS: u32 = 64;
/// Volumes up to so many sectors are not aligned: they have no room to spare.
const UNALIGNED_SECTORS: u64 = 8192;
const RESERVED_SECTORS: u16 = 1;
const RESERVED_SECTORS_32: u16 = 32;
/// On FAT32: the boot sector, and the one with hints.
const LEAST_RESERVED_32: u16 = 2;
const ROOT_ENTRIES: u16 = 512;
const TABLES: u8 = 2;
const MEDIUM: u8 = 0xf8;
/// What the firmware calls the first floppy, and the first disk.
const FLOPPY_DRIVE: u8 = 0;
const DISK_DRIVE: u8 = 0x80;

/// The floppies of DOS.
struct Floppy {
    kibibytes: u64,
    medium: u8,
    track_sectors: u16,
    heads: u16,
    cluster_sectors: u32,
    root_entries: u16,
}

const fn floppy(kibibytes: u64, medium: u8, tracks: (u16, u16), cluster_sectors: u32, root: u16) -> Floppy {
    let (track_sectors, heads) = tracks;
    Floppy { kibibytes, medium, track_sectors, heads, cluster_sectors, root_entries: root }
}

const FLOPPIES: &[Floppy] = &[
    floppy(160, 0xfe, (8, 1), 1, 64),
    floppy(180, 0xfc, (9, 1), 1, 64),
    floppy(320, 0xff, (8, 2), 2, 112),
    floppy(360, 0xfd, (9, 2), 2, 112),
    floppy(720, 0xf9, (9, 2), 2, 112),
    floppy(1200, 0xf9, (15, 2), 1, 224),
    floppy(1440, 0xf0, (18, 2), 1, 224),
    floppy(2880, 0xf0, (36, 2), 2, 224),
];

/// Disks up to so many MiB have so many heads, and tracks of so many sectors.
const TRACKS: &[(u64, u16, u16)] = &[
    (4, 2, 16),
    (16, 2, 32),
    (32, 4, 32),
    (128, 8, 32),
    (256, 16, 32),
    (504, 16, 63),
    (1008, 32, 63),
    (2016, 64, 63),
    (4032, 128, 63),
];
const MOST_HEADS: (u16, u16) = (255, 63);

/// See the module. Counts are in sectors where no other unit is named.
#[derive(Debug)]
pub struct Plan {
    pub width: Width,
    /// In bytes.
    pub sector_size: u32,
    pub sectors: u32,
    pub cluster_sectors: u32,
    pub clusters: u32,
    pub reserved: u16,
    pub tables: u8,
    /// Of each.
    pub table: u32,
    pub root_entries: u16,
    pub medium: u8,
    pub track_sectors: u16,
    pub heads: u16,
    pub drive: u8,
    pub hidden: u32,
    pub notes: Vec<String>,
}

impl Plan {
    /// Errors: EINVAL, EFBIG, ENOSPC.
    pub fn new(options: &Options) -> KResult<Self> {
        let sector_size = options.sector_size.unwrap_or(512);
        if !sector_size.is_power_of_two() || !(512..=4096).contains(&sector_size) {
            return Err(invalid(format!("sector_size {sector_size}: a power of two from 512 to 4096")));
        }
        let sectors = options.size_bytes / u64::from(sector_size);
        if u32::try_from(sectors).is_err() {
            let what = format!("{sectors} sectors of {sector_size} bytes: FAT counts them in 32 bits");
            return Err(refused(Errno::EFBIG, what));
        }
        let is_disk = options.begin_bytes > 0 || options.width.is_some_and(|width| width != Width::Fat12);
        let is_floppy = |floppy: &&Floppy| {
            let has_size = sector_size == 512 && options.size_bytes == floppy.kibibytes << 10;
            has_size && !is_disk && options.medium.is_none_or(|medium| medium == floppy.medium)
        };
        let floppy = FLOPPIES.iter().find(is_floppy);
        let request = request(options, sector_size, sectors, floppy)?;
        let (width, cluster_sectors, space) = choose(options, &request, floppy)?;
        let (heads, track_sectors) = match floppy {
            Some(floppy) => (floppy.heads, floppy.track_sectors),
            None => heads_and_tracks(options.size_bytes),
        };
        let hidden = u32::try_from(options.begin_bytes / u64::from(sector_size));
        let mut notes = Vec::new();
        if hidden.is_err() {
            notes.push("it begins so far behind the start of the disk that this is not noted in it".into());
        }
        Ok(Self {
            width,
            sector_size,
            sectors: sectors as u32,
            cluster_sectors,
            clusters: space.clusters,
            reserved: space.reserved,
            tables: request.tables,
            table: space.table,
            root_entries: space.root_entries,
            medium: options.medium.or(floppy.map(|floppy| floppy.medium)).unwrap_or(MEDIUM),
            track_sectors,
            heads,
            drive: if floppy.is_some() { FLOPPY_DRIVE } else { DISK_DRIVE },
            hidden: hidden.unwrap_or(0),
            notes,
        })
    }

    /// Where the root directory of FAT12 and FAT16, or else the first cluster, begins.
    pub fn tables_end(&self) -> u64 {
        u64::from(self.reserved) + u64::from(self.table) * u64::from(self.tables)
    }

    /// Sectors of the root directory of FAT12 and FAT16.
    pub fn root_sectors(&self) -> u64 {
        (u64::from(self.root_entries) * 32).div_ceil(self.sector_size.into())
    }
}

fn request(options: &Options, sector_size: u32, sectors: u64, floppy: Option<&Floppy>) -> KResult<Request> {
    let tables = options.tables.unwrap_or(TABLES);
    if tables == 0 {
        return Err(invalid("tables 0: at least one"));
    }
    if options.reserved_sectors == Some(0) {
        return Err(invalid("reserved_sectors 0: the boot sector is one of them"));
    }
    if options.root_entries == Some(0) {
        return Err(invalid("root_entries 0: none"));
    }
    if let Some(medium) = options.medium.filter(|medium| *medium < MEDIUM && *medium != 0xf0) {
        return Err(invalid(format!("medium {medium:#x}: 0xf0, or from 0xf8 on")));
    }
    let root_entries =
        options.root_entries.or(floppy.map(|floppy| floppy.root_entries)).unwrap_or(ROOT_ENTRIES);
    Ok(Request {
        sectors,
        sector_size,
        tables,
        reserved: options.reserved_sectors,
        root_entries,
        is_aligned: sectors > UNALIGNED_SECTORS,
    })
}

/// The widths that may do, and the sectors of a cluster to begin with.
fn wishes(options: &Options, request: &Request, floppy: Option<&Floppy>) -> (&'static [Width], u32) {
    let widths: &[Width] = match options.width {
        Some(Width::Fat12) => &[Width::Fat12],
        Some(Width::Fat16) => &[Width::Fat16],
        Some(Width::Fat32) => &[Width::Fat32],
        None if options.cluster_size.is_some() => &[Width::Fat12, Width::Fat16, Width::Fat32],
        None if options.size_bytes >= WIDE_BYTES => &[Width::Fat32],
        None => &[Width::Fat12, Width::Fat16],
    };
    let start = match (floppy, widths) {
        (Some(floppy), _) => floppy.cluster_sectors,
        (None, [Width::Fat32]) => {
            let known = WIDE_CLUSTERS.iter().find(|(most, _)| request.sectors <= *most);
            let sectors = known.map_or(WIDEST_CLUSTER_SECTORS, |(_, sectors)| *sectors);
            sectors.min(MOST_USUAL_CLUSTER / request.sector_size)
        }
        (None, _) => NARROW_CLUSTER_SECTORS,
    };
    (widths, start)
}

/// The first size of clusters that one of the widths can have, from the usual one on: larger ones where there are
/// too many, smaller ones where there are too few.
fn choose(options: &Options, request: &Request, floppy: Option<&Floppy>) -> KResult<(Width, u32, Space)> {
    let (widths, start) = wishes(options, request, floppy);
    let given = options.cluster_size.map(|size| cluster_sectors(size, request.sector_size)).transpose()?;
    let mut cluster = given.unwrap_or(start);
    let mut has_grown = false;
    loop {
        let mut misfit = None;
        for &width in widths {
            match fit(request, width, cluster) {
                Ok(space) => return Ok((width, cluster, space)),
                // Of several the first one counts: more clusters than FAT12 has are too many.
                Err(why) => misfit = misfit.or(Some((width, why))),
            }
        }
        let Some((width, why)) = misfit else { return Err(invalid("width")) };
        cluster = match why {
            Misfit::TooMany(_) if given.is_none() && cluster < MOST_CLUSTER_SECTORS => cluster * 2,
            Misfit::TooFew(_) if given.is_none() && !has_grown && cluster > 1 => cluster / 2,
            why => return Err(told(width, cluster * request.sector_size, why)),
        };
        has_grown |= matches!(why, Misfit::TooMany(_));
    }
}

fn fit(request: &Request, width: Width, cluster: u32) -> Result<Space, Misfit> {
    let usual = if width == Width::Fat32 { RESERVED_SECTORS_32 } else { RESERVED_SECTORS };
    let least = if width == Width::Fat32 { LEAST_RESERVED_32 } else { RESERVED_SECTORS };
    request.fit(width, cluster, usual, least)
}

fn told(width: Width, cluster_size: u32, why: Misfit) -> KError {
    let name = width.name();
    let (least, most) = Space::limits(width);
    match why {
        Misfit::TooFew(clusters) => refused(
            Errno::ENOSPC,
            format!("{clusters} clusters of {cluster_size} bytes: {name} has {least} at least"),
        ),
        Misfit::TooMany(clusters) => refused(
            Errno::EFBIG,
            format!("{clusters} clusters of {cluster_size} bytes: {name} has {most} at most"),
        ),
        Misfit::NoSpace => refused(Errno::ENOSPC, format!("too small for {name}'s own structures")),
        Misfit::Reserved(least) => invalid(format!("reserved_sectors: {name} needs {least} at least")),
        Misfit::Root => invalid("root_entries: too many, with whole clusters"),
    }
}

/// Errors: EINVAL.
fn cluster_sectors(size: u32, sector_size: u32) -> KResult<u32> {
    let most = sector_size * MOST_CLUSTER_SECTORS;
    if size.is_power_of_two() && (sector_size..=most).contains(&size) {
        return Ok(size / sector_size);
    }
    Err(invalid(format!(
        "block_size {size}: a cluster has a power of two from {sector_size} to {most} bytes"
    )))
}

fn heads_and_tracks(size_bytes: u64) -> (u16, u16) {
    let known = TRACKS.iter().find(|(mebibytes, ..)| size_bytes <= mebibytes << 20);
    known.map_or(MOST_HEADS, |(_, heads, track_sectors)| (*heads, *track_sectors))
}
