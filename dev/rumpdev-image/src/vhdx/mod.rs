//! VHDX (Microsoft, \[MS-VHDX\]): two headers, a log, regions with a table of blocks and one of metadata. All numbers are
//! little-endian.
//!
//! A log that was not replayed is replayed in memory: what it holds lies over the file (`Replayed`).

mod log;

use crate::bytes::{read_padded, read_vec};
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::open::{Format, Image, Layer, Opened};
use crate::table::TableCache;
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{le16, le32, le64};
use rump_checksum::crc32c;
use rump_kpi::{BlockDevice, KResult};

/// The first bytes of a file.
pub const SIGNATURE: &[u8] = b"vhdxfile";

const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const HEADER_BYTES: usize = 4096;
const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];
const REGION_TABLE_BYTES: usize = 64 << 10;
const MIB: u64 = 1 << 20;

/// GUIDs as they lie in the file.
type Guid = [u8; 16];
const BAT: Guid = guid(0x2dc2_7766, 0xf623, 0x4200, 0x9d64_115e_9bfd_4a08);
const METADATA: Guid = guid(0x8b7c_a206, 0x4790, 0x4b9a, 0xb8fe_575f_050f_886e);
const FILE_PARAMETERS: Guid = guid(0xcaa1_6737, 0xfa36, 0x4d43, 0xb3b6_33f0_aa44_e76b);
const VIRTUAL_SIZE: Guid = guid(0x2fa5_4224, 0xcd1b, 0x4876, 0xb211_5dbe_d83b_f4b8);
const LOGICAL_SECTOR: Guid = guid(0x8141_bf1d, 0xa96f, 0x4709, 0xba47_f233_a8fa_ab5f);
const PHYSICAL_SECTOR: Guid = guid(0xcda3_48c7, 0x445d, 0x4471, 0x9cc9_e988_5251_c556);
const DISK_ID: Guid = guid(0xbeca_12ab, 0xb2e6, 0x4523, 0x93ef_c309_e000_c746);
const PARENT_LOCATOR: Guid = guid(0xa8d3_5f2d, 0xb30b, 0x454d, 0xabf7_d3d8_4834_ab0c);

const fn guid(a: u32, b: u16, c: u16, d: u64) -> Guid {
    let (a, b, c, d) = (a.to_le_bytes(), b.to_le_bytes(), c.to_le_bytes(), d.to_be_bytes());
    [a[0], a[1], a[2], a[3], b[0], b[1], c[0], c[1], d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]]
}

const PIECES: usize = 64;

/// Checks the checksum of a structure, which counts as zeros at its own place.
fn is_whole(bytes: &[u8], at: usize) -> bool {
    let sum = crc32c(crc32c(crc32c(!0, &bytes[..at]), &[0; 4]), &bytes[at + 4..]);
    !sum == le32(bytes, at)
}

/// Opens it. Errors: ENOTSUP (a difference, something required that is not known), EFTYPE, EIO.
pub fn open(image: Image<'_>) -> KResult<Opened> {
    let header = header(&*image.file)?;
    let file = match header[48..64] == [0; 16] {
        true => image.file.clone(),
        false => log::replayed(image.file.clone(), &header)?,
    };
    let regions = regions(&*file)?;
    let metadata = Metadata::read(&*file, regions.metadata)?;
    let map = Blocks {
        table: TableCache::new(file.clone(), 4096, PIECES),
        table_offset: regions.bat,
        block: metadata.block,
        // After so many blocks there is an entry for a bitmap of sectors, which only differences have.
        ratio: (metadata.sector << 23) / metadata.block,
    };
    let size = metadata.size;
    let last = map.entry_of(size.saturating_sub(1) / metadata.block);
    if size > 0 && last.saturating_add(8) > regions.bat.saturating_add(regions.bat_bytes) {
        return Err(damaged(format!("vhdx: a table of {} bytes for a disk of {size}", regions.bat_bytes)));
    }
    let mut details = Vec::from([format!("{} MiB blocks", metadata.block >> 20)]);
    if !Arc::ptr_eq(&file, &image.file) {
        details.push("log replayed in memory".to_string());
    }
    let sources = Sources { data: file, backing: None };
    let device = Arc::new(Disk { format: "vhdx", size, map, sources });
    Ok(Opened { layer: Layer { details, ..image.layer(Format::Vhdx, size) }, device })
}

