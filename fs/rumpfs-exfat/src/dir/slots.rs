//! Where the entries of a directory are.

use crate::disk::Disk;
use crate::fat;
use crate::nodes::Cell;
use crate::set::Entry;
use core::cell::RefCell;
use rump_dosfs::chain::{Chain, Run};
use rump_dosfs::{Error, Place, SLOT_BYTES};
use rump_kpi::Errno;
use rump_kpi::cache::Block;

/// Entries of the smallest sector, which any device writes as a whole: that of a volume may be one of the file system
/// alone. Those of one have consecutive indices, the first a multiple of this.
pub const PER_WRITE: u32 = 512 / SLOT_BYTES as u32;

/// A directory has no more bytes than this (specification, section 7.4, "DataLength").
const MOST_BYTES: u64 = 256 << 20;

/// The entries of a directory as they are at one moment; the caller sees to it that nobody changes it meanwhile.
pub struct Slots<'a> {
    /// The volume.
    pub disk: &'a Disk,
    chain: Chain,
    held: RefCell<Option<(u64, Block)>>,
}

impl<'a> Slots<'a> {
    /// Those of a directory. Errors: ENOTDIR, EFTYPE (its clusters are damaged), EIO.
    pub fn of(disk: &'a Disk, cell: &Cell) -> Result<Self, Error> {
        if !cell.is_directory() {
            return Err(Errno::ENOTDIR.into());
        }
        let mut chain = cell.chain.write();
        if !cell.is_whole() {
            *chain = Chain::default();
            if cell.is_root() {
                fat::load_root(disk, &mut chain, most_clusters(disk))?;
            } else {
                let content = cell.slot().set.content();
                if content.bytes > MOST_BYTES {
                    let why = "a directory of more than 256 MiB";
                    return Err(Error::corrupt("directory", Place::Cluster(content.first), why));
                }
                fat::load(disk, content, &mut chain, u32::MAX)?;
            }
            cell.set_whole();
        }
        Ok(Self::new(disk, chain.clone()))
    }

    /// Those of the root directory, as they are on the volume. Errors: EFTYPE, EIO.
    pub fn of_root(disk: &'a Disk) -> Result<Self, Error> {
        let mut chain = Chain::default();
        fat::load_root(disk, &mut chain, most_clusters(disk))?;
        Ok(Self::new(disk, chain))
    }

    fn new(disk: &'a Disk, chain: Chain) -> Self {
        Self { disk, chain, held: RefCell::new(None) }
    }

    /// How many there are.
    pub fn count(&self) -> u32 {
        let bytes = u64::from(self.chain.len()) << self.disk.geometry.cluster_bits;
        (bytes.min(MOST_BYTES) / SLOT_BYTES as u64) as u32
    }

    /// The clusters.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Takes clusters that the directory got just now.
    pub fn extend(&mut self, run: Run) {
        self.chain.push(run);
    }

    /// The place of an entry on the volume.
    pub fn place(&self, index: u32) -> Option<u64> {
        let geometry = &self.disk.geometry;
        let at = u64::from(index) * SLOT_BYTES as u64;
        let run = self.chain.find((at >> geometry.cluster_bits) as u32)?;
        Some((geometry.cluster_offset(run.start) + at % geometry.cluster_size()) / SLOT_BYTES as u64)
    }

    /// The places of the first two of consecutive entries.
    pub fn places(&self, first: u32) -> Option<[u64; 2]> {
        Some([self.place(first)?, self.place(first + 1)?])
    }

    /// The bytes of an entry; `None` beyond the last. Errors: EFTYPE, EIO.
    pub fn read(&self, index: u32) -> Result<Option<Entry>, Error> {
        if index >= self.count() {
            return Ok(None);
        }
        let Some(place) = self.place(index) else { return Ok(None) };
        let (sector, within) = self.disk.sectors.position(place * SLOT_BYTES as u64);
        let mut held = self.held.borrow_mut();
        if held.as_ref().is_none_or(|(number, _)| *number != sector) {
            *held = Some((sector, self.disk.sector(sector)?));
        }
        let entry = held.as_ref().and_then(|(_, block)| block.get(within..within + SLOT_BYTES));
        Ok(entry.and_then(|bytes| bytes.try_into().ok()))
    }
}

/// Clusters of the longest directory.
pub fn most_clusters(disk: &Disk) -> u32 {
    disk.geometry.clusters_for(MOST_BYTES)
}
