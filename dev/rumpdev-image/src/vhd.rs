//! VHD (Microsoft, Virtual Hard Disk Image Format Specification, version 1.0): a footer, and with it either the disk's bytes,
//! or a table of blocks, each behind a bitmap of its sectors. All numbers are big-endian.

use crate::bytes::{read_padded, read_vec};
use crate::disk::{Disk, Map, Place, Run, Sources};
use crate::open::{Format, Image, Layer, Opened};
use crate::table::TableCache;
use crate::{damaged, unsupported};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rump_bytes::{be16, be32, be64, le16};
use rump_kpi::{BlockDevice, Errno, KError, KResult};

const COOKIE: &[u8] = b"conectix";
const FOOTER: usize = 512;
const SECTOR: u64 = 512;

const FIXED: u32 = 2;
const DYNAMIC: u32 = 3;
const DIFFERENCING: u32 = 4;

const UNALLOCATED: u32 = 0xffff_ffff;
const LARGEST_BLOCK: u32 = 256 << 20;
const PIECES: usize = 64;

/// How a locator says where the image below is: a relative path, an absolute one, both for Windows.
const LOCATORS: [&[u8]; 2] = [b"W2ru", b"W2ku"];
const LONGEST_PATH: u32 = 4096;

/// The footer: at the end, and at the begin of those that are not fixed. Errors: EIO.
fn footer(file: &dyn BlockDevice, offset: u64) -> KResult<Option<[u8; FOOTER]>> {
    let mut footer = [0; FOOTER];
    read_padded(file, offset, &mut footer)?;
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add((*byte).into()));
    let expected = !sum(&footer[..64]).wrapping_add(sum(&footer[68..]));
    Ok((footer.starts_with(COOKIE) && be32(&footer, 64) == expected).then_some(footer))
}

/// The footer of an image, if it is a VHD: the copy at the begin counts where the last one is damaged.
fn find(file: &dyn BlockDevice) -> KResult<Option<[u8; FOOTER]>> {
    let end = file.size_bytes();
    if end < FOOTER as u64 {
        return Ok(None);
    }
    match footer(file, end - FOOTER as u64)? {
        Some(found) => Ok(Some(found)),
        None => Ok(footer(file, 0)?.filter(|footer| be32(footer, 60) != FIXED)),
    }
}

/// Whether a file is a VHD. Errors: EIO.
pub fn is(file: &dyn BlockDevice) -> KResult<bool> {
    Ok(find(file)?.is_some())
}

/// Opens it. Errors: ENOTSUP, EFTYPE, those of opening the image below, EIO.
pub fn open(image: Image<'_>) -> KResult<Opened> {
    let footer = find(&*image.file)?.ok_or_else(|| damaged("vhd: no footer that is whole"))?;
    let size = be64(&footer, 48);
    let is_difference = match be32(&footer, 60) {
        FIXED => return fixed(image, size),
        DYNAMIC => false,
        DIFFERENCING => true,
        other => return Err(unsupported(format!("vhd: a disk of type {other}"))),
    };
    let head = read_vec(&*image.file, be64(&footer, 16), 1024, "header of the vhd")?;
    if !head.starts_with(b"cxsparse") {
        return Err(damaged("vhd: no header where the footer says"));
    }
    let (block, blocks) = (be32(&head, 32), be32(&head, 28));
    if !block.is_power_of_two() || !(512..=LARGEST_BLOCK).contains(&block) {
        return Err(damaged(format!("vhd: blocks of {block} bytes")));
    }
    if size.div_ceil(block.into()) > blocks.into() {
        return Err(damaged(format!("vhd: {blocks} blocks of {block} bytes for a disk of {size} bytes")));
    }
    let map = Blocks {
        table: TableCache::new(image.file.clone(), 4096, PIECES),
        bitmaps: TableCache::new(image.file.clone(), 512, PIECES),
        table_offset: be64(&head, 16),
        block: block.into(),
        bitmap: u64::from(block).div_ceil(SECTOR * 8).next_multiple_of(SECTOR),
        is_difference,
    };
    let below = if is_difference { Some(below(&image, &head)?) } else { None };
    let (backing, below) = match below {
        Some(opened) => (Some(opened.device), [("backing", opened.layer)].into()),
        None => (None, Vec::new()),
    };
    let sources = Sources { data: image.file.clone(), backing };
    let kind = if is_difference { "differencing" } else { "dynamic" };
    let device = Arc::new(Disk { format: "vhd", size, map, sources });
    let details = [kind.to_string()].into();
    Ok(Opened { layer: Layer { details, below, ..image.layer(Format::Vhd, size) }, device })
}

