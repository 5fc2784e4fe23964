//! VDI of VirtualBox, version 1.1 (Oracle, VirtualBox's public description of the format): a header of 512 bytes, a table of
//! blocks, and blocks of 1 MiB or so. All numbers are little-endian.

use crate::bytes::read_padded;
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::open::{Format, Image, Layer, Opened};
use crate::table::TableCache;
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use rump_bytes::{le32, le64};
use rump_kpi::{BlockDevice, KResult};

/// Where the signature is, and what it is.
const SIGNATURE_AT: usize = 64;
const SIGNATURE: u32 = 0xbeda_107f;

/// Entries of the table that are no block.
const UNALLOCATED: u32 = 0xffff_ffff;
const ZERO: u32 = 0xffff_fffe;

const LARGEST_BLOCK: u32 = 256 << 20;
const PIECES: usize = 64;

/// Whether the first 512 bytes are those of a VDI.
pub fn is(head: &[u8]) -> bool {
    le32(head, SIGNATURE_AT) == SIGNATURE
}

/// Opens it. Errors: ENOTSUP (a version, a difference), EFTYPE, EIO.
pub fn open(image: Image<'_>) -> KResult<Opened> {
    let mut head = [0; 512];
    read_padded(&*image.file, 0, &mut head)?;
    let version = le32(&head, 68);
    if version != 0x0001_0001 {
        return Err(unsupported(format!(
            "vdi: version {}.{} is not known here",
            version >> 16,
            version & 0xffff
        )));
    }
    let kind = match le32(&head, 76) {
        1 => "dynamic",
        2 => "static",
        3 | 4 => return Err(unsupported("vdi: a difference to another image")),
        other => return Err(damaged(format!("vdi: an image of type {other}"))),
    };
    let (block, extra, blocks) = (le32(&head, 376), le32(&head, 380), le32(&head, 384));
    let size = le64(&head, 368);
    if !block.is_power_of_two() || !(512..=LARGEST_BLOCK).contains(&block) || extra > block {
        return Err(damaged(format!("vdi: blocks of {block} bytes, and {extra} before each")));
    }
    if size.div_ceil(block.into()) > blocks.into() {
        return Err(damaged(format!("vdi: {blocks} blocks of {block} bytes for a disk of {size} bytes")));
    }
    let map = Blocks {
        table: TableCache::new(image.file.clone(), 4096, PIECES),
        table_offset: le32(&head, 340).into(),
        data_offset: le32(&head, 344).into(),
        block: block.into(),
        extra: extra.into(),
    };
    let sources = Sources { data: image.file.clone(), backing: None };
    let device = Arc::new(Disk { format: "vdi", size, map, sources });
    let details = [kind.to_string()].into();
    Ok(Opened { layer: Layer { details, ..image.layer(Format::Vdi, device.size_bytes()) }, device })
}

struct Blocks {
    table: TableCache,
    table_offset: u64,
    data_offset: u64,
    block: u64,
    extra: u64,
}

impl Map for Blocks {
    fn find(&self, offset: u64) -> KResult<Run> {
        let (index, within) = (offset / self.block, offset % self.block);
        let place = match u32::from_le_bytes(self.table.entry(self.table_offset + index * 4)?) {
            UNALLOCATED | ZERO => Place::Zero,
            block => {
                let stride = self.block + self.extra;
                Place::Data(self.data_offset + u64::from(block) * stride + self.extra + within)
            }
        };
        Ok(Run { len: self.block - within, place })
    }
}
