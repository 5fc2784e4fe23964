//! Compressed files (zisofs and zisofs2): a header, the offsets of blocks, and each block packed on its own with
//! zlib. A block of no length is zeros.
//!
//! Memory is bounded: one packed block for a read, and [`KEPT`] unpacked ones for the volume, so that small reads in
//! a row unpack a block once.

use crate::content::Extents;
use crate::error::Error;
use crate::layout::Both32;
use crate::volume::Volume;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use core::ops::RangeInclusive;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use rump_kpi::sync::Mutex;
use zerocopy::FromBytes;

/// Unpacked blocks that are kept for the next read.
const KEPT: usize = 4;

/// Which of the two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    First,
    Second,
    /// Neither, or with an algorithm other than zlib's.
    Unknown,
}

/// What Rock Ridge says of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    format: Format,
    header_words: u8,
    block_bits: u8,
    /// Length of the file, unpacked.
    pub size: u64,
}

impl Packing {
    /// Reads the data of a ZF or Z2 entry; `None` where it is too short.
    pub fn parse(version: u8, data: &[u8]) -> Option<Self> {
        let &[first, second, header_words, block_bits, ref size @ ..] = data else { return None };
        let size = match version {
            1 => Both32::ref_from_prefix(size).ok()?.0.get().into(),
            _ => u64::from_le_bytes(*size.first_chunk()?),
        };
        let format = match (version, [first, second]) {
            (1, [b'p', b'z']) if (15..=17).contains(&block_bits) => Format::First,
            (2, [b'P', b'Z']) if (15..=20).contains(&block_bits) => Format::Second,
            _ => Format::Unknown,
        };
        Some(Self { format, header_words, block_bits, size })
    }

    fn block_size(&self) -> usize {
        1 << self.block_bits
    }

    /// The header of such a file, as far as its first word that is not known.
    fn header(&self) -> Result<[u8; 16], Error> {
        let mut header = [0; 16];
        match self.format {
            Format::First => {
                header[..8].copy_from_slice(&[0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07]);
                header[8..12].copy_from_slice(&(self.size as u32).to_le_bytes());
                header[12..14].copy_from_slice(&[self.header_words, self.block_bits]);
            }
            Format::Second => {
                header[..8].copy_from_slice(&[0xef, 0x22, 0x55, 0xa1, 0xbc, 0x1b, 0x95, 0xa0]);
                header[8..12].copy_from_slice(&[0, self.header_words, 1, self.block_bits]);
                header[12..].copy_from_slice(&(self.size as u32).to_le_bytes());
            }
            Format::Unknown => {
                return Err(Error::Unsupported("content packed with another method than zlib"));
            }
        }
        Ok(header)
    }
}

/// Blocks that were unpacked last, the newest first.
#[derive(Default)]
pub struct Unpacked(Mutex<VecDeque<(Place, Arc<[u8]>)>>);

/// First byte of the file, and number of the block.
type Place = (u64, u64);

impl Unpacked {
    fn find(&self, place: Place) -> Option<Arc<[u8]>> {
        self.0.lock().iter().find(|(known, _)| *known == place).map(|(_, bytes)| bytes.clone())
    }

    fn keep(&self, place: Place, bytes: Arc<[u8]>) {
        let mut kept = self.0.lock();
        kept.truncate(KEPT - 1);
        kept.push_front((place, bytes));
    }
}

/// A compressed file.
pub struct Packed<'a> {
    volume: &'a Volume,
    extents: &'a Extents,
    packing: Packing,
}

impl<'a> Packed<'a> {
    /// Checks the header. Errors: ENOTSUP, EFTYPE, EIO.
    pub fn open(volume: &'a Volume, extents: &'a Extents, packing: Packing) -> Result<Self, Error> {
        let packed = Self { volume, extents, packing };
        let mut header = [0; 16];
        if extents.read(volume, 0, &mut header)? < header.len() || header != packing.header()? {
            return Err(packed.wrong("the header is not what Rock Ridge says of it"));
        }
        Ok(packed)
    }