fn fixed(image: Image<'_>, size: u64) -> KResult<Opened> {
    if size.checked_add(FOOTER as u64).is_none_or(|end| end > image.file.size_bytes()) {
        return Err(damaged(format!("vhd: a disk of {size} bytes in a file of {}", image.file.size_bytes())));
    }
    let sources = Sources { data: image.file.clone(), backing: None };
    let device = Arc::new(Disk { format: "vhd", size, map: AsItIs(size), sources });
    let details = ["fixed".to_string()].into();
    Ok(Opened { layer: Layer { details, ..image.layer(Format::Vhd, size) }, device })
}

/// The image below, by the first locator that leads to a file, else by its name in the header.
fn below(image: &Image<'_>, head: &[u8]) -> KResult<Opened> {
    let mut names = Vec::new();
    for wanted in LOCATORS {
        for locator in head[576..576 + 8 * 24].chunks_exact(24).filter(|locator| locator.starts_with(wanted))
        {
            let len = be32(locator, 8);
            if len > LONGEST_PATH {
                return Err(damaged(format!("vhd: the path of the image below is {len} bytes long")));
            }
            let bytes = read_vec(&*image.file, be64(locator, 16), len as usize, "path of the image below")?;
            names.push(utf16(&bytes, le16));
        }
    }
    names.push(utf16(&head[64..576], be16));
    let mut missing = KError::new(Errno::ENOENT, "vhd: the image below has no name");
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        match image.below(name.as_bytes(), None) {
            Err(error) if error.errno == Errno::ENOENT => missing = error,
            found => return found,
        }
    }
    Err(missing)
}

/// A path of Windows as one of ours. What is no letter becomes U+FFFD.
fn utf16(bytes: &[u8], unit: fn(&[u8], usize) -> u16) -> String {
    let units = (0..bytes.len() / 2).map(|index| unit(bytes, index * 2)).take_while(|unit| *unit != 0);
    let text: String = char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect();
    text.replace('\\', "/")
}

struct AsItIs(u64);

impl Map for AsItIs {
    fn find(&self, offset: u64) -> KResult<Run> {
        Ok(Run { len: self.0 - offset, place: Place::Data(offset) })
    }
}

struct Blocks {
    table: TableCache,
    bitmaps: TableCache,
    table_offset: u64,
    block: u64,
    /// Length of the bitmap before a block.
    bitmap: u64,
    is_difference: bool,
}

impl Map for Blocks {
    fn find(&self, offset: u64) -> KResult<Run> {
        let (index, within) = (offset / self.block, offset % self.block);
        let entry = u32::from_be_bytes(self.table.entry(self.table_offset + index * 4)?);
        let elsewhere = if self.is_difference { Place::Backing } else { Place::Zero };
        if entry == UNALLOCATED {
            return Ok(Run { len: self.block - within, place: elsewhere });
        }
        let start = u64::from(entry) * SECTOR;
        let place = Place::Data(start + self.bitmap + within);
        // Without an image below, sectors that are not marked were written as zeros.
        if !self.is_difference {
            return Ok(Run { len: self.block - within, place });
        }
        let sector = within / SECTOR;
        let [byte] = self.bitmaps.entry::<1>(start + sector / 8)?;
        let is_here = byte >> (7 - sector % 8) & 1 != 0;
        Ok(Run { len: SECTOR - within % SECTOR, place: if is_here { place } else { elsewhere } })
    }
}
