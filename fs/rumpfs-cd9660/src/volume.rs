//! A mounted volume: the one place through which every byte is read.

use crate::error::Error;
use crate::links::Links;
use crate::name::Naming;
use crate::options::Options;
use crate::zisofs::Unpacked;
use alloc::sync::Arc;
use rump_kpi::cache::{Block, BlockCache};
use rump_kpi::sync::Mutex;
use rump_kpi::{BlockDevice, Ino};

/// Metadata is read in pieces of this size, since directories lie beside each other.
const PIECE: u64 = 64 << 10;
const CACHE_BYTES: usize = 4 << 20;

/// The volume.
pub struct Volume {
    device: Arc<dyn BlockDevice>,
    /// Pieces of metadata, by number.
    cache: BlockCache,
    block_bits: u32,
    blocks: u64,
    root: Ino,
    naming: Naming,
    skipped: Skipped,
    options: Options,
    /// Files with several names.
    pub links: Links,
    /// Blocks of compressed files.
    pub unpacked: Unpacked,
    /// The parent that was asked last for the record of a directory, and where that was: a walk asks for the next one.
    pub named_last: Mutex<(Ino, u64)>,
}

/// Bytes at the begin of system use fields that are not for Rock Ridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// In the first record of the root directory.
    pub root: usize,
    /// In all others.
    pub others: usize,
}

/// What a volume is made of.
pub struct Parts {
    /// The device.
    pub device: Arc<dyn BlockDevice>,
    /// log2 of the size of a block.
    pub block_bits: u32,
    /// Size of the volume in blocks.
    pub blocks: u64,
    /// Block of the root directory.
    pub root_block: u64,
    /// Which names are shown.
    pub naming: Naming,
    /// What was asked for.
    pub options: Options,
}

impl Volume {
    /// Nothing is read yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { device, block_bits, blocks, root_block, naming, options } = parts;
        Self {
            device,
            cache: BlockCache::new(PIECE as u32, CACHE_BYTES),
            block_bits,
            blocks,
            root: Ino(root_block << block_bits),
            naming,
            skipped: Skipped::default(),
            options,
            links: Links::default(),
            unpacked: Unpacked::default(),
            named_last: Mutex::new((Ino(0), 0)),
        }
    }

    /// The same volume, with these bytes of system use fields left out.
    pub fn skipping(self, skipped: Skipped) -> Self {
        Self { skipped, ..self }
    }

    /// Pieces that were read.
    pub fn cache(&self) -> &BlockCache {
        &self.cache
    }

    /// The number of the root directory, which is its first byte.
    pub fn root(&self) -> Ino {
        self.root
    }

    /// Which names are shown.
    pub fn naming(&self) -> Naming {
        self.naming
    }

    /// What was asked for at mount.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What is left out of system use fields.
    pub fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Size of a block in bytes.
    pub fn block_size(&self) -> u32 {
        1 << self.block_bits
    }

    /// Size of the volume in blocks.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// First byte of a block. Numbers have 33 bits at most, so that it is far from overflowing.
    pub fn byte_of(&self, block: u64) -> u64 {
        block << self.block_bits
    }

    /// Fills `buf` from byte `at` of the device. Errors: EIO.
    pub fn read(&self, at: u64, buf: &mut [u8]) -> Result<(), Error> {
        let size = self.device.size_bytes();
        if at.checked_add(buf.len() as u64).is_none_or(|end| end > size) {
            return Err(Error::Missing { at, size });
        }
        Ok(self.device.read_at(at, buf)?)
    }

    /// As [`read`](Self::read), through the cache. Errors: EIO.
    pub fn read_metadata(&self, at: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.metadata().read(at, buf)
    }

    /// A reader of metadata.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata { volume: self, piece: None }
    }

    /// A piece of metadata; only the last one of the device is shorter. Errors: EIO.
    fn piece(&self, number: u64) -> Result<Block, Error> {
        loop {
            if let Some(found) = self.cache.find(number) {
                return Ok(found);
            }
            let epoch = self.cache.epoch(number);
            let size = self.device.size_bytes();
            let length = size.saturating_sub(number * PIECE).min(PIECE);
            if length == 0 {
                return Err(Error::Missing { at: number * PIECE, size });
            }
            let mut bytes: Arc<[u8]> = core::iter::repeat_n(0, length as usize).collect();
            if let Some(buf) = Arc::get_mut(&mut bytes) {
                self.device.read_at(number * PIECE, buf)?;
            }
            // Nothing is ever changed, so that it is kept at once.
            if let Some(kept) = self.cache.insert(number, bytes, epoch) {
                return Ok(kept);
            }
        }
    }
}

/// Reads metadata, and keeps the piece that it is in: what is asked for next is beside it.
pub struct Metadata<'a> {
    volume: &'a Volume,
    piece: Option<(u64, Block)>,
}

impl Metadata<'_> {
    /// Fills `buf` from byte `at` of the device. Errors: EIO.
    pub fn read(&mut self, mut at: u64, mut buf: &mut [u8]) -> Result<(), Error> {
        while !buf.is_empty() {
            let within = (at % PIECE) as usize;
            let bytes = match self.piece(at / PIECE) {
                // A fault elsewhere in the piece must not hide what was asked for.
                Err(Error::Io(_)) => return self.volume.read(at, buf),
                piece => piece?.get(within..).filter(|bytes| !bytes.is_empty()),
            };
            let Some(bytes) = bytes else {
                return Err(Error::Missing { at, size: self.volume.device.size_bytes() });
            };
            let count = bytes.len().min(buf.len());
            let (front, rest) = buf.split_at_mut(count);
            front.copy_from_slice(&bytes[..count]);
            (at, buf) = (at + count as u64, rest);
        }
        Ok(())
    }

    fn piece(&mut self, number: u64) -> Result<&Block, Error> {
        let piece = match self.piece.take() {
            Some((kept, block)) if kept == number => block,
            _ => self.volume.piece(number)?,
        };
        Ok(&self.piece.insert((number, piece)).1)
    }
}
