//! Pools of the device mapper's thin provisioning, and the volumes in them, for reading.
//!
//! A pool is two devices: blocks of data, and metadata that tell which block of a volume is which of these. The metadata begin with
//! a superblock; a tree (`tree`) leads from the number of a volume to the root of its own tree, and that from blocks of the volume to
//! those of the data. What a volume does not have is zeros, or that of its external origin. Which blocks are free plays no part here.
//!
//! References: the Linux kernel's documentation, "Thin provisioning" and "Persistent data"; `thin_dump`(8), which shows all of it.
//! Numbers are little-endian.

mod tree;

use crate::map::{Device, Source, each_chunk};
use crate::{damaged, unsupported};
use alloc::format;
use alloc::sync::Arc;
use rump_bytes::{le32, le64};
use rump_kpi::KResult;
use tree::{BLOCK, Leaf, Trees};

const MAGIC: u64 = 27_022_010;
/// What the sum of a superblock is mixed with.
const SUPERBLOCK: u32 = 160_774;
const SECTOR: u64 = 512;
const NEEDS_CHECK: u32 = 1;
/// Blocks of data have a multiple of so many sectors, up to 1 GiB.
const UNIT: u32 = 128;
const LARGEST: u32 = 1 << 21;
/// Bytes of what is known of a volume beside its blocks.
const DETAILS: usize = 24;
/// Bytes of the number of a block.
const NUMBER: usize = 8;

/// A pool.
pub struct Pool {
    data: Device,
    trees: Trees,
    /// Roots of the tree of volumes, and of that of their details.
    volumes: u64,
    details: u64,
    /// Bytes of a block of data.
    pub block: u64,
    /// How often its users have changed what volumes there are.
    pub transaction: u64,
    /// Its driver has met an error: it wants to be checked before it is written again.
    pub needs_check: bool,
}

impl Pool {
    /// Errors: EFTYPE, ENOTSUP, EIO.
    pub fn new(metadata: Device, data: Device) -> KResult<Self> {
        let begin = tree::block(&*metadata, 0, SUPERBLOCK)?;
        let (magic, version, forbidden) = (le64(&begin, 32), le32(&begin, 40), le32(&begin, 360));
        if magic != MAGIC {
            return Err(damaged("thin pool: the metadata have no superblock"));
        }
        if !matches!(version, 1 | 2) || forbidden != 0 {
            return Err(unsupported(format!(
                "thin pool: version {version} with features {forbidden:#x} is not known here"
            )));
        }
        let (sectors, unit) = (le32(&begin, 336), u64::from(le32(&begin, 340)) * SECTOR);
        if sectors == 0 || sectors % UNIT != 0 || sectors > LARGEST || unit != BLOCK as u64 {
            return Err(damaged(format!(
                "thin pool: {sectors} sectors of data and {unit} bytes of metadata each"
            )));
        }
        let blocks = le64(&begin, 344).min(metadata.size_bytes() / BLOCK as u64);
        Ok(Self {
            data,
            trees: Trees::new(metadata, blocks),
            volumes: le64(&begin, 320),
            details: le64(&begin, 328),
            block: u64::from(sectors) * SECTOR,
            transaction: le64(&begin, 48),
            needs_check: le32(&begin, 4) & NEEDS_CHECK != 0,
        })
    }

    /// The root of the tree of this volume, or `None` where there is no such volume. Errors: EFTYPE, EIO.
    fn root(&self, volume: u64) -> KResult<Option<u64>> {
        if self.trees.leaf(self.details, volume, DETAILS)?.get(volume).is_none() {
            return Ok(None);
        }
        let leaf = self.trees.leaf(self.volumes, volume, NUMBER)?;
        let root = leaf.get(volume).map(|value| le64(value, 0));
        root.map(Some).ok_or_else(|| damaged(format!("thin pool: the volume {volume} has no tree of blocks")))
    }

    fn read(&self, block: u64, within: u64, buf: &mut [u8]) -> KResult<()> {
        let at = block.checked_mul(self.block).and_then(|at| at.checked_add(within));
        let end = at.and_then(|at| at.checked_add(buf.len() as u64));
        match at.filter(|_| end.is_some_and(|end| end <= self.data.size_bytes())) {
            Some(at) => self.data.read_at(at, buf),
            None => Err(damaged(format!("thin pool: the block {block} lies beyond the end of its data"))),
        }
    }
}

/// A volume in a pool.
pub struct Thin {
    pool: Arc<Pool>,
    root: u64,
    /// What its blocks are as long as it has none of its own.
    origin: Option<Device>,
    size: u64,
}

impl Thin {
    /// The volume of this number, or `None` where there is none. Errors: EFTYPE, EIO.
    pub fn new(pool: Arc<Pool>, volume: u64, origin: Option<Device>, size: u64) -> KResult<Option<Self>> {
        Ok(pool.root(volume)?.map(|root| Self { pool, root, origin, size }))
    }

    /// What has no block: that of the origin, as far as it goes, and zeros.
    fn read_unmapped(&self, at: u64, buf: &mut [u8]) -> KResult<()> {
        let origin = self.origin.as_ref();
        let there = origin.map_or(0, |origin| origin.size_bytes().saturating_sub(at));
        let (own, rest) = buf.split_at_mut(there.min(buf.len() as u64) as usize);
        rest.fill(0);
        match origin {
            Some(origin) if !own.is_empty() => origin.read_at(at, own),
            _ => Ok(()),
        }
    }
}

impl Source for Thin {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, offset: u64, buf: &mut [u8]) -> KResult<()> {
        let mut current: Option<Leaf> = None;
        each_chunk(offset, buf, self.pool.block, |block, within, piece| {
            let leaf = match current.take().filter(|leaf| leaf.covers(block)) {
                Some(leaf) => leaf,
                None => self.pool.trees.leaf(self.root, block, NUMBER)?,
            };
            let leaf = current.insert(leaf);
            match leaf.get(block) {
                // Below the number is the time at which it was written first.
                Some(value) => self.pool.read(le64(value, 0) >> 24, within, piece),
                None => self.read_unmapped(block * self.pool.block + within, piece),
            }
        })
    }
}