/// The newer of the two headers that is whole.
fn header(file: &dyn BlockDevice) -> KResult<Vec<u8>> {
    let mut newest: Option<Vec<u8>> = None;
    for at in HEADERS {
        let mut header = alloc::vec![0; HEADER_BYTES];
        read_padded(file, at, &mut header)?;
        let is_newer = newest.as_ref().is_none_or(|newest| le64(&header, 8) > le64(newest, 8));
        if header.starts_with(b"head") && is_whole(&header, 4) && is_newer {
            newest = Some(header);
        }
    }
    let header = newest.ok_or_else(|| damaged("vhdx: neither header is whole"))?;
    match le16(&header, 66) {
        1 => Ok(header),
        other => Err(unsupported(format!("vhdx: version {other} is not known here"))),
    }
}

struct Regions {
    bat: u64,
    bat_bytes: u64,
    metadata: u64,
}

fn regions(file: &dyn BlockDevice) -> KResult<Regions> {
    for at in REGION_TABLES {
        let mut table = alloc::vec![0; REGION_TABLE_BYTES];
        read_padded(file, at, &mut table)?;
        if !table.starts_with(b"regi") || !is_whole(&table, 4) {
            continue;
        }
        let count = (le32(&table, 8) as usize).min((REGION_TABLE_BYTES - 16) / 32);
        let (mut bat, mut metadata) = (None, None);
        for entry in table[16..].chunks_exact(32).take(count) {
            let place = (le64(entry, 16), u64::from(le32(entry, 24)));
            match &entry[..16] {
                id if id == BAT => bat = Some(place),
                id if id == METADATA => metadata = Some(place.0),
                _ if le32(entry, 28) & 1 != 0 => {
                    return Err(unsupported("vhdx: a region is required that is not known here"));
                }
                _ => {}
            }
        }
        return match (bat, metadata) {
            (Some((bat, bat_bytes)), Some(metadata)) => Ok(Regions { bat, bat_bytes, metadata }),
            _ => Err(damaged("vhdx: the table of blocks or the metadata is missing")),
        };
    }
    Err(damaged("vhdx: neither table of regions is whole"))
}

struct Metadata {
    block: u64,
    size: u64,
    sector: u64,
}

impl Metadata {
    fn read(file: &dyn BlockDevice, at: u64) -> KResult<Self> {
        let table = read_vec(file, at, REGION_TABLE_BYTES, "metadata of the vhdx")?;
        if !table.starts_with(b"metadata") {
            return Err(damaged("vhdx: no metadata where the regions say"));
        }
        let (mut parameters, mut size, mut sector) = (None, None, None);
        for entry in table[32..].chunks_exact(32).take(le16(&table, 10).into()) {
            let item =
                |len| read_vec(file, at.saturating_add(le32(entry, 16).into()), len, "item of metadata");
            match &entry[..16] {
                id if id == FILE_PARAMETERS => parameters = Some(item(8)?),
                id if id == VIRTUAL_SIZE => size = Some(le64(&item(8)?, 0)),
                id if id == LOGICAL_SECTOR => sector = Some(le32(&item(4)?, 0)),
                id if id == PARENT_LOCATOR => return Err(unsupported("vhdx: a difference to another image")),
                id if id == PHYSICAL_SECTOR || id == DISK_ID => {}
                // Bit 2 says that who does not know it had better not go on.
                _ if le32(entry, 24) & 4 != 0 => {
                    return Err(unsupported("vhdx: metadata is required that is not known here"));
                }
                _ => {}
            }
        }
        let (Some(parameters), Some(size), Some(sector)) = (parameters, size, sector) else {
            return Err(damaged("vhdx: metadata is missing"));
        };
        if le32(&parameters, 4) & 2 != 0 {
            return Err(unsupported("vhdx: a difference to another image"));
        }
        let block = u64::from(le32(&parameters, 0));
        if !(MIB..=256 * MIB).contains(&block) || !block.is_power_of_two() || !matches!(sector, 512 | 4096) {
            return Err(damaged(format!("vhdx: blocks of {block} bytes, sectors of {sector}")));
        }
        Ok(Self { block, size, sector: sector.into() })
    }
}

struct Blocks {
    table: TableCache,
    table_offset: u64,
    block: u64,
    ratio: u64,
}

impl Blocks {
    /// Where the entry of a block is.
    fn entry_of(&self, block: u64) -> u64 {
        self.table_offset.saturating_add((block + block / self.ratio) * 8)
    }
}

impl Map for Blocks {
    fn find(&self, offset: u64) -> KResult<Run> {
        let (index, within) = (offset / self.block, offset % self.block);
        let entry = u64::from_le_bytes(self.table.entry(self.entry_of(index))?);
        let place = match entry & 7 {
            // Not there, undefined, zeros, unmapped.
            0..=3 => Place::Zero,
            6 => Place::Data((entry & !(MIB - 1)).saturating_add(within)),
            state => return Err(damaged(format!("vhdx: block {index} in state {state}"))),
        };
        Ok(Run { len: self.block - within, place })
    }
}