    fn wrong(&self, why: impl Into<alloc::borrow::Cow<'static, str>>) -> Error {
        Error::corrupt("compressed file", self.start(), why)
    }

    fn start(&self) -> u64 {
        match self.extents {
            Extents::One(extent) => extent.start,
            Extents::Many(all) => all.first().map_or(0, |(_, extent)| extent.start),
        }
    }

    /// Reads unpacked bytes from `offset` on; fewer than asked for only at the end. Errors: EFTYPE, EIO.
    pub fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize, Error> {
        let room = self.packing.size.saturating_sub(offset);
        let wanted = buf.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let (block, within) = (at >> self.packing.block_bits, at as usize % self.packing.block_size());
            let length = self.length_of(block);
            let count = (length - within).min(wanted - done);
            let part = &mut buf[done..done + count];
            if count == length {
                self.unpack(block, part)?;
            } else {
                part.copy_from_slice(&self.kept(block, length)?[within..within + count]);
            }
            done += count;
        }
        Ok(done)
    }

    /// Unpacked length of a block that lies within the file.
    fn length_of(&self, block: u64) -> usize {
        let left = self.packing.size - (block << self.packing.block_bits);
        usize::try_from(left).unwrap_or(usize::MAX).min(self.packing.block_size())
    }

    fn kept(&self, block: u64, length: usize) -> Result<Arc<[u8]>, Error> {
        let place = (self.start(), block);
        // Two files may share a place and differ in what is said of them.
        if let Some(kept) = self.volume.unpacked.find(place).filter(|kept| kept.len() == length) {
            return Ok(kept);
        }
        let mut bytes = vec![0; length];
        self.unpack(block, &mut bytes)?;
        let bytes: Arc<[u8]> = bytes.into();
        self.volume.unpacked.keep(place, bytes.clone());
        Ok(bytes)
    }

    /// Unpacks a block, of which all bytes fit into `out`.
    fn unpack(&self, block: u64, out: &mut [u8]) -> Result<(), Error> {
        let (start, end) = self.range(block)?.into_inner();
        if start == end {
            out.fill(0);
            return Ok(());
        }
        // What zlib cannot pack grows by less than a thousandth.
        let most = 2 * self.packing.block_size() as u64;
        if end - start > most {
            return Err(self.wrong(format!("block {block} has {} bytes", end - start)));
        }
        let mut packed = vec![0; (end - start) as usize];
        if self.extents.read(self.volume, start, &mut packed)? < packed.len() {
            return Err(self.wrong(format!("block {block} lies beyond the end of the file")));
        }
        match decompress_slice_iter_to_slice(out, [&packed[..]].into_iter(), true, false) {
            Ok(length) if length == out.len() => Ok(()),
            Ok(length) => Err(self.wrong(format!("block {block} holds {length} bytes of {}", out.len()))),
            Err(status) => Err(self.wrong(format!("block {block} cannot be unpacked ({status:?})"))),
        }
    }

    /// Where the packed bytes of a block are in the file; the end is that of the next one's begin.
    fn range(&self, block: u64) -> Result<RangeInclusive<u64>, Error> {
        let width = if self.packing.format == Format::First { 4 } else { 8 };
        let table = u64::from(self.packing.header_words) * 4;
        let mut pair = [0; 16];
        let pair = &mut pair[..2 * width];
        let at = block.saturating_mul(width as u64).saturating_add(table);
        if self.extents.read(self.volume, at, pair)? < pair.len() {
            return Err(self.wrong(format!("the offset of block {block} is missing")));
        }
        let pointer = |bytes: &[u8]| {
            let mut wide = [0; 8];
            wide[..width].copy_from_slice(bytes);
            u64::from_le_bytes(wide)
        };
        let (start, end) = (pointer(&pair[..width]), pointer(&pair[width..]));
        if start > end {
            return Err(self.wrong(format!("block {block} reaches from {start} to {end}")));
        }
        Ok(start..=end)
    }
}
