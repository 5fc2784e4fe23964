//! A sparse extent (Virtual Disk Format 5.0, "Hosted Sparse Extents" and "Stream-Optimized Compressed Sparse Extents"): a
//! directory of tables of grains. All numbers are little-endian, and places count sectors.

use super::{LONGEST_DESCRIPTOR, SECTOR};
use crate::bytes::read_vec;
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::table::TableCache;
use crate::unpack::{Codec, Unpacked};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{le16, le32, le64};
use rump_kpi::{BlockDevice, KResult};

pub const MAGIC: [u8; 4] = *b"KDMV";

/// Of the flags: an entry of 1 is a grain of zeros; grains are packed.
const ZEROED_GRAINS: u32 = 1 << 2;
const COMPRESSED: u32 = 1 << 16;

/// The directory is where the footer says, a sector before the last one.
const AT_END: u64 = u64::MAX;
const FOOTER_FROM_END: u64 = 1024;

const LARGEST_GRAIN: u64 = 16 << 20;
const MOST_ENTRIES: u32 = 512;
const PIECES: usize = 64;

/// The header of an extent.
pub struct Header {
    flags: u32,
    /// Bytes.
    size: u64,
    grain: u64,
    entries: u64,
    directory: u64,
    descriptor: (u64, u64),
}

impl Header {
    /// Reads and checks it. Errors: ENOTSUP, EFTYPE, EIO.
    pub fn read(file: &dyn BlockDevice) -> KResult<Self> {
        let header = Self::read_at(file, 0)?;
        if header.directory != AT_END {
            return Ok(header);
        }
        let footer = Self::read_at(file, file.size_bytes().saturating_sub(FOOTER_FROM_END))?;
        if footer.directory == AT_END {
            return Err(damaged("vmdk: neither header nor footer say where the directory is"));
        }
        Ok(Self { descriptor: header.descriptor, ..footer })
    }

    fn read_at(file: &dyn BlockDevice, at: u64) -> KResult<Self> {
        let head = read_vec(file, at, SECTOR as usize, "header of the vmdk")?;
        if !head.starts_with(&MAGIC) {
            return Err(damaged(format!("vmdk: no header at {at}")));
        }
        let version = le32(&head, 4);
        if !(1..=3).contains(&version) {
            return Err(unsupported(format!("vmdk: version {version} is not known here")));
        }
        let (flags, entries) = (le32(&head, 8), le32(&head, 44));
        let (sectors, grain) = (le64(&head, 12), le64(&head, 20));
        let size = sectors.checked_mul(SECTOR);
        let grain_bytes = grain.checked_mul(SECTOR).filter(|bytes| *bytes > 0 && *bytes <= LARGEST_GRAIN);
        let (Some(size), Some(grain)) = (size, grain_bytes) else {
            return Err(damaged(format!("vmdk: {sectors} sectors by grains of {grain}")));
        };
        if entries == 0 || entries > MOST_ENTRIES {
            return Err(damaged(format!("vmdk: tables of {entries} grains")));
        }
        if flags & COMPRESSED != 0 && le16(&head, 77) != 1 {
            return Err(unsupported("vmdk: packed by a method that is not known here"));
        }
        let descriptor = (le64(&head, 28), le64(&head, 36));
        Ok(Self { flags, size, grain, entries: entries.into(), directory: le64(&head, 56), descriptor })
    }

    /// Where the descriptor is in it: offset and length in bytes. Errors: EFTYPE.
    pub fn descriptor(&self) -> KResult<Option<(u64, u64)>> {
        let (at, len) = self.descriptor;
        if at == 0 || len == 0 {
            return Ok(None);
        }
        match (at.checked_mul(SECTOR), len.checked_mul(SECTOR)) {
            (Some(at), Some(len)) if len <= LONGEST_DESCRIPTOR => Ok(Some((at, len))),
            _ => Err(damaged(format!("vmdk: a descriptor of {len} sectors"))),
        }
    }
}

/// The disk of an extent. Errors: EFTYPE.
pub fn open(
    file: Arc<dyn BlockDevice>,
    header: Header,
    backing: Option<Arc<dyn BlockDevice>>,
) -> KResult<Arc<dyn BlockDevice>> {
    let size = header.size;
    if header.directory.checked_mul(SECTOR).is_none_or(|at| at >= file.size_bytes()) && size > 0 {
        return Err(damaged(format!("vmdk: a directory at sector {}", header.directory)));
    }
    let map = Grains {
        tables: TableCache::new(file.clone(), 4096, PIECES),
        file: file.clone(),
        header,
        unpacked: Unpacked::default(),
    };
    Ok(Arc::new(Disk { format: "vmdk", size, map, sources: Sources { data: file, backing } }))
}

struct Grains {
    file: Arc<dyn BlockDevice>,
    header: Header,
    tables: TableCache,
    unpacked: Unpacked,
}

impl Grains {
    fn entry(&self, sector: u64, index: u64) -> KResult<u64> {
        Ok(u32::from_le_bytes(self.tables.entry(sector * SECTOR + index * 4)?).into())
    }

    /// A packed grain: where it belongs, its length, and deflated data.
    fn unpack(&self, at: u64) -> KResult<Vec<u8>> {
        let head = read_vec(&*self.file, at, 12, "head of a grain")?;
        let len = u64::from(le32(&head, 8));
        if len > 2 * self.header.grain + 4096 {
            return Err(damaged(format!("vmdk: a packed grain of {len} bytes")));
        }
        let packed = read_vec(&*self.file, at + 12, len as usize, "grain")?;
        let mut bytes = Codec::Zlib.unpack_most(&packed, self.header.grain as usize)?;
        // The last one may be shorter.
        bytes.resize(self.header.grain as usize, 0);
        Ok(bytes)
    }
}

impl Map for Grains {
    fn find(&self, offset: u64) -> KResult<Run> {
        let (grain, within) = (offset / self.header.grain, offset % self.header.grain);
        let len = self.header.grain - within;
        let table = self.entry(self.header.directory, grain / self.header.entries)?;
        let entry = match table {
            0 => 0,
            table => self.entry(table, grain % self.header.entries)?,
        };
        let place = match entry {
            0 => Place::Backing,
            1 if self.header.flags & ZEROED_GRAINS != 0 => Place::Zero,
            sector if self.header.flags & COMPRESSED != 0 => {
                let bytes = self.unpacked.at(sector, || self.unpack(sector * SECTOR))?;
                Place::Unpacked(bytes, within as usize)
            }
            sector => Place::Data(sector * SECTOR + within),
        };
        Ok(Run { len, place })
    }
}
